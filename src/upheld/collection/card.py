"""Cards: what a business card says, read into the fields that the situation declares; pure. The rest is dropped and named.

A card comes as vCard (RFC 6350 and the older forms that phones write) or as lines of text.
"""

from __future__ import annotations

import quopri
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass

from upheld.policy.model import CompiledPolicy, Situation

_UNFOLD = re.compile(r"\r?\n[ \t]")
_LINE = re.compile(r"(?:[A-Za-z0-9-]+\.)?([A-Za-z-]+)((?:;[^:]*)?):(.*)", re.DOTALL)
_LABELLED = re.compile(r"([^:：]{1,40})[:：]\s*(.+)")
_MAIL = re.compile(r"[^\s@]+@[^\s@]+\.[^\s@]+")
_PHONE = re.compile(r"[+＋]?[\d(（][\d\s().（）+-]{7,}\d")
_NOTHING = frozenset({"begin", "end", "version", "prodid", "rev", "uid", "kind", "n", "source", "xml", "clientpidmap"})
_MEANS = {
    "fn": "name", "org": "company", "title": "job_title", "role": "occupation", "x-socialprofile": "social_name",
    "impp": "social_name", "adr": "address", "bday": "birth", "photo": "picture", "nickname": "nickname",
}  # fmt: skip
_FORMATS = {"email": "email", "tel": "phone"}


@dataclass(frozen=True, slots=True)
class Card:
    """What a card gave: values by declared field, what was dropped by name, and how many lines nobody could read."""

    values: dict[str, str]
    dropped: tuple[str, ...]
    unread: int


def read_card(policy: CompiledPolicy, situation: Situation, text: str) -> Card:
    """Read a card for a situation; what the situation does not declare is dropped, whatever the card says.

    `dropped` names fields by their id where the policy knows them, else by the card's own word for the line; values
    of dropped lines are not given back. Clause: collection.situations (APPI 17, 20; GDPR 5(1)(c))
    """
    vcard = re.search(r"^BEGIN:VCARD", text, re.IGNORECASE | re.MULTILINE) is not None
    values: dict[str, str] = {}
    dropped: dict[str, None] = {}
    unread = 0
    for word, value in _vcard(policy, text) if vcard else _lines(policy, text):
        if not word:
            unread += 1
        elif word in situation.fields:
            values.setdefault(word, value)
        else:
            dropped[word] = None
    return Card(values, tuple(dropped), unread)


def _vcard(policy: CompiledPolicy, text: str) -> Iterator[tuple[str, str]]:
    """Give (field id or property, value) of each line that says something about the person."""
    for line in _UNFOLD.sub("", text).splitlines():
        found = _LINE.fullmatch(line.strip())
        if found is None or not found[3]:
            continue
        name, value = found[1].lower(), _decoded(found[2], found[3])
        if name in _NOTHING:
            continue
        if name == "org":
            company, _, department = value.partition(";")
            yield "company", _plain(company)
            if department.strip(" ;"):
                yield "department", _plain(department.partition(";")[0])
        elif name in _FORMATS:
            yield _of_format(policy, _FORMATS[name]), _plain(value.removeprefix("tel:"))
        else:
            yield _MEANS.get(name, name), _plain(value)


def _decoded(params: str, value: str) -> str:
    if "QUOTED-PRINTABLE" not in params.upper():
        return value
    charset = re.search(r"CHARSET=([A-Za-z0-9_-]+)", params, re.IGNORECASE)
    try:
        return quopri.decodestring(value).decode(charset[1] if charset else "utf-8")
    except (LookupError, UnicodeDecodeError):
        return ""


def _plain(value: str) -> str:
    """Undo the escapes of a vCard value."""
    return re.sub(r"\\(.)", lambda found: "\n" if found[1] in "nN" else found[1], value).strip()


def _lines(policy: CompiledPolicy, text: str) -> Iterator[tuple[str, str]]:
    """Give (field id or label, value) of lines such as `email: …`; an address or number alone is known by its form.

    A line with neither gives an empty word.
    """
    names = _names(policy)
    for line in (one.strip() for one in text.splitlines()):
        if not line:
            continue
        if _MAIL.fullmatch(line):
            yield _of_format(policy, "email"), line
        elif _PHONE.fullmatch(line):
            yield _of_format(policy, "phone"), line
        elif found := _LABELLED.fullmatch(line):
            yield names.get(_folded(found[1]), found[1].strip()), found[2].strip()
        else:
            yield "", ""


def _names(policy: CompiledPolicy) -> dict[str, str]:
    """Give every declared field by its id and by its label in each language."""
    found = {_folded(name): name for name in policy.fields}
    for name, field in policy.fields.items():
        found |= {_folded(label): name for label in field.text.values()}
    return found


def _folded(text: str) -> str:
    return unicodedata.normalize("NFKC", text).strip().casefold().replace(" ", "_")


def _of_format(policy: CompiledPolicy, wanted: str) -> str:
    """Give the first declared field of a format; the format's own name where there is none."""
    return next((name for name, field in policy.fields.items() if field.format == wanted), wanted)
