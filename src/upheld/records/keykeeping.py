"""What is known about the keys store without opening a key: whom it holds keys of, how many rows, which root, since when."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime

import sqlalchemy as sa

from upheld.db import Clock, Store, retried, rows_among
from upheld.records import store
from upheld.records.dump import tables_of
from upheld.records.keyrows import KeyRows, bucket_of
from upheld.records.model import CLASS_IDENTITY
from upheld.records.root import RootProvider


class KeyKeeping:
    """The part of the keyring that looks at rows only."""

    store: Store
    _rows: KeyRows
    _root: RootProvider
    _clock: Clock
    _bucket_count: int

    def holds(self, subject: bytes, classes: Collection[str] = ()) -> bool:
        """Say whether a subject has a key of these shred classes, or any key or tag when none is named."""
        dek, tag = store.key_dek, store.key_tag
        keys = sa.select(dek.c.subject).where(dek.c.subject == subject)
        keys = keys.where(dek.c.shred_class.in_(sorted(classes))) if classes else keys
        with self.store.read() as tx:
            tags = [] if classes else tx.execute(sa.select(tag.c.place).where(tag.c.subject == subject).limit(1)).all()
            return bool(tags) or tx.execute(keys.limit(1)).first() is not None

    def counts(self) -> dict[str, int]:
        """Count the rows of the keys store by table, as a sealed copy of it would."""
        with self.store.read() as tx:
            return {
                table.name: tx.execute(sa.select(sa.func.count()).select_from(table)).scalar_one()
                for table in tables_of(self.store)
            }

    def classes_of(self, tx: sa.Connection, subjects: Iterable[bytes]) -> dict[bytes, set[str]]:
        """List, by subject, the shred classes whose keys are there, in a transaction of the keys store."""
        found: dict[bytes, set[str]] = {}
        for subject, name in rows_among(tx, "SELECT subject, class FROM key_dek WHERE subject", subjects):
            found.setdefault(subject, set()).add(name)
        return found

    def hold(self, tx: sa.Connection, names: Iterable[bytes]) -> None:
        """Take, in a transaction of the keys store, the rows that stand for these tags and subjects.

        Two transactions that meet one new person thereby come one after the other, without a lock beside the rows.
        """
        self._rows.hold(tx, [bucket_of(name, self._bucket_count) for name in names])

    def still_has(self, tx: sa.Connection, subject: bytes) -> bool:
        """Say whether a subject has any key, in a transaction of the keys store that holds the subject's row."""
        self._rows.hold(tx, [bucket_of(subject, self._bucket_count)])
        query = sa.select(store.key_dek.c.subject).where(store.key_dek.c.subject == subject)
        return tx.execute(query.limit(1)).first() is not None

    def hour(self) -> int:
        """Give the present hour since 1970."""
        return self._rows.hour()

    @retried
    def suppress(self, tags: Collection[bytes]) -> None:
        """Keep suppression tags that are not kept yet."""
        if tags:
            with self.store.write() as tx:
                self._rows.suppress(tx, tags)

    @property
    def root(self) -> RootProvider:
        """The provider of the root."""
        return self._root

    @property
    def buckets(self) -> int:
        """The number of buckets, fixed when the store was begun."""
        return self._bucket_count

    def people(self) -> int:
        """Count the subjects who have keys."""
        query = sa.select(sa.func.count()).where(store.key_dek.c.shred_class == CLASS_IDENTITY)
        with self.store.read() as tx:
            return tx.execute(query).scalar_one()

    def now(self) -> datetime:
        """Give the present moment in UTC."""
        return self._clock.now()

    def rooted(self) -> tuple[str, datetime]:
        """Give the root in use and since when."""
        with self.store.read() as tx:
            state = self._rows.state(tx)
        return state.root, state.since
