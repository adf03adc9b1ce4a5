"""Where someone may complain."""

from datetime import date

import pytest

from upheld.policy.law import load_law
from upheld.policy.law.authorities import authorities, authority_table, ours_first


def test_germany_without_a_land_shows_all_sixteen_and_the_federal_one_last() -> None:
    """A person in Germany chooses among 16 authorities of the Länder; the federal one stands last."""
    found = authorities("DE")
    assert len({item.part for item in found[:-1]}) == len(found) - 1 == 16
    assert found[-1].scope == "federal"


@pytest.mark.parametrize(("residence", "part"), [("DE", "BY"), ("DE-BY", None)])
def test_bavaria_shows_the_authority_for_companies(residence: str, part: str | None) -> None:
    """In Bavaria the authority for companies comes first and the one for public bodies is not shown."""
    assert [item.url for item in authorities(residence, part)] == [
        "https://www.lda.bayern.de/",
        "https://www.bfdi.bund.de/",
    ]


def test_regional_bodies_for_public_offices_are_not_shown() -> None:
    """In Spain, Catalonia included, only the national authority takes complaints about a company."""
    assert [item.url for item in authorities("ES-CT")] == ["https://www.aepd.es/"]


def test_britain_hears_our_own_complaint_form_first() -> None:
    """A person in the United Kingdom is sent to our form first and then to the ICO."""
    assert ours_first("GB")
    assert not ours_first("DE")
    assert [item.url for item in authorities("GB")] == ["https://ico.org.uk/"]


@pytest.mark.parametrize("residence", ["JP", "BR", "other", "unknown", "US-CA"])
def test_elsewhere_the_controllers_own_authority(residence: str) -> None:
    """Outside Europe the authority of the controller's country is named."""
    assert [item.country for item in authorities(residence)] == ["JP"]
    assert {item.country for item in authorities(residence, home="DE")} == {"DE"}
    assert authorities(residence, home="US") == ()


def test_every_country_of_the_eea_has_an_authority() -> None:
    """Nobody in the EEA is left without a place to complain; `EEA` alone shows all of them."""
    members = {code for code, eea in load_law().countries.items() if eea}
    assert all(authorities(code) for code in members)
    assert {item.country for item in authorities("EEA")} == members


def test_a_name_is_told_as_it_was_on_the_day() -> None:
    """Letters before 30 September 2026 name the authority as it was called then."""
    ico = authorities("GB")[0]
    assert ico.name_in("en", date(2026, 9, 29)) == "Information Commissioner's Office (ICO)"
    assert ico.name_in("en", date(2026, 9, 30)) == "Information Commission (ICO)"
    assert authorities("JP")[0].name_in("ja") == "個人情報保護委員会"
    assert all(item.url.startswith("https://") for item in authority_table())
