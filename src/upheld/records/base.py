"""What all parts of the vault share: the stores, the keys, and the state of a subject as the one gate to their data."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import cast

import sqlalchemy as sa

from upheld.db import Clock, Ids, Insert, Select, Store, later, notebook, rows, rows_among
from upheld.ledger import Ledger
from upheld.records import store
from upheld.records.journal import Journal
from upheld.records.keyring import KeyRing
from upheld.records.model import State, Subject, SubjectErasedError, SubjectErasingError
from upheld.records.people import People

RECORDS, RELATIONS = Select(store.record, "subject"), Select(store.relation, "subject")
STANDINGS, STARTS = Select(store.standing, "subject"), Select(store.start, "subject")
ABOUT = (RECORDS, RELATIONS, STANDINGS, STARTS)
_SUBJECTS = "SELECT id, state, generation FROM subject WHERE id"
_ENTER = Insert(store.subject)
_RAISE = "UPDATE subject SET state = ?, generation = ? WHERE id = ?"
_RAISE_MANY = (
    "UPDATE subject SET state = told.state, generation = told.generation"
    " FROM unnest(%s::bytea[], %s::varchar[], %s::int[]) AS told (id, state, generation) WHERE subject.id = told.id"
)


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
        if lock:
            self.hold(tx, [subject])
        seen = notebook(tx).seen
        if _place(subject) in seen:
            held: Subject | None = seen[_place(subject)]
            return held
        found = rows(tx, f"{_SUBJECTS} = ?", (subject,))
        return _subject(*found[0]) if found else None

    def hold(self, tx: sa.Connection, subjects: Iterable[bytes]) -> None:
        """Take the rows of subjects in one order, so that two transactions never wait for each other.

        What was seen holds until the end of the transaction, as nobody else can change it.
        """
        seen = notebook(tx).seen
        new = sorted({one for one in subjects if _place(one) not in seen})
        if new:
            seen.update(dict.fromkeys(map(_place, new)))
            for row in rows_among(tx, _SUBJECTS, new, locked=not notebook(tx).still):
                seen[_place(row[0])] = _subject(*row)

    def _live(self, tx: sa.Connection, subject: bytes, *, lock: bool = True) -> Subject:
        """Give a live subject; raises SubjectErasingError or SubjectErasedError, also for an unknown number."""
        return _only_live(self.subject(tx, subject, lock=lock))

    def look_around(self, tx: sa.Connection, subjects: Collection[bytes]) -> None:
        """Take into a still transaction's notebook all that stands about many subjects, one statement a table."""
        self.hold(tx, subjects)
        for table in ABOUT:
            table.look(tx, subjects)

    def ensure_subject(self, tx: sa.Connection, subject: bytes) -> Subject:
        """Enter a subject's number in the data store when it is new; raises when the subject is not live."""
        found = self.subject(tx, subject, lock=True)
        if found is None:
            found = Subject(subject, "live", 1)
            seen = notebook(tx).seen
            seen[_place(subject)], seen["relations", subject] = found, []
            later(tx, _enter_all, subject)
        return _only_live(found)

    def _raise_generation(self, tx: sa.Connection, subject: bytes, state: State) -> int:
        """Set a subject's state and raise the generation, so that a decision made before does not count."""
        held = self.subject(tx, subject, lock=True)
        if held is None:
            raise SubjectErasedError
        notebook(tx).seen[_place(subject)] = Subject(subject, state, held.generation + 1)
        later(tx, _raise_all, subject)
        return held.generation + 1


def _stored(tx: sa.Connection, subjects: list[bytes]) -> list[tuple[bytes, str, int]]:
    """Give the rows of subjects as they now stand in the notebook, each once."""
    seen = notebook(tx).seen
    return [(one, seen[_place(one)].state, seen[_place(one)].generation) for one in dict.fromkeys(subjects)]


def _enter_all(tx: sa.Connection, subjects: list[bytes]) -> None:
    _ENTER(tx, _stored(tx, subjects))


def _raise_all(tx: sa.Connection, subjects: list[bytes]) -> None:
    """Write states and generations; a subject that is entered only now has its newest ones from the beginning."""
    told = _stored(tx, subjects)
    if tx.dialect.name == "postgresql":
        tx.exec_driver_sql(_RAISE_MANY, tuple(list(column) for column in zip(*told, strict=True)))
    else:
        tx.exec_driver_sql(_RAISE, [(state, generation, number) for number, state, generation in told])


def _place(subject: bytes) -> tuple[str, bytes]:
    return "subject", subject


def _subject(number: bytes, state: str, generation: int) -> Subject:
    return Subject(number, cast("State", state), generation)


def _only_live(found: Subject | None) -> Subject:
    if found is None or found.state == "erased":
        raise SubjectErasedError
    if found.state == "erasing":
        raise SubjectErasingError
    return found
