"""Values of the room of bases: consent records, standings, the ground a decision rests on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

CONSENT_STATES = ("given", "refused", "withdrawn", "objected", "overruled")
"""How a purpose stands for a person; `overruled` is an objection that lost against compelling grounds."""

MARKS = ("restricted", "use_ceased", "provision_stopped", "suppressed")
"""Stops that hold beside consent and objection: for one purpose, or for all of them."""

EVERY = "*"

Standings: TypeAlias = Mapping[str, str]
"""Standing keys of one person to states: `announce` -> `withdrawn`, `*#restricted` -> `set`."""


def mark_key(mark: str, purpose: str = EVERY) -> str:
    """Name the standing of a stop: `*#restricted` for all purposes, `announce#suppressed` for one.

    Its state is `set` or `lifted`.
    """
    if mark not in MARKS:
        raise ValueError("no such stop")
    return f"{purpose}#{mark}"


@dataclass(frozen=True, slots=True)
class Refused:
    """Why a purpose may not be followed for a person: refusal code and clause."""

    code: str
    clause: str


@dataclass(frozen=True, slots=True)
class Ground:
    """What a decision rests on: the basis of each regime, the interest named, the assessment on file."""

    bases: Mapping[str, str]
    interest: str | None = None
    assessment: str | None = None
    statute: str | None = None


@dataclass(frozen=True, slots=True)
class ConsentRecord:
    """One statement of a person about one purpose, as kept by id; what was told stands in the ledger entry.

    `how` is where it was made: `form:event`, `api`, `receipt`. Times are UTC.
    """

    entry_id: bytes
    subject: bytes
    purpose: str
    state: str
    at: datetime
    policy_version: str
    lang: str
    how: str
