"""Tables of the room: statements about purposes, receipts and tickets by hash, assessments, statutes named."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from upheld.basis.model import Assessment, ConsentRecord, Task
from upheld.db import Insert, UtcMs, data_metadata, later, to_ms
from upheld.records.store import standing as standing_table
from upheld.records.store import subject as subject_table

consent_table = sa.Table(
    "consent",
    data_metadata,
    sa.Column("subject", sa.LargeBinary(16), primary_key=True),
    sa.Column("entry", sa.LargeBinary(16), primary_key=True),
    sa.Column("purpose", sa.String(96), nullable=False),
    sa.Column("state", sa.String(24), nullable=False),
    sa.Column("at", UtcMs, nullable=False),
    sa.Column("version", sa.String(80), nullable=False),
    sa.Column("lang", sa.String(16), nullable=False),
    sa.Column("how", sa.String(80), nullable=False),
    sa.Column("situation", sa.String(64), nullable=False),
    sa.Column("actor", sa.String(80), nullable=False),
    sa.Column("until", sa.Date),
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

ticket_table = sa.Table(
    "withdraw_ticket",
    data_metadata,
    sa.Column("digest", sa.String(64), primary_key=True),
    sa.Column("subject", sa.LargeBinary(16), nullable=False, index=True),
    sa.Column("purpose", sa.String(96), nullable=False),
    sa.Column("lang", sa.String(16), nullable=False),
    comment="hash of a withdrawal ticket, as it stands in mails, to whose consent for what it ends",
)

confirmation_table = sa.Table(
    "consent_confirmation",
    data_metadata,
    sa.Column("digest", sa.String(64), primary_key=True),
    sa.Column("subject", sa.LargeBinary(16), nullable=False, index=True),
    sa.Column("purpose", sa.String(96), nullable=False),
    sa.Column("lang", sa.String(16), nullable=False),
    sa.Column("asked_at", UtcMs, nullable=False),
    sa.Column("until", UtcMs, nullable=False),
    sa.Column("state", sa.String(16), nullable=False, index=True),
    sa.Column("entry", sa.LargeBinary(16), nullable=False),
    comment="a mail that asks to confirm a consent: waiting, sending, sent, spared, bounced, unaddressed; no address, no word of the link",
)

assessment_table = sa.Table(
    "interest_assessment",
    data_metadata,
    sa.Column("entry", sa.LargeBinary(16), primary_key=True),
    sa.Column("purpose", sa.String(64), nullable=False, index=True),
    sa.Column("interest", sa.String(64), nullable=False),
    sa.Column("reference", sa.String(200), nullable=False),
    sa.Column("sha256", sa.String(64), nullable=False),
    sa.Column("actor", sa.String(80), nullable=False),
    sa.Column("at", UtcMs, nullable=False),
)

obligation_table = sa.Table(
    "legal_obligation",
    data_metadata,
    sa.Column("subject", sa.LargeBinary(16), primary_key=True),
    sa.Column("purpose", sa.String(64), primary_key=True),
    sa.Column("statute", sa.String(80), nullable=False),
    sa.Column("entry", sa.LargeBinary(16), nullable=False),
)

_OF_PERSONS = (consent_table, receipt_table, ticket_table, confirmation_table, obligation_table)


_STATE = Insert(consent_table)
_RECEIPT = Insert(receipt_table)


def put_consent(tx: sa.Connection, record: ConsentRecord) -> None:
    """Write one statement."""
    row = (record.subject, record.entry_id, record.purpose, record.state, to_ms(record.at))
    where = (record.policy_version, record.lang, record.how, record.situation, record.actor, record.until)
    later(tx, _STATE, (*row, *where))


def consents_of(tx: sa.Connection, subject: bytes, purpose: str | None = None) -> list[ConsentRecord]:
    """List a person's statements, oldest first, about one purpose or all."""
    query = sa.select(consent_table).where(consent_table.c.subject == subject)
    if purpose is not None:
        query = query.where(consent_table.c.purpose == purpose)
    return [
        ConsentRecord(
            row.entry, row.subject, row.purpose, row.state, row.at, row.version, row.lang, row.how,
            row.situation, row.actor, row.until,
        )
        for row in tx.execute(query.order_by(consent_table.c.entry))
    ]  # fmt: skip


def put_receipt(tx: sa.Connection, digest: str, entry_id: bytes, subject: bytes) -> None:
    """Write which entry a receipt number is about."""
    later(tx, _RECEIPT, (digest, entry_id, subject))


def receipt_of(tx: sa.Connection, digest: str) -> tuple[bytes, bytes] | None:
    """Give (entry id, subject) of a receipt, or None."""
    row = tx.execute(sa.select(receipt_table).where(receipt_table.c.digest == digest)).first()
    return None if row is None else (row.entry, row.subject)


def put_ticket(tx: sa.Connection, digest: str, subject: bytes, purpose: str, lang: str) -> None:
    """Write whose consent a ticket ends, once; the language of the latest mail counts."""
    at = ticket_table.c.digest == digest
    if not tx.execute(sa.update(ticket_table).where(at).values(lang=lang)).rowcount:
        values = {"digest": digest, "subject": subject, "purpose": purpose, "lang": lang}
        tx.execute(sa.insert(ticket_table).values(**values))


