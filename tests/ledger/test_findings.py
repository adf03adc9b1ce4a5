"""Where a finding points: to the first leaf below a difference, and to the exact place where another finding knows it."""

from __future__ import annotations

import pytest

from upheld.ledger import NewEntry
from upheld.ledger.audit import _differs, _narrowed
from upheld.ledger.model import LedgerFinding

HASHES = [bytes([number]) * 32 for number in range(4)]


def tile(*numbers: int) -> bytes:
    return b"".join(HASHES[number] for number in numbers)


@pytest.mark.parametrize(
    ("number", "level", "ours", "theirs", "code", "position"),
    [
        (2, 0, tile(0, 1), tile(0, 1), None, 0),
        (2, 0, tile(0, 1), b"", "tile_missing", 512),
        (2, 1, tile(0, 1), b"", "tile_missing", 2 * 256 * 256),
        (2, 0, tile(0, 1, 2), tile(0, 3, 2), "leaf_changed", 513),
        (2, 0, tile(0, 1, 2), tile(0, 1), "leaf_changed", 514),
        (2, 0, tile(0, 1), tile(0, 1, 2), "leaf_changed", 514),
        (0, 1, tile(0, 1), tile(0, 2), "leaf_changed", 256),
        (1, 2, tile(0, 1), tile(3, 1), "leaf_changed", 256 * 256 * 256),
        (3, 0, b"", tile(0), "tile_unknown", 768),
        (3, 7, b"", tile(0), "tile_unknown", 768 * 256**7),
        (3, 8, b"", tile(0), "tile_unknown", 0),
        (3, -1, b"", tile(0), "tile_unknown", 0),
        (-3, 0, b"", tile(0), "tile_unknown", 0),
    ],
)
def test_a_tile_that_differs_points_to_the_first_leaf_below_it(number, level, ours, theirs, code, position):
    """Missing, changed, short, long or unknown: the position is that of the first leaf that the difference reaches."""
    found = _differs(number, ours, theirs, level)
    assert (found and (found.code, found.position)) == (None if code is None else (code, position))


@pytest.mark.parametrize(
    ("code", "others", "position"),
    [
        ("checkpoint_root", [("leaf_changed", 12), ("gap", 11), ("leaf_changed", 9), ("body_changed", 10)], 11),
        ("head_root", [("gap", 10), ("leaf_changed", 12)], 10),
        ("head_root", [("leaf_changed", 9), ("size", 12)], 10),
        ("checkpoint_root", [], 10),
        ("body_changed", [("leaf_changed", 12)], 10),
    ],
)
def test_a_root_that_disagrees_points_to_the_first_exact_finding_behind_it(code, others, position):
    """A root only knows where agreement ended; a changed leaf or a gap at or behind that place says where it is."""
    finding = LedgerFinding(10, code, "told")
    found = _narrowed(finding, [finding, *(LedgerFinding(at, one, "told") for one, at in others)])
    assert found == LedgerFinding(position, code, "told")


@pytest.fixture
def grown(desk):
    """A ledger of 600 entries: two whole bundles and a part, checkpoints at 580 and 600."""
    for numbers in (range(580), range(580, 600)):
        told = [NewEntry("collect.accepted", "collection.event", "1", "self", {"n": number}, b"s" * 16) for number in numbers]
        with desk.store.write() as tx:
            desk.ledger.append_many(tx, told)
        desk.ledger.integrate()
    return desk


def found(desk, since=0):
    return [(one.position, one.code) for one in desk.ledger.verify(since)]


