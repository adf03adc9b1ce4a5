"""Rows of the keys store: made, re-wrapped and deleted inside one transaction of that store."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import sqlalchemy as sa
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from upheld.db import Change, Clock, Ids, Insert, StoreConflictError, crash_point, lp, rows, rows_among, to_ms
from upheld.records import store
from upheld.records.bucket import DEFAULT, KEY, Bucket, BucketsError, counted, number_of
from upheld.records.cipher import BrokenSealError, seal, seal_many, unseal
from upheld.records.model import CLASS_IDENTITY
from upheld.records.root import RootError, RootProvider

_SUPPRESS = Insert(store.key_suppressed, "ON CONFLICT DO NOTHING")
_CHANGE_BUCKETS = Change(store.key_bucket, ["number"], ["wrapped"])
_CHANGE_KEYS = Change(store.key_dek, ["subject", "class"], ["wrapped"])
_CHANGE_PLACES = Change(store.key_tag, ["place"], ["place"])
_KEYS_WITHIN = "SELECT subject, class, wrapped FROM key_dek WHERE subject BETWEEN ? AND ?"
_PLACES_WITHIN = "SELECT place FROM key_tag WHERE place BETWEEN ? AND ?"
_TOGETHER = 4096
"""About how many keys that are wrapped anew are written by one statement."""

META = ("index", "suppression", "signing", "instance")


class Shred(NamedTuple):
    """Whose keys go: of these shred classes, or all of them with the blind index; and the suppression tags that come."""

    subject: bytes
    classes: Collection[str] | None = None
    suppressed: Collection[bytes] = ()


@dataclass(frozen=True, slots=True)
class KeyRows:
    """Writes keys in wrapped form: meta and bucket keys under the root, keys of persons under their bucket key."""

    root: RootProvider
    clock: Clock
    ids: Ids

    def begin(self, tx: sa.Connection, tenant: str, buckets: int | None) -> None:
        """Make root, bucket and meta keys of a new store; a root left by a start cut off is taken.

        What an older store says of its buckets stands for ever: raises BucketsError when another number is asked for.
        """
        if tx.execute(sa.select(store.key_state.c.id)).first() is not None:
            self._agree(tx, buckets)
            return
        buckets = counted(DEFAULT if buckets is None else buckets)
        root = self.root.current() if self.root.list() else self.root.create_next()
        state = {"id": 1, "tenant": tenant, "epoch": 1, "root": root, "buckets": buckets, "since": self.clock.now()}
        tx.execute(sa.insert(store.key_state).values(**state))
        made = [
            {"number": number, "wrapped": self.root.wrap(root, self.ids.random(2 * KEY), bucket_aad(number, root))}
            for number in range(buckets)
        ]
        tx.execute(sa.insert(store.key_bucket), made)
        for name in META:
            self.make_meta(tx, root, name)

    def _agree(self, tx: sa.Connection, wanted: int | None) -> None:
        """Raise BucketsError unless the store has the buckets it says it has, and those that are wanted."""
        said = self.state(tx).buckets
        there = tx.execute(sa.select(sa.func.count()).select_from(store.key_bucket)).scalar_one()
        if there != said:
            raise BucketsError(f"The keys store says that it has {said} buckets, and has {there}.")
        if wanted not in {None, said}:
            raise BucketsError(f"The keys store was begun with {said} buckets, and `keeping.toml` says {wanted}.")

    def state(self, tx: sa.Connection, *, alone: bool = False) -> store.AnyRow:
        """Give tenant, epoch, root and buckets; with `alone` nobody else changes epoch or root until the end."""
        query = sa.select(store.key_state)
        return tx.execute(query.with_for_update() if alone else query).one()

    def hold(self, tx: sa.Connection, numbers: Iterable[int]) -> None:
        """Take the rows of some buckets in one order, so that nobody meets or re-keys the same people meanwhile.

        SQLite has one writer at a time anyway.
        """
        if tx.dialect.name == "sqlite":
            return
        bucket = store.key_bucket
        query = sa.select(bucket.c.number).where(bucket.c.number.in_(sorted(set(numbers))))
        tx.execute(query.order_by(bucket.c.number).with_for_update()).all()

    def rewrap(self, tx: sa.Connection, new: str) -> bool:
        """Wrap meta and bucket keys under another root and raise the epoch; false when it is the root already."""
        state = self.state(tx, alone=True)
        if state.root == new:
            return False
        bucket, meta = store.key_bucket, store.key_meta
        for query, table, aad in (
            (sa.select(bucket).order_by(bucket.c.number).with_for_update(), bucket, bucket_aad),
            (sa.select(meta).order_by(meta.c.name).with_for_update(), meta, meta_aad),
        ):
            named = next(iter(table.primary_key))
            anew = []
            for name, wrapped in tx.execute(query).all():
                plain = self.root.unwrap(state.root, wrapped, aad(name, state.root))
                anew.append({"at": name, "anew": self.root.wrap(new, plain, aad(name, new))})
            change = sa.update(table).where(named == sa.bindparam("at")).values(wrapped=sa.bindparam("anew"))
            tx.execute(change, anew)
        told = {"root": new, "epoch": state.epoch + 1, "since": self.clock.now()}
        tx.execute(sa.update(store.key_state).values(**told))
        return True

    def make_meta(self, tx: sa.Connection, root: str, name: str) -> bytes:
        """Make a meta key unless it is there, and give it wrapped."""
        query = sa.select(store.key_meta.c.wrapped).where(store.key_meta.c.name == name)
        wrapped: bytes | None = tx.execute(query).scalar()
        if wrapped is None:
            wrapped = self.root.wrap(root, self.ids.random(32), meta_aad(name, root))
            tx.execute(sa.insert(store.key_meta).values(name=name, wrapped=wrapped))
        return wrapped

    def make(self, tx: sa.Connection, subject: bytes, classes: Iterable[str]) -> None:
        """Make the keys a subject lacks of these shred classes; the identity class always.

        The bucket's row is taken before the root's name is read: a change of either waits, or is seen whole.
        """
        dek = store.key_dek
        number = bucket_of(subject, self.state(tx).buckets)
        self.hold(tx, [number])
        there = set(tx.execute(sa.select(dek.c.shred_class).where(dek.c.subject == subject)).scalars())
        missing = sorted({CLASS_IDENTITY, *classes} - there)
        if not missing:
            return
        state = self.state(tx)
        query = sa.select(store.key_bucket.c.wrapped).where(store.key_bucket.c.number == number)
        wrapped_bucket = tx.execute(query).scalar_one()
        bucket = Bucket(number, self.root.unwrap(state.root, wrapped_bucket, bucket_aad(number, state.root)))
        made = []
        for name in missing:
            aad = dek_aad(state.tenant, subject, name)
            wrapped = seal(bucket.keys, self.ids.random(32), aad, self.ids.random)
            made.append({"subject": subject, "shred_class": name, "wrapped": wrapped, "hour": self.hour()})
        tx.execute(sa.insert(dek), made)

    def destroy(self, tx: sa.Connection, told: Sequence[Shred]) -> None:
        """Delete keys (and of whole persons the index rows), give their buckets new keys, once each, raise the epoch."""
        dek, state = store.key_dek, self.state(tx, alone=True)
        whole = [one.subject for one in told if one.classes is None]
        keys = {bucket_of(one.subject, state.buckets) for one in told}
        index = self._index_of(tx, whole)
        self.hold(tx, keys | index)
        if self._index_of(tx, whole) - index:
            raise StoreConflictError  # met under another identifier between the look and now
        for table in ("key_dek", "key_tag"):
            rows_among(tx, f"DELETE FROM {table} WHERE subject", whole, then="RETURNING subject")  # noqa: S608 - our own tables
        for one in told:
            if one.classes is not None:
                going = dek.c.shred_class.in_(sorted(set(one.classes) - {CLASS_IDENTITY}))
                tx.execute(sa.delete(dek).where(dek.c.subject == one.subject, going))
        self.suppress(tx, {tag for one in told for tag in one.suppressed})
        self._replace(tx, state, keys, index)
        tx.execute(sa.update(store.key_state).values(epoch=store.key_state.c.epoch + 1))
        crash_point("erase.index")

    def hour(self) -> int:
        """Give the present hour since 1970."""
        return int(self.clock.now().timestamp() // 3600)

    def suppress(self, tx: sa.Connection, tags: Collection[bytes]) -> None:
        """Keep suppression tags that are not kept yet."""
        _SUPPRESS(tx, [(tag, to_ms(self.clock.now())) for tag in sorted(tags)])

    def _index_of(self, tx: sa.Connection, subjects: Collection[bytes]) -> set[int]:
        """Give the numbers of the buckets in which tags of subjects stand."""
        return {number_of(place) for (place,) in rows_among(tx, "SELECT place FROM key_tag WHERE subject", subjects)}

    def _replace(self, tx: sa.Connection, state: store.AnyRow, keys: set[int], index: set[int]) -> None:
        """Give buckets a new key of keys, or of the index, and move what is there under it: old copies then open nothing."""
        wrapped = rows_among(tx, "SELECT number, wrapped FROM key_bucket WHERE number", sorted(keys | index))
        told: list[tuple[int, bytes]] = []
        keys_anew: list[tuple[bytes, str, bytes]] = []
        places_anew: list[tuple[bytes, bytes]] = []
        for number, before in sorted(dict(wrapped).items()):
            old = self.root.unwrap(state.root, before, bucket_aad(number, state.root))
            new = b"".join((
                self.ids.random(KEY) if number in keys else old[:KEY],
                self.ids.random(KEY) if number in index else old[KEY:],
            ))  # fmt: skip
            if number in keys:
                keys_anew += self._rewrapped(tx, state, number, Bucket(number, old), Bucket(number, new))
            if number in index:
                places_anew += self._moved(tx, Bucket(number, old), Bucket(number, new))
            if len(keys_anew) > _TOGETHER:
                _CHANGE_KEYS(tx, keys_anew)
                keys_anew.clear()
            told.append((number, self.root.wrap(state.root, new, bucket_aad(number, state.root))))
        _CHANGE_KEYS(tx, keys_anew)
        _CHANGE_PLACES(tx, places_anew)
        _CHANGE_BUCKETS(tx, told)

    def _rewrapped(
        self, tx: sa.Connection, state: store.AnyRow, number: int, old: Bucket, new: Bucket
    ) -> Iterator[tuple[bytes, str, bytes]]:
        """Wrap the keys of the bucket's persons under its new key; gives (subject, shred class, wrapped)."""
        bits = _unused_bits(state.buckets)
        low, high = number << bits, ((number + 1) << bits) - 1
        within = (low.to_bytes(2, "big"), high.to_bytes(2, "big") + b"\xff" * 14)
        found = rows(tx, _KEYS_WITHIN, within)
        aads = [dek_aad(state.tenant, owner, shred_class) for owner, shred_class, _ in found]
        opened = [unwrap(old.keys, wrapped, aad) for (*_, wrapped), aad in zip(found, aads, strict=True)]
        anew = seal_many([(new.keys, raw, aad) for raw, aad in zip(opened, aads, strict=True)], self.ids.random)
        return ((owner, shred_class, wrapped) for (owner, shred_class, _), wrapped in zip(found, anew, strict=True))

    def _moved(self, tx: sa.Connection, old: Bucket, new: Bucket) -> Iterator[tuple[bytes, bytes]]:
        """Give where the tags of the bucket stand, and where its new index key puts them."""
        places = sorted({place for (place,) in rows(tx, _PLACES_WITHIN, old.span())})
        return zip(places, new.places(old.tags(places)), strict=True)


def bucket_of(subject: bytes, buckets: int) -> int:
    """Give the bucket of a subject: the first bits of the random number; never of an id that tells its time."""
    return int.from_bytes(subject[:2], "big") >> _unused_bits(buckets)


def _unused_bits(buckets: int) -> int:
    """Give how many of the first 16 bits do not choose the bucket."""
    return 17 - buckets.bit_length()


def meta_aad(name: str, root: str) -> bytes:
    """Give what the wrap of a meta key is bound to."""
    return lp("meta", name, root)


def bucket_aad(number: int, root: str) -> bytes:
    """Give what the wrap of a bucket key is bound to."""
    return lp("bucket", number.to_bytes(2, "big"), root)


def dek_aad(tenant: str, subject: bytes, shred_class: str) -> bytes:
    """Give what the wrap of a person's key is bound to."""
    return lp("dek", tenant, subject, shred_class)


def unwrap(bucket: AESGCM, wrapped: bytes, aad: bytes) -> bytes:
    """Open a person's key; raises RootError when it was changed."""
    try:
        return unseal(bucket, wrapped, aad)
    except BrokenSealError:
        raise RootError("A key in the keys store was changed and does not open.") from None
