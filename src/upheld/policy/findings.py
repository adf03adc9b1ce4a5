"""Findings: what the compiler has to say about a policy, as values.

A check never raises and never stops at the first; it yields findings. Their words live in the
catalogue, by code and language; a finding holds only where and with which names.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

KeyPath: TypeAlias = tuple[str | int, ...]

MAIN_LIST = {
    "collection": "situations",
    "basis": "bases",
    "security": "measures",
    "services": "services",
    "recipients": "recipients",
    "retention": "subjects",
    "rights": "kinds",
    "amendment": "classes",
    "transfers": "mechanisms",
    "cookies": "tags",
    "statements": "statements",
}


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """Where a word stands: file relative to the folder, lines and columns from 1, end exclusive."""

    file: str
    line: int
    col: int
    end_line: int
    end_col: int


def freeze_params(params: Mapping[str, Any]) -> Mapping[str, Any]:
    """Turn lists into tuples, so that findings can be compared and told once."""
    return {name: tuple(value) if isinstance(value, list) else value for name, value in params.items()}


@dataclass(frozen=True, slots=True)
class Finding:
    """One finding: code, key path, place, the names its message needs, and the clause it belongs to.

    `path` is the key path inside the folder, section word first; empty where a file could not be read.
    """

    code: str
    path: KeyPath
    span: Span | None = None
    params: Mapping[str, Any] = field(default_factory=dict)
    clause: str = ""
    severity: str = ""
    under: tuple[str, ...] = ()
    law: tuple[str, ...] = ()
    accepted: Acceptance | None = None

    def sort_key(self) -> tuple[str, int, int, str]:
        """Order findings as a reader meets them: by file, line, column, code."""
        span = self.span
        return (span.file, span.line, span.col, self.code) if span else ("", 0, 0, self.code)


@dataclass(frozen=True, slots=True)
class Acceptance:
    """Someone decided to live with a finding, by name, for a time."""

    code: str
    at: str
    reason: Mapping[str, str]
    who: str
    until: str


def clause_id(path: KeyPath) -> str:
    """Give the clause id of a key path: the section word and the keys, the section's main list left out.

    `collection.situations.event.purposes.announce` is `collection.event.announce`.
    """
    if not path:
        return "policy"
    section, rest = str(path[0]), [str(step) for step in path[1:] if not isinstance(step, int)]
    if rest and rest[0] == MAIN_LIST.get(section):
        rest = rest[1:]
        if section == "collection" and len(rest) > 1 and rest[1] in _FLAT:
            rest = _flatten(rest)
    return ".".join([section, *rest])


_FLAT = {"collect", "purposes"}


def _flatten(rest: list[str]) -> list[str]:
    """A purpose or field inside a situation hangs on the situation itself."""
    situation, group, *more = rest
    if group == "collect":
        more = [step for step in more if step not in {"required", "optional"}]
    return [situation, more[0]] if more else [situation, group]
