"""Finding a person's rows: from what names the person, down to everything that refers there, and no further."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Literal, TypeVar

import sqlalchemy as sa

from upheld.services.model import Identities, Ref
from upheld.services.spelling import spellings
from upheld.services.sql.live import Live
from upheld.services.sql.mapping import Link, Table

CHUNK = 500
T = TypeVar("T")
Owner = Literal["subject", "shared", "other"]


@dataclass(slots=True)
class Row:
    """One row found, with its values as they stand; they never leave the walk."""

    ref: Ref
    values: Mapping[str, Any] = field(repr=False)


Found = dict[tuple[str, tuple[object, ...]], Row]


def walk(tx: sa.Connection, live: Live, who: Identities, *, lock: bool = False) -> Found:
    """Give every row of a person, the shared rows these refer to, and rows of other people that refer to them.

    `lock` holds the rows for this transaction. Neither shared rows nor other people's are walked through: a customer
    who was invited by this person is a person of their own, and only the reference is let go.
    Clause: services (APPI 35; GDPR 17)
    """
    found: Found = {}
    fresh = list(_known(tx, live, who, lock))
    while fresh:
        news = [row for row in fresh if _key(row) not in found]
        found.update({_key(row): row for row in news})
        own = [row for row in news if row.ref.owner == "subject"]
        fresh = [*_below(tx, live, own, lock), *_beside(tx, live, own, lock)]
        fresh.sort(key=lambda row: row.ref.owner == "other")  # who is found as the person, too, is the person
    return found


def identified(tx: sa.Connection, live: Live, who: Identities) -> int:
    """Count the rows that name a person outright: what a control must be found by, too."""
    return len({_key(row) for row in _known(tx, live, who, lock=False)})


def _key(row: Row) -> tuple[str, tuple[object, ...]]:
    return row.ref.store, row.ref.key


def _known(tx: sa.Connection, live: Live, who: Identities, lock: bool) -> Iterator[Row]:
    for table in live.mapping.tables.values():
        for kind, column in table.identity.items():
            told = live.tables[table.name].columns[column]
            tests = [test for value in who.get(kind, ()) if (test := _test(told, kind, value)) is not None]
            if tests:
                yield from _rows(tx, live, table, sa.or_(*tests), lock, "subject")


def _test(column: sa.Column[Any], kind: str, value: str) -> sa.ColumnElement[bool] | None:
    """Say which values of a column name the person; None where the column cannot hold such a value."""
    if isinstance(column.type, sa.Integer):
        return column == int(value) if value.isascii() and value.isdigit() else None
    if kind == "email":
        return sa.or_(column == value, sa.func.lower(column) == value.strip().lower())
    return column.in_(spellings(value) if kind == "phone" else [value])


def _below(tx: sa.Connection, live: Live, own: Sequence[Row], lock: bool) -> Iterator[Row]:
    """Follow what refers to rows of the person; in a table of people each row is somebody of their own."""
    for table in {row.ref.store for row in own}:
        for link in live.mapping.links_to(table):
            values = {
                tuple(row.values[column] for column in link.to_columns) for row in own if row.ref.store == table
            }
            others = bool(live.mapping.tables[link.table].identity)
            yield from _linked(tx, live, link, values, lock, "other" if others else "subject")


def _beside(tx: sa.Connection, live: Live, own: Sequence[Row], lock: bool) -> Iterator[Row]:
    """Follow what rows of the person refer to, where that is shared."""
    for table in {row.ref.store for row in own}:
        for link in live.mapping.links_of(table):
            if live.mapping.tables[link.to].shared:
                rows = [row for row in own if row.ref.store == table and _meant(link, row.values)]
                values = {tuple(row.values[column] for column in link.columns) for row in rows}
                back = Link(link.to, link.to_columns, link.table, link.columns)
                yield from _linked(tx, live, back, values, lock, "shared")


def _meant(link: Link, values: Mapping[str, Any]) -> bool:
    return all(str(values[column]) == value for column, value in link.when.items())


def _linked(
    tx: sa.Connection, live: Live, link: Link, values: Iterable[tuple[Any, ...]], lock: bool, owner: Owner
) -> Iterator[Row]:
    """Give the rows whose columns of a link hold one of some combinations of values."""
    table = live.tables[link.table]
    named = [one for one in values if None not in one]
    also = [table.columns[column] == value for column, value in link.when.items()]
    for some in chunks(named, CHUNK):
        test = sa.and_(among(table, link.columns, some), *also)
        yield from _rows(tx, live, live.mapping.tables[link.table], test, lock, owner)


def among(table: sa.Table, columns: Sequence[str], values: Sequence[tuple[Any, ...]]) -> sa.ColumnElement[bool]:
    """Say that columns hold one of some combinations of values."""
    if len(columns) == 1:
        return table.columns[columns[0]].in_([one[0] for one in values])
    parts = [
        sa.and_(*(table.columns[column] == part for column, part in zip(columns, one, strict=True))) for one in values
    ]
    return sa.or_(*parts)


def chunks(items: Iterable[T], size: int) -> Iterator[list[T]]:
    """Cut what comes into lists of `size` at most."""
    left = iter(items)
    while some := list(islice(left, size)):
        yield some


def _rows(
    tx: sa.Connection, live: Live, told: Table, test: sa.ColumnElement[bool], lock: bool, owner: Owner
) -> Iterator[Row]:
    query = sa.select(live.tables[told.name]).where(test)
    for row in tx.execute(query.with_for_update() if lock else query).mappings():
        values = dict(row)
        whose: Owner = "shared" if told.shared else owner
        yield Row(Ref(told.name, tuple(values[column] for column in told.key), version(values), whose), values)


def version(values: Mapping[str, Any]) -> bytes:
    """Give what changes whenever a row does."""
    told = hashlib.sha256()
    for column in sorted(values):
        word = repr(values[column]).encode()
        told.update(len(word).to_bytes(4, "big") + word)
    return told.digest()
