"""Migrations: two Alembic environments, `data` and `keys`, whose newest revision a store must stand at to be served."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa

if TYPE_CHECKING:
    from alembic.config import Config

HEADS = {"data": "0001", "keys": "0001"}
"""Newest revision of each store; revisions are numbered in the order in which they were made."""

LOCK_TIMEOUT = "5s"
"""How long a migration waits for a table on PostgreSQL before it gives way to those who work with it."""

PLACE = "upheld.db:migrations"
"""Where the migrations are, as Alembic names it."""


def version_table(name: str) -> sa.Table:
    """Give the table in which the revision of a store stands; each store has its own, also in one database."""
    column = sa.Column("version_num", sa.String(32), primary_key=True)
    return sa.Table(f"schema_{name}", sa.MetaData(), column)


def standing(tx: sa.Connection, name: str) -> str | None:
    """Give the revision that a store stands at, or None before its first."""
    table = version_table(name)
    if not sa.inspect(tx).has_table(table.name):
        return None
    return tx.execute(sa.select(table.c.version_num)).scalar()


def begin(tx: sa.Connection, name: str, metadata: sa.MetaData) -> None:
    """Make the tables of a fresh store, as all migrations together would, and note the newest revision."""
    table = version_table(name)
    metadata.create_all(tx)
    table.create(tx)
    tx.execute(sa.insert(table).values(version_num=HEADS[name]))


def upgrade(tx: sa.Connection, name: str, to: str = "head") -> None:
    """Bring a store to a revision, all steps in the caller's transaction."""
    from alembic import command

    if tx.dialect.name == "postgresql":
        tx.execute(sa.select(sa.func.set_config("lock_timeout", LOCK_TIMEOUT, True)))
    command.upgrade(environment(name, tx), to)


def differences(tx: sa.Connection, name: str, metadata: sa.MetaData) -> list[str]:
    """Say what the tables of a store lack or have beyond the tables of this release; empty where nothing differs."""
    from alembic.autogenerate import compare_metadata
    from alembic.runtime.migration import MigrationContext

    own = version_table(name).name
    options = {
        "compare_type": True,
        "version_table": own,
        "include_object": lambda _o, found, kind, _r, _c: not (kind == "table" and str(found).startswith("schema_")),
    }
    return [str(one) for one in compare_metadata(MigrationContext.configure(tx, opts=options), metadata)]


def environment(name: str, tx: sa.Connection | None = None) -> Config:
    """Give the settings with which Alembic finds the migrations of a store, over an open transaction."""
    from alembic.config import Config

    made = Config()
    made.set_main_option("script_location", f"{PLACE}/{name}")
    made.set_main_option("path_separator", "os")
    made.set_main_option("truncate_slug_length", "24")
    made.attributes.update(name=name, connection=tx)
    return made
