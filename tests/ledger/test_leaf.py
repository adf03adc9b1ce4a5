"""The leaf that is put together from spelled parts is the canonical array, to the byte."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from upheld.db import b64, canonical
from upheld.ledger.rules import leaf_bytes

word = st.text(st.characters(exclude_categories=("Cs",)), max_size=12)


@given(st.binary(min_size=16, max_size=16), word, word, word, word, st.binary(min_size=32, max_size=32))
def test_a_leaf_is_the_canonical_array_of_its_seven_strings(entry_id, kind, clause, version, actor, b):
    """Whatever the words, also with quotes and beyond ASCII, the leaf equals RFC 8785's form."""
    expected = canonical(["u1", b64(entry_id), kind, clause, version, actor, b64(b)])
    assert leaf_bytes(entry_id, kind, clause, version, actor, b) == expected
