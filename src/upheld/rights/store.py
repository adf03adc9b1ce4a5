"""The table of requests: numbers, states, days; never a name, an address or a field's value."""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import replace
from typing import Any, TypeAlias

import sqlalchemy as sa

from upheld.db import StoreConflictError, UtcMs, data_metadata
from upheld.records.store import subject as subject_table
from upheld.rights.model import Request

AnyRow: TypeAlias = sa.Row[*tuple[Any, ...]]

request_table = sa.Table(
    "request",
    data_metadata,
    sa.Column("number", sa.String(20), primary_key=True),
    sa.Column("year", sa.Integer, nullable=False),
    sa.Column("sequence", sa.Integer, nullable=False),
    sa.Column("right", sa.String(40), nullable=False),
    sa.Column("regime", sa.String(16), nullable=False),
    sa.Column("residence", sa.String(16), nullable=False),
    sa.Column("lang", sa.String(16), nullable=False),
    sa.Column("state", sa.String(20), nullable=False, index=True),
    sa.Column("arrived_at", UtcMs, nullable=False),
    sa.Column("due", sa.Date),
    sa.Column("total", sa.Integer, nullable=False),
    sa.Column("subject", sa.LargeBinary(16), index=True),
    sa.Column("purposes", sa.Text, nullable=False),
    sa.Column("identified_by", sa.String(40), nullable=False),
    sa.Column("decided_by", sa.String(40), nullable=False),
    sa.Column("ground", sa.String(40), nullable=False),
    sa.Column("closed_at", UtcMs),
    sa.Column("certificate", sa.Text, nullable=False),
    sa.UniqueConstraint("year", "sequence"),
)


def next_sequence(tx: sa.Connection, year: int) -> int:
    """Give the next number of a year; of those who ask at the same moment one waits for the other."""
    table = request_table.c
    first = sa.select(table.number).where(table.year == year).order_by(table.sequence).limit(1)
    tx.execute(first.with_for_update()).all()
    query = sa.select(sa.func.max(table.sequence)).where(table.year == year)
    return int(tx.execute(query).scalar() or 0) + 1


def put(tx: sa.Connection, one: Request, year: int, sequence: int) -> None:
    """Write a new request."""
    tx.execute(sa.insert(request_table).values(number=one.number, year=year, sequence=sequence, **_values(one)))


def save(tx: sa.Connection, one: Request, was: Request) -> None:
    """Write a request's new state over the one it was read in; whose request it is stays.

    Raises StoreConflictError when somebody else took a step meanwhile.
    """
    now = find(tx, one.number, lock=True)
    if now is None or replace(now, subject=was.subject) != was:
        raise StoreConflictError
    table = request_table
    values = {name: value for name, value in _values(one).items() if name != "subject"}
    tx.execute(sa.update(table).where(table.c.number == one.number).values(**values))


def find(tx: sa.Connection, number: str, *, lock: bool = False) -> Request | None:
    """Give a request by number, or None; with `lock` nobody else takes a step with it until the transaction's end."""
    query = sa.select(request_table).where(request_table.c.number == number)
    row = tx.execute(query.with_for_update() if lock else query).first()
    return None if row is None else _request(row)


def listed(tx: sa.Connection, *, only_open: bool) -> list[Request]:
    """List requests, the one due first first."""
    query = sa.select(request_table).order_by(
        request_table.c.due.is_(None), request_table.c.due, request_table.c.year, request_table.c.sequence
    )
    found = [_request(row) for row in tx.execute(query)]
    return [one for one in found if one.open] if only_open else found


def of_subject(tx: sa.Connection, subject: bytes) -> list[Request]:
    """List the requests of one person, the newest first."""
    table = request_table.c
    query = sa.select(request_table).where(table.subject == subject).order_by(table.year.desc(), table.sequence.desc())
    return [_request(row) for row in tx.execute(query)]


def forget(tx: sa.Connection, subjects: Collection[bytes]) -> int:
    """Take the numbers of erased people out of requests; what was asked and answered stays, without a person."""
    table = request_table
    return tx.execute(sa.update(table).where(table.c.subject.in_(subjects)).values(subject=None)).rowcount


def forget_erased(tx: sa.Connection) -> int:
    """Do the same for everybody an erasure reached while no room was listening."""
    erased = sa.select(subject_table.c.id).where(subject_table.c.state == "erased")
    table = request_table
    return tx.execute(sa.update(table).where(table.c.subject.in_(erased)).values(subject=None)).rowcount


def _values(one: Request) -> dict[str, Any]:
    return {
        "right": one.right,
        "regime": one.regime,
        "residence": one.residence,
        "lang": one.lang,
        "state": one.state,
        "arrived_at": one.arrived_at,
        "due": one.due,
        "total": one.total,
        "subject": one.subject,
        "purposes": " ".join(one.purposes),
        "identified_by": one.identified_by,
        "decided_by": one.decided_by,
        "ground": one.ground,
        "closed_at": one.closed_at,
        "certificate": json.dumps(one.certificate, sort_keys=True),
    }


def _request(row: AnyRow) -> Request:
    return Request(
        number=row.number,
        right=row.right,
        regime=row.regime,
        residence=row.residence,
        lang=row.lang,
        state=row.state,
        arrived_at=row.arrived_at,
        due=row.due,
        total=row.total,
        subject=row.subject,
        purposes=tuple(row.purposes.split()),
        identified_by=row.identified_by,
        decided_by=row.decided_by,
        ground=row.ground,
        closed_at=row.closed_at,
        certificate=json.loads(row.certificate),
    )
