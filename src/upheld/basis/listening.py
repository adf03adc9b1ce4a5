"""Listening: consents ticked in forms, standings in step with the ledger, and nothing left of the erased."""

from __future__ import annotations

from datetime import date

import sqlalchemy as sa

from upheld.basis import confirming, grounds, stops, store
from upheld.basis.actions import KINDS, standing_of, standings_of
from upheld.basis.model import PERMITTING, STRICT, ConsentRecord
from upheld.basis.rules import consent_terms, pending_terms
from upheld.ledger import Event
from upheld.notice import House

_STATE_OF = {kind: state for state, kind in KINDS.items()}


def subscribe(house: House) -> None:
    """Note consents given in forms, keep standings in step with the ledger, and forget the erased."""
    house.ledger.subscribe("collect.accepted", lambda tx, event: _from_form(house, tx, event))
    for kind in KINDS.values():
        house.ledger.subscribe(kind, lambda tx, event: _project(house, tx, event))
    stops.subscribe(house)
    grounds.subscribe(house)
    house.vault.on_erased(store.forget)
    house.vault.on_leaving(lambda tx, erasure: _leave_refusals(house, tx, erasure.subject))
    with house.store.write() as tx:
        store.forget_erased(tx)


def _leave_refusals(house: House, tx: sa.Connection, subject: bytes) -> None:
    """Let a no outlive the number it was said under: what is left of a merged person takes it over.

    Clause: rights.objection (GDPR 7(3), 18, 21)
    """
    members = house.vault.members(tx, subject)[1:]
    refusals = [one for one in house.vault.standings_of(tx, subject) if one.state in STRICT] if members else []
    for member in members:
        there = house.vault.subject(tx, member, lock=True)
        if there is None or there.state != "live":  # it goes as well
            continue
        told = standings_of(house, tx, member)
        own = {one.purpose: one.state for one in house.vault.standings_of(tx, member)}
        for no in refusals:
            if told.get(no.purpose) != own.get(no.purpose):  # it counts for this one, and would be lost
                house.vault.set_standing(tx, member, no.purpose, no.state, no.entry_id)


def _from_form(house: House, tx: sa.Connection, event: Event) -> None:
    """Turn each ticked box into a consent record; an unticked one is no statement.

    Where the policy has the consent confirmed by mail, the tick asks for it and does not give it yet.
    """
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
        before = standing_of(house, tx, subject, purpose)
        pending = None if before in PERMITTING else pending_terms(policy, purpose, event.at)
        house.ledger.append(
            tx,
            "consent.requested" if pending else "consent.given",
            clause=f"basis.purposes.{purpose}",
            policy_version=event.policy_version,
            actor=event.actor,
            body={**told, **(pending or {})},
            subject=subject,
        )


def _project(house: House, tx: sa.Connection, event: Event) -> None:
    """Set how the purpose stands from this entry on."""
    if event.subject is None:
        return
    state, purpose = _STATE_OF[event.kind], str(event.body["purpose"])
    until = date.fromisoformat(event.body["until"]) if "until" in event.body else None
    house.vault.set_standing(tx, event.subject, purpose, state, event.entry_id, until)
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
            situation=str(event.body.get("situation", "")),
            actor=event.actor,
            until=until,
        ),
    )
    confirming.note(house, tx, event)
    if "receipt" in event.body:
        store.put_receipt(tx, str(event.body["receipt"]), event.entry_id, event.subject)
