"""Wording: the fixed words of the page in one language, and how periods, lists, law and money are said in it.

A language without a file of its own is spoken in English, periods and countries in its own words.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from importlib import resources

from upheld.policy.law import Law, country_name
from upheld.policy.model import CompiledPolicy, End
from upheld.policy.period import Period

FALLBACK = "en"
_GDPR = re.compile(r"A(\d+[A-Z]?)((?:-\w+)*)")
_APPI = re.compile(r"APPI (\d+)((?:\(\w+\))*)")


@cache
def book(lang: str) -> Mapping[str, Mapping[str, str]]:
    """Give the words of a language, what it lacks in English."""
    base, own = _read(FALLBACK), _read(lang)
    return {name: {**part, **own.get(name, {})} for name, part in base.items()}


@cache
def own_book(lang: str) -> Mapping[str, Mapping[str, str]]:
    """Give only what a language says itself; empty where it has no file."""
    return _read(lang)


def _read(lang: str) -> Mapping[str, Mapping[str, str]]:
    if not lang.replace("-", "").isalnum():
        return {}
    try:
        raw = resources.files(__package__).joinpath("words", f"{lang}.toml").read_text("utf-8")
    except FileNotFoundError:
        return {}
    return tomllib.loads(raw)


@dataclass(frozen=True, slots=True)
class Wording:
    """How a policy is spoken of in one language on one day."""

    policy: CompiledPolicy
    lang: str
    law: Law
    on: date

    def say(self, section: str, key: str, **values: str) -> str:
        """Give a fixed word with its values filled in; a key without words is said as it is written."""
        found = book(self.lang)[section].get(key)
        return found.format(**values) if found is not None else key.replace("_", " ")

    def has(self, section: str, key: str) -> bool:
        """Tell whether there are words for a key."""
        return key in book(self.lang)[section]

    def comma(self, items: Iterable[str]) -> str:
        """Join with the comma of the language."""
        return self.say("kit", "comma").join(items)

    def listed(self, items: Iterable[str]) -> str:
        """Join as a sentence does, the last with `and`."""
        *first, last = tuple(items) or ("",)
        return f"{self.comma(first)}{self.say('kit', 'last')}{last}" if first else last

    def country(self, code: str) -> str:
        """Give the name of a country."""
        try:
            return country_name(code, self.lang)
        except LookupError:
            return code

    def countries(self, codes: Iterable[str]) -> str:
        """Give names of countries, joined."""
        return self.comma(self.country(code) for code in codes)

    def place(self, word: str) -> str:
        """Name an area or a country as it stands inside a sentence: `the United States`."""
        if self.has("reach", word):
            return self.say("reach", word)
        return own_book(self.lang).get("place", {}).get(word) or self.country(word)

    def regime(self, regime: str) -> str:
        """Give the name of a regime, else the title of its pack."""
        if self.has("regime", regime):
            return self.say("regime", regime)
        titles = [
            self.law.packs[pack].title for pack in self.policy.packs if self.law.regime_of(pack) == regime
        ]
        return next((title.get(self.lang) or title["en"] for title in titles), regime)

    def period(self, period: Period) -> str:
        """Say a period: `P3Y` is `3 years`."""
        if own_book(self.lang):
            return self.say("period", f"{period.unit}{'_one' if period.n == 1 else ''}", n=str(period.n))
        from babel.units import format_unit

        unit = {"D": "day", "W": "week", "M": "month", "Y": "year"}[period.unit]
        return str(format_unit(period.n, f"duration-{unit}", locale=self.lang.replace("-", "_")))

    def start(self, word: str) -> str:
        """Say what starts a clock."""
        if self.has("start", word):
            return self.say("start", word)
        return self.say("start", "other", word=word.replace("_", " "))

    def end(self, end: End) -> str:
        """Say when a clock ends: `3 years after the last contact`."""
        key = ("at_once" if end.period.n == 0 else "after") + (
            "_year" if end.count == "from_year_end" else ""
        )
        return self.say("period", key, period=self.period(end.period), start=self.start(end.after))

    def ends(self, ends: tuple[End, ...]) -> str:
        """Say when several clocks end, of which the first counts."""
        said = [self.end(end) for end in ends]
        return (
            said[0]
            if len(said) == 1
            else self.say("period", "earliest", ends=self.say("kit", "semicolon").join(said))
        )

    def day(self, day: date) -> str:
        """Say a date."""
        from babel.dates import format_date

        lang = self.lang if own_book(self.lang) else FALLBACK
        return str(format_date(day, format=self.say("date", "long"), locale=lang.replace("-", "_")))

    def money(self, amount: int, currency: str) -> str:
        """Say an amount; yen are whole."""
        if currency == "JPY" and self.lang in {"en", "ja"}:
            return f"{amount:,}円" if self.lang == "ja" else f"{amount:,} yen"
        from babel.numbers import format_currency

        return str(format_currency(amount, currency, locale=self.lang.replace("-", "_")))

    def cite(self, regime: str, citation: str) -> str:
        """Say where a right is written, as lawyers of the language cite it: `A7-3` is `GDPR Art. 7(3)`."""
        if citation == "all":
            return self.say("cite", "all")
        gdpr = _GDPR.fullmatch(citation)
        if gdpr:
            return self.say("cite", "uk" if regime == "uk" else "gdpr", place=self._gdpr_place(gdpr))
        appi = _APPI.fullmatch(citation)
        if appi:
            return self.say("cite", "appi", place=self._appi_place(appi))
        act, _, place = citation.partition(" ")
        return self.say("cite", "dpa", place=place) if act == "DPA" else citation

    def _gdpr_place(self, match: re.Match[str]) -> str:
        parts = [part for part in match[2].split("-") if part]
        if self.lang == "ja":
            return f"{match[1]}条" + "".join(
                f"第{part}項" if part.isdigit() else f"({part})" for part in parts
            )
        return match[1] + "".join(f"({part})" for part in parts)

    def _appi_place(self, match: re.Match[str]) -> str:
        items = re.findall(r"\((\w+)\)", match[2])
        if self.lang == "ja":
            return f"{match[1]}条" + "・".join(f"第{item}項" for item in items)
        return match[1] + ", ".join(f"({item})" for item in items)
