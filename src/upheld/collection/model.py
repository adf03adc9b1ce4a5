"""Values of the collection room: what was handed in, what is wrong with it, what was stored."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from upheld.db import b64


@dataclass(frozen=True, slots=True)
class Submission:
    """What someone hands in, unchecked.

    `country` is the declared residence (ISO 3166-1 or -2, empty: none declared); `consents` are the purposes whose
    box was ticked; `lang` is the language of the act; `visitor` a browser's own random id; `relation` the id a
    contract, account or application has outside. An empty string counts as not handed in.
    """

    fields: Mapping[str, Any]
    country: str = ""
    subtype: str = ""
    consents: tuple[str, ...] = ()
    lang: str | None = None
    visitor: str = ""
    relation: str = ""


@dataclass(frozen=True, slots=True)
class Script:
    """What a member of staff confirms: that the purposes were told, by which version of the script, and who told."""

    version: str
    staff: str


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong: refusal code, clause, the field to blame, and the key of the words a form says."""

    code: str
    clause: str
    field: str = ""
    said: str = "not_accepted"


@dataclass(frozen=True, slots=True)
class Admission:
    """The judgement: faults, the most important first; where there are none, what may be stored.

    `origin` is the area of the declared residence; `review` why a person must look first, or empty.
    """

    faults: tuple[Fault, ...]
    values: Mapping[str, Any] = field(default_factory=dict, repr=False)
    origin: str = "unknown"
    consents: tuple[str, ...] = ()
    review: str = ""


@dataclass(frozen=True, slots=True)
class Collected:
    """What was stored: references for the caller, and whether it was stored by an earlier call with the same key."""

    record: str
    subject: str
    receipt: str
    policy_version: str
    review: str = ""
    relation: str = ""
    replayed: bool = False

    def answer(self) -> dict[str, str]:
        """Give the members of the answer; those that say nothing stay out."""
        told = {
            "record": self.record,
            "subject": self.subject,
            "receipt": self.receipt,
            "policy_version": self.policy_version,
            "review": self.review,
            "relation": self.relation,
        }
        return {name: value for name, value in told.items() if value}


@dataclass(frozen=True, slots=True)
class Source:
    """Who gave us data about others, as the law wants it confirmed: name, address, representative, how they came by it."""

    giver: str = ""
    address: str = ""
    representative: str = ""
    acquired: str = ""

    def said(self) -> dict[str, str]:
        """Give what was told, by the word the law's packs use for it."""
        told = {
            "giver": self.giver,
            "address": self.address,
            "representative": self.representative,
            "acquired": self.acquired,
        }
        return {word: text.strip() for word, text in told.items() if text.strip()}


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a file: its number (the first below the heading is 1), and what it holds; None if it cannot be read."""

    number: int
    cells: Mapping[str, Any] | None = field(repr=False)


@dataclass(frozen=True, slots=True)
class RowFault:
    """Why a row was not stored: never what it held."""

    row: int
    code: str
    field: str
    clause: str


@dataclass(slots=True)
class Report:
    """What became of a file: counts of rows; `informed` is how many people must be told, until the day `inform_by`.

    `stopped` is the row at which the import ended before the end of the file, 0 if it did not.
    """

    file: str
    rows: int = 0
    stored: int = 0
    known: int = 0
    faulty: int = 0
    review: int = 0
    informed: int = 0
    inform_by: date | None = None
    stopped: int = 0

    def answer(self) -> dict[str, Any]:
        """Give the members of the answer."""
        return {
            "file": self.file,
            "rows": self.rows,
            "stored": self.stored,
            "known": self.known,
            "faulty": self.faulty,
            "review": self.review,
            "to_inform": self.informed,
            "inform_by": self.inform_by.isoformat() if self.inform_by else None,
            "stopped": self.stopped,
        }


@dataclass(frozen=True, slots=True)
class Owed:
    """A person whose data came from somebody else and who must be told by the last day."""

    record: bytes
    subject: bytes
    regime: str
    due: date
    situation: str

    @property
    def ref(self) -> str:
        """The record's id as base64url."""
        return b64(self.record)
