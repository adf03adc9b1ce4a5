"""Print the table of goals with their ratios, and keep the run in `benchmarks/results/`."""

from __future__ import annotations

import json
import os
import platform
from datetime import UTC, datetime
from pathlib import Path

from benchmarks import compile as compiling
from benchmarks import footprint


def main() -> None:
    """Run what there is to measure."""
    goals = {"G5": compiling.measure()}
    weighed = footprint.measure()
    run = {
        "at": datetime.now(UTC).isoformat(timespec="seconds"), "python": platform.python_version(),
        "cores": os.cpu_count(), "machine": platform.machine(), "goals": goals, "footprint": weighed,
    }  # fmt: skip
    print("goal  ratio  CPU    at most  verdict")
    for name, one in goals.items():
        verdict = ("met" if one["met"] else "missed") + (", noisy" if one["noisy"] else "")
        print(f"{name:<5} {one['ratio']:5.2f}  {one['cpu_ratio']:5.2f}  {one['goal']:7.1f}  {verdict}")
    for name, value in weighed.items():
        print(f"{name:<18} {value:8.1f}  goal {footprint.GOALS[name]:6.1f}")
    folder = Path(__file__).parent / "results"
    folder.mkdir(exist_ok=True)
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    (folder / f"{stamp}-smoke.json").write_text(json.dumps(run, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
