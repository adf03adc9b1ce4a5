"""Legal holds: placed and released by one member of staff, approved by another; meanwhile nothing of the person goes.

A hold starts no clock and ends none. What only it still keeps is readable for its own purpose alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from typing import Any

import sqlalchemy as sa

from upheld.basis.model import HELD_KEY
from upheld.db import b64, retried, unb64
from upheld.ledger import Event
from upheld.notice import House
from upheld.policy.model import CompiledPolicy
from upheld.retention import store
from upheld.retention.model import Hold
from upheld.security.actions import acting, approver_of
from upheld.security.judging import now_of
from upheld.security.model import LEGAL_HOLD, Lock
from upheld.security.rules import LEGAL_CLAIMS
from upheld.web.refusals import Refusal

CLAUSE = "retention.longer_by_law"
_LONGEST = 500
_NUMBER = 80


@retried
def place(
    house: House, subject: bytes, *, until: date, reason: str, by: int, approver: int | None,
    statute: str = "", matter: str = "", purpose: str = LEGAL_CLAIMS,
) -> Hold:  # fmt: skip
    """Keep all data of a person, under every number they have, until a legal day; gives the hold.

    It rests on a `statute` that the law data know, or on a `matter`: its number in the company's files, no name. Held
    data may be read for `purpose`: legal claims, or one of the policy. Raises Refusal `approval_missing` unless
    another member of staff approves, `ground_missing` without a reason or without exactly one of both.
    Clause: retention.longer_by_law (GDPR 17(3)(b)(e); APPI 22)
    """
    policy = house.in_force().policy
    _check(house, policy, statute, matter, purpose, until)
    actor, approved = _two(house, by, approver, reason)
    with house.store.write() as tx:
        members = house.vault.members(tx, subject)
        for member in members:
            if house.vault.subject(tx, member, lock=True) is None:
                raise Refusal("not_found", CLAUSE)
            house.vault.ensure_subject(tx, member)
        kind, named = ("statute", statute) if statute else ("matter", matter)
        hold = Hold(house.ids.uuid7(), members, kind, named, purpose, until, actor, approved, house.clock.now())
        store.put(tx, hold, members)
        body = {"kind": kind, "named": named, "purpose": purpose, "until": until.isoformat()}
        _tell(house, tx, policy, "hold.placed", hold, actor, {**body, "reason": reason.strip(), "approver": approved})
    house.stirred.set()
    return hold


@retried
def release(house: House, number: str, *, reason: str, by: int, approver: int | None) -> Hold:
    """End a hold; what is over goes with the next sweep. Raises Refusal as `place` does, `not_found` for no such hold.

    Clause: retention.longer_by_law (GDPR 5(1)(e); APPI 22)
    """
    policy = house.in_force().policy
    actor, approved = _two(house, by, approver, reason)
    with house.store.write() as tx:
        hold = store.find(tx, _number(number))
        if hold is None or hold.released_at is not None:
            raise Refusal("not_found", CLAUSE)
        for one in hold.subjects:
            house.vault.ensure_subject(tx, one)
        hold = replace(hold, released_at=house.clock.now())
        store.release(tx, hold)
        _tell(house, tx, policy, "hold.lifted", hold, actor, {"reason": reason.strip(), "approver": approved})
    house.stirred.set()
    return hold


def listed(house: House, *, only_standing: bool = True) -> list[Hold]:
    """List the holds that stand today, or all there were, the oldest first."""
    with house.store.read() as tx:
        return store.listed(tx, only_standing=only_standing, on=house.today())


def said(hold: Hold, on: date) -> dict[str, Any]:
    """Give a hold as data; it names nobody but by number."""
    return {
        "hold": b64(hold.id),
        "subjects": [b64(one) for one in hold.subjects],
        hold.kind: hold.named,
        "purpose": hold.purpose,
        "until": hold.until.isoformat(),
        "placed_by": hold.placed_by,
        "approved_by": hold.approved_by,
        "placed_at": hold.placed_at.isoformat(timespec="seconds"),
        "stands": hold.stands(on),
    }


def standing_on(house: House, tx: sa.Connection, subject: bytes, *, held: bool | None = None) -> list[Hold]:
    """List the holds that keep a person's data today, whichever number they were placed on.

    `held` says whether any hold is on the person, where the caller knows what stands about them.
    """
    members = house.vault.members(tx, subject)
    if held is None:
        found = (house.vault.standing(tx, member, HELD_KEY) for member in members)
        held = any(one is not None and one.state == "set" for one in found)
    return store.standing_over(tx, members, house.today()) if held else []


def locks_of(
    house: House, tx: sa.Connection, subject: bytes, fields: frozenset[str], *, held: bool | None = None
) -> tuple[Lock, ...]:
    """Give what holds keep of a record with these fields: all of them, each for the purpose of its hold.

    Clause: retention.longer_by_law (GDPR 17(3)(b)(e), 18(2))
    """
    return tuple(
        Lock(LEGAL_HOLD, one.named if one.kind == "statute" else f"matter {one.named}", one.purpose, fields, one.until)
        for one in standing_on(house, tx, subject, held=held)
    )


def subscribe(house: House) -> None:
    """Keep what stands about a person in step with the holds on them."""
    house.ledger.subscribe("hold.placed", lambda tx, event: _stand(house, tx, event, "set"))
    house.ledger.subscribe("hold.lifted", lambda tx, event: _stand(house, tx, event, "lifted"))
    house.vault.on_erased(store.forget)


def _stand(house: House, tx: sa.Connection, event: Event, state: str) -> None:
    """Note with each number whether a hold is left on it; one whose day has passed is found to keep nothing anyway."""
    if event.subject is None:
        return
    left = store.standing_over(tx, [event.subject], date.min)
    house.vault.set_standing(tx, event.subject, HELD_KEY, "set" if left else state, event.entry_id)


def _check(house: House, policy: CompiledPolicy, statute: str, matter: str, purpose: str, until: date) -> None:
    if bool(statute) == bool(matter.strip()):
        raise Refusal("ground_missing", CLAUSE)
    if statute and house.law.statute(statute) is None:
        raise Refusal("value_invalid", CLAUSE, fields=("statute",))
    if len(matter) > _NUMBER:
        raise Refusal("value_invalid", CLAUSE, fields=("matter",))
    if purpose != LEGAL_CLAIMS and purpose not in policy.purposes:
        raise Refusal("purpose_not_declared", "collection.purposes", policy_version=policy.version)
    if until < house.today(policy):
        raise Refusal("value_invalid", CLAUSE, fields=("until",))


def _two(house: House, by: int, approver: int | None, reason: str) -> tuple[str, str]:
    """Give who acts and who approves, two people who may both decide about data; raises Refusal."""
    actor = acting(house, by)
    if not reason.strip() or len(reason) > _LONGEST:
        raise Refusal("ground_missing", CLAUSE)
    with house.store.read() as tx:
        approved = approver_of(house, tx, now_of(house), approver)
    if not approved or approved == actor:
        raise Refusal("approval_missing", CLAUSE)
    return actor, approved


def _tell(
    house: House, tx: sa.Connection, policy: CompiledPolicy, kind: str, hold: Hold, actor: str, body: Mapping[str, Any]
) -> None:
    for subject in hold.subjects:
        house.ledger.append(
            tx, kind, clause=CLAUSE, policy_version=policy.version, actor=actor,
            body={"hold": b64(hold.id), **body}, subject=subject,
        )  # fmt: skip


def _number(written: str) -> bytes:
    try:
        return unb64(written)
    except ValueError:
        raise Refusal("not_found", CLAUSE) from None
