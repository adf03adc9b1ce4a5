"""The values of law: when something holds, where it is written, and what a rule says.

A rule's `value` is plain data, frozen on loading: mappings that refuse to change, tuples for lists.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from types import MappingProxyType
from typing import Any

EMPTY: Mapping[str, Any] = MappingProxyType({})


class LawError(ValueError):
    """The law data cannot be read; the message names the file and what is wrong with it."""


def freeze(value: Any) -> Any:
    """Turn decoded JSON into a value that nobody can change."""
    if isinstance(value, dict):
        return MappingProxyType({key: freeze(item) for key, item in value.items()})
    if isinstance(value, list):
        return tuple(freeze(item) for item in value)
    return value


def plain(value: Any) -> Any:
    """Turn a frozen value back into dicts and lists, for JSON."""
    if isinstance(value, Mapping):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, tuple):
        return [plain(item) for item in value]
    return value


def day(text: str | None) -> date | None:
    """Read `YYYY-MM-DD`, or nothing."""
    return date.fromisoformat(text) if text else None


@dataclass(frozen=True, slots=True)
class InForce:
    """The days on which something holds, both ends included.

    Without `start` the day is not known, so it holds on no day; without `end` it goes on.
    """

    start: date | None
    end: date | None

    def holds(self, on: date) -> bool:
        """Say whether it holds on that day."""
        return self.start is not None and self.start <= on and (self.end is None or on <= self.end)

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> InForce:
        """Read `from` with `to` or `until`; raises ValueError for a date that is none."""
        return cls(day(data["from"]), day(data["until"] if "until" in data else data.get("to")))

    def __str__(self) -> str:
        return f"{self.start or 'not yet'} – {self.end}" if self.end else f"{self.start or 'not yet'} –"


@dataclass(frozen=True, slots=True)
class Reference:
    """Where a rule is written: the act by its short name, the article, an address to read it."""

    act: str
    article: str
    url: str | None = None

    @property
    def citation(self) -> str:
        """Give it as lawyers write it: `APPI 17(1)`."""
        return f"{self.act} {self.article}".strip()

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> Reference:
        """Read a reference; a missing article means the whole act."""
        return cls(data["act"], data.get("article") or "", data.get("url"))


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule of one pack: what it says (`value`), since when, where it is written, how sure we are.

    `mark` is `seen` where the text or a named rendering was read, else `to_check`.
    """

    id: str
    pack: str
    regime: str
    reference: Reference
    in_force: InForce
    mark: str
    value: Mapping[str, Any] = field(hash=False)

    @property
    def citation(self) -> str:
        """Give the place of the rule: `APPI 17(1)`."""
        return self.reference.citation

    def words(self, key: str) -> tuple[str, ...]:
        """Give a list of words under a key; a mapping gives its keys, nothing gives no words."""
        found = self.value.get(key)
        if found is None:
            return ()
        return (found,) if isinstance(found, str) else tuple(str(item) for item in found)

    def number(self, key: str) -> int | None:
        """Give a whole number under a key, or None."""
        found = self.value.get(key)
        return found if isinstance(found, int) and not isinstance(found, bool) else None

    def text(self, key: str) -> str | None:
        """Give one word under a key, or None."""
        found = self.value.get(key)
        return found if isinstance(found, str) else None

    def table(self, key: str) -> Mapping[str, Any]:
        """Give the mapping under a key; empty where there is none."""
        found = self.value.get(key)
        return found if isinstance(found, Mapping) else EMPTY


@dataclass(frozen=True, slots=True)
class Pack:
    """A set of rules under one regime, in force as a whole between two days.

    `status` is `in_force`, `enacted` (a day is set or bounded) or `proposed` (no day).
    """

    id: str
    regime: str
    title: Mapping[str, str] = field(hash=False)
    status: str
    in_force: InForce
    rules: tuple[Rule, ...]


@dataclass(frozen=True, slots=True)
class Statute:
    """A law that a policy may name as a duty to handle or to keep data.

    `jurisdiction` is `EU` or a country; `part` the part of the country that made it.
    """

    id: str
    jurisdiction: str
    part: str | None
    title: Mapping[str, str] = field(hash=False)
    reference: Reference
    mark: str

    def title_in(self, lang: str) -> str:
        """Give its title in a language, in English where it has none."""
        return self.title.get(lang) or self.title["en"]
