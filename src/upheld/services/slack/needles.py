"""Whether words name a person: an address or a telephone number of theirs stands in them, whole."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable

from upheld.services.model import Identities
from upheld.services.spelling import spellings

_LINK = re.compile(r"<(?:mailto:|tel:)?([^|<>]+)(?:\|([^<>]*))?>")
_GAPS = re.compile(r"(?<=\d)[\s().\-‐‑–]+(?=\d)|(?<=\+)\s+(?=\d)")


def plain(text: str) -> str:
    """Give words as their reader sees them: links as what they show, escapes undone."""
    return html.unescape(_LINK.sub(lambda found: found.group(2) or found.group(1), text))


def patterns_of(who: Identities) -> list[re.Pattern[str]]:
    """Give what to look for: an address not inside a longer one, a number not inside a longer one."""
    mails = [rf"(?<![\w.+'-]){re.escape(value.strip())}(?![\w-]|\.\w)" for value in who.get("email", ()) if value.strip()]
    digits = {re.sub(r"\D", "", form) for value in who.get("phone", ()) for form in spellings(value)}
    numbers = [rf"(?<!\d){number}(?!\d)" for number in sorted(digits) if len(number) >= 8]
    return [re.compile(one, re.IGNORECASE) for one in (*mails, *numbers)]


def named(text: str, tests: Iterable[re.Pattern[str]]) -> bool:
    """Say whether words name the person."""
    shown = plain(text)
    tight = _GAPS.sub("", shown)
    return any(test.search(shown) or test.search(tight) for test in tests)


def replaced(text: str, old: str, new: str) -> str:
    """Give words with an old value replaced, however a telephone number was spaced; unchanged where it is not there."""
    if old in text:
        return text.replace(old, new)
    for form in spellings(old):
        if form in text:
            return text.replace(form, new)
    return text
