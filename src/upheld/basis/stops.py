"""Objections weighed, restrictions and the stops of Japanese law: set at once, lifted only after the person was told."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

import sqlalchemy as sa

from upheld.basis import store
from upheld.basis.actions import known_purpose, standing_of
from upheld.basis.model import EVERY, GROUNDS, ConsentRecord, Task, mark_key, whole_of
from upheld.basis.rules import absolute
from upheld.db import b64, retried
from upheld.ledger import Event
from upheld.notice import House
from upheld.web.refusals import Refusal

RESULTS = ("compelling_grounds", "upheld")
"""How an objection can end: it loses against compelling grounds, or it is right."""

CLAUSES: Mapping[str, str] = {
    "restricted": "rights.restriction",
    "use_ceased": "rights.cease_use",
    "provision_stopped": "rights.stop_provision",
}
_LONGEST = 500


def open_tasks(house: House) -> list[Task]:
    """List the objections that staff must weigh, the oldest first; one that nothing outweighs is no task.

    Clause: rights.objection (GDPR 21(1))
    """
    policy = house.in_force().policy
    with house.store.read() as tx:
        return [one for one in store.tasks(tx) if not absolute(policy, whole_of(one.purpose))]


@retried
def decide_objection(house: House, subject: bytes, purpose: str, result: str, *, reason: str, by: str) -> bytes:
    """Write down how an objection ends, and give the id of the decision; with compelling grounds use goes on.

    Raises Refusal `objection_absolute` where nothing outweighs it, `ground_missing` without a reason.
    Clause: rights.objection (GDPR 21(1))
    """
    policy = house.in_force().policy
    known_purpose(house, policy, purpose)
    whole = whole_of(purpose)
    if result not in RESULTS:
        raise Refusal("value_invalid", "rights.objection", fields=("result",))
    if not reason.strip() or len(reason) > _LONGEST:
        raise Refusal("ground_missing", "rights.objection")
    if result == "compelling_grounds" and absolute(policy, whole):
        raise Refusal("objection_absolute", "rights.objection", params={"purpose": whole})
    with house.store.write() as tx:
        house.vault.ensure_subject(tx, subject)
        raised = house.vault.standing(tx, subject, purpose)
        if raised is None or raised.state != "objected":
            raise Refusal("not_found", "rights.objection")
        body = {"purpose": purpose, "result": result, "reason": reason.strip(), "objection": b64(raised.entry_id)}
        entry = house.ledger.append(
            tx,
            "objection.decided",
            clause=f"basis.purposes.{whole}",
            policy_version=policy.version,
            actor=by,
            body=body,
            subject=subject,
        )
    house.stirred.set()
    return entry


@retried
def stop(
    house: House, subject: bytes, mark: str, *, ground: str, by: str, purpose: str = EVERY, how: str = "staff"
) -> bool:
    """Stop use for a person, for all purposes or one (or a part); gives whether anything changed.

    `restricted` leaves storage only, `use_ceased` nothing, `provision_stopped` everything but hand-overs outside.
    Raises Refusal `ground_missing` for a ground the law does not know.
    Clause: rights.restriction (GDPR 18; APPI 35)
    """
    grounds = GROUNDS.get(mark)
    if grounds is None:
        raise Refusal("value_invalid", "rights", fields=("stop",))
    if ground not in grounds:
        raise Refusal("ground_missing", CLAUSES[mark])
    return _mark(house, subject, mark, purpose, "restriction.set", by, {"ground": ground, "how": how})


@retried
def lift(
    house: House, subject: bytes, mark: str, *, told: date | None, by: str, purpose: str = EVERY
) -> bool:
    """Lift a stop after the person was told on the day `told`; gives whether anything changed.

    Raises Refusal `person_not_told` without that day, or with one that has not come.
    Clause: rights.restriction (GDPR 18(3))
    """
    if mark not in GROUNDS:
        raise Refusal("value_invalid", "rights", fields=("stop",))
    if told is None or told > house.today():
        raise Refusal("person_not_told", CLAUSES[mark])
    return _mark(house, subject, mark, purpose, "restriction.lifted", by, {"told": told.isoformat()})


def _mark(
    house: House, subject: bytes, mark: str, purpose: str, kind: str, by: str, body: Mapping[str, Any]
) -> bool:
    policy = house.in_force().policy
    if purpose != EVERY:
        known_purpose(house, policy, purpose)
    state = "set" if kind == "restriction.set" else "lifted"
    changed = False
    with house.store.write() as tx:
        for member in house.vault.members(tx, subject):
            house.vault.ensure_subject(tx, member)
            before = standing_of(house, tx, member, mark_key(mark, purpose))
            if before == state or (before is None and state == "lifted"):
                continue
            changed = True
            house.ledger.append(
                tx,
                kind,
                clause=CLAUSES[mark],
                policy_version=policy.version,
                actor=by,
                body={"stop": mark, "purpose": purpose, **body},
                subject=member,
            )
    if changed:
        house.stirred.set()
    return changed


def subscribe(house: House) -> None:
    """Keep standings in step with decisions and stops."""
    house.ledger.subscribe("objection.decided", lambda tx, event: _decided(house, tx, event))
    house.ledger.subscribe("restriction.set", lambda tx, event: _marked(house, tx, event, "set"))
    house.ledger.subscribe("restriction.lifted", lambda tx, event: _marked(house, tx, event, "lifted"))


def _decided(house: House, tx: sa.Connection, event: Event) -> None:
    """Set what a decision makes of an objection."""
    if event.subject is None:
        return
    state = "overruled" if event.body["result"] == "compelling_grounds" else "upheld"
    purpose = str(event.body["purpose"])
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
            lang="",
            how="decision",
            actor=event.actor,
        ),
    )


def _marked(house: House, tx: sa.Connection, event: Event, state: str) -> None:
    """Set or lift the standing of a stop; an entry of another room that names none is not about one."""
    if event.subject is not None and event.body.get("stop") in GROUNDS:
        key = mark_key(str(event.body["stop"]), str(event.body["purpose"]))
        house.vault.set_standing(tx, event.subject, key, state, event.entry_id)
