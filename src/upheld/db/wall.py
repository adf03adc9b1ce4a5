"""A second wall on PostgreSQL: without a purpose in its transaction a login sees no row and writes none."""

from __future__ import annotations

import sqlalchemy as sa

_PURPOSE = "coalesce(current_setting('upheld.purpose', true), '') <> ''"
_POLICY = "upheld_purpose"


def build(tx: sa.Connection, metadata: sa.MetaData) -> int:
    """Put the wall before every table of a store that has none yet, its owner included; gives how many got one.

    A superuser, and a role with BYPASSRLS, walks past it: the house then works as an ordinary owner of its tables.
    """
    have = "SELECT relname FROM pg_class WHERE relnamespace = current_schema()::regnamespace AND relforcerowsecurity"
    walled = set(tx.exec_driver_sql(have).scalars())
    open_ = [table.name for table in metadata.sorted_tables if table.name not in walled]
    for name in open_:
        tx.exec_driver_sql(f"ALTER TABLE {name} ENABLE ROW LEVEL SECURITY")
        tx.exec_driver_sql(f"ALTER TABLE {name} FORCE ROW LEVEL SECURITY")
        tx.exec_driver_sql(f"CREATE POLICY {_POLICY} ON {name} USING ({_PURPOSE}) WITH CHECK ({_PURPOSE})")
    return len(open_)


def stands(tx: sa.Connection) -> bool:
    """Say whether a wall was built here."""
    asked = "SELECT EXISTS (SELECT FROM pg_policies WHERE schemaname = current_schema() AND policyname = %s)"
    return bool(tx.exec_driver_sql(asked, (_POLICY,)).scalar())


def holds(tx: sa.Connection) -> bool:
    """Say whether the wall holds for this login: no superuser, no BYPASSRLS."""
    asked = "SELECT NOT (rolsuper OR rolbypassrls) FROM pg_roles WHERE rolname = current_user"
    return bool(tx.exec_driver_sql(asked).scalar())
