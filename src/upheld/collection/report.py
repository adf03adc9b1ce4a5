"""The report of an import: counts, and of each faulty row its number, code and field; as JSON or CSV, never a value."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Sequence

from upheld.collection.model import Report, RowFault
from upheld.db import Spool

COLUMNS = ("row", "code", "field", "clause")


class Faults:
    """Keeps the faults of a file of any length, and gives them again in order."""

    def __init__(self) -> None:
        """Begin empty."""
        self._spool = Spool()

    def tell(self, fault: RowFault) -> None:
        """Keep one fault."""
        told = [fault.row, fault.code, fault.field, fault.clause]
        self._spool.write(json.dumps(told, ensure_ascii=False).encode() + b"\n")

    def lines(self) -> Iterator[list[str | int]]:
        """Give the faults, each as row, code, field, clause."""
        for line in self._spool.reader():
            yield json.loads(line)

    def close(self) -> None:
        """Forget them."""
        self._spool.close()


def as_json(report: Report, faults: Faults) -> Iterator[str]:
    """Give the report as one JSON object, piece by piece."""
    head = json.dumps(report.answer(), ensure_ascii=False)
    yield head[:-1] + ', "faults": ['
    comma = ""
    for told in faults.lines():
        yield comma + json.dumps(dict(zip(COLUMNS, told, strict=True)), ensure_ascii=False)
        comma = ", "
    yield "]}"


def as_csv(faults: Faults) -> Iterator[str]:
    """Give the faults as CSV, one a line below the names of the columns."""
    yield _line(COLUMNS)
    for told in faults.lines():
        yield _line(told)


def _line(cells: Sequence[str | int]) -> str:
    out = io.StringIO()
    csv.writer(out, lineterminator="\r\n").writerow(cells)
    return out.getvalue()
