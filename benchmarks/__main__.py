"""Print the table of goals with their ratios, and keep the run in `benchmarks/results/`."""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

from benchmarks import bulk, erasing, footprint, gate, latency, serving, tamper
from benchmarks import compile as compiling
from benchmarks.gdpr import run as gdpr
from benchmarks.harness import probes
from benchmarks.page import write_page
from benchmarks.result import Goal, keep, run_record, table

ROOT = Path(__file__).parent.parent
MEASURES: dict[str, Callable[..., Goal]] = {
    "G1": partial(gdpr.measure, "G1"),
    "G2": partial(gdpr.measure, "G2"),
    "G3": bulk.growth,
    "G4": gate.measure,
    "G5": compiling.measure,
    "G6": serving.consents,
    "G7": bulk.rates,
    "V3": erasing.measure,
    "V4": serving.rates,
    "G8": tamper.measure,
    "G10": gdpr.space,
    "G11": latency.measure,
}

NOT_MEASURED = {
    "G9": "sweeps of a million due rows wait for the batched sweep",
}
"""Goals that no figure is given for, and why."""


def main() -> None:
    """Run what is asked for; everything, if nothing is named."""
    asked = argparse.ArgumentParser(prog="python -m benchmarks", description="Ratios to a floor that runs beside us.")
    asked.add_argument("goals", nargs="*", metavar="GOAL", help=f"of {', '.join(MEASURES)}; without one all of them")
    asked.add_argument("--full", action="store_true", help="at 100,000 records, and 1,000,000 where the goal says so")
    asked.add_argument("--page", action="store_true", help="write docs/benchmarks.md, if the run is clean")
    told = asked.parse_args()
    before = probes()
    goals = [_measured(name, quick=not told.full) for name in told.goals or MEASURES]
    if not told.goals:
        goals = sorted((*goals, *(Goal(name, why=why) for name, why in NOT_MEASURED.items())), key=_place)
    weighed = {} if told.goals else footprint.measure()
    suite = "full" if told.full else "smoke"
    record = run_record(suite, goals, [before, probes()], footprint=weighed)
    print(table(goals))
    for name, value in weighed.items():
        print(f"{name:<18} {value:8.1f}  goal {footprint.GOALS[name]:6.1f}")
    print(f"kept in {keep(record, Path(__file__).parent / 'results', _commit()).relative_to(ROOT)}")
    if told.page:
        print(write_page(record, ROOT / "docs" / "benchmarks.md"))


def _place(goal: Goal) -> tuple[str, int]:
    return goal.id[0], int(goal.id[1:])


def _measured(name: str, *, quick: bool) -> Goal:
    print(f"measuring {name} …", file=sys.stderr, flush=True)
    return MEASURES[name](quick=quick)


def _commit() -> str:
    done = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=False)
    return done.stdout.strip() or "unversioned"


if __name__ == "__main__":
    main()
