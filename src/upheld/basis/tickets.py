"""Withdrawal tickets: a random-looking word in the foot of each mail that ends one consent of one person."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass

import sqlalchemy as sa

from upheld.basis import store
from upheld.basis.actions import Stated, known_purpose, standing_of, withdraw
from upheld.db import b64, retried
from upheld.notice import House
from upheld.records.cipher import derive
from upheld.web.refusals import Refusal


@dataclass(frozen=True, slots=True)
class Ticket:
    """Whose consent for what a ticket ends, how it stands, and the person's language."""

    subject: bytes
    purpose: str
    lang: str
    state: str


@retried
def make(house: House, subject: bytes, purpose: str, lang: str = "") -> str:
    """Give the ticket of a person and a purpose; the same in every mail, and dead with the person.

    `lang` is the language of the mail; without it that of the latest statement about the purpose.
    Clause: basis.consent (GDPR 7(3))
    """
    policy = house.in_force().policy
    known_purpose(house, policy, purpose)
    key = derive(house.holdings.ring.meta("instance"), "withdrawal")
    word = b64(hmac.digest(key, subject + purpose.encode(), hashlib.sha256)[:18])
    with house.store.write() as tx:
        house.vault.ensure_subject(tx, subject)
        said = store.consents_of(tx, subject, purpose)
        spoken = lang or next((one.lang for one in reversed(said) if one.lang), "")
        store.put_ticket(tx, _digest(word), subject, purpose, spoken if spoken in policy.languages else policy.languages[0])
    return word


def find(house: House, word: str) -> Ticket:
    """Find what a ticket ends; raises Refusal `not_found` for an unknown one and for an erased person."""
    with house.store.read() as tx:
        found = store.ticket_of(tx, _digest(word))
        if found is None or not _live(house, tx, found[0]):
            raise Refusal("not_found")
        subject, purpose, lang = found
        return Ticket(subject, purpose, lang, standing_of(house, tx, subject, purpose) or "none")


def use(house: House, word: str, *, how: str) -> tuple[Ticket, Stated]:
    """Withdraw what a ticket ends; doing it again changes nothing.

    Clause: basis.consent (GDPR 7(3); APPI 35)
    """
    ticket = find(house, word)
    return ticket, withdraw(house, ticket.subject, ticket.purpose, how=how, lang=ticket.lang)


def _live(house: House, tx: sa.Connection, subject: bytes) -> bool:
    state = house.vault.subject(tx, subject)
    return state is not None and state.state == "live"


def _digest(word: str) -> str:
    return hashlib.sha256(b"upheld.withdraw|" + word.encode()).hexdigest()


def mail_headers(url: str) -> dict[str, str]:
    """Give the headers with which a mail offers to unsubscribe in one click (RFC 8058)."""
    return {"List-Unsubscribe": f"<{url}>", "List-Unsubscribe-Post": "List-Unsubscribe=One-Click"}
