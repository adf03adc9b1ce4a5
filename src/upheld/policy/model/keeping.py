"""How long it is kept: clocks, kinds of people, narrower rules, and what a statute keeps longer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from upheld.policy.model.frozen import Text
from upheld.policy.period import Period


@dataclass(frozen=True, slots=True)
class End:
    """A clock: the start word, the period, and how it is counted."""

    after: str
    period: Period
    count: str


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of person and when their data ends; the earliest end wins."""

    id: str
    text: Text | None
    ends: tuple[End, ...]


@dataclass(frozen=True, slots=True)
class RetentionRule:
    """A period narrower than the kind's: for situations, fields, or both; a floor keeps data at least so long."""

    id: str
    situations: tuple[str, ...] | None
    fields: tuple[str, ...] | None
    ends: tuple[End, ...]
    floor: str | None


@dataclass(frozen=True, slots=True)
class LongerByLaw:
    """Fields that a statute keeps beyond the period, readable for one purpose only."""

    id: str
    statute: str
    text: Text
    situations: tuple[str, ...]
    fields: tuple[str, ...]
    purpose: str
    end: End | None


@dataclass(frozen=True, slots=True)
class Retention:
    """How long data is kept."""

    text: Text
    ceiling: End | None
    kinds: Mapping[str, Kind]
    rules: tuple[RetentionRule, ...]
    longer_by_law: tuple[LongerByLaw, ...]
    starts: Mapping[str, Mapping[str, str]]
    proof: Mapping[str, Any]
