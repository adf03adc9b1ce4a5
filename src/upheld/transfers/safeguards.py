"""What protects data abroad, as anybody may ask: for each recipient the countries, the means, and since when; pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from upheld.policy.law import Law
from upheld.policy.law.adequacy import SAME_AREA, adequacy_table, adequate
from upheld.policy.model import CompiledPolicy, Recipient, Service
from upheld.transfers.model import Stop
from upheld.transfers.rules import AREAS, carried

JAPAN = "jp"
INSTRUMENTS = ("scc", "uk_addendum", "idta", "other_contract")
"""What was signed, of which a copy can be had."""


@dataclass(frozen=True, slots=True)
class Way:
    """One country that a recipient reaches and what protects the data there.

    `day` is when it was signed, last checked or, for a decision on the country, in force first; such a decision has
    its `reference` and the address `url` of its text.
    """

    country: str
    means: str
    day: date | None = None
    reference: str = ""
    url: str = ""

    @property
    def copy(self) -> bool:
        """Say whether there is a paper of which a copy can be had."""
        return self.means in INSTRUMENTS


@dataclass(frozen=True, slots=True)
class Safeguard:
    """One that gets data, under one regime. `checked` and `again` are the days of the last and the next review.

    Who works for us is a service; whoever uses the data for ends of their own, or with us, is a recipient, and is
    not reviewed. `sheets` names the countries of which the policy has a sheet on their system of law.
    """

    party: Service | Recipient
    regime: str
    ways: tuple[Way, ...]
    checked: date | None
    again: date | None
    sheets: tuple[str, ...]


def safeguards(policy: CompiledPolicy, law: Law, on: date) -> dict[str, tuple[Safeguard, ...]]:
    """Give for each regime of the policy what protects the data at each recipient outside its area.

    A recipient whose data stay inside has no line. A way without a valid means is named with the means `none`.
    Clause: transfers.details_on_request (GDPR 13(1)(f), 15(2), APPI 28(3))
    """
    found: dict[str, tuple[Safeguard, ...]] = {}
    for regime in policy.reach:
        if regime == JAPAN or regime in AREAS:
            rows = [_safeguard(policy, law, service, regime, on) for service in policy.services.values()]
            rows += [_handed(policy, one, regime, on) for one in policy.recipients.values() if regime in one.ground]
            found[regime] = tuple(one for one in rows if one.ways)
    return found


def _safeguard(policy: CompiledPolicy, law: Law, service: Service, regime: str, on: date) -> Safeguard:
    proof = policy.evidence.of(f"services.{service.id}")
    ways = tuple(_japan(policy, service, proof) if regime == JAPAN else _abroad(policy, law, service, regime, proof, on))
    review: Mapping[str, Any] = proof.get("review", {})
    return Safeguard(service, regime, ways, _day(review, "last"), _day(review, "next"), _sheets(policy, ways))


def _handed(policy: CompiledPolicy, recipient: Recipient, regime: str, on: date) -> Safeguard:
    """Give what protects data at somebody who uses them for ends of their own: a decision on their country, or nothing.

    Clause: recipients (APPI 28(1), GDPR 13(1)(f), 45; UK GDPR 45A)
    """
    ways = []
    for country in recipient.country:
        decision = adequate(AREAS[regime], country, on)
        if decision is None:
            ways.append(Way(country, "none"))
        elif decision != SAME_AREA:
            ways.append(_decided(regime, country, decision))
    return Safeguard(recipient, regime, tuple(ways), None, None, _sheets(policy, ways))


def _sheets(policy: CompiledPolicy, ways: Iterable[Way]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(way.country for way in ways if way.country in policy.countries))


def _decided(regime: str, country: str, decision: str) -> Way:
    """Name the decision that carries a hop: its day, its number and where its text is read."""
    found = next(one for one in adequacy_table().entries[AREAS[regime]] if one.id == decision)
    means = "designated" if regime == JAPAN else "adequacy"
    return Way(country, means, found.in_force.start, found.reference or "", found.url or "")


def _japan(policy: CompiledPolicy, service: Service, proof: Mapping[str, Any]) -> Iterator[Way]:
    """Give the position under Japanese law in each foreign country.

    Clause: services (APPI 28(3), Rules 18(3))
    """
    position = service.transfer.get(JAPAN, "")
    for country in service.countries:
        if country != policy.controller.country and position:
            yield Way(country, position, _day(proof.get("equivalent_system", {}), "checked"))


def _abroad(
    policy: CompiledPolicy, law: Law, service: Service, regime: str, proof: Mapping[str, Any], on: date
) -> Iterator[Way]:
    """Give what carries data out of the area of a regime to each country outside it.

    Clause: transfers (GDPR 45, 46, UK GDPR 45A, 46)
    """
    for country in service.countries:
        means = carried(policy, law, service, regime, country, on)
        if isinstance(means, Stop):
            yield Way(country, "none")
        elif means != SAME_AREA:
            signed = means in INSTRUMENTS
            yield Way(country, means, _day(proof.get(means, {}), "signed")) if signed else _decided(regime, country, means)


def _day(part: Any, key: str) -> date | None:
    found = part.get(key) if isinstance(part, Mapping) else None
    return found if isinstance(found, date) else None
