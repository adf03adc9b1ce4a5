"""Tables of what is done in services: cases, one target a service, who works on which service, and what is known there.

No identifier and no outside key stands here in clear: they are sealed under the person's own key, or for an erasure
under a key that the case alone has, which is destroyed with it.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, cast

import sqlalchemy as sa

from upheld.db import UtcMs, data_metadata
from upheld.policy.model import Frozen
from upheld.services.model import Op
from upheld.services.rules import CLOSED, WAITING, State

case_table = sa.Table(
    "service_case",
    data_metadata,
    sa.Column("id", sa.LargeBinary(16), primary_key=True),
    sa.Column("reference", sa.String(100), nullable=False),
    sa.Column("op", sa.String(12), nullable=False),
    sa.Column("keyed", sa.LargeBinary(16), nullable=False),
    sa.Column("subject", sa.LargeBinary(16), index=True),
    sa.Column("record", sa.LargeBinary(16)),
    sa.Column("sealed", sa.LargeBinary),
    sa.Column("policy_version", sa.String(80), nullable=False),
    sa.Column("actor", sa.String(40), nullable=False),
    sa.Column("opened_at", UtcMs, nullable=False),
    sa.Column("closed_at", UtcMs),
    sa.UniqueConstraint("reference", "op"),
    comment="one thing to be done in services for one person; keyed: whose key seals, the person's or the case's own",
)
target_table = sa.Table(
    "service_target",
    data_metadata,
    sa.Column("case", sa.LargeBinary(16), primary_key=True),
    sa.Column("service", sa.String(64), primary_key=True),
    sa.Column("rank", sa.Integer, nullable=False),
    sa.Column("state", sa.String(12), nullable=False),
    sa.Column("code", sa.String(80), nullable=False),
    sa.Column("records", sa.Integer, nullable=False),
    sa.Column("told", sa.Text, nullable=False),
    sa.Column("sealed", sa.LargeBinary),
    sa.Column("tries", sa.Integer, nullable=False),
    sa.Column("looks", sa.Integer, nullable=False),
    sa.Column("due", UtcMs, index=True),
    sa.Column("until", UtcMs),
    sa.Column("at", UtcMs, nullable=False),
    comment="how a case stands in one service; told: counts of outcomes; due: when it is taken up next",
)
lane_table = sa.Table(
    "service_lane",
    data_metadata,
    sa.Column("service", sa.String(64), primary_key=True),
    sa.Column("holder", sa.String(32), nullable=False),
    sa.Column("held_until", UtcMs),
    comment="which process talks to a service now: one at a time, so that its pace is kept",
)
known_table = sa.Table(
    "service_known",
    data_metadata,
    sa.Column("id", sa.LargeBinary(16), primary_key=True),
    sa.Column("subject", sa.LargeBinary(16), nullable=False, index=True),
    sa.Column("service", sa.String(64), nullable=False),
    sa.Column("sealed", sa.LargeBinary, nullable=False),
    sa.Column("at", UtcMs, nullable=False),
    comment="records that services hold of a person because we wrote them there; their keys are sealed",
)
cursor_table = sa.Table(
    "service_cursor",
    data_metadata,
    sa.Column("name", sa.String(80), primary_key=True),
    sa.Column("position", sa.BigInteger, nullable=False),
    comment="up to which position of the ledger a reader has read",
)


@dataclass(frozen=True, slots=True)
class Case:
    """One thing to be done in services for one person, decided by `actor`.

    `keyed` is whose key seals what is secret about it: the person's, or for an erasure the case's own.
    """

    id: bytes
    reference: str
    op: Op
    keyed: bytes
    subject: bytes | None
    record: bytes | None
    sealed: bytes | None = field(repr=False)
    policy_version: str
    actor: str
    opened_at: datetime
    closed_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Target:
    """How a case stands in one service. `told` counts records by what came of them; times are UTC."""

    case: bytes
    service: str
    rank: int
    state: State = "planned"
    code: str = ""
    records: int = 0
    told: Mapping[str, int] = field(default_factory=Frozen, hash=False)
    sealed: bytes | None = field(default=None, repr=False)
    tries: int = 0
    looks: int = 0
    due: datetime | None = None
    until: datetime | None = None
    at: datetime | None = None

    @property
    def closed(self) -> bool:
        """Say whether nothing more is to come of it."""
        return self.state in CLOSED

    @property
    def answered(self) -> bool:
        """Say whether it can be told to the person: done, or gone for users with the day on which the last copy goes."""
        return self.closed or self.state == "pending"


def put(tx: sa.Connection, case: Case, targets: Sequence[Target]) -> bool:
    """Enter a case with its targets; says false, and enters nothing, where it is there already."""
    there = sa.select(case_table.c.id).where(case_table.c.reference == case.reference, case_table.c.op == case.op)
    if tx.execute(there).first() is not None:
        return False
    values = {name: getattr(case, name) for name in Case.__slots__}
    tx.execute(sa.insert(case_table).values(values))
    if targets:
        tx.execute(sa.insert(target_table), [_values(one) for one in targets])
    return True


def _values(one: Target) -> dict[str, Any]:
    values = {name: getattr(one, name) for name in Target.__slots__}
    return {**values, "told": json.dumps(dict(one.told))}


def _case(row: Any) -> Case:
    return Case(**{**row, "op": cast("Op", row["op"])})


def _target(row: Any) -> Target:
    return Target(**{**row, "told": Frozen(json.loads(row["told"])), "state": cast("State", row["state"])})


def case(tx: sa.Connection, number: bytes) -> Case | None:
    """Give a case by its number."""
    row = tx.execute(sa.select(case_table).where(case_table.c.id == number)).mappings().first()
    return _case(row) if row is not None else None


def cases(tx: sa.Connection, reference: str) -> list[Case]:
    """Give the cases of a reference, oldest first."""
    found = sa.select(case_table).where(case_table.c.reference == reference).order_by(case_table.c.opened_at)
    return [_case(row) for row in tx.execute(found).mappings()]


def recent(tx: sa.Connection, limit: int) -> list[Case]:
    """Give the cases that came last, the newest first."""
    found = sa.select(case_table).order_by(case_table.c.opened_at.desc(), case_table.c.id.desc()).limit(limit)
    return [_case(row) for row in tx.execute(found).mappings()]


def unfinished(tx: sa.Connection, limit: int) -> list[Case]:
    """Give the cases that are not closed and wait for a person somewhere, oldest first; what the gate refused waits for nobody."""
    stuck = sa.select(target_table.c.case).where(target_table.c.state.in_(WAITING))
    refused = sa.select(target_table.c.case).where(target_table.c.state == "denied")
    delivered = sa.and_(case_table.c.op == "write", case_table.c.id.in_(refused))
    found = sa.select(case_table).where(case_table.c.id.in_(stuck), case_table.c.closed_at.is_(None), sa.not_(delivered))
    return [_case(row) for row in tx.execute(found.order_by(case_table.c.opened_at, case_table.c.id).limit(limit)).mappings()]


def targets(tx: sa.Connection, case_id: bytes) -> list[Target]:
    """Give the targets of a case in the order in which they are worked on."""
    found = sa.select(target_table).where(target_table.c.case == case_id)
    return [_target(row) for row in tx.execute(found.order_by(target_table.c.rank, target_table.c.service)).mappings()]


def answers(tx: sa.Connection, reference: str) -> list[Target]:
    """Give how the erasure of a reference stands in each service."""
    return [target for one in cases(tx, reference) if one.op == "erase" for target in targets(tx, one.id)]


def due(tx: sa.Connection, service: str, now: datetime, limit: int = 100) -> list[Target]:
    """Give the targets of a service that are due, the longest due first."""
    found = sa.select(target_table).where(target_table.c.service == service, target_table.c.due <= now)
    return [_target(row) for row in tx.execute(found.order_by(target_table.c.due, target_table.c.case).limit(limit)).mappings()]


def waits_for(tx: sa.Connection, one: Target, feeders: Collection[str]) -> bool:
    """Say whether a service that feeds this one has not had its turn of the case yet."""
    before = sa.select(target_table.c.service).where(
        target_table.c.case == one.case, target_table.c.service.in_(feeders), target_table.c.state.in_(("planned", "running"))
    )
    return bool(feeders) and tx.execute(before.limit(1)).first() is not None


def save(tx: sa.Connection, one: Target, before: Target) -> bool:
    """Write how a target stands now; false where somebody else has moved it since."""
    same = sa.and_(
        target_table.c.case == one.case, target_table.c.service == one.service, target_table.c.at == before.at,
        target_table.c.state == before.state,
    )  # fmt: skip
    return bool(tx.execute(sa.update(target_table).where(same).values(_values(one))).rowcount)


def close(tx: sa.Connection, number: bytes, at: datetime) -> None:
    """Write that every target of a case has ended, once."""
    still = sa.and_(case_table.c.id == number, case_table.c.closed_at.is_(None))
    tx.execute(sa.update(case_table).where(still).values(closed_at=at))


def unseal_nothing_more(tx: sa.Connection, number: bytes) -> None:
    """Delete what is sealed of a case; its key can be destroyed then."""
    tx.execute(sa.update(case_table).where(case_table.c.id == number).values(sealed=None))
    tx.execute(sa.update(target_table).where(target_table.c.case == number).values(sealed=None, due=None))


def counts(tx: sa.Connection) -> dict[tuple[str, str], int]:
    """Count targets by (service, state)."""
    query = sa.select(target_table.c.service, target_table.c.state, sa.func.count())
    return {(service, state): count for service, state, count in tx.execute(query.group_by(target_table.c.service, target_table.c.state))}


def keyed(tx: sa.Connection, numbers: Sequence[bytes]) -> set[bytes]:
    """Say which of some numbers are cases whose key is still needed."""
    found = sa.select(case_table.c.keyed).where(case_table.c.keyed.in_(numbers), case_table.c.sealed.is_not(None))
    return set(tx.execute(found).scalars())


def take_lane(tx: sa.Connection, service: str, holder: str, now: datetime, until: datetime) -> bool:
    """Take a service for this process, or keep it; says whether it is ours."""
    lane = lane_table.c
    if tx.execute(sa.select(lane.service).where(lane.service == service)).first() is None:
        tx.execute(sa.insert(lane_table).values(service=service, holder="", held_until=None))
    free = sa.or_(lane.held_until.is_(None), lane.held_until <= now, lane.holder == holder)
    taken = sa.update(lane_table).where(lane.service == service, free).values(holder=holder, held_until=until)
    return bool(tx.execute(taken).rowcount)


def leave_lane(tx: sa.Connection, service: str, holder: str) -> None:
    """Let go of a service."""
    ours = sa.and_(lane_table.c.service == service, lane_table.c.holder == holder)
    tx.execute(sa.update(lane_table).where(ours).values(holder="", held_until=None))


def put_known(tx: sa.Connection, values: Mapping[str, Any]) -> None:
    """Keep that a service holds a record of a person."""
    tx.execute(sa.insert(known_table).values(dict(values)))


def known(tx: sa.Connection, subjects: Collection[bytes], service: str = "") -> list[Any]:
    """Give the rows of what services hold of people, oldest first."""
    found = sa.select(known_table).where(known_table.c.subject.in_(subjects))
    if service:
        found = found.where(known_table.c.service == service)
    return list(tx.execute(found.order_by(known_table.c.at, known_table.c.id)))


def forget(tx: sa.Connection, subjects: Collection[bytes]) -> None:
    """Drop what was known and planned of erased people; an erasure's own case stays without naming them."""
    tx.execute(sa.delete(known_table).where(known_table.c.subject.in_(subjects)))
    theirs = sa.select(case_table.c.id).where(case_table.c.subject.in_(subjects), case_table.c.op != "erase")
    tx.execute(sa.delete(target_table).where(target_table.c.case.in_(theirs)))
    tx.execute(sa.delete(case_table).where(case_table.c.subject.in_(subjects), case_table.c.op != "erase"))
    tx.execute(sa.update(case_table).where(case_table.c.subject.in_(subjects)).values(subject=None))


def position(tx: sa.Connection, name: str) -> int:
    """Give up to where a reader has read the ledger."""
    row = tx.execute(sa.select(cursor_table.c.position).where(cursor_table.c.name == name)).first()
    return int(row[0]) if row is not None else 0


def move(tx: sa.Connection, name: str, before: int, after: int) -> bool:
    """Move a reader on; false where another process has moved it."""
    here = sa.and_(cursor_table.c.name == name, cursor_table.c.position == before)
    if tx.execute(sa.update(cursor_table).where(here).values(position=after)).rowcount:
        return True
    if before or tx.execute(sa.select(cursor_table.c.name).where(cursor_table.c.name == name)).first() is not None:
        return False
    tx.execute(sa.insert(cursor_table).values(name=name, position=after))
    return True
