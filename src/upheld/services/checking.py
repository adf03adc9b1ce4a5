"""Asking one service what it can do, where it stores and what its map does not say; nothing is changed there."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from upheld.notice import House
from upheld.services import cases
from upheld.services.model import Can, Place, Seen
from upheld.services.written import MapError, Trouble


@dataclass(frozen=True, slots=True)
class Looked:
    """What a service said of itself; `control` is how many records of the control it finds."""

    name: str
    capabilities: tuple[Can, ...]
    places: tuple[Place, ...]
    findings: tuple[Seen, ...]
    control: int

    def said(self) -> dict[str, Any]:
        """Give it as data."""
        return {
            "service": self.name,
            "capabilities": [
                {"store": one.store, "op": one.op, "level": one.level, "reason": one.reason,
                 "lingers_days": one.lingers.days if one.lingers else None, "needs": list(one.needs)}
                for one in self.capabilities
            ],
            "places": [{**asdict(one), "seen": one.seen.isoformat()} for one in self.places],
            "findings": [asdict(one) for one in self.findings],
            "control": self.control,
        }  # fmt: skip


def look(house: House, name: str) -> Looked:
    """Ask a service; raises MapError for a name that has no connection, ServiceError, SecretError.

    Clause: services (APPI 25; GDPR 28)
    """
    reached = cases.reach(house)
    if name not in reached.of:
        known = ", ".join(reached.of) or "none"
        raise MapError((Trouble("connection_missing", "connections", f"there is none of that name; there are: {known}"),))
    with reached.opened(name) as service:
        control = reached.of[name].control
        seen = sum(1 for one in service.find(control) if one.owner == "subject") if control else 0
        return Looked(name, service.capabilities(), tuple(service.locations()), tuple(service.discover()), seen)
