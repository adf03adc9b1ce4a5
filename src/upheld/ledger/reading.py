"""Reading and proving: entries, bodies, receipts, proofs, and the check of the whole log."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from datetime import datetime
from itertools import chain
from typing import Any

import sqlalchemy as sa

from upheld.db import Store, UpheldError, b64, parse_canonical
from upheld.ledger import audit, cosigned, leaves, store
from upheld.ledger.kept import KeptCheckpoint
from upheld.ledger.model import (
    BodyErasedError,
    BodySealer,
    Entry,
    EntryUnknownError,
    LedgerFinding,
    LedgerHealth,
    Mark,
    NotIntegratedError,
    Receipt,
)
from upheld.ledger.note import Checkpoint, Signer
from upheld.ledger.rules import leaf_bytes, read_leaf
from upheld.ledger.tree import TileTree
from upheld.ledger.vocabulary import kind_of

Check = Callable[[sa.Connection, int], Iterable[LedgerFinding]]


class Reading:
    """What can be asked of a log without changing it; `tx` joins a transaction already open."""

    def __init__(
        self, data: Store, signer: Signer, sealer: BodySealer, kept: KeptCheckpoint | None = None
    ) -> None:
        """Read from a data store; bodies open through the sealer; `kept` knows the newest checkpoint from outside."""
        self._store = data
        self._signer = signer
        self._sealer = sealer
        self._kept = kept
        self._stopped: str | None = None
        self._checks: list[Check] = []

    @property
    def vkey(self) -> str:
        """The verifier key of this log, one line."""
        return self._signer.vkey()

    def checkpoints(self) -> list[Checkpoint]:
        """List every signed checkpoint, oldest first."""
        with self._store.read() as tx:
            rows = tx.execute(sa.select(store.checkpoint).order_by(store.checkpoint.c.size))
            return [Checkpoint(row.origin, row.size, row.root, row.note) for row in rows]

    def entry(self, entry_id: bytes, *, tx: sa.Connection | None = None) -> Entry:
        """Give an entry by id; raises EntryUnknownError."""
        with self._reading(tx) as here:
            found = leaves.one(here, entry_id)
        if found is None:
            raise EntryUnknownError
        return found

    def entries_since(
        self, n: int, limit: int = 256, *, kinds: Collection[str] = (), tx: sa.Connection | None = None
    ) -> list[Entry]:
        """List entries at positions `n` and later, in order; a reader's next cursor is the last position + 1."""
        with self._reading(tx) as here:
            return leaves.since(here, n, limit, [kind_of(kind) for kind in kinds])

    def about(self, subject: bytes, *, tx: sa.Connection | None = None) -> list[Entry]:
        """List entries whose kept body is about a subject; none after the erasure."""
        with self._reading(tx) as here:
            return leaves.of_subject(here, subject)

    def body(self, entry: Entry | bytes, *, tx: sa.Connection | None = None) -> dict[str, Any]:
        """Open the body of an entry; raises BodyErasedError after its key is gone, ValueError when it was changed."""
        _, plain = self._open(entry.id if isinstance(entry, Entry) else entry, tx)
        told: dict[str, Any] = parse_canonical(plain)
        return told

    def _open(self, entry_id: bytes, tx: sa.Connection | None) -> tuple[bytes, bytes]:
        with self._reading(tx) as here:
            kept = store.sealed_body(here, entry_id)
        opened = kept and self._sealer.open_body(entry_id, *kept)
        if not opened:
            raise BodyErasedError
        return opened

    def told(
        self, kinds: Collection[str], since: int = 0, *, tx: sa.Connection
    ) -> Iterator[tuple[Entry, dict[str, Any]]]:
        """Stream entries of some kinds with their bodies, as far as these open; those without a position come last."""
        wanted = [kind_of(kind) for kind in kinds]
        for one in chain(leaves.whole(tx, since, wanted), leaves.whole_waiting(tx, wanted)):
            if one.side is None:
                continue
            try:
                opened = self._sealer.open_body(one.id, *one.side)
                if opened is not None:
                    yield one.entry(), parse_canonical(opened[1])
            except (ValueError, UpheldError):  # what cannot be read is found by the check of the ledger itself
                continue

    def health(self) -> LedgerHealth:
        """Say how the ledger stands, for the readiness page."""
        with self._store.read() as tx:
            head = tx.execute(sa.select(store.head)).one()
            waiting = tx.execute(sa.select(sa.func.count()).select_from(store.pending)).scalar_one()
            cp = store.checkpoint.c
            signed = tx.execute(sa.select(cp.size, cp.signed_at).order_by(cp.size.desc())).first()
            stopped = self._stopped or self._contradiction(tx)
        size, at = signed or (None, None)
        return LedgerHealth(head.size, waiting, size, at, stopped)

    def _contradiction(self, tx: sa.Connection) -> str | None:
        return audit.contradiction(tx, self._kept.newest(self._signer) if self._kept else None)

    def mark(self, tx: sa.Connection, kinds: Collection[str]) -> Mark:
        """Remember how far the log is, for `moved`; `tx` sees the state that is to be compared."""
        size = tx.execute(sa.select(store.head.c.size)).scalar_one()
        return Mark(size, frozenset(one for one, _ in leaves.told_since(tx, size, [kind_of(one) for one in kinds])))

    def moved(self, tx: sa.Connection, mark: Mark, kinds: Collection[str]) -> set[tuple[str, str]]:
        """Give kind and clause of the entries of these kinds that were written since the mark."""
        told = leaves.told_since(tx, mark.size, [kind_of(one) for one in kinds])
        return {read_leaf(leaf)[1:3] for one, leaf in told if one not in mark.waiting}

    # proving

    def prove_inclusion(self, n: int, size: int | None = None) -> list[bytes]:
        """Give the proof that entry `n` is in the first `size` entries (default: all placed)."""
        with self._store.read() as tx:
            tree = _tree(tx)
            return _known(lambda: tree.inclusion(n, tree.size if size is None else size))

    def prove_consistency(self, old: int, new: int | None = None) -> list[bytes]:
        """Give the proof that the log of `old` entries is the beginning of the one of `new` (default: all placed)."""
        with self._store.read() as tx:
            tree = _tree(tx)
            return _known(lambda: tree.consistency(old, tree.size if new is None else new))

    def checkpoint_of(self, size: int) -> Checkpoint | None:
        """Give the checkpoint that was signed at a size, under the present origin."""
        with self._store.read() as tx:
            return newest_checkpoint(tx, self._signer.origin, at=size)

    def cosigned(self) -> Checkpoint | None:
        """Give the newest checkpoint that a witness cosigned, its note with the lines of all witnesses; None without one."""
        with self._store.read() as tx:
            return cosigned.newest(tx, self._signer.origin)

    def last_cosigned(self) -> datetime | None:
        """Give when a witness last cosigned the log, UTC; None where none ever did."""
        with self._store.read() as tx:
            return cosigned.last(tx, self._signer.origin)

    def noted(self, signed: Checkpoint) -> Checkpoint:
        """Give a checkpoint with the lines of witnesses that cosigned it, below its own signature."""
        with self._store.read() as tx:
            return cosigned.noted(tx, signed)

    def receipt(self, entry_id: bytes) -> Receipt:
        """Give the receipt of an entry; raises NotIntegratedError until it is placed and signed, BodyErasedError after."""
        with self._store.read() as tx:
            found = self.entry(entry_id, tx=tx)
            signed = newest_checkpoint(tx, self._signer.origin)
            if found.n is None or signed is None or signed.size <= found.n:
                raise NotIntegratedError
            salt, plain = self._open(entry_id, tx)
            n, tree = found.n, _tree(tx)
            proof = _known(lambda: tree.inclusion(n, signed.size))
        return Receipt(
            leaf=leaf_of(found).decode(),
            n=n,
            checkpoint=signed.note,
            proof=[b64(step) for step in proof],
            body=plain.decode(),
            salt=b64(salt),
        )

    def verify(self, since: int = 0) -> list[LedgerFinding]:
        """Check the whole stored ledger against itself and its signatures; no finding means none found.

        From position `since` on entries are hashed again and bodies opened; what stands before the newest
        checkpoint up to there is taken from the tiles, if these give the signed root. Then the checks that rooms
        registered run, on the same state of the store.
        """
        with self._store.read() as tx:
            found = audit.verify(tx, self._signer, self._sealer, since)
            for check in self._checks:
                found += check(tx, since)
        return sorted(set(found))

    def check_also(self, check: Check) -> None:
        """Let `verify` run `check(tx, since)` as well: whatever a higher room knows of rows and their entries."""
        self._checks.append(check)

    def _reading(self, tx: sa.Connection | None) -> AbstractContextManager[sa.Connection]:
        return self._store.read() if tx is None else nullcontext(tx)


def leaf_of(entry: Entry) -> bytes:
    """Render the leaf of a stored entry."""
    return leaf_bytes(
        entry.id, entry.kind.name, entry.clause, entry.policy_version, entry.actor, entry.b
    )


def newest_checkpoint(tx: sa.Connection, origin: str, at: int | None = None) -> Checkpoint | None:
    """Give the newest signed checkpoint of a log, or the one of size `at`."""
    query = sa.select(store.checkpoint).where(store.checkpoint.c.origin == origin)
    if at is not None:
        query = query.where(store.checkpoint.c.size == at)
    row = tx.execute(query.order_by(store.checkpoint.c.size.desc()).limit(1)).first()
    return None if row is None else Checkpoint(row.origin, row.size, row.root, row.note)


def _tree(tx: sa.Connection) -> TileTree:
    size = tx.execute(sa.select(store.head.c.size)).scalar_one()
    return TileTree(store.tiles(tx), size)


def _known(ask: Callable[[], list[bytes]]) -> list[bytes]:
    try:
        return ask()
    except LookupError:
        raise EntryUnknownError from None
