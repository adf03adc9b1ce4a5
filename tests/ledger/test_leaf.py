"""The leaf that is put together from spelled parts is the canonical array, to the byte."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from upheld.db import b64, canonical
from upheld.ledger.rules import leaf_b, leaf_bytes, leaf_id, leaf_ids, pack, read_leaf, unpack

word = st.text(st.characters(exclude_categories=("Cs",)), max_size=12)


@given(st.binary(min_size=16, max_size=16), word, word, word, word, st.binary(min_size=32, max_size=32))
def test_a_leaf_is_the_canonical_array_of_its_seven_strings(entry_id, kind, clause, version, actor, b):
    """Whatever the words, also with quotes and beyond ASCII, the leaf equals RFC 8785's form."""
    expected = canonical(["u1", b64(entry_id), kind, clause, version, actor, b64(b)])
    assert leaf_bytes(entry_id, kind, clause, version, actor, b) == expected


IDS = [bytes([number]) * 16 for number in range(3)]
LEAVES = [leaf_bytes(one, "collect.accepted", "collection.event", "1", "self", b"b" * 32) for one in IDS]


def test_ids_are_read_alike_one_by_one_and_together():
    """Many leaves give the same ids as each alone, also where one of them is none; the commitment stands at the end."""
    assert leaf_ids(LEAVES) == [leaf_id(one) for one in LEAVES] == IDS
    assert leaf_ids([]) == []
    for broken in (b"", b"[]", LEAVES[0][:20], b"\xff" * 40):
        assert leaf_ids([LEAVES[0], broken, LEAVES[2]]) == [IDS[0], leaf_id(broken), IDS[2]]
    assert leaf_b(LEAVES[0]) == b"b" * 32
    assert leaf_b(b"x") == b""


@pytest.mark.parametrize(
    "words",
    [
        ["u2", b64(IDS[0]), "k", "c", "1", "self", b64(b"b")],
        ["u1", b64(IDS[0][:15]), "k", "c", "1", "self", b64(b"b")],
        ["u1", b64(IDS[0] + b"x"), "k", "c", "1", "self", b64(b"b")],
        ["u1", b64(IDS[0]), "k", "c", "1", "self"],
        ["u1", 7, "k", "c", "1", "self", b64(b"b")],
        7,
    ],
)
def test_what_is_no_leaf_is_not_read(words):
    """Another form, an id of another length, a word more or less: the leaf is refused as a whole."""
    assert read_leaf(canonical(["u1", b64(IDS[0]), "k", "c", "1", "self", b64(b"b")])) == (IDS[0], "k", "c", "1", "self", b"b")
    with pytest.raises(ValueError, match="cannot be read"):
        read_leaf(canonical(words))


@pytest.mark.parametrize("leaves", [[], [b""], [b"a"], [b"a" * 255, b"b" * 256, b"", b"c" * 600], [b"z" * 65_535]])
def test_a_bundle_holds_its_leaves_behind_their_lengths(leaves):
    """C2SP tlog-tiles: two bytes of length, big-endian; a bundle that was cut ends with an empty leaf, the others stay."""
    packed = pack(leaves)
    assert packed == b"".join(bytes([len(one) // 256, len(one) % 256]) + one for one in leaves)
    assert unpack(packed) == leaves
    for cut in range(1, min(4, len(packed))):
        found = unpack(packed[:-cut])
        assert found == [*leaves[: len(found) - 1], b""]
