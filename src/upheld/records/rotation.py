"""Changing the root, K0 to K5: what was erased before can then be opened by no backup and no copy of the keys.

Each step leaves something durable from which the next start goes on; doing a step twice does no harm.
"""

from __future__ import annotations

import fcntl
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, TypedDict

import sqlalchemy as sa

from upheld.db import Clock, Ids, Store, b64, crash_point, retried
from upheld.ledger import Ledger
from upheld.records import store
from upheld.records.dump import BackupUnreadableError
from upheld.records.journal import Journal, RootLine
from upheld.records.keyring import KeyRing
from upheld.records.model import RecordsError
from upheld.records.root import Destroyed, RootError
from upheld.records.sealed import SealedKeys, check, copy_sealed, delete_older, name_of, seal_keys, sealed_in
from upheld.records.vault import Vault

WAITING = timedelta(hours=24)
QUIET = timedelta(days=30)
REFRESHING = timedelta(hours=1)
"""How old the sealed copies of the keys may grow while keys come and go."""

WORDS: Mapping[str, str] = {"clause": "security.technical", "policy_version": "-", "actor": "svc:records"}


class KeysBackupError(RecordsError):
    """The sealed copies of the keys could not be written and opened again, so the old root was not destroyed."""

    code = "keys_backup_overdue"
    next_step = "Make room and let every folder of `keeping.toml` be written, then run `upheld keys rotate` again."
    permanent = False


class RotationRunningError(RecordsError):
    """Another process is changing the root."""

    code = "keys_rotating"
    next_step = "Look at `upheld keys status` in a moment."
    permanent = False


@dataclass(frozen=True, slots=True)
class Rotation:
    """One change of the root; `finished_at` is None while it is under way, `effective_at` when the old one opens nothing."""

    id: bytes
    old: str
    new: str
    begun_at: datetime
    words: Mapping[str, str]
    verified_at: datetime | None
    copies: int | None
    effective_at: datetime | None
    guarantee: str | None
    finished_at: datetime | None


@dataclass(frozen=True, slots=True)
class KeysStatus:
    """How the root stands: since when, what waits for its change, and when that is due (UTC)."""

    root: str
    since: datetime
    waiting: int
    oldest: datetime | None
    verified_at: datetime | None
    copies: int
    under_way: bool
    due: datetime


