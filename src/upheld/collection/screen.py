"""Screening: does a free text hint at more than was asked for? Words as data, one list a language, all of them read."""

from __future__ import annotations

import re
import tomllib
import unicodedata
from functools import cache
from importlib import resources

SPECIAL_CARE = "special_care"
_UNSPACED = frozenset({"ja", "zh", "th"})
"""Languages written without spaces: their words are found inside a run of letters."""


def hints_at_special_care(text: str) -> bool:
    """Say whether a text holds a word that may tell of health, belief, origin and the like.

    Clause: collection.fields (APPI 20(2), GDPR 9)
    """
    return _pattern().search(unicodedata.normalize("NFKC", text).casefold()) is not None


@cache
def _pattern() -> re.Pattern[str]:
    raw = resources.files(__package__).joinpath("words", "screen.toml").read_text("utf-8")
    inside: list[str] = []
    whole: list[str] = []
    for lang, kinds in tomllib.loads(raw).items():
        for found in kinds.values():
            (inside if lang in _UNSPACED else whole).extend(
                re.escape(unicodedata.normalize("NFKC", word).casefold()) for word in found
            )
    return re.compile(f"{'|'.join(inside)}|(?<!\\w)(?:{'|'.join(whole)})(?!\\w)")
