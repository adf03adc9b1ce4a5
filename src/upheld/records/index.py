"""Normal forms nf1 of identifiers: what counts as the same address or number; pure.

The version is part of what is hashed, so a later rule is built beside this one.
"""

from __future__ import annotations

import re
import unicodedata

FORM = "nf1"
SHARED = frozenset({"phone"})
"""Kinds that several people may share (a switchboard): they find people but never make two people one."""

_KIND = re.compile(r"[a-z][a-z0-9_.:-]{0,59}")
_PLAIN = re.compile(
    r"[!-?A-~]{1,64}@(?:(?!..--)[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+[A-Za-z](?:[A-Za-z0-9]{0,61}[A-Za-z0-9])?"
)
"""Addresses of printable ASCII whose domain has ordinary labels only."""

_BUILT_IN = ("email", "phone", "visitor", "social", "user_id")


def identifier_kinds() -> tuple[str, ...]:
    """List the kinds with a rule of their own; any other kind is an outside id, compared exactly after NFC."""
    return _BUILT_IN


def check_kind(kind: str) -> None:
    """Refuse a kind that is no short word; raises ValueError."""
    if not _KIND.fullmatch(kind):
        raise ValueError("an identifier kind is a short word in lower case")


def normal_form(kind: str, value: str, region: str | None = None) -> str | None:
    """Give the normal form of an identifier, or None when it is no valid one and so cannot be indexed.

    `region` is the ISO country a phone number without `+` belongs to.
    """
    check_kind(kind)
    if kind == "email":
        return _email(value)
    if kind == "phone":
        return _phone(value, region)
    if kind == "visitor":
        return value or None
    if kind == "social":
        return _social(value)
    return unicodedata.normalize("NFC", value).strip() or None


def _email(value: str) -> str | None:
    """Trim, NFKC, casefold, domain as A-label; dots and plus signs stay, they may tell people apart."""
    plain = value.strip()
    if len(plain) <= 254 and _PLAIN.fullmatch(plain):
        return plain.lower()  # what stands in nearly every row is its own normal form but for the case
    import idna

    text = unicodedata.normalize("NFKC", value).strip().casefold()
    local, _, domain = text.rpartition("@")
    if not local or not domain or any(sign.isspace() for sign in text):
        return None
    try:
        label = idna.encode(domain, uts46=True).decode("ascii")
    except idna.IDNAError:
        return None
    return f"{local}@{label.rstrip('.')}"


def _phone(value: str, region: str | None) -> str | None:
    import phonenumbers

    text = unicodedata.normalize("NFKC", value)
    try:
        number = phonenumbers.parse(text, region)
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_possible_number(number):
        return None
    return str(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164))


def _social(value: str) -> str | None:
    """Take `platform:account`, drop a leading `@` of the account, casefold both."""
    platform, gap, account = unicodedata.normalize("NFKC", value).strip().casefold().partition(":")
    account = account.strip().removeprefix("@")
    return f"{platform.strip()}|{account}" if gap and platform.strip() and account else None
