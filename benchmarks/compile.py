"""G5: compiling the reference policy against parsing the same YAML once."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import yaml

from upheld.policy.compile import compile_policy
from upheld.policy.law import load_law

PAIRS = 9
ROOT = Path(__file__).parent.parent / "policies" / "primenumber"


def clocked(work: Callable[[], Any]) -> tuple[float, float]:
    """Give wall and CPU seconds of one call."""
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - wall, time.process_time() - cpu


def measure() -> dict[str, Any]:
    """Run floor and ours in turn, the order swapped each time; the first pair is dropped."""
    texts = [file.read_text(encoding="utf-8") for file in sorted(ROOT.rglob("*.yaml"))]
    law, on = load_law(), date(2026, 11, 22)

    def floor() -> None:
        for text in texts:
            yaml.load(text, Loader=yaml.CSafeLoader)

    def ours() -> None:
        if compile_policy(ROOT, law, on).policy is None:
            raise SystemExit("the reference policy does not compile: a wrong answer voids the timing")

    pairs = []
    for number in range(PAIRS + 1):
        first, second = (floor, ours) if number % 2 else (ours, floor)
        times = {work: clocked(work) for work in (first, second)}
        pairs.append({"floor": times[floor], "ours": times[ours]})
    pairs = pairs[1:]
    ratios = [[pair["ours"][clock] / pair["floor"][clock] for pair in pairs] for clock in (0, 1)]
    drift = max(p["floor"][1] for p in pairs) / min(p["floor"][1] for p in pairs)
    wall, cpu = (statistics.median(one) for one in ratios)
    return {
        "goal": 10.0, "ratio": wall, "cpu_ratio": cpu, "met": wall <= 10 and cpu <= 10,
        "noisy": drift > 1.2, "pairs": pairs,
    }  # fmt: skip
