"""What a run found: checks, parts and goals; the table for people, the file for later, the page for readers."""

from __future__ import annotations

import json
import os
import platform
import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

from benchmarks.harness import Paired

TITLES = {
    "G1": "GDPRbench on PostgreSQL",
    "G2": "GDPRbench on SQLite",
    "G3": "Flat from 100,000 to 1,000,000 records",
    "G4": "One decision, and a whole record",
    "G5": "Compile the policy; swap it under load",
    "G6": "Write a consent over HTTP",
    "G7": "Import in bulk, gate and leaf for each row",
    "G8": "Tamper-evidence",
    "G9": "Sweep what is due",
    "G10": "Room on the disk",
    "G11": "Latency at a given rate",
    "V3": "Erase one person, and a thousand at once",
    "V4": "Gated creates and reads over HTTP",
}


@dataclass(frozen=True, slots=True)
class Check:
    """One figure and the limit it keeps or misses; `least` says that more is better."""

    label: str
    value: float
    limit: float
    least: bool = False

    @property
    def met(self) -> bool:
        """Say whether the limit is kept."""
        return self.value >= self.limit if self.least else self.value <= self.limit

    @property
    def text(self) -> str:
        """Say figure and limit."""
        return f"{self.label} {figure(self.value)} ({'≥' if self.least else '≤'} {figure(self.limit)})"


@dataclass(frozen=True, slots=True)
class Part:
    """One comparison under a goal, on one engine. `note` says what a reader must know; `kept` is for the file."""

    name: str
    engine: str
    checks: tuple[Check, ...]
    noisy: bool = False
    note: str = ""
    kept: dict[str, Any] = field(default_factory=dict)

    @property
    def met(self) -> bool:
        """Say whether every limit is kept."""
        return all(check.met for check in self.checks)


@dataclass(frozen=True, slots=True)
class Goal:
    """A goal with its parts; without any it was not measured, and `why` says why not, or what would close a miss."""

    id: str
    parts: tuple[Part, ...] = ()
    why: str = ""

    @property
    def verdict(self) -> str:
        """Say met, missed or not measured."""
        if not self.parts:
            return "not measured"
        return "met" if all(part.met for part in self.parts) else "missed"

    def told(self) -> dict[str, Any]:
        """Give the goal as the file keeps it; `ratio` is that of the part that stands worst against its limit."""
        said: dict[str, Any] = {"title": TITLES[self.id], "met": None, "why": self.why}
        if self.parts:
            ratios = [check for part in self.parts for check in part.checks if check.label == "wall ×"]
            cpus = [check for part in self.parts for check in part.checks if check.label == "CPU ×"]
            said |= {"met": self.verdict == "met", "noisy": any(part.noisy for part in self.parts)}
            said |= {"ratio": _worst(ratios), "cpu_ratio": _worst(cpus)}
        said["parts"] = [
            {
                "name": part.name, "engine": part.engine, "met": part.met, "noisy": part.noisy, "note": part.note,
                "checks": [
                    {"label": one.label, "value": one.value, "limit": one.limit, "met": one.met} for one in part.checks
                ],
                **part.kept,
            }
            for part in self.parts
        ]  # fmt: skip
        return said


def _worst(checks: Sequence[Check]) -> float | None:
    worst = max(checks, key=lambda one: one.value / one.limit, default=None)
    return None if worst is None else worst.value


def ratio_part(
    name: str, engine: str, paired: Paired, *, wall: float | None = None, cpu: float | None = None,
    more: Iterable[Check] = (), note: str = "", **kept: Any,
) -> Part:  # fmt: skip
    """Make a part of pairs, judged by the limits that are given."""
    limits = (("wall ×", paired.wall, wall), ("CPU ×", paired.cpu, cpu))
    checks = tuple(Check(label, value, limit) for label, value, limit in limits if limit is not None)
    return Part(name, engine, (*checks, *more), paired.noisy, note, {**paired.told, **kept})


def figure(value: float) -> str:
    """Write a figure short enough for a table."""
    if value >= 1_000_000:
        return f"{value / 1_000_000:.2f} M"
    if value >= 10_000:
        return f"{value / 1000:,.0f} k"
    if value >= 100 or value == int(value):
        return f"{value:,.0f}"
    return f"{value:.2f}"


def table(goals: Iterable[Goal]) -> str:
    """Give the table for people."""
    lines = [f"{'goal':<5} {'what':<48} {'engine':<11} {'figures (limit)':<64} verdict", "─" * 144]
    for goal in goals:
        lines.append(f"{goal.id:<5} {TITLES[goal.id]:<126}{goal.verdict}")
        for part in goal.parts:
            said = ("met" if part.met else "missed") + (", noisy" if part.noisy else "")
            figures = " · ".join(check.text for check in part.checks)
            lines.append(f"{'':<5} {part.name:<48} {part.engine:<11} {figures:<64} {said}")
            if part.note:
                lines.append(f"{'':<7} {part.note}")
        if goal.why:
            lines.append(f"{'':<5} {goal.why}")
    return "\n".join(lines)


def run_record(suite: str, goals: Sequence[Goal], probed: Sequence[dict[str, float]], **more: Any) -> dict[str, Any]:
    """Give everything a later reader needs to judge the run."""
    model = next(
        (line.partition(":")[2].strip() for line in _lines("/proc/cpuinfo") if line.startswith("model name")), ""
    )
    return {
        "suite": suite, "at": datetime.now(UTC).isoformat(timespec="seconds"), "python": platform.python_version(),
        "sqlite": sqlite3.sqlite_version, "packages": _versions(), "cores": os.cpu_count(), "cpu": model,
        "machine": platform.machine(), "probes": list(probed), **more,
        "noisy": any(part.noisy for goal in goals for part in goal.parts),
        "goals": {goal.id: goal.told() for goal in goals},
    }  # fmt: skip


def _versions() -> dict[str, str]:
    names = ("upheld", "cryptography", "psycopg", "SQLAlchemy", "litestar", "uvicorn", "msgspec", "PyYAML")
    peers = ("casbin", "cedarpy", "pymerkle", "pyarrow")
    found: dict[str, str] = {}
    for name in (*names, *peers):
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def _lines(path: str) -> list[str]:
    file = Path(path)
    return file.read_text(encoding="utf-8").splitlines() if file.exists() else []


def keep(record: dict[str, Any], folder: Path, commit: str) -> Path:
    """Write the run's file and give its path."""
    folder.mkdir(exist_ok=True)
    stamp = datetime.now(UTC).strftime("%Y-%m-%d")
    path = folder / f"{stamp}-{record['suite']}-{commit}.json"
    path.write_text(json.dumps(record, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return path