def ticket_of(tx: sa.Connection, digest: str) -> tuple[bytes, str, str] | None:
    """Give (subject, purpose, language) of a ticket, or None."""
    row = tx.execute(sa.select(ticket_table).where(ticket_table.c.digest == digest)).first()
    return None if row is None else (row.subject, row.purpose, row.lang)


def put_confirmation(tx: sa.Connection, values: dict[str, Any]) -> None:
    """Write that a mail must ask for a confirmation, or why none does."""
    tx.execute(sa.insert(confirmation_table).values(**values))


def confirmation_since(tx: sa.Connection, subject: bytes, purpose: str, since: datetime) -> bool:
    """Say whether a mail about a purpose was asked for since a moment."""
    table = confirmation_table.c
    query = sa.select(table.digest).where(table.subject == subject, table.purpose == purpose)
    asked = table.state.in_(("waiting", "sending", "sent"))
    return tx.execute(query.where(table.asked_at > since, asked).limit(1)).first() is not None


def confirmation_of(tx: sa.Connection, digest: str) -> sa.Row[tuple[Any, ...]] | None:
    """Give what a link confirms, or None."""
    return tx.execute(sa.select(confirmation_table).where(confirmation_table.c.digest == digest)).first()


def claim_confirmation(tx: sa.Connection, now: datetime) -> sa.Row[tuple[Any, ...]] | None:
    """Take the next waiting mail for sending, if its link still opens; None when none waits."""
    query = sa.select(confirmation_table).where(confirmation_table.c.state == "waiting", confirmation_table.c.until >= now)
    row = tx.execute(query.order_by(confirmation_table.c.entry).limit(1).with_for_update(skip_locked=True)).first()
    if row is not None:
        mark_confirmation(tx, row.digest, "sending")
    return row


def mark_confirmation(tx: sa.Connection, digest: str, state: str) -> None:
    """Write how a mail stands."""
    tx.execute(sa.update(confirmation_table).where(confirmation_table.c.digest == digest).values(state=state))


def forget_confirmations(tx: sa.Connection, before: datetime) -> int:
    """Delete the links that opened until some time ago; gives how many there were."""
    return tx.execute(sa.delete(confirmation_table).where(confirmation_table.c.until < before)).rowcount


def put_assessment(tx: sa.Connection, made: Assessment) -> None:
    """Write a balancing test; an earlier one stays."""
    tx.execute(
        sa.insert(assessment_table).values(
            entry=made.entry_id,
            purpose=made.purpose,
            interest=made.interest,
            reference=made.reference,
            sha256=made.sha256,
            actor=made.actor,
            at=made.at,
        )
    )


def assessments(tx: sa.Connection, purpose: str | None = None) -> list[Assessment]:
    """List balancing tests, the latest first, of one purpose or all."""
    query = sa.select(assessment_table)
    if purpose is not None:
        query = query.where(assessment_table.c.purpose == purpose)
    rows = tx.execute(query.order_by(assessment_table.c.entry.desc()))
    return [
        Assessment(row.entry, row.purpose, row.interest, row.reference, row.sha256, row.actor, row.at) for row in rows
    ]


def put_obligation(tx: sa.Connection, subject: bytes, purpose: str, statute: str, entry_id: bytes) -> None:
    """Write which statute a person's data rest on for a purpose; the latest counts."""
    table = obligation_table
    at = sa.and_(table.c.subject == subject, table.c.purpose == purpose)
    values: dict[str, Any] = {"statute": statute, "entry": entry_id}
    if not tx.execute(sa.update(table).where(at).values(**values)).rowcount:
        tx.execute(sa.insert(table).values(subject=subject, purpose=purpose, **values))


def obligation_of(tx: sa.Connection, subject: bytes, purpose: str) -> str | None:
    """Give the statute named for a person and a purpose, or None."""
    table = obligation_table
    query = sa.select(table.c.statute).where(table.c.subject == subject, table.c.purpose == purpose)
    found: str | None = tx.execute(query).scalar()
    return found


def tasks(tx: sa.Connection, limit: int = 500) -> list[Task]:
    """List objections that stand, the oldest first; which of them are to be weighed is a rule's matter."""
    table = standing_table
    query = sa.select(table).where(table.c.state == "objected").order_by(table.c.since, table.c.subject)
    return [Task(row.subject, row.purpose, row.entry_id, row.since) for row in tx.execute(query.limit(limit))]


def forget(tx: sa.Connection, subjects: Collection[bytes]) -> int:
    """Delete everything of this room about erased people; gives how many rows went."""
    gone = 0
    for table in _OF_PERSONS:
        gone += tx.execute(sa.delete(table).where(table.c.subject.in_(subjects))).rowcount
    return gone


def forget_erased(tx: sa.Connection) -> int:
    """Delete what an erasure that a crash interrupted left of this room; gives how many rows went."""
    erased = sa.select(subject_table.c.id).where(subject_table.c.state == "erased")
    gone = 0
    for table in _OF_PERSONS:
        gone += tx.execute(sa.delete(table).where(table.c.subject.in_(erased))).rowcount
    return gone
