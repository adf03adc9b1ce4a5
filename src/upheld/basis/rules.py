"""Whether a purpose may be followed for a person today: standing first, then the basis of every regime; pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any

from upheld.basis.model import (
    AFFIRMED,
    EVERY,
    PERMITTING,
    STRICT,
    Ground,
    Recorded,
    Refused,
    Standings,
    mark_key,
    part_key,
    whole_of,
)
from upheld.notice.rules import sheet
from upheld.policy.decide import bases_for, jurisdictions
from upheld.policy.law import Law
from upheld.policy.model import CompiledPolicy
from upheld.records import Relation, Standing

UNTIL = "confirm_until"
"""Member of the entry that asks for a confirmation: until when the link opens, UTC."""

_STOPS = ("suppressed", "restricted", "use_ceased", "provision_stopped")

_MAY_DEFER = frozenset({"unknown", "requested", "expired", "invalidated", "revoked"})
_MAY_ASK = frozenset({"unknown", "request_deferred", "expired", "invalidated", "revoked"})


def next_state(before: str, action: str) -> str | None:
    """Give the state a purpose takes from what is said of it, or None where nothing changes.

    `give`, `renew`, `refuse`, `defer`, `withdraw` and `object` are the person's, and so is `sign_up`: what they ticked
    where the policy has it confirmed by mail first. `request`, `revoke`, `invalidate`
    and `expire` are ours, and none of ours ever opens what a person closed: whoever refused, withdrew or objected is
    not asked again. To refuse what was given is to withdraw it.
    Clause: basis.consent (GDPR 4(11), 7; APPI 18)
    """
    stands = before in PERMITTING
    after: str | None
    match action:
        case "give":
            after = None if stands else "given"
        case "sign_up":
            after = None if stands else "requested"
        case "renew":
            after = "renewed" if stands or before == "expired" else "given"
        case "refuse":
            after = "withdrawn" if stands else "refused"
        case "defer":
            after = "request_deferred" if before in _MAY_DEFER else None
        case "withdraw":
            after = "withdrawn"
        case "object":
            after = "objected"
        case "request":
            after = "requested" if before in _MAY_ASK else None
        case "revoke" | "invalidate" | "expire":
            after = {"revoke": "revoked", "invalidate": "invalidated", "expire": "expired"}[action] if stands else None
        case _:
            raise ValueError("nobody says that of a purpose")
    said_again = after == before and action not in {"renew", "sign_up"}  # each of these is a statement of its own
    return None if said_again else after


def pending_terms(policy: CompiledPolicy, purpose: str, now: datetime) -> Mapping[str, str] | None:
    """Give what an entry that asks for confirmation says besides, or None where the policy asks for none.

    Clause: basis.purposes (GDPR 7(1))
    """
    line = policy.purpose_bases.get(whole_of(purpose))
    within = line.confirm if line else None
    if within is None:
        return None
    return {UNTIL: (now + timedelta(days=within.rough_days())).isoformat(timespec="seconds")}


def effective(state: str, until: date | None, on: date) -> str:
    """Give the state on a legal day: a consent given for a time is expired from the day after its last.

    Clause: basis.consent
    """
    return "expired" if state in PERMITTING and until is not None and until < on else state


def joined(own: Iterable[Standing], others: Iterable[Standing], since: datetime, on: date) -> Standings:
    """Give how purposes stand for one number of a person who has several: its own, and the refusals of the others.

    A yes stays with the records it was given for. A no of any number counts for all, unless this number said yes
    later than that, and after it was known (`since`) that both are one person.
    Clause: basis.consent (GDPR 7(3), 18, 21; APPI 35)
    """
    said = {one.purpose: one for one in own}
    told = {name: effective(one.state, one.until, on) for name, one in said.items()}
    for no in others:
        mine = said.get(no.purpose)
        later = mine is not None and mine.since > max(no.since, since) and told[no.purpose] in AFFIRMED
        if no.state in STRICT and told.get(no.purpose) not in STRICT and not later:
            told[no.purpose] = no.state
    return told


def keys_of(policy: CompiledPolicy, purpose: str, part: str = "") -> tuple[str, ...]:
    """Name the standings that meet a use: of the whole purpose, and of the part used, else of every part.

    Clause: collection.purposes
    """
    found = policy.purposes.get(purpose)
    parts = (part,) if part else (found.parts if found else ())
    return (purpose, *(part_key(purpose, name) for name in parts))


def check_standing(
    purpose: str,
    standings: Standings,
    *,
    third_party: bool = False,
    direct_marketing: bool = False,
    despite: Iterable[str] = (),
    keys: Sequence[str] = (),
) -> Refused | None:
    """Say what of the person's own standing stops a purpose: objection, withdrawal, restriction, stops.

    `third_party` asks for a hand-over to somebody outside, which alone meets `provision_stopped`;
    `direct_marketing` alone meets `suppressed`. `despite` names stops that do not bind here, such as
    `restricted` for legal claims. `keys` are those of `keys_of` where the purpose has parts.
    Clause: basis.consent (GDPR 7(3), 18, 21; APPI 35)
    """
    keys = keys or (purpose,)
    states = [standings.get(key) for key in keys]
    if "objected" in states or "upheld" in states:
        return Refused("objected", f"basis.purposes.{purpose}")
    if "withdrawn" in states:
        return Refused("consent_withdrawn", f"basis.purposes.{purpose}")
    spared = set(despite)
    for mark in _STOPS:
        meets = {"provision_stopped": third_party, "suppressed": direct_marketing}.get(mark, True)
        if meets and mark not in spared and marked(standings, mark, keys):
            return Refused(mark, _CLAUSE_OF[mark])
    return None


_CLAUSE_OF = {
    "suppressed": "retention.proof",
    "restricted": "rights.restriction",
    "use_ceased": "rights.cease_use",
    "provision_stopped": "rights.stop_provision",
}


def marked(standings: Standings, mark: str, keys: Iterable[str]) -> bool:
    """Say whether a stop is set for all purposes or for one of these keys."""
    return any(standings.get(mark_key(mark, name)) == "set" for name in (EVERY, *keys))


def consents(standings: Standings, keys: Sequence[str]) -> bool:
    """Say whether consent carries a use: to the whole purpose, or else to each of the parts that are used."""
    whole, parts = keys[0], keys[1:]
    if standings.get(whole) in PERMITTING:
        return True
    return bool(parts) and all(standings.get(key) in PERMITTING for key in parts)


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
    part: str = "",
    recorded: Recorded | None = None,
) -> Ground | Refused:
    """Find the basis of a purpose for a record in every regime that holds for its origin, and ask for its proof.

    `policy` is the version of the record, `evidence` today's (default: the same); `contract` the relationship
    the use is for; `open_kinds` the kinds of person (ids of `retention.subjects`) with an open relationship;
    `recorded` what staff put on file beside today's evidence.
    Clause: basis.purposes (GDPR 6(1), APPI 18(1))
    """
    bases = bases_for(policy, law, purpose, situation, origin, on, open_kinds)
    today = evidence or policy
    clause = f"basis.purposes.{purpose}"
    line = policy.purpose_bases.get(purpose)
    assessment: str | None = None
    statute = line.statute if line else None
    for basis in dict.fromkeys(bases.values()):
        if not basis:
            return Refused("no_legal_basis", clause)
        proof = policy.bases[basis].proof if basis in policy.bases else "nothing"
        if proof == "consent_record" and not consents(standings, keys_of(policy, purpose, part)):
            return Refused("consent_missing", clause)
        if proof == "contract_or_request":
            missing = _contract(contract, on, clause)
            if missing is not None:
                return missing
        if proof == "assessment":
            assessment = _text(today.evidence.of(clause).get("assessment")) or (recorded.assessment if recorded else None)
            if not assessment:
                return Refused("no_legal_basis", clause)
        if proof == "statute":
            statute = (recorded.statute if recorded else None) or statute
            if not statute:
                return Refused("no_legal_basis", clause)
    return Ground(
        bases=bases,
        interest=line.interest if assessment and line else None,
        assessment=assessment,
        statute=statute,
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


def interests_of(policy: CompiledPolicy, purpose: str) -> tuple[str, ...]:
    """Give the closed list of interests from which the assessment of a purpose names one; empty: it rests on none.

    Clause: basis.legitimate_interests (GDPR 6(1)(f), 13(1)(d))
    """
    line = policy.purpose_bases.get(purpose)
    found = [policy.bases[basis] for basis in (line.bases.values() if line else ()) if basis in policy.bases]
    return tuple(dict.fromkeys(name for basis in found if basis.proof == "assessment" for name in basis.interests))


def absolute(policy: CompiledPolicy, purpose: str) -> bool:
    """Say whether nothing outweighs an objection: to marketing, and to what rests on consent anyway.

    Clause: rights.objection (GDPR 21(2)(3))
    """
    found = policy.purposes.get(purpose)
    acts = {stated.act for one in policy.situations.values() for stated in one.purposes if stated.purpose == purpose}
    line = policy.purpose_bases.get(purpose)
    proofs = {policy.bases[basis].proof for basis in (line.bases.values() if line else ()) if basis in policy.bases}
    return "send_marketing" in acts or (found is not None and found.act == "send_marketing") or "consent_record" in proofs


def check_statute(
    policy: CompiledPolicy, law: Law, statute: str, purpose: str, held: Iterable[str], on: date
) -> Refused | None:
    """Say why a statute is no ground for a person's data: its country does not count, or the policy states none.

    `held` are the regimes under which the person's data stand.
    Clause: basis.legal_obligation (GDPR 6(1)(c), 6(3))
    """
    clause = f"basis.purposes.{purpose}"
    known = law.statute(statute)
    for regime in held:
        allowed = jurisdictions(policy, law, regime, on)
        if allowed and (known is None or known.jurisdiction not in allowed):
            return Refused("statute_jurisdiction", clause)
    line = policy.purpose_bases.get(purpose)
    stated = [policy.bases[basis].proof for basis in (line.bases.values() if line else ()) if basis in policy.bases]
    return None if "statute" in stated else Refused("no_legal_basis", clause)
