"""The ledger against itself: every leaf hashed again, the tree rebuilt, every signature and open body checked."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import sqlalchemy as sa

from upheld.ledger import store
from upheld.ledger.model import BodySealer, Entry, LedgerFinding
from upheld.ledger.note import open_note
from upheld.ledger.rules import commitment, leaf_bytes
from upheld.ledger.tree import HASH, TILE, Frontier, TileTree, full_root, leaf_hash, split

_STEP = 2048
_FROM_HERE_ON = frozenset({"checkpoint_root", "head_root"})
_EXACT = frozenset({"leaf_changed", "leaf_unreadable", "gap"})


def contradiction(tx: sa.Connection) -> str | None:
    """Say in a word how tiles, head and newest checkpoint contradict each other; None when they agree."""
    head = tx.execute(sa.select(store.head)).one()
    tree = TileTree(store.tiles(tx), head.size)
    cp = store.checkpoint.c
    query = sa.select(cp.size, cp.root).where(cp.origin == head.origin).order_by(cp.size.desc())
    signed = tx.execute(query.limit(1)).first()
    try:
        if tree.root() != head.root:
            return "tiles_and_head"
        if signed is not None and signed.size > head.size:
            return "shorter_than_signed"
        if signed is not None and tree.root(signed.size) != signed.root:
            return "tiles_and_checkpoint"
    except LookupError:
        return "tiles_missing"
    return None


def verify(tx: sa.Connection, vkeys: Sequence[str], sealer: BodySealer, since: int) -> list[LedgerFinding]:
    """Collect every contradiction, by position."""
    head = tx.execute(sa.select(store.head)).one()
    rebuilt = _Rebuilt(tx, head.size)
    findings = list(rebuilt.walk(sealer, since))
    findings += rebuilt.compare_tiles(tx)
    if rebuilt.tree.size != head.size:
        findings.append(LedgerFinding(rebuilt.tree.size, "size", "entries and head differ in number"))
    elif rebuilt.tree.root() != head.root:
        findings.append(LedgerFinding(rebuilt.proven, "head_root", "the entries do not give the head's root"))
    findings += _bodies_of_pending(tx, sealer)
    findings += _signatures(tx, vkeys)
    return sorted({_narrowed(one, findings) for one in findings})


def _narrowed(finding: LedgerFinding, others: Sequence[LedgerFinding]) -> LedgerFinding:
    """Move a finding that only knows where agreement ended to the first place behind it that is known exactly."""
    if finding.code not in _FROM_HERE_ON:
        return finding
    exact = [one.position for one in others if one.code in _EXACT and one.position >= finding.position]
    return replace(finding, position=min(exact, default=finding.position))


class _Rebuilt:
    """The tree made again from the stored columns, compared on the way with tiles and checkpoints."""

    def __init__(self, tx: sa.Connection, head_size: int) -> None:
        self._tx = tx
        self._head_size = head_size
        self.tree = Frontier()
        self.proven = 0
        self._row: list[bytes] = []
        self._full: dict[tuple[int, int], bytes] = {}
        rows = tx.execute(sa.select(store.checkpoint.c.size, store.checkpoint.c.root))
        self._signed = {row.size: row.root for row in rows}

    def walk(self, sealer: BodySealer, since: int) -> Iterator[LedgerFinding]:
        yield from self._compare_checkpoint()
        while rows := store.raw_since(self._tx, self.tree.size, _STEP):
            for row in rows:
                at = self.tree.size
                if row.n != at:
                    yield LedgerFinding(at, "gap", "a position is empty")
                    return
                hashed = _hash(row)
                if hashed is None:
                    yield LedgerFinding(at, "leaf_unreadable", "a stored word of the entry cannot be read")
                    hashed = bytes(HASH)
                self.tree.add(hashed)
                self._row.append(hashed)
                if at >= since:
                    yield from _body(self._tx, row.id, row.b, at, sealer)
                yield from self._compare_checkpoint()
        for size in self._signed:
            if size > self.tree.size:
                yield LedgerFinding(self.tree.size, "shorter_than_signed", f"{size} entries were signed")

    def _compare_checkpoint(self) -> Iterator[LedgerFinding]:
        signed = self._signed.get(self.tree.size)
        if signed is None:
            return
        if signed == self.tree.root():
            self.proven = self.tree.size
        else:
            where = f"entries {self.proven} to {self.tree.size - 1} do not give the signed root"
            yield LedgerFinding(self.proven, "checkpoint_root", where)

    def compare_tiles(self, tx: sa.Connection) -> Iterator[LedgerFinding]:
        """Compare every stored tile with the one the entries give; the position is the first leaf below it."""
        wanted: dict[tuple[int, int], list[bytes]] = {}
        level, row = 0, self._row
        while row:
            parts = [row[at : at + TILE] for at in range(0, len(row), TILE)]
            wanted.update({(level, number): part for number, part in enumerate(parts)})
            row = [full_root(part) for part in parts if len(part) == TILE]
            level += 1
        for at_level, number, hashes in store.all_tiles(tx):
            ours, theirs = wanted.pop((at_level, number), []), split(hashes)
            if ours == theirs:
                continue
            same = next((i for i, pair in enumerate(zip(ours, theirs, strict=False)) if pair[0] != pair[1]), None)
            offset = min(len(ours), len(theirs)) if same is None else same
            first = (number * TILE + offset) * TILE**at_level
            yield LedgerFinding(first, "leaf_changed", f"entry and tile {at_level}/{number} differ")
        for at_level, number in wanted:
            yield LedgerFinding(number * TILE ** (at_level + 1), "tile_missing", f"tile {at_level}/{number}")


def _hash(row: store.AnyRow) -> bytes | None:
    try:
        entry: Entry = store.read_entry(row)
    except ValueError:
        return None
    words = (entry.kind.name, entry.clause, entry.policy_version, entry.actor)
    return leaf_hash(leaf_bytes(entry.id, *words, entry.b))


def _body(tx: sa.Connection, entry_id: bytes, b: bytes, at: int, sealer: BodySealer) -> Iterator[LedgerFinding]:
    """Check that a body which is still kept is the one committed to; an erased one is no finding."""
    kept = store.sealed_body(tx, entry_id)
    if kept is None:
        return
    try:
        opened = sealer.open_body(entry_id, *kept)
    except ValueError:
        yield LedgerFinding(at, "body_changed", "the sealed body was changed")
        return
    if opened is not None and commitment(*opened) != b:
        yield LedgerFinding(at, "body_changed", "the body is not the one the entry was made with")


def _bodies_of_pending(tx: sa.Connection, sealer: BodySealer) -> Iterator[LedgerFinding]:
    size = tx.execute(sa.select(store.head.c.size)).scalar_one()
    query = sa.select(store.entry.c.id, store.entry.c.b).where(store.entry.c.n.is_(None))
    for row in tx.execute(query).all():
        yield from _body(tx, row.id, row.b, size, sealer)


def _signatures(tx: sa.Connection, vkeys: Sequence[str]) -> Iterator[LedgerFinding]:
    for row in tx.execute(sa.select(store.checkpoint)).all():
        try:
            told = open_note(row.note, vkeys)
        except ValueError as error:
            yield LedgerFinding(row.size, "checkpoint_signature", str(error))
            continue
        if (told.origin, told.size, told.root) != (row.origin, row.size, row.root):
            yield LedgerFinding(row.size, "checkpoint_row", "the note and its row differ")
