"""Values every service speaks in: what it can do, what it found, what would be done, and what came of each record."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Literal

from upheld.policy.model import Frozen

Op = Literal["find", "fetch", "write", "correct", "restrict", "release", "suppress", "unsuppress", "erase"]
Level = Literal["full", "partial", "none"]
Identities = Mapping[str, tuple[str, ...]]
"""How a person is known outside: kind of identifier to its values, as the person gave them."""

Word = Literal["done", "already", "detached", "held", "denied", "conflict", "retry_at", "pending_window", "failed"]
"""What comes of one record. `pending_window`: gone for the service's users, still kept by its operator until a day."""


@dataclass(frozen=True, slots=True)
class Can:
    """What a service does in one of its stores; anything less than full says why.

    `lingers` is how long the operator keeps what was deleted, `needs` the permissions and switches it takes.
    """

    store: str
    op: Op
    level: Level
    reason: str = ""
    lingers: timedelta | None = None
    needs: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Refuse a limit without its reason: raises ValueError."""
        if self.level != "full" and not self.reason:
            raise ValueError(f"{self.store} {self.op}: {self.level} without a reason")


@dataclass(frozen=True, slots=True)
class Place:
    """Where a store lies: a country, the operator's name for the region, and how that is known."""

    store: str
    country: str
    region: str
    how: Literal["api", "contract", "statement"]
    seen: datetime


@dataclass(frozen=True, slots=True)
class Ref:
    """One record outside. Its key and version may tell of a person, so neither is ever printed.

    `owner` says whose it is: the person's own, shared with others and not ours to delete alone, or another
    person's that only names this one. `store` and `key` make it the same record, whatever its version.
    """

    store: str
    key: tuple[object, ...] = field(repr=False)
    version: bytes = field(repr=False, compare=False)
    owner: Literal["subject", "shared", "other"] = field(default="subject", compare=False)


@dataclass(frozen=True, slots=True)
class Item:
    """What a service holds in one record, for an answer to the person: fields by their name there."""

    ref: Ref
    fields: Mapping[str, str] = field(repr=False, hash=False)
    third_parties: tuple[str, ...] = ()
    """Names of fields whose words may be other people's; shown to the person only after somebody has looked."""


@dataclass(frozen=True, slots=True)
class Job:
    """One thing to do to frozen records of one person. Doing it twice must do no more than once.

    `change` has new values by field of the policy (for `correct`, `write`), `before` the values that a correction
    expects to find. `idem` is a keyed hash that a service may give its operator as the request's own id.
    """

    op: Op
    who: Identities = field(repr=False, hash=False)
    refs: tuple[Ref, ...] = field(repr=False)
    idem: str = ""
    change: Mapping[str, str] = field(default_factory=Frozen, repr=False, hash=False)
    before: Mapping[str, str] = field(default_factory=Frozen, repr=False, hash=False)


@dataclass(frozen=True, slots=True)
class Delivery:
    """A record on its way out: the fields that the purposes need, and the gate's leave for it.

    `fields` are by field of the policy. `decision` is the ledger entry of the gate's leave; there is no delivery
    without one. `known` are the records that the service already holds of the person.
    """

    who: Identities = field(repr=False, hash=False)
    fields: Mapping[str, str] = field(repr=False, hash=False)
    purposes: tuple[str, ...]
    decision: str
    idem: str
    known: tuple[Ref, ...] = field(default=(), repr=False)

    def __post_init__(self) -> None:
        """Refuse what the gate has not let through: raises ValueError."""
        if not self.decision:
            raise ValueError("transfer_not_decided")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one record. `code` is why, in ids of the service's map or of the law; never a value.

    `evidence` is the operator's own id of the request or job. `until` is when to try again, when a lock ends, or
    when the operator's own copies are gone.
    """

    word: Word
    code: str = ""
    until: datetime | None = None
    evidence: str = ""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What looking again showed. Counts of records by store.

    `void` means the control was not seen by the same look-up, so that finding nothing proves nothing.
    """

    state: Literal["verified", "left", "void"]
    before: int
    after: int
    control: int
    left: Mapping[str, int] = field(default_factory=Frozen, hash=False)
    until: date | None = None
    """The last day on which copies of the service's own may hold what is gone for its users."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What a look at a live service showed of one of its fields or stores; never a value of a person.

    `what` is the slug of the finding (`field_not_in_policy`, `store_undeclared`, `region_mismatch`...), `kind` the
    class of personal data that samples looked like, `share` how many of them did, from 0 to 1.
    """

    store: str
    field: str
    what: str
    kind: str = ""
    share: float = 0.0
    count: int = 0
