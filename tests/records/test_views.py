"""Views of fields, and the bounded search of names."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from upheld.records.search import search_field
from upheld.records.views import DOTS, masked, view

STATED = [("event", "1")]


@pytest.mark.parametrize(
    ("value", "form", "shown"),
    [
        ("hanako@example.co.jp", "email", "h•••@e•••.co.jp"),
        ("lena@example.de", "email", "l•••@e•••.de"),
        ("kenji@mail.example.com", "", "k•••@m•••.com"),
        ("a@example.com", "email", "•••@e•••.com"),
        ("no address", "email", "•••"),
        ("+81312345678", "phone", "+81•••78"),
        ("+442071234567", "phone", "+44•••67"),
        ("03-1234-5678", "phone", "•••78"),
        ("12", "phone", "•••"),
        ("田中 花子", "", "田•••"),
        ("X", "", "•••"),
        (42, "", "•••"),
        (True, "", "•••"),
        (["Tokyo", "Kyoto"], "", ["T•••", "K•••"]),
        ({"employer": "例示商事", "from": 2020}, "", {"employer": "例•••", "from": "•••"}),
    ],
)
def test_a_masked_value_is_recognised_by_whoever_knows_it(value, form, shown):
    """The beginning and what is public stay; the rest is three dots, whatever its length."""
    assert masked(value, form) == shown


@given(st.text(min_size=2, max_size=40), st.sampled_from(["", "email", "phone"]))
def test_a_masked_text_never_shows_the_whole(text, form):
    """Whatever the text and its format, what is shown is not the text and does not hold it."""
    shown = masked(text, form)
    assert DOTS in shown
    assert text not in shown or text in DOTS


def test_a_view_takes_all_fields_alike():
    """Raw gives the values, redacted only that there are some."""
    fields = {"email": "hanako@example.co.jp", "years": 3}
    assert view(fields, "raw", {}) == fields
    assert view(fields, "redacted", {"email": "email"}) == {"email": DOTS, "years": DOTS}
    assert view(fields, "masked", {"email": "email"}) == {"email": "h•••@e•••.co.jp", "years": DOTS}


def test_a_name_is_found_by_opening_records(house, hanako, lena):
    """Width, case and blanks do not count; only what was taken in the named situations is opened; the erased stay out."""
    subject, record = house.collect(hanako)
    other, _ = house.collect(lena)
    house.collect({"name": "Lena Fischer", "email": "lena@example.com"}, situation="materials")
    with house.data.read() as tx:
        found = search_field(house.vault, tx, "name", "ＬＥＮＡ fischer", STATED)
        assert [one.subject for one in found.found] == [other]
        assert (found.people, found.complete) == (2, True)
        assert [one.id for one in search_field(house.vault, tx, "name", "花子", STATED).found] == [record]
        assert search_field(house.vault, tx, "name", " ", STATED).found == ()
        assert search_field(house.vault, tx, "name", "花子", []).people == 0
    house.erase(subject)
    with house.data.read() as tx:
        assert search_field(house.vault, tx, "name", "花子", STATED).found == ()


def test_a_search_that_reached_its_bound_says_so(house):
    """Beyond the bound nobody is opened, and the answer says that somebody may have been missed."""
    for number in range(5):
        house.collect({"name": "Lena Fischer", "email": f"p{number}@example.com"})
    with house.data.read() as tx:
        bounded = search_field(house.vault, tx, "name", "lena", STATED, limit=3)
        assert (len(bounded.found), bounded.people, bounded.complete) == (3, 3, False)
        whole = search_field(house.vault, tx, "name", "lena", STATED, limit=5)
        assert (len(whole.found), whole.complete) == (5, True)
