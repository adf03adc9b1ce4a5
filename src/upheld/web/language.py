"""Language: which of the policy's languages a response speaks, and what that choice depended on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

COOKIE = "upheld_lang"
NAMES: Mapping[str, str] = {
    "en": "English",
    "ja": "日本語",
    "de": "Deutsch",
    "fr": "Français",
    "es": "Español",
    "ko": "한국어",
    "zh": "中文",
    "pt": "Português",
    "it": "Italiano",
    "nl": "Nederlands",
}
"""What a language calls itself; the switch shows a code where the name is not known."""


@dataclass(frozen=True, slots=True)
class Choice:
    """The language of a response; `negotiated` when headers decided it, so that caches must be told."""

    lang: str
    negotiated: bool


def choose(
    languages: Sequence[str], asked: str | None = None, cookie: str | None = None, accept: str | None = None
) -> Choice:
    """Choose among the policy's languages: `?lang=`, then the cookie, then `Accept-Language`, then the first.

    A language the policy does not speak is no choice. `asked` alone needs no `Vary`.
    """
    if asked in languages:
        return Choice(str(asked), negotiated=False)
    if cookie in languages:
        return Choice(str(cookie), negotiated=True)
    for tag in accepted(accept or ""):
        if tag == "*":
            break
        base = tag.partition("-")[0]
        for wanted in (tag, base):
            if wanted in languages:
                return Choice(wanted, negotiated=True)
    return Choice(languages[0], negotiated=True)


def accepted(header: str) -> list[str]:
    """Give the language tags of an `Accept-Language` header in lower case, best first, refused ones left out."""
    ranked: list[tuple[float, int, str]] = []
    for place, part in enumerate(header[:1000].split(",")):
        tag, *params = (piece.strip().lower() for piece in part.split(";"))
        weight = 1.0
        for param in params:
            name, _, value = param.partition("=")
            if name.strip() == "q":
                weight = _weight(value)
        if tag and weight > 0:
            ranked.append((-weight, place, tag))
    return [tag for _, _, tag in sorted(ranked)]


def _weight(value: str) -> float:
    try:
        weight = float(value)
    except ValueError:
        return 0.0
    return weight if 0 < weight <= 1 else 0.0
