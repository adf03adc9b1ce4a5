"""What proves the promise and is no part of it: staff roles, reviews, procedures, accepted findings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from upheld.policy.model.frozen import Frozen

_NOTHING: Mapping[str, Any] = Frozen()


@dataclass(frozen=True, slots=True)
class Role:
    """What a staff role may read data for (None means every purpose), and how much of a value it sees."""

    id: str
    purposes: tuple[str, ...] | None
    reviewer: bool
    view: str = "raw"


@dataclass(frozen=True, slots=True)
class Evidence:
    """What proves the promise: not part of it, and changing it makes no new version."""

    roles: Mapping[str, Role]
    accept: tuple[Mapping[str, Any], ...]
    drafts: tuple[str, ...]
    procedures: tuple[Mapping[str, Any], ...]
    clauses: Mapping[str, Mapping[str, Any]]

    def of(self, clause: str) -> Mapping[str, Any]:
        """Give the evidence of a clause, empty where there is none."""
        return self.clauses.get(clause, _NOTHING)
