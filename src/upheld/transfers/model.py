"""Values of the transfers room: a hop that may be made and on what it rests, or the first reason why not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

from upheld.policy.model import Frozen


@dataclass(frozen=True, slots=True)
class Route:
    """A hop that may be made on a day.

    `positions` names the Japanese position of each country reached, `mechanisms` what carries the data of people
    under a regime (`eea`, `uk`) to each country. Both are empty where no law of the policy asks.
    """

    service: str
    purpose: str
    on: date
    positions: Mapping[str, str] = field(default_factory=Frozen, hash=False)
    mechanisms: Mapping[str, Mapping[str, str]] = field(default_factory=Frozen, hash=False)

    @property
    def allow(self) -> bool:
        """Say that the hop may be made."""
        return True


@dataclass(frozen=True, slots=True)
class Stop:
    """The first step of the gate that failed: its code, the clause, and the country or field it is about."""

    code: str
    clause: str
    country: str | None = None
    field: str | None = None

    @property
    def allow(self) -> bool:
        """Say that the hop may not be made."""
        return False
