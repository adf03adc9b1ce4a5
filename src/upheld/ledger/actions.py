"""What one can do with the ledger: append, give positions, sign, read, prove."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Callable, Collection, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import sqlalchemy as sa

from upheld.db import Clock, Ids, Store, b64, canonical, crash_point, parse_canonical
from upheld.ledger import audit, store
from upheld.ledger.model import (
    IDENTITY_CLASS,
    INSTANCE_KEY,
    BodyErasedError,
    BodySealer,
    Entry,
    EntryId,
    EntryUnknownError,
    Event,
    HeadMovedError,
    LedgerError,
    LedgerFinding,
    LedgerHealth,
    NotIntegratedError,
    Receipt,
    SigningStoppedError,
)
from upheld.ledger.note import Checkpoint, Signer, sign_checkpoint
from upheld.ledger.rules import check_words, commitment, leaf_bytes
from upheld.ledger.tree import EMPTY_ROOT, TileTree, grow_tiles, leaf_hash
from upheld.ledger.vocabulary import kind_of

Projector = Callable[[sa.Connection, Event], None]
BATCH = 4096


class Ledger:
    """The log of one data store. Safe to share between threads.

    Clause: security.technical
    """

    def __init__(self, data: Store, signer: Signer, sealer: BodySealer, clock: Clock, ids: Ids) -> None:
        """Open the log, beginning it under the signer's origin if the store has none."""
        self._store = data
        self._signer = signer
        self._sealer = sealer
        self._clock = clock
        self._ids = ids
        self._projectors: dict[str, list[Projector]] = defaultdict(list)
        self._words = store.Words()
        self._integrating = threading.Lock()
        self._checked = False
        self._stopped: str | None = None
        with data.write() as tx:
            origin = store.log_origin(tx)
            if origin not in (None, signer.origin):
                raise LedgerError("The store's log was begun under another origin than the key's.")
            if origin is None:
                values = {"id": 1, "origin": signer.origin, "epoch": 1, "size": 0, "root": EMPTY_ROOT}
                tx.execute(sa.insert(store.head).values(values))
        with data.read() as tx:
            self._words.learn(tx)

    @property
    def vkey(self) -> str:
        """The verifier key of this log, one line."""
        return self._signer.vkey()

    # writing

    def append(
        self,
        tx: sa.Connection,
        kind: str,
        *,
        clause: str,
        policy_version: str,
        actor: str,
        body: Mapping[str, Any],
        subject: bytes | None = None,
        seal: str | None = None,
    ) -> EntryId:
        """Write an entry inside the caller's transaction, run its projectors there, and give its id.

        The body is sealed under the subject's key of shred class `seal` (default: the identity class), or
        under the instance's key when it is about nobody. Raises ValueError for an unknown kind or unfit words.
        """
        about = kind_of(kind)
        if subject is not None and not about.about_person:
            raise ValueError(f"`{kind}` is about no person")
        check_words(clause, policy_version, actor)
        entry_id = EntryId(self._ids.uuid7())
        told = dict(body) if subject is None else {"subject": b64(subject), **body}
        shred_class = seal or (INSTANCE_KEY if subject is None else IDENTITY_CLASS)
        plain = canonical(told)
        salt, sealed = self._sealer.seal_body(entry_id, subject, shred_class, plain)
        numbers = [self._words.number(tx, text) for text in (clause, policy_version, actor)]
        store.put_entry(
            tx,
            {
                "id": entry_id,
                "kind": about.number,
                "clause": numbers[0],
                "version": numbers[1],
                "actor": numbers[2],
                "b": commitment(salt, plain),
            },
            {"entry": entry_id, "subject": subject, "shred_class": shred_class, "sealed": sealed},
        )
        event = Event(entry_id, kind, clause, policy_version, actor, subject, told)
        for projector in self._projectors[kind]:
            projector(tx, event)
        return entry_id

    def subscribe(self, kind: str, projector: Projector) -> None:
        """Run `projector(tx, event)` inside the transaction of every later entry of this kind."""
        self._projectors[kind_of(kind).name].append(projector)

    def drop_bodies(self, tx: sa.Connection, subject: bytes, classes: Collection[str] | None = None) -> int:
        """Delete sealed bodies about a subject, of some shred classes or of all; leaves and proofs stay."""
        return store.drop_bodies(tx, subject, classes)

    def body_classes(self, tx: sa.Connection, subject: bytes) -> set[str]:
        """List the shred classes under which bodies about a subject are kept."""
        return store.body_classes(tx, subject)

    # positions and checkpoints

    def integrate(self) -> int:
        """Give positions to all waiting entries, then sign the new head; gives how many were placed.

        Raises SigningStoppedError when the stored tree contradicts what was signed, HeadMovedError when another
        process was faster.
        """
        placed = 0
        with self._integrating:
            while True:
                with self._store.write() as tx:
                    self._words.learn(tx)
                    self._check(tx)
                    count = self._place(tx)
                crash_point("ledger.integrate")
                placed += count
                if count < BATCH:
                    break
            self._sign()
        return placed

    def _place(self, tx: sa.Connection) -> int:
        waiting = store.pending(tx, BATCH)
        if not waiting:
            return 0
        head = tx.execute(sa.select(store.head)).one()
        hashes = [leaf_hash(leaf_of(one)) for one in waiting]
        store.place(tx, [one.id for one in waiting], head.size)
        try:
            store.put_tiles(tx, grow_tiles(head.size, hashes, store.tiles(tx)))
            size = head.size + len(waiting)
            root = TileTree(store.tiles(tx), size).root()
        except LookupError:
            raise SigningStoppedError from None
        if not store.move_head(tx, head, size, root):
            raise HeadMovedError
        return len(waiting)

    def _check(self, tx: sa.Connection) -> None:
        """Compare tiles, head and newest checkpoint once after opening."""
        if not self._checked:
            self._stopped = audit.contradiction(tx)
            self._checked = True
        if self._stopped:
            raise SigningStoppedError

    def _sign(self) -> None:
        """Sign the committed head, if it is not signed yet; never before the commit."""
        with self._store.read() as tx:
            head = tx.execute(sa.select(store.head)).one()
            if _newest(tx, head.origin, at=head.size) is not None:
                return
        unsigned = Checkpoint(head.origin, head.size, head.root)
        note = sign_checkpoint(unsigned, [self._signer])
        values = {"origin": head.origin, "size": head.size, "root": head.root, "note": note}
        with self._store.write() as tx:
            if _newest(tx, head.origin, at=head.size) is None:
                tx.execute(sa.insert(store.checkpoint).values(**values, signed_at=self._clock.now()))
        crash_point("ledger.sign")

    def checkpoint(self) -> Checkpoint:
        """Give the newest signed checkpoint; signs the empty log if nothing was ever signed."""
        with self._store.read() as tx:
            newest = _newest(tx, self._signer.origin)
        if newest is None:
            self.integrate()
            with self._store.read() as tx:
                newest = _newest(tx, self._signer.origin)
        if newest is None:
            raise SigningStoppedError
        return newest

    def checkpoints(self) -> list[Checkpoint]:
        """List every signed checkpoint, oldest first."""
        with self._store.read() as tx:
            rows = tx.execute(sa.select(store.checkpoint).order_by(store.checkpoint.c.size))
            return [Checkpoint(row.origin, row.size, row.root, row.note) for row in rows]

    # reading

    def entry(self, entry_id: bytes, *, tx: sa.Connection | None = None) -> Entry:
        """Give an entry by id; raises EntryUnknownError."""
        with self._reading(tx) as here:
            found = store.one(here, entry_id)
        if found is None:
            raise EntryUnknownError
        return found

    def entries_since(
        self, n: int, limit: int = 256, *, kinds: Collection[str] = (), tx: sa.Connection | None = None
    ) -> list[Entry]:
        """List entries at positions `n` and later, in order; a reader's next cursor is the last position + 1."""
        with self._reading(tx) as here:
            return store.since(here, n, limit, [kind_of(kind) for kind in kinds])

    def about(self, subject: bytes, *, tx: sa.Connection | None = None) -> list[Entry]:
        """List entries whose kept body is about a subject; none after the erasure."""
        with self._reading(tx) as here:
            return store.of_subject(here, subject)

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

    def health(self) -> LedgerHealth:
        """Say how the ledger stands, for the readiness page."""
        with self._store.read() as tx:
            head = tx.execute(sa.select(store.head)).one()
            count = sa.select(sa.func.count()).select_from(store.entry).where(store.entry.c.n.is_(None))
            waiting = tx.execute(count).scalar_one()
            cp = store.checkpoint.c
            signed = tx.execute(sa.select(cp.size, cp.signed_at).order_by(cp.size.desc())).first()
            stopped = self._stopped or audit.contradiction(tx)
        size, at = signed or (None, None)
        return LedgerHealth(head.size, waiting, size, at, stopped)

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

    def receipt(self, entry_id: bytes) -> Receipt:
        """Give the receipt of an entry; raises NotIntegratedError until it is placed and signed, BodyErasedError after."""
        with self._store.read() as tx:
            found = self.entry(entry_id, tx=tx)
            signed = _newest(tx, self._signer.origin)
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

        Open bodies and leaf hashes are checked from position `since` on; the tree always as a whole.
        """
        with self._store.read() as tx:
            return audit.verify(tx, [self._signer.vkey()], self._sealer, since)

    def _reading(self, tx: sa.Connection | None) -> AbstractContextManager[sa.Connection]:
        return self._store.read() if tx is None else nullcontext(tx)


def leaf_of(entry: Entry) -> bytes:
    """Render the leaf of a stored entry."""
    return leaf_bytes(
        entry.id, entry.kind.name, entry.clause, entry.policy_version, entry.actor, entry.b
    )


def _newest(tx: sa.Connection, origin: str, at: int | None = None) -> Checkpoint | None:
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
