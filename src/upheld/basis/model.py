"""Values of the room of bases: consent records, standings, the ground a decision rests on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import TypeAlias

CONSENT_STATES = (
    "unknown",
    "requested",
    "request_deferred",
    "refused",
    "given",
    "expired",
    "invalidated",
    "revoked",
    "withdrawn",
    "renewed",
)
"""The states of a consent (ISO/IEC TS 27560); `unknown` is that nothing was ever said, and is never written."""

PERMITTING = frozenset({"given", "renewed"})
"""The only states in which a consent carries anything."""

OBJECTION_STATES = ("objected", "upheld", "overruled")
"""What an objection makes of a purpose: raised; found right; lost against compelling grounds."""

MARKS = ("restricted", "use_ceased", "provision_stopped", "suppressed")
"""Stops that hold beside consent and objection: for one purpose, or for all of them."""

GROUNDS: Mapping[str, tuple[str, ...]] = {
    "restricted": ("accuracy_contested", "unlawful", "needed_for_claims", "objection_pending"),
    "use_ceased": (
        "beyond_purpose", "improper_use", "improper_collection", "no_longer_needed", "leak", "interests_at_risk",
    ),
    "provision_stopped": ("improper_provision", "no_longer_needed", "leak", "interests_at_risk"),
}  # fmt: skip
"""The stops a person may ask for, each with the grounds that the law knows (GDPR 18(1); APPI 35(1), (3), (5))."""

STRICT = frozenset({"refused", "withdrawn", "objected", "upheld", "set"})
"""The states in which a person said no, or a stop is set: of two numbers of one person they count for both."""

AFFIRMED = PERMITTING | {"overruled", "lifted"}
"""The states that end a no."""

EVERY = "*"

HELD_KEY = f"{EVERY}#held"
"""The standing that says whether a legal hold is on a person, so that a read need not look for one; it stops no use."""

Standings: TypeAlias = Mapping[str, str]
"""Standing keys of one person to states: `announce` -> `withdrawn`, `*#restricted` -> `set`.

A part of a purpose has a key of its own: `respond_and_market.improve_for_marketing`.
"""


def mark_key(mark: str, purpose: str = EVERY) -> str:
    """Name the standing of a stop: `*#restricted` for all purposes, `announce#suppressed` for one.

    Its state is `set` or `lifted`.
    """
    if mark not in MARKS:
        raise ValueError("no such stop")
    return f"{purpose}#{mark}"


def part_key(purpose: str, part: str = "") -> str:
    """Name the standing of a purpose, or of one of its parts."""
    return f"{purpose}.{part}" if part else purpose


def whole_of(key: str) -> str:
    """Give the purpose that a standing key is about: of a part, the whole it belongs to."""
    return key.partition("#")[0].partition(".")[0]


@dataclass(frozen=True, slots=True)
class Refused:
    """Why a purpose may not be followed for a person: refusal code and clause."""

    code: str
    clause: str


@dataclass(frozen=True, slots=True)
class Ground:
    """What a decision rests on: the basis of each regime, the interest named, the assessment on file.

    `claims` is set where nothing but legal claims opens what a person has restricted.
    """

    bases: Mapping[str, str]
    interest: str | None = None
    assessment: str | None = None
    statute: str | None = None
    claims: bool = False


@dataclass(frozen=True, slots=True)
class Recorded:
    """What staff put on file for a purpose beside the evidence of the folder; each is the id of its ledger entry or statute."""

    assessment: str | None = None
    statute: str | None = None


@dataclass(frozen=True, slots=True)
class ConsentRecord:
    """One statement about one purpose, as kept by id; what was told stands in the ledger entry.

    `purpose` may name a part. `how` is where it was made: `form:event`, `api`, `receipt`, `link`, `staff`.
    `situation` is the one whose notice was shown. Times are UTC; `until` is the last legal day of a consent that
    was given for a time.
    """

    entry_id: bytes
    subject: bytes
    purpose: str
    state: str
    at: datetime
    policy_version: str
    lang: str
    how: str
    situation: str = ""
    actor: str = "self"
    until: date | None = None


@dataclass(frozen=True, slots=True)
class Assessment:
    """A balancing test recorded by staff: for a purpose, of one of the policy's interests. Times are UTC."""

    entry_id: bytes
    purpose: str
    interest: str
    reference: str
    sha256: str
    actor: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Task:
    """An objection that waits for staff to weigh it. Times are UTC."""

    subject: bytes
    purpose: str
    entry_id: bytes
    since: datetime
