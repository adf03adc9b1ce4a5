"""The ledger against itself: every leaf hashed again, the tree rebuilt, every signature and open body checked."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import sqlalchemy as sa

from upheld.db import UpheldError
from upheld.ledger import store
from upheld.ledger.model import BodySealer, LedgerFinding
from upheld.ledger.note import Checkpoint, Signer, open_note
from upheld.ledger.rules import commitment, origin_parts
from upheld.ledger.tree import HASH, TILE, Frontier, TileTree, full_root, leaf_hash, split
from upheld.ledger.vocabulary import KINDS

_STEP = 2048
_FROM_HERE_ON = frozenset({"checkpoint_root", "head_root"})
_EXACT = frozenset({"leaf_changed", "leaf_unreadable", "gap"})
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
    rebuilt = Rebuilt(tx, checkpoints, since)
    findings += rebuilt.walk(sealer)
    findings += rebuilt.compare_tiles()
    findings += _head(head, rebuilt, checkpoints, signer)
    for row in store.raw_pending(tx):
        findings += _body(row, head.size, sealer)
    if loose := store.loose_bodies(tx):
        findings.append(LedgerFinding(head.size, "body_without_entry", f"{loose} bodies belong to no entry"))
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
    """The tree made again from the stored columns, compared on the way with tiles and checkpoints.

    With `since`, entries before the newest checkpoint at or below it are taken from the tiles, if these give the
    root that was signed.
    """

    def __init__(self, tx: sa.Connection, checkpoints: Sequence[Checkpoint], since: int) -> None:
        """Begin at the first entry, or at the newest signed size up to `since`."""
        self._tx = tx
        self._since = since
        self._signed: dict[int, set[bytes]] = {}
        for one in checkpoints:
            self._signed.setdefault(one.size, set()).add(one.root)
        self.tree, self._row = self._begun()
        self._first = self.tree.size - len(self._row)
        self.proven = self.tree.size
        self.forks: list[int] = []
        self.restored = store.count_of(tx, _RESTORED, self.tree.size)

    def _begun(self) -> tuple[Frontier, list[bytes]]:
        size = max((one for one in self._signed if one <= self._since), default=0)
        tiles = TileTree(store.tiles(self._tx), size)
        try:
            if size and {tiles.root()} == self._signed[size]:
                number, used = divmod(size, TILE)
                row = split(store.tiles(self._tx)(0, number))[:used] if used else []
                return Frontier.over(tiles, size), row
        except LookupError:
            pass  # the whole walk says which tile
        return Frontier(), []

    def walk(self, sealer: BodySealer) -> Iterator[LedgerFinding]:
        """Hash every leaf again and open every body that is kept."""
        yield from self._compare_checkpoint()
        while rows := store.raw_since(self._tx, self.tree.size, _STEP):
            for row in rows:
                at = self.tree.size
                if row.n != at:
                    yield LedgerFinding(at, "gap", "a position is empty")
                    return
                yield from self._take(row, at)
                if at >= self._since:
                    yield from _body(row, at, sealer)
                yield from self._compare_checkpoint()
        for size in self._signed:
            if size > self.tree.size:
                yield LedgerFinding(self.tree.size, "shorter_than_signed", f"{size} entries were signed")

    def _take(self, row: store.AnyRow, at: int) -> Iterator[LedgerFinding]:
        try:
            hashed = leaf_hash(store.leaf_of_row(row))
        except ValueError:
            yield LedgerFinding(at, "leaf_unreadable", "a stored word of the entry cannot be read")
            hashed = bytes(HASH)
        self.tree.add(hashed)
        self._row.append(hashed)
        if row.kind == _RESTORED.number:
            self.forks.append(at)
            self.restored += 1

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
        """Compare stored tiles with those the entries give; the position is the first leaf below a difference."""
        begun = self._first // TILE
        wanted: dict[tuple[int, int], list[bytes]] = {}
        level, row = 0, self._row
        while row:
            first = begun if level == 0 else 0
            parts = [row[at : at + TILE] for at in range(0, len(row), TILE)]
            wanted.update({(level, number): part for number, part in enumerate(parts, first)})
            row = [] if begun else [full_root(part) for part in parts if len(part) == TILE]
            level += 1
        for at_level, number, hashes in store.all_tiles(self._tx, begun):
            if begun and 0 < at_level < _LEVELS and number >= 0:
                continue  # the root is compared over them
            ours, theirs = wanted.pop((at_level, number), []), split(hashes)
            if ours == theirs:
                continue
            same = next((i for i, pair in enumerate(zip(ours, theirs, strict=False)) if pair[0] != pair[1]), None)
            offset = min(len(ours), len(theirs)) if same is None else same
            first = (number * TILE + offset) * TILE**at_level if 0 <= at_level < _LEVELS else 0
            told = LedgerFinding(max(first, 0), "leaf_changed", f"entry and tile {at_level}/{number} differ")
            yield told if ours else replace(told, code="tile_unknown")
        for at_level, number in wanted:
            yield LedgerFinding(number * TILE ** (at_level + 1), "tile_missing", f"tile {at_level}/{number}")


def _body(row: store.AnyRow, at: int, sealer: BodySealer) -> Iterator[LedgerFinding]:
    """Check that a body which is still kept is the one committed to; one that is gone is no finding."""
    if row.sealed is None:
        return
    try:
        opened = sealer.open_body(row.id, row.subject, row.shred_class, row.sealed)
    except (ValueError, UpheldError):
        yield LedgerFinding(at, "body_changed", "the sealed body was changed")
        return
    if opened is None:
        yield LedgerFinding(at, "body_without_key", "a body is kept whose key is gone: half an erasure, or changed")
    elif commitment(*opened) != row.b:
        yield LedgerFinding(at, "body_changed", "the body is not the one the entry was made with")
