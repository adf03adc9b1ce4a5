"""Where a finding points: to the first leaf below a difference, and to the exact place where another finding knows it."""

from __future__ import annotations

import pytest

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
