"""The acts of a request: receiving it, knowing whose it is, deciding, carrying out, handing over, closing.

Each act is one ledger entry; an approval always names a member of staff.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import date
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from upheld.basis import stops
from upheld.basis.actions import object_to, withdraw
from upheld.basis.model import EVERY, GROUNDS
from upheld.db import UpheldError, retried, unb64
from upheld.notice import Act, House
from upheld.policy.model import CompiledPolicy
from upheld.records import IdentifierSharedError
from upheld.retention.certificate import as_of_now
from upheld.rights import erasing, store
from upheld.rights.model import AT_ONCE, CARRIED_OUT, STOPS, ErasurePlan, Request, Terms
from upheld.rights.rules import level_of, nearest, number_fits, number_of, step, terms
from upheld.security import staff
from upheld.services import cases
from upheld.web.refusals import Refusal


class RequestError(UpheldError):
    """The request cannot take this step."""

    code = "request_step"
    clause = "rights"
    next_step = "`upheld request show NUMBER` says where it stands."


class ByHandError(RequestError):
    """This right is answered by staff; no step of it is carried out here."""

    code = "request_by_hand"
    next_step = "Answer the person by the day that `upheld request show` names."


class RefusedError(RequestError):
    """The request is refused on a ground of the policy."""

    code = "contract_in_force"
    clause = "rights.refusals.contract_in_force"
    next_step = "`upheld request show NUMBER` prints the letter with ground, authority and court."


def subscribe(house: House) -> None:
    """Take an erased person out of their requests in the transaction that erases them."""
    house.vault.on_erased(store.forget)
    cases.when_settled(finish)
    with house.store.write() as tx:
        store.forget_erased(tx)


def receive(
    house: House,
    *,
    right: str,
    residence: str,
    subject: str = "",
    identifier: Mapping[str, str] | None = None,
    lang: str = "",
    purposes: Sequence[str] = (),
    actor: str = "self",
    act: Act | None = None,
    said: Callable[[Request], Mapping[str, Any]] = lambda one: {"number": one.number},
) -> Request:
    """Take a request in, give it a number and its last day; a withdrawal or objection acts at once.

    Whoever holds the random `subject` number has shown enough to withdraw and to object; by `identifier` alone it
    must first be sure whose request it is, and nothing of the answer tells whether somebody is known. Under an
    idempotency key `act` the same request is taken in once, and `said` of it is kept as the answer. Raises Refusal
    `right_not_offered` with the nearest right.
    Clause: rights.kinds (APPI 32-39, GDPR 12-21)
    """
    policy = house.in_force().policy
    today = house.today(policy)
    found = _terms(house, policy, right, residence, today)
    unknown = [purpose for purpose in purposes if purpose not in policy.purposes]
    if unknown:
        raise Refusal("purpose_not_declared", "collection.purposes", policy_version=policy.version)
    person, proven = _person(house, policy, residence, subject, identifier or {})
    asked = Request(
        number="",
        right=right,
        regime=found.regime,
        residence=residence,
        lang=lang if lang in policy.languages else policy.languages[0],
        state=_first_state(policy, right, proven),
        arrived_at=house.clock.now(),
        due=found.due,
        total=found.total,
        subject=person,
        purposes=tuple(purposes),
    )
    made = _enter(house, asked, today.year, actor, act, said)
    if made.state == "received":
        made = _act(house, made, actor)
    house.stirred.set()
    return made


@retried
def _enter(
    house: House, asked: Request, year: int, actor: str, act: Act | None, said: Callable[[Request], Mapping[str, Any]]
) -> Request:
    """Give a request the next number of the year; two that arrive at once get two numbers."""
    with house.store.write() as tx:
        known = house.once.known(tx, act) if act else None
        if known is not None and (before := store.find(tx, known["number"])) is not None:
            return before
        sequence = store.next_sequence(tx, year)
        made = replace(asked, number=number_of(year, sequence))
        store.put(tx, made, year, sequence)
        body = {"regime": made.regime, "due": made.due.isoformat() if made.due else "", "fee": made.total}
        _note(house, tx, made, "request.received", actor, body)
        if made.right == "safeguard_details":
            _note(house, tx, made, "safeguard.asked", actor, {"regime": made.regime})
        if act:
            at_once = made.state == "received"
            house.once.keep(tx, act, said(replace(made, state=step("received", "acted")) if at_once else made))
    return made


def _terms(house: House, policy: CompiledPolicy, right: str, residence: str, on: date) -> Terms:
    if not house.law.is_area(residence):
        raise Refusal("value_invalid", "rights", fields=("residence",), policy_version=policy.version)
    found = terms(policy, house.law, right, residence, on)
    if found is None:
        near = nearest(policy, house.law, right, residence, on)
        params = {"right": right, "nearest": near} if near and right in policy.rights.kinds else {}
        raise Refusal("right_not_offered", "rights.kinds", policy_version=policy.version, params=params)
    return found


def _person(
    house: House, policy: CompiledPolicy, residence: str, subject: str, identifier: Mapping[str, str]
) -> tuple[bytes | None, bool]:
    """Give (subject or None, whether whoever asks holds the person's own number)."""
    if bool(subject) == bool(identifier) or len(identifier) > 1:
        raise Refusal("value_invalid", "rights", fields=("subject",))
    try:
        if subject:
            with house.store.read() as tx:
                held = house.vault.subject(tx, unb64(subject))
            return (held.id, True) if held is not None and held.state == "live" else (None, False)
        kind, value = next(iter(identifier.items()))
        region = residence[:2] if residence[:2].isupper() and len(residence) in {2, 5} else policy.controller.country
        return house.vault.find(kind, value, region=region), False
    except IdentifierSharedError:
        return None, False
    except ValueError:
        raise Refusal("value_invalid", "rights", fields=("subject",)) from None


def _first_state(policy: CompiledPolicy, right: str, proven: bool) -> str:
    """Give the state a request begins in, by the level of identity its right asks for.

    Clause: rights.identity (GDPR 12(6), APPI 37)
    """
    if right in AT_ONCE and proven:
        return "received"
    if right not in AT_ONCE and level_of(policy, right) == "ticket":
        return step("received", "wait")
    return step("received", "ask_identity")


@retried
def _act(house: House, request: Request, actor: str, *, identified_by: str = "") -> Request:
    """Carry out a withdrawal or an objection for the person of a request, and close it.

    Clause: basis.consent (GDPR 7(3), 21(3))
    """
    if request.subject is not None:
        for purpose in request.purposes or _default(house, request):
            how = {"how": "request", "actor": actor, "lang": request.lang}
            if request.right == "consent_withdrawal":
                withdraw(house, request.subject, purpose, **how)
            else:
                object_to(house, request.subject, purpose, **how)
    with house.store.write() as tx:
        done = replace(
            request, state=step(request.state, "acted"), closed_at=house.clock.now(), identified_by=identified_by
        )
        store.save(tx, done, request)
        _note(house, tx, done, "request.closed", actor, {"result": "done"})
    return done


def _default(house: House, request: Request) -> list[str]:
    """Name the purposes that are meant when none is named: every consent given, or all marketing.

    Clause: rights.objection (GDPR 21(2))
    """
    if request.right == "objection":
        purposes = house.in_force().policy.purposes.values()
        return [purpose.id for purpose in purposes if purpose.act == "send_marketing"]
    if request.subject is None:
        return []
    with house.store.read() as tx:
        return [one.purpose for one in house.vault.standings_of(tx, request.subject) if one.state == "given"]


# staff


def get(house: House, number: str) -> Request:
    """Give a request; raises Refusal `not_found`, for a wrong check digit before any look-up.

    The certificate of an erasure says what became of older backups until now.
    """
    with house.store.read() as tx:
        found = store.find(tx, number) if number_fits(number) else None
    if found is None:
        raise Refusal("not_found", "rights")
    return replace(found, certificate=as_of_now(house, found.certificate)) if found.certificate else found


def listed(house: House, *, only_open: bool = True) -> list[Request]:
    """List requests, the one due first first."""
    with house.store.read() as tx:
        return store.listed(tx, only_open=only_open)


@retried
def identify(house: House, number: str, *, by: int) -> Request:
    """Record that a member of staff is sure whose request it is; a fee is then due before anything is prepared.

    Clause: rights.identity (GDPR 12(6), APPI 37, 38)
    """
    return _identified(house, _expect(house, number, "identity_needed", by), f"staff:{by}", f"staff:{by}")


@retried
def identify_browser(house: House, number: str) -> Request:
    """Record that a request comes from the very browser that it is about: its signed cookie shows whose it is.

    Nobody is known by more than that cookie, so nothing more is asked.
    Clause: rights.identity (GDPR 11(2), 12(6))
    """
    request = get(house, number)
    return _identified(house, request, "self", "browser") if request.state == "identity_needed" else request


def _identified(house: House, request: Request, actor: str, identified_by: str) -> Request:
    policy = house.in_force().policy
    arrived = request.arrived_at.astimezone(ZoneInfo(policy.timezone)).date()
    again = terms(policy, house.law, request.right, request.residence, arrived, identified=house.today(policy))
    due = again.due if again is not None else request.due
    if request.right in AT_ONCE:
        return _act(house, request, actor, identified_by=identified_by)
    event = "ask_fee" if request.total else "identified"
    with house.store.write() as tx:
        done = replace(request, state=step(request.state, event), identified_by=identified_by, due=due)
        store.save(tx, done, request)
        _note(house, tx, done, "request.identified", actor, {"level": level_of(policy, request.right)})
        if done.state == "fee_due":
            _note(house, tx, done, "request.fee", actor, {"total": request.total, "state": "due"})
    house.stirred.set()
    return done


@retried
def paid(house: House, number: str, *, by: int) -> Request:
    """Record that the fee of a request was paid.

    Clause: rights.fee (APPI 38)
    """
    request = _expect(house, number, "fee_due", by)
    with house.store.write() as tx:
        done = replace(request, state=step(request.state, "paid"))
        store.save(tx, done, request)
        _note(house, tx, done, "request.fee", f"staff:{by}", {"total": request.total, "state": "paid"})
    house.stirred.set()
    return done


def plan_of(house: House, number: str) -> ErasurePlan:
    """Count what the erasure of a request would take."""
    return erasing.plan_of(house, get(house, number).subject)


@retried
def approve(house: House, number: str, *, by: int, ground: str = "") -> Request:
    """Carry out what a request asks for, approved by a named member of staff.

    Access and the details of safeguards are then ready to be handed over. A restriction or another stop is set here, on a `ground` of the law, for
    the purposes named or for all. An erasure is done here and ends with its certificate; under a contract
    that runs it is refused, with the ground. Raises Refusal `identity_needed` or `fee_unpaid` before their time,
    `ground_missing` for a stop without a ground.
    Clause: rights.erasure (GDPR 12, 15, 17, 18; APPI 33, 35)
    """
    request = _expect(house, number, "review", by)
    if request.right not in CARRIED_OUT:
        raise ByHandError
    actor = f"staff:{by}"
    if request.right == "erasure":
        ground = erasing.plan_of(house, request.subject).ground
        if ground:
            refuse(house, number, ground, by=by)
            text = house.in_force().policy.rights.refusals.get(ground, {}).get("en", ground)
            raise RefusedError(text, code=ground)
    if request.right in STOPS:
        _stop(house, request, ground, actor)
    event = "started" if request.right == "erasure" else "approved"
    with house.store.write() as tx:
        done = replace(request, state=step(request.state, event), decided_by=actor)
        store.save(tx, done, request)
        _note(house, tx, done, "request.decided", actor, {"result": "approved"})
    house.stirred.set()
    return _erase(house, done, actor) if request.right == "erasure" else done


def _stop(house: House, request: Request, ground: str, actor: str) -> None:
    """Stop use before the request says so: whoever is cut off in between does both again, which changes nothing.

    Clause: rights.restriction (GDPR 18; APPI 35)
    """
    mark = STOPS[request.right]
    if ground not in GROUNDS[mark]:
        raise Refusal("ground_missing", stops.CLAUSES[mark])
    for purpose in request.purposes or (EVERY,):
        if request.subject is not None:
            stops.stop(house, request.subject, mark, ground=ground, by=actor, purpose=purpose, how="request")


@retried
def _erase(house: House, request: Request, actor: str) -> Request:
    """Erase, keep the certificate with the request, and go on only when every place has answered.

    Clause: rights.erasure
    """
    made = "places" in request.certificate  # done here before, and waited for services since
    told = as_of_now(house, request.certificate) if made else erasing.carry_out(house, request, actor=actor)
    waiting = [place for place in told["places"] if place["state"] == "unanswered"]
    with house.store.write() as tx:
        now = store.find(tx, request.number, lock=True) or request  # the erasure took the person out of it
        if now.state != "searching":  # whoever resumed it beside us has written the same certificate
            return now
        state = now.state if waiting else step(now.state, "answered")
        done = replace(now, state=state, certificate=told)
        store.save(tx, done, now)
    house.stirred.set()
    return done


def finish(house: House, number: str) -> None:
    """Go on with an erasure once every service has answered for it; nothing for a reference that is no such request.

    Clause: rights.erasure
    """
    with house.store.read() as tx:
        found = store.find(tx, number) if number_fits(number) else None
    if found is not None and found.state == "searching":
        _erase(house, found, found.decided_by)


def resume(house: House, number: str, *, by: int) -> Request:
    """Go on with an erasure that was approved and interrupted before its certificate was written."""
    request = _expect(house, number, "searching", by)
    return _erase(house, request, f"staff:{by}")


@retried
def refuse(house: House, number: str, ground: str, *, by: int) -> Request:
    """Refuse a request on a ground that the policy names; raises Refusal `ground_missing` for another.

    Clause: rights.refusals (GDPR 12(4), APPI 36)
    """
    if ground not in house.in_force().policy.rights.refusals:
        raise Refusal("ground_missing", "rights.refusals")
    request = get(house, number)
    _known(house, by)
    with house.store.write() as tx:
        actor = f"staff:{by}"
        done = replace(request, state=_step(request, "refused"), decided_by=actor, ground=ground)
        store.save(tx, done, request)
        _note(house, tx, done, "request.decided", actor, {"result": "refused", "ground": ground})
    house.stirred.set()
    return done


@retried
def hand_over(house: House, number: str, *, by: int) -> Request:
    """Record that the answer went to the person, and close the request."""
    request = get(house, number)
    _known(house, by)
    actor = f"staff:{by}"
    with house.store.write() as tx:
        given = replace(request, state=_step(request, "delivered"))
        _note(house, tx, given, "request.answered", actor, {"result": "refused" if given.ground else "fulfilled"})
        if given.right == "access" and not given.ground:
            _note(house, tx, given, "export.sent", actor, {"how": "staff"})
        done = replace(given, state=step(given.state, "closed"), closed_at=house.clock.now())
        store.save(tx, done, request)
        _note(house, tx, done, "request.closed", actor, {"result": "refused" if done.ground else "fulfilled"})
    house.stirred.set()
    return done


def note_export(house: House, tx: sa.Connection, request: Request, *, actor: str, manifest: str) -> None:
    """Write down what was made for the person, by the hash of its manifest or of its files.

    Clause: rights.access (GDPR 15, APPI 33; for safeguards GDPR 13(1)(f), APPI 28(3))
    """
    _note(house, tx, request, "export.made", actor, {"manifest": manifest})


def _expect(house: House, number: str, state: str, by: int) -> Request:
    """Give a request that is in the state a step begins from; say what comes first where it is not."""
    request = get(house, number)
    _known(house, by)
    if request.state != state:
        if request.state == "identity_needed":
            raise Refusal("identity_needed", "rights.identity")
        if request.state == "fee_due":
            raise Refusal("fee_unpaid", "rights.fee")
        raise RequestError(f"The request is {request.state}; this step is for one that is {state}.")
    return request


def _known(house: House, by: int) -> None:
    with house.store.read() as tx:
        staff.account(house, tx, by)


def _step(request: Request, event: str) -> str:
    try:
        return step(request.state, event)
    except ValueError as error:
        raise RequestError(f"{str(error)[0].upper()}{str(error)[1:]}.") from None


def _note(
    house: House, tx: sa.Connection, request: Request, kind: str, actor: str, body: Mapping[str, Any]
) -> None:
    """Write an entry about a request; once the person is erased it is about nobody."""
    subject = request.subject
    if subject is not None:
        held = house.vault.subject(tx, subject)
        subject = subject if held is not None and held.state == "live" else None
    house.ledger.append(
        tx,
        kind,
        clause=f"rights.{request.right}",
        policy_version=house.in_force().version,
        actor=actor,
        body={"number": request.number, "right": request.right, "state": request.state, **body},
        subject=subject,
    )
