"""Whether a purpose may be followed for a person today: standing first, then the basis of every regime; pure."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import Any

from upheld.basis.model import EVERY, Ground, Refused, Standings, mark_key
from upheld.notice.rules import sheet
from upheld.policy.decide import bases_for
from upheld.policy.law import Law
from upheld.policy.model import CompiledPolicy
from upheld.records import Relation

_STOPS = ("suppressed", "restricted", "use_ceased", "provision_stopped")


def check_standing(
    purpose: str,
    standings: Standings,
    *,
    third_party: bool = False,
    direct_marketing: bool = False,
    despite: Iterable[str] = (),
) -> Refused | None:
    """Say what of the person's own standing stops a purpose: objection, withdrawal, restriction, stops.

    `third_party` asks for a hand-over to somebody outside, which alone meets `provision_stopped`;
    `direct_marketing` alone meets `suppressed`. `despite` names stops that do not bind here, such as
    `restricted` for legal claims.
    Clause: basis.consent (GDPR 7(3), 18, 21; APPI 35)
    """
    state = standings.get(purpose)
    if state == "objected":
        return Refused("objected", f"basis.purposes.{purpose}")
    if state == "withdrawn":
        return Refused("consent_withdrawn", f"basis.purposes.{purpose}")
    spared = set(despite)
    for mark in _STOPS:
        meets = {"provision_stopped": third_party, "suppressed": direct_marketing}.get(mark, True)
        if meets and mark not in spared and _marked(standings, mark, purpose):
            return Refused(mark, _CLAUSE_OF[mark])
    return None


_CLAUSE_OF = {
    "suppressed": "retention.proof",
    "restricted": "rights.restriction",
    "use_ceased": "rights.cease_use",
    "provision_stopped": "rights.stop_provision",
}


def _marked(standings: Standings, mark: str, purpose: str) -> bool:
    return any(standings.get(mark_key(mark, name)) == "set" for name in (EVERY, purpose))


def check_basis(
    policy: CompiledPolicy,
    law: Law,
    situation: str,
    purpose: str,
    origin: str,
    on: date,
    standings: Standings,
    *,
    evidence: CompiledPolicy | None = None,
    contract: Relation | None = None,
    open_kinds: Iterable[str] = (),
) -> Ground | Refused:
    """Find the basis of a purpose for a record in every regime that holds for its origin, and ask for its proof.

    `policy` is the version of the record, `evidence` today's (default: the same); `contract` the relationship
    the use is for; `open_kinds` the kinds of person (ids of `retention.subjects`) with an open relationship.
    Clause: basis.purposes (GDPR 6(1), APPI 18(1))
    """
    bases = bases_for(policy, law, purpose, situation, origin, on, open_kinds)
    today = evidence or policy
    clause = f"basis.purposes.{purpose}"
    line = policy.purpose_bases.get(purpose)
    assessment: str | None = None
    for basis in dict.fromkeys(bases.values()):
        if not basis:
            return Refused("no_legal_basis", clause)
        proof = policy.bases[basis].proof if basis in policy.bases else "nothing"
        if proof == "consent_record" and standings.get(purpose) != "given":
            return Refused("consent_missing", clause)
        if proof == "contract_or_request":
            missing = _contract(contract, on, clause)
            if missing is not None:
                return missing
        if proof == "assessment":
            assessment = _text(today.evidence.of(clause).get("assessment"))
            if not assessment:
                return Refused("no_legal_basis", clause)
        if proof == "statute" and not (line and line.statute):
            return Refused("no_legal_basis", clause)
    rests_on_interest = assessment is not None and line is not None
    return Ground(
        bases=bases,
        interest=line.interest if rests_on_interest and line else None,
        assessment=assessment,
        statute=line.statute if line else None,
    )


def _contract(contract: Relation | None, on: date, clause: str) -> Refused | None:
    """Ask for a relationship that is not over on that day; its last day still counts."""
    if contract is None:
        return Refused("basis_missing", clause)
    if contract.ended is not None and contract.ended < on:
        return Refused("basis_ended", clause)
    return None


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


def rests_on_consent(policy: CompiledPolicy, law: Law, situation: str, purpose: str, origin: str, on: date) -> bool:
    """Say whether a regime that holds for this origin asks for consent to a purpose of a situation."""
    bases = bases_for(policy, law, purpose, situation, origin, on)
    return any(basis in policy.bases and policy.bases[basis].proof == "consent_record" for basis in bases.values())


def consent_terms(
    policy: CompiledPolicy, law: Law, situation_id: str, purpose: str, on: date
) -> dict[str, Any]:
    """Say what a statement about a purpose is about, as its ledger entry keeps it (ISO/IEC TS 27560).

    In a situation: the fields, recipients, countries and periods that its notice told; else the purpose alone.
    Clause: basis.consent (GDPR 7(1))
    """
    terms: dict[str, Any] = {"purpose": purpose, "notice": policy.promise_hash, "situation": situation_id}
    situation = policy.situations.get(situation_id)
    if situation is None:
        return terms
    told = sheet(policy, law, situation, on)
    uses = policy.use_masks[situation_id].get(purpose, 0)
    services = [service for service in told.services if purpose in service.purposes]
    return terms | {
        "fields": [name for name in situation.fields if policy.field_bits[name] & uses],
        "services": [service.id for service in services],
        "recipients": [recipient.id for recipient in told.recipients],
        "countries": list(dict.fromkeys(code for service in services for code in service.countries)),
        "periods": [f"{end.after} {end.period}" for end in told.ends],
    }
