"""Values of the retention room: what a clock starts at, what is due, the plan, and what a sweep did."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from upheld.db import UpheldError
from upheld.records import Record


@dataclass(frozen=True, slots=True)
class Starts:
    """When the clocks of a record began, as legal days of the company.

    `recorded` is the day of the taking, `last_contact` and `last_visit` the latest such day of the subject or the
    relationship. `ended` names the day each kind of relationship ended; a kind in `open` has not ended.
    """

    recorded: date
    last_contact: date | None = None
    last_visit: date | None = None
    ended: Mapping[str, date] = field(default_factory=dict, hash=False)
    open: frozenset[str] = frozenset()
    declared: Mapping[str, date] = field(default_factory=dict, hash=False)


@dataclass(frozen=True, slots=True)
class Cut:
    """What of a record goes: fields that are `gone`, fields `kept` and under which shred class; the last day past."""

    gone: tuple[str, ...]
    kept: tuple[str, ...]
    shred_class: str
    last_day: date
    clause: str

    @property
    def whole(self) -> bool:
        """Say whether the record goes as a whole."""
        return not self.kept


@dataclass(frozen=True, slots=True)
class Overdue:
    """A record and what of it goes."""

    record: Record
    cut: Cut


@dataclass(frozen=True, slots=True)
class Plan:
    """What an application would erase: counts by situation, no personal data; `hash` covers everything else.

    `watermark` is the ledger size and the hash of what is due; both must still hold when the plan is carried out.
    """

    policy: str
    on: date
    size: int
    due_index: str
    actions: tuple[Mapping[str, Any], ...]
    deletes: int
    hash: str

    def said(self) -> dict[str, Any]:
        """Give the members of the plan as its canonical JSON has them."""
        return {**unhashed(self), "hash": self.hash}


def unhashed(plan: Plan) -> dict[str, Any]:
    """Give what the hash of a plan covers."""
    return {
        "format": "upheld-plan/1",
        "policy": plan.policy,
        "on": plan.on.isoformat(),
        "watermark": {"ledger": plan.size, "due": plan.due_index},
        "actions": [dict(action) for action in plan.actions],
        "deletes": plan.deletes,
    }


@dataclass(frozen=True, slots=True)
class Swept:
    """What a sweep did: people erased wholly, records deleted, records cut to what a statute keeps."""

    on: date
    people: int
    records: int
    kept_by_law: int
    certificate: Mapping[str, Any] = field(hash=False, repr=False)


@dataclass(frozen=True, slots=True)
class Hold:
    """A legal hold on a person: `named` is a statute, or the number of a matter in the company's own files.

    `purpose` is what held data may be read for, `until` its last legal day; times are UTC, actors staff.
    """

    id: bytes
    subjects: tuple[bytes, ...]
    kind: str
    named: str
    purpose: str
    until: date
    placed_by: str
    approved_by: str
    placed_at: datetime
    released_at: datetime | None = None

    def stands(self, on: date) -> bool:
        """Say whether it still keeps data on a legal day."""
        return self.released_at is None and on <= self.until


class PlanError(UpheldError):
    """The plan cannot be carried out."""

    code = "plan_invalid"
    clause = "retention"
    next_step = "Make a new plan with `upheld plan --out FILE` and look at it."


class PlanStaleError(PlanError):
    """What the plan was made on has moved; nothing was erased."""

    code = "plan_stale"


class PlanCountError(PlanError):
    """The number of deletes that was approved is not the plan's; nothing was erased."""

    code = "plan_count"
    next_step = "Approve exactly the number that the plan says, with `--approve-deletes N`."
