"""Which regimes protect someone."""

from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from upheld.policy.law import area_contains, leading, load_law, regimes

LAW = load_law()
DAY = date(2026, 11, 22)
PACKS = ("jp-appi", "jp-telecom", "jp-mail", "jp-employment", "jp-tax", "eu-gdpr", "uk-gdpr")
REACH: dict[str, Any] = {"jp": "everyone", "eea": {"area": ["EEA"]}, "uk": {"area": ["GB"]}}
AREAS = st.sampled_from([*sorted(LAW.countries), "EEA", "US-CA", "DE-BY", "other", "unknown"])


@pytest.mark.parametrize(
    ("area", "held", "first"),
    [
        ("JP", ("jp",), ("jp",)),
        ("DE", ("eea", "jp"), ("eea",)),
        ("DE-BY", ("eea", "jp"), ("eea",)),
        ("EEA", ("eea", "jp"), ("eea",)),
        ("GB", ("uk", "jp"), ("uk",)),
        ("BR", ("jp",), ("jp",)),
        ("other", ("jp",), ("jp",)),
        ("unknown", ("eea", "uk", "jp"), ("eea", "uk")),
    ],
)
def test_regimes_of_the_reference_policy(area: str, held: tuple[str, ...], first: tuple[str, ...]) -> None:
    """People are protected by the law of where they live and by the law that reaches everyone."""
    found = regimes(REACH, PACKS, area, DAY, LAW)
    assert found == held
    assert leading(found, REACH) == first


def test_a_regime_without_law_in_force_does_not_hold() -> None:
    """Before its first day, or when no pack of it is listed, a regime protects nobody."""
    assert regimes(REACH, ["jp-appi", "eu-gdpr"], "DE", date(2018, 5, 24), LAW) == ()
    assert regimes(REACH, ["jp-appi", "eu-gdpr"], "DE", date(2018, 5, 25), LAW) == ("eea",)
    assert regimes(REACH, ["jp-appi"], "DE", DAY, LAW) == ("jp",)
    assert regimes(REACH, ["eu-omnibus"], "DE", DAY, LAW) == ()


def test_controllers_and_age_narrow_the_reach() -> None:
    """A regime of some controllers or of children holds for those, and for whom that is not known."""
    reach = {"eea": {"area": ["EEA"], "controllers": ["clinic"], "age_below": 13}}
    ask: dict[str, Any] = {"reach": reach, "packs": ["eu-gdpr"], "area": "DE", "on": DAY, "law": LAW}
    assert regimes(**ask) == ("eea",)
    assert regimes(**ask, controller="clinic", age=12) == ("eea",)
    assert regimes(**ask, controller="shop", age=12) == ()
    assert regimes(**ask, controller="clinic", age=13) == ()


def test_areas_lie_inside_each_other() -> None:
    """Germany lies in the EEA, Bavaria in both, California in the United States; never the other way."""
    assert area_contains("EEA", "DE")
    assert area_contains("EEA", "DE-BY")
    assert area_contains("DE", "DE-BY")
    assert area_contains("US", "US-CA")
    assert not area_contains("US-CA", "US")
    assert not area_contains("DE", "EEA")
    assert not area_contains("EEA", "GB")
    assert not area_contains("EEA", "other")


def test_places_are_known_or_not() -> None:
    """Countries and parts that exist are areas; invented ones are not."""
    for word in ("JP", "EEA", "US-CA", "US-DC", "DE-BY", "GB-SCT"):
        assert LAW.is_area(word)
        assert LAW.is_place(word)
    for word in ("other", "unknown"):
        assert LAW.is_area(word)
        assert not LAW.is_place(word)
    for word in ("US-XX", "XX", "XX-AA", "DE-ZZ", "jp", "EU", "UK", "", "US-"):
        assert not LAW.is_area(word)
    assert len(LAW.countries) == 249


REACHES = st.dictionaries(
    st.sampled_from(["jp", "eea", "uk"]),
    st.one_of(st.just("everyone"), st.fixed_dictionaries({"area": st.lists(AREAS, min_size=1, max_size=3)})),
)


@given(REACHES, AREAS)
def test_not_knowing_never_loses_a_regime(reach: dict[str, Any], area: str) -> None:
    """Whoever declares nothing is protected by every regime, so by at least those of any declared area."""
    everything = regimes(reach, PACKS, "unknown", DAY, LAW)
    assert set(everything) == set(reach)
    assert set(regimes(reach, PACKS, area, DAY, LAW)) <= set(everything)


@given(REACHES, AREAS)
def test_those_that_name_an_area_come_first(reach: dict[str, Any], area: str) -> None:
    """In the answer no regime that reaches everyone stands before one that names an area."""
    found = regimes(reach, PACKS, area, DAY, LAW)
    kinds = [reach[regime] == "everyone" for regime in found]
    assert kinds == sorted(kinds)
    assert bool(leading(found, reach)) == bool(found)
