"""What comes in, for what, and on which basis: the sections of collection and of legal bases."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from upheld.policy.model.frozen import Text
from upheld.policy.period import Period


@dataclass(frozen=True, slots=True)
class Channel:
    """How a situation meets the person: what must be shown first, and what counts as proof."""

    id: str
    how: str
    notice: str
    receipt: str


@dataclass(frozen=True, slots=True)
class Field:
    """A datum that may be asked for. `special` names kinds of special-care data."""

    id: str
    text: Text
    kind: str
    special: tuple[str, ...]
    format: str | None
    max: int
    items: tuple[str, ...]
    screen: str | None


@dataclass(frozen=True, slots=True)
class Purpose:
    """What data is wanted for. `uses` is None where every field of the situation may be used."""

    id: str
    text: Text
    act: str
    needs: tuple[str, ...]
    uses: tuple[str, ...] | None
    parts: tuple[str, ...]
    output: str
    min_cell: int | None
    outside: bool
    decides: Mapping[str, Any] | None


@dataclass(frozen=True, slots=True)
class Stated:
    """A purpose as a situation states it; `act` narrows the purpose's own act."""

    purpose: str
    act: str


@dataclass(frozen=True, slots=True)
class Situation:
    """A way in which data comes in, with its fields and purposes: a row of the printed table."""

    id: str
    text: Text
    channel: str
    subject: str
    required: tuple[str, ...]
    optional: tuple[str, ...]
    purposes: tuple[Stated, ...]
    subtypes: Mapping[str, Text]
    obvious: tuple[str, ...]
    held_with: Text | None
    recipients: tuple[str, ...] | None
    source_ask: tuple[str, ...]
    source_category: Text | None
    if_not_given: Text | None
    given_by: str | None

    @property
    def fields(self) -> tuple[str, ...]:
        """Give the declared fields, required ones first."""
        return self.required + self.optional

    @property
    def purpose_ids(self) -> tuple[str, ...]:
        """Give the ids of the stated purposes in the order of the folder."""
        return tuple(stated.purpose for stated in self.purposes)


@dataclass(frozen=True, slots=True)
class Never:
    """Something the company promises not to do."""

    id: str
    text: Text
    things: Mapping[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class LegalBasis:
    """A legal basis: article, what proves it, the closed list of interests if it has one."""

    id: str
    text: Text
    gdpr: str
    proof: str
    interests: Mapping[str, Text]
    as_easy_as_giving: bool
    retroactive: bool


@dataclass(frozen=True, slots=True)
class When:
    """A case in which another basis holds: a situation, or a kind of person with an open relationship."""

    situation: str | None
    standing: str | None
    bases: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class PurposeBasis:
    """The basis of one purpose for each regime."""

    purpose: str
    bases: Mapping[str, str]
    interest: str | None
    statute: str | None
    statute_text: Text | None
    special: Mapping[str, str]
    when: tuple[When, ...]
    confirm: Period | None = None
