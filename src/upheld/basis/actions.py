"""Giving, refusing, withdrawing, objecting: one ledger entry each, projected into the standing in the same transaction."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from upheld.basis import store
from upheld.basis.model import ConsentRecord, Standings
from upheld.basis.rules import consent_terms
from upheld.collection.actions import receipt_digest
from upheld.db import b64, retried
from upheld.ledger import Event
from upheld.notice import Act, House, Shown
from upheld.notice.rules import judge, sheet
from upheld.policy.model import CompiledPolicy
from upheld.records import Erasure
from upheld.web.refusals import Refusal

ACTIONS = {
    "give": ("consent.given", "given"),
    "refuse": ("consent.refused", "refused"),
    "withdraw": ("consent.withdrawn", "withdrawn"),
    "object": ("objection.raised", "objected"),
}
"""What a person can say of a purpose: ledger kind, and how the purpose stands from then on."""

_STATE_OF = dict(ACTIONS.values())


@dataclass(frozen=True, slots=True)
class Stated:
    """What stands after someone said something; `changed` is false when it stood so already."""

    subject: str
    purpose: str
    state: str
    changed: bool
    receipt: str = ""
    replayed: bool = False

    def answer(self) -> dict[str, Any]:
        """Give the members of the answer."""
        told: dict[str, Any] = {
            "subject": self.subject,
            "purpose": self.purpose,
            "state": self.state,
            "changed": self.changed,
        }
        return {**told, "receipt": self.receipt} if self.receipt else told


def standings_of(house: House, tx: sa.Connection, subject: bytes) -> Standings:
    """Give all standings of a person by key, for the rules."""
    return {one.purpose: one.state for one in house.vault.standings_of(tx, subject)}


def standing_of(house: House, tx: sa.Connection, subject: bytes, purpose: str) -> str | None:
    """Give how one purpose stands for a person: given, refused, withdrawn, objected, overruled, or None."""
    found = house.vault.standing(tx, subject, purpose)
    return found.state if found else None


@retried
def state_choice(
    house: House,
    subject: bytes,
    purpose: str,
    action: str,
    *,
    how: str,
    lang: str | None = None,
    notice_receipt: str | None = None,
    actor: str = "self",
    idempotency_key: str | None = None,
) -> Stated:
    """Write down that a person gives, refuses or withdraws consent, or objects; it binds the next decision.

    Giving needs a notice receipt of a situation that asks for this consent. What stands already is not written
    twice. Raises Refusal.
    Clause: basis.consent (GDPR 7, 21; APPI 18, 35)
    """
    published = house.in_force()
    policy = published.policy
    _known_purpose(house, policy, purpose)
    act: Act | None = None
    if idempotency_key is not None:
        asked = [b64(subject), purpose, action]
        act = house.once.act("consents", idempotency_key, asked)
        with house.store.read() as tx:
            if answer := house.once.known(tx, act):
                return Stated(**answer, replayed=True)
    shown = _shown_for(house, policy, purpose, lang, notice_receipt) if action == "give" else None
    said = lang if lang in policy.languages else policy.languages[0]
    with house.store.write() as tx:
        if act and (answer := house.once.known(tx, act)):
            return Stated(**answer, replayed=True)
        done = _state(house, tx, policy, subject, purpose, action, how, str(said), actor, shown)
        if act:
            house.once.keep(tx, act, done.answer())
    house.stirred.set()
    return done


def _state(
    house: House,
    tx: sa.Connection,
    policy: CompiledPolicy,
    subject: bytes,
    purpose: str,
    action: str,
    how: str,
    lang: str,
    actor: str,
    shown: Shown | None,
) -> Stated:
    kind, state = ACTIONS[action]
    house.vault.ensure_subject(tx, subject)
    if shown is not None:
        house.notices.spend(tx, house.ledger, shown, subject=subject, actor=actor)
    if standing_of(house, tx, subject, purpose) == state:
        return Stated(b64(subject), purpose, state, changed=False)
    receipt = b64(house.ids.random(16))
    situation = shown.snapshot.surface.partition(":")[2] if shown else ""
    body = {
        **consent_terms(policy, house.law, situation, purpose, house.today(policy)),
        "language": lang,
        "how": how,
        "receipt": receipt_digest(receipt),
    }
    house.ledger.append(
        tx,
        kind,
        clause=f"basis.purposes.{purpose}",
        policy_version=policy.version,
        actor=actor,
        body=body,
        subject=subject,
    )
    return Stated(b64(subject), purpose, state, changed=True, receipt=receipt)


def record_consent(house: House, subject: bytes, purpose: str, **how: Any) -> Stated:
    """Write down that a person gives consent; as `state_choice` with `give`."""
    return state_choice(house, subject, purpose, "give", **how)


def withdraw(house: House, subject: bytes, purpose: str, **how: Any) -> Stated:
    """Withdraw consent: once, for every record of the person. What was done until then stays lawful.

    Clause: basis.consent (GDPR 7(3))
    """
    return state_choice(house, subject, purpose, "withdraw", **how)


def object_to(house: House, subject: bytes, purpose: str, **how: Any) -> Stated:
    """Note an objection; the purpose stops at once.

    Clause: rights.objection (GDPR 21)
    """
    return state_choice(house, subject, purpose, "object", **how)


def _known_purpose(house: House, policy: CompiledPolicy, purpose: str) -> None:
    """Take statements about any purpose that some published version states."""
    if purpose in policy.purposes:
        return
    if not any(purpose in one.policy.purposes for one in house.shelf.versions()):
        raise Refusal("purpose_not_declared", "collection.purposes", policy_version=policy.version)


def _shown_for(
    house: House, policy: CompiledPolicy, purpose: str, lang: str | None, token: str | None
) -> Shown:
    shown = house.notices.read(token) if token else None
    surface = shown.snapshot.surface if shown else ""
    code = judge(shown, surface=surface, policy=policy, lang=lang, now=house.clock.now())
    situation = policy.situations.get(surface.partition(":")[2])
    if code is None and (situation is None or purpose not in _asked(house, policy, situation.id)):
        code = "notice_not_shown"
    if code is not None or shown is None:
        raise Refusal(code or "notice_not_shown", f"basis.purposes.{purpose}", policy_version=policy.version)
    return shown


def _asked(house: House, policy: CompiledPolicy, situation: str) -> tuple[str, ...]:
    return sheet(policy, house.law, policy.situations[situation], house.today(policy)).consents


def subscribe(house: House) -> None:
    """Note consents given in forms, keep standings in step with the ledger, and forget the erased."""
    house.ledger.subscribe("collect.accepted", lambda tx, event: _from_form(house, tx, event))
    for kind, _ in ACTIONS.values():
        house.ledger.subscribe(kind, lambda tx, event: _project(house, tx, event))
    house.vault.on_erased(_forget)
    with house.store.write() as tx:
        store.forget_erased(tx)


def _from_form(house: House, tx: sa.Connection, event: Event) -> None:
    """Turn each ticked box into a consent record; an unticked one is no statement."""
    body, subject = event.body, event.subject
    if subject is None:
        return
    store.put_receipt(tx, str(body["receipt"]), event.entry_id, subject)
    published = house.shelf.version(event.policy_version)
    if published is None or not body["consents"]:
        return
    policy, situation = published.policy, str(body["situation"])
    for purpose in body["consents"]:
        terms = consent_terms(policy, house.law, situation, purpose, house.today(policy))
        told = {**terms, "language": body["language"], "how": f"{body['channel']}:{situation}"}
        house.ledger.append(
            tx,
            "consent.given",
            clause=f"basis.purposes.{purpose}",
            policy_version=event.policy_version,
            actor=event.actor,
            body=told,
            subject=subject,
        )


def _project(house: House, tx: sa.Connection, event: Event) -> None:
    """Set how the purpose stands from this entry on."""
    if event.subject is None:
        return
    state, purpose = _STATE_OF[event.kind], str(event.body["purpose"])
    house.vault.set_standing(tx, event.subject, purpose, state, event.entry_id)
    store.put_consent(
        tx,
        ConsentRecord(
            entry_id=event.entry_id,
            subject=event.subject,
            purpose=purpose,
            state=state,
            at=event.at,
            policy_version=event.policy_version,
            lang=str(event.body.get("language", "")),
            how=str(event.body.get("how", "")),
        ),
    )
    if "receipt" in event.body:
        store.put_receipt(tx, str(event.body["receipt"]), event.entry_id, event.subject)


def _forget(tx: sa.Connection, erasure: Erasure) -> None:
    """Drop statements and receipts with the person."""
    if erasure.total:
        store.forget(tx, erasure.subject)
