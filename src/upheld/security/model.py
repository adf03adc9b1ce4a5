"""Values of the security room: who asks, what is asked, how long data may be read, and what was read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Protocol

import sqlalchemy as sa

from upheld.basis.model import Ground, Recorded, Refused, Standings
from upheld.notice import House
from upheld.policy.law import Law
from upheld.policy.model import CompiledPolicy, Frozen
from upheld.records import Record, Relation
from upheld.records.views import View


@dataclass(frozen=True, slots=True)
class Rules:
    """The document with the rules for handling, as today's evidence names it: version and SHA-256."""

    version: str
    hash: str


@dataclass(frozen=True, slots=True)
class Reader:
    """Who asks: a member of staff, or a program with scopes of its own.

    `purposes` are those the reader's roles or scopes cover, None for every purpose. Staff need training that is
    valid (`trained_until` is its last day) and the rules of the day accepted; a program answers to its scopes alone.
    `views` are the purposes for which not everything of a value is seen.
    """

    actor: str
    purposes: frozenset[str] | None
    staff: bool = True
    reviewer: bool = False
    trained_until: date | None = None
    accepted: Rules | None = None
    scopes: frozenset[str] = frozenset()
    views: Mapping[str, View] = field(default_factory=Frozen)

    def covers(self, purpose: str) -> bool:
        """Say whether a role or scope covers a purpose."""
        return self.purposes is None or purpose in self.purposes


LEGAL_HOLD = "legal-hold"
"""The id of the locks that holds of staff are; no rule of a policy can have it."""


@dataclass(frozen=True, slots=True)
class Lock:
    """Fields that a statute or a legal hold keeps: readable for one purpose only, until its last day."""

    id: str
    statute: str
    purpose: str
    fields: frozenset[str]
    until: date

    @property
    def clause(self) -> str:
        """Give the clause that it follows."""
        return "retention.longer_by_law" if self.id == LEGAL_HOLD else f"retention.longer_by_law.{self.id}"


@dataclass(frozen=True, slots=True)
class Kept:
    """How long a record may be read: the last day of each field (None: the clock has not begun), and the locks."""

    ends: Mapping[str, date | None]
    locks: tuple[Lock, ...] = ()
    clause: str = "retention.ceiling"

    def over(self, name: str, on: date) -> bool:
        """Say whether a field's last day is past."""
        end = self.ends.get(name)
        return end is not None and end < on

    @property
    def last_day(self) -> date | None:
        """Give the last day of the longest kept field, locks apart; None while a clock has not begun."""
        ends = [end for end in self.ends.values() if end is not None]
        return None if len(ends) < len(self.ends) or not ends else max(ends)


class Keeping(Protocol):
    """Tells how long a record may be read; the room of retention answers it."""

    def __call__(
        self, house: House, tx: sa.Connection, record: Record, policy: CompiledPolicy, *, held: bool | None = None
    ) -> Kept:
        """Give the periods of a record under the policy of its own version; `held` says whether a hold is on the person."""
        ...


@dataclass(frozen=True, slots=True)
class Ask:
    """What is asked of one record: its situation and origin, the purpose, the fields, whether it awaits a review.

    `part` names one part of the purpose; `approver` who approved a read for legal claims.
    """

    situation: str
    purpose: str
    fields: tuple[str, ...]
    origin: str
    review: str = ""
    part: str = ""
    approver: str = ""


@dataclass(frozen=True, slots=True)
class Now:
    """What holds on the day of the question: the version in force with its evidence, the law, the rules for handling."""

    policy: CompiledPolicy
    law: Law
    on: date
    rules: Rules | None


@dataclass(frozen=True, slots=True)
class Person:
    """What stands about the person of a record: periods, standings, the relationship the use is for."""

    kept: Kept
    standings: Standings = field(default_factory=Frozen)
    contract: Relation | None = None
    open_kinds: tuple[str, ...] = ()
    recorded: Recorded | None = None


@dataclass(frozen=True, slots=True)
class Permit:
    """The gate is open: the ground it rests on, or the lock that opens it.

    `usable` are the fields that may leave where it is not for the record's own version to say; `told` is the later
    version under whose notice the person consented to the purpose.
    """

    ground: Ground
    clause: str
    lock: Lock | None = None
    usable: tuple[str, ...] | None = None
    told: str = ""


@dataclass(frozen=True, slots=True)
class Shut:
    """The gate is shut: which step refused, the further the later, and why."""

    step: int
    refused: Refused


@dataclass(frozen=True, slots=True)
class ReadRecord:
    """What was read of one record, under which version, and the ledger entry that says so."""

    record: str
    situation: str
    policy_version: str
    collected_at: datetime
    fields: Mapping[str, Any] = field(repr=False)
    entry: str = ""


@dataclass(frozen=True, slots=True)
class Reading:
    """What was read of one person for a purpose."""

    subject: str
    purpose: str
    records: tuple[ReadRecord, ...]
    view: View = "raw"

    @property
    def fields(self) -> Mapping[str, Any]:
        """Give one value a field, of the record taken last that has it."""
        merged: dict[str, Any] = {}
        for one in self.records:
            merged.update(one.fields)
        return Frozen(merged)


@dataclass(frozen=True, slots=True)
class Account:
    """A staff account: number, name, roles held now, training and rules. Days are legal days."""

    number: int
    name: str
    roles: tuple[str, ...]
    trained_until: date | None
    course: str
    accepted: Rules | None


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key of a program: bound to a staff account or to scopes, never longer than a year."""

    id: str
    label: str
    staff: int | None
    scopes: tuple[str, ...]
    created_at: datetime
    expires_at: datetime
    revoked: bool
