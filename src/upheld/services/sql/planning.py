"""What an erasure would do to each row found: delete, write over, let go of a reference, or leave to others."""

from __future__ import annotations

import hashlib
import secrets
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import sqlalchemy as sa

from upheld.policy.model import Frozen
from upheld.services.model import Ref
from upheld.services.sql.live import DatabaseError, Live
from upheld.services.sql.mapping import Link, order_of
from upheld.services.sql.walk import Found, Row

Key = tuple[str, tuple[object, ...]]
"""Table and key of a row."""


@dataclass(frozen=True, slots=True)
class Act:
    """One row and what is done with it.

    `orphan` deletes it unless somebody else's row still refers to it; `cut` lets go of a reference in another
    person's row. `values` is what is written over it; with `delete` only what has to be let go before.
    """

    ref: Ref
    do: Literal["delete", "mask", "orphan", "cut"]
    values: Mapping[str, Any] = field(default_factory=Frozen, repr=False, hash=False)
    code: str = ""


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything an erasure would do, in order: what refers before what is referred to."""

    acts: tuple[Act, ...]
    digest: str

    def counts(self) -> dict[str, dict[str, int]]:
        """Count rows by table and by what is done with them."""
        told: dict[str, Counter[str]] = {}
        for act in self.acts:
            told.setdefault(act.ref.store, Counter())[act.do] += 1
        return {table: dict(sorted(counter.items())) for table, counter in told.items()}


def plan_of(live: Live, found: Found) -> Plan:
    """Decide for each row; raises DatabaseError `pinned` where a row must stay and cannot be written over.

    A row that a law keeps pins what it refers to: the reference is let go if the column may be empty, else what
    it refers to stays with every personal column written over.
    Clause: services (APPI 35; GDPR 17)
    """
    acts = {key: _first(live, row) for key, row in found.items()}
    waiting = [found[key] for key, act in acts.items() if act.do in ("mask", "cut")]
    held: dict[Key, set[str]] = {}
    while waiting:
        row = waiting.pop()
        for link, key in _pins(live, found, row):
            if acts[key].do == "delete" and _may_let_go(live, link):
                mine = acts[row.ref.store, row.ref.key]
                gone = {**mine.values, **dict.fromkeys(link.columns)}
                acts[row.ref.store, row.ref.key] = replace(mine, values=Frozen(gone))
            elif acts[key].do == "delete" or key in held:
                waiting += [found[key]] if key not in held else []
                held.setdefault(key, set()).update(link.to_columns)
                blank = Frozen(_blank(live, found[key], held[key]))
                acts[key] = Act(acts[key].ref, "mask", blank, f"pinned_by_{row.ref.store}")
    needed = {key: act for key, act in acts.items() if act.do != "cut" or act.values}
    ordered = tuple(act for name in order_of(live.mapping) for act in _inside(live, found, name, needed))
    return Plan(ordered, _digest(ordered))


def _first(live: Live, row: Row) -> Act:
    """Give what the map says of a row by itself, with what has to be let go where tables refer in a ring."""
    told = live.mapping.tables[row.ref.store]
    if row.ref.owner == "other":
        return Act(row.ref, "cut")
    if told.erase == "keep":
        return Act(row.ref, "mask", told.mask, told.statute)
    if row.ref.owner == "shared":
        return Act(row.ref, "orphan")
    let_go = {
        column: None
        for link in live.mapping.links_of(told.name)
        if (told.name, link.columns) in live.mapping.broken
        for column in link.columns
    }
    return Act(row.ref, "delete", Frozen(let_go))


def _pins(live: Live, found: Found, row: Row) -> Iterator[tuple[Link, Key]]:
    for link in live.mapping.links_of(row.ref.store):
        wanted = tuple(row.values[column] for column in link.columns)
        for key, other in found.items():
            if key[0] == link.to and tuple(other.values[column] for column in link.to_columns) == wanted:
                yield link, key


def _may_let_go(live: Live, link: Link) -> bool:
    table = live.tables[link.table]
    key = live.mapping.tables[link.table].key
    return all(table.columns[column].nullable and column not in key for column in link.columns)


def _blank(live: Live, row: Row, held: set[str]) -> dict[str, Any]:
    """Give what is written over a row that has to stay: nothing where that is allowed, else what tells nothing.

    `held` are the columns by which it is referred to. Raises DatabaseError `pinned` where one of them, or of the
    key, is itself personal: the map has to say what may become of the row that refers to it.
    """
    told, table = live.mapping.tables[row.ref.store], live.tables[row.ref.store]
    blank: dict[str, Any] = {}
    for name in dict.fromkeys((*told.fields, *told.free_text, *told.identity.values())):
        column = table.columns[name]
        if name in held or name in told.key:
            if name not in told.fields and name not in told.free_text:
                continue  # a number that only means the person in here
            raise DatabaseError(f"{told.name}.{name} is personal, and what a law keeps refers to it", code="pinned")
        if column.nullable:
            blank[name] = None
        elif isinstance(column.type, sa.String):
            blank[name] = f"erased-{secrets.token_hex(6)}"[: column.type.length or 40]
        else:
            raise DatabaseError(f"{told.name}.{name} has to stay and cannot be written over", code="pinned")
    return blank


def _inside(
    live: Live, found: Found, name: str, acts: Mapping[Key, Act]
) -> Iterator[Act]:
    """Order the rows of one table that refer to each other: what refers first; a ring inside is left as it comes."""
    rows = {key: found[key] for key in acts if key[0] == name}
    own = [link for link in live.mapping.links_of(name) if link.to == name]
    left = dict(rows)
    while left:
        named = {
            tuple(row.values[column] for column in link.columns) + link.to_columns for link in own for row in left.values()
        }
        free = [
            key for key, row in left.items()
            if not any(tuple(row.values[column] for column in link.to_columns) + link.to_columns in named for link in own)
        ] or list(left)  # fmt: skip
        for key in free:
            yield acts[key]
            del left[key]


def _digest(acts: tuple[Act, ...]) -> str:
    told = hashlib.sha256()
    for act in acts:
        told.update(repr((act.ref.store, act.ref.key, act.do, sorted(act.values))).encode() + act.ref.version)
    return told.hexdigest()
