"""Several processes write to one ledger at once, and any of them may die at any moment."""

from __future__ import annotations

import itertools
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.clusters import fresh_schema
from tests.ledger.process import opened
from tests.support import ROOT
from upheld.ledger.tree import verify_consistency

COUNT = 200
FIRST = 15
"""After so many entries a process gives out positions for the first time."""


@pytest.fixture
def place(tmp_path, engine):
    return fresh_schema() if engine == "postgresql" else tmp_path / "data.db"


def start(place, name: str, count: int, file: Path, **environment: str) -> subprocess.Popen[bytes]:
    known = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT / "src"), str(ROOT)]), **environment}
    command = [sys.executable, "-m", "tests.ledger.process", str(place), name, str(count), str(file)]
    return subprocess.Popen(command, env=known, cwd=ROOT)


def lines(file: Path) -> list[str]:
    return file.read_text("ascii").split() if file.exists() else []


def consistent(ledger) -> bool:
    signed = [one for one in ledger.checkpoints() if one.size]
    pairs = itertools.pairwise(signed)
    return all(
        verify_consistency(old.size, new.size, old.root, new.root, ledger.prove_consistency(old.size, new.size))
        for old, new in pairs
    )


@pytest.mark.slow
def test_four_processes_append_and_one_is_killed(place, tmp_path):
    """Every acknowledged entry of four processes stands exactly once, without a gap, also when one of them was killed."""
    opened(place)  # the tables are there before anybody hurries
    files = {name: tmp_path / name for name in "abcd"}
    running = {name: start(place, name, COUNT, file) for name, file in files.items()}
    until = time.monotonic() + 120
    while len(lines(files["d"])) < COUNT // 4 and time.monotonic() < until:
        time.sleep(0.01)
    running["d"].send_signal(signal.SIGKILL)
    codes = {name: one.wait(timeout=120) for name, one in running.items()}
    assert codes == {"a": 0, "b": 0, "c": 0, "d": -signal.SIGKILL}
    ledger = opened(place)
    ledger.integrate()
    health = ledger.health()
    acknowledged = {name: lines(file) for name, file in files.items()}
    assert [len(acknowledged[name]) for name in "abc"] == [COUNT] * 3
    assert COUNT // 4 <= len(acknowledged["d"]) < COUNT
    entries = ledger.entries_since(0, 10_000)
    assert [one.n for one in entries] == list(range(health.size))
    held = [one.id.hex() for one in entries]
    assert len(set(held)) == len(held)
    told = {entry for part in acknowledged.values() for entry in part}
    assert told <= set(held)
    assert len(held) - len(told) <= 4  # what was committed just before the kill and never acknowledged
    assert health.pending == 0
    assert ledger.verify() == []
    assert consistent(ledger)


@pytest.mark.parametrize("step", ["ledger.integrate", "ledger.sign", "ledger.kept"])
def test_a_process_killed_while_placing_loses_nothing(place, tmp_path, step):
    """Killed after placing, after signing, or after keeping the note: whoever comes next goes on as if nothing happened."""
    file = tmp_path / "a"
    assert start(place, "a", 40, file, UPHELD_CRASH_AT=step).wait(timeout=60) == 137
    ledger = opened(place, tmp_path / "kept.txt")
    before = ledger.health()
    assert before.stopped is None
    assert before.size == len(lines(file)) == FIRST
    assert before.signed_size == (None if step == "ledger.integrate" else FIRST)
    assert ledger.integrate() == 0
    assert ledger.checkpoint().size == FIRST
    assert start(place, "b", 40, tmp_path / "b").wait(timeout=60) == 0
    ledger.integrate()
    assert ledger.health().size == FIRST + 40
    assert ledger.verify() == []
    assert consistent(ledger)
