"""`verify` finds what was changed behind the ledger's back, and says where."""

from __future__ import annotations

import bisect
import hashlib
import itertools
import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from upheld.db import canonical
from upheld.ledger import SigningStoppedError
from upheld.ledger.rules import leaf_ids, pack, unpack

COUNT = 40


@pytest.fixture
def full(desk):
    """A ledger of forty entries with three checkpoints."""
    for number in range(COUNT):
        desk.append(subject=bytes([number % 3]) * 16, body={"n": number}, actor=f"staff:{number % 5}")
        if number in (9, 29):
            desk.ledger.integrate()
    desk.ledger.integrate()
    assert desk.ledger.verify() == []
    return desk


def codes(desk):
    return {finding.code for finding in desk.ledger.verify()}


def leaves_of(desk):
    """Give the stored leaves, all of one bundle."""
    ((packed,),) = desk.sql("SELECT leaves FROM ledger_bundle").fetchall()
    return unpack(packed)


def put_leaves(desk, leaves):
    """Store other leaves in the bundle, with its row to match."""
    ids = leaf_ids(leaves)
    desk.sql("UPDATE ledger_bundle SET leaves = ?, lowest = ?, highest = ?", pack(leaves), min(ids), max(ids))


def changed(leaf, word, told):
    """Give a leaf with another of its seven words."""
    words = json.loads(leaf)
    words[word] = told
    return canonical(words)


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(position=st.integers(0, COUNT - 1), at=st.integers(0, 95), bit=st.integers(0, 7))
def test_any_flipped_bit_of_a_stored_leaf_is_found_with_its_position(full, position, at, bit):
    """Flip one bit of a leaf: the first finding names its position."""
    old = leaves_of(full)
    leaf = bytearray(old[position])
    leaf[at] ^= 1 << bit
    put_leaves(full, [*old[:position], bytes(leaf), *old[position + 1 :]])
    findings = full.ledger.verify()
    put_leaves(full, old)
    assert findings
    assert findings[0].position == position


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_flipped_bit_of_a_bundle_is_found_where_it_is(full, data):
    """Flip one bit of the stored bytes, lengths included: the first finding names the entry they belong to."""
    old = leaves_of(full)
    packed = bytearray(pack(old))
    at = data.draw(st.integers(0, len(packed) - 1))
    packed[at] ^= 1 << data.draw(st.integers(0, 7))
    ends = list(itertools.accumulate(len(leaf) + 2 for leaf in old))
    full.sql("UPDATE ledger_bundle SET leaves = ?", bytes(packed))
    findings = full.ledger.verify()
    put_leaves(full, old)
    assert findings[0].position == bisect.bisect_right(ends, at)


def test_a_changed_word_of_an_entry_is_found(full):
    """Another kind, clause, version or actor in an entry is found, also one that does not exist."""
    old = leaves_of(full)
    words = {2: "consent.given", 3: "basis.consent", 4: "2", 5: "staff:1"}
    for word, told in [*words.items(), *((word, "nothing.known") for word in words)]:
        put_leaves(full, [*old[:17], changed(old[17], word, told), *old[18:]])
        assert full.ledger.verify()[0].position == 17
    put_leaves(full, old)
    assert full.ledger.verify() == []


def test_an_entry_and_its_tile_changed_together_break_the_signed_root(full):
    """Rewriting entry, tiles and head alike still contradicts the checkpoints."""
    old = leaves_of(full)
    rewritten = [*old[:12], changed(old[12], 5, "staff:0"), *old[13:]]
    for leaf, one in zip(rewritten, leaf_ids(rewritten), strict=True):
        full.sql("INSERT INTO ledger_pending VALUES (?, ?)", one, leaf)
    full.sql("DELETE FROM ledger_bundle")
    full.sql("DELETE FROM ledger_tile")
    checkpoints = full.sql("SELECT * FROM ledger_checkpoint").fetchall()
    full.sql("DELETE FROM ledger_checkpoint")
    full.sql("UPDATE ledger_head SET size = 0, root = ?", bytes(32))
    full.reopen()
    with pytest.raises(SigningStoppedError):
        full.ledger.integrate()
    full.sql("UPDATE ledger_head SET root = ?", hashlib.sha256(b"").digest())
    full.reopen().integrate()
    full.sql("DELETE FROM ledger_checkpoint")
    for row in checkpoints:
        full.sql("INSERT INTO ledger_checkpoint VALUES (?, ?, ?, ?, ?)", *row)
    findings = full.ledger.verify()
    assert findings[0].code == "checkpoint_root"
    assert findings[0].position == 10
    assert full.reopen().health().stopped == "tiles_and_checkpoint"


