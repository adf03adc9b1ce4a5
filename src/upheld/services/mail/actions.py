"""Mailings: a text for everybody who may be met for a purpose; each letter is decided again at the moment of sending."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from upheld.basis import store as basis_store
from upheld.basis import tickets
from upheld.basis.actions import standing_of
from upheld.db import b64, crash_point, retried, unb64
from upheld.notice import House
from upheld.policy.model import CompiledPolicy
from upheld.records import Record
from upheld.security import actions as gate
from upheld.security import staff
from upheld.security.audience import audience
from upheld.security.candidates import Wanted
from upheld.security.judging import version_of
from upheld.security.model import Reader, ReadRecord
from upheld.security.rules import act_of
from upheld.services.mail import store
from upheld.services.mail.letter import Letter, Text, message
from upheld.services.mail.transport import MailNotSetError, MailRefusedError, Transport
from upheld.services.mail.words import foot
from upheld.web.refusals import Refusal

BOUNCES = 2
"""After so many letters that no server took, a person is not written to again."""


@dataclass(frozen=True, slots=True)
class Mailing:
    """A mailing and how its letters stand: counts by state, and why letters were refused."""

    id: str
    purpose: str
    planned_at: datetime
    staff: int
    states: Mapping[str, int]
    refused: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Sent:
    """What one run did."""

    sent: int
    refused: Mapping[str, int]
    bounced: int


def subscribe(house: House) -> None:
    """Forget the letters of whoever is erased."""

    house.vault.on_erased(store.forget)


def plan(
    house: House, purpose: str, texts: Mapping[str, Text], *, by: int, situations: tuple[str, ...] = ()
) -> Mailing:
    """Plan a mailing to everybody who may be met for a purpose by mail now; nothing is sent yet.

    `texts` holds a text for each language of the policy. Raises Refusal where the purpose is none of announcing,
    a language is missing, or the member of staff may not.
    Clause: collection.purposes (APPI 18; GDPR 6, 21)
    """
    policy = house.in_force().policy
    _announces(policy, purpose)
    missing = [lang for lang in policy.languages if lang not in texts]
    if missing:
        raise Refusal("value_invalid", "policy.languages", fields=tuple(missing), policy_version=policy.version)
    met = audience(house, _reader(house, by), Wanted(purpose, situations, "email"))
    people = [unb64(line["subject"]) for line in met.lines()]
    number = house.ids.uuid7()
    values = {
        "id": number,
        "purpose": purpose,
        "texts": json.dumps({lang: [text.subject, text.body] for lang, text in texts.items()}, ensure_ascii=False),
        "staff": by,
        "planned_at": house.clock.now(),
    }
    _put(house, values, people)
    return find(house, b64(number))


@retried
def _put(house: House, values: dict[str, object], people: list[bytes]) -> None:
    with house.store.write() as tx:
        store.put(tx, values, people)


def _announces(policy: CompiledPolicy, purpose: str) -> None:
    """Refuse a purpose under which nobody is written to.

    Clause: collection.purposes (Act on Regulation of Transmission of Specified Electronic Mail 3)
    """
    stated = [one.id for one in policy.situations.values() if act_of(policy, one.id, purpose) == "send_marketing"]
    if not stated:
        raise Refusal("purpose_not_declared", "collection.purposes", policy_version=policy.version)


def _reader(house: House, number: int) -> Reader:
    with house.store.read() as tx:
        return staff.reader(house, tx, number)


def mailings(house: House) -> list[Mailing]:
    """List the mailings, the newest first."""
    with house.store.read() as tx:
        rows = tx.execute(sa.select(store.mailing).order_by(store.mailing.c.id.desc())).all()
        return [_mailing(tx, row) for row in rows]


def find(house: House, number: str) -> Mailing:
    """Give a mailing by its number; raises Refusal `not_found`."""
    with house.store.read() as tx:
        return _mailing(tx, _row(tx, number))


def _row(tx: sa.Connection, number: str) -> sa.Row[tuple[object, ...]]:
    try:
        wanted = unb64(number)
    except ValueError:
        raise Refusal("not_found") from None
    row = tx.execute(sa.select(store.mailing).where(store.mailing.c.id == wanted)).first()
    if row is None:
        raise Refusal("not_found")
    return row


def _mailing(tx: sa.Connection, row: sa.Row[tuple[object, ...]]) -> Mailing:
    counts = store.states(tx, row.id)
    by_state: Counter[str] = Counter()
    for (state, _), count in counts.items():
        by_state[state] += count
    refused = {code: count for (state, code), count in sorted(counts.items()) if state == "refused"}
    return Mailing(b64(row.id), row.purpose, row.planned_at, row.staff, dict(by_state), refused)


def send_due(house: House, number: str, transport: Transport, *, most: int = 0) -> Sent:
    """Send the waiting letters of a mailing, one by one; `most` of them at most (0: all).

    Each letter is decided at its moment: purpose, basis, standing, suppression, period, and whether whoever planned
    it may still read for the purpose. A letter whose sending was cut off is not sent again. Raises
    MailUnreachableError with the letter back in the queue, MailNotSetError.
    Clause: collection.purposes (APPI 18; GDPR 7(3), 21(3); Act on Regulation of Transmission of Specified Electronic Mail 3)
    """
    settings = house.serving.mail
    if settings is None:
        raise MailNotSetError
    with house.store.read() as tx:
        row = _row(tx, number)
    texts = {lang: Text(*parts) for lang, parts in json.loads(row.texts).items()}
    sent, refused, bounced = 0, Counter[str](), 0
    for subject in _claimed(house, row.id, most):
        state, code = _one(house, row, subject, texts, transport)
        sent, bounced = sent + (state == "sent"), bounced + (state == "bounced")
        if state == "refused":
            refused[code] += 1
    house.stirred.set()
    return Sent(sent, dict(refused), bounced)


def _claimed(house: House, mailing: bytes, most: int) -> Iterator[bytes]:
    taken = 0
    while not most or taken < most:
        subject = _claim(house, mailing)
        if subject is None:
            return
        taken += 1
        yield subject


@retried
def _claim(house: House, mailing: bytes) -> bytes | None:
    with house.store.write() as tx:
        return store.claim(tx, mailing, house.clock.now())


def _one(
    house: House, row: sa.Row[tuple[object, ...]], subject: bytes, texts: Mapping[str, Text], transport: Transport
) -> tuple[str, str]:
    """Decide, write and send one letter, and write down how it went."""
    try:
        letter, version = _letter(house, row, subject, texts)
    except Refusal as refusal:
        _close(house, row, subject, "refused", refusal.diagnostic.code)
        return "refused", refusal.diagnostic.code
    settings = house.serving.mail
    if settings is None:
        raise MailNotSetError
    sender = (letter_sender(house), settings.sender)
    mail = message(letter, sender, f"{b64(row.id)}.{b64(subject)}", house.clock.now())
    crash_point("mail.before_send")
    try:
        transport.send(mail)
    except MailRefusedError as error:
        _close(house, row, subject, "bounced", error.diagnostic.code)
        return "bounced", error.diagnostic.code
    except Exception:
        _close(house, row, subject, "waiting", "")
        raise
    crash_point("mail.after_send")
    _close(house, row, subject, "sent", "", version=version)
    return "sent", ""


def letter_sender(house: House) -> str:
    """Give the name that stands as the sender: the controller's, in the first language of the policy."""
    policy = house.in_force().policy
    return policy.controller.name[policy.languages[0]]


