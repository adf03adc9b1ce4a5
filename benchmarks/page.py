"""docs/benchmarks.md: the newest clean run in words, ratios first, a missed goal shown as missed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from benchmarks.result import figure

_HEAD = """# Benchmarks

Ratios to a physical floor that runs beside upheld, on the same host, with the same rows and the same durability. They are
medians of the ratios of single pairs, never rates: a rate tells more about the host than about the program. How each is
taken, and how you take it yourself, is told in [Measure](howto/measure.md).

"""


def write_page(record: dict[str, Any], path: Path) -> str:
    """Write the page, if no figure of the run is noisy; gives a line that says what was done."""
    if record["noisy"]:
        return "the run is noisy: the page stays as it is"
    path.write_text(page(record), encoding="utf-8")
    return f"wrote {path.name}"


def page(record: dict[str, Any]) -> str:
    """Give the page of a run."""
    packages = ", ".join(f"{name} {version}" for name, version in record["packages"].items())
    host = f"{record['cores']} cores of {record['cpu'] or record['machine']}"
    lines = [
        f"Run `{record['suite']}` of {record['at'][:10]}: {host}, Python {record['python']}, SQLite {record['sqlite']}.\n",
        f"<small>{packages}</small>\n", "| Goal | What | Engine | Figures and limits | Verdict |", "|---|---|---|---|---|",
    ]  # fmt: skip
    for name, goal in record["goals"].items():
        verdict = {True: "met", False: "**missed**", None: "not measured"}[goal["met"]]
        lines.append(f"| {name} | **{goal['title']}** | | {goal['why']} | {verdict} |")
        lines += [_row(part) for part in goal["parts"]]
    return _HEAD + "\n".join(lines) + "\n"


def _row(part: dict[str, Any]) -> str:
    checks = " · ".join(
        f"{one['label']} {figure(one['value'])} ({'limit' if one['met'] else '**limit**'} {figure(one['limit'])})"
        for one in part["checks"]
    )
    note = f" <small>{part['note']}</small>" if part["note"] else ""
    return f"| | {part['name']} | {part['engine']} | {checks}{note} | {'met' if part['met'] else '**missed**'} |"
