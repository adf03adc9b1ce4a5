"""Where data may go because a country was found adequate, day by day."""

import json
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from upheld.policy.law import load_law
from upheld.policy.law.adequacy import DpfEvidence, adequacy_table, adequate

EXAMPLES = json.loads((Path(__file__).parent / "data" / "adequacy.json").read_text("utf-8"))["examples"]
DAY = date(2026, 11, 22)


def _evidence(raw: dict[str, Any] | None) -> DpfEvidence | None:
    if raw is None:
        return None
    return DpfEvidence(date.fromisoformat(raw["checked_on"]), frozenset(raw["covers"]), raw["uk_extension"])


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda e: "-".join(map(str, list(e["input"].values())[:3])))
def test_worked_example(example: dict[str, Any]) -> None:
    """Each worked example names the decision that carries the hop that day, or none."""
    given_ = example["input"]
    found = adequate(
        given_["origin"],
        given_["to"],
        date.fromisoformat(given_["on"]),
        dpf=_evidence(given_.get("dpf_evidence")),
        human_resources=given_.get("human_resources_data", False),
    )
    assert found == example["expect"]


def test_newer_decision_is_named_where_two_overlap() -> None:
    """On a day that the old and the renewed decision share, the renewed one is named."""
    assert adequate("DE", "GB", date(2025, 12, 18)) == "eu-gb-2021"
    assert adequate("DE", "GB", date(2025, 12, 20)) == "eu-gb-2025"


def test_decision_without_a_day_is_never_relied_on() -> None:
    """A decision whose first day is not known carries nothing."""
    assert adequate("DE", "org:EPO", DAY) is None


def test_someone_only_known_to_live_in_the_eea_gets_the_stricter_answer() -> None:
    """A decision not yet taken over by Iceland, Liechtenstein and Norway does not carry data from `EEA`."""
    assert adequate("EEA", "BR", DAY) is None
    assert adequate("DE", "BR", DAY) == "eu-br"
    assert adequate("EEA", "JP", DAY) == "eu-jp"


def test_part_of_a_country_counts_as_the_country() -> None:
    """Bavaria lies in the same area as Austria, and its data reach Japan by the same decision."""
    assert adequate("DE-BY", "AT", DAY) == "same_area"
    assert adequate("DE-BY", "JP", DAY) == "eu-jp"


def test_evidence_from_the_future_is_not_fresh() -> None:
    """A listing looked up after the day of the transfer proves nothing for that day."""
    evidence = DpfEvidence(DAY + timedelta(days=1), frozenset({"non_hr", "hr"}))
    assert adequate("DE", "US", DAY, dpf=evidence) is None


def test_listing_for_staff_data_only_does_not_cover_others() -> None:
    """A firm listed for human-resources data only may not get anybody else's."""
    evidence = DpfEvidence(DAY, frozenset({"hr"}))
    assert adequate("DE", "US", DAY, dpf=evidence) is None
    assert adequate("DE", "US", DAY, dpf=evidence, human_resources=True) == "eu-us-dpf"


def test_the_packs_and_the_table_agree_on_the_age_of_evidence() -> None:
    """The rule that a finding cites and the gate's table name the same number of days."""
    rules = load_law().rule(["eu-gdpr", "uk-gdpr"], "transfer.dpf", DAY)
    assert [rule.number("max_age_days") for rule in rules] == [adequacy_table().max_age_days] * 2


COUNTRIES = sorted(load_law().countries)


@given(st.sampled_from(COUNTRIES), st.sampled_from(COUNTRIES), st.dates(date(2000, 1, 1), date(2040, 1, 1)))
def test_nothing_is_found_outside_the_days_of_a_decision(origin: str, to: str, on: date) -> None:
    """Whatever is found is the same area, or a decision for that country in force that day."""
    found = adequate(origin, to, on)
    if found in (None, "same_area"):
        return
    entry = next(e for entries in adequacy_table().entries.values() for e in entries if e.id == found)
    assert to in entry.to
    assert entry.in_force.holds(on)
    assert not entry.needs


def test_the_areas_agree_with_the_country_list() -> None:
    """The adequacy table and the country list name the same countries of the EEA."""
    law = load_law()
    assert adequacy_table().areas["EEA"] == {code for code, eea in law.countries.items() if eea}
