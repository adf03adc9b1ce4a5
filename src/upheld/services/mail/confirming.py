"""Mails that ask to confirm a consent: one for each entry that asks, to the address the person entered, in their language."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from upheld.basis import confirming
from upheld.basis import store as basis_store
from upheld.basis.history import purpose_text
from upheld.collection.tell import in_lang
from upheld.db import b64, crash_point, retried
from upheld.notice import House
from upheld.services.mail.actions import letter_sender
from upheld.services.mail.letter import Letter, message
from upheld.services.mail.transport import MailNotSetError, MailRefusedError, Transport
from upheld.services.mail.words import below, said_of

MOST = 100
"""How many mails one round sends at most."""


def send_waiting(house: House, transport: Transport, most: int = MOST) -> int:
    """Send the mails that wait, and give how many left. One whose sending was cut off is not sent again.

    Raises MailUnreachableError with the mail back in the queue, MailNotSetError.
    Clause: basis.consent (GDPR 7(1))
    """
    if house.serving.mail is None:
        raise MailNotSetError
    sent = 0
    for row in _claimed(house, most):
        sent += _one(house, row, transport)
    if sent:
        house.stirred.set()
    return sent


def _claimed(house: House, most: int) -> Iterator[Any]:
    for _ in range(most):
        row = _claim(house)
        if row is None:
            return
        yield row


@retried
def _claim(house: House) -> Any:
    with house.store.write() as tx:
        return basis_store.claim_confirmation(tx, house.clock.now())


def _one(house: House, row: Any, transport: Transport) -> bool:
    to = _address(house, row.subject, row.entry)
    if not to:
        _close(house, row, "unaddressed")
        return False
    mail = message(_letter(house, row, to), _sender(house), f"confirm.{b64(row.entry)}", house.clock.now())
    crash_point("confirm.before_send")
    try:
        transport.send(mail)
    except MailRefusedError:
        _close(house, row, "bounced")
        return False
    except Exception:
        _close(house, row, "waiting")
        raise
    _close(house, row, "sent")
    return True


def _sender(house: House) -> tuple[str, str]:
    settings = house.serving.mail
    if settings is None:
        raise MailNotSetError
    return letter_sender(house), settings.sender


def _address(house: House, subject: bytes, entry: bytes) -> str:
    """Give the address in the record that was taken with the tick, else the newest one of the person."""
    policy = house.in_force().policy
    names = [name for name, one in policy.fields.items() if one.format == "email"]
    with house.store.read() as tx:
        held = house.vault.subject(tx, subject)
        if held is None or held.state != "live":
            return ""
        for record in reversed(list(house.vault.records_of(tx, subject))):
            fields = house.vault.open_fields(tx, record)
            for name in names:
                if fields.get(name):
                    return str(fields[name])
    return ""


def _letter(house: House, row: Any, to: str) -> Letter:
    """Write the mail: what is to be confirmed, the link and until when it opens, and that silence means no."""
    policy, settings = house.in_force().policy, house.serving.mail
    lang = row.lang if row.lang in policy.languages else policy.languages[0]
    base, said = settings.base_url if settings else "", said_of(lang, "confirm")
    lines = [
        said["hello"],
        in_lang(purpose_text(house, row.purpose), lang),
        said["press"].format(until=_moment(house, row, lang)),
        base + confirming.link_of(house, row.entry),
        said["else"],
        below(policy, lang, base=base),
    ]
    return Letter(to, said["subject"].format(company=letter_sender_in(house, lang)), "\n\n".join(lines), lang)


def letter_sender_in(house: House, lang: str) -> str:
    """Give the name of the company in a language."""
    return in_lang(house.in_force().policy.controller.name, lang)


def _moment(house: House, row: Any, lang: str) -> str:
    from zoneinfo import ZoneInfo

    zone = house.in_force().policy.timezone
    at = row.until.astimezone(ZoneInfo(zone))
    return f"{at:%Y-%m-%d %H:%M} ({zone})"


@retried
def _close(house: House, row: Any, state: str) -> None:
    """Write how a mail went; that it left, or that no server took it, is an entry of the ledger without its address."""
    with house.store.write() as tx:
        basis_store.mark_confirmation(tx, row.digest, state)
        if state in {"sent", "bounced"}:
            house.ledger.append(
                tx,
                "service.sent" if state == "sent" else "service.failed",
                clause=f"basis.purposes.{row.purpose.partition('.')[0]}",
                policy_version=house.in_force().policy.version,
                actor="svc:mail",
                body={"service": "mail", "purpose": row.purpose, "mailing": "confirm", "code": "" if state == "sent" else "mail_refused"},
                subject=row.subject,
            )
