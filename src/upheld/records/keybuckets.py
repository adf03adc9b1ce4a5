"""The epoch of the keys and its buckets, opened; and by them where a tag stands in the blind index today."""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterable

import sqlalchemy as sa

from upheld.db import Hot, rows_among
from upheld.records import store
from upheld.records.bucket import Bucket, number_of
from upheld.records.keycache import KeyCache
from upheld.records.keykeeping import KeyKeeping
from upheld.records.keyrows import bucket_aad, bucket_of

BUCKETS = "SELECT s.epoch, s.root, b.number, b.wrapped FROM key_state s, key_bucket b WHERE b.number IN ({})"
_CARRIERS = (
    "SELECT s.epoch, s.root, t.subject FROM key_state s LEFT JOIN key_tag t ON t.place = ? ORDER BY t.subject"
)
_TAGS = "SELECT s.epoch, s.root, t.place FROM key_state s, key_tag t WHERE t.subject = ?"


_HELD = 8192
"""How many opened buckets are kept at hand, some 3 KB each."""


class KeyBuckets(KeyKeeping):
    """The part of the keyring that opens buckets; what it holds was read at one epoch, and is forgotten with it."""

    _lock: threading.RLock
    _reader: Hot
    _deks: KeyCache
    _buckets: dict[int, Bucket]
    _epoch: int
    _root_id: str

    def _know_epoch(self, epoch: int, root: str) -> None:
        if epoch != self._epoch:
            self._deks.clear()
            self._buckets.clear()
            if root != self._root_id:
                self._root.forget(self._root_id)
            self._epoch, self._root_id = epoch, root

    def _opened(self, number: int, root: str, wrapped: bytes) -> Bucket:
        """Give a bucket of the epoch that is known, opened at most once an epoch."""
        bucket = self._buckets.get(number)
        if bucket is None:
            raw = self._root.unwrap(root, wrapped, bucket_aad(number, root))
            bucket = Bucket(number, raw)
            self._hold(number, bucket)
        return bucket

    def _hold(self, number: int, bucket: Bucket) -> None:
        """Keep an opened bucket at hand, in place of the one opened first when there are too many."""
        self._buckets[number] = bucket
        if len(self._buckets) > _HELD:
            del self._buckets[next(iter(self._buckets))]

    def _bucket(self, number: int) -> Bucket:
        bucket = self._buckets.get(number)
        if bucket is None:
            ((epoch, root, _, wrapped),) = self._reader.rows(BUCKETS.format("?"), (number,))
            self._know_epoch(epoch, root)
            bucket = self._opened(number, root, wrapped)
        return bucket

    def _buckets_in(self, tx: sa.Connection, state: store.AnyRow, numbers: Collection[int]) -> dict[int, Bucket]:
        with self._lock:
            known = dict(self._buckets) if state.epoch == self._epoch else {}
        found = {number: known[number] for number in numbers if number in known}
        rest = sorted(set(numbers) - found.keys())
        for number, wrapped in rows_among(tx, "SELECT number, wrapped FROM key_bucket WHERE number", rest):
            found[number] = Bucket(number, self._root.unwrap(state.root, wrapped, bucket_aad(number, state.root)))
        with self._lock:
            if state.epoch == self._epoch:
                for number in rest:
                    self._hold(number, found[number])
        return found

    def places(self, tx: sa.Connection, tags: Iterable[bytes]) -> dict[bytes, bytes]:
        """Say where tags stand in the index, in a transaction of the keys store; what holds their rows relies on it."""
        numbers = {tag: bucket_of(tag, self._bucket_count) for tag in tags}
        buckets = self._buckets_in(tx, self._rows.state(tx), set(numbers.values())) if numbers else {}
        return {tag: buckets[number].place(tag) for tag, number in numbers.items()}

    def carriers(self, tag: bytes) -> tuple[bytes, ...]:
        """List the subjects that carry a tag, in order of their numbers; looked up again when the epoch rose meanwhile."""
        number = bucket_of(tag, self._bucket_count)
        with self._lock:
            while True:
                place, seen = self._bucket(number).place(tag), self._epoch
                found = self._reader.rows(_CARRIERS, (place,))
                self._know_epoch(*found[0][:2])
                if self._epoch == seen:
                    return tuple(subject for _, _, subject in found if subject is not None)

    def tags_of(self, subject: bytes) -> list[bytes]:
        """List the tags of a subject, as no index key changes them."""
        with self._lock:
            while True:
                found = self._reader.rows(_TAGS, (subject,))
                if not found:
                    return []
                self._know_epoch(*found[0][:2])
                seen = self._epoch
                tags = [tag for *_, place in found for tag in self._bucket(number_of(place)).tags([place])]
                if self._epoch == seen:
                    return sorted(tags)
