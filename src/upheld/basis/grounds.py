"""What proves a basis beside the evidence of the folder: balancing tests recorded by staff, statutes named for a person."""

from __future__ import annotations

import re

import sqlalchemy as sa

from upheld.basis import store
from upheld.basis.actions import known_purpose
from upheld.basis.model import Assessment, Recorded
from upheld.basis.rules import check_statute, interests_of
from upheld.db import b64, retried
from upheld.ledger import Event
from upheld.notice import House
from upheld.policy.law import regimes
from upheld.web.refusals import Refusal

_SHA256 = re.compile(r"[0-9a-f]{64}")


@retried
def record_assessment(
    house: House, purpose: str, interest: str, *, reference: str, sha256: str = "", by: str
) -> bytes:
    """Put a balancing test on file for a purpose, and give the id of its entry; it counts from the next decision.

    `reference` says where the document lies, `sha256` is its hash if there is one. Raises Refusal
    `interest_unknown` for an interest that is not one of the policy's for that purpose.
    Clause: basis.legitimate_interests (GDPR 6(1)(f))
    """
    policy = house.in_force().policy
    known_purpose(house, policy, purpose)
    clause = f"basis.purposes.{purpose}"
    listed = interests_of(policy, purpose)
    line = policy.purpose_bases.get(purpose)
    if interest not in listed or (line and line.interest and interest != line.interest):
        params = {"purpose": purpose, "interests": ", ".join(listed)}
        raise Refusal("interest_unknown", clause, policy_version=policy.version, params=params)
    place = reference.strip()
    if not place or len(place) > 200:
        raise Refusal("value_invalid", clause, fields=("reference",))
    if sha256 and not _SHA256.fullmatch(sha256):
        raise Refusal("value_invalid", clause, fields=("sha256",))
    body = {"purpose": purpose, "interest": interest, "reference": place, "sha256": sha256}
    with house.store.write() as tx:
        entry = house.ledger.append(
            tx, "interest.assessed", clause=clause, policy_version=policy.version, actor=by, body=body
        )
    house.stirred.set()
    return entry


@retried
def name_statute(house: House, subject: bytes, purpose: str, statute: str, *, by: str) -> bytes:
    """Name the statute on which a person's data rest for a purpose, and give the id of its entry.

    Raises Refusal `statute_jurisdiction` where its country does not count for the person's data, `no_legal_basis`
    where the policy rests the purpose on no legal obligation, `not_found` for somebody of whom nothing is held.
    Clause: basis.legal_obligation (GDPR 6(1)(c), 6(3))
    """
    policy = house.in_force().policy
    known_purpose(house, policy, purpose)
    on = house.today(policy)
    with house.store.write() as tx:
        members = house.vault.members(tx, subject)
        origins = {record.origin for member in members for record in house.vault.records_of(tx, member)}
        if not origins:
            raise Refusal("not_found", "basis.legal_obligation")
        house.vault.ensure_subject(tx, subject)
        held = [regime for origin in sorted(origins) for regime in regimes(policy.reach, policy.packs, origin, on, house.law)]
        refused = check_statute(policy, house.law, statute, purpose, dict.fromkeys(held), on)
        if refused is not None:
            params = {"purpose": purpose}
            raise Refusal(refused.code, refused.clause, policy_version=policy.version, params=params)
        if house.law.statute(statute) is None:
            raise Refusal("value_invalid", _clause(purpose), fields=("statute",))
        entry = house.ledger.append(
            tx,
            "obligation.named",
            clause=_clause(purpose),
            policy_version=policy.version,
            actor=by,
            body={"purpose": purpose, "statute": statute},
            subject=subject,
        )
    house.stirred.set()
    return entry


def _clause(purpose: str) -> str:
    """Give the clause of a purpose's basis."""
    return f"basis.purposes.{purpose}"


def recorded_for(tx: sa.Connection, subject: bytes, purpose: str) -> Recorded | None:
    """Give what staff put on file for a purpose and a person, or None.

    Clause: basis.purposes (GDPR 6(1))
    """
    made = store.assessments(tx, purpose)
    statute = store.obligation_of(tx, subject, purpose)
    if not made and statute is None:
        return None
    return Recorded(f"ledger:{b64(made[0].entry_id)}" if made else None, statute)


def subscribe(house: House) -> None:
    """Keep the tables of assessments and statutes in step with the ledger."""
    house.ledger.subscribe("interest.assessed", _assessed)
    house.ledger.subscribe("obligation.named", _named)


def _assessed(tx: sa.Connection, event: Event) -> None:
    body = {name: str(event.body[name]) for name in ("purpose", "interest", "reference", "sha256")}
    store.put_assessment(tx, Assessment(event.entry_id, **body, actor=event.actor, at=event.at))


def _named(tx: sa.Connection, event: Event) -> None:
    if event.subject is not None:
        store.put_obligation(tx, event.subject, str(event.body["purpose"]), str(event.body["statute"]), event.entry_id)
