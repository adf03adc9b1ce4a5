"""Tables of the room: statements about purposes, and receipts by the hash of their number."""

from __future__ import annotations

import sqlalchemy as sa

from upheld.basis.model import ConsentRecord
from upheld.db import Insert, UtcMs, data_metadata, later, to_ms
from upheld.records.store import subject as subject_table

consent_table = sa.Table(
    "consent",
    data_metadata,
    sa.Column("subject", sa.LargeBinary(16), primary_key=True),
    sa.Column("entry", sa.LargeBinary(16), primary_key=True),
    sa.Column("purpose", sa.String(64), nullable=False),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("at", UtcMs, nullable=False),
    sa.Column("version", sa.String(80), nullable=False),
    sa.Column("lang", sa.String(16), nullable=False),
    sa.Column("how", sa.String(80), nullable=False),
    comment="each statement about a purpose, by the ledger entry that holds what was told; erased with the person",
)

receipt_table = sa.Table(
    "receipt",
    data_metadata,
    sa.Column("digest", sa.String(64), primary_key=True),
    sa.Column("entry", sa.LargeBinary(16), nullable=False),
    sa.Column("subject", sa.LargeBinary(16), nullable=False, index=True),
    comment="hash of a receipt number to the entry it is about",
)


_STATE = Insert(consent_table)
_RECEIPT = Insert(receipt_table)


def put_consent(tx: sa.Connection, record: ConsentRecord) -> None:
    """Write one statement."""
    row = (record.subject, record.entry_id, record.purpose, record.state, to_ms(record.at))
    later(tx, _STATE, (*row, record.policy_version, record.lang, record.how))


def consents_of(tx: sa.Connection, subject: bytes, purpose: str | None = None) -> list[ConsentRecord]:
    """List a person's statements, oldest first, about one purpose or all."""
    query = sa.select(consent_table).where(consent_table.c.subject == subject)
    if purpose is not None:
        query = query.where(consent_table.c.purpose == purpose)
    return [
        ConsentRecord(row.entry, row.subject, row.purpose, row.state, row.at, row.version, row.lang, row.how)
        for row in tx.execute(query.order_by(consent_table.c.entry))
    ]


def put_receipt(tx: sa.Connection, digest: str, entry_id: bytes, subject: bytes) -> None:
    """Write which entry a receipt number is about."""
    later(tx, _RECEIPT, (digest, entry_id, subject))


def receipt_of(tx: sa.Connection, digest: str) -> tuple[bytes, bytes] | None:
    """Give (entry id, subject) of a receipt, or None."""
    row = tx.execute(sa.select(receipt_table).where(receipt_table.c.digest == digest)).first()
    return None if row is None else (row.entry, row.subject)


def forget(tx: sa.Connection, subject: bytes) -> int:
    """Delete statements and receipts of an erased person; gives how many rows went."""
    gone = 0
    for table in (consent_table, receipt_table):
        gone += tx.execute(sa.delete(table).where(table.c.subject == subject)).rowcount
    return gone


def forget_erased(tx: sa.Connection) -> int:
    """Delete what an erasure that a crash interrupted left of this room; gives how many rows went."""
    erased = sa.select(subject_table.c.id).where(subject_table.c.state == "erased")
    gone = 0
    for table in (consent_table, receipt_table):
        gone += tx.execute(sa.delete(table).where(table.c.subject.in_(erased))).rowcount
    return gone
