"""Fixed words: complete in every language, whole sentences, no hole left open."""

import re

import pytest

from upheld.web.refusals import STATUS
from upheld.web.words import own_words, words

LANGS = ("en", "ja", "de")


def keys(lang: str) -> set[tuple[str, str]]:
    return {(section, key) for section, said in own_words(lang).items() for key in said}


@pytest.mark.parametrize("lang", ["ja", "de"])
def test_languages_say_the_same_things(lang: str) -> None:
    """Every fixed word that exists in English exists in the other language, and none besides."""
    assert keys(lang) == keys("en")


@pytest.mark.parametrize("lang", LANGS)
def test_every_refusal_code_has_words(lang: str) -> None:
    """Each code of the table has a title, an explanation and a next step in each language."""
    said = own_words(lang)
    assert {name.removeprefix("refusal.") for name in said if name.startswith("refusal.")} == set(STATUS)
    assert all({"title", "about", "next"} <= set(said[f"refusal.{code}"]) for code in STATUS)


@pytest.mark.parametrize("lang", ["ja", "de"])
def test_translations_have_the_same_holes(lang: str) -> None:
    """A sentence with places to fill has the same places in each language."""
    for section, said in own_words(lang).items():
        for key, text in said.items():
            english = own_words("en")[section][key]
            assert set(re.findall(r"\{\w+\}", text)) == set(re.findall(r"\{\w+\}", english)), (section, key)


@pytest.mark.parametrize("lang", LANGS)
def test_what_stands_alone_has_no_hole(lang: str) -> None:
    """Explanations and plain next steps can be shown without knowing the case."""
    for section, said in own_words(lang).items():
        if section.startswith("refusal."):
            alone = [said["title"], said["about"], said.get("next_plain", said["next"])]
            assert not any("{" in text for text in alone), section


def test_an_unknown_language_speaks_english() -> None:
    """A language without words of its own falls back to English instead of failing."""
    assert words("fr")["site"]["privacy"] == "Privacy policy"
    assert words("../../secret")["site"]["privacy"] == "Privacy policy"


def test_japanese_is_japanese() -> None:
    """No Japanese sentence of a refusal is English left over."""
    for section, said in own_words("ja").items():
        if section.startswith("refusal."):
            assert all(re.search("[ぁ-んァ-ヶ一-龠]", text) for text in said.values()), section
