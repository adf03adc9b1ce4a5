"""Print the acceptance rows M01 to M98 with their tests and results; rows without a test are open."""

from __future__ import annotations

import csv
import sys
from collections import defaultdict
from pathlib import Path

import pytest

ROWS = Path(__file__).parent.parent / "tests" / "acceptance.csv"


class Collector:
    """Notes which test shows which row, and how it ended."""

    def __init__(self) -> None:
        self.rows: dict[str, list[str]] = defaultdict(list)
        self.results: dict[str, str] = {}

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        marked = [item for item in items if item.get_closest_marker("row")]
        for item in marked:
            for marker in item.iter_markers("row"):
                for row in marker.args:
                    self.rows[row].append(item.nodeid)
        items[:] = marked

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when == "call" or report.failed:
            self.results[report.nodeid] = report.outcome


def main() -> int:
    """Run the marked tests and print one line a row."""
    collector = Collector()
    root = Path(__file__).parent.parent
    code = pytest.main(["-q", "--no-header", "-p", "no:cacheprovider", str(root / "tests")], plugins=[collector])
    with ROWS.open(encoding="utf-8") as stream:
        for row in csv.DictReader(stream):
            tests = collector.rows.get(row["id"], [])
            outcomes = {collector.results.get(test, "not run") for test in tests}
            state = "open" if not tests else "passed" if outcomes == {"passed"} else "failed"
            print(f"{row['id']}  {state:6}  {row['behaviour']}")
            for test in tests:
                print(f"             {test.removeprefix('tests/')}  {collector.results.get(test, 'not run')}")
    return int(code)


if __name__ == "__main__":
    sys.exit(main())
