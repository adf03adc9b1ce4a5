"""Values of the collection room: what was handed in, what is wrong with it, what was stored."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


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
