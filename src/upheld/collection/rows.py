"""Reading files of many rows: one row at a time, so that a file may be larger than the memory.

A column is named as a field is. Residence, kind of situation, the id of a relationship and a browser's id stand
in columns `country`, `subtype`, `relation`, `visitor`, or with a `_` before the name where a field has that name.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Any, BinaryIO, TypeVar

from upheld.collection.model import Row, Submission
from upheld.policy.model import CompiledPolicy, Situation
from upheld.web.refusals import Refusal
from upheld.web.wire import parse

T = TypeVar("T")
FORMATS = ("csv", "parquet")
ENCODINGS = ("utf-8", "cp932", "euc_jp")
MEMBERS = ("country", "subtype", "relation", "visitor")
MAX_CELL = 64 * 1024
MAX_COLUMNS = 200
_CLAUSE = "collection.situations"


def read_csv(stream: BinaryIO, encoding: str = "utf-8") -> Iterator[Row]:
    """Read rows of a CSV file whose first line names the columns; raises Refusal `malformed` for a heading that is none.

    What cannot be read further on is given as a row without cells; behind bytes of another encoding it ends.
    """
    if encoding not in ENCODINGS:
        raise Refusal("value_invalid", _CLAUSE, fields=("encoding",))
    csv.field_size_limit(MAX_CELL)
    text = io.TextIOWrapper(stream, "utf-8-sig" if encoding == "utf-8" else encoding, newline="")
    lines = csv.reader(text, strict=True)
    try:
        heading = [name.strip() for name in next(lines, [])]
    except (csv.Error, UnicodeDecodeError):
        raise Refusal("malformed", _CLAUSE) from None
    if not heading or not all(heading) or len(set(heading)) < len(heading) or len(heading) > MAX_COLUMNS:
        raise Refusal("malformed", _CLAUSE)
    yield from _rows(lines, heading)


def _rows(lines: Iterator[list[str]], heading: list[str]) -> Iterator[Row]:
    number = 0
    while True:
        try:
            cells = next(lines)
        except StopIteration:
            return
        except (csv.Error, UnicodeDecodeError):
            yield Row(number + 1, None)
            return
        if not cells:
            continue  # an empty line, as at the end of many files
        number += 1
        fitting = len(cells) == len(heading)
        yield Row(number, dict(zip(heading, cells, strict=True)) if fitting else None)


def read_file(kind: str, stream: BinaryIO, encoding: str = "utf-8") -> Iterator[Row]:
    """Read rows of a file of a kind of `FORMATS`."""
    if kind == "csv":
        return read_csv(stream, encoding)
    from upheld.collection.parquet import read_parquet

    return read_parquet(stream)


def chunks(rows: Iterable[T], size: int) -> Iterator[list[T]]:
    """Give rows in lists of `size`, the last one shorter."""
    source = iter(rows)
    while chunk := list(islice(source, size)):
        yield chunk


def handed(policy: CompiledPolicy, situation: Situation, cells: Mapping[str, Any], lang: str) -> Submission:
    """Turn the cells of a row into what a form would have handed in."""
    members = dict.fromkeys(MEMBERS, "")
    fields: dict[str, Any] = {}
    for name, value in cells.items():
        bare = name.removeprefix("_")
        if bare in MEMBERS and (name != bare or bare not in situation.fields):
            members[bare] = str(value or "").strip()
        else:
            fields[name] = _value(policy, name, value)
    return Submission(
        fields=fields,
        country=members["country"],
        subtype=members["subtype"],
        relation=members["relation"],
        visitor=members["visitor"],
        lang=lang,
    )


def _value(policy: CompiledPolicy, name: str, value: Any) -> Any:
    """Read a list of items out of its JSON text; everything else is taken as it stands."""
    field = policy.fields.get(name)
    if field is None or field.kind != "itemised" or not isinstance(value, str) or not value.strip():
        return value
    try:
        return parse(value.encode())
    except Refusal:
        return value
