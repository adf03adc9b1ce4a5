"""How much of a field is shown: raw, masked so that whoever knows the value recognises it, or redacted; pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Literal

View = Literal["raw", "masked", "redacted"]
WIDTHS: tuple[View, ...] = ("redacted", "masked", "raw")
"""The views, the narrowest first."""

DOTS = "•••"
"""Always three, so that the length of what they stand for does not show."""

_SHORT_SECOND_LEVEL = 3
_COUNTRY = 2
_SHOWN_END = 2


def view(fields: Mapping[str, Any], how: View, formats: Mapping[str, str]) -> dict[str, Any]:
    """Give fields as they may be shown; `formats` says which are `email` or `phone`.

    Clause: security.technical
    """
    if how == "raw":
        return dict(fields)
    if how == "redacted":
        return dict.fromkeys(fields, DOTS)
    return {name: masked(value, formats.get(name, "")) for name, value in fields.items()}


def masked(value: Any, form: str = "") -> Any:
    """Mask a value: `h•••@e•••.co.jp`, `+81•••78`, `田•••`; numbers and choices wholly, lists and objects part by part."""
    if isinstance(value, Mapping):
        return {name: masked(part) for name, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [masked(part, form) for part in value]
    if not isinstance(value, str):
        return DOTS
    text = value.strip()
    if form == "email" or (not form and re.fullmatch(r"[^@\s]+@[^@\s]+", text)):
        return _email(text)
    if form == "phone":
        return _phone(text)
    return f"{text[:1]}{DOTS}" if len(text) > 1 else DOTS


def _email(text: str) -> str:
    """Keep the first sign of name and domain, and the public end of the domain."""
    local, at, domain = text.rpartition("@")
    labels = domain.split(".")
    if not at or not local or len(labels) < _COUNTRY:
        return DOTS
    end = labels[-1:]
    if len(labels) > len(end) + 1 and len(labels[-1]) == _COUNTRY and len(labels[-2]) <= _SHORT_SECOND_LEVEL:
        end = labels[-2:]
    shown = f"{local[:1]}{DOTS}" if len(local) > 1 else DOTS
    return f"{shown}@{domain[:1]}{DOTS}.{'.'.join(end)}"


def _phone(text: str) -> str:
    """Keep the country of an international number and its last two digits."""
    digits = re.sub(r"[^\d]", "", text)
    if len(digits) < _SHOWN_END * 4:
        return DOTS
    country = digits[: _country_length(digits)] if text.startswith("+") else ""
    return f"{'+' if country else ''}{country}{DOTS}{digits[-_SHOWN_END:]}"


def _country_length(digits: str) -> int:
    import phonenumbers

    for length in (1, 2, 3):
        if int(digits[:length]) in phonenumbers.COUNTRY_CODE_TO_REGION_CODE:
            return length
    return 0
