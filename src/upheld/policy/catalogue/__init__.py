"""The diagnostics catalogue: what each code says, why, and what to do about it, in every language.

A check only names a code and fills its placeholders; the words live in the TOML files beside this one, one file
for each first digit. A table is parsed when its code is first asked for, so a run pays only for what it finds.
"""

from __future__ import annotations

import re
import tomllib
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal, cast

from upheld.policy.catalogue.words import FALLBACK, Text, Value, citation_in, fill, named, pick, slots

__all__ = [
    "Code",
    "Severity",
    "Text",
    "Value",
    "catalogue",
    "citation_in",
    "explain_markdown",
    "explain_text",
    "slots",
]

Severity = Literal["error", "warning", "note"]

_NAME = re.compile(r"PP[0-9]{3}")
_TABLE = re.compile(r"^\[(PP[0-9]{3})\]$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Code:
    """One diagnostic code with its words.

    `params` are the placeholders that a check fills; those in `optional` may be left out, the plain variant of
    the sentence is used then. `terms` holds, for a placeholder, the words that a check may bring as its value and
    what they read in each language (`detail`: `too_large`). `at` is the clause the example would be accepted at.
    """

    code: str
    severity: Severity
    acceptable: bool
    law: tuple[str, ...]
    rules: tuple[str, ...]
    params: tuple[str, ...]
    bad: str
    good: str
    title: Text = field(hash=False)
    message: Text = field(hash=False)
    next: Text = field(hash=False)
    why: Text = field(hash=False)
    terms: Mapping[str, Mapping[str, Text]] = field(hash=False)
    message_plain: Text | None = field(default=None, hash=False)
    next_plain: Text | None = field(default=None, hash=False)
    at: str = ""

    @property
    def optional(self) -> frozenset[str]:
        """Placeholders that a check may leave out without a gap in a sentence."""
        needed: set[str] = set()
        for full, plain in ((self.message, self.message_plain), (self.next, self.next_plain)):
            needed |= slots((plain or full)[FALLBACK])
        return frozenset(self.params) - needed

    def message_in(self, lang: str, params: Mapping[str, Value], *, strict: bool = False) -> str:
        """Say what is wrong, in `lang` or else in English.

        A missing placeholder reads `…`; with `strict` it raises KeyError, so that a test finds it.
        """
        return self._say(self.message, self.message_plain, lang, params, strict=strict)

    def next_in(self, lang: str, params: Mapping[str, Value], *, strict: bool = False) -> str:
        """Say what to do next; language and missing placeholders as in `message_in`."""
        return self._say(self.next, self.next_plain, lang, params, strict=strict)

    def _say(
        self, full: Text, plain: Text | None, lang: str, params: Mapping[str, Value], *, strict: bool
    ) -> str:
        known = {name: value for name, value in params.items() if value not in ("", (), [])}
        template = pick(full, lang)
        if plain is not None and not slots(template) <= known.keys():
            template = pick(plain, lang)
        return fill(template, known, lang, self.terms, strict=strict)


class _Catalogue(Mapping[str, Code]):
    """All codes by id, in the order of their numbers; each is read at its first use."""

    def __getitem__(self, code: str) -> Code:
        if code not in self:
            raise KeyError(code)
        return _read(code)

    def __contains__(self, code: object) -> bool:
        return isinstance(code, str) and bool(_NAME.fullmatch(code)) and code in _tables(code[2])

    def __iter__(self) -> Iterator[str]:
        for digit in "0123456789":
            yield from sorted(_tables(digit))

    def __len__(self) -> int:
        return sum(1 for _ in self)


@cache
def catalogue() -> Mapping[str, Code]:
    """Give every code by its id (`PP107`); an id that is not built raises KeyError."""
    return _Catalogue()


@cache
def _tables(digit: str) -> Mapping[str, str]:
    """Cut one file into the text of its tables, without parsing them."""
    text = Path(__file__).with_name(f"{digit}.toml").read_text(encoding="utf-8")
    starts = [*_TABLE.finditer(text)]
    ends = [*(match.start() for match in starts[1:]), len(text)]
    return {match[1]: text[match.start() : end] for match, end in zip(starts, ends, strict=True)}


@cache
def _read(code: str) -> Code:
    return _code(code, tomllib.loads(_tables(code[2])[code])[code])


def _code(code: str, table: dict[str, Any]) -> Code:
    words = {key: MappingProxyType(table[key]) for key in ("title", "message", "next", "why")}
    plain = {key: MappingProxyType(table[key]) for key in ("message_plain", "next_plain") if key in table}
    return Code(
        code=code,
        severity=cast("Severity", table["severity"]),
        acceptable=table["acceptable"],
        law=tuple(table["law"]),
        rules=tuple(table["rules"]),
        params=tuple(table["params"]),
        bad=table["bad"].strip("\n"),
        good=table["good"].strip("\n"),
        terms=MappingProxyType(table.get("terms", {})),
        at=table.get("at", ""),
        **words,
        **plain,
    )


# --- explain ---------------------------------------------------------------------------------------------------

_SEVERITY_JA = {"error": "エラー", "warning": "警告", "note": "参考"}
_LABELS: Mapping[str, Mapping[str, str]] = {
    "en": {"why": "Why", "law": "Law", "next": "Next", "bad": "Bad", "good": "Good", "accept": "Accept"},
    "ja": {"why": "理由", "law": "法令", "next": "対応", "bad": "誤り", "good": "正しい", "accept": "受容"},
}
_GUTTER = 8  # columns before the text, as wide as the longest label and two spaces


def explain_text(code: Code, lang: str) -> str:
    """Explain a code for a terminal: title, reason, law, remedy, wrong and right, and how to accept it.

    One sentence stands on a line; placeholders of the remedy read as `<purpose>`.
    """
    labels = _LABELS.get(lang, _LABELS[FALLBACK])
    rows = [("why", _sentences(pick(code.why, lang)))]
    if code.law:
        rows.append(("law", [" · ".join(citation_in(lang, one) for one in code.law)]))
    rows.append(("next", [named(pick(code.next, lang))]))
    rows += [("bad", code.bad.split("\n")), ("good", code.good.split("\n"))]
    if code.acceptable:
        rows.append(("accept", [_acceptance(code)]))
    lines = [_title(code, lang)]
    for key, texts in rows:
        lines += [_padded(labels[key] if first == 0 else "") + text for first, text in enumerate(texts)]
    return "\n".join(lines)


def explain_markdown(code: Code) -> str:
    """Write the reference page of a code, both languages on one page."""
    parts = [f"# {_title(code, 'en')}"]
    for lang, heading in (("en", "English"), ("ja", "日本語")):
        labels = _LABELS[lang]
        parts += [f"## {heading}", f"**{_title(code, lang)}**", f"> {named(pick(code.message, lang))}"]
        parts.append(f"**{labels['why']}** {pick(code.why, lang)}")
        if code.law:
            law = " · ".join(citation_in(lang, one) for one in code.law)
            parts.append(f"**{labels['law']}** {law}")
        parts.append(f"**{labels['next']}** {named(pick(code.next, lang))}")
        parts.append(_acceptable_sentence(code, lang))
    if code.rules:
        rules = ", ".join(f"`{rule}`" for rule in code.rules)
        parts.append(
            f"## Rules · 規則\n\nAsked by a law pack that holds · 次の規則を持つ法令パックによる: {rules}"
        )
    parts.append(f"## Bad · 誤り\n\n```yaml\n{code.bad}\n```")
    parts.append(f"## Good · 正しい\n\n```yaml\n{code.good}\n```")
    if code.acceptable:
        parts.append(f"## Accept · 受容\n\n```yaml\n{_acceptance(code)}\n```")
    return "\n\n".join(parts) + "\n"


def _title(code: Code, lang: str) -> str:
    severity = _SEVERITY_JA[code.severity] if lang == "ja" else code.severity
    return f"{code.code} · {severity} · {pick(code.title, lang)}"


def _sentences(text: str) -> list[str]:
    return re.findall(r"\S.*?(?:\.(?=\s)|。|$)", text)


def _acceptance(code: Code) -> str:
    return f"accept: [{{code: {code.code}, at: {code.at}, reason: …, who: …, until: YYYY-MM-DD}}]"


def _acceptable_sentence(code: Code, lang: str) -> str:
    if lang == "ja":
        return "期限を付して受容できる。" if code.acceptable else "受容できない。"
    return "It can be accepted for a time." if code.acceptable else "It cannot be accepted."


def _padded(label: str) -> str:
    """Fill a label up to the gutter; full-width characters take two columns."""
    wide = sum(2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in label)
    return label + " " * (_GUTTER - wide)
