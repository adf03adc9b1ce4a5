"""Exact bytes: one form for what is hashed, sealed or sent."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from upheld.db import b64, canonical, lp, parse_canonical, unb64
from upheld.db.bytesafe import _plain

texts = st.text(st.characters(exclude_categories=["Cs"]))
plain = st.recursive(
    texts | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=12,
)


@given(plain)
def test_canonical_json_is_read_back_the_same(value):
    """Writing and reading gives the value, and writing again the same bytes."""
    raw = canonical(value)
    assert parse_canonical(raw) == value
    assert canonical(parse_canonical(raw)) == raw


def test_canonical_json_has_the_published_form():
    """Keys stand in UTF-16 order, escapes are the short ones, nothing is spaced."""
    value = {"\u20ac": 1, "\r": 2, "1": 3, "\U0001f600": 4, "\ufb33": 5, "\u00f6": 6}
    expected = '{"\\r":2,"1":3,"\u00f6":6,"\u20ac":1,"\U0001f600":4,"\ufb33":5}'
    assert canonical(value).decode() == expected
    assert canonical(["\x0f\n\"\\\u20ac/", True]).decode() == '["\\u000f\\n\\"\\\\\u20ac/",true]'


@pytest.mark.parametrize("value", [None, 1.5, 2**53, "\ud800", {1: "a"}, b"x", {"a": None}])
def test_values_without_one_spelling_are_refused(value):
    """Null, floats, huge integers, lone surrogates, odd keys and bytes have no canonical form."""
    with pytest.raises(ValueError):
        canonical(value)


@given(st.binary())
def test_base64url_is_read_back_and_has_one_spelling(raw):
    """Every byte string has exactly one base64url text."""
    assert unb64(b64(raw)) == raw
    assert "=" not in b64(raw)


@pytest.mark.parametrize("text", ["AB", "A", "AA==", "A/", "A A"])
def test_loose_base64_is_refused(text):
    """Padding, loose end bits, foreign signs and blanks are refused."""
    with pytest.raises(ValueError):
        unb64(text)


@given(st.lists(st.binary(max_size=5), max_size=4), st.lists(st.binary(max_size=5), max_size=4))
def test_length_prefixes_keep_lists_apart(one, other):
    """Two lists of parts give the same bytes only when they are the same list."""
    assert (lp(*one) == lp(*other)) == (one == other)


@given(plain)
def test_the_quick_way_and_the_careful_way_write_the_same(value):
    """Values of plain types take a quicker way to the same bytes as the one that checks each part."""
    careful = json.dumps(_plain(value), ensure_ascii=False, separators=(",", ":")).encode()
    assert canonical(value) == careful
    assert canonical({"a": value, "B": [value]}) == b'{"B":[' + careful + b'],"a":' + careful + b"}"


def test_an_error_repeats_nothing_of_the_text():
    """What cannot be written is refused without its words, for they may be a person's."""
    with pytest.raises(ValueError, match="lone surrogate") as caught:
        canonical({"name": "Hanako\ud800"})
    assert "Hanako" not in str(caught.value)
