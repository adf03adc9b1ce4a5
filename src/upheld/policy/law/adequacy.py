"""Where data may go because the country was found adequate, on a given day."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import Any

from upheld.policy.law.package import data
from upheld.policy.law.values import InForce

SAME_AREA = "same_area"
NON_HR, HR = "non_hr", "hr"


@dataclass(frozen=True, slots=True)
class DpfEvidence:
    """What was seen in the list of certified firms: the day, `hr` and `non_hr`, the UK Extension."""

    checked_on: date
    covers: frozenset[str]
    uk_extension: bool = False


@dataclass(frozen=True, slots=True)
class Entry:
    """One decision: for which countries, between which days, and what evidence it needs besides."""

    id: str
    to: frozenset[str]
    in_force: InForce
    needs: frozenset[str]
    pending_for_efta: bool
    reference: str | None
    url: str | None
    scope: str | None
    mark: str


@dataclass(frozen=True, slots=True)
class AdequacyTable:
    """All decisions by the area that took them, the areas' countries, and how long evidence is fresh."""

    areas: Mapping[str, frozenset[str]]
    efta: frozenset[str]
    entries: Mapping[str, tuple[Entry, ...]]
    max_age_days: int

    def area_of(self, place: str) -> str:
        """Give the area whose data move freely inside: `EEA` for its countries, else the country itself."""
        country = place if place in self.areas else place[:2]
        return next((area for area, members in self.areas.items() if country in members), country)


@lru_cache(maxsize=1)
def adequacy_table() -> AdequacyTable:
    """Give the shipped table."""
    raw = data("adequacy")
    return AdequacyTable(
        areas={area: frozenset(members) for area, members in raw["areas"].items()},
        efta=frozenset(raw["eea_efta"]),
        entries={
            area: tuple(_entry(item) for item in raw[key])
            for area, key in (("EEA", "eu"), ("GB", "uk"), ("JP", "jp"))
        },
        max_age_days=raw["evidence"]["dpf"]["max_age_days"],
    )


def _entry(item: Mapping[str, Any]) -> Entry:
    to = item["to"]
    return Entry(
        id=item["id"],
        to=frozenset([to] if isinstance(to, str) else to),
        in_force=InForce.of(item),
        needs=frozenset(item.get("needs", ())),
        pending_for_efta=item.get("eea_efta") == "pending",
        reference=item["reference"],
        url=item["url"],
        scope=item.get("scope"),
        mark=item["mark"],
    )


def adequate(
    from_area: str,
    to_country: str,
    on: date,
    *,
    dpf: DpfEvidence | None = None,
    human_resources: bool = False,
    table: AdequacyTable | None = None,
) -> str | None:
    """Give the id of the decision that carries the hop on that day, `same_area`, or None.

    `from_area` is where the person lives (a country, `EEA`) or, for the Japanese designation, `JP`.
    Certified firms count only with evidence that is fresh and covers the kind of data.
    Clause: transfers.adequacy (GDPR 45, UK GDPR 45A, APPI 28(1))
    """
    table = table or adequacy_table()
    area = table.area_of(from_area)
    if area == table.area_of(to_country):
        return SAME_AREA
    valid = [
        entry
        for entry in table.entries.get(area, ())
        if to_country in entry.to
        and entry.in_force.holds(on)
        and not (entry.pending_for_efta and _maybe_efta(from_area, table))
        and _proven(entry, on, dpf, human_resources, table.max_age_days)
    ]
    # Where an old and a new decision overlap, the newer one is named.
    newest = max(valid, key=lambda entry: entry.in_force.start or date.min, default=None)
    return newest.id if newest else None


def fresh(evidence: DpfEvidence, on: date, max_age_days: int) -> bool:
    """Say whether evidence was looked up at most so many days ago, and not in the future."""
    return 0 <= (on - evidence.checked_on).days <= max_age_days


def _maybe_efta(from_area: str, table: AdequacyTable) -> bool:
    """A person known only to live in the EEA may live in IS, LI or NO."""
    return from_area == "EEA" or from_area[:2] in table.efta


def _proven(
    entry: Entry, on: date, dpf: DpfEvidence | None, human_resources: bool, max_age_days: int
) -> bool:
    if not entry.needs:
        return True
    if dpf is None or not fresh(dpf, on, max_age_days):
        return False
    if "uk_extension" in entry.needs and not dpf.uk_extension:
        return False
    return (HR if human_resources else NON_HR) in dpf.covers
