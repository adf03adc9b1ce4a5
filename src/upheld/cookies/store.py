"""Tables of the room: what browsers said, receipts by the hash of their number, signals of nobody, reported hosts."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime

import sqlalchemy as sa

from upheld.cookies.model import Event, Reported
from upheld.db import UtcMs, data_metadata
from upheld.records.store import subject as subject_table

choice_table = sa.Table(
    "cookie_choice",
    data_metadata,
    sa.Column("subject", sa.LargeBinary(16), primary_key=True),
    sa.Column("entry", sa.LargeBinary(16), primary_key=True),
    sa.Column("purpose", sa.String(64), primary_key=True),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("print", sa.String(16), nullable=False),
    sa.Column("at", UtcMs, nullable=False),
    sa.Column("version", sa.String(80), nullable=False),
    sa.Column("surface", sa.String(16), nullable=False),
    sa.Column("signal", sa.Boolean, nullable=False),
    comment="each statement of a browser about a purpose; no address and no browser string; erased with the visitor",
)

receipt_table = sa.Table(
    "cookie_receipt",
    data_metadata,
    sa.Column("digest", sa.String(64), primary_key=True),
    sa.Column("entry", sa.LargeBinary(16), nullable=False),
    sa.Column("subject", sa.LargeBinary(16), nullable=False, index=True),
    comment="hash of a receipt number to the ledger entry it is about",
)

signal_table = sa.Table(
    "cookie_signal",
    data_metadata,
    sa.Column("hour", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("purpose", sa.String(64), primary_key=True),
    comment="hours in which a browser without an id sent GPC; nobody can be told apart",
)


report_table = sa.Table(
    "cookie_report",
    data_metadata,
    sa.Column("host", sa.String(253), primary_key=True),
    sa.Column("first", UtcMs, nullable=False),
    sa.Column("last", UtcMs, nullable=False),
    sa.Column("times", sa.Integer, nullable=False),
    comment="hosts that no tag declares and that browsers said a page's header stopped; neither who nor where",
)


def put_events(tx: sa.Connection, events: Iterable[Event]) -> None:
    """Write statements; none is ever changed."""
    rows = [{column.key: getattr(event, column.key) for column in choice_table.c} for event in events]
    tx.execute(sa.insert(choice_table), rows)


def events_of(tx: sa.Connection, subject: bytes, entry: bytes | None = None) -> list[Event]:
    """List a browser's statements, oldest first; with `entry` those of one act."""
    query = sa.select(choice_table).where(choice_table.c.subject == subject)
    if entry is not None:
        query = query.where(choice_table.c.entry == entry)
    rows = tx.execute(query.order_by(choice_table.c.entry, choice_table.c.purpose))
    names = [column.key for column in choice_table.c]
    return [Event(**{name: getattr(row, name) for name in names}) for row in rows]


def latest(tx: sa.Connection, subject: bytes) -> dict[str, Event]:
    """Give the newest statement about each purpose."""
    return {event.purpose: event for event in events_of(tx, subject)}


def put_receipt(tx: sa.Connection, digest: str, entry: bytes, subject: bytes) -> None:
    """Write which entry a receipt number is about."""
    tx.execute(sa.insert(receipt_table).values(digest=digest, entry=entry, subject=subject))


def receipt_of(tx: sa.Connection, digest: str) -> tuple[bytes, bytes] | None:
    """Give (entry id, subject) of a receipt, or None."""
    row = tx.execute(sa.select(receipt_table).where(receipt_table.c.digest == digest)).first()
    return None if row is None else (row.entry, row.subject)


def signalled(tx: sa.Connection, hour: int) -> frozenset[str]:
    """Give the purposes for which an id-free signal was noted in an hour."""
    query = sa.select(signal_table.c.purpose).where(signal_table.c.hour == hour)
    return frozenset(tx.execute(query).scalars())


def note_hour(tx: sa.Connection, hour: int, purposes: Iterable[str]) -> None:
    """Keep that a signal was noted in this hour, and forget earlier hours."""
    tx.execute(sa.delete(signal_table).where(signal_table.c.hour < hour))
    tx.execute(sa.insert(signal_table), [{"hour": hour, "purpose": name} for name in purposes])


def reports(tx: sa.Connection) -> list[Reported]:
    """List the hosts that browsers reported, by name."""
    rows = tx.execute(sa.select(report_table).order_by(report_table.c.host))
    return [Reported(row.host, row.first, row.last, row.times) for row in rows]


def put_report(tx: sa.Connection, host: str, now: datetime) -> Reported:
    """Write the first report of a host."""
    tx.execute(sa.insert(report_table).values(host=host, first=now, last=now, times=1))
    return Reported(host, now, now, 1)


def count_report(tx: sa.Connection, host: str, now: datetime) -> None:
    """Count one more report of a host."""
    held = report_table.c
    tx.execute(sa.update(report_table).where(held.host == host).values(last=now, times=held.times + 1))


def forget_reports(tx: sa.Connection, before: datetime) -> None:
    """Delete the hosts that nobody reported since a time."""
    tx.execute(sa.delete(report_table).where(report_table.c.last < before))


def forget(tx: sa.Connection, subjects: Collection[bytes]) -> int:
    """Delete what erased visitors said; gives how many rows went."""
    return sum(
        tx.execute(sa.delete(table).where(table.c.subject.in_(subjects))).rowcount for table in (choice_table, receipt_table)
    )


def forget_erased(tx: sa.Connection) -> int:
    """Delete what an erasure that a crash interrupted left of this room; gives how many rows went."""
    erased = sa.select(subject_table.c.id).where(subject_table.c.state == "erased")
    return sum(
        tx.execute(sa.delete(table).where(table.c.subject.in_(erased))).rowcount for table in (choice_table, receipt_table)
    )