class Rotations:
    """Changes the root of one data folder. Safe to run from several processes: each step looks first what was done."""

    def __init__(
        self, ring: KeyRing, vault: Vault, ledger: Ledger, journal: Journal, targets: Sequence[Path], lock: Path,
        clock: Clock, ids: Ids,
    ) -> None:  # fmt: skip
        """Use two or more folders for sealed copies of the keys; `lock` keeps processes of one host apart."""
        if len(targets) < 2:
            raise ValueError("sealed copies of the keys need two places")
        self._ring = ring
        self._vault = vault
        self._data: Store = vault.data
        self._ledger = ledger
        self._journal = journal
        self._targets = tuple(targets)
        self._lock = lock
        self._clock = clock
        self._ids = ids

    # looking

    def status(self) -> KeysStatus:
        """Say how the root stands."""
        root, since = self._ring.rooted()
        table = store.erasure
        unsealed = sa.and_(table.c.step == "live", table.c.backups_unreadable_at.is_(None))
        query = sa.select(sa.func.count(), sa.func.min(table.c.live_erased_at)).where(unsealed)
        with self._data.read() as tx:
            waiting, oldest = tx.execute(query).one()
            last = self._newest(tx)
            open_ = self._open(tx)
        return KeysStatus(
            root=root,
            since=since,
            waiting=waiting,
            oldest=oldest,
            verified_at=last.verified_at if last else None,
            copies=(last.copies or 0) if last else 0,
            under_way=open_ is not None,
            due=since + (WAITING if waiting else QUIET),
        )

    def is_due(self) -> bool:
        """Say whether the root must be changed now, or a change goes on."""
        now = self.status()
        return now.under_way or now.due <= self._clock.now()

    def of(self, tx: sa.Connection, rotation: bytes) -> Rotation | None:
        """Give a change of the root by id."""
        row = tx.execute(sa.select(store.rotation).where(store.rotation.c.id == rotation)).first()
        return None if row is None else _read(row)

    # changing

    def resume(self) -> Rotation | None:
        """Go on with a change that a crash interrupted; None when there is none."""
        with self._data.read() as tx:
            going = self._open(tx)
        if going is None and not self._newer():
            return None
        return self.rotate()

    def rotate(self, words: Mapping[str, str] = WORDS) -> Rotation:
        """Change the root, or go on with a change under way, through to the second half of the certificates.

        `words` are clause, policy version and actor of the entries. Raises KeysBackupError while a sealed copy
        cannot be verified: the old root then stays. Raises RotationRunningError, RootError.
        Clause: security.technical
        """
        with self._alone():
            going = self._begin(words)
            self._ring.rewrap(going.new)
            crash_point("rotate.k2")
            if going.verified_at is None:
                self._secure(going)
            destroyed = self._destroy(going)
            crash_point("rotate.k4")
            line = self._journal.append_root(
                root=going.old, effective_at=destroyed.effective_at, guarantee=destroyed.guarantee, time=self._clock.now()
            )
            crash_point("rotate.journal")
            for target in self._targets:
                delete_older(target, going.new)
            crash_point("rotate.k5")
            if isinstance(line, RootLine):
                self._finish(going.id, line)
            crash_point("rotate.done")
        with self._data.read() as tx:
            done = self.of(tx, going.id)
        return done or going

    def _begin(self, words: Mapping[str, str]) -> Rotation:
        """K1: make the next root, or take the one that was made before a crash; note what waits for the change."""
        old, _ = self._ring.rooted()
        with self._data.read() as tx:
            going = self._open(tx)
        if going is not None and old in {going.old, going.new}:
            return going
        if going is not None:
            self._drop(going)
        newer = self._newer()
        new = newer[-1] if newer else self._ring.root.create_next()
        crash_point("rotate.k1")
        return self._note(old, new, words)

    @retried
    def _note(self, old: str, new: str, words: Mapping[str, str]) -> Rotation:
        table = store.erasure
        waits = sa.and_(table.c.step == "live", table.c.backups_unreadable_at.is_(None))
        values = {"id": self._ids.uuid7(), "old": old, "new": new, "words": json.dumps(dict(words))}
        with self._data.write() as tx:
            going = self._open(tx)
            if going is not None:
                return going
            tx.execute(sa.insert(store.rotation).values(**values, begun_at=self._clock.now()))
            tx.execute(sa.update(table).where(waits).values(awaits=values["id"]))
            going = self._open(tx)
        crash_point("rotate.noted")
        if going is None:
            raise RootError
        return going

    @retried
    def _drop(self, going: Rotation) -> None:
        """Close a change that restored data tell of but the keys have left behind; its erasures wait for the next one."""
        table = store.erasure
        at = store.rotation.c.id == going.id
        with self._data.write() as tx:
            tx.execute(sa.update(store.rotation).where(at).values(finished_at=self._clock.now()))
            tx.execute(sa.update(table).where(table.c.awaits == going.id).values(awaits=None))

    def _newer(self) -> list[str]:
        """List the roots made after the one in use."""
        roots = self._ring.root.list()
        root, _ = self._ring.rooted()
        return roots[roots.index(root) + 1 :] if root in roots else []

    def _secure(self, going: Rotation) -> None:
        """K3: sealed copies of the keys in every place, each opened again; nothing is destroyed before."""
        try:
            made = self.seal()
        except (OSError, BackupUnreadableError):
            raise KeysBackupError from None
        body = _said(made)

        @retried
        def note() -> None:
            table = store.rotation
            at = sa.and_(table.c.id == going.id, table.c.verified_at.is_(None))
            values = {"verified_at": self._clock.now(), "copies": len(made)}
            with self._data.write() as tx:
                if tx.execute(sa.update(table).where(at).values(**values)).rowcount:
                    self._ledger.append(tx, "keys.backup_verified", body=body, **_words(going.words))

        note()
        crash_point("rotate.k3")

    def seal(self) -> list[SealedKeys]:
        """Write a sealed copy of the keys to every place and open each again, with one living record as the proof.

        Raises BackupUnreadableError when a copy lacks anything, OSError when a place cannot be written.
        """
        canary = self._vault.any_record()
        first = seal_keys(self._ring, self._targets[0] / name_of(self._clock.now(), self._ids.random))
        crash_point("rotate.sealed")
        made = [first, *(copy_sealed(first, folder) for folder in self._targets[1:])]
        crash_point("rotate.copied")
        wanted = (canary.subject, canary.shred_class) if canary else None
        for one in made:
            seen = check(one, self._ring.root, wanted)
            if any(self._ring.meta(name) != key for name, key in seen.meta.items()):
                raise BackupUnreadableError("A sealed copy holds other keys than the store.")
            if canary is not None and not self._vault.opens(canary, seen.key):
                raise BackupUnreadableError("A sealed copy does not open a record.")
        return made

    def refresh(self, words: Mapping[str, str] = WORDS) -> bool:
        """Write new sealed copies when keys came or went since the last, and an hour has passed; gives whether it did.

        Until then the keys of people who came since exist once. Raises KeysBackupError, RotationRunningError.
        """
        with self._alone():
            last = [one for one in sealed_in(self._targets[0]) if one.root == self._ring.rooted()[0]]
            recent = last and self._clock.now() - last[-1].made_at < REFRESHING
            if recent or (last and last[-1].counts == self._ring.counts()):
                return False
            try:
                made = self.seal()
            except (OSError, BackupUnreadableError):
                raise KeysBackupError from None
            for one in made:
                delete_older(one.file.parent, one.root, newest=one)
            self._note_copies(made, words)
        return True

    @retried
    def _note_copies(self, made: Sequence[SealedKeys], words: Mapping[str, str]) -> None:
        """Write the entry, and in place of the last such row one whose root stays: what the status tells."""
        table, now = store.rotation, self._clock.now()
        values = {"id": self._ids.uuid7(), "old": made[0].root, "new": made[0].root, "words": json.dumps(dict(words))}
        times = {"begun_at": now, "verified_at": now, "finished_at": now}
        with self._data.write() as tx:
            tx.execute(sa.delete(table).where(table.c.old == table.c.new))
            tx.execute(sa.insert(table).values(**values, **times, copies=len(made)))
            self._ledger.append(tx, "keys.backup_verified", body=_said(made), **_words(words))

    def _destroy(self, going: Rotation) -> Destroyed:
        """K4: destroy the old root, and older ones that a failed try may have left."""
        provider = self._ring.root
        roots = provider.list()
        older = roots[: roots.index(going.new)] if going.new in roots else []
        for one in older:
            if one != going.old:
                provider.destroy(one)
        return provider.destroy(going.old)

    @retried
    def _finish(self, rotation: bytes, line: RootLine) -> None:
        """Write the second half of every waiting certificate, with the entries, in one transaction."""
        table = store.rotation
        with self._data.write() as tx:
            going = self._open(tx)
            if going is None or going.id != rotation:
                return
            told = {"effective_at": line.effective_at, "guarantee": line.guarantee, "finished_at": self._clock.now()}
            tx.execute(sa.update(table).where(table.c.id == rotation).values(**told))
            body = {
                "old": going.old,
                "new": going.new,
                "journal": line.seq,
                "line": line.hash(),
                "effective_at": line.effective_at.isoformat(timespec="milliseconds"),
                "guarantee": line.guarantee,
            }
            self._ledger.append(tx, "keys.rotated", body=body, **_words(going.words))
            self._seal_erasures(tx, going, line)

    def _seal_erasures(self, tx: sa.Connection, going: Rotation, line: RootLine) -> None:
        table = store.erasure
        rows = tx.execute(sa.select(table.c.id, table.c.words).where(table.c.awaits == going.id).order_by(table.c.id))
        for erasure, words in rows.all():
            body = {"erasure": b64(erasure), "root": going.old, "line": line.hash()}
            body["backups_unreadable_at"] = line.effective_at.isoformat(timespec="milliseconds")
            self._ledger.append(tx, "erase.sealed", body=body, **_words(json.loads(words)))
        change = sa.update(table).where(table.c.awaits == going.id)
        tx.execute(change.values(backups_unreadable_at=line.effective_at))

    def _open(self, tx: sa.Connection) -> Rotation | None:
        table = store.rotation
        row = tx.execute(sa.select(table).where(table.c.finished_at.is_(None)).order_by(table.c.id)).first()
        return None if row is None else _read(row)

    def _newest(self, tx: sa.Connection) -> Rotation | None:
        table = store.rotation
        query = sa.select(table).where(table.c.verified_at.is_not(None)).order_by(table.c.verified_at.desc())
        row = tx.execute(query.limit(1)).first()
        return None if row is None else _read(row)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Keep other processes of this host from doing the same work twice; nothing correct rests on it."""
        self._lock.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with self._lock.open("w") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise RotationRunningError from None
            yield


def _said(made: Sequence[SealedKeys]) -> dict[str, Any]:
    return {"root": made[0].root, "copies": len(made), "sha256": made[0].sha256, "counts": made[0].counts}


class Words(TypedDict):
    """Clause, policy version and actor of an entry."""

    clause: str
    policy_version: str
    actor: str


def _words(told: Mapping[str, str]) -> Words:
    return Words(clause=told["clause"], policy_version=told["policy_version"], actor=told["actor"])


def _read(row: store.AnyRow) -> Rotation:
    return Rotation(
        id=row.id,
        old=row.old,
        new=row.new,
        begun_at=row.begun_at,
        words=json.loads(row.words),
        verified_at=row.verified_at,
        copies=row.copies,
        effective_at=row.effective_at,
        guarantee=row.guarantee,
        finished_at=row.finished_at,
    )
