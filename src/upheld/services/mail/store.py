"""Tables of mailings: what was planned, and how each letter stands; no address, no name and no text of a letter."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import sqlalchemy as sa

from upheld.db import UtcMs, data_metadata

mailing = sa.Table(
    "mailing",
    data_metadata,
    sa.Column("id", sa.LargeBinary(16), primary_key=True),
    sa.Column("purpose", sa.String(64), nullable=False),
    sa.Column("texts", sa.Text, nullable=False),
    sa.Column("staff", sa.Integer, nullable=False),
    sa.Column("planned_at", UtcMs, nullable=False),
    comment="a text for everybody who may be met for a purpose; the text is the company's own and names nobody",
)

letter = sa.Table(
    "mailing_letter",
    data_metadata,
    sa.Column("mailing", sa.LargeBinary(16), primary_key=True),
    sa.Column("subject", sa.LargeBinary(16), primary_key=True, index=True),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("code", sa.String(40), nullable=False),
    sa.Column("at", UtcMs, nullable=False),
    comment="waiting, sending, sent, refused (by which gate), bounced",
)


def put(tx: sa.Connection, values: dict[str, Any], people: list[bytes]) -> None:
    """Write a mailing with a waiting letter for each person."""
    tx.execute(sa.insert(mailing).values(**values))
    rows = [
        {"mailing": values["id"], "subject": one, "state": "waiting", "code": "", "at": values["planned_at"]}
        for one in people
    ]
    if rows:
        tx.execute(sa.insert(letter), rows)


def claim(tx: sa.Connection, number: bytes, at: Any) -> bytes | None:
    """Take the next waiting letter of a mailing for sending and give whose it is; None when none waits."""
    query = sa.select(letter.c.subject).where(letter.c.mailing == number, letter.c.state == "waiting")
    subject: bytes | None = tx.execute(query.order_by(letter.c.subject).limit(1).with_for_update(skip_locked=True)).scalar()
    if subject is not None:
        mark(tx, number, subject, "sending", "", at)
    return subject


def mark(tx: sa.Connection, number: bytes, subject: bytes, state: str, code: str, at: Any) -> None:
    """Write how a letter stands."""
    here = sa.and_(letter.c.mailing == number, letter.c.subject == subject)
    tx.execute(sa.update(letter).where(here).values(state=state, code=code, at=at))


def states(tx: sa.Connection, number: bytes) -> dict[tuple[str, str], int]:
    """Count letters by (state, code)."""
    query = sa.select(letter.c.state, letter.c.code, sa.func.count()).where(letter.c.mailing == number)
    return {(state, code): count for state, code, count in tx.execute(query.group_by(letter.c.state, letter.c.code))}


def bounces(tx: sa.Connection, subject: bytes) -> int:
    """Count the letters to a person that no server took."""
    query = sa.select(sa.func.count()).where(letter.c.subject == subject, letter.c.state == "bounced")
    return int(tx.execute(query).scalar_one())


def wrote_before(tx: sa.Connection, subject: bytes) -> bool:
    """Say whether any letter was sent to a person."""
    query = sa.select(letter.c.mailing).where(letter.c.subject == subject, letter.c.state == "sent")
    return tx.execute(query.limit(1)).first() is not None


def forget(tx: sa.Connection, subjects: Collection[bytes]) -> None:
    """Drop the letters of erased people."""
    tx.execute(sa.delete(letter).where(letter.c.subject.in_(subjects)))
