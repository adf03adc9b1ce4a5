"""Values of the notice room: a published version, what must be told in a situation, what a person was shown."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from upheld.policy.model import (
    NO_TEXT,
    CompiledPolicy,
    End,
    Purpose,
    Recipient,
    Right,
    Service,
    Situation,
)


@dataclass(frozen=True, slots=True)
class Published:
    """One published version and the interval in which it is in force; times are UTC.

    `superseded_at` is None while no later version is to follow. `documents` gives the SHA-256 of each
    document the evidence cites, by path; `evidence_since` is when that evidence was put beside the promise.
    """

    policy: CompiledPolicy
    version: str
    published_at: datetime
    effective_from: datetime
    superseded_at: datetime | None
    evidence_since: datetime
    documents: Mapping[str, str] = field(default=NO_TEXT, hash=False, repr=False)

    def in_force(self, at: datetime) -> bool:
        """Say whether this version is the one in force at a moment."""
        return self.effective_from <= at and (self.superseded_at is None or at < self.superseded_at)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What a person was shown: where, which version in which language, for which area, and its fingerprint.

    The fingerprint changes only when what was agreed changes, never with the wording.
    """

    surface: str
    version: str
    promise_hash: str
    lang: str
    area: str
    fingerprint: str


@dataclass(frozen=True, slots=True)
class Shown:
    """One showing of a snapshot: its own random id and the moment, in UTC."""

    snapshot: Snapshot
    id: str
    at: datetime

    @property
    def digest(self) -> str:
        """Give what is stored of the id, so that a stolen store spends no receipt."""
        return hashlib.sha256(b"notice|" + self.id.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Told:
    """One purpose as a notice tells it: its basis in each regime, and whether consent is asked for it."""

    purpose: Purpose
    act: str
    bases: Mapping[str, str]
    interest: str | None
    consent: bool


@dataclass(frozen=True, slots=True)
class Sheet:
    """Everything a person must know before handing anything over in one situation."""

    situation: Situation
    purposes: tuple[Told, ...]
    services: tuple[Service, ...]
    recipients: tuple[Recipient, ...]
    countries: tuple[str, ...]
    ends: tuple[End, ...]
    rights: tuple[Right, ...]

    @property
    def consents(self) -> tuple[str, ...]:
        """Give the purposes for which consent is asked."""
        return tuple(told.purpose.id for told in self.purposes if told.consent)
