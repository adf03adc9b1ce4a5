"""`verify` finds what was changed behind the ledger's back, and says where."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from upheld.ledger import SigningStoppedError

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


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(position=st.integers(0, COUNT - 1), at=st.integers(0, 47), bit=st.integers(0, 7))
def test_any_flipped_bit_of_a_stored_leaf_is_found_with_its_position(full, position, at, bit):
    """Flip one bit of an entry's id or hash: the first finding names that position."""
    column, offset = ("id", at) if at < 16 else ("b", at - 16)
    (old,) = full.sql(f"SELECT {column} FROM ledger_entry WHERE n = ?", position).fetchone()
    new = bytearray(old)
    new[offset] ^= 1 << bit
    assume(not full.sql("SELECT 1 FROM ledger_entry WHERE id = ?", bytes(new)).fetchone())
    full.sql(f"UPDATE ledger_entry SET {column} = ? WHERE n = ?", bytes(new), position)
    findings = full.ledger.verify()
    full.sql(f"UPDATE ledger_entry SET {column} = ? WHERE n = ?", old, position)
    assert findings
    assert findings[0].position == position


@pytest.mark.parametrize("column", ["kind", "clause", "version", "actor"])
def test_a_changed_word_of_an_entry_is_found(full, column):
    """Pointing an entry to another kind, clause, version or actor is found, also to one that does not exist."""
    for value in (99_999, 60, 1, 2, 3):
        (old,) = full.sql(f"SELECT {column} FROM ledger_entry WHERE n = 17").fetchone()
        if value != old:
            full.sql(f"UPDATE ledger_entry SET {column} = ? WHERE n = 17", value)
            assert full.ledger.verify()[0].position == 17
            full.sql(f"UPDATE ledger_entry SET {column} = ? WHERE n = 17", old)
    assert full.ledger.verify() == []


def test_a_changed_spelling_is_found(full):
    """Changing a byte of a word's spelling changes all leaves that use it, also when it is no text any more."""
    for spelling in (b"staff:9", b"\xff\xfe"):
        full.sql("UPDATE ledger_word SET text = ? WHERE text = ?", spelling, b"staff:3")
        findings = full.ledger.verify()
        full.sql("UPDATE ledger_word SET text = ? WHERE text = ?", b"staff:3", spelling)
        assert findings[0].position == 3


def test_an_entry_and_its_tile_changed_together_break_the_signed_root(full):
    """Rewriting entry, tiles and head alike still contradicts the checkpoints."""
    full.sql("UPDATE ledger_entry SET actor = (SELECT id FROM ledger_word WHERE text = ?) WHERE n = 12", b"staff:0")
    full.sql("DELETE FROM ledger_tile")
    full.sql("UPDATE ledger_entry SET n = NULL")
    checkpoints = full.sql("SELECT * FROM ledger_checkpoint").fetchall()
    full.sql("DELETE FROM ledger_checkpoint")
    full.sql("UPDATE ledger_head SET size = 0, root = ?", bytes(32))
    full.reopen()
    with pytest.raises(SigningStoppedError):
        full.ledger.integrate()
    import hashlib

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
    """Deleting an entry leaves a gap at its position."""
    full.sql("DELETE FROM ledger_entry WHERE n = 21")
    assert full.ledger.verify()[0].position <= 21
    assert "gap" in codes(full)


def test_a_log_cut_back_is_found_and_not_signed(full):
    """Going back to an older state contradicts what was signed; entries are still taken but nothing is signed."""
    full.sql("DELETE FROM ledger_entry WHERE n >= 30")
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
