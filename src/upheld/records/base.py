"""What all parts of the vault share: the stores, the keys, and the state of a subject as the one gate to their data."""

from __future__ import annotations

from typing import cast

import sqlalchemy as sa

from upheld.db import Clock, Ids, Store
from upheld.ledger import Ledger
from upheld.records import store
from upheld.records.journal import Journal
from upheld.records.keyring import KeyRing
from upheld.records.model import State, Subject, SubjectErasedError, SubjectErasingError
from upheld.records.people import People


class VaultBase:
    """Holds the parts; knows whether a subject may be read or written."""

    def __init__(
        self, data: Store, ring: KeyRing, ledger: Ledger, journal: Journal, clock: Clock, ids: Ids
    ) -> None:
        """Join the data store with the keyring, the ledger and the erasure journal."""
        self.data = data
        self._ring = ring
        self._people = People(ring, ids)
        self._ledger = ledger
        self._journal = journal
        self._clock = clock
        self._ids = ids

    def subject(self, tx: sa.Connection, subject: bytes, *, lock: bool = False) -> Subject | None:
        """Give a subject's state, or None when the data store does not know the number.

        With `lock`, inside a transaction that writes, nobody else changes what stands about the subject until its end.
        """
        query = sa.select(store.subject).where(store.subject.c.id == subject)
        row = tx.execute(query.with_for_update() if lock else query).first()
        return None if row is None else Subject(row.id, cast("State", row.state), row.generation)

    def _live(self, tx: sa.Connection, subject: bytes, *, lock: bool = True) -> Subject:
        """Give a live subject; raises SubjectErasingError or SubjectErasedError, also for an unknown number."""
        return _only_live(self.subject(tx, subject, lock=lock))

    def ensure_subject(self, tx: sa.Connection, subject: bytes) -> Subject:
        """Enter a subject's number in the data store when it is new; raises when the subject is not live."""
        found = self.subject(tx, subject, lock=True)
        if found is None:
            found = Subject(subject, "live", 1)
            tx.execute(sa.insert(store.subject).values(id=subject, state="live", generation=1))
        return _only_live(found)

    def _raise_generation(self, tx: sa.Connection, subject: bytes, state: State) -> int:
        """Set a subject's state and raise the generation, so that a decision made before does not count."""
        table = store.subject
        change = sa.update(table).where(table.c.id == subject)
        tx.execute(change.values(state=state, generation=table.c.generation + 1))
        return int(tx.execute(sa.select(table.c.generation).where(table.c.id == subject)).scalar_one())


def _only_live(found: Subject | None) -> Subject:
    if found is None or found.state == "erased":
        raise SubjectErasedError
    if found.state == "erasing":
        raise SubjectErasingError
    return found
