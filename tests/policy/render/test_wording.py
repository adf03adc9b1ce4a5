"""Words of the page: periods, citations, texts of the folder."""

from __future__ import annotations

import pytest

from upheld.policy.model import End
from upheld.policy.period import Period
from upheld.policy.render.prose import prose, runs
from upheld.policy.render.view import Run, text_of
from upheld.policy.render.wording import Wording


@pytest.fixture
def said(reference, law, reading):
    return lambda lang: Wording(reference, lang, law, reading.today)


@pytest.mark.parametrize(
    ("lang", "end", "words"),
    [
        ("en", End("last_contact", Period(3, "Y"), "from_event"), "3 years after the last contact"),
        ("en", End("decision", Period(1, "Y"), "from_event"), "1 year after the decision on the application"),
        ("ja", End("last_visit", Period(13, "M"), "from_event"), "最後のご訪問から13か月"),
        ("de", End("recorded", Period(3, "D"), "from_event"), "3 Tage nach der Erhebung"),
        ("en", End("discharge", Period(0, "D"), "from_event"), "at once after the discharge"),
        ("ja", End("recorded", Period(7, "Y"), "from_year_end"), "お預かりした日の属する年の末日から7年"),
        ("en", End("parcel_lost", Period(2, "W"), "from_event"), "2 weeks after the event “parcel lost”"),
    ],
)
def test_a_clock_is_said_in_words(said, lang, end, words) -> None:
    """A period with its start reads as a sentence of the language."""
    assert said(lang).end(end) == words


def test_a_language_without_a_file_says_periods_and_countries_itself(said) -> None:
    """French has no file: its periods and countries are French all the same."""
    assert said("fr").period(Period(3, "Y")) == "3 ans"
    assert said("fr").country("JP") == "Japon"


@pytest.mark.parametrize(
    ("lang", "regime", "citation", "words"),
    [
        ("en", "eea", "A7-3", "GDPR Art. 7(3)"),
        ("en", "uk", "A13-1-f", "UK GDPR Art. 13(1)(f)"),
        ("ja", "jp", "APPI 35(1)(5)", "個人情報保護法第35条第1項・第5項"),
        ("ja", "eea", "A13-1-f", "GDPR第13条第1項(f)"),
        ("en", "jp", "APPI 35(1)(5)", "APPI Art. 35(1), (5)"),
        ("en", "uk", "DPA 164A", "Data Protection Act 2018 s. 164A"),
        ("en", "jp", "all", "our own promise"),
        ("de", "eea", "A15", "DSGVO Art. 15"),
        ("en", "us_ca", "CCPA 1798.120", "CCPA 1798.120"),
    ],
)
def test_law_is_cited_as_the_language_does(said, lang, regime, citation, words) -> None:
    """An article of the folder is written as lawyers of the language write it."""
    assert said(lang).cite(regime, citation) == words


def test_texts_hold_paragraphs_lists_and_links() -> None:
    """Two paragraphs, a list and a link come out as such; line breaks inside do not."""
    blocks = prose("One\nline.\n\n- first\n- [second](https://example.com/a)\n\nLast.")
    assert [block.kind for block in blocks] == ["p", "ul", "p"]
    assert text_of(blocks[0].items[0]) == "One line."
    assert blocks[1].items[1] == (Run("second", "https://example.com/a"),)


def test_only_addresses_of_pages_and_mailboxes_are_links() -> None:
    """A script's address stays text."""
    assert all(not run.href for run in runs("[x](javascript:alert(1)) and [y](data:text/html,z)"))
    assert runs("[w](mailto:a@example.com)")[0].href == "mailto:a@example.com"


def test_japanese_lines_are_joined_without_a_space() -> None:
    """A line break between full-width characters leaves no gap."""
    assert text_of(runs("個人情報を\nお預かりします")) == "個人情報をお預かりします"
