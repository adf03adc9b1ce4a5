"""A double: a system with the real interface of a service, and the hands of somebody who stands behind it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Literal, Protocol

from upheld.services.contract.people import Planted
from upheld.services.port import Service

Hand = Literal["write", "correct", "restrict", "suppress", "lock", "forbid", "hide", "change", "window", "region", "fault", "discover"]
"""What a double may be unable to do because the real system has no such thing."""


class Double(Protocol):
    """One system under test, empty but for the control. Reached over HTTP or a database driver, never by its insides."""

    @property
    def lacks(self) -> Mapping[Hand, str]:
        """Say what the real system has no such thing as, each with the reason; the suite then asks nothing of it."""

    @property
    def now(self) -> datetime:
        """Give the time of the system's clock, UTC."""

    def advance(self, by: timedelta) -> None:
        """Let time pass for the system and for its service."""

    def service(self, credential: Literal["full", "read"] = "full") -> Service:
        """Give a service that talks to the system; `read` has a credential that cannot change anything."""

    def plant(self, person: Planted) -> None:
        """Put a person into every store that the service searches, as the company's own software would: twice at least."""

    def held(self, person: Planted) -> Mapping[str, bytes]:
        """Give what the system shows of a person to its users now, record by record."""

    def others(self, *apart_from: Planted) -> Mapping[str, bytes]:
        """Give everything else the system holds, record by record; times of last access left out."""

    def writes(self) -> int:
        """Count the calls so far that asked for a change."""

    def lock(self, person: Planted) -> None:
        """Put the system's own lock on one record of a person."""

    def forbid(self, person: Planted) -> None:
        """Take the right to erase one record of a person from the service's credential."""

    def hide(self, person: Planted) -> None:
        """Keep a person's records out of the service's sight without deleting them."""

    def change(self, person: Planted) -> None:
        """Change one record of a person, as its owner would between plan and erasure."""

    def move(self) -> None:
        """Put one store into a country that the policy does not name."""

    def clutter(self) -> Mapping[str, str]:
        """Add what no map says: gives the store or `store.field` with the slug that must be found for it."""

    def fault(self, kind: str, *, after: int = 0, times: int = 1) -> None:
        """Let the calls after the next `after` fail in one way, `times` times; kinds are those of `faults`."""

    @property
    def faults(self) -> tuple[str, ...]:
        """Name the faults this system can have."""

    def requests(self) -> str:
        """Give every URL and query text the system was asked with, to be searched for values."""

    def close(self) -> None:
        """End what was started."""