def _letter(
    house: House, row: sa.Row[tuple[object, ...]], subject: bytes, texts: Mapping[str, Text]
) -> tuple[Letter, str]:
    """Read the address through the gate and write the letter; raises the gate's Refusal.

    Clause: retention.proof (suppression), basis.consent (GDPR 7(3))
    """
    policy = house.in_force().policy
    with house.store.read() as tx:
        if store.bounces(tx, subject) >= BOUNCES:
            raise Refusal("suppressed", "retention.proof", policy_version=policy.version)
    address_field = next((name for name, one in policy.fields.items() if one.format == "email"), "email")
    reading = gate.read(
        house, _reader(house, row.staff), subject=b64(subject), purpose=row.purpose, fields=(address_field,),
        view="raw",
    )
    found = next((one for one in reversed(reading.records) if one.fields.get(address_field)), None)
    if found is None:
        raise Refusal("field_required", "collection.purposes", fields=(address_field,))
    to = str(found.fields[address_field])
    if house.vault.suppressed("email", to):
        raise Refusal("suppressed", "retention.proof", policy_version=policy.version)
    lang = _language(house, subject, row.purpose, found)
    settings = house.serving.mail
    base = settings.base_url if settings else ""
    link = f"{base}/consent/withdraw/{tickets.make(house, subject, row.purpose, lang)}"
    text = texts[lang]
    with house.store.read() as tx:
        agreed = standing_of(house, tx, subject, row.purpose) in {"given", "renewed"}
    below = foot(policy, lang, base=base, link=link, agreed=agreed, first=_first(house, subject, found))
    return Letter(to, text.subject, f"{text.body}\n\n{below}", lang, tickets.mail_headers(link)), found.policy_version


def _language(house: House, subject: bytes, purpose: str, found: ReadRecord) -> str:
    """Give the language of the person's last statement about the purpose; else that of the record's country, else the first."""
    policy = house.in_force().policy
    with house.store.read() as tx:
        said = [one.lang for one in basis_store.consents_of(tx, subject, purpose) if one.lang in policy.languages]
        origin = house.vault.record(tx, unb64(found.record)).origin
    if said:
        return said[-1]
    wanted = "ja" if origin == "JP" else "en"
    return wanted if wanted in policy.languages else policy.languages[0]


def _first(house: House, subject: bytes, found: ReadRecord) -> str:
    """Name the situation whose notice the first mail carries: one where staff took the data and no mail came yet.

    Clause: notice.channels (APPI 21(4), GDPR 21(4))
    """
    with house.store.read() as tx:
        if store.wrote_before(tx, subject):
            return ""
        record: Record = house.vault.record(tx, unb64(found.record))
    policy = version_of(house, record)
    channel = policy.channels.get(policy.situations[record.situation].channel)
    return record.situation if channel is not None and channel.how == "staff" else ""


@retried
def _close(
    house: House, row: sa.Row[tuple[object, ...]], subject: bytes, state: str, code: str, *, version: str = ""
) -> None:
    """Write how a letter went; a sent one is an entry of the ledger, without its address and its text."""
    policy = house.in_force().policy
    with house.store.write() as tx:
        store.mark(tx, row.id, subject, state, code, house.clock.now())
        if state in {"sent", "bounced"}:
            house.ledger.append(
                tx,
                "service.sent" if state == "sent" else "service.failed",
                clause="collection.purposes",
                policy_version=version or policy.version,
                actor=f"staff:{row.staff}",
                body={"service": "mail", "purpose": row.purpose, "mailing": b64(row.id), "code": code},
                subject=subject,
            )
