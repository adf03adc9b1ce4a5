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
    """Give the clause id of a key path: section word and keys, the section's main list left out.

    A key that is no clause of its own belongs to the nearest one above it:
    `services.services.marketo.transfer.jp` is `services.marketo.transfer`.
    """
    if not path:
        return "policy"
    section, rest = str(path[0]), [str(step) for step in path[1:] if not isinstance(step, int)]
    if section == "evidence" and len(rest) > 1 and rest[0] == "clauses":
        return rest[1]
    if rest and rest[0] == MAIN_LIST.get(section):
        steps = _of_item(section, rest[1:])
    elif section == "country":
        steps = rest[:1]
    else:
        steps = rest[: _depth(section, rest)]
    return ".".join([section, *steps])


_OWN_PARTS = {
    "security": ("responsible_person", "rules", "training", "access"),
    "services": ("transfer",),
    "cookies": ("fires",),
    "collection": ("recipients", "notice", "source", "subtypes"),
}


def _of_item(section: str, rest: list[str]) -> list[str]:
    """Name an item of a main list, and the part of it that is a clause of its own."""
    if len(rest) < 2:
        return rest
    item, part, *more = rest
    if section == "collection":
        if part == "held_with":
            return [item, "recipients"]
        if part in {"collect", "purposes"}:
            named = [step for step in more if step not in {"required", "optional"}]
            return [item, named[0]] if named else [item, part]
    if section == "basis" and part == "interests" and more:
        return [item, more[0]]
    return [item, part] if part in _OWN_PARTS.get(section, ()) else [item]


_TWO_STEPS = {
    "notice": ("channels", "scripts"),
    "collection": ("fields", "purposes", "never"),
    "basis": ("purposes",),
    "policy": ("joint_controllers",),
    "retention": ("rules", "longer_by_law"),
    "rights": ("refusals",),
    "cookies": ("categories",),
    "evidence": ("roles",),
}
_ONE_STEP = {
    "policy": ("controller", "law", "title", "review_every"),
    "transfers": ("details_on_request",),
    "retention": ("ceiling", "starts", "proof"),
    "rights": ("clocks", "identity", "fee", "complaints"),
    "contact": ("mailbox", "company", "address", "department", "cases"),
    "amendment": ("default", "notice_period", "applies_to_held"),
    "cookies": ("gpc",),
    "evidence": ("accept", "drafts", "procedures"),
}


def _depth(section: str, rest: list[str]) -> int:
    if not rest:
        return 0
    if rest[0] in _TWO_STEPS.get(section, ()):
        return 2
    if section == "policy" and rest[:1] == ["controller"] and rest[1:2] in (["dpo"], ["representatives"]):
        return 2
    return 1 if rest[0] in _ONE_STEP.get(section, ()) else 0
