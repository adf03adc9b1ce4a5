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


@dataclass(frozen=True, slots=True)
class Can:
    """What a service does in one of its stores; anything less than full says why."""

    store: str
    op: Op
    level: Level
    reason: str = ""
    lingers: timedelta | None = None

    def __post_init__(self) -> None:
        """Refuse a limit without its reason: raises ValueError."""
        if self.level != "full" and not self.reason:
            raise ValueError(f"{self.store} {self.op}: {self.level} without a reason")


@dataclass(frozen=True, slots=True)
class Ref:
    """One record outside. Its key and version may tell of a person, so neither is ever printed.

    `owner` says whose it is: the person's own, shared with others and not ours to delete alone, or another
    person's that only names this one.
    """

    store: str
    key: tuple[object, ...] = field(repr=False)
    version: bytes = field(repr=False, compare=False)
    owner: Literal["subject", "shared", "other"] = "subject"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one record. `code` is why, in ids of the service's map or of the law; never a value."""

    word: Word
    code: str = ""
    until: datetime | None = None


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
