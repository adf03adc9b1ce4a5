"""Decide: what the policy says of a (situation, field, purpose), and which basis it rests on.

The statement is two look-ups and one mask; where an area is named, the bases of every regime that
holds there are looked up as well. Nothing here reads a record: standing is the caller's.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date

from upheld.policy.law import Law, regimes
from upheld.policy.model import CompiledPolicy

_DECIDED = 4096
"""How many answers are kept with a policy before they are forgotten."""

GAP_CODE = "PP107"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is said of one triple.

    `stated`: the published page says so. `allow`: it may be acted on; a stated triple with a gap may not.
    `bases` names the basis for each regime that holds; `needs` what must stand for the person.
    """

    stated: bool
    allow: bool
    code: str | None
    clause: str
    gap: str | None = None
    bases: Mapping[str, str] | None = None
    needs: tuple[str, ...] = ()


def state(policy: CompiledPolicy, situation: str, field: str, purpose: str) -> Verdict:
    """Say whether the policy states a triple; situation, field, purpose are checked in this order."""
    row = policy.use_masks.get(situation)
    if row is None:
        return Verdict(False, False, "situation_unknown", "collection")
    bit = policy.field_bits.get(field, 0)
    if not policy.collect_masks[situation] & bit:
        return Verdict(False, False, "field_not_declared", f"collection.{situation}.collect")
    mask = row.get(purpose)
    if mask is None:
        return Verdict(False, False, "purpose_not_declared", f"collection.{situation}.purposes")
    if not mask & bit:
        return Verdict(False, False, "purpose_not_declared", f"collection.purposes.{purpose}")
    if (situation, purpose) in policy.gaps:
        return Verdict(True, False, "purpose_gap", f"collection.{situation}.{purpose}", GAP_CODE)
    return Verdict(True, True, None, f"collection.{situation}.{purpose}")


def decide(
    policy: CompiledPolicy,
    law: Law,
    situation: str,
    field: str,
    purpose: str,
    *,
    area: str | None = None,
    on: date | None = None,
    standings: Iterable[str] = (),
) -> Verdict:
    """Decide a triple for a person of an area on a day.

    `standings` are the kinds of open relationship the person has (ids of `retention.subjects`).
    Without an area the answer is what the page says of everybody.
    """
    verdict = state(policy, situation, field, purpose)
    if not verdict.allow or area is None or on is None:
        return verdict
    bases = bases_for(policy, law, purpose, situation, area, on, standings)
    lacking = [regime for regime, basis in bases.items() if not basis]
    if lacking:
        return Verdict(True, False, "no_legal_basis", f"basis.purposes.{purpose}", bases=bases)
    needs = tuple(dict.fromkeys(_need(policy, basis, purpose) for basis in bases.values()))
    return Verdict(True, True, None, verdict.clause, bases=bases, needs=tuple(need for need in needs if need))


def bases_for(
    policy: CompiledPolicy,
    law: Law,
    purpose: str,
    situation: str,
    area: str,
    on: date,
    standings: Iterable[str] = (),
) -> dict[str, str]:
    """Give the basis of a purpose for each regime that holds; empty where a regime asks and none is stated."""
    open_ = frozenset(standings)
    asked = law.content_hash, purpose, situation, area, on, open_
    known = policy.decided.get(asked)
    if known is None:
        held = regimes(policy.reach, policy.packs, area, on, law)
        known = {regime: basis_in(policy, law, purpose, situation, regime, on, open_) for regime in held}
        if len(policy.decided) >= _DECIDED:
            policy.decided.clear()
        policy.decided[asked] = known
    return dict(known)


def basis_in(
    policy: CompiledPolicy,
    law: Law,
    purpose: str,
    situation: str,
    regime: str,
    on: date,
    standings: frozenset[str] = frozenset(),
) -> str:
    """Give the basis of a purpose in one regime: the first fitting case, else the line, else the pack's own.

    Clause: basis.purposes (GDPR 6(1), APPI 18)
    """
    line = policy.purpose_bases.get(purpose)
    if line is not None:
        for case in line.when:
            fits_situation = case.situation is None or case.situation == situation
            fits_standing = case.standing is None or case.standing in standings
            if fits_situation and fits_standing and regime in case.bases:
                return case.bases[regime]
        if regime in line.bases:
            return line.bases[regime]
    return "" if asks_basis(policy, law, regime, on) else "stated"


def asks_basis(policy: CompiledPolicy, law: Law, regime: str, on: date) -> bool:
    """Tell whether a regime's packs ask for a basis of every purpose."""
    rules = law.rule(policy.packs, "basis.one", on)
    return any(rule.regime == regime and rule.value.get("default") is None for rule in rules)


def jurisdictions(policy: CompiledPolicy, law: Law, regime: str, on: date) -> frozenset[str]:
    """Give the jurisdictions whose statutes count in a regime; none where the regime does not ask.

    Of the Union or a Member State in the EEA; in the UK, of the UK.
    Clause: basis.purposes (GDPR 6(3))
    """
    rules = law.rule(policy.packs, "basis.statute", on)
    return frozenset(word for rule in rules if rule.regime == regime for word in rule.words("jurisdictions"))


def _need(policy: CompiledPolicy, basis: str, purpose: str) -> str:
    proof = policy.bases[basis].proof if basis in policy.bases else "nothing"
    return {
        "consent_record": f"consent({purpose})",
        "contract_or_request": "contract",
        "assessment": f"assessment(basis.purposes.{purpose})",
        "statute": "statute",
    }.get(proof, "")
