"""Tables as text: CSV with LF and no byte order mark, a list of objects, or Markdown."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

TABLES = ("csv", "json", "md")


def table(names: Sequence[str], rows: Iterable[Sequence[Any]], kind: str) -> str:
    """Write a table in one of the kinds of `TABLES`; in JSON values keep their types.

    Raises KeyError for a kind that does not exist.
    """
    return {"csv": _csv, "json": _json, "md": _markdown}[kind](names, rows)


def _csv(names: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(names)
    writer.writerows([cell(value) for value in row] for row in rows)
    return out.getvalue()


def _json(names: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    return (
        json.dumps([dict(zip(names, row, strict=True)) for row in rows], ensure_ascii=False, indent=1) + "\n"
    )


def _markdown(names: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    lines = [names, ["---"] * len(names), *([_escaped(value) for value in row] for row in rows)]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _escaped(value: Any) -> str:
    return " ".join(cell(value).replace("|", "\\|").split())


def cell(value: Any) -> str:
    """Write one value in a cell: a list joined by commas, nothing as nothing."""
    if isinstance(value, Mapping):
        return ", ".join(f"{name}: {cell(item)}" for name, item in value.items())
    if isinstance(value, (list, tuple)):
        return ", ".join(cell(item) for item in value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "" if value is None else str(value)
