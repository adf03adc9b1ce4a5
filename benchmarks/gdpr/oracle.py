"""A dict that does every operation as the specification says, and so knows each right answer."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Any

from benchmarks.gdpr.operations import Operation
from benchmarks.gdpr.records import METADATA, Record

Answer = list[tuple[str, ...]]
"""Rows of a read in order of key; for a change the number of rows it touched; for logs the number of lines."""


def newest_first(lines: Sequence[Sequence[Any]]) -> bool:
    """Say whether lines of a log, each beginning with its place or id, stand newest first."""
    return all(one[0] > other[0] for one, other in pairwise(lines))


class Model:
    """The whole store as plain records, with the few look-ups that the operations need."""

    def __init__(self, records: Iterable[Record]) -> None:
        """Begin with these records."""
        self.rows: dict[str, Record] = {}
        self._by: dict[str, dict[str, set[str]]] = {"pur": {}, "usr": {}}
        self.lines = 0
        self.touched = 0
        for record in records:
            self._put(record)
        self.lines = len(self.rows)

    def do(self, one: Operation) -> Answer:
        """Do an operation and give its answer; counts the rows it touched and the lines it leaves in the log."""
        answer, touched = self._done(one)
        self.touched += touched
        self.lines += 1 if one.does in {"read", "read_meta", "verify", "logs"} else bool(touched)
        return answer

    def _done(self, one: Operation) -> tuple[Answer, int]:
        if one.record is not None:
            self._put(one.record)
            return [("1",)], 1
        if one.does == "logs":
            return [(str(one.lines),)], one.lines
        found = self._matching(one.at)
        if one.does == "read":
            return [(row.key, row.data) for row in found], len(found)
        if one.does == "read_meta":
            return [(row.key, *(getattr(row, name) for name in METADATA)) for row in found], len(found)
        if one.does == "verify":
            return [(str(len(found)),)], len(found)
        for row in found:
            self._drop(row)
            if one.does != "delete":
                self._put(row._replace(**{one.name: one.value}))
        return [(str(len(found)),)], len(found)

    def _matching(self, at: str) -> list[Record]:
        by, _, value = at.partition("=")
        keys = [value] if by == "key" else self._by[by].get(value, ())
        return [self.rows[key] for key in sorted(keys) if key in self.rows]

    def _put(self, row: Record) -> None:
        self.rows[row.key] = row
        for by, held in self._by.items():
            held.setdefault(getattr(row, by), set()).add(row.key)

    def _drop(self, row: Record) -> None:
        del self.rows[row.key]
        for by, held in self._by.items():
            held[getattr(row, by)].discard(row.key)
