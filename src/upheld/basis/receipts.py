"""Receipts: what was handed in and agreed to, without any value, for the person who holds the number."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from upheld.basis import store
from upheld.basis.actions import standings_of
from upheld.basis.export import Consents, record
from upheld.basis.history import lines_of
from upheld.basis.model import PERMITTING, whole_of
from upheld.collection.actions import receipt_digest
from upheld.collection.tell import in_lang
from upheld.db import b64
from upheld.ledger import BodyErasedError, Entry, NotIntegratedError
from upheld.notice import House, Published
from upheld.notice.rules import sheet
from upheld.policy.model import CompiledPolicy
from upheld.web.refusals import Refusal


@dataclass(frozen=True, slots=True)
class PurposeLine:
    """One purpose on a receipt; `asked` tells whether consent is asked for it, `state` how it stands now."""

    id: str
    text: str
    asked: bool
    state: str


@dataclass(frozen=True, slots=True)
class ReceiptView:
    """A receipt as a page or a program shows it; times are UTC. `published` is the version it was made under."""

    number: str
    subject: bytes
    entry: Entry
    published: Published
    lang: str
    at: datetime
    situation: str
    situation_text: str
    fields: tuple[tuple[str, str], ...]
    purposes: tuple[PurposeLine, ...]
    terms: Mapping[str, Any]

    @property
    def revocable(self) -> tuple[PurposeLine, ...]:
        """Give the purposes whose consent stands and can be withdrawn."""
        return tuple(line for line in self.purposes if line.state in PERMITTING)


def find(house: House, number: str, lang: str) -> ReceiptView:
    """Find a receipt by its number; raises Refusal `not_found` for an unknown one and for an erased person.

    Clause: basis.consent (GDPR 7(1))
    """
    with house.store.read() as tx:
        found = store.receipt_of(tx, receipt_digest(number))
        if found is None:
            raise Refusal("not_found")
        entry_id, subject = found
        entry = house.ledger.entry(entry_id, tx=tx)
        try:
            body = house.ledger.body(entry, tx=tx)
        except BodyErasedError:
            raise Refusal("not_found") from None
        states = standings_of(house, tx, subject)
    published = house.shelf.version(entry.policy_version)
    if published is None:
        raise Refusal("not_found")
    return _view(house, number, subject, entry, published, body, states, lang)


def _view(
    house: House,
    number: str,
    subject: bytes,
    entry: Entry,
    published: Published,
    body: Mapping[str, Any],
    states: Mapping[str, str],
    lang: str,
) -> ReceiptView:
    policy = published.policy
    situation = policy.situations.get(str(body.get("situation", "")))
    asked = sheet(policy, house.law, situation, entry.at.date()).consents if situation else ()
    named = body.get("purposes") or [body["purpose"]]
    lines = []
    for name in named:
        purpose = policy.purposes.get(whole_of(name))
        text = in_lang(purpose.text, lang) if purpose else name
        asks = name in asked or "purpose" in body
        lines.append(PurposeLine(name, text, asks, states.get(name, "none") if asks else "stated"))
    return ReceiptView(
        number=number,
        subject=subject,
        entry=entry,
        published=published,
        lang=str(body.get("language", lang)),
        at=entry.at,
        situation=situation.id if situation else "",
        situation_text=in_lang(situation.text, lang) if situation else "",
        fields=tuple((name, _label(policy, name, lang)) for name in body.get("fields", ())),
        purposes=tuple(lines),
        terms=body,
    )


def _label(policy: CompiledPolicy, name: str, lang: str) -> str:
    field = policy.fields.get(name)
    return in_lang(field.text, lang) if field else name


def as_consents(house: House, view: ReceiptView, base: str = "") -> Consents:
    """Give the consents of a receipt for export; `base` is the address of the site.

    Clause: basis.consent (GDPR 7(1))
    """
    asked = {line.id for line in view.purposes if line.asked}
    with house.store.read() as tx:
        lines = lines_of(house, tx, view.subject, asked)
    return Consents(
        view.entry.ref, b64(view.subject), view.lang, lines, receipt=view.number, base=base, key=house.ledger.vkey
    )


def as_data(house: House, view: ReceiptView, base: str = "") -> dict[str, Any]:
    """Give the receipt as a consent record, with every purpose told and the proof of its ledger entry if it has one."""
    policy = view.published.policy
    told: dict[str, Any] = {
        **record(as_consents(house, view, base)),
        "receipt": view.number,
        "event_time": view.at.isoformat(timespec="milliseconds"),
        "language": view.lang,
        "situation": view.situation,
        "fields": [name for name, _ in view.fields],
        "notice": {
            "version": policy.version,
            "sha256": policy.promise_hash,
            "url": f"{base}/privacy/{view.lang}/v/{policy.version}",
        },
        "purposes": [
            {"id": line.id, "text": line.text, "consent": line.asked, **({"state": line.state} if line.asked else {})}
            for line in view.purposes
        ],
        "withdrawal": f"{base}/consent/receipts/{view.number}",
    }
    proof = proof_of(house, view)
    if proof is not None:
        told["proof"] = proof
    return told


def proof_of(house: House, view: ReceiptView) -> dict[str, Any] | None:
    """Give the proof that the entry stands in the ledger, or None while it has no place yet."""
    try:
        return dict(house.ledger.receipt(view.entry.id))
    except NotIntegratedError:
        house.settle()
    try:
        return dict(house.ledger.receipt(view.entry.id))
    except NotIntegratedError:
        return None


def subject_exists(house: House, tx: sa.Connection, subject: bytes) -> bool:
    """Say whether a subject number belongs to somebody who is not erased."""
    found = house.vault.subject(tx, subject)
    return found is not None and found.state == "live"
