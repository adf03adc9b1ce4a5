"""What all parts of the vault share: the stores, the keys, and the state of a subject as the one gate to their data."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import replace
from typing import cast

import sqlalchemy as sa

from upheld.db import Change, Clock, Ids, Insert, Select, Store, later, notebook, rows, rows_among
from upheld.ledger import Ledger
from upheld.records import store
from upheld.records.journal import Journal
from upheld.records.keyring import KeyRing
from upheld.records.model import State, Subject, SubjectErasedError, SubjectErasingError
from upheld.records.people import People

RECORDS, RELATIONS = Select(store.record, "subject"), Select(store.relation, "subject")
STANDINGS, STARTS = Select(store.standing, "subject"), Select(store.start, "subject")
ABOUT = (RECORDS, RELATIONS, STANDINGS, STARTS)
_SUBJECTS = "SELECT id, state, generation, person FROM subject WHERE id"
_MEMBERS = "SELECT id FROM subject WHERE person = ? ORDER BY id"
_ENTER = Insert(store.subject)
_RAISE = Change(store.subject, ["id"], ["state", "generation"])


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
        notes = notebook(tx)
        if _place(subject) in notes.seen:
            held: Subject | None = notes.seen[_place(subject)]
            return held
        found = rows(tx, f"{_SUBJECTS} = ?", (subject,))
        told = _subject(*found[0]) if found else None
        if notes.still:
            notes.seen[_place(subject)] = told
        return told

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

    def look_only_at(self, tx: sa.Connection, subjects: Collection[bytes]) -> None:
        """Take what surrounds the records of a page of people, in place of what was seen of the page before.

        So a walk over a still transaction holds one page of them, however many there are.
        """
        notes = notebook(tx)
        if notes.still:
            notes.seen.clear()
            self.hold(tx, subjects)
            for table in (RELATIONS, STANDINGS, STARTS):
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
        notebook(tx).seen[_place(subject)] = replace(held, state=state, generation=held.generation + 1)
        later(tx, _raise_all, subject)
        return held.generation + 1

    def members(self, tx: sa.Connection, subject: bytes) -> tuple[bytes, ...]:
        """List the subjects that are one person with this one, itself first; nobody but itself unless they were merged.

        One that is being erased belongs to it until its rows are gone.
        """
        held = self.subject(tx, subject)
        if held is None or held.person is None:
            return (subject,)
        return (subject, *(one for (one,) in rows(tx, _MEMBERS, (held.person,)) if one != subject))


def _stored(tx: sa.Connection, subjects: list[bytes]) -> list[tuple[bytes, str, int]]:
    """Give what changes of subjects as it now stands in the notebook, each once."""
    seen = notebook(tx).seen
    return [(one, seen[_place(one)].state, seen[_place(one)].generation) for one in dict.fromkeys(subjects)]


def _enter_all(tx: sa.Connection, subjects: list[bytes]) -> None:
    _ENTER(tx, [(*row, None) for row in _stored(tx, subjects)])


def _raise_all(tx: sa.Connection, subjects: list[bytes]) -> None:
    """Write states and generations; a subject that is entered only now has its newest ones from the beginning."""
    _RAISE(tx, _stored(tx, subjects))


def _place(subject: bytes) -> tuple[str, bytes]:
    return "subject", subject


def _subject(number: bytes, state: str, generation: int, person: bytes | None) -> Subject:
    return Subject(number, cast("State", state), generation, person)


def _only_live(found: Subject | None) -> Subject:
    if found is None or found.state == "erased":
        raise SubjectErasedError
    if found.state == "erasing":
        raise SubjectErasingError
    return found
