"""The harness: pairs, clocks, verdicts; and the gate's answers beside the plain rule."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from benchmarks import gate, tamper
from benchmarks.harness import Taken, children, clocked, in_pairs, server_cpu
from benchmarks.page import page, write_page
from benchmarks.result import Check, Goal, Part, keep, ratio_part, run_record, table


def test_pairs_drop_the_first_swap_the_order_and_take_the_median_of_ratios():
    """Floor and ours alternate; one slow pair does not move the figure, and drift of the floor is called noise."""
    order: list[str] = []
    floors, mine = iter([9.0, 1, 1, 1, 1, 2]), iter([9.0, 2, 2, 50, 2, 4])

    def floor() -> Taken:
        order.append("floor")
        return Taken(now := next(floors), now)

    def ours() -> Taken:
        order.append("ours")
        return Taken(now := next(mine), now)

    paired = in_pairs(floor, ours, 5)
    assert (paired.wall, paired.cpu, paired.noisy) == (2, 2, True)
    assert order == ["floor", "ours", "ours", "floor"] * 3
    assert len(paired.pairs) == 5


def test_the_clock_counts_children_and_helpers():
    """CPU of a program that was started counts when it has ended, and that of a named server while it lives."""
    burn = "n = 0\nwhile n < 3000000: n += 1"
    taken = clocked(lambda: subprocess.run([sys.executable, "-c", burn], check=True) and None)
    assert taken.cpu > 0.01
    with subprocess.Popen([sys.executable, "-c", burn + "\ninput()"], stdin=subprocess.PIPE, text=True) as helper:
        assert server_cpu(helper.pid)[0] >= 0
        assert list(children(helper.pid)) == []
        helper.communicate("\n")


def test_a_goal_is_met_missed_or_not_measured_and_says_its_worst_ratio(tmp_path):
    """The file names each goal with verdict and the ratio that stands worst against its limit; the page shows a miss as missed."""
    paired = in_pairs(lambda: Taken(1, 1), lambda: Taken(1.2, 3), 1)
    good = ratio_part("a", "SQLite", paired, wall=1.5)
    bad = Part("b", "PostgreSQL", (Check("M/s", 0.5, 0.9, least=True),), note="why")
    goals = [Goal("G1", (good,)), Goal("G2", (good, bad)), Goal("G9", why="later")]
    record = run_record("smoke", goals, [{}])
    assert [record["goals"][name]["met"] for name in ("G1", "G2", "G9")] == [True, False, None]
    assert record["goals"]["G1"]["ratio"] == pytest.approx(1.2)
    shown = page(record)
    assert "**missed**" in shown
    assert "not measured" in shown
    assert "missed" in table(goals)
    assert "later" in table(goals)
    kept = keep(record, tmp_path, "abc")
    assert json.loads(kept.read_text("utf-8"))["goals"]["G2"]["met"] is False
    assert write_page(record, tmp_path / "page.md").startswith("wrote")
    assert write_page(record | {"noisy": True}, tmp_path / "other.md").endswith("stays as it is")
    assert not (tmp_path / "other.md").exists()


def test_sheet_and_bitset_answer_as_the_plain_rule():
    """Of twenty thousand drawn requests none is answered otherwise by the floor or by the compiled sheet; some are allowed."""
    grants, asked = gate.draw(seed=7, count=20_000)
    sheet = gate.compiled(grants)
    truth = [gate.plain_rule(grants, one) for one in asked]
    assert [sheet.allows(*one) for one in gate.bound(sheet, asked)] == truth
    assert [gate.bitset(grants.masks, *one) for one in asked] == truth
    assert 0.3 < sum(truth) / len(truth) < 0.5


def test_the_minimal_verifier_agrees_with_the_product():
    """The floor of proofs walks to the same root, so that its time may be compared."""
    parts = tamper._tree(500, 1)
    assert {check.label: check.met for check in parts[-1].checks}["flipped bits not found"]
