"""Values of the rights room: a request, what it costs and by when it is answered, the plan of an erasure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

AT_ONCE = frozenset({"consent_withdrawal", "objection"})
"""Rights that act with the request itself, once it is sure whose request it is."""

STOPS: Mapping[str, str] = {
    "restriction": "restricted", "cease_use": "use_ceased", "stop_provision": "provision_stopped",
}  # fmt: skip
"""Rights that stop use, and the stop that each sets (GDPR 18; APPI 35)."""

CARRIED_OUT = frozenset({"access", "erasure", "safeguard_details", *STOPS})
"""Rights whose steps are carried out here; the others are received, dated and answered by staff."""


@dataclass(frozen=True, slots=True)
class Terms:
    """Under which regime a right is asked for, its citation, the last day to answer, and the fee in yen with tax."""

    regime: str
    citation: str
    due: date | None
    suit_from: date | None
    net: int
    tax: int
    total: int


@dataclass(frozen=True, slots=True)
class Request:
    """One request with a right. It holds no name and no address: `subject` is the number in the store.

    `due` and `arrived` are legal days of the company; `total` yen including tax; `decided_by` a staff actor.
    """

    number: str
    right: str
    regime: str
    residence: str
    lang: str
    state: str
    arrived_at: datetime
    due: date | None
    total: int
    subject: bytes | None = None
    purposes: tuple[str, ...] = ()
    identified_by: str = ""
    decided_by: str = ""
    ground: str = ""
    closed_at: datetime | None = None
    certificate: Mapping[str, Any] = field(default_factory=dict, hash=False, repr=False)

    @property
    def open(self) -> bool:
        """Say whether something is still to be done."""
        return self.state not in {"closed", "withdrawn"}


@dataclass(frozen=True, slots=True)
class Staying:
    """What an erasure leaves because a statute keeps it: situation, fields, statute, last day."""

    situation: str
    fields: tuple[str, ...]
    lock: str
    statute: str
    until: date


@dataclass(frozen=True, slots=True)
class ErasurePlan:
    """What an erasure would take, counted before it begins: records by situation, what stays and why."""

    records: Mapping[str, int]
    relations: int
    consents: int
    services: tuple[str, ...]
    stays: tuple[Staying, ...] = ()
    ground: str = ""

    def said(self) -> dict[str, Any]:
        """Give the plan as data."""
        return {
            "records": dict(self.records),
            "relations": self.relations,
            "consents": self.consents,
            "services": list(self.services),
            "stays": [
                {
                    "situation": one.situation,
                    "fields": list(one.fields),
                    "statute": one.statute,
                    "until": one.until.isoformat(),
                }
                for one in self.stays
            ],
            "refused": self.ground,
        }
