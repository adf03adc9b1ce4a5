"""Language: what is asked for wins, and caches are told what the choice depended on."""

from datetime import UTC, date, datetime

import pytest

from upheld.web import tongue
from upheld.web.language import choose


@pytest.mark.parametrize(
    ("asked", "cookie", "accept", "lang", "negotiated"),
    [
        (None, None, None, "ja", True),
        ("en", "ja", "ja", "en", False),
        ("fr", None, "en", "en", True),
        (None, "en", "ja", "en", True),
        (None, "xx", "en-US,ja;q=0.5", "en", True),
        (None, None, "de;q=1, ja;q=0.4, en;q=0.8", "en", True),
        (None, None, "en;q=0, ja", "ja", True),
        (None, None, "*", "ja", True),
        (None, None, ";;q=,,en;q=nan", "ja", True),
        (None, None, "fr" * 5000, "ja", True),
    ],
)
def test_a_language_is_chosen(
    asked: str | None, cookie: str | None, accept: str | None, lang: str, negotiated: bool
) -> None:
    """`?lang=` comes before the cookie, the cookie before Accept-Language, and the policy's first language last."""
    choice = choose(("ja", "en"), asked, cookie, accept)
    assert (choice.lang, choice.negotiated) == (lang, negotiated)


@pytest.mark.parametrize(
    ("lang", "said"),
    [("ja", "2026年11月02日"), ("en", "2 November 2026"), ("de", "2. November 2026"), ("xx", "2 November 2026")],
)
def test_days_are_written_as_the_language_does(lang: str, said: str) -> None:
    """A legal day reads as the language writes it and carries its machine form."""
    assert tongue.day(date(2026, 11, 2), lang) == f'<time datetime="2026-11-02">{said}</time>'


def test_a_moment_names_its_zone() -> None:
    """A moment is shown in the policy's zone and kept in UTC for machines."""
    then = datetime(2026, 11, 21, 20, 5, tzinfo=UTC)
    assert tongue.moment(then, "ja", "Asia/Tokyo") == (
        '<time datetime="2026-11-21T20:05:00+00:00">2026年11月22日 05:05 JST</time>'
    )
    assert tongue.local_day(then, "Asia/Tokyo") == date(2026, 11, 22)


def test_amounts_say_that_tax_is_included() -> None:
    """A fee is written with its total and the tax."""
    assert tongue.yen(1100, "ja") == "1,100円（税込）"
    assert tongue.yen(1100, "en") == "1,100 yen (tax included)"
    assert tongue.yen(1100, "de") == "1.100 Yen (inkl. Steuer)"


def test_words_of_another_language_are_marked() -> None:
    """A text that the policy lacks in a language is shown in another one and marked as such; markup is escaped."""
    assert tongue.say({"ja": "氏名<b>"}, "en") == '<span lang="ja">氏名&lt;b&gt;</span>'
    assert tongue.say({"en": "Name", "ja": "氏名"}, "en") == "Name"
    assert tongue.fill("{a} < b", a="<i>") == "&lt;i&gt; &lt; b"


def test_a_mail_address_breaks_behind_the_at_sign():
    """On a narrow screen an address breaks between mailbox and domain; what is linked and read stays the address."""
    assert tongue.mailbox("a&b@example.com") == '<a href="mailto:a&amp;b@example.com">a&amp;b@<wbr>example.com</a>'
