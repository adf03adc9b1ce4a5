"""Erasure in steps that survive a crash after any of them: fence, journal, keys, rows.

Between fence and release the rooms above may still open what they need to reach other people's systems.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from itertools import islice
from typing import Any

import sqlalchemy as sa

from upheld.db import Change, Insert, b64, crash_point, from_ms, later, retried, rows_among, to_ms, unb64
from upheld.ledger import NewEntry
from upheld.records import store
from upheld.records.base import VaultBase
from upheld.records.journal import Journaled, JournalLine
from upheld.records.keyrows import Shred
from upheld.records.model import (
    CLASS_IDENTITY,
    Erasure,
    Gone,
    RecordUnknownError,
    SubjectErasingError,
)
from upheld.records.rows import read_erasure, stored_erasure

Hook = Callable[[sa.Connection, Sequence[bytes]], object]
"""Deletes what a room keeps about people of whom nothing stays."""

Leaving = Callable[[sa.Connection, Erasure], object]
"""Hands on what must outlive a member of a merged person."""

Needing = Callable[[sa.Connection, Sequence[bytes]], set[bytes]]
"""Says which of some numbers have a key that is still needed although nothing lies under them here."""

HOURS_OF_ORPHANS = 24
PAGE_OF_ORPHANS = 500
TOGETHER = 250
"""How many erasures share a journal write and a transaction of each store; nobody waits for longer than these take."""

_REASON = re.compile(r"[a-z0-9_.-]{1,64}")
PUT_ERASURE = Insert(store.erasure)
_DONE = Change(store.erasure, ["id"], ["step", "tags", "journal_seq", "live_erased_at", "counts"])


class Erasing(VaultBase):
    """The erasure of a person, or of some of their shred classes.

    Clause: rights.erasure
    """

    _hooks: tuple[Hook, ...] = ()
    _leaving: tuple[Leaving, ...] = ()
    _needing: tuple[Needing, ...] = ()

    def on_erased(self, hook: Hook) -> None:
        """Run `hook(tx, subjects)` in the transaction that deletes the rows of people of whom nothing stays."""
        self._hooks = (*self._hooks, hook)

    def on_leaving(self, hook: Leaving) -> None:
        """Run `hook(tx, erasure)` before the rows of a member of a merged person go, so that its refusals outlive it."""
        self._leaving = (*self._leaving, hook)

    def on_orphans(self, hook: Needing) -> None:
        """Ask `hook(tx, numbers)` which numbers without data have keys that another room still needs."""
        self._needing = (*self._needing, hook)

    def erase(
        self,
        subject: bytes,
        classes: Collection[str] | None = None,
        *,
        reason: str,
        clause: str,
        policy_version: str,
        actor: str,
    ) -> Erasure:
        """Erase a subject, or only some shred classes, and give the finished erasure.

        When no other class remains the whole person goes. `reason` is a code, never free text.
        Raises SubjectErasedError, or SubjectErasingError while another erasure of the subject is under way.
        """
        words = {"clause": clause, "policy_version": policy_version, "actor": actor}
        (done,) = self.erase_all([subject], classes, reason=reason, **words)
        return done

    @retried
    def erase_all(
        self,
        subjects: Sequence[bytes],
        classes: Collection[str] | None = None,
        *,
        reason: str,
        clause: str,
        policy_version: str,
        actor: str,
    ) -> list[Erasure]:
        """Do as `erase` for many subjects; what is raised about one of a page of them is raised before any of it is begun."""
        words = {"clause": clause, "policy_version": policy_version, "actor": actor}
        begun: list[bytes] = []
        for at in range(0, len(subjects), TOGETHER):
            with self.data.write() as tx:
                page = self.fence_all(tx, subjects[at : at + TOGETHER], classes, reason=reason, release=True, **words)
            begun += [one.id for one in page]
        return self.complete_all(begun)

    def fence(
        self,
        tx: sa.Connection,
        subject: bytes,
        classes: Collection[str] | None = None,
        *,
        reason: str,
        clause: str,
        policy_version: str,
        actor: str,
        release: bool = False,
    ) -> Erasure:
        """Begin an erasure inside the caller's transaction: from its commit on nobody reads or writes the subject.

        Unless `release` is set it waits for `complete`. An erasure already begun is given back when it covers
        the same classes; another one raises SubjectErasingError.
        """
        words = {"clause": clause, "policy_version": policy_version, "actor": actor}
        (begun,) = self.fence_all(tx, [subject], classes, reason=reason, release=release, **words)
        return begun

    def fence_all(
        self,
        tx: sa.Connection,
        subjects: Sequence[bytes],
        classes: Collection[str] | None = None,
        *,
        reason: str,
        clause: str,
        policy_version: str,
        actor: str,
        release: bool = False,
    ) -> list[Erasure]:
        """Do as `fence` for many subjects, each named once."""
        if not _REASON.fullmatch(reason):
            raise ValueError("a reason is a code, not free text")
        wanted = tuple(sorted(classes)) if classes is not None else ()
        words = {"clause": clause, "policy_version": policy_version, "actor": actor}
        self.hold(tx, subjects)
        fenced = self._under_way(tx, subjects)
        for one in fenced.values():
            if not one.total and not (wanted and set(wanted) <= set(one.classes)):
                raise SubjectErasingError
        new = [subject for subject in subjects if subject not in fenced]
        held = self._classes(tx, new) if classes is not None else {}
        now = from_ms(to_ms(self._clock.now()))
        for subject, number in zip(new, self._ids.uuid7s(len(new)), strict=True):
            self.ensure_subject(tx, subject)
            total = classes is None or not held[subject] - set(wanted)
            step = "released" if release else "fenced"
            fenced[subject] = Erasure(number, subject, () if total else wanted, total, step, reason, now, words)
            self._raise_generation(tx, subject, "erasing")
        begun = [fenced[subject] for subject in new]
        self._ledger.append_many(tx, [_fenced(one, wanted) for one in begun])
        for one in begun:
            tags = [self._people.suppression(tag) for tag in self._ring.tags_of(one.subject)] if one.total else []
            later(tx, PUT_ERASURE, stored_erasure(one, tags))
        return [fenced[subject] for subject in subjects]

    def complete(self, erasure: bytes) -> Erasure:
        """Carry a fenced erasure through journal, keys and rows; safe to repeat, also after a crash in between."""
        (done,) = self.complete_all([erasure])
        return done

    def complete_all(self, erasures: Sequence[bytes]) -> list[Erasure]:
        """Do as `complete` for many: each has its own line, and what they share is written once."""
        done: dict[bytes, Erasure] = {}
        for at in range(0, len(erasures), TOGETHER):
            done.update(self._complete(erasures[at : at + TOGETHER]))
        return [done[one] for one in erasures]

    @retried
    def _complete(self, erasures: Sequence[bytes]) -> dict[bytes, Erasure]:
        table = store.erasure
        with self.data.write() as tx:
            found = self._locked(tx, erasures)
            begun = {one: told for one, told in found.items() if told[0].step != "live"}
            if not begun:
                return {one: told for one, (told, _) in found.items()}
            tx.execute(sa.update(table).where(table.c.id.in_(list(begun))).values(step="released"))
        crash_point("erase.fence")
        told = [Journaled(one.id, one.subject, one.classes, tags) for one, tags in begun.values()]
        lines = dict(zip(begun, self._journal.append_all(told, self._clock.now()), strict=True))
        crash_point("erase.journal")
        self._ring.destroy_all(
            [Shred(one.subject, None if one.total else one.classes, tags) for one, tags in begun.values()]
        )
        crash_point("erase.keys")
        with self.data.write() as tx:
            still = [one for one, _ in self._locked(tx, list(begun)).values() if one.step != "live"]
            if still:
                self._rows(tx, still, lines)
            done = {one: told for one, (told, _) in self._locked(tx, erasures).items()}
        crash_point("erase.rows")
        if self.data.dialect == "sqlite":  # elsewhere the cost would grow with the store, for bytes that no key opens
            self.data.tidy()
        return done

    def _rows(self, tx: sa.Connection, begun: Sequence[Erasure], lines: Mapping[bytes, JournalLine]) -> None:
        """Delete the rows, free or close the subjects, and write the entries that say so, in one transaction."""
        self.hold(tx, [one.subject for one in begun])
        for one in begun:
            for leaving in self._leaving if one.total else ():
                leaving(tx, one)
        counts = self._delete(tx, begun)
        whole = [one.subject for one in begun if one.total]
        if whole:
            for hook in self._hooks:
                hook(tx, whole)
        entries: list[NewEntry] = []
        changes: list[tuple[Any, ...]] = []
        for one in begun:
            line, words = lines[one.id], one.words
            self._raise_generation(tx, one.subject, "erased" if one.total else "live")
            body = {
                "journal": line.seq,
                "line": line.hash(),
                "reason": one.reason,
                "classes": list(one.classes),
                "total": one.total,
                **counts[one.id],
            }
            entries.append(NewEntry("erase.live", words["clause"], words["policy_version"], words["actor"], body))
            now = to_ms(self._clock.now())
            changes.append((one.id, "live", "[]", line.seq, now, json.dumps(counts[one.id])))
        self._ledger.append_many(tx, entries)
        _DONE(tx, changes)

    def _delete(self, tx: sa.Connection, begun: Sequence[Erasure]) -> dict[bytes, dict[str, int]]:
        """Delete the rows about subjects; gives by erasure how many of each kind."""
        whole = [one.subject for one in begun if one.total]
        gone = {
            name: Counter(row[0] for row in rows_among(tx, f"DELETE FROM {table} WHERE subject", whole, then="RETURNING subject"))  # noqa: S608 - our own tables
            for name, table in (("records", "record"), ("relations", "relation"), ("standings", "standing"), ("", "start"))
        }
        gone["bodies"] = self._ledger.drop_bodies_of(tx, whole)
        tx.execute(sa.delete(store.merge).where(sa.or_(store.merge.c.one.in_(whole), store.merge.c.other.in_(whole))))
        tx.execute(sa.update(store.subject).where(store.subject.c.id.in_(whole)).values(person=None))
        told: dict[bytes, dict[str, int]] = {}
        for one in begun:
            if one.total:
                told[one.id] = {name: found[one.subject] for name, found in gone.items() if name}
                continue
            table = store.record
            some = sa.delete(table).where(table.c.subject == one.subject, table.c.shred_class.in_(one.classes))
            records = tx.execute(some).rowcount
            bodies = self._ledger.drop_bodies(tx, one.subject, set(one.classes) - {CLASS_IDENTITY})
            told[one.id] = {"records": records, "bodies": bodies}
        return told

    def resume_erasures(self) -> list[Erasure]:
        """Finish every released erasure a crash interrupted; gives those still fenced, which their workflow must release."""
        table = store.erasure
        with self.data.read() as tx:
            rows = tx.execute(sa.select(table).where(table.c.step != "live").order_by(table.c.id))
            waiting = [read_erasure(row) for row in rows]
        self.complete_all([one.id for one in waiting if one.step == "released"])
        return [one for one in waiting if one.step == "fenced"]

    def erasure(self, tx: sa.Connection, erasure: bytes) -> Erasure:
        """Give an erasure by id; raises RecordUnknownError."""
        row = tx.execute(sa.select(store.erasure).where(store.erasure.c.id == erasure)).first()
        if row is None:
            raise RecordUnknownError("There is no such erasure.")
        return read_erasure(row)

    def erasures(self, tx: sa.Connection, subject: bytes | None = None) -> list[Erasure]:
        """List erasures, of one subject or all, oldest first."""
        query = sa.select(store.erasure).order_by(store.erasure.c.id)
        if subject is not None:
            query = query.where(store.erasure.c.subject == subject)
        return [read_erasure(row) for row in tx.execute(query)]

    def shred_records(
        self,
        tx: sa.Connection,
        subject: bytes,
        records: Collection[bytes],
        *,
        reason: str,
        clause: str,
        policy_version: str,
        actor: str,
    ) -> Gone:
        """Delete single records inside the caller's transaction.

        A shred class left without a record loses its key too: that erasure is begun here, and the caller
        runs `complete(gone.erasure.id)` after the commit (a restart does it otherwise).

        Clause: retention.ceiling
        """
        self._live(tx, subject)
        table = store.record
        rows = tx.execute(sa.select(table.c.id, table.c.shred_class).where(table.c.subject == subject)).all()
        wanted = {one for one, _ in rows} & set(records)
        kept = {shred_class for one, shred_class in rows if one not in wanted}
        emptied = {shred_class for one, shred_class in rows if one in wanted} - kept
        single = [one for one, shred_class in rows if one in wanted and shred_class in kept]
        if single:
            tx.execute(sa.delete(table).where(table.c.subject == subject, table.c.id.in_(single)))
        if not emptied:
            return Gone(len(single))
        words = {"clause": clause, "policy_version": policy_version, "actor": actor}
        begun = self.fence(tx, subject, emptied, reason=reason, release=True, **words)
        return Gone(len(wanted), begun)

    def orphan_sweep(self, hours: int = HOURS_OF_ORPHANS) -> int:
        """Destroy the keys of numbers that never got data and were not met for `hours`; gives how many.

        They are left by a crash between keys and data. A key of somebody who has data stays, even if nothing lies
        under it: it opens nothing, and another process may be about to seal with it. Nobody waits for longer than a
        page of them takes.
        """
        dek, last = store.key_dek, self._ring.hour() - hours
        with self._ring.store.read() as keys:
            query = sa.select(dek.c.subject).where(dek.c.hour <= last).distinct()
            old = iter(keys.execute(query.order_by(dek.c.subject)).scalars().all())
        swept = 0
        while page := list(islice(old, PAGE_OF_ORPHANS)):
            swept += self._orphans(page, last)
        self._ring.tidy()
        return swept

    @retried
    def _orphans(self, page: Sequence[bytes], last: int) -> int:
        with self.data.write() as tx:
            known = {row[0] for row in rows_among(tx, "SELECT id FROM subject WHERE id", page)}
            known.update(*(needed(tx, page) for needed in self._needing))
            unknown = [Shred(one, None) for one in page if one not in known]
            return self._ring.destroy_all(unknown, unmet_since=last, tidy=False)

    def _classes(self, tx: sa.Connection, subjects: Sequence[bytes]) -> dict[bytes, set[str]]:
        """List the shred classes that records or ledger bodies of subjects are sealed under, identity apart."""
        sealed: dict[bytes, set[str]] = {one: set() for one in subjects}
        found = rows_among(tx, "SELECT DISTINCT subject, class FROM record WHERE subject", subjects)
        for subject, shred_class in (*found, *self._ledger.body_classes(tx, subjects)):
            sealed[subject].add(shred_class)
        return {one: classes - {CLASS_IDENTITY} for one, classes in sealed.items()}

    def _under_way(self, tx: sa.Connection, subjects: Sequence[bytes]) -> dict[bytes, Erasure]:
        table = store.erasure
        found = tx.execute(sa.select(table).where(table.c.subject.in_(subjects), table.c.step != "live"))
        return {row.subject: read_erasure(row) for row in found}

    def _locked(self, tx: sa.Connection, erasures: Sequence[bytes]) -> dict[bytes, tuple[Erasure, list[bytes]]]:
        """Give erasures with their suppression tags, to carry them on alone; raises RecordUnknownError."""
        table = store.erasure
        query = sa.select(table).where(table.c.id.in_(erasures)).order_by(table.c.id).with_for_update()
        found = {row.id: (read_erasure(row), [unb64(tag) for tag in json.loads(row.tags)]) for row in tx.execute(query)}
        if not found.keys() >= set(erasures):
            raise RecordUnknownError("There is no such erasure.")
        return found


def _fenced(one: Erasure, wanted: Sequence[str]) -> NewEntry:
    body = {"erasure": b64(one.id), "reason": one.reason, "classes": list(wanted), "total": one.total}
    words = one.words
    return NewEntry("erase.fenced", words["clause"], words["policy_version"], words["actor"], body, one.subject)