def test_what_stands_before_a_signed_size_is_taken_from_the_tiles(grown):
    """From a signed size on only the last bundle is hashed again; before it a changed leaf shows in the whole check alone."""
    assert found(grown) == found(grown, 590) == found(grown, 600) == []
    ((packed,),) = grown.sql("SELECT leaves FROM ledger_bundle WHERE number = 0").fetchall()
    grown.sql("UPDATE ledger_bundle SET leaves = ? WHERE number = 0", packed.replace(b'"self"', b'"selF"', 1))
    assert found(grown, 590) == found(grown, 580) == []
    assert (0, "leaf_changed") in found(grown, 579)
    assert (0, "leaf_changed") in found(grown)
    grown.sql("UPDATE ledger_bundle SET leaves = ? WHERE number = 0", packed)
    ((packed,),) = grown.sql("SELECT leaves FROM ledger_bundle WHERE number = 2").fetchall()
    grown.sql("UPDATE ledger_bundle SET leaves = ? WHERE number = 2", packed.replace(b'"self"', b'"selF"', 1))
    assert (512, "leaf_changed") in found(grown, 590)


def test_a_tile_that_does_not_give_the_signed_root_is_not_built_upon(grown):
    """A changed or missing tile is found; where the check begins behind it, as soon as the signed root hangs on it."""
    for level, also in ((0, False), (1, True)):
        ((old,),) = grown.sql("SELECT hashes FROM ledger_tile WHERE level = ? AND number = 0", level).fetchall()
        grown.sql("UPDATE ledger_tile SET hashes = ? WHERE level = ? AND number = 0", bytes(32) + old[32:], level)
        assert (0, "leaf_changed") in found(grown)
        assert bool(found(grown, 590)) is also
        grown.sql("DELETE FROM ledger_tile WHERE level = ? AND number = 0", level)
        assert (0, "tile_missing") in found(grown)
        assert bool(found(grown, 590)) is also
        grown.sql("INSERT INTO ledger_tile VALUES (?, 0, ?)", level, old)
    grown.sql("INSERT INTO ledger_tile VALUES (2, 0, ?)", bytes(32))
    assert found(grown) == [(0, "tile_unknown")]
    assert found(grown, 590) == []
    grown.sql("DELETE FROM ledger_tile WHERE level = 2")
    grown.sql("INSERT INTO ledger_tile VALUES (0, 3, ?)", bytes(32))
    assert found(grown) == found(grown, 590) == [(768, "tile_unknown")]


def test_bodies_are_opened_from_where_the_check_begins(grown):
    """A changed body is found from its own position on; a body of no entry where the check reaches as far back."""
    entries = grown.ledger.entries_since(0, 600)
    grown.sql("UPDATE ledger_body SET sealed = ? WHERE entry = ?", bytes(40), entries[585].id)
    assert found(grown) == found(grown, 585) == [(585, "body_changed")]
    assert found(grown, 586) == []
    grown.sql("DELETE FROM ledger_body WHERE entry = ?", entries[585].id)
    assert found(grown) == []
    grown.sql("INSERT INTO ledger_body (entry, subject, class, sealed) VALUES (?, ?, 'identity', ?)", bytes(16), b"s" * 16, b"x")
    assert found(grown) == [(600, "body_without_entry")]
    assert found(grown, 590) == []
    grown.sql("UPDATE ledger_body SET entry = ? WHERE entry = ?", b"\xff" * 16, bytes(16))
    assert found(grown) == found(grown, 590) == [(600, "body_without_entry")]


def test_a_head_that_the_entries_do_not_give_is_found(grown):
    """Size, root, origin, number and epoch of the head are each compared with what entries and checkpoints give."""
    for column, told, code in (
        ("size", 599, "size"), ("root", bytes(32), "head_root"), ("origin", "example.com/other/1", "head_origin"),
        ("epoch", 7, "head_row"), ("id", 2, "head_row"),
    ):  # fmt: skip
        ((old,),) = grown.sql(f"SELECT {column} FROM ledger_head").fetchall()
        grown.sql(f"UPDATE ledger_head SET {column} = ?", told)
        assert code in {one for _, one in found(grown)}
        grown.sql(f"UPDATE ledger_head SET {column} = ?", old)
    assert found(grown) == []
