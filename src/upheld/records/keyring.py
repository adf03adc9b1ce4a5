"""The keyring: root opens bucket keys, bucket keys open one random key per subject and shred class.

A key of a person is never derived from anything, so that destroying it is final.
"""

from __future__ import annotations

import sqlite3
import threading
from collections import OrderedDict
from collections.abc import Collection, Iterable

import sqlalchemy as sa
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from upheld.db import Clock, Ids, Store, lp
from upheld.records import store
from upheld.records.cipher import BrokenSealError, DataKey, bound, seal, unseal, wrap
from upheld.records.model import CLASS_IDENTITY, RecordsError
from upheld.records.root import RootError, RootProvider

CACHE_SECONDS = 60.0
CACHE_SIZE = 10_000
META = ("index", "suppression", "signing", "instance")
_TRUNCATE_TRIES = 20


class KeyGoneError(RecordsError):
    """The key of this data was destroyed; nobody can open it."""

    code = "key_gone"
    clause = "rights.erasure"
    next_step = "Nothing; it was erased."


class KeyRing:
    """All keys of one installation. Safe to share between threads.

    Unwrapped keys are kept for at most 60 seconds, and dropped at once when an erasure raises the epoch,
    also one by another process.
    """

    def __init__(
        self,
        keys: Store,
        root: RootProvider,
        clock: Clock,
        ids: Ids,
        *,
        tenant: str = "default",
        buckets: int = 4096,
    ) -> None:
        """Open the keys store, making root, bucket and meta keys when it is new; raises RootError when it does not fit."""
        if buckets & (buckets - 1) or not 1 <= buckets <= 65536:
            raise ValueError("the number of buckets is a power of two up to 65,536")
        self.store = keys
        self._root = root
        self._clock = clock
        self._ids = ids
        self._lock = threading.RLock()
        self._deks: OrderedDict[tuple[bytes, str], tuple[float, DataKey]] = OrderedDict()
        self._buckets: dict[int, bytes] = {}
        self._meta: dict[str, bytes] = {}
        self._bodies_about_nobody: dict[str, DataKey] = {}
        self._seen = -1
        self._epoch = -1
        self._begin(tenant, buckets)
        with keys.read() as tx:
            state = tx.execute(sa.select(store.key_state)).one()
        self.tenant: str = state.tenant
        self._root_id: str = state.root
        self._shift = 17 - int(state.buckets).bit_length()
        self._reader = keys.raw()
        self.meta("instance")

    def _begin(self, tenant: str, buckets: int) -> None:
        with self.store.write() as tx:
            if tx.execute(sa.select(store.key_state.c.id)).first() is not None:
                return
            root = self._root.current() if self._root.list() else self._root.create_next()
            tx.execute(
                sa.insert(store.key_state).values(id=1, tenant=tenant, epoch=1, root=root, buckets=buckets)
            )
            made = [
                {"number": number, "wrapped": self._root.wrap(root, self._ids.random(32), _bucket_aad(number, root))}
                for number in range(buckets)
            ]
            tx.execute(sa.insert(store.key_bucket), made)
            for name in META:
                wrapped = self._root.wrap(root, self._ids.random(32), lp("meta", name, root))
                tx.execute(sa.insert(store.key_meta).values(name=name, wrapped=wrapped))

    # keys

    def meta(self, name: str) -> bytes:
        """Give a meta key by name; a name of the form `month-…` is made when it is first asked for."""
        with self._lock:
            known = self._meta.get(name)
            if known is None:
                known = self._meta[name] = self._load_meta(name)
            return known

    def _load_meta(self, name: str) -> bytes:
        aad = lp("meta", name, self._root_id)
        row = self._reader.execute("SELECT wrapped FROM key_meta WHERE name = ?", (name,)).fetchall()
        if row:
            return self._root.unwrap(self._root_id, row[0][0], aad)
        if not name.startswith("month-"):
            raise RootError("The keys store lacks one of its own keys.")
        with self.store.write() as tx:
            query = sa.select(store.key_meta.c.wrapped).where(store.key_meta.c.name == name)
            wrapped = tx.execute(query).scalar()
            if wrapped is None:
                wrapped = self._root.wrap(self._root_id, self._ids.random(32), aad)
                tx.execute(sa.insert(store.key_meta).values(name=name, wrapped=wrapped))
        return self._root.unwrap(self._root_id, wrapped, aad)

    def data_key(self, subject: bytes, shred_class: str) -> DataKey | None:
        """Give the key of a subject and shred class; None when there is none or it was destroyed."""
        at, now = (subject, shred_class), self._clock.now().timestamp()
        with self._lock:
            self._drop_if_stale()
            held = self._deks.get(at)
            if held is not None and 0 <= now - held[0] < CACHE_SECONDS:
                self._deks.move_to_end(at)
                return held[1]
            raw = self._load(subject, shred_class)
            if raw is None:
                self._deks.pop(at, None)
                return None
            key = DataKey(raw)
            self._deks[at] = (now, key)
            if len(self._deks) > CACHE_SIZE:
                self._deks.popitem(last=False)
            return key

    def _drop_if_stale(self) -> None:
        """Forget unwrapped keys when the epoch rose; the cheap question first: did any connection write at all."""
        seen = self._reader.execute("PRAGMA data_version").fetchall()[0][0]
        if seen != self._seen:
            self._read_epoch(self._reader)
            self._seen = seen

    def _read_epoch(self, reader: sqlite3.Connection) -> None:
        epoch, root = reader.execute("SELECT epoch, root FROM key_state").fetchall()[0]
        if epoch != self._epoch:
            self._deks.clear()
            self._buckets.clear()
            self._epoch, self._root_id = epoch, root

    def _load(self, subject: bytes, shred_class: str) -> bytes | None:
        reader = self._reader
        reader.execute("BEGIN")
        try:
            self._read_epoch(reader)
            query = "SELECT wrapped FROM key_dek WHERE subject = ? AND class = ?"
            row = reader.execute(query, (subject, shred_class)).fetchall()
            if not row:
                return None
            bucket = self._bucket_key(reader, self._bucket(subject))
            return _unwrap(bucket, row[0][0], self._dek_aad(subject, shred_class))
        finally:
            reader.execute("ROLLBACK")

    def _bucket_key(self, reader: sqlite3.Connection, number: int) -> bytes:
        known = self._buckets.get(number)
        if known is None:
            query = "SELECT wrapped FROM key_bucket WHERE number = ?"
            wrapped = reader.execute(query, (number,)).fetchall()[0][0]
            known = self._root.unwrap(self._root_id, wrapped, _bucket_aad(number, self._root_id))
            self._buckets[number] = known
        return known

    def _bucket(self, subject: bytes) -> int:
        """First bits of the random subject number; never of an id that tells its time."""
        return int.from_bytes(subject[:2], "big") >> self._shift

    def _dek_aad(self, subject: bytes, shred_class: str) -> bytes:
        return lp("dek", self.tenant, subject, shred_class)

    def ensure(self, subject: bytes, classes: Iterable[str]) -> None:
        """Make the keys that are missing for a subject, committed in the keys store before this returns."""
        wanted = {CLASS_IDENTITY, *classes}
        missing = [name for name in sorted(wanted) if self.data_key(subject, name) is None]
        if missing:
            with self.store.write() as tx:
                self.make(tx, subject, missing)

    def make(self, tx: sa.Connection, subject: bytes, classes: Iterable[str]) -> None:
        """Make missing keys of a subject inside a transaction of the keys store."""
        dek = store.key_dek
        there = set(tx.execute(sa.select(dek.c.shred_class).where(dek.c.subject == subject)).scalars())
        root = tx.execute(sa.select(store.key_state.c.root)).scalar_one()
        number = self._bucket(subject)
        query = sa.select(store.key_bucket.c.wrapped).where(store.key_bucket.c.number == number)
        bucket = self._root.unwrap(root, tx.execute(query).scalar_one(), _bucket_aad(number, root))
        made = [
            {
                "subject": subject,
                "shred_class": name,
                "wrapped": wrap(bucket, self._ids.random(32), self._dek_aad(subject, name), self._ids.random),
                "hour": self.hour(),
            }
            for name in sorted({CLASS_IDENTITY, *classes} - there)
        ]
        if made:
            tx.execute(sa.insert(dek), made)

    def hour(self) -> int:
        """Give the present hour since 1970."""
        return int(self._clock.now().timestamp() // 3600)

    # sealing

    def seal(self, subject: bytes, shred_class: str, aad: bytes, plain: bytes) -> bytes:
        """Seal bytes under a subject's key; raises KeyGoneError when there is none."""
        return seal(self._key(subject, shred_class).record(), plain, aad, self._ids.random)

    def unseal(self, subject: bytes, shred_class: str, aad: bytes, sealed: bytes) -> bytes:
        """Open what `seal` made; raises KeyGoneError or BrokenSealError."""
        return unseal(self._key(subject, shred_class).record(), sealed, aad)

    def _key(self, subject: bytes, shred_class: str) -> DataKey:
        key = self.data_key(subject, shred_class)
        if key is None:
            raise KeyGoneError
        return key

    def seal_body(
        self, entry_id: bytes, subject: bytes | None, shred_class: str, body: bytes
    ) -> tuple[bytes, bytes]:
        """Seal a ledger body; the port of the ledger.

        Makes the key of a shred class that is new to the subject; raises KeyGoneError for a subject without any
        key: an entry after an erasure names nobody.
        """
        if subject is not None and self.data_key(subject, shred_class) is None:
            self._key(subject, CLASS_IDENTITY)
            self.ensure(subject, [shred_class])
        key = self._nobody(shred_class) if subject is None else self._key(subject, shred_class)
        cipher, salt, nonce = key.body(entry_id)
        return salt, cipher.encrypt(nonce, body, self._body_aad(entry_id, subject))

    def open_body(
        self, entry_id: bytes, subject: bytes | None, shred_class: str, sealed: bytes
    ) -> tuple[bytes, bytes] | None:
        """Open a ledger body; None when its key is gone, ValueError when it was changed."""
        key = self._nobody(shred_class) if subject is None else self.data_key(subject, shred_class)
        if key is None:
            return None
        cipher, salt, nonce = key.body(entry_id)
        try:
            return salt, cipher.decrypt(nonce, sealed, self._body_aad(entry_id, subject))
        except InvalidTag:
            raise ValueError("the sealed body was changed") from None

    def _nobody(self, name: str) -> DataKey:
        key = self._bodies_about_nobody.get(name)
        if key is None:
            key = self._bodies_about_nobody[name] = DataKey(self.meta(name))
        return key

    def _body_aad(self, entry_id: bytes, subject: bytes | None) -> bytes:
        return bound(self.tenant, subject or b"", entry_id, "ledger.body")

    # destroying

    def destroy(
        self,
        subject: bytes,
        classes: Collection[str] | None,
        suppressed: Collection[bytes] = (),
        *,
        unmet_since: int | None = None,
    ) -> bool:
        """Destroy keys of a subject (None: all, with the blind index) so that older copies of them open nothing later.

        One transaction: keys and index rows go, suppression tags come, the bucket key is replaced and its
        other keys are wrapped anew, the epoch rises. Doing it twice does no harm. With `unmet_since` (hours
        since 1970) nothing happens, and false is given, when a key of the subject was met later than that.
        """
        dek, tag = store.key_dek, store.key_tag
        with self.store.write() as tx:
            met = tx.execute(sa.select(sa.func.max(dek.c.hour)).where(dek.c.subject == subject)).scalar()
            if unmet_since is not None and (met is None or met > unmet_since):
                return False
            gone = sa.delete(dek).where(dek.c.subject == subject)
            if classes is not None:
                gone = gone.where(dek.c.shred_class.in_(sorted(set(classes) - {CLASS_IDENTITY})))
            tx.execute(gone)
            if classes is None:
                tx.execute(sa.delete(tag).where(tag.c.subject == subject))
            self._suppress(tx, suppressed)
            self._replace_bucket(tx, self._bucket(subject))
            tx.execute(sa.update(store.key_state).values(epoch=store.key_state.c.epoch + 1))
        with self._lock:
            self._deks.clear()
            self._buckets.clear()
            self._seen = -1
        self.tidy()
        return True

    def _suppress(self, tx: sa.Connection, tags: Collection[bytes]) -> None:
        table = store.key_suppressed
        for tag in tags:
            if tx.execute(sa.select(table.c.tag).where(table.c.tag == tag)).first() is None:
                tx.execute(sa.insert(table).values(tag=tag, since=self._clock.now()))

    def _replace_bucket(self, tx: sa.Connection, number: int) -> None:
        root = tx.execute(sa.select(store.key_state.c.root)).scalar_one()
        bucket, dek = store.key_bucket, store.key_dek
        aad = _bucket_aad(number, root)
        wrapped = tx.execute(sa.select(bucket.c.wrapped).where(bucket.c.number == number)).scalar_one()
        old, new = self._root.unwrap(root, wrapped, aad), self._ids.random(32)
        low, high = number << self._shift, ((number + 1) << self._shift) - 1
        within = dek.c.subject.between(low.to_bytes(2, "big"), high.to_bytes(2, "big") + b"\xff" * 14)
        for row in tx.execute(sa.select(dek).where(within)).all():
            row_aad = self._dek_aad(row.subject, row[1])
            anew = wrap(new, _unwrap(old, row.wrapped, row_aad), row_aad, self._ids.random)
            same = sa.and_(dek.c.subject == row.subject, dek.c.shred_class == row[1])
            tx.execute(sa.update(dek).where(same).values(wrapped=anew))
        tx.execute(
            sa.update(bucket).where(bucket.c.number == number).values(wrapped=self._root.wrap(root, new, aad))
        )

    def tidy(self) -> bool:
        """Empty the keys store's write-ahead log, so that deleted keys do not linger there; false if readers kept it."""
        return any(self.store.truncate_wal() for _ in range(_TRUNCATE_TRIES))

    def close(self) -> None:
        """Forget all keys and close the reader."""
        with self._lock:
            self._deks.clear()
            self._buckets.clear()
            self._meta.clear()
            self._bodies_about_nobody.clear()
            self._reader.close()


def _bucket_aad(number: int, root: str) -> bytes:
    return lp("bucket", number.to_bytes(2, "big"), root)


def _unwrap(key: bytes, wrapped: bytes, aad: bytes) -> bytes:
    try:
        return unseal(AESGCM(key), wrapped, aad)
    except BrokenSealError:
        raise RootError("A key in the keys store was changed and does not open.") from None
