"""Names of countries in the reader's language, from the Unicode locale data."""

from __future__ import annotations

from functools import lru_cache

from upheld.policy.law.book import load_law


@lru_cache(maxsize=1024)
def country_name(code: str, lang: str) -> str:
    """Give the name of a country in a language: `JP` in `ja` is 日本.

    Raises LookupError for a code that ISO 3166-1 does not have and for a language without locale data.
    """
    if not load_law().country_exists(code):
        raise LookupError(f"no country has the code {code}")
    # The locale data are slow to import; a command that prints no country does not pay for them.
    from babel import Locale, UnknownLocaleError

    try:
        names = Locale.parse(lang, sep="-" if "-" in lang else "_").territories
    except (UnknownLocaleError, ValueError) as error:
        raise LookupError(f"no locale data for the language {lang}") from error
    return str(names.get(code, code))
