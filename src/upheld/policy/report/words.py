"""Fixed words of what the command line prints, in English and Japanese."""

from __future__ import annotations

from collections.abc import Mapping

from upheld.policy.render.wording import book

LANGUAGES = ("en", "ja")

_UNPRINTED: Mapping[str, Mapping[str, str]] = {
    "evidence": {"en": "Evidence", "ja": "裏付け"},
    "mappings": {"en": "Mappings", "ja": "対応表"},
    "statements": {"en": "Statements", "ja": "記述のみの条項"},
}
"""Headings of sections that the page does not print; the others are headed here as they are there."""

SEVERITIES: Mapping[str, Mapping[str, str]] = {
    "error": {"en": "error", "ja": "エラー"},
    "warning": {"en": "warning", "ja": "警告"},
    "note": {"en": "note", "ja": "参考"},
    "accepted": {"en": "accepted", "ja": "受容"},
}

LABELS: Mapping[str, Mapping[str, str]] = {
    "en": {"under": "under", "law": "law", "next": "next", "until": "until"},
    "ja": {"under": "場所", "law": "法令", "next": "対応", "until": "期限"},
}

AT_THE_CARET: Mapping[str, Mapping[str, str]] = {
    "PP002": {"en": "first at line {line}", "ja": "先に{line}行目にある"},
    "PP004": {"en": "`{suggestion}`?", "ja": "`{suggestion}`？"},
    "PP006": {"en": "lacks `{key}`", "ja": "`{key}`がない"},
    "PP007": {"en": "`{suggestion}`?", "ja": "`{suggestion}`？"},
    "PP107": {"en": "needs `{field}`", "ja": "`{field}`を要する"},
    "PP802": {"en": "no `{language}` text", "ja": "`{language}`の文がない"},
}
"""What stands behind the carets; a code that is not here has only its first line."""

CLASS_TITLES: Mapping[str, str] = {
    "wording": "文言",
    "narrowing": "縮小",
    "within_relevance": "関連性のある範囲",
    "longer_period": "期間の延長",
    "less_protection": "保護の低下",
    "new_field": "項目の追加",
    "new_country": "国の追加",
    "new_recipient": "相手先の追加",
    "beyond": "範囲を超える変更",
}


def section_title(section: str, lang: str) -> str:
    """Give the heading of a section as the page prints it; an unknown section is its own word."""
    own = _UNPRINTED.get(section, {})
    return book(lang)["section"].get(section) or own.get(lang) or own.get("en") or section


def severity_word(severity: str, lang: str) -> str:
    """Give the word for a severity."""
    word = SEVERITIES[severity]
    return word.get(lang) or word["en"]


def label(name: str, lang: str) -> str:
    """Give the word before one line of a finding."""
    return LABELS.get(lang, LABELS["en"])[name]


def counted(number: int, one: str, many: str) -> str:
    """Count a thing in English: `1 error`, `2 errors`."""
    return f"{number} {one if number == 1 else many}"
