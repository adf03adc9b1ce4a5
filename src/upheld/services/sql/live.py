"""The database as it is: opened so that nothing leaks, compared with its map column by column."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

import sqlalchemy as sa

from upheld.db import UpheldError
from upheld.services.sql.mapping import SqlMap, Table

DIALECTS = ("postgresql", "sqlite")
_TIMEOUTS = ("SET LOCAL lock_timeout = '10s'", "SET LOCAL statement_timeout = '120s'")


class DatabaseError(UpheldError):
    """The database did not do what was asked, and nothing was changed in it."""

    code = "database_failed"
    clause = "services"
    next_step = "Read the code: it names the kind of trouble; nothing of the statement or its values is repeated."


@dataclass(frozen=True, slots=True)
class Finding:
    """Where map and database differ. An error makes the map unusable; a warning is for its owner."""

    code: str
    place: str
    text: str
    severity: Literal["error", "warning"] = "error"


@dataclass(slots=True)
class Live:
    """A database under its map; `tables` are the live ones that the map names."""

    mapping: SqlMap
    engine: sa.Engine
    tables: dict[str, sa.Table] = field(default_factory=dict)


def open_database(address: str) -> sa.Engine:
    """Open a database; raises DatabaseError for one that is neither PostgreSQL nor SQLite.

    Values never stand in an error of this engine, deleted bytes are written over where SQLite keeps them, and a
    transaction takes its lock at its beginning.
    """
    try:
        url = sa.make_url(address)
    except sa.exc.ArgumentError:
        raise DatabaseError("the address of the database cannot be read", code="address_invalid") from None
    if url.get_backend_name() not in DIALECTS:
        raise DatabaseError(f"only {' and '.join(DIALECTS)} are known here", code="dialect_unknown")
    if url.get_backend_name() == "postgresql":
        url = url.set(drivername="postgresql+psycopg")
    options: dict[str, Any] = {"isolation_level": None} if url.get_backend_name() == "sqlite" else {}
    engine = sa.create_engine(url, hide_parameters=True, connect_args=options, poolclass=sa.NullPool)
    sa.event.listen(engine, "connect", _connected if options else _ready)
    sa.event.listen(engine, "begin", _begun if options else _bounded)
    return engine


def _connected(connection: Any, _record: object) -> None:
    for pragma in ("foreign_keys=ON", "secure_delete=ON", "temp_store=MEMORY", "busy_timeout=10000"):
        connection.execute(f"PRAGMA {pragma}")


def _ready(_connection: Any, _record: object) -> None:
    """Need nothing on PostgreSQL: its bounds stand in each transaction."""


def _begun(connection: sa.Connection) -> None:
    reads = connection.get_execution_options().get("upheld_reads")
    connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")


def _bounded(connection: sa.Connection) -> None:
    for setting in _TIMEOUTS:
        connection.exec_driver_sql(setting)


def compare(mapping: SqlMap, engine: sa.Engine) -> tuple[Live, tuple[Finding, ...]]:
    """Look at the live tables and say everything in which the map and they differ.

    A column that nobody classified is an error here, not a surprise when somebody asks to be erased.
    Clause: services
    """
    live = Live(mapping, engine)
    try:
        with engine.connect() as tx:
            there = sa.inspect(tx)
            names = set(there.get_table_names())
            metadata = sa.MetaData()
            for name in sorted(names):
                sa.Table(name, metadata, autoload_with=tx, resolve_fks=False)
    except sa.exc.SQLAlchemyError:
        raise DatabaseError("the database cannot be reached or looked at", code="unreachable", permanent=False) from None
    live.tables = {name: metadata.tables[name] for name in mapping.tables if name in names}
    found = [Finding("table_unknown", name, "the database does not have it") for name in mapping.tables if name not in names]
    for name, table in live.tables.items():
        found += _of_table(mapping, mapping.tables[name], table)
    for name in sorted(names - set(mapping.tables)):
        found += _unmapped(mapping, metadata.tables[name])
    return live, tuple(found)


def _of_table(mapping: SqlMap, told: Table, live: sa.Table) -> Iterator[Finding]:
    named = _named(mapping, told)
    columns = set(live.columns.keys())
    for column in sorted(named - columns):
        yield Finding("column_unknown", f"{told.name}.{column}", "the table does not have it")
    for column in sorted(columns - named):
        yield Finding("column_unclassified", f"{told.name}.{column}", "say whether it is personal, a reference or neither")
    if not _unique(live, told.key):
        yield Finding("key_not_unique", f"{told.name}.{', '.join(told.key)}", "is neither primary key nor unique")
    yield from _unfollowed(mapping, told, live)
    for column, value in told.mask.items():
        why = _mask_refused(live, column, value) if column in columns else ""
        if why:
            yield Finding("mask_refused", f"{told.name}.{column}", why)
    for kind, column in told.identity.items():
        if column in columns and not _indexed(live, column):
            yield Finding("identity_unindexed", f"{told.name}.{column}", f"is searched by {kind} without an index", "warning")


def _named(mapping: SqlMap, told: Table) -> set[str]:
    """Collect every column that the map says anything about."""
    refers = {column for link in mapping.links_of(told.name) for column in (*link.columns, *link.when)}
    asked = {column for link in mapping.links_to(told.name) for column in link.to_columns}
    return {
        *told.key, *told.identity.values(), *told.fields, *told.free_text, *told.not_personal, *told.not_followed,
        *refers, *asked,
    }  # fmt: skip


def _unique(live: sa.Table, key: tuple[str, ...]) -> bool:
    wanted = set(key)
    if wanted == {column.name for column in live.primary_key.columns}:
        return True
    sets = [{column.name for column in one.columns} for one in live.constraints if isinstance(one, sa.UniqueConstraint)]
    return wanted in sets + [{column.name for column in one.columns} for one in live.indexes if one.unique]


def _indexed(live: sa.Table, column: str) -> bool:
    first = [next(iter(one.columns)).name for one in live.indexes if len(one.columns)]
    unique = [next(iter(one.columns)).name for one in live.constraints if isinstance(one, sa.UniqueConstraint) and one.columns]
    key = [one.name for one in live.primary_key.columns][:1]
    return column in {*first, *unique, *key}


def _unfollowed(mapping: SqlMap, told: Table, live: sa.Table) -> Iterator[Finding]:
    followed = {frozenset(link.columns) for link in mapping.links_of(told.name)}
    for key in live.foreign_key_constraints:
        columns = frozenset(column.name for column in key.columns)
        if columns not in followed and not columns <= set(told.not_followed):
            place = f"{told.name}.{', '.join(sorted(columns))}"
            yield Finding("reference_unmapped", place, "is a foreign key; follow it, or say in `not_followed` why not")


def _unmapped(mapping: SqlMap, live: sa.Table) -> Iterator[Finding]:
    refers = {key.elements[0].target_fullname.rpartition(".")[0] for key in live.foreign_key_constraints}
    if refers & set(mapping.tables):
        yield Finding("table_unmapped", live.name, "refers to a table of the map, so it may hold what is a person's")
    else:
        yield Finding("table_unmapped", live.name, "is not in the map", "warning")


def _mask_refused(live: sa.Table, column: str, value: str | None) -> str:
    """Say why a table would not take a mask; empty when it would."""
    told = live.columns[column]
    if value is None:
        return "" if told.nullable else "may not be without a value"
    if _unique(live, (column,)):
        return "must be unique, so one mask does not fit two rows"
    length = getattr(told.type, "length", None)
    if not isinstance(told.type, sa.String):
        return "is no text: only `~` can be written over it"
    return f"holds {length} characters at most" if length is not None and len(value) > length else ""
