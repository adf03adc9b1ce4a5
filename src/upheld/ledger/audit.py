"""The ledger against itself: every leaf hashed again, the tree rebuilt, every signature and open body checked."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import replace

import sqlalchemy as sa

from upheld.db import UpheldError
from upheld.ledger import cosigned, leaves, store
from upheld.ledger.model import BodySealer, LedgerFinding
from upheld.ledger.note import Checkpoint, Signer, open_note
from upheld.ledger.rules import commitment, leaf_b, leaf_id, leaf_ids, origin_parts, unpack
from upheld.ledger.tree import HASH, TILE, Frontier, TileTree, full_root, leaf_hashes, split
from upheld.ledger.vocabulary import KINDS

_POWER = TILE.bit_length() - 1
_FROM_HERE_ON = frozenset({"checkpoint_root", "head_root"})
_EXACT = frozenset({"leaf_changed", "gap"})
_LEVELS = 8
"""More levels of tiles than any log reaches; a higher number is no level."""

_RESTORED = KINDS["ledger.restored"]


def contradiction(tx: sa.Connection, kept: Checkpoint | None = None) -> str | None:
    """Say in a word how tiles, head and newest checkpoint contradict each other; None when they agree.

    `kept` is the newest checkpoint known outside the store.
    """
    head = tx.execute(sa.select(store.head)).one()
    cp = store.checkpoint.c
    query = sa.select(cp.origin, cp.size, cp.root).where(cp.origin == head.origin).order_by(cp.size.desc())
    signed = [one for one in (tx.execute(query.limit(1)).first(), kept) if one is not None]
    tree = TileTree(store.tiles(tx), head.size)
    try:
        if tree.root() != head.root:
            return "tiles_and_head"
        for one in signed:
            if origin_parts(one.origin) > origin_parts(head.origin):
                return "shorter_than_signed"
            if one.origin != head.origin:
                continue  # the log was forked, and nothing is signed under the new origin yet
            if one.size > head.size:
                return "shorter_than_signed"
            if tree.root(one.size) != one.root:
                return "tiles_and_checkpoint"
    except LookupError:
        return "tiles_missing"
    return None


def verify(tx: sa.Connection, signer: Signer, sealer: BodySealer, since: int) -> list[LedgerFinding]:
    """Collect every contradiction, by position."""
    head = tx.execute(sa.select(store.head)).one()
    signed = list(_signed(tx, signer))
    findings = [one for one in signed if isinstance(one, LedgerFinding)]
    checkpoints = [one for one in signed if isinstance(one, Checkpoint)]
    rebuilt, bodies = Rebuilt(tx, checkpoints, since), Bodies(tx, sealer, since)
    findings += rebuilt.walk(bodies)
    findings += rebuilt.compare_tiles()
    findings += _head(head, rebuilt, checkpoints, signer)
    findings += bodies.check_waiting(head.size)
    findings += cosigned.check(tx)
    return sorted({_narrowed(one, findings) for one in findings})


def _narrowed(finding: LedgerFinding, others: Sequence[LedgerFinding]) -> LedgerFinding:
    """Move a finding that only knows where agreement ended to the first place behind it that is known exactly."""
    if finding.code not in _FROM_HERE_ON:
        return finding
    exact = [one.position for one in others if one.code in _EXACT and one.position >= finding.position]
    return replace(finding, position=min(exact, default=finding.position))


def _signed(tx: sa.Connection, signer: Signer) -> Iterator[Checkpoint | LedgerFinding]:
    """Give every stored checkpoint whose signature and row agree, and a finding for each other one.

    The key of an origin is the log's key under that name; the origin is part of what is signed.
    """
    for row in tx.execute(sa.select(store.checkpoint).order_by(store.checkpoint.c.size)).all():
        try:
            told = open_note(row.note, [replace(signer, origin=row.origin).vkey()])
        except ValueError as error:
            yield LedgerFinding(row.size, "checkpoint_signature", str(error))
            continue
        if (told.origin, told.size, told.root) != (row.origin, row.size, row.root):
            yield LedgerFinding(row.size, "checkpoint_row", "the note and its row differ")
        else:
            yield told


def _head(
    head: store.AnyRow, rebuilt: Rebuilt, checkpoints: Sequence[Checkpoint], signer: Signer
) -> Iterator[LedgerFinding]:
    """Compare the head with what the entries give: size, root, and the origins that were gone through."""
    if rebuilt.tree.size != head.size:
        yield LedgerFinding(rebuilt.tree.size, "size", "entries and head differ in number")
    elif rebuilt.tree.root() != head.root:
        yield LedgerFinding(rebuilt.proven, "head_root", "the entries do not give the head's root")
    last = max((one.origin for one in checkpoints), key=origin_parts, default=signer.origin)
    newest = max((one.size for one in checkpoints), default=0)
    origins = {last, signer.origin} if any(n >= newest for n in rebuilt.forks) else {last}
    if head.origin not in origins:
        yield LedgerFinding(head.size, "head_origin", "the head names an origin that signed nothing")
    if (head.id, head.epoch) != (1, rebuilt.restored + 1):
        yield LedgerFinding(head.size, "head_row", "the head's number or epoch was changed")


class Rebuilt:
    """The tree made again from the stored leaves, compared on the way with tiles and checkpoints.

    With `since`, bundles before the newest checkpoint at or below it are taken from the tiles, if these give the
    root that was signed.
    """

    def __init__(self, tx: sa.Connection, checkpoints: Sequence[Checkpoint], since: int) -> None:
        """Begin at the first entry, or at the bundle of the newest signed size up to `since`."""
        self._tx = tx
        self._since = since
        self._signed: dict[int, set[bytes]] = {}
        for one in checkpoints:
            self._signed.setdefault(one.size, set()).add(one.root)
        self._sizes = sorted(self._signed)
        self._fetch = store.tiles(tx)
        self.tree = self._begun()
        self._first = self.tree.size // TILE
        self._above = b""
        self.proven = self.tree.size
        self.forks: list[int] = []
        self.restored = sum(at < self.tree.size for at, _ in leaves.placed(tx, 0, [_RESTORED])) if self._first else 0

    def _begun(self) -> Frontier:
        size = max((one for one in self._signed if one <= self._since), default=0)
        tiles = TileTree(self._fetch, size)
        try:
            if size and {tiles.root()} == self._signed[size]:
                return Frontier.over(tiles, size // TILE * TILE)
        except LookupError:
            pass  # the whole walk says which tile
        return Frontier()

    def walk(self, bodies: Bodies) -> Iterator[LedgerFinding]:
        """Hash every leaf again and open every body that is kept."""
        yield from self._compare_checkpoint()
        number = self._first
        for found_number, lowest, highest, packed, tile in leaves.bundles_with_tiles(self._tx, number):
            if found_number != number or self.tree.size != number * TILE:
                yield LedgerFinding(self.tree.size, "gap", "a position is empty")
                return
            yield from self._take(number, (lowest, highest), packed, tile, bodies)
            number += 1
        for size in self._sizes:
            if size > self.tree.size:
                yield LedgerFinding(self.tree.size, "shorter_than_signed", f"{size} entries were signed")

    def _take(
        self, number: int, ends: tuple[bytes, bytes], packed: bytes, tile: bytes, bodies: Bodies
    ) -> Iterator[LedgerFinding]:
        first, found = self.tree.size, unpack(packed)
        hashed = leaf_hashes(found)
        ids = leaf_ids(found)
        told = _differs(number, hashed, tile)
        if told is not None:
            yield told
        elif len(found) > TILE:
            yield LedgerFinding(first + TILE, "leaf_changed", f"bundle {number} holds too much")
        elif not found or ends != (min(ids), max(ids)):
            yield LedgerFinding(first, "bundle_row", f"bundle {number} and its row differ")
        for at, _ in leaves.of_kinds(first, packed, 0, [_RESTORED]):
            self.forks.append(at)
            self.restored += 1
        yield from self._grow(hashed)
        yield from bodies.check(first, found, ids)

    def _grow(self, hashed: bytes) -> Iterator[LedgerFinding]:
        """Let the tree grow by a bundle: by its root, where no checkpoint was signed inside it."""
        end = self.tree.size + len(hashed) // HASH
        if len(hashed) == TILE * HASH:
            root = full_root(hashed)
            self._above += root
            if bisect_right(self._sizes, self.tree.size) == bisect_left(self._sizes, end):
                self.tree.add(root, _POWER)
                yield from self._compare_checkpoint()
                return
        for at in range(0, len(hashed), HASH):
            self.tree.add(hashed[at : at + HASH])
            yield from self._compare_checkpoint()

    def _compare_checkpoint(self) -> Iterator[LedgerFinding]:
        signed = self._signed.get(self.tree.size)
        if signed is None:
            return
        if signed == {self.tree.root()}:
            self.proven = self.tree.size
        else:
            where = f"entries {self.proven} to {self.tree.size - 1} do not give the signed root"
            yield LedgerFinding(self.proven, "checkpoint_root", where)

    def compare_tiles(self) -> Iterator[LedgerFinding]:
        """Compare the stored tiles above the leaves with those the entries give, and find tiles that belong nowhere."""
        wanted: dict[tuple[int, int], bytes] = {}
        level, row = 1, b"" if self._first else self._above
        while row:
            parts = [row[at : at + TILE * HASH] for at in range(0, len(row), TILE * HASH)]
            wanted.update({(level, number): part for number, part in enumerate(parts)})
            row = b"".join([full_root(part) for part in parts if len(part) == TILE * HASH])
            level += 1
        last = -(-self.tree.size // TILE)
        for at_level, number, hashes in store.other_tiles(self._tx, last):
            if self._first and 0 < at_level < _LEVELS and number >= 0:
                continue  # the root is compared over them
            told = _differs(number, wanted.pop((at_level, number), b""), hashes, at_level)
            if told is not None:
                yield told
        for at_level, number in wanted:
            yield LedgerFinding(number * TILE ** (at_level + 1), "tile_missing", f"tile {at_level}/{number}")


def _differs(number: int, ours: bytes, theirs: bytes, level: int = 0) -> LedgerFinding | None:
    """Compare a tile with the hashes that the entries give; the position is the first leaf below a difference."""
    if ours == theirs:
        return None
    if not theirs:
        return LedgerFinding(number * TILE ** (level + 1), "tile_missing", f"tile {level}/{number}")
    pairs = zip(split(ours), split(theirs), strict=False)
    offset = next((at for at, pair in enumerate(pairs) if pair[0] != pair[1]), min(len(ours), len(theirs)) // HASH)
    first = (number * TILE + offset) * TILE**level if 0 <= level < _LEVELS else 0
    told = LedgerFinding(max(first, 0), "leaf_changed", f"entry and tile {level}/{number} differ")
    return told if ours else replace(told, code="tile_unknown")


class Bodies:
    """Checks that each body which is still kept is the one its entry commits to, and that none is without an entry."""

    def __init__(self, tx: sa.Connection, sealer: BodySealer, since: int) -> None:
        """Open bodies from position `since` on."""
        self._tx = tx
        self._sealer = sealer
        self._since = since
        self._lowest: bytes | None = None
        self._met = 0
        self._any = store.count_bodies(tx, None) > 0

    def check(self, first: int, found: Sequence[bytes], ids: Sequence[bytes]) -> Iterator[LedgerFinding]:
        """Open the bodies of leaves that stand from position `first` on, as far as they are kept."""
        if not self._any:
            return
        if self._lowest is None:
            self._lowest = min(ids) if first else b""
        kept = leaves.sides(self._tx, ids)
        self._met += sum(one >= self._lowest for one in kept)
        for at, (one, leaf) in enumerate(zip(ids, found, strict=True), first):
            if one in kept and at >= self._since:
                yield from self._open(one, kept[one], leaf, at)

    def check_waiting(self, size: int) -> Iterator[LedgerFinding]:
        """Open the bodies of entries without a position, then look for bodies without an entry."""
        late = leaves.whole_waiting(self._tx)
        for one in late:
            if leaf_id(one.leaf) != one.id:
                yield LedgerFinding(size, "leaf_changed", "an entry that waits was changed")
            elif one.side is not None:
                yield from self._open(one.id, one.side, one.leaf, size)
        lowest = self._lowest or b""
        met = self._met + sum(one.side is not None and one.id >= lowest for one in late)
        if met != store.count_bodies(self._tx, lowest):
            loose = leaves.missing(self._tx, store.body_ids(self._tx, lowest))
            if loose:
                yield LedgerFinding(size, "body_without_entry", f"{loose} bodies belong to no entry")

    def _open(self, entry_id: bytes, side: leaves.Side, leaf: bytes, at: int) -> Iterator[LedgerFinding]:
        try:
            opened = self._sealer.open_body(entry_id, *side)
        except (ValueError, UpheldError):
            yield LedgerFinding(at, "body_changed", "the sealed body was changed")
            return
        if opened is None:
            yield LedgerFinding(at, "body_without_key", "a body is kept whose key is gone: half an erasure, or changed")
        elif commitment(*opened) != leaf_b(leaf):
            yield LedgerFinding(at, "body_changed", "the body is not the one the entry was made with")
