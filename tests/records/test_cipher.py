"""Sealing: what is hashed and bound with the key's halves at hand is what the standards say."""

from __future__ import annotations

import hmac

from hypothesis import given
from hypothesis import strategies as st

from upheld.records.cipher import Binding, Keyed, bound


@given(st.binary(min_size=32, max_size=32), st.lists(st.binary(max_size=200), min_size=1, max_size=3))
def test_a_keyed_hash_is_the_hmac_of_each_text(key, texts):
    """Whatever was hashed before under the same key."""
    keyed = Keyed(key)
    assert [keyed.of(text) for text in texts] == [hmac.digest(key, text, "sha256") for text in texts]


@given(st.binary(max_size=20), st.binary(max_size=300), st.text(max_size=20))
def test_a_seal_of_many_is_bound_to_the_same_as_one_alone(subject, item, situation):
    """The binding of many items spells subject and item as that of one item does."""
    assert Binding("default", "record", situation, "1").of(subject, item) == bound("default", subject, item, "record", situation, "1")
