"""Values of the notice room: a published version, and what a notice receipt says was shown."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from upheld.policy.model import NO_TEXT, CompiledPolicy


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
