"""G5: compiling the reference policy against parsing the same YAML once."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import yaml

from benchmarks.harness import clocked, in_pairs
from benchmarks.result import Goal, ratio_part
from upheld.policy.compile import compile_policy
from upheld.policy.law import load_law

ROOT = Path(__file__).parent.parent / "policies" / "primenumber"


def measure(*, quick: bool) -> Goal:
    """Compare with the floor F7: the folder parsed once by the C loader, with no validation."""
    texts = [file.read_text(encoding="utf-8") for file in sorted(ROOT.rglob("*.yaml"))]
    law, on = load_law(), date(2026, 11, 22)

    def floor() -> None:
        for text in texts:
            yaml.load(text, Loader=yaml.CSafeLoader)

    def ours() -> None:
        if compile_policy(ROOT, law, on).policy is None:
            raise SystemExit("the reference policy does not compile: a wrong answer voids the timing")

    paired = in_pairs(lambda: clocked(floor), lambda: clocked(ours), 5 if quick else 9)
    return Goal("G5", (ratio_part("compile everything, against parsing alone", "-", paired, wall=10, cpu=10),))
