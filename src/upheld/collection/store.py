"""Tables of the room: confirmed sources, how far a file was imported, and whom an import obliges us to tell."""

from __future__ import annotations

from datetime import date

import sqlalchemy as sa

from upheld.collection.model import Owed
from upheld.db import Insert, UtcMs, data_metadata, later
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


def stored_rows(tx: sa.Connection, file: bytes, situation: str, first: int) -> int:
    """Give the bits of the rows of a file that are stored already, from row `first` on; the lowest is `first`."""
    found = tx.execute(
        sa.select(batch_table.c.stored).where(
            batch_table.c.file == file, batch_table.c.situation == situation, batch_table.c.first == first
        )
    ).scalar()
    return int.from_bytes(found, "little") if found is not None else 0


def keep_rows(tx: sa.Connection, file: bytes, situation: str, first: int, bits: int, at: object) -> None:
    """Note which rows of a file are stored from now on."""
    table = batch_table
    place = sa.and_(table.c.file == file, table.c.situation == situation, table.c.first == first)
    told = {"stored": bits.to_bytes((bits.bit_length() + 7) // 8, "little"), "at": at}
    if not tx.execute(sa.update(table).where(place).values(**told)).rowcount:
        tx.execute(sa.insert(table).values(file=file, situation=situation, first=first, **told))


def owe(tx: sa.Connection, record: bytes, subject: bytes, regime: str, due: date) -> None:
    """Note that a person must be told of what was imported about them, until a legal day."""
    later(tx, _OWE, (record, subject, regime, due))


def paid(tx: sa.Connection, record: bytes) -> bool:
    """Strike out that a person must be told; false when nothing was owed."""
    return tx.execute(sa.delete(inform_table).where(inform_table.c.record == record)).rowcount > 0


def forget(tx: sa.Connection, subject: bytes) -> None:
    """Drop what is owed to an erased person."""
    tx.execute(sa.delete(inform_table).where(inform_table.c.subject == subject))


def owed(tx: sa.Connection) -> list[Owed]:
    """List who must be told, the earliest last day first; who was erased since is owed nothing."""
    table = inform_table
    same = sa.and_(records.record.c.subject == table.c.subject, records.record.c.id == table.c.record)
    columns = (table.c.record, table.c.subject, table.c.regime, table.c.due, records.record.c.situation)
    query = sa.select(*columns).join(records.record, same).order_by(table.c.due, table.c.record)
    return [Owed(*row) for row in tx.execute(query)]
