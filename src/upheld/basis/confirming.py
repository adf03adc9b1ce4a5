"""Consent confirmed by mail: what a person ticked stands only once they press the button behind the link we mailed.

The word in the link is worked out from the ledger entry that asked; the store keeps its hash alone.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from upheld.basis import store
from upheld.basis.actions import standing_of
from upheld.basis.model import PERMITTING, whole_of
from upheld.basis.rules import UNTIL, pending_terms
from upheld.db import b64, retried
from upheld.ledger import Event
from upheld.notice import House
from upheld.records.cipher import derive
from upheld.web.refusals import Refusal

PAUSE = timedelta(minutes=5)
"""How long after one mail nobody is sent the next about the same purpose, whoever enters their address."""

KEPT = timedelta(days=30)
"""How long after its last moment a link still says that it came too late and offers a new one; then it is forgotten."""

CONFIRMED = "confirmed"


@dataclass(frozen=True, slots=True)
class Pending:
    """Whose consent to what waits for its confirmation; `state` is how the purpose stands. Times are UTC."""

    subject: bytes
    purpose: str
    lang: str
    until: datetime
    state: str
    entry: bytes

    def is_open(self, now: datetime) -> bool:
        """Say whether pressing the button gives the consent."""
        return self.state == "requested" and now <= self.until

    def is_late(self, now: datetime) -> bool:
        """Say whether the link came too late for a consent that still waits."""
        return self.state == "requested" and now > self.until


def note(house: House, tx: sa.Connection, event: Event) -> None:
    """Keep that a mail must go out for an entry that asks, unless one went out a moment ago."""
    if event.subject is None or UNTIL not in event.body:
        return
    purpose = str(event.body["purpose"])
    recent = store.confirmation_since(tx, event.subject, purpose, event.at - PAUSE)
    values = {
        "digest": _digest(_word(house, event.entry_id)),
        "subject": event.subject,
        "purpose": purpose,
        "lang": str(event.body.get("language", "")),
        "asked_at": event.at,
        "until": datetime.fromisoformat(event.body[UNTIL]),
        "state": "spared" if recent else "waiting",
        "entry": event.entry_id,
    }
    store.put_confirmation(tx, values)


def link_of(house: House, entry: bytes) -> str:
    """Give the path of the link for an entry that asks."""
    return f"/consent/confirm/{_word(house, entry)}"


def find(house: House, word: str) -> Pending:
    """Find what a link confirms; raises Refusal `not_found` for an unknown one and for an erased person."""
    with house.store.read() as tx:
        row = store.confirmation_of(tx, _digest(word))
        there = house.vault.subject(tx, row.subject) if row is not None else None
        if row is None or there is None or there.state != "live":
            raise Refusal("not_found")
        state = standing_of(house, tx, row.subject, row.purpose) or "none"
        return Pending(row.subject, row.purpose, row.lang, row.until, state, row.entry)


@retried
def use(house: House, word: str) -> Pending:
    """Give the consent that a link confirms; too late, or after something else was said, nothing changes.

    Clause: basis.consent (GDPR 4(11), 7(1))
    """
    found = find(house, word)
    return _say(house, found, "consent.given", {}) if found.is_open(house.clock.now()) else found


@retried
def ask_again(house: House, word: str) -> Pending:
    """Send a new link in place of one that came too late.

    Clause: basis.consent (GDPR 7(1))
    """
    found, now = find(house, word), house.clock.now()
    more = pending_terms(house.in_force().policy, found.purpose, now)
    if not found.is_late(now) or more is None:
        return found
    return _say(house, found, "consent.requested", more)


@retried
def forget_late(house: House) -> int:
    """Forget links that have long been closed, used or not; gives how many. What was said stays in the ledger.

    Clause: basis.consent (GDPR 5(1)(e))
    """
    with house.store.write() as tx:
        return store.forget_confirmations(tx, house.clock.now() - KEPT)


def _say(house: House, found: Pending, kind: str, more: Mapping[str, str]) -> Pending:
    """Write one entry with the terms that the person was shown when they asked for it."""
    with house.store.write() as tx:
        house.vault.ensure_subject(tx, found.subject)
        now = standing_of(house, tx, found.subject, found.purpose)
        if now != "requested":
            return find(house, _word(house, found.entry))
        asked = house.ledger.entry(found.entry, tx=tx)
        terms: dict[str, Any] = dict(house.ledger.body(asked, tx=tx))
        for name in (UNTIL, "subject", "receipt"):
            terms.pop(name, None)
        house.ledger.append(
            tx,
            kind,
            clause=f"basis.purposes.{whole_of(found.purpose)}",
            policy_version=asked.policy_version,
            actor="self",
            body={**terms, **more, "how": CONFIRMED if kind == "consent.given" else "link"},
            subject=found.subject,
        )
    house.stirred.set()
    return find(house, _word(house, found.entry))


def stands(state: str) -> bool:
    """Say whether a consent was given."""
    return state in PERMITTING


def _word(house: House, entry: bytes) -> str:
    key = derive(house.holdings.ring.meta("instance"), "confirmation")
    return b64(hmac.digest(key, entry, hashlib.sha256)[:18])


def _digest(word: str) -> str:
    return hashlib.sha256(b"upheld.confirm|" + word.encode()).hexdigest()
