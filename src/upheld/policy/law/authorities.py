"""Where someone may complain, by where they live."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import lru_cache
from typing import Any

from upheld.policy.law.book import EEA, load_law
from upheld.policy.law.package import data
from upheld.policy.law.values import EMPTY, day

UK = "GB"
# Shown in this order; what supervises public bodies only is no place to complain about a company.
_SHOWN = {"all": 0, "private": 0, "federal": 1}


@dataclass(frozen=True, slots=True)
class Authority:
    """One supervisory authority: its country, the part of it, what it supervises, name and address."""

    country: str
    part: str | None
    scope: str
    name: Mapping[str, str] = field(hash=False)
    url: str
    links: Mapping[str, str] = field(default_factory=lambda: EMPTY, hash=False)
    before_name: str | None = None
    before_until: date | None = None

    def name_in(self, lang: str, on: date | None = None) -> str:
        """Give its name in a language, English where it has none; with a day, the name it had then."""
        if on and self.before_name and self.before_until and on <= self.before_until:
            return self.before_name
        return self.name.get(lang) or self.name["en"]


@lru_cache(maxsize=1)
def authority_table() -> tuple[Authority, ...]:
    """Give every authority that ships."""
    return tuple(_authority(item) for item in data("authorities")["authorities"])


def _authority(item: Mapping[str, Any]) -> Authority:
    before = item.get("before", EMPTY)
    return Authority(
        country=item["country"],
        part=item["part"],
        scope=item["scope"],
        name=item["name"],
        url=item["url"],
        links=item.get("links", EMPTY),
        before_name=before.get("name"),
        before_until=day(before.get("until")),
    )


def authorities(
    residence: str,
    part: str | None = None,
    *,
    home: str = "JP",
    table: tuple[Authority, ...] | None = None,
) -> tuple[Authority, ...]:
    """Give the authorities for someone who lives there, the first to ask first.

    In the EEA those of the country, of a federal country the part's before the federal one (all parts
    where none is told); in the United Kingdom its own; elsewhere, or not known, that of the controller's
    country `home`. `residence` may name the part (`DE-BE`). A company's complaint form comes before all.
    Clause: rights.complaints (GDPR 77, DPA 2018 165, APPI 40)
    """
    table = table if table is not None else authority_table()
    country, _, named = residence.partition("-")
    part = part or named or None
    if country == EEA:
        return _ordered(tuple(item for item in table if load_law().in_eea(item.country)), None)
    if not (load_law().in_eea(country) or country == UK):
        country, part = home, None
    return _ordered(tuple(item for item in table if item.country == country), part)


def ours_first(residence: str) -> bool:
    """Say whether the law sends the person to the company's own complaint form first (the UK does).

    Clause: rights.complaints (DPA 2018 164A)
    """
    return residence.partition("-")[0] == UK


def _ordered(found: tuple[Authority, ...], part: str | None) -> tuple[Authority, ...]:
    shown = [item for item in found if item.scope in _SHOWN]
    known = {item.part for item in shown if item.part}
    if part in known:
        shown = [item for item in shown if item.part in (part, None)]
    return tuple(sorted(shown, key=lambda item: _SHOWN[item.scope]))
