"""What one can do with the ledger: append, give positions, sign."""

from __future__ import annotations

import threading
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

import sqlalchemy as sa

from upheld.db import Clock, Ids, Store, b64, canonical, crash_point, later_all, retried, uuid7_time
from upheld.ledger import cosigned, leaves, store
from upheld.ledger.kept import KeptCheckpoint
from upheld.ledger.model import (
    IDENTITY_CLASS,
    INSTANCE_KEY,
    BodySealer,
    EntryId,
    Event,
    HeadMovedError,
    LedgerError,
    NewEntry,
    SigningStoppedError,
)
from upheld.ledger.note import Checkpoint, Signer, sign_checkpoint
from upheld.ledger.reading import Reading, newest_checkpoint
from upheld.ledger.rules import check_words, commitment, leaf_bytes, next_origin
from upheld.ledger.tree import EMPTY_ROOT, TileTree, grow_tiles, leaf_hashes
from upheld.ledger.vocabulary import kind_of

Projector = Callable[[sa.Connection, Event], None]
BATCH = 4096


class Ledger(Reading):
    """The log of one data store. Safe to share between threads.

    Clause: security.technical
    """

    def __init__(
        self,
        data: Store,
        signer: Signer,
        sealer: BodySealer,
        clock: Clock,
        ids: Ids,
        kept: KeptCheckpoint | None = None,
    ) -> None:
        """Open the log, beginning it under the signer's origin if the store has none."""
        super().__init__(data, signer, sealer, kept)
        self._clock = clock
        self._ids = ids
        self._projectors: dict[str, list[Projector]] = defaultdict(list)
        self._integrating = threading.Lock()
        self._checked = False
        with data.write() as tx:
            origin = store.log_origin(tx)
            if origin not in (None, signer.origin):
                raise LedgerError("The store's log was begun under another origin than the key's.")
            if origin is None:
                values = {"id": 1, "origin": signer.origin, "epoch": 1, "size": 0, "root": EMPTY_ROOT}
                tx.execute(sa.insert(store.head).values(values))
        with data.read() as tx:
            self._epoch: int = tx.execute(sa.select(store.head.c.epoch)).scalar_one()

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
        """Write one entry inside the caller's transaction, run its projectors there, and give its id.

        Raises ValueError for an unknown kind or unfit words.
        """
        told = NewEntry(kind, clause, policy_version, actor, body, subject, seal)
        return self.append_many(tx, (told,))[0]

    def append_many(self, tx: sa.Connection, entries: Sequence[NewEntry]) -> list[EntryId]:
        """Write entries inside the caller's transaction, then run their projectors in order, and give their ids.

        All are written with one statement, whatever their number, at the latest when the transaction ends. Raises
        ValueError, before anything is written, for an unknown kind, a person in a kind about none, or unfit words.
        """
        if not entries:
            return []
        for one in entries:
            _check(one)
        sealed = self._sealed(entries)
        later_all(tx, store.put_all, sealed)
        for row, one in zip(sealed, entries, strict=True):
            for projector in self._projectors.get(one.kind, ()):
                projector(tx, Event(EntryId(row[0]), one.kind, one.clause, one.policy_version, one.actor, one.subject, _body(one)))
        return [EntryId(row[0]) for row in sealed]

    def _sealed(self, entries: Sequence[NewEntry]) -> list[store.SealedEntry]:
        """Make leaves and sealed bodies."""
        new = iter(self._ids.uuid7s(len(entries)))
        bodies = [
            (
                one.entry_id or next(new),
                one.subject,
                one.seal or (INSTANCE_KEY if one.subject is None else IDENTITY_CLASS),
                canonical(_body(one)),
            )
            for one in entries
        ]
        rows: list[store.SealedEntry] = []
        seals = self._sealer.seal_bodies(bodies)
        for one, (entry_id, subject, shred_class, plain), (salt, sealed) in zip(entries, bodies, seals, strict=True):
            b = commitment(salt, plain)
            leaf = leaf_bytes(entry_id, one.kind, one.clause, one.policy_version, one.actor, b)
            rows.append((entry_id, leaf, subject, shred_class, sealed))
        return rows

    def seal(self, entries: Sequence[NewEntry]) -> list[store.SealedEntry]:
        """Seal entries before the transaction of a hot path, which then writes them with `put_sealed`.

        Raises ValueError as `append_many` does, and for a kind that a projector listens to: a hot path has no
        transaction that it could be told in.
        """
        for one in entries:
            _check(one)
        if any(one.kind in self._projectors for one in entries):
            raise ValueError("a kind with a projector is appended inside a transaction")
        return self._sealed(entries)

    def subscribe(self, kind: str, projector: Projector) -> None:
        """Run `projector(tx, event)` inside the transaction of every later entry of this kind."""
        self._projectors[kind_of(kind).name].append(projector)

    def drop_bodies(self, tx: sa.Connection, subject: bytes, classes: Collection[str] | None = None) -> int:
        """Delete sealed bodies about a subject, of some shred classes or of all; leaves and proofs stay."""
        return store.drop_bodies(tx, subject, classes)

    def drop_bodies_of(self, tx: sa.Connection, subjects: Collection[bytes]) -> Counter[bytes]:
        """Delete all sealed bodies about subjects; gives their number by subject."""
        return store.drop_bodies_of(tx, subjects)

    def body_classes(self, tx: sa.Connection, subjects: Collection[bytes]) -> list[tuple[bytes, str]]:
        """List the shred classes under which bodies about subjects are kept, as (subject, class)."""
        return store.body_classes(tx, subjects)

    # positions and checkpoints

    @retried
    def integrate(self) -> int:
        """Give positions to all waiting entries, then sign the new head; gives how many were placed.

        Raises SigningStoppedError when the stored tree contradicts what was signed, HeadMovedError when another
        process was faster.
        """
        placed = 0
        with self._integrating:
            while True:
                with self._store.write() as tx:
                    self._check(tx)
                    count = self._place(tx)
                crash_point("ledger.integrate")
                placed += count
                if count < BATCH:
                    break
            self._sign()
        return placed

    def _place(self, tx: sa.Connection) -> int:
        # The head first: entries read after it and swapped against it cannot have been placed in between.
        head = self._locked_head(tx)
        return self._grow(tx, head, leaves.waiting(tx, BATCH))

    def _locked_head(self, tx: sa.Connection) -> store.AnyRow:
        head: store.AnyRow = tx.execute(sa.select(store.head).with_for_update()).one()
        if head.epoch != self._epoch:
            self._stopped = "forked"
            raise SigningStoppedError
        return head

    def _grow(self, tx: sa.Connection, head: store.AnyRow, found: Sequence[tuple[bytes, bytes]]) -> int:
        """Place entries (id, leaf) behind the head and swap it; raises HeadMovedError when somebody else did."""
        if not found:
            return 0
        size = head.size + len(found)
        try:
            store.put_bundles(tx, leaves.grow_bundles(tx, head.size, found))
            grown = grow_tiles(head.size, leaf_hashes(leaf for _, leaf in found), store.tiles(tx))
            store.put_tiles(tx, grown)
            root = TileTree(store.tiles(tx), size).root()
        except LookupError:
            raise SigningStoppedError from None
        if store.unqueue(tx, [one for one, _ in found]) != len(found) or not store.move_head(tx, head, size, root):
            raise HeadMovedError
        return len(found)

    def _check(self, tx: sa.Connection) -> None:
        """Compare tiles, head and newest checkpoint once after opening."""
        if not self._checked:
            self._stopped = self._contradiction(tx)
            self._checked = True
        if self._stopped:
            raise SigningStoppedError

    @retried
    def _sign(self) -> None:
        """Sign the committed head, if it is not signed yet; never before the commit."""
        with self._store.read() as tx:
            head = tx.execute(sa.select(store.head)).one()
            if newest_checkpoint(tx, head.origin, at=head.size) is not None:
                return
        unsigned = Checkpoint(head.origin, head.size, head.root)
        note = sign_checkpoint(unsigned, [self._signer])
        values = {"origin": head.origin, "size": head.size, "root": head.root, "note": note}
        with self._store.write() as tx:
            if newest_checkpoint(tx, head.origin, at=head.size) is None:
                tx.execute(sa.insert(store.checkpoint).values(**values, signed_at=self._clock.now()))
        crash_point("ledger.sign")
        if self._kept is not None:
            self._kept.put(replace(unsigned, note=note), self._signer)
        crash_point("ledger.kept")

    def fork(self, *, policy_version: str, actor: str, clause: str = "security.technical") -> EntryId:
        """Go on under the next origin after an older state of the store was put back, and sign that.

        The old origin signed more than the store holds now and never signs again. The first entry of the new one
        is `ledger.restored`: it names the last checkpoint known of the old one and the size that was put back.
        Entries that waited in the restored state get their positions after it. Other processes that hold the log
        open place nothing any more. Raises SigningStoppedError when the tree itself cannot be read.
        """
        with self._integrating:
            known = self._kept.newest(self._signer) if self._kept else None
            with self._store.write() as tx:
                head = self._locked_head(tx)
                known = known or newest_checkpoint(tx, head.origin)
                origin = next_origin(head.origin, *([known.origin] if known else []))
                body: dict[str, Any] = {"origin": head.origin, "restored_size": head.size}
                if known is not None:
                    body |= {"known": known.note}
                told = NewEntry("ledger.restored", clause, policy_version, actor, body)
                (entry_id,) = self.append_many(tx, [told])
                self._grow(tx, head, [(entry_id, leaf) for _, leaf in leaves.find(tx, [entry_id]).values()])
                store.begin_origin(tx, origin, head.epoch + 1)
            self._signer = replace(self._signer, origin=origin)
            self._epoch, self._stopped, self._checked = head.epoch + 1, None, True
            self._sign()
        return entry_id

    @retried
    def heartbeat(self, *, policy_version: str, clause: str = "security.technical") -> EntryId | None:
        """Write today's (UTC) `ledger.heartbeat` unless there is one; so a day on which nothing happened shows as well.

        A log that was cut off ends with another day than today's, which whoever fetches a checkpoint can see.
        """
        with self._store.write() as tx:
            head = self._locked_head(tx)
            last = leaves.newest_of(tx, kind_of("ledger.heartbeat"))
            if last is not None and uuid7_time(last).date() >= self._clock.now().date():
                return None
            beat = NewEntry("ledger.heartbeat", clause, policy_version, "svc:ledger", {"size": head.size})
            return self.append_many(tx, [beat])[0]

    @retried
    def keep_cosignature(self, signed: Checkpoint, vkey: str, line: str) -> int:
        """Keep what a witness wrote under a checkpoint; gives when, in seconds since 1970.

        Raises ValueError unless the key `vkey` of the witness made the line.
        """
        with self._store.write() as tx:
            return cosigned.keep(tx, signed, vkey, line)

    def checkpoint(self) -> Checkpoint:
        """Give the newest signed checkpoint; signs the empty log if nothing was ever signed."""
        with self._store.read() as tx:
            newest = newest_checkpoint(tx, self._signer.origin)
        if newest is None:
            self.integrate()
            with self._store.read() as tx:
                newest = newest_checkpoint(tx, self._signer.origin)
        if newest is None:
            raise SigningStoppedError
        return newest


def _body(one: NewEntry) -> dict[str, Any]:
    return dict(one.body) if one.subject is None else {"subject": b64(one.subject), **one.body}


def _check(one: NewEntry) -> None:
    if not kind_of(one.kind).about_person and one.subject is not None:
        raise ValueError(f"`{one.kind}` is about no person")
    check_words(one.clause, one.policy_version, one.actor)
