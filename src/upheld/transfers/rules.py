"""The gate before every hop: recipient, contract and region, country, Japanese position, mechanism of the origin.

Purpose, standing, basis and period of the record were asked before, as for any read. The steps keep their
order, so the first that fails is the one told. Everything is today's: services, evidence, law.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import date, timedelta
from typing import Any

from upheld.policy.law import Law, Rule, area_contains, regimes
from upheld.policy.law.adequacy import DpfEvidence, adequate
from upheld.policy.model import CompiledPolicy, Frozen, Service
from upheld.policy.period import Period
from upheld.transfers.model import Route, Stop
from upheld.transfers.regions import country_of

AREAS: Mapping[str, str] = {"eea": "EEA", "uk": "GB", "jp": "JP"}
CHECK_EVERY = Period(1, "Y")
"""How often an equivalent system is looked at: the law says periodically (Rules 18), the year is ours."""


def permitted(
    policy: CompiledPolicy,
    law: Law,
    service: str,
    origin: str,
    purpose: str,
    fields: Iterable[str],
    on: date,
    region: str | None = None,
    *,
    situation: str | None = None,
    consents: Collection[str] = (),
) -> Route | Stop:
    """Say on what a hop to a service rests, or the first step that stops it.

    `origin` is the declared area of the person, `region` where the object would lie, `situation` where the data
    came from (applicants' data need a certification that covers them). `consents` are the sheets the person
    consented to, as `US 1`: a transfer that rests on consent needs the sheet in force.

    Clause: services (APPI 23, 25, 28, GDPR 44, UK GDPR 44A)
    """
    row = policy.services.get(service)
    undeclared = next((name for name in fields if name not in policy.fields), None)
    if undeclared is not None:
        return Stop("field_not_declared", "collection.fields", field=undeclared)
    if row is None or purpose not in row.purposes:
        return Stop("service_unknown", f"services.{service}" if row else "services")
    held = regimes(policy.reach, policy.packs, origin, on, law)
    stop = _order(policy, law, row, on, region) or assessed(policy, law, row.countries, held, on)
    if stop is not None:
        return stop
    positions = _positions(policy, law, row, held, on, consents)
    if isinstance(positions, Stop):
        return positions
    hiring = _hiring(policy, row, situation)
    mechanisms: dict[str, Mapping[str, str]] = {}
    for regime in asking(policy, law, held, "transfer.mechanism", on):
        carried = _mechanisms(policy, law, row, regime, origin, on, hiring)
        if isinstance(carried, Stop):
            return carried
        mechanisms[regime] = carried
    return Route(service, purpose, on, positions, Frozen(mechanisms))


def asking(policy: CompiledPolicy, law: Law, held: Iterable[str], rule: str, on: date) -> tuple[str, ...]:
    """Give those of the regimes that hold whose law has the rule in force."""
    asked = {found.regime for found in law.rule(policy.packs, rule, on)}
    return tuple(regime for regime in held if regime in asked)


def _evidence(policy: CompiledPolicy, service: Service) -> Mapping[str, Any]:
    return policy.evidence.of(f"services.{service.id}")


def _order(policy: CompiledPolicy, law: Law, service: Service, on: date, region: str | None) -> Stop | None:
    """Ask for a contract, a review in date, and a region among those the policy states.

    Clause: services (APPI 25, GDPR 28)
    """
    clause = f"services.{service.id}"
    ours = service.operator == "self"
    grace = [days for rule in law.rule(policy.packs, "processor.review", on) if (days := rule.number("grace_days"))]
    due = policy.evidence_review(service.id)
    if due is not None and due + timedelta(days=min(grace, default=0)) < on:
        return Stop("review_overdue", clause)
    asked = law.rule(policy.packs, "processor.contract", on)
    if asked and not ours and not (due and _evidence(policy, service).get("contract", {}).get("document")):
        return Stop("review_overdue", clause)
    if region is not None and country_of(region) not in service.storage:
        return Stop("region_mismatch", clause)
    return None


def assessed(
    policy: CompiledPolicy, law: Law, countries: Iterable[str], held: Iterable[str], on: date
) -> Stop | None:
    """Ask for a sheet of each foreign country, looked at and not past its next look; give the stop where one lacks.

    Clause: security.external_environment (APPI 23)
    """
    if not asking(policy, law, held, "security.country_sheet", on):
        return None
    for country in countries:
        if country == policy.controller.country:
            continue
        seen = policy.evidence.of(f"country.{country}")
        until = seen.get("next")
        dated = isinstance(seen.get("assessed"), date) and (not isinstance(until, date) or on <= until)
        if country not in policy.countries or not dated:
            return Stop("country_unassessed", f"country.{country}", country=country)
    return None


def _positions(
    policy: CompiledPolicy,
    law: Law,
    service: Service,
    held: Iterable[str],
    on: date,
    consents: Collection[str],
) -> Mapping[str, str] | Stop:
    """Give the Japanese position of each country reached.

    Clause: services.transfer (APPI 28)
    """
    asked = [rule for rule in law.rule(policy.packs, "transfer.position", on) if rule.regime in set(held)]
    if not asked:
        return Frozen()
    found: dict[str, str] = {}
    for country in service.countries:
        position = _position(policy, service, country, asked[0], on, consents)
        if position is None:
            return Stop("foreign_no_position", f"services.{service.id}.transfer", country=country)
        found[country] = position
    return Frozen(found)


def _position(
    policy: CompiledPolicy, service: Service, country: str, rule: Rule, on: date, consents: Collection[str]
) -> str | None:
    if country == rule.text("home"):
        return "domestic"
    said, proof = service.transfer.get("jp"), _evidence(policy, service)
    shut = proof.get("not_handled", {})
    if said == "not_handled" and shut.get("clause") and shut.get("access_control"):
        return "not_handled"
    if adequate("JP", country, on):
        return "designated"
    checked = proof.get("equivalent_system", {}).get("checked")
    if said == "equivalent_system" and isinstance(checked, date) and checked <= on <= CHECK_EVERY.after(checked):
        return "equivalent_system"
    sheet = policy.countries.get(country)
    if said == "consent" and sheet is not None and f"{country} {sheet.sheet}" in consents:
        return "consent"
    return None


def _hiring(policy: CompiledPolicy, service: Service, situation: str | None) -> bool:
    """Say whether the data may be applicants': of the situation named, else of any that the service serves."""
    if situation is not None and situation in policy.situations:
        return policy.situations[situation].subject == "candidate"
    served = set(service.purposes)
    return any(s.subject == "candidate" and served & set(s.purpose_ids) for s in policy.situations.values())


def _mechanisms(
    policy: CompiledPolicy, law: Law, service: Service, regime: str, origin: str, on: date, hiring: bool
) -> Mapping[str, str] | Stop:
    """Give what carries the data of a regime's people to each country, the first that fits.

    Clause: transfers (GDPR 45, 46, UK GDPR 45A, 46)
    """
    if policy.transfers_apply_to is not None and regime not in policy.transfers_apply_to:
        return Frozen()
    area = AREAS.get(regime, regime)
    home = origin if area_contains(area, origin, law) else area
    found: dict[str, str] = {}
    for country in service.countries:
        means = carried(policy, law, service, regime, country, on, home=home, hiring=hiring)
        if isinstance(means, Stop):
            return means
        found[country] = means
    return Frozen(found)


def carried(
    policy: CompiledPolicy,
    law: Law,
    service: Service,
    regime: str,
    country: str,
    on: date,
    *,
    home: str = "",
    hiring: bool = False,
) -> str | Stop:
    """Give what carries a regime's data to one country: a decision on it, else the contract with the recipient.

    `home` is where the data start, without it the whole area of the regime; `hiring` is set for data of applicants.
    Clause: transfers (GDPR 45, 46, UK GDPR 45A, 46)
    """
    seen = _certified(_evidence(policy, service).get("dpf", {}))
    found = adequate(home or AREAS.get(regime, regime), country, on, dpf=seen, human_resources=hiring)
    if found is not None:
        return found
    outcome = _agreed(policy, law, service, regime, on)
    return Stop(outcome.code, outcome.clause, country=country) if isinstance(outcome, Stop) else outcome


def _certified(dpf: Mapping[str, Any]) -> DpfEvidence | None:
    checked = dpf.get("checked_on")
    if not isinstance(checked, date):
        return None
    return DpfEvidence(checked, frozenset(dpf.get("covers", ())), bool(dpf.get("uk_extension")))


def _agreed(policy: CompiledPolicy, law: Law, service: Service, regime: str, on: date) -> str | Stop:
    """Give the contract that carries a hop: clauses of a fitting module with an assessment, or an approved other one.

    Clause: transfers.scc (GDPR 46(2)(c))
    """
    clause, proof = f"services.{service.id}.transfer", _evidence(policy, service)
    chosen = service.transfer.get(regime)
    addendum = any(rule.regime == regime for rule in law.rule(policy.packs, "transfer.addendum", on))
    other = policy.mechanisms.get(chosen or "")
    if other is not None and other.approval:
        return other.id if proof.get("approval", {}).get("id") else Stop("approval_missing", clause)
    if addendum and chosen == "idta":
        return "idta" if _signed(proof, "idta", on) else Stop("uk_addendum_missing", clause)
    if chosen not in {"scc", "uk_addendum"} and not (addendum and "scc" in proof):
        return Stop("transfer_no_safeguard", clause)
    module = proof.get("scc", {}).get("module")
    fitting = {word for rule in law.rule(policy.packs, "transfer.mechanism", on) for word in rule.words("modules")}
    if module is not None and module not in fitting:
        return Stop("scc_module", clause)
    if module is None or not _signed(proof, "scc", on) or not proof["scc"].get("assessment"):
        return Stop("transfer_no_safeguard", clause)
    if not addendum:
        return "scc"
    ready = chosen == "uk_addendum" and _signed(proof, "uk_addendum", on)
    return "uk_addendum" if ready else Stop("uk_addendum_missing", clause)


def _signed(proof: Mapping[str, Any], instrument: str, on: date) -> bool:
    signed = proof.get(instrument, {}).get("signed")
    return isinstance(signed, date) and signed <= on
