"""Choosing in a browser and noting its signal: one ledger entry, and one statement for each purpose that changed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import sqlalchemy as sa

from upheld.cookies import store
from upheld.cookies.agreed import Change
from upheld.cookies.desk import SURFACES, Desk, number_digest
from upheld.cookies.model import (
    GRANTED,
    OBJECTED,
    REFUSED,
    WITHDRAWN,
    Browser,
    Choice,
    Chosen,
    Event,
    Offered,
    Visitor,
)
from upheld.cookies.rules import browsing, decided, judge
from upheld.db import b64, retried
from upheld.db.types import to_ms
from upheld.notice import House, Published, Snapshot
from upheld.policy.model import Frozen
from upheld.records import SubjectErasedError, SubjectErasingError
from upheld.web.refusals import Refusal

CLAUSE = "cookies.categories"
IDENTITY = "visitor"
_HOUR = 3_600_000


@dataclass(frozen=True, slots=True)
class Said:
    """What a visitor says: under which snapshot, which action, and for `custom` and `withdraw` of which purposes."""

    snapshot: str
    action: str
    purposes: Mapping[str, bool] = field(default_factory=dict)
    surface: str = "banner"
    signal: bool = False


@dataclass(frozen=True, slots=True)
class _Act:
    """One choice that was found in order."""

    desk: Desk
    published: Published
    snap: Snapshot
    said: Said
    visitor: Visitor
    spoken: Mapping[str, Choice]
    again: Mapping[str, tuple[Change, ...]]


def choose(desk: Desk, browser: Browser, said: Said) -> Chosen:
    """Write down what a visitor chose; what stands already is not written twice and answers with the same receipt.

    Returns after the commit. Raises Refusal: `receipt_invalid` for a snapshot that is not ours, `notice_stale` when
    what is offered is no longer what was shown, `value_invalid` for purposes that were not.
    Clause: cookies.categories (ePrivacy 5(3), GDPR 7, APPI 31)
    """
    house = desk.house
    published = house.in_force()
    snap, whole = _shown(desk, published, said)
    if not whole.offers or not set(said.purposes) <= set(whole.offers):
        raise Refusal("value_invalid", CLAUSE, fields=("purposes",), policy_version=published.version)
    heard = replace(browser, area=snap.area, signal=browser.signal or said.signal)
    choices = decided(whole, said.action, said.purposes, heard, heard.signal)
    before = browser.choices
    spoken = {name: one for name, one in choices.items() if before.get(name) is not one}
    number = browser.visitor.id if browser.visitor else b64(house.ids.random(16))
    visitor = Visitor(number, Frozen(choices), house.clock.now())
    again = desk.again(published, replace(browser, area=snap.area))
    act = _Act(desk, published, snap, replace(said, signal=heard.signal), visitor, spoken, again)
    granted = tuple(n for n, state in judge(whole, replace(heard, visitor=visitor)).states.items() if state == GRANTED)
    try:
        return replace(_write(act), granted=granted)
    except SubjectErasedError:
        return replace(_write(act), granted=granted)  # erased since the look-up: the browser begins anew
    except SubjectErasingError:
        raise Refusal("busy", "rights.erasure") from None


def _shown(desk: Desk, published: Published, said: Said) -> tuple[Snapshot, Offered]:
    """Read what was shown, and compare it with what is offered now; wording alone makes nothing stale."""
    snap = desk.house.notices.read_snapshot(said.snapshot)
    if snap.surface not in SURFACES or snap.surface != said.surface:
        raise Refusal("receipt_invalid", CLAUSE, policy_version=published.version)
    whole = desk.offered(published, snap.area)
    if whole.fingerprint != snap.fingerprint:
        raise Refusal("notice_stale", CLAUSE, policy_version=published.version)
    return snap, whole


@retried
def _write(act: _Act) -> Chosen:
    house = act.desk.house
    situation = browsing(act.published.policy)
    classes = [situation.subject] if situation else []
    subject = house.vault.subject_for({IDENTITY: act.visitor.id}, classes=classes)
    with house.store.write() as tx:
        house.vault.ensure_subject(tx, subject)
        known = store.latest(tx, subject)
        states = {name: _new_state(one, known.get(name)) for name, one in act.spoken.items()}
        changed = {name: state for name, state in states.items() if state}
        if not changed:
            return Chosen(_last(act.desk, known), act.visitor, ())
        entry = _enter(tx, act, subject, changed)
        events = [
            Event(entry, subject, name, state, act.spoken[name].print, act.visitor.at, act.published.version,
                  act.said.surface, act.said.signal)
            for name, state in changed.items()
        ]  # fmt: skip
        store.put_events(tx, events)
        number = act.desk.number(entry)
        store.put_receipt(tx, number_digest(number), entry, subject)
    house.stirred.set()
    return Chosen(number, act.visitor, (), Frozen(changed))


def _new_state(said: Choice, known: Event | None) -> str:
    """Give the state a statement brings about, empty where it says what stands already."""
    was = known.state if known else ""
    if said.state == REFUSED:
        if was in {REFUSED, WITHDRAWN} and known is not None and known.print == said.print:
            return ""
        return WITHDRAWN if was == GRANTED else REFUSED
    same = known is not None and (was, known.print, known.signal) == (GRANTED, said.print, said.signal)
    return "" if same else GRANTED


def _last(desk: Desk, known: Mapping[str, Event]) -> str:
    """Give the receipt of the newest statement, empty where there is none."""
    entries = [event.entry for event in known.values() if event.state != OBJECTED]
    return desk.number(max(entries)) if entries else ""


def _enter(tx: sa.Connection, act: _Act, subject: bytes, changed: Mapping[str, str]) -> bytes:
    """Write the entry: what was shown, what was said, why it was asked again; no address and no browser string."""
    house, policy = act.desk.house, act.published.policy
    situation = browsing(policy)
    body: dict[str, Any] = {
        "action": act.said.action,
        "states": dict(changed),
        "prints": {name: act.spoken[name].print for name in changed},
        "surface": act.said.surface,
        "area": act.snap.area,
        "language": act.snap.lang,
        "shown_version": act.snap.version,
        "fingerprint": act.snap.fingerprint,
        "notice": policy.promise_hash,
        "situation": situation.id if situation else "",
        "gpc": act.said.signal,
    }
    again = {name: [one.told() for one in act.again[name]] for name in changed if name in act.again}
    if again:
        body["asked_again"] = again
    return house.ledger.append(
        tx,
        "cookie.chosen",
        clause=CLAUSE,
        policy_version=policy.version,
        actor="self",
        body=body,
        subject=subject,
    )


def note_signal(desk: Desk, published: Published, browser: Browser, whole: Offered) -> None:
    """Write down that a browser's signal objects: once for a visitor and purpose, else once an hour for nobody.

    No refusal is invented and no cookie set.
    Clause: cookies.gpc (GDPR 21)
    """
    if not browser.signal:
        return
    states = judge(whole, browser).states
    purposes = [name for name, offer in whole.offers.items() if offer.signal and states[name] == OBJECTED]
    if purposes and browser.visitor is None:
        _note_hour(desk.house, published, whole, purposes)
    elif purposes and browser.visitor is not None:
        _note_visitor(desk.house, published, whole, purposes, browser.visitor)


@retried
def _note_hour(house: House, published: Published, whole: Offered, purposes: list[str]) -> None:
    hour = to_ms(house.clock.now()) // _HOUR
    with house.store.read() as tx:
        if set(purposes) <= store.signalled(tx, hour):
            return
    with house.store.write() as tx:
        known = store.signalled(tx, hour)
        new = [name for name in purposes if name not in known]
        if not new:
            return
        store.note_hour(tx, hour, new)
        _object(tx, house, published, whole, new, None)
    house.stirred.set()


@retried
def _note_visitor(
    house: House, published: Published, whole: Offered, purposes: list[str], visitor: Visitor
) -> None:
    subject = house.vault.find(IDENTITY, visitor.id)
    if subject is None:  # erased: the browser still carries its cookie, and nothing is kept about it
        _note_hour(house, published, whole, purposes)
        return
    with house.store.read() as tx:
        known = store.latest(tx, subject)
    if all(name in known and known[name].state == OBJECTED for name in purposes):
        return
    with house.store.write() as tx:
        house.vault.ensure_subject(tx, subject)
        known = store.latest(tx, subject)
        new = [name for name in purposes if name not in known or known[name].state != OBJECTED]
        if new:
            entry = _object(tx, house, published, whole, new, subject)
            now, version = house.clock.now(), published.version
            store.put_events(
                tx,
                [Event(entry, subject, n, OBJECTED, whole.offers[n].print, now, version, "gpc", True) for n in new],
            )
    house.stirred.set()


def _object(
    tx: sa.Connection, house: House, published: Published, whole: Offered, purposes: list[str], subject: bytes | None
) -> bytes:
    """Write the signal and one objection for each purpose; gives the entry of the signal."""
    policy = published.policy
    words: dict[str, Any] = {"policy_version": policy.version, "actor": "self", "subject": subject}
    told = {"signal": "gpc", "area": whole.area, "purposes": purposes}
    entry = house.ledger.append(tx, "cookie.signal", clause="cookies.gpc", body=told, **words)
    for name in purposes:
        body = {"purpose": name, "source": "gpc", "how": "gpc", "language": "", "notice": policy.promise_hash}
        house.ledger.append(tx, "objection.raised", clause="cookies.gpc", body=body, **words)
    return entry


def subscribe(house: House) -> None:
    """Forget what erased visitors said."""
    house.vault.on_erased(store.forget)
    with house.store.write() as tx:
        store.forget_erased(tx)
