"""The keyring: root opens bucket keys, bucket keys open one random key per subject and shred class.

A key of a person is never derived from anything, so that destroying it is final.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import cast

import sqlalchemy as sa
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from upheld.db import Clock, Ids, Insert, Store, retried, rows_among
from upheld.ledger import Body
from upheld.records import store
from upheld.records.bucket import Bucket
from upheld.records.cipher import Binding, DataKey, seal, seal_many, unseal
from upheld.records.keybuckets import BUCKETS, KeyBuckets
from upheld.records.keycache import KeyCache
from upheld.records.keyrows import KeyRows, Shred, bucket_of, dek_aad, meta_aad, unwrap
from upheld.records.model import CLASS_IDENTITY, RecordsError
from upheld.records.root import RootError, RootProvider

EPOCH_SECONDS = {"sqlite": 0.001, "postgresql": 0.05}
"""How old the knowledge of the epoch may be; SQLite tells cheaply that somebody wrote, PostgreSQL does not."""

_TRUNCATE_TRIES = 5
_META_KEY = "SELECT s.root, m.wrapped FROM key_state s, key_meta m WHERE m.name = ?"
_KEY = (
    "SELECT s.epoch, s.root, b.wrapped, d.wrapped FROM key_state s, key_bucket b, key_dek d"
    " WHERE b.number = ? AND d.subject = ? AND d.class = ?"
)

_KEYS = (
    "SELECT s.epoch, d.subject, d.wrapped FROM key_state s, key_dek d WHERE d.class = ? AND d.subject IN ({})"
)
_TOGETHER = 500


def _marks(values: Collection[object]) -> str:
    return ", ".join("?" * len(values))


_PUT_KEYS = Insert(store.key_dek)


@dataclass(frozen=True, slots=True)
class Made:
    """Keys made in one transaction, by (subject, shred class), and the epoch they are of."""

    epoch: int
    keys: Mapping[tuple[bytes, str], bytes] = field(repr=False)


class KeyGoneError(RecordsError):
    """The key of this data was destroyed; nobody can open it."""

    code = "key_gone"
    clause = "rights.erasure"
    next_step = "Nothing; it was erased."


class KeyRing(KeyBuckets):
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
        buckets: int | None = None,
    ) -> None:
        """Open the keys store, making root, bucket and meta keys when it is new.

        `buckets` is for a new store, a power of two; an older one must have as many. Raises RootError when the root
        does not fit, BucketsError when their number does not.
        """
        self.store = keys
        self._root = root
        self._clock = clock
        self._ids = ids
        self._rows = KeyRows(root, clock, ids)
        self._lock = threading.RLock()
        self._deks = KeyCache()
        self._buckets: dict[int, Bucket] = {}
        self._meta: dict[str, bytes] = {}
        self._bodies_about_nobody: dict[str, DataKey] = {}
        self._seen: int | None = -1
        self._looked = 0.0
        self._glance = EPOCH_SECONDS[keys.dialect]
        self._epoch = -1
        with keys.write() as tx:
            self._rows.begin(tx, tenant, buckets)
            state = tx.execute(sa.select(store.key_state)).one()
        self.tenant: str = state.tenant
        self._bodies = Binding(self.tenant, "ledger.body")
        self._root_id: str = state.root
        self._bucket_count: int = state.buckets
        self._reader = keys.hot()
        self.meta("instance")

    # keys

    def meta(self, name: str) -> bytes:
        """Give a meta key by name; a name of the form `month-…` is made when it is first asked for."""
        with self._lock:
            known = self._meta.get(name)
            if known is None:
                known = self._meta[name] = self._load_meta(name)
            return known

    @retried
    def _load_meta(self, name: str) -> bytes:
        row = self._reader.rows(_META_KEY, (name,))
        if row:
            root, wrapped = row[0]
            return self._root.unwrap(root, wrapped, meta_aad(name, root))
        if not name.startswith("month-"):
            raise RootError("The keys store lacks one of its own keys.")
        with self.store.write() as tx:
            root = self._rows.state(tx, alone=True).root
            wrapped = self._rows.make_meta(tx, root, name)
        return self._root.unwrap(root, wrapped, meta_aad(name, root))

    def data_key(self, subject: bytes, shred_class: str) -> DataKey | None:
        """Give the key of a subject and shred class; None when there is none or it was destroyed."""
        now = self._clock.now().timestamp()
        with self._lock:
            self._drop_if_stale()
            (key,) = self._deks.find(shred_class, (subject,), now)
            if key is None:
                raw = self._load(subject, shred_class)
                if raw is None:
                    return None
                key = DataKey(raw)
                self._deks.put(shred_class, subject, key, now)
            return key

    def _drop_if_stale(self) -> None:
        """Forget unwrapped keys when the epoch rose.

        Asked at most every millisecond on SQLite, which first tells whether anybody wrote at all, and every 50 ms on
        PostgreSQL. Independently of it the state of a subject is read with every record.
        """
        now = time.monotonic()
        if now - self._looked < self._glance:
            return
        self._looked = now
        seen = self._reader.news()
        if seen is not None and seen == self._seen:
            return
        self._know_epoch(*self._reader.rows("SELECT epoch, root FROM key_state")[0])
        self._seen = seen

    def _load(self, subject: bytes, shred_class: str) -> bytes | None:
        """Read key and bucket key as one statement, so that both are of one epoch."""
        number = bucket_of(subject, self._bucket_count)
        row = self._reader.rows(_KEY, (number, subject, shred_class))
        if not row:
            return None
        epoch, root, wrapped_bucket, wrapped = row[0]
        self._know_epoch(epoch, root)
        bucket = self._opened(number, root, wrapped_bucket)
        return unwrap(bucket.keys, wrapped, dek_aad(self.tenant, subject, shred_class))

    @retried
    def ensure(self, subject: bytes, classes: Iterable[str]) -> None:
        """Make the keys that are missing for a subject, committed in the keys store before this returns."""
        wanted = {CLASS_IDENTITY, *classes}
        missing = [name for name in sorted(wanted) if self.data_key(subject, name) is None]
        if missing:
            with self.store.write() as tx:
                self.make(tx, subject, missing)

    def make(self, tx: sa.Connection, subject: bytes, classes: Iterable[str]) -> None:
        """Make missing keys of a subject inside a transaction of the keys store."""
        self._rows.make(tx, subject, classes)

    def make_many(self, tx: sa.Connection, wanted: Mapping[bytes, Iterable[str]]) -> Made:
        """Make keys of many subjects, who lack them, inside a transaction of the keys store that holds their rows."""
        state = self._rows.state(tx)
        buckets = self._buckets_in(tx, state, {bucket_of(one, self._bucket_count) for one in wanted})
        lacking = [(subject, name) for subject, classes in wanted.items() for name in sorted(classes)]
        made = {at: self._ids.random(32) for at in lacking}
        told = [
            (buckets[bucket_of(at[0], self._bucket_count)].keys, raw, dek_aad(self.tenant, *at))
            for at, raw in made.items()
        ]
        hour, sealed = self.hour(), seal_many(told, self._ids.random)
        if lacking:
            _PUT_KEYS(tx, [(*at, wrapped, hour) for at, wrapped in zip(lacking, sealed, strict=True)])
        return Made(state.epoch, made)

    def remember(self, made: Made) -> None:
        """Keep keys at hand whose transaction was committed, so that they need not be opened again at once."""
        now = self._clock.now().timestamp()
        with self._lock:
            if made.epoch != self._epoch:
                return
            for (subject, name), raw in made.keys.items():
                self._deks.put(name, subject, DataKey(raw), now)

    # sealing

    def seal(self, subject: bytes, shred_class: str, aad: bytes, plain: bytes) -> bytes:
        """Seal bytes under a subject's key; raises KeyGoneError when there is none."""
        return seal(self._key(subject, shred_class).record(), plain, aad, self._ids.random)

    def unseal(self, subject: bytes, shred_class: str, aad: bytes, sealed: bytes) -> bytes:
        """Open what `seal` made; raises KeyGoneError or BrokenSealError."""
        return unseal(self._key(subject, shred_class).record(), sealed, aad)

    def unseal_many(
        self, shred_class: str, bound: Binding, subjects: Sequence[bytes], items: Sequence[bytes], sealed: Sequence[bytes]
    ) -> list[bytes]:
        """Open many of one place, given as columns, with one look at the epoch; raises as `unseal`.

        The key of each person is opened once, whatever the number of their records.
        """
        return bound.unsealed(self.warm(shred_class, subjects), subjects, items, sealed)

    def warm(self, shred_class: str, subjects: Sequence[bytes]) -> list[AESGCM]:
        """Give the ciphers of subjects' records in their order; those not at hand are read together. Raises KeyGoneError."""
        return [key.record() for key in self._keys(shred_class, subjects)]

    def ready(self, shred_class: str, subjects: Sequence[bytes]) -> list[AESGCM]:
        """Do as `warm`, making the keys that are missing, committed before this returns."""
        try:
            return self.warm(shred_class, subjects)
        except KeyGoneError:
            for subject in dict.fromkeys(subjects):
                self.ensure(subject, [shred_class])
            return self.warm(shred_class, subjects)

    def _keys(self, shred_class: str, subjects: Sequence[bytes]) -> list[DataKey]:
        now = self._clock.now().timestamp()
        with self._lock:
            self._drop_if_stale()
            held = self._deks.find(shred_class, subjects, now)
            if None not in held:
                return cast("list[DataKey]", held)
            missing = [subject for subject, key in zip(subjects, held, strict=True) if key is None]
            loaded = self._load_many(list(dict.fromkeys(missing)), shred_class) if len(missing) > 1 else {}
            for subject, key in loaded.items():
                self._deks.put(shred_class, subject, key, now)
            for subject in missing:
                if subject not in loaded:
                    loaded[subject] = self._key(subject, shred_class)
            return [key or loaded[subject] for subject, key in zip(subjects, held, strict=True)]

    def _load_many(self, subjects: Sequence[bytes], shred_class: str) -> dict[bytes, DataKey]:
        """Read keys and their bucket keys together; what is not of one epoch is left to be read one by one."""
        found: dict[bytes, DataKey] = {}
        for at in range(0, len(subjects), _TOGETHER):
            part = subjects[at : at + _TOGETHER]
            wanted = {bucket_of(one, self._bucket_count) for one in part}
            held = {number: self._buckets[number] for number in wanted if number in self._buckets}
            numbers = wanted - held.keys()
            rows = self._reader.rows(_KEYS.format(_marks(part)), (shred_class, *part))
            buckets = self._reader.rows(BUCKETS.format(_marks(numbers)), tuple(numbers)) if numbers else []
            if {row[0] for row in (*rows, *buckets)} - {self._epoch}:
                continue
            for _, root, number, wrapped in buckets:
                held[number] = self._opened(number, root, wrapped)
            for _, subject, wrapped in rows:
                bucket = held[bucket_of(subject, self._bucket_count)]
                found[subject] = DataKey(unwrap(bucket.keys, wrapped, dek_aad(self.tenant, subject, shred_class)))
        return found

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
        key = self._nobody(shred_class) if subject is None else self.data_key(subject, shred_class)
        if key is None and subject is not None:
            self._key(subject, CLASS_IDENTITY)
            self.ensure(subject, [shred_class])
            key = self._key(subject, shred_class)
        if key is None:
            raise KeyGoneError
        cipher, salt, nonce = key.body(entry_id)
        return salt, cipher.encrypt(nonce, body, self._bodies.of(subject or b"", entry_id))

    def seal_bodies(self, bodies: Sequence[Body]) -> list[tuple[bytes, bytes]]:
        """Do as `seal_body` for many, with one look at the keys of each shred class."""
        about: dict[str, list[bytes]] = {}
        for _, subject, shred_class, _ in bodies:
            if subject is not None:
                about.setdefault(shred_class, []).append(subject)
        try:
            keys = {name: dict(zip(subjects, self._keys(name, subjects), strict=True)) for name, subjects in about.items()}
        except KeyGoneError:  # of a class that is new to somebody, or of somebody who is gone
            return [self.seal_body(*one) for one in bodies]
        sealed: list[tuple[bytes, bytes]] = []
        for entry_id, subject, shred_class, body in bodies:
            key = self._nobody(shred_class) if subject is None else keys[shred_class][subject]
            cipher, salt, nonce = key.body(entry_id)
            sealed.append((salt, cipher.encrypt(nonce, body, self._bodies.of(subject or b"", entry_id))))
        return sealed

    def open_body(
        self, entry_id: bytes, subject: bytes | None, shred_class: str, sealed: bytes
    ) -> tuple[bytes, bytes] | None:
        """Open a ledger body; None when its key is gone, ValueError when it was changed."""
        key = self._nobody(shred_class) if subject is None else self.data_key(subject, shred_class)
        if key is None:
            return None
        cipher, salt, nonce = key.body(entry_id)
        try:
            return salt, cipher.decrypt(nonce, sealed, self._bodies.of(subject or b"", entry_id))
        except InvalidTag:
            raise ValueError("the sealed body was changed") from None

    def _nobody(self, name: str) -> DataKey:
        key = self._bodies_about_nobody.get(name)
        if key is None:
            key = self._bodies_about_nobody[name] = DataKey(self.meta(name))
        return key

    # destroying

    def destroy(
        self,
        subject: bytes,
        classes: Collection[str] | None,
        suppressed: Collection[bytes] = (),
        *,
        unmet_since: int | None = None,
        tidy: bool = True,
    ) -> bool:
        """Do as `destroy_all` for one subject; says whether anything was done."""
        return bool(self.destroy_all([Shred(subject, classes, suppressed)], unmet_since=unmet_since, tidy=tidy))

    @retried
    def destroy_all(self, told: Sequence[Shred], *, unmet_since: int | None = None, tidy: bool = True) -> int:
        """Destroy keys of subjects (of all classes: with the blind index) so that older copies of them open nothing later.

        One transaction: keys and index rows go, suppression tags come, the keys of their buckets are replaced and
        what else is in these is wrapped anew, each bucket once; the epoch rises. Doing it twice does no harm. With
        `unmet_since` (hours since 1970) subjects of whom a key was met later than that are left out. Gives how many
        were not. Without `tidy` the caller empties the log after the last of many; a server is vacuumed when the root
        changes, which is when its own log, too, opens nothing any more.
        """
        with self.store.write() as tx:
            if unmet_since is not None:
                met = rows_among(tx, "SELECT subject, hour FROM key_dek WHERE subject", {one.subject for one in told})
                late = {subject for subject, hour in met if hour > unmet_since}
                told = [one for one in told if one.subject in {subject for subject, _ in met} - late]
            if not told:
                return 0
            self._rows.destroy(tx, told)
        with self._lock:
            self._deks.clear()
            self._buckets.clear()
            self._seen, self._looked = -1, 0.0
        if tidy and self.store.path is not None:  # a server's own log keeps the bytes until the root changes anyway
            self.tidy()
        return len(told)

    @retried
    def rewrap(self, new: str) -> None:
        """Let another root open all keys, in one transaction; doing it twice does no harm."""
        with self.store.write() as tx:
            self._rows.rewrap(tx, new)
        with self._lock:
            self._seen, self._looked = -1, 0.0
            self._drop_if_stale()
        self.tidy()

    def tidy(self) -> bool:
        """Empty the keys store's write-ahead log, so that deleted keys do not linger there; false if readers kept it."""
        return any(self.store.tidy() for _ in range(_TRUNCATE_TRIES))

    def close(self) -> None:
        """Forget all keys and close the reader."""
        with self._lock:
            self._deks.clear()
            self._buckets.clear()
            self._meta.clear()
            self._bodies_about_nobody.clear()
            self._reader.close()
