"""Reading files of many rows: one row at a time, so that a file may be larger than the memory.

A column is named as a field is. Residence, kind of situation, the id of a relationship and a browser's id stand
in columns `country`, `subtype`, `relation`, `visitor`, or with a `_` before the name where a field has that name.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
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


class Columns:
    """Turns rows into what a form would have handed in; which column means what is found once for each heading."""

    def __init__(self, policy: CompiledPolicy, situation: Situation, lang: str) -> None:
        """Read rows for a situation."""
        self._policy, self._situation, self._lang = policy, situation, lang
        self._known: dict[tuple[str, ...], tuple[dict[str, str], list[str], list[str]]] = {}

    def handed(self, cells: Mapping[str, Any]) -> Submission:
        """Give a row as a submission."""
        heading = tuple(cells)
        known = self._known.get(heading)
        if known is None:
            known = self._known[heading] = self._meant(heading)
        members, plain, itemised = known
        fields = {name: cells[name] for name in plain}
        for name in itemised:
            fields[name] = _items(cells[name])
        told = dict.fromkeys(MEMBERS, "")
        for member, name in members.items():
            told[member] = str(cells[name] or "").strip()
        return Submission(
            fields, told["country"], told["subtype"], (), self._lang, told["visitor"], told["relation"]
        )

    def _meant(self, heading: Sequence[str]) -> tuple[dict[str, str], list[str], list[str]]:
        """Give the columns of members, of plain fields and of fields of items."""
        members: dict[str, str] = {}
        fields: list[str] = []
        for name in heading:
            bare = name.removeprefix("_")
            if bare in MEMBERS and (name != bare or bare not in self._situation.fields):
                members[bare] = name
            else:
                fields.append(name)
        itemised = [name for name in fields if self._is_itemised(name)]
        return members, [name for name in fields if name not in itemised], itemised

    def _is_itemised(self, name: str) -> bool:
        field = self._policy.fields.get(name)
        return field is not None and field.kind == "itemised"


def _items(value: Any) -> Any:
    """Read a list of items out of its JSON text; anything else is taken as it stands."""
    if not isinstance(value, str) or not value.strip():
        return value
    try:
        return parse(value.encode())
    except Refusal:
        return value
