"""The map of a database: which column is whose, what refers to what, and what an erasure does with each table."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import msgspec

from upheld.policy.model import Frozen
from upheld.policy.period import Period
from upheld.services.written import MapError, Trouble, tree_of

NULL = "~"
"""How a map writes the absence of a value."""


@dataclass(frozen=True, slots=True)
class Link:
    """Columns of one table that name rows of another; `when` holds what else must stand in the row."""

    table: str
    columns: tuple[str, ...]
    to: str
    to_columns: tuple[str, ...]
    when: Mapping[str, str] = field(default_factory=Frozen, hash=False)


@dataclass(frozen=True, slots=True)
class Table:
    """One table: every column stands in exactly the places that are true of it.

    `erase` is what an erasure does with a row of the person: delete it, delete it if nothing refers to it any
    more, or keep it for `statute` with `mask` written over it (None: no value).
    """

    name: str
    key: tuple[str, ...]
    identity: Mapping[str, str]
    fields: Mapping[str, str]
    free_text: tuple[str, ...]
    not_personal: tuple[str, ...]
    not_followed: Mapping[str, str]
    shared: bool
    erase: Literal["delete", "delete_if_orphan", "keep"]
    statute: str = ""
    mask: Mapping[str, str | None] = field(default_factory=Frozen, hash=False)


@dataclass(frozen=True, slots=True)
class SqlMap:
    """A database as it is described. `backups` is how long its own copies last; `rehearse` tries a plan before it counts."""

    name: str
    url: str
    stored_in: tuple[str, ...]
    tables: Mapping[str, Table]
    links: tuple[Link, ...]
    broken: frozenset[tuple[str, tuple[str, ...]]]
    backups: Period | None
    rehearse: bool

    def links_of(self, table: str) -> tuple[Link, ...]:
        """Give what a table refers to."""
        return tuple(one for one in self.links if one.table == table)

    def links_to(self, table: str) -> tuple[Link, ...]:
        """Give what refers to a table."""
        return tuple(one for one in self.links if one.to == table)


class _When(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    when: dict[str, str]
    to: str


class _Keep(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    keep: str
    mask: dict[str, str] = {}


class _Table(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    key: list[str]
    identity: dict[str, str] = {}
    fields: dict[str, str] = {}
    references: dict[str, str | _When] = {}
    free_text: list[str] = []
    not_personal: list[str] = []
    not_followed: dict[str, str] = {}
    shared: Literal["true", "false"] = "false"
    erase: Literal["delete", "delete_if_orphan"] | _Keep = "delete"


class _Map(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    kind: Literal["sql"]
    url: str
    stored_in: list[str] | str
    tables: dict[str, _Table]
    breaks: list[str] = []
    backups: str = ""
    rehearse: Literal["true", "false"] = "true"


def read_map(path: Path, name: str = "") -> SqlMap:
    """Read a map; its name is the file's unless one is given. Raises MapError with everything that is wrong at once.

    Clause: services
    """
    raw = tree_of(path)
    try:
        written = msgspec.convert(raw, _Map)
    except msgspec.ValidationError as error:
        text, _, place = str(error).partition(" - at ")
        raise MapError((Trouble("form", place.strip("`$.") or path.name, text),)) from None
    tables = {name: _table(name, one) for name, one in written.tables.items()}
    links = tuple(link for name, one in written.tables.items() for link in _links(name, one))
    places = (written.stored_in,) if isinstance(written.stored_in, str) else tuple(written.stored_in)
    broken = frozenset(_columns(one) for one in written.breaks)
    backups = Period.parse(written.backups) if written.backups else None
    found = SqlMap(
        name or path.stem, written.url, places, Frozen(tables), links, broken, backups, written.rehearse == "true"
    )
    troubles = tuple(_troubles(found))
    if troubles:
        raise MapError(troubles)
    return found


def _table(name: str, one: _Table) -> Table:
    kept = one.erase if isinstance(one.erase, _Keep) else None
    rule = one.erase if not isinstance(one.erase, _Keep) else "keep"
    mask = {column: None if value == NULL else value for column, value in kept.mask.items()} if kept else {}
    return Table(
        name, tuple(one.key), Frozen(one.identity), Frozen(one.fields), tuple(one.free_text), tuple(one.not_personal),
        Frozen(one.not_followed), one.shared == "true", rule, kept.keep if kept else "", Frozen(mask),
    )  # fmt: skip


def _links(name: str, one: _Table) -> Iterator[Link]:
    for columns, target in one.references.items():
        when = target.when if isinstance(target, _When) else {}
        to, to_columns = _columns(target.to if isinstance(target, _When) else target)
        yield Link(name, _split(columns), to, to_columns, Frozen(when))


def _columns(written: str) -> tuple[str, tuple[str, ...]]:
    """Read `table.column`, or `table.first, table.second` where the key has several parts."""
    parts = [part.rpartition(".") for part in _split(written)]
    return (parts[0][0] if parts else "", tuple(part[2] for part in parts))


def _split(written: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in written.split(","))


def _troubles(found: SqlMap) -> Iterator[Trouble]:
    if not any(table.identity for table in found.tables.values()):
        yield Trouble("identity_none", "tables", "no table says by what a person is known in it")
    for link in found.links:
        place = f"{link.table}.{', '.join(link.columns)}"
        if link.to not in found.tables:
            yield Trouble("table_unknown", place, f"refers to `{link.to}`, which the map does not have")
        if len(link.columns) != len(link.to_columns):
            yield Trouble("reference_uneven", place, "does not have as many columns as what it refers to")
    for table in found.tables.values():
        yield from _of_table(found, table)
    yield from _cycles(found)


def _of_table(found: SqlMap, table: Table) -> Iterator[Trouble]:
    fixed = {*table.key, *(column for link in found.links_to(table.name) for column in link.to_columns)}
    for column in sorted(fixed & table.mask.keys()):
        yield Trouble("mask_of_key", f"{table.name}.{column}", "is a key or referred to, and cannot be written over")
    if table.erase == "delete_if_orphan" and not table.shared:
        yield Trouble("orphan_not_shared", table.name, "is deleted if orphaned, so it must say `shared: true`")
    if table.shared and table.erase == "delete":
        yield Trouble("shared_deleted", table.name, "is shared, so `erase` must be `delete_if_orphan` or keep it")
    personal = {*table.fields, *table.free_text, *table.identity.values()}
    for column in sorted(personal & set(table.not_personal)):
        yield Trouble("column_both", f"{table.name}.{column}", "is called personal and not personal")


def _cycles(found: SqlMap) -> Iterator[Trouble]:
    """Find tables that refer to each other in a ring with no `breaks` on it."""
    try:
        order_of(found)
    except MapError as error:
        yield from error.troubles


def order_of(found: SqlMap) -> tuple[str, ...]:
    """Give the tables so that what refers comes before what is referred to; raises MapError for a ring."""
    parents = {
        name: {link.to for link in found.links_of(name) if link.to != name and (name, link.columns) not in found.broken}
        for name in found.tables
    }
    order: list[str] = []
    left = set(found.tables)
    while left:
        free = sorted(name for name in left if not any(name in parents[other] for other in left if other != name))
        if not free:
            ring = ", ".join(sorted(left))
            raise MapError((Trouble("cycle", ring, "refer to each other; name the column to let go in `breaks`"),))
        order += free
        left -= set(free)
    return tuple(order)
