"""Receipts of choices: what was chosen in a browser, provable, for whoever holds the number."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from upheld.cookies import store
from upheld.cookies.desk import Desk, number_digest
from upheld.cookies.model import GRANTED, Event, Visitor
from upheld.cookies.tell import in_lang
from upheld.db import b64
from upheld.ledger import BodyErasedError, Entry, NotIntegratedError
from upheld.notice import House, Published
from upheld.web.refusals import Refusal

SCHEMA = "ISO/IEC TS 27560:2023"


@dataclass(frozen=True, slots=True)
class Receipt:
    """One choice as its receipt shows it; `states` are (purpose, what was said then, how it stands now)."""

    number: str
    entry: Entry
    published: Published
    subject: bytes
    body: Mapping[str, Any]
    states: tuple[tuple[str, str, str], ...]

    @property
    def at(self) -> datetime:
        """Give when it was said, UTC."""
        return self.entry.at


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a browser's history; `open` are purposes allowed there that still stand."""

    number: str
    at: datetime
    surface: str
    states: tuple[tuple[str, str], ...]
    open: tuple[str, ...]


def known(house: House, number: str) -> bool:
    """Say whether a number is the receipt of a choice in a browser."""
    with house.store.read() as tx:
        return store.receipt_of(tx, number_digest(number)) is not None


def find(house: House, number: str) -> Receipt:
    """Find a receipt; raises Refusal `not_found` for an unknown number and for an erased visitor.

    Clause: cookies.categories (GDPR 7(1))
    """
    with house.store.read() as tx:
        found = store.receipt_of(tx, number_digest(number))
        if found is None:
            raise Refusal("not_found")
        entry_id, subject = found
        entry = house.ledger.entry(entry_id, tx=tx)
        try:
            body = house.ledger.body(entry, tx=tx)
        except BodyErasedError:
            raise Refusal("not_found") from None
        now = store.latest(tx, subject)
    published = house.shelf.version(entry.policy_version)
    if published is None:
        raise Refusal("not_found")
    states = tuple((name, state, now[name].state if name in now else state) for name, state in body["states"].items())
    return Receipt(number, entry, published, subject, body, states)


def proof_of(house: House, receipt: Receipt) -> dict[str, Any] | None:
    """Give the proof that the entry stands in the ledger, or None while it has no place yet."""
    try:
        return dict(house.ledger.receipt(receipt.entry.id))
    except NotIntegratedError:
        house.settle()
    try:
        return dict(house.ledger.receipt(receipt.entry.id))
    except NotIntegratedError:
        return None


def as_data(house: House, receipt: Receipt) -> dict[str, Any]:
    """Give the receipt as a consent record, with the proof of its entry as far as it has one."""
    policy, body = receipt.published.policy, receipt.body
    lang = str(body["language"])
    told: dict[str, Any] = {
        "schema": SCHEMA,
        "receipt": receipt.number,
        "record_id": receipt.entry.ref,
        "principal_id": b64(receipt.subject),
        "event_time": receipt.at.isoformat(timespec="milliseconds"),
        "language": lang,
        "surface": body["surface"],
        "area": body["area"],
        "gpc": body["gpc"],
        "fingerprint": body["fingerprint"],
        "controller": {"name": dict(policy.controller.name), "contact": policy.contact.mailbox},
        "notice": {
            "version": policy.version,
            "sha256": policy.promise_hash,
            "url": f"/privacy/{lang}/v/{policy.version}",
        },
        "purposes": [
            {"id": name, "text": text_of(receipt.published, name, lang), "said": said, "state": now,
             "asked_again": body.get("asked_again", {}).get(name, [])}
            for name, said, now in receipt.states
        ],
        "withdrawal": f"/consent/choices?lang={lang}",
    }
    proof = proof_of(house, receipt)
    return told if proof is None else {**told, "proof": proof}


def text_of(published: Published, purpose: str, lang: str) -> str:
    """Give the words of a purpose."""
    found = published.policy.purposes.get(purpose)
    return in_lang(found.text, lang) if found else purpose


def history(desk: Desk, visitor: Visitor | None) -> tuple[Line, ...]:
    """Give what a browser said, newest first; empty for one that never chose or was erased."""
    house = desk.house
    subject = house.vault.find("visitor", visitor.id) if visitor else None
    if subject is None:
        return ()
    with house.store.read() as tx:
        events = store.events_of(tx, subject)
    now = {event.purpose: event for event in events}
    acts: dict[bytes, list[Event]] = {}
    for event in events:
        acts.setdefault(event.entry, []).append(event)
    return tuple(_line(desk, act, now) for act in reversed(acts.values()))


def _line(desk: Desk, act: list[Event], now: Mapping[str, Event]) -> Line:
    first = act[0]
    open_ = tuple(one.purpose for one in act if one.state == GRANTED and now[one.purpose].state == GRANTED)
    number = desk.number(first.entry) if first.surface != "gpc" else ""
    return Line(number, first.at, first.surface, tuple((one.purpose, one.state) for one in act), open_)