def test_a_removed_entry_is_found(full):
    """An entry taken out of its bundle is found at its position; a bundle taken away is a gap."""
    old = leaves_of(full)
    put_leaves(full, [*old[:21], *old[22:]])
    assert full.ledger.verify()[0].position == 21
    assert "size" in codes(full)
    full.sql("UPDATE ledger_bundle SET number = 1")
    assert full.ledger.verify()[0].position == 0
    assert "gap" in codes(full)


def test_a_bundle_that_is_short_or_too_long_is_found(full):
    """Leaves may neither be missing nor follow in a bundle, even where the tile agrees."""
    old = leaves_of(full)
    put_leaves(full, [*old, old[3]])
    assert full.ledger.verify()[0].position == COUNT
    full.sql("UPDATE ledger_bundle SET leaves = ?", b"")
    assert full.ledger.verify()[0].position == 0
    full.append()
    with pytest.raises(SigningStoppedError):
        full.ledger.integrate()


def test_a_bundle_whose_ends_are_told_wrong_is_found(full):
    """The lowest and highest id of a bundle, by which entries are found, are compared with its leaves."""
    for column in ("lowest", "highest"):
        ((old,),) = full.sql(f"SELECT {column} FROM ledger_bundle").fetchall()
        full.sql(f"UPDATE ledger_bundle SET {column} = ?", bytes(16))
        assert codes(full) == {"bundle_row"}
        full.sql(f"UPDATE ledger_bundle SET {column} = ?", old)


def test_a_log_cut_back_is_found_and_not_signed(full):
    """Going back to an older state contradicts what was signed; entries are still taken but nothing is signed."""
    put_leaves(full, leaves_of(full)[:30])
    (root,) = full.sql("SELECT root FROM ledger_checkpoint WHERE size = 30").fetchone()
    full.sql("UPDATE ledger_tile SET hashes = substr(hashes, 1, 30 * 32)")
    full.sql("UPDATE ledger_head SET size = 30, root = ?", root)
    assert "shorter_than_signed" in codes(full)
    ledger = full.reopen()
    full.append()
    with pytest.raises(SigningStoppedError):
        ledger.integrate()
    health = ledger.health()
    assert (health.pending, health.stopped) == (1, "shorter_than_signed")


def test_changed_tiles_and_head_are_found(full):
    """A changed, cut or missing tile and a changed head each have their finding."""
    (old,) = full.sql("SELECT hashes FROM ledger_tile").fetchone()
    full.sql("UPDATE ledger_tile SET hashes = ?", old[:-32])
    assert full.ledger.verify()[0].position == COUNT - 1
    full.sql("UPDATE ledger_tile SET hashes = ?", old[:320] + bytes(32) + old[352:])
    assert full.ledger.verify()[0].position == 10
    full.sql("DELETE FROM ledger_tile")
    assert "tile_missing" in codes(full)
    full.sql("INSERT INTO ledger_tile VALUES (0, 0, ?)", old)
    full.sql("UPDATE ledger_head SET root = ?", bytes(32))
    assert "head_root" in codes(full)


def test_a_checkpoint_not_signed_by_the_log_is_found(full):
    """A stored checkpoint whose signature or row was changed is found."""
    full.sql("UPDATE ledger_checkpoint SET note = replace(note, ?, ?)", "\n10\n", "\n11\n")
    assert "checkpoint_signature" in codes(full)
    full.sql("UPDATE ledger_checkpoint SET note = (SELECT note FROM ledger_checkpoint WHERE size = 40) WHERE size = 30")
    assert "checkpoint_row" in codes(full)


def test_a_changed_body_is_found(full):
    """A sealed body that was changed, or swapped for another's, is found at its entry's position."""
    entries = full.ledger.entries_since(0)
    full.sql("UPDATE ledger_body SET sealed = ? WHERE entry = ?", bytes(40), entries[33].id)
    assert [(one.position, one.code) for one in full.ledger.verify()] == [(33, "body_changed")]
    assert full.ledger.verify(since=34) == []


def test_a_changed_body_of_a_waiting_entry_is_found(full):
    """Entries without a position are checked through their bodies."""
    entry = full.append()
    full.sql("UPDATE ledger_body SET sealed = ? WHERE entry = ?", bytes(40), entry)
    assert codes(full) == {"body_changed"}


def test_a_changed_entry_that_waits_is_found(full):
    """A waiting leaf that names another entry, or commits to another body, is found."""
    entry = full.append()
    ((leaf,),) = full.sql("SELECT leaf FROM ledger_pending").fetchall()
    for word, code in ((1, "leaf_changed"), (6, "body_changed")):
        told = json.loads(leaf)[word]
        full.sql("UPDATE ledger_pending SET leaf = ?", changed(leaf, word, told[:3] + ("A" if told[3] != "A" else "B") + told[4:]))
        assert code in codes(full)
    full.sql("UPDATE ledger_pending SET leaf = ?", leaf)
    assert full.ledger.verify() == []
    full.sql("DELETE FROM ledger_pending WHERE id = ?", entry)
    assert codes(full) == {"body_without_entry"}
