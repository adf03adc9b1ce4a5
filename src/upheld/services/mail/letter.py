"""Letters: a text in the language of whoever gets it, with who writes, why, and how to stop it; pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from email.message import EmailMessage
from email.utils import format_datetime, formataddr
from html import escape

from upheld.db import UpheldError

_LINK = re.compile(r"https?://[^\s<>]+")


class TextUnreadableError(UpheldError):
    """The text of a mailing has no subject, no body, or is not UTF-8."""

    code = "mail_text"
    clause = "collection.purposes"
    next_step = "Write the subject on the first line, an empty line, and the text below it, as UTF-8."


@dataclass(frozen=True, slots=True)
class Text:
    """What a mailing says in one language."""

    subject: str
    body: str


@dataclass(frozen=True, slots=True)
class Letter:
    """One letter to one person; `headers` are those with which a mail program offers to stop it (RFC 8058)."""

    to: str
    subject: str
    text: str
    lang: str
    headers: Mapping[str, str] = field(default_factory=dict)


def read_text(raw: bytes) -> Text:
    """Read the text of a mailing: the subject on the first line, then the body; raises TextUnreadableError."""
    try:
        subject, _, body = raw.decode("utf-8").replace("\r\n", "\n").partition("\n")
    except UnicodeDecodeError:
        raise TextUnreadableError from None
    if not subject.strip() or not body.strip():
        raise TextUnreadableError
    return Text(subject.strip(), body.strip())


def message(letter: Letter, sender: tuple[str, str], number: str, at: datetime) -> EmailMessage:
    """Make the mail: plain text and the same as HTML without pictures; `number` names it once and for ever.

    `sender` is (name, mailbox). The same letter sent again has the same Message-ID, so that nobody gets it twice.
    """
    made = EmailMessage()
    made["From"] = formataddr(sender)
    made["To"] = letter.to
    made["Subject"] = letter.subject
    made["Date"] = format_datetime(at)
    made["Message-ID"] = f"<{number}@{sender[1].rpartition('@')[2]}>"
    for name, value in letter.headers.items():
        made[name] = value
    made.set_content(letter.text)
    made.add_alternative(as_html(letter), subtype="html")
    made["Content-Language"] = letter.lang  # after the content, which would take it away
    return made


def as_html(letter: Letter) -> str:
    """Give the text as a page: paragraphs and links, nothing that is fetched and nothing that counts readers."""
    paragraphs = (_linked(part).replace("\n", "<br>") for part in letter.text.split("\n\n") if part.strip())
    body = "".join(f"<p>{part}</p>" for part in paragraphs)
    head = f'<meta charset="utf-8"><title>{escape(letter.subject)}</title>'
    return f'<!doctype html><html lang="{letter.lang}"><head>{head}</head><body>{body}</body></html>'


def _linked(text: str) -> str:
    """Escape a text and make its addresses links."""
    made, last = [], 0
    for found in _LINK.finditer(text):
        url = escape(found[0])
        made += [escape(text[last : found.start()]), f'<a href="{url}">{url}</a>']
        last = found.end()
    return "".join([*made, escape(text[last:])])
