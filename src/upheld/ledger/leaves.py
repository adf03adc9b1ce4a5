"""Entries as they are stored: waiting ones as rows, placed ones as leaves in bundles of 256, bodies beside them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import NamedTuple

import sqlalchemy as sa

from upheld.db import Hot, rows, rows_among
from upheld.ledger.model import Entry, EntryId
from upheld.ledger.rules import leaf_id, leaf_ids, pack, read_leaf, unpack
from upheld.ledger.store import AnyRow, body, bundle
from upheld.ledger.tree import TILE
from upheld.ledger.vocabulary import KINDS, Kind

_BY_ID = "SELECT id, leaf FROM ledger_pending WHERE id"
_SIDE = "SELECT entry, subject, class, sealed FROM ledger_body WHERE entry"
_WAITING = "SELECT id, leaf FROM ledger_pending ORDER BY id"
_WITH_TILES = """SELECT b.number, b.lowest, b.highest, b.leaves, t.hashes FROM ledger_bundle b
 LEFT JOIN ledger_tile t ON t.level = 0 AND t.number = b.number WHERE b.number >= ? ORDER BY b.number LIMIT ?"""
_PAGE = 16
_NEAR = 2
"""An entry stands in the first bundle that reaches its id, or in the next; one that was committed late may not."""


class Side(NamedTuple):
    """The sealed body of an entry, while it is kept."""

    subject: bytes | None
    shred_class: str
    sealed: bytes


class Stored(NamedTuple):
    """An entry as it lies in the store, its leaf unread; `n` is None while it waits."""

    id: bytes
    n: int | None
    leaf: bytes
    side: Side | None

    def entry(self) -> Entry:
        """Read it; raises ValueError when the leaf is none."""
        entry_id, kind, clause, version, actor, b = read_leaf(self.leaf)
        known = KINDS.get(kind)
        if known is None or entry_id != self.id:
            raise ValueError("a stored leaf cannot be read")
        subject, shred_class = (None, None) if self.side is None else self.side[:2]
        return Entry(EntryId(entry_id), self.n, known, clause, version, actor, b, subject, shred_class)


# whole stretches


def bundles(tx: sa.Connection, number: int = 0) -> Iterator[AnyRow]:
    """Stream stored bundles from a number on, a few at a time."""
    while True:
        query = sa.select(bundle).where(bundle.c.number >= number).order_by(bundle.c.number).limit(_PAGE)
        page = tx.execute(query).all()
        yield from page
        if len(page) < _PAGE:
            return
        number = page[-1].number + 1


def bundles_with_tiles(tx: sa.Connection, number: int) -> Iterator[tuple[int, bytes, bytes, bytes, bytes]]:
    """Stream (number, lowest id, highest id, leaves, hashes of its tile or nothing) from a bundle on, a few at a time."""
    while page := rows(tx, _WITH_TILES, (number, _PAGE), large=True):
        yield from ((*row[:4], row[4] or b"") for row in page)
        number = page[-1][0] + 1


def placed(tx: sa.Connection, n: int = 0, kinds: Collection[Kind] = ()) -> Iterator[tuple[int, bytes]]:
    """Stream (position, leaf) from position `n` on; of `kinds` only, if any are named."""
    for row in bundles(tx, n // TILE):
        yield from of_kinds(row.number * TILE, row.leaves, n, kinds)


def of_kinds(first: int, packed: bytes, n: int, kinds: Collection[Kind]) -> Iterator[tuple[int, bytes]]:
    """Give (position, leaf) of a bundle that begins at `first`, from `n` on; of `kinds` only, if any are named."""
    marks = [_mark(kind) for kind in kinds]
    if marks and not any(mark in packed for mark in marks):
        return
    for at, leaf in enumerate(unpack(packed), first):
        if at >= n and (not marks or _is_of(leaf, marks)):
            yield at, leaf


def _mark(kind: Kind) -> bytes:
    return f'","{kind.name}","'.encode()


def _is_of(leaf: bytes, marks: Iterable[bytes]) -> bool:
    return any(leaf.startswith(mark, 29) for mark in marks)


def waiting(tx: sa.Connection, limit: int | None = None, kinds: Collection[Kind] = ()) -> list[tuple[bytes, bytes]]:
    """List (id, leaf) of entries without a position, oldest first."""
    found = rows(tx, _WAITING, large=True) if limit is None else rows(tx, f"{_WAITING} LIMIT ?", (limit,), large=True)
    marks = [_mark(kind) for kind in kinds]
    return [(one, leaf) for one, leaf in found if not marks or _is_of(leaf, marks)]


def whole(tx: sa.Connection, n: int, kinds: Collection[Kind] = ()) -> Iterator[Stored]:
    """Stream entries from position `n` on with their bodies, in order."""
    stream = placed(tx, n, kinds)
    while part := list(islice(stream, TILE)):
        yield from _with_bodies(tx, [(leaf_id(leaf), at, leaf) for at, leaf in part])


def whole_waiting(tx: sa.Connection, kinds: Collection[Kind] = ()) -> list[Stored]:
    """List entries without a position with their bodies."""
    return _with_bodies(tx, [(one, None, leaf) for one, leaf in waiting(tx, None, kinds)])


def _with_bodies(tx: sa.Connection, found: Sequence[tuple[bytes, int | None, bytes]]) -> list[Stored]:
    of = sides(tx, [one for one, _, _ in found])
    return [Stored(one, n, leaf, of.get(one)) for one, n, leaf in found]


def sides(tx: sa.Connection, ids: Sequence[bytes]) -> dict[bytes, Side]:
    """Give the bodies that are kept of some entries."""
    return {row[0]: Side(*row[1:]) for row in rows_among(tx, _SIDE, ids)}


def since(tx: sa.Connection, n: int, limit: int, kinds: Collection[Kind] = ()) -> list[Entry]:
    """List entries from position `n` on, in order; of `kinds` only, if any are named."""
    part = [(leaf_id(leaf), at, leaf) for at, leaf in islice(placed(tx, n, kinds), limit)]
    return [one.entry() for one in _with_bodies(tx, part)]


# single entries


def find(tx: sa.Connection, ids: Iterable[bytes]) -> dict[bytes, tuple[int | None, bytes]]:
    """Give (position, leaf) of each entry there is; each bundle is read about once, however many are asked for."""
    wanted = sorted(set(ids))
    found: dict[bytes, tuple[int | None, bytes]] = {}
    for row in rows_among(tx, _BY_ID, wanted):
        found[row[0]] = (None, row[1])
    left = set(wanted) - found.keys()
    for one in wanted:
        if one in left:
            left.discard(one)
            found |= _in_bundles(tx, one, left)
    return found


def _in_bundles(tx: sa.Connection, one: bytes, also: set[bytes]) -> dict[bytes, tuple[int | None, bytes]]:
    """Look for an entry in the bundles that may hold it, and take others that are wanted out of the same ones."""
    reached = sa.select(bundle.c.number, bundle.c.lowest, bundle.c.leaves).where(bundle.c.highest >= one)
    near = tx.execute(reached.order_by(bundle.c.highest).limit(_NEAR)).all()
    found: dict[bytes, tuple[int | None, bytes]] = {}
    for row in near:
        found |= _taken(row, one, also)
        if one in found:
            return found
    if len(near) == _NEAR:
        for row in tx.execute(reached.where(bundle.c.lowest <= one)):
            found |= _taken(row, one, also)
    return found


def _taken(row: AnyRow, one: bytes, also: set[bytes]) -> dict[bytes, tuple[int | None, bytes]]:
    if row.lowest > one:
        return {}
    leaves = unpack(row.leaves)
    there = dict(zip(leaf_ids(leaves), enumerate(leaves, row.number * TILE), strict=True))
    hits = {one, *also} & there.keys()
    also -= hits
    return {hit: there[hit] for hit in hits}


def one(tx: sa.Connection, entry_id: bytes) -> Entry | None:
    """Find an entry by id."""
    return next(iter(many(tx, [entry_id])), None)


def many(tx: sa.Connection, ids: Iterable[bytes]) -> list[Entry]:
    """List the entries of some ids, oldest first; those that do not exist are left out."""
    found = sorted(find(tx, ids).items())
    return [stored.entry() for stored in _with_bodies(tx, [(one, n, leaf) for one, (n, leaf) in found])]


def of_subject(tx: sa.Connection, subject: bytes) -> list[Entry]:
    """List the entries whose kept body is about a subject, oldest first."""
    return many(tx, tx.execute(sa.select(body.c.entry).where(body.c.subject == subject)).scalars())


def missing(tx: sa.Connection, ids: Iterable[bytes]) -> int:
    """Count the ids that no entry has."""
    count, stream = 0, iter(ids)
    while part := set(islice(stream, 64 * TILE)):
        count += len(part - find(tx, part).keys())
    return count


def newest_of(tx: sa.Connection, kind: Kind) -> bytes | None:
    """Give the id of the newest entry of a kind, read backwards from the end."""
    late = waiting(tx, None, [kind])
    number = None if late else tx.execute(sa.select(sa.func.max(bundle.c.number))).scalar()
    while number is not None and number >= 0:
        packed = tx.execute(sa.select(bundle.c.leaves).where(bundle.c.number == number)).scalar() or b""
        if here := list(of_kinds(0, packed, 0, [kind])):
            return max(leaf_id(leaf) for _, leaf in here)
        number -= 1
    return late[-1][0] if late else None


def told_since(tx: sa.Connection, n: int, kinds: Collection[Kind]) -> list[tuple[bytes, bytes]]:
    """List (id, leaf) of entries of these kinds at or behind position `n`, or without a position."""
    behind = [(leaf_id(leaf), leaf) for _, leaf in placed(tx, n, kinds)]
    return behind + waiting(tx, None, kinds)


def last(hot: Hot, count: int) -> list[tuple[bytes, bytes]]:
    """Give (id, leaf) of the last entries, newest first; for hot paths."""
    found = [row[0] for row in hot.rows("SELECT leaf FROM ledger_pending ORDER BY id DESC LIMIT ?", (count,))]
    if len(found) < count:
        most = (count - len(found)) // TILE + 2
        for (packed,) in hot.rows("SELECT leaves FROM ledger_bundle ORDER BY number DESC LIMIT ?", (most,)):
            found += reversed(unpack(packed))
    found = found[:count]
    return list(zip(leaf_ids(found), found, strict=True))


# placing


def grow_bundles(
    tx: sa.Connection, size: int, found: Sequence[tuple[bytes, bytes]]
) -> Mapping[int, tuple[bytes, bytes, bytes]]:
    """Give the bundles that change when entries (id, leaf) follow a log of `size`; raises LookupError on a short one."""
    number, used = divmod(size, TILE)
    lowest = highest = begun = b""
    if used:
        row = tx.execute(sa.select(bundle).where(bundle.c.number == number)).first()
        if row is None or len(unpack(row.leaves)) != used:
            raise LookupError(f"bundle {number} is short")
        lowest, highest, begun = row.lowest, row.highest, row.leaves
    changed: dict[int, tuple[bytes, bytes, bytes]] = {}
    at = 0
    while at < len(found):
        part = found[at : at + TILE - used]
        ids = [one for one, _ in part] + ([lowest, highest] if used else [])
        changed[number] = (min(ids), max(ids), begun + pack(leaf for _, leaf in part))
        at, number, used, begun = at + len(part), number + 1, 0, b""
    return changed
