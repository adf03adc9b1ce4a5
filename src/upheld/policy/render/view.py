"""View: everything a page prints, in order, as frozen values without markup; HTML and PDF are made from the same view.

A `mark` names what a printed thing is: ("purpose", "analyse") becomes `data-purpose="analyse"`. An `id` is a
clause id. Both are the same in every language, texts are in one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

Mark: TypeAlias = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Run:
    """A stretch of text; with `href` it is a link."""

    text: str
    href: str = ""


Runs: TypeAlias = tuple[Run, ...]


@dataclass(frozen=True, slots=True)
class Prose:
    """A paragraph (`p`, one item) or a list (`ul`)."""

    kind: str
    items: tuple[Runs, ...]


@dataclass(frozen=True, slots=True)
class Part:
    """One printed fact of a cell or a line. `badge` stands before it, `notes` are small print after it.

    `uses` names the fields a purpose is limited to where a situation collects more; None means all of them.
    """

    runs: Runs
    mark: Mark | None = None
    id: str = ""
    badge: str = ""
    notes: tuple[str, ...] = ()
    href: str = ""
    uses: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell of a table; several parts are a list."""

    parts: tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class Row:
    """A row of a table; its first cell is its heading."""

    cells: tuple[Cell, ...]
    id: str = ""
    mark: Mark | None = None


@dataclass(frozen=True, slots=True)
class Table:
    """A captioned table."""

    caption: str
    heads: tuple[str, ...]
    rows: tuple[Row, ...]
    id: str = ""
    kind: str = "table"


@dataclass(frozen=True, slots=True)
class Fact:
    """A labelled value."""

    label: str
    parts: tuple[Part, ...]
    id: str = ""
    mark: Mark | None = None


@dataclass(frozen=True, slots=True)
class Facts:
    """Labelled values under one another."""

    caption: str
    items: tuple[Fact, ...]
    id: str = ""
    kind: str = "facts"


@dataclass(frozen=True, slots=True)
class Item:
    """A clause in a list, with clauses of its own below it."""

    prose: tuple[Prose, ...]
    id: str = ""
    mark: Mark | None = None
    title: str = ""
    notes: tuple[str, ...] = ()
    items: tuple[Item, ...] = ()


@dataclass(frozen=True, slots=True)
class Items:
    """A list of clauses."""

    caption: str
    items: tuple[Item, ...]
    id: str = ""
    kind: str = "items"


Block: TypeAlias = Table | Facts | Items


@dataclass(frozen=True, slots=True)
class Section:
    """One section of the policy; `number` is its place on the page, counted, never stored."""

    id: str
    number: int
    title: str
    prose: tuple[Prose, ...]
    blocks: tuple[Block, ...]


@dataclass(frozen=True, slots=True)
class Card:
    """One answer of the first layer; `clause` is the section that says more."""

    id: str
    title: str
    parts: tuple[Part, ...]
    clause: str


@dataclass(frozen=True, slots=True)
class PageView:
    """A whole policy in one language."""

    id: str
    lang: str
    languages: tuple[str, ...]
    version: str
    promise_hash: str
    title: str
    controller: str
    cards: tuple[Card, ...]
    sections: tuple[Section, ...]


def text_of(runs: Runs) -> str:
    """Give runs as plain text."""
    return "".join(run.text for run in runs)
