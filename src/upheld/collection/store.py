"""Tables of the room: confirmed sources, how far a file was imported, and whom an import obliges us to tell."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date, datetime

import sqlalchemy as sa

from upheld.collection.model import Owed
from upheld.db import Insert, UtcMs, data_metadata, later, to_ms
from upheld.records import store as records

source_table = sa.Table(
    "import_source",
    data_metadata,
    sa.Column("entry", sa.LargeBinary(16), primary_key=True),
    sa.Column("situation", sa.String(64), nullable=False),
    sa.Column("actor", sa.String(80), nullable=False),
    sa.Column("at", UtcMs, nullable=False),
    comment="sources confirmed for a situation; who they are stands in the sealed body of the ledger entry",
)

batch_table = sa.Table(
    "import_batch",
    data_metadata,
    sa.Column("file", sa.LargeBinary(32), primary_key=True),
    sa.Column("situation", sa.String(64), primary_key=True),
    sa.Column("first", sa.Integer, primary_key=True),
    sa.Column("stored", sa.LargeBinary, nullable=False),
    sa.Column("at", UtcMs, nullable=False),
    comment="which rows of a file (by SHA-256) are stored: one bit a row from row `first` on, lowest bit first",
)

inform_table = sa.Table(
    "inform_task",
    data_metadata,
    sa.Column("record", sa.LargeBinary(16), primary_key=True),
    sa.Column("subject", sa.LargeBinary(16), nullable=False, index=True),
    sa.Column("regime", sa.String(16), nullable=False),
    sa.Column("due", sa.Date, nullable=False, index=True),
    comment="people whose data came from somebody else and who must be told, each until its last day",
)

_OWE = Insert(inform_table)
_BEGIN = Insert(batch_table, "ON CONFLICT DO NOTHING")
_KEEP = Insert(
    batch_table, "ON CONFLICT (file, situation, first) DO UPDATE SET stored = excluded.stored, at = excluded.at"
)
PAGE = 500
"""How many rows of a file one row of `import_batch` tells of; what was begun before is found by it, so it never changes."""


def stored_rows(
    tx: sa.Connection, file: bytes, situation: str, rows: range, *, at: datetime | None = None
) -> set[int]:
    """Give which of these rows of a file, whole pages but for the last, are stored already.

    In a transaction that stores more of them, at a time `at`, nobody else stores any of them until its end.
    """
    table, pages = batch_table, range(rows.start, rows.stop, PAGE)
    place = sa.and_(table.c.file == file, table.c.situation == situation, table.c.first.in_(pages))
    query = sa.select(table.c.first, table.c.stored).where(place)
    if at is not None:
        _BEGIN(tx, [(file, situation, begin, b"", to_ms(at)) for begin in pages])
        query = query.with_for_update()
    found: set[int] = set()
    for begin, raw in tx.execute(query):
        bits = int.from_bytes(raw, "little")
        found.update(begin + at for at in range(PAGE) if bits >> at & 1)
    return found


def keep_rows(tx: sa.Connection, file: bytes, situation: str, first: int, stored: Collection[int], at: datetime) -> None:
    """Note all rows of a file, from row `first` on, that are stored from now on."""
    bits: dict[int, int] = {}
    for row in stored:
        begin = row - (row - first) % PAGE
        bits[begin] = bits.get(begin, 0) | 1 << (row - begin)
    pages = [
        (file, situation, begin, told.to_bytes((told.bit_length() + 7) // 8, "little"), to_ms(at))
        for begin, told in sorted(bits.items())
    ]
    _KEEP(tx, pages)


def owe(tx: sa.Connection, record: bytes, subject: bytes, regime: str, due: date) -> None:
    """Note that a person must be told of what was imported about them, until a legal day."""
    later(tx, _OWE, (record, subject, regime, due))


def paid(tx: sa.Connection, record: bytes) -> bool:
    """Strike out that a person must be told; false when nothing was owed."""
    return tx.execute(sa.delete(inform_table).where(inform_table.c.record == record)).rowcount > 0


def forget(tx: sa.Connection, subjects: Collection[bytes]) -> None:
    """Drop what is owed to erased people."""
    tx.execute(sa.delete(inform_table).where(inform_table.c.subject.in_(subjects)))


def owed(tx: sa.Connection) -> list[Owed]:
    """List who must be told, the earliest last day first; who was erased since is owed nothing."""
    table = inform_table
    same = sa.and_(records.record.c.subject == table.c.subject, records.record.c.id == table.c.record)
    columns = (table.c.record, table.c.subject, table.c.regime, table.c.due, records.record.c.situation)
    query = sa.select(*columns).join(records.record, same).order_by(table.c.due, table.c.record)
    return [Owed(*row) for row in tx.execute(query)]
