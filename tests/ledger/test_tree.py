"""The tree and the signed checkpoint: known vectors, and proofs against a plain definition."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from upheld.ledger import Checkpoint, Signer, note_key, open_note
from upheld.ledger.note import sign_checkpoint
from upheld.ledger.tree import (
    EMPTY_ROOT,
    Frontier,
    TileTree,
    grow_tiles,
    leaf_hash,
    verify_consistency,
    verify_inclusion,
)

LEAVES = [bytes.fromhex(text) for text in (
    "", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"
)]
ROOT = bytes.fromhex("5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328")
SEED = bytes(range(32))
ORIGIN = "example.com/upheld/ledger/1"
NOTE = (
    "example.com/upheld/ledger/1\n8\nXcnaeacGWamtVZy3Ad7ZoqudgjqtL0lgz+Nw7/RgQyg=\n\n"
    "\u2014 example.com/upheld/ledger/1 Dhw7aJpOBJiVfCYrkuLpd2fF3mImrR2XWkz6eFGtuQ6V0JultrOPLzZo7yc0KmsChLPnO74s"
    "TPy006tIfz5SAnxB6A8=\n"
)


def plain_root(hashes):
    """The definition of RFC 9162, 2.1.1, word by word."""
    if not hashes:
        return hashlib.sha256(b"").digest()
    if len(hashes) == 1:
        return hashes[0]
    cut = 1
    while cut * 2 < len(hashes):
        cut *= 2
    return hashlib.sha256(b"\x01" + plain_root(hashes[:cut]) + plain_root(hashes[cut:])).digest()


def grown(hashes, steps=None):
    """A tile tree grown in steps of the given lengths."""
    tiles, size = {}, 0
    for step in steps or [len(hashes)]:
        tiles.update(grow_tiles(size, b"".join(hashes[size : size + step]), lambda *at: tiles.get(at, b"")))
        size += step
    return TileTree(lambda *at: tiles.get(at, b""), size)


def numbered(count):
    return [leaf_hash(str(number).encode()) for number in range(count)]


def test_the_known_leaves_have_the_known_roots():
    """The usual eight test leaves have the roots everybody else computes."""
    frontier = Frontier()
    roots = {0: frontier.root()}
    for number, leaf in enumerate(LEAVES, 1):
        frontier.add(leaf_hash(leaf))
        roots[number] = frontier.root()
    assert roots[0] == EMPTY_ROOT
    assert roots[1].hex().startswith("6e340b9c")
    assert roots[1].hex().endswith("afa01d")
    assert roots[3].hex().startswith("aeb6bcfe")
    assert roots[3].hex().endswith("6e77")
    assert roots[8] == ROOT
    assert grown([leaf_hash(leaf) for leaf in LEAVES]).root() == ROOT


def test_the_signed_note_is_the_known_text():
    """Key, root and size give the published note byte for byte, and it opens with the public key alone."""
    signer = Signer(ORIGIN, SEED)
    note = sign_checkpoint(Checkpoint(ORIGIN, 8, ROOT), [signer])
    assert note == NOTE
    assert open_note(NOTE, [signer.vkey()]) == Checkpoint(ORIGIN, 8, ROOT)
    assert note_key(signer.vkey())[0] == ORIGIN


@pytest.mark.parametrize("at", range(len(NOTE.encode())))
def test_a_note_with_one_changed_byte_does_not_open(at):
    """No byte of a signed checkpoint can be changed."""
    raw = bytearray(NOTE.encode())
    raw[at] ^= 0x01
    with pytest.raises(ValueError):
        open_note(bytes(raw).decode("utf-8"), [Signer(ORIGIN, SEED).vkey()])


def test_two_keys_may_sign_while_one_replaces_the_other():
    """During a change of keys either public key opens the note."""
    old, new = Signer(ORIGIN, SEED), Signer(ORIGIN, bytes(32))
    note = sign_checkpoint(Checkpoint(ORIGIN, 8, ROOT), [old, new])
    assert open_note(note, [old.vkey()]) == open_note(note, [new.vkey()])
    with pytest.raises(ValueError):
        open_note(note, [Signer(ORIGIN, b"\x09" * 32).vkey()])


def test_all_proofs_of_small_trees_hold():
    """For every size up to 64 each leaf and each earlier size has a proof that verifies, and is short."""
    hashes = numbered(64)
    tree = grown(hashes)
    roots = [plain_root(hashes[:size]) for size in range(65)]
    for size in range(1, 65):
        for n in range(size):
            proof = tree.inclusion(n, size)
            assert len(proof) <= (size - 1).bit_length()
            assert verify_inclusion(hashes[n], n, size, proof, roots[size])
        for old in range(size + 1):
            proof = tree.consistency(old, size)
            assert len(proof) <= (size - 1).bit_length() + 1
            assert verify_consistency(old, size, roots[old], roots[size], proof)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(1, 300), min_size=1, max_size=5), st.randoms(use_true_random=False))
def test_tiles_grown_in_any_steps_give_the_plain_root_and_proofs(steps, random):
    """However the log grew, root and proofs are those of the definition."""
    hashes = numbered(sum(steps))
    tree, size = grown(hashes, steps), sum(steps)
    root = plain_root(hashes)
    assert tree.root() == root
    n, old = random.randrange(size), random.randint(0, size)
    assert verify_inclusion(hashes[n], n, size, tree.inclusion(n, size), root)
    assert tree.root(old) == plain_root(hashes[:old])
    assert verify_consistency(old, size, plain_root(hashes[:old]), root, tree.consistency(old, size))


def test_a_tree_of_two_tile_levels_agrees_with_the_frontier():
    """Beyond 65,536 leaves the third level of tiles carries the root."""
    hashes = numbered(66_000)
    frontier = Frontier()
    for hashed in hashes:
        frontier.add(hashed)
    tree = grown(hashes, [60_000, 6_000])
    assert tree.root() == frontier.root()
    assert verify_inclusion(hashes[65_999], 65_999, 66_000, tree.inclusion(65_999, 66_000), tree.root())


@settings(max_examples=60, deadline=None)
@given(st.integers(2, 80), st.data())
def test_a_changed_proof_does_not_verify(size, data):
    """A proof with a flipped bit, a missing or an extra hash, or for another place, is refused."""
    hashes = numbered(size)
    tree, root = grown(hashes), plain_root(hashes)
    n = data.draw(st.integers(0, size - 1))
    proof = tree.inclusion(n, size)
    step = data.draw(st.integers(0, len(proof) - 1))
    flipped = [*proof[:step], bytes([proof[step][0] ^ 1]) + proof[step][1:], *proof[step + 1 :]]
    assert not verify_inclusion(hashes[n], n, size, flipped, root)
    assert not verify_inclusion(hashes[n], n, size, proof[:-1], root)
    assert not verify_inclusion(hashes[n], n, size, [*proof, root], root)
    assert not verify_inclusion(hashes[n], size, size, proof, root)
    assert not verify_inclusion(hashes[n], (n + 1) % size, size, proof, root)
    old = data.draw(st.integers(1, size - 1))
    other = plain_root([*hashes[: old - 1], leaf_hash(b"other")])
    assert not verify_consistency(old, size, other, root, tree.consistency(old, size))
    assert not verify_consistency(size, old, root, plain_root(hashes[:old]), [])
    assert not verify_consistency(old, size, plain_root(hashes[:old]), root, [])


def test_a_short_tile_is_noticed():
    """A tree that lost hashes says so instead of answering."""
    tiles = {(0, 0): b"".join(numbered(10))}
    with pytest.raises(LookupError):
        TileTree(lambda *at: tiles.get(at, b""), 12).root()
    with pytest.raises(LookupError):
        grow_tiles(12, b"".join(numbered(1)), lambda *at: tiles.get(at, b""))


def test_a_frontier_goes_on_behind_any_size_of_a_stored_tree():
    """Begun behind any number of leaves it has their root, and with the rest added that of the whole."""
    hashes = numbered(40)
    tree = grown(hashes)
    for size in range(41):
        frontier = Frontier.over(tree, size)
        assert frontier.root() == plain_root(hashes[:size])
        for hashed in hashes[size:]:
            frontier.add(hashed)
        assert frontier.root() == tree.root()
