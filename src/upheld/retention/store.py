"""The table of legal holds: whose data, on what it rests, for what they may be read, until when; never why in words."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import date

import sqlalchemy as sa

from upheld.db import UtcMs, data_metadata
from upheld.retention.model import Hold

hold_table = sa.Table(
    "legal_hold",
    data_metadata,
    sa.Column("id", sa.LargeBinary(16), primary_key=True),
    sa.Column("subject", sa.LargeBinary(16), primary_key=True, index=True),
    sa.Column("kind", sa.String(8), nullable=False),
    sa.Column("named", sa.String(80), nullable=False),
    sa.Column("purpose", sa.String(64), nullable=False),
    sa.Column("until", sa.Date, nullable=False),
    sa.Column("placed_by", sa.String(32), nullable=False),
    sa.Column("approved_by", sa.String(32), nullable=False),
    sa.Column("placed_at", UtcMs, nullable=False),
    sa.Column("released_at", UtcMs),
    comment="legal holds, a row for each number of the person; the reason stands in the ledger entry alone",
)


def put(tx: sa.Connection, hold: Hold, subjects: Iterable[bytes]) -> None:
    """Write a new hold on numbers of one person."""
    values = {
        "id": hold.id, "kind": hold.kind, "named": hold.named, "purpose": hold.purpose, "until": hold.until,
        "placed_by": hold.placed_by, "approved_by": hold.approved_by, "placed_at": hold.placed_at,
    }  # fmt: skip
    tx.execute(sa.insert(hold_table), [{**values, "subject": subject} for subject in subjects])


def release(tx: sa.Connection, hold: Hold) -> None:
    """Note that a hold ended."""
    tx.execute(sa.update(hold_table).where(hold_table.c.id == hold.id).values(released_at=hold.released_at))


def find(tx: sa.Connection, hold: bytes) -> Hold | None:
    """Give a hold by id."""
    return next(iter(_read(tx, hold_table.c.id == hold)), None)


def listed(tx: sa.Connection, *, only_standing: bool, on: date) -> list[Hold]:
    """List holds, the oldest first; only those that stand on a legal day, or all."""
    return _read(tx, _standing(on)) if only_standing else _read(tx, sa.true())


def standing_over(tx: sa.Connection, subjects: Collection[bytes], on: date) -> list[Hold]:
    """List the holds on any of these numbers that stand on a legal day, the oldest first."""
    return _read(tx, sa.and_(hold_table.c.subject.in_(subjects), _standing(on)))


def released_from(tx: sa.Connection, on: date) -> set[bytes]:
    """List the numbers on which a hold was that has ended by a legal day."""
    table = hold_table.c
    ended = sa.or_(table.released_at.is_not(None), table.until < on)
    return set(tx.execute(sa.select(table.subject).where(ended)).scalars())


def forget(tx: sa.Connection, subjects: Collection[bytes]) -> int:
    """Delete the holds on erased people; gives how many rows went."""
    return tx.execute(sa.delete(hold_table).where(hold_table.c.subject.in_(subjects))).rowcount


def _standing(on: date) -> sa.ColumnElement[bool]:
    return sa.and_(hold_table.c.released_at.is_(None), hold_table.c.until >= on)


def _read(tx: sa.Connection, which: sa.ColumnElement[bool]) -> list[Hold]:
    """Give each hold once, with all numbers that it is on."""
    table = hold_table.c
    chosen = sa.select(hold_table).where(table.id.in_(sa.select(table.id).where(which)))
    rows: dict[bytes, list[sa.Row[tuple[object, ...]]]] = {}
    for row in tx.execute(chosen.order_by(table.id, table.subject)):
        rows.setdefault(row.id, []).append(row)
    return [
        Hold(
            one.id, tuple(row.subject for row in group), one.kind, one.named, one.purpose, one.until,
            one.placed_by, one.approved_by, one.placed_at, one.released_at,
        )
        for group in rows.values()
        for one in group[:1]
    ]  # fmt: skip
