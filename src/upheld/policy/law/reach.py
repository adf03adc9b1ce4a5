"""Which regimes protect someone: from what the policy says of its reach, and where the person lives."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Any, TypeAlias

from upheld.policy.law.book import EEA, UNKNOWN, Law, load_law

EVERYONE = "everyone"
Reach: TypeAlias = str | Mapping[str, Any]


def area_contains(outer: str, inner: str, law: Law | None = None) -> bool:
    """Say whether an area lies inside another: DE in EEA, US-CA in US, each in itself."""
    if outer == inner:
        return True
    if outer == EEA:
        return (law or load_law()).in_eea(inner)
    return "-" not in outer and inner.startswith(f"{outer}-")


def regimes(
    reach: Mapping[str, Reach],
    packs: Iterable[str],
    area: str,
    on: date,
    law: Law,
    controller: str | None = None,
    age: int | None = None,
) -> tuple[str, ...]:
    """Give the regimes that hold for a person, those that name an area or a controller first.

    A regime holds if one of its packs is listed and in force that day, and it reaches everyone or all its
    conditions are met. An area not declared, a controller or an age not known never loses protection:
    with area `unknown` every regime that has law in force holds.
    Clause: policy.law (GDPR 3)
    """
    alive = {law.regime_of(pack) for pack in packs if law.pack_in_force(pack, on)}
    held = [
        regime
        for regime, condition in reach.items()
        if regime in alive and (area == UNKNOWN or _meets(condition, area, law, controller, age))
    ]
    return tuple(sorted(held, key=lambda regime: not _leads(reach[regime])))


def leading(held: Sequence[str], reach: Mapping[str, Reach]) -> tuple[str, ...]:
    """Give the regimes that decide rights, clocks, fee and authority: those that lead, else all that hold."""
    return tuple(regime for regime in held if _leads(reach[regime])) or tuple(held)


def _leads(condition: Reach) -> bool:
    return not isinstance(condition, str) and ("area" in condition or "controllers" in condition)


def _meets(condition: Reach, area: str, law: Law, controller: str | None, age: int | None) -> bool:
    if isinstance(condition, str):
        return condition == EVERYONE
    areas = condition.get("area")
    if areas is not None and not any(area_contains(outer, area, law) for outer in areas):
        return False
    controllers = condition.get("controllers")
    if controllers is not None and controller is not None and controller not in controllers:
        return False
    limit = condition.get("age_below")
    return limit is None or age is None or age < int(limit)
