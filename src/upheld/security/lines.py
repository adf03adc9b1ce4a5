"""How an audience is written: JSON lines, CSV that no spreadsheet takes for a formula, or Parquet."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator
from typing import Any, BinaryIO, cast

from upheld.db import Spool
from upheld.security.audience import BLOCK, Audience

KINDS = {
    "ndjson": "application/x-ndjson",
    "csv": "text/csv; charset=utf-8; header=present",
    "parquet": "application/vnd.apache.parquet",
}
_FORMULA = re.compile(r"[=+\-@\t\r\n]")
_PHONE = re.compile(r"\+[0-9]{4,15}")
"""A number in E.164 is what it looks like in a spreadsheet, too."""


def kind_of(accept: str) -> str:
    """Choose how to write by an `Accept` header: the first of it that is known, JSON lines for everything else."""
    for asked in accept.split(","):
        name = asked.partition(";")[0].strip().lower()
        for kind, media in KINDS.items():
            if name == media.partition(";")[0]:
                return kind
    return "ndjson"


def written(found: Audience, kind: str) -> Iterator[bytes]:
    """Write an audience in one of `KINDS`, block by block, and close it at the end."""
    try:
        if kind == "csv":
            yield from _csv(found)
        elif kind == "parquet":
            yield from _parquet(found)
        else:
            yield json.dumps(found.summary, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"
            yield from found.raw()
    finally:
        found.close()


def safe(text: str) -> str:
    """Give a cell that a spreadsheet shows as text: what could begin a formula gets an apostrophe before it."""
    return f"'{text}" if _FORMULA.match(text) and not _PHONE.fullmatch(text) else text


def _csv(found: Audience) -> Iterator[bytes]:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(found.columns)
    for row in _rows(found):
        writer.writerow([safe(cell or "") for cell in row])
        if out.tell() >= BLOCK:
            yield out.getvalue().encode()
            out.seek(0)
            out.truncate()
    yield out.getvalue().encode()


def _parquet(found: Audience) -> Iterator[bytes]:
    from upheld.collection.parquet import write_parquet

    spool = Spool()  # the foot of the file tells where its parts are, so it is written whole first
    try:
        write_parquet(found.columns, _rows(found), cast("BinaryIO", spool))
        spool.rewind()
        while block := spool.read(BLOCK):
            yield block
    finally:
        spool.close()


def _rows(found: Audience) -> Iterator[list[str | None]]:
    for line in found.lines():
        told = {**line, **line.get("fields", {})}
        yield [_cell(told.get(name)) for name in found.columns]


def _cell(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False)
