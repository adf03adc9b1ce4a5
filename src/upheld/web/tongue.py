"""Tongue: dates, amounts and texts as each language writes them, marked up so that machines read them too."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

from babel import Locale, UnknownLocaleError
from babel.dates import format_date, format_time
from babel.numbers import format_decimal
from markupsafe import Markup, escape

from upheld.web.words import words

_LOCALES: Mapping[str, str] = {"en": "en_GB"}  # the day stands before the month, as most readers of a policy expect


def day(value: date | None, lang: str) -> Markup:
    """Write a legal day: `<time datetime="2026-11-22">2026年11月22日</time>`; a dash where there is none."""
    if value is None:
        return Markup("–")
    return Markup('<time datetime="{}">{}</time>').format(value.isoformat(), date_words(value, lang))


def moment(value: datetime | None, lang: str, timezone: str = "UTC") -> Markup:
    """Write a moment to the minute in a time zone, with the zone's name; a dash where there is none."""
    if value is None:
        return Markup("–")
    local = value.astimezone(ZoneInfo(timezone))
    said = f"{date_words(local.date(), lang)} {format_time(local, 'HH:mm', locale=_locale(lang))} {local.tzname()}"
    return Markup('<time datetime="{}">{}</time>').format(
        value.astimezone(UTC).isoformat(timespec="seconds"), said
    )


def date_words(value: date, lang: str) -> str:
    """Write a day in words: 22 November 2026, 2026年11月22日, 22. November 2026."""
    if lang == "ja":
        return f"{value.year}年{value.month:02d}月{value.day:02d}日"
    return format_date(value, "long", locale=_locale(lang))


def yen(amount: int, lang: str) -> str:
    """Write an amount in yen that includes tax: 1,100円（税込）, 1,100 yen (tax included)."""
    number = format_decimal(amount, locale=_locale(lang))
    return words(lang)["form"]["yen"].replace("{amount}", number)


def say(text: Mapping[str, str], lang: str) -> str | Markup:
    """Give a text of the policy in a language; another language's words are marked as such."""
    if lang in text:
        return text[lang]
    for other, said in text.items():
        return foreign(said, other)
    return ""


def foreign(said: str, lang: str) -> Markup:
    """Mark words of another language, so that they are read and set as what they are."""
    return Markup('<span lang="{}">{}</span>').format(lang, said)


def mailbox(address: str) -> Markup:
    """Link a mail address; on a narrow screen it breaks behind the @, not in the middle of a word."""
    local, at, domain = address.partition("@")
    return Markup('<a href="mailto:{}">{}{}<wbr>{}</a>').format(address, local, at, domain)


def fill(template: str, **values: object) -> Markup:
    """Fill the holes of fixed words; values are escaped unless they are markup already."""
    return escape(template).format(**values)


def _locale(lang: str) -> Locale:
    try:
        return Locale.parse(_LOCALES.get(lang, lang).replace("-", "_"))
    except (UnknownLocaleError, ValueError):
        return Locale.parse("en_GB")


def local_day(value: datetime, timezone: str) -> date:
    """Give the legal day on which a moment falls in a time zone."""
    return value.astimezone(ZoneInfo(timezone)).date()


FILTERS: Mapping[str, Callable[..., object]] = {
    "day": day,
    "fill": fill,
    "foreign": foreign,
    "local_day": local_day,
    "mailbox": mailbox,
    "moment": moment,
    "say": say,
    "yen": yen,
}
"""The filters of every template."""
