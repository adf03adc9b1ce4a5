"""The table of the schedule: one row a job, and the row's lease."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from upheld.db import UtcMs, data_metadata
from upheld.workflows.model import Standing

schedule_table = sa.Table(
    "schedule",
    data_metadata,
    sa.Column("name", sa.String(40), primary_key=True),
    sa.Column("due", UtcMs, nullable=False),
    sa.Column("started", UtcMs),
    sa.Column("finished", UtcMs),
    sa.Column("done", sa.String(200), nullable=False),
    sa.Column("failed", sa.String(80), nullable=False),
    sa.Column("failures", sa.Integer, nullable=False),
    sa.Column("holder", sa.String(32), nullable=False),
    sa.Column("held_until", UtcMs),
    comment="what is done daily: when it is due, what the last run did, who is at it and until when that counts",
)
_OF = schedule_table.c
_FRESH: dict[str, Any] = {"done": "{}", "failed": "", "failures": 0, "holder": ""}


def standings(tx: sa.Connection) -> dict[str, Standing]:
    """Give how every job stands, by name."""
    rows = tx.execute(sa.select(schedule_table)).mappings()
    return {row["name"]: Standing(**{**row, "done": json.loads(row["done"])}) for row in rows}


def enter(tx: sa.Connection, name: str, due: datetime) -> None:
    """Put a job on the schedule that is not there yet."""
    if tx.execute(sa.select(_OF.name).where(_OF.name == name)).first() is None:
        tx.execute(sa.insert(schedule_table).values(name=name, due=due, **_FRESH))


def take(tx: sa.Connection, name: str, holder: str, now: datetime, until: datetime, *, early: bool = False) -> bool:
    """Take a job that is due (or, `early`, is not) and that nobody holds; gives whether it is ours now."""
    free = sa.or_(_OF.held_until.is_(None), _OF.held_until <= now)
    if early:  # a try that only waits for its time is nobody's
        free = sa.or_(free, _OF.holder == "")
    due = sa.true() if early else _OF.due <= now
    ours = sa.update(schedule_table).where(_OF.name == name, due, free)
    return bool(tx.execute(ours.values(holder=holder, held_until=until, started=now)).rowcount)


def keep(tx: sa.Connection, name: str, holder: str, until: datetime) -> bool:
    """Give a sign of life; false where somebody else has taken the job over."""
    ours = sa.and_(_OF.name == name, _OF.holder == holder)
    return bool(tx.execute(sa.update(schedule_table).where(ours).values(held_until=until)).rowcount)


def leave(tx: sa.Connection, name: str, holder: str, **values: Any) -> None:
    """Write how a run ended and let go, unless somebody else has taken the job over."""
    ours = sa.and_(_OF.name == name, _OF.holder == holder)
    tx.execute(sa.update(schedule_table).where(ours).values(**_FRESH | values))
