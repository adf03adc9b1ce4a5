"""Erasure in steps that survive a crash after any of them: fence, journal, keys, rows.

Between fence and release the rooms above may still open what they need to reach other people's systems.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Mapping
from itertools import islice
from typing import Any

import sqlalchemy as sa

from upheld.db import b64, crash_point, retried, unb64
from upheld.records import store
from upheld.records.base import VaultBase
from upheld.records.model import (
    CLASS_IDENTITY,
    Erasure,
    Gone,
    RecordUnknownError,
    SubjectErasingError,
)
from upheld.records.rows import read_erasure

Hook = Callable[[sa.Connection, Erasure], None]
HOURS_OF_ORPHANS = 24
PAGE_OF_ORPHANS = 500
_REASON = re.compile(r"[a-z0-9_.-]{1,64}")


class Erasing(VaultBase):
    """The erasure of a person, or of some of their shred classes.

    Clause: rights.erasure
    """

    _hooks: tuple[Hook, ...] = ()
    _leaving: tuple[Hook, ...] = ()

    def on_erased(self, hook: Hook) -> None:
        """Run `hook(tx, erasure)` in the transaction that deletes the rows, so that a higher room deletes its own."""
        self._hooks = (*self._hooks, hook)

    def on_leaving(self, hook: Hook) -> None:
        """Run `hook(tx, erasure)` before the rows of a member of a merged person go, so that its refusals outlive it."""
        self._leaving = (*self._leaving, hook)

    @retried
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
        with self.data.write() as tx:
            begun = self.fence(tx, subject, classes, reason=reason, release=True, **words)
        return self.complete(begun.id)

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
        if not _REASON.fullmatch(reason):
            raise ValueError("a reason is a code, not free text")
        wanted = tuple(sorted(classes)) if classes is not None else ()
        under_way = self._under_way(tx, subject)
        if under_way is not None:
            if under_way.total or (wanted and set(wanted) <= set(under_way.classes)):
                return under_way
            raise SubjectErasingError
        self.ensure_subject(tx, subject)
        remaining = self._classes(tx, subject) - set(wanted)
        total = classes is None or not remaining
        new = self._ids.uuid7()
        body = {"erasure": b64(new), "reason": reason, "classes": list(wanted), "total": total}
        words = {"clause": clause, "policy_version": policy_version, "actor": actor}
        self._ledger.append(tx, "erase.fenced", subject=subject, body=body, **words)
        self._raise_generation(tx, subject, "erasing")
        tags = [self._people.suppression(tag) for tag in self._ring.tags_of(subject)] if total else []
        values = {
            "id": new,
            "subject": subject,
            "classes": json.dumps(() if total else wanted),
            "total": total,
            "step": "released" if release else "fenced",
            "reason": reason,
            "words": json.dumps(words),
            "tags": json.dumps([b64(tag) for tag in tags]),
            "begun_at": self._clock.now(),
            "counts": "{}",
        }
        tx.execute(sa.insert(store.erasure).values(**values))
        return self.erasure(tx, new)

    @retried
    def complete(self, erasure: bytes) -> Erasure:
        """Carry a fenced erasure through journal, keys and rows; safe to repeat, also after a crash in between."""
        with self.data.write() as tx:
            begun = self.erasure(tx, erasure, lock=True)
            if begun.step == "live":
                return begun
            table = store.erasure
            tx.execute(sa.update(table).where(table.c.id == erasure).values(step="released"))
            tags = [unb64(tag) for tag in json.loads(self._tags(tx, erasure))]
        crash_point("erase.fence")
        line = self._journal.append(
            erasure=erasure, subject=begun.subject, classes=begun.classes, tags=tags, time=self._clock.now()
        )
        crash_point("erase.journal")
        self._ring.destroy(begun.subject, None if begun.total else begun.classes, tags)
        crash_point("erase.keys")
        with self.data.write() as tx:
            if self.erasure(tx, erasure, lock=True).step != "live":
                self._rows(tx, begun, line.seq, line.hash())
            done = self.erasure(tx, erasure)
        crash_point("erase.rows")
        if self.data.dialect == "sqlite":  # elsewhere the cost would grow with the store, for bytes that no key opens
            self.data.tidy()
        return done

    def _rows(self, tx: sa.Connection, begun: Erasure, seq: int, line: str) -> None:
        """Delete the rows, free or close the subject, and write the entry that says so, in one transaction."""
        for hook in self._leaving if begun.total else ():
            hook(tx, begun)
        counts = self._delete(tx, begun)
        for hook in self._hooks:
            hook(tx, begun)
        self._raise_generation(tx, begun.subject, "erased" if begun.total else "live")
        body = {
            "journal": seq,
            "line": line,
            "reason": begun.reason,
            "classes": list(begun.classes),
            "total": begun.total,
            **counts,
        }
        words = begun.words
        self._ledger.append(
            tx,
            "erase.live",
            clause=words["clause"],
            policy_version=words["policy_version"],
            actor=words["actor"],
            body=body,
        )
        table = store.erasure
        tx.execute(
            sa.update(table)
            .where(table.c.id == begun.id)
            .values(
                step="live",
                tags="[]",
                journal_seq=seq,
                live_erased_at=self._clock.now(),
                counts=json.dumps(counts),
            )
        )

    def _delete(self, tx: sa.Connection, begun: Erasure) -> dict[str, Any]:
        subject = begun.subject
        gone = sa.delete(store.record).where(store.record.c.subject == subject)
        if not begun.total:
            gone = gone.where(store.record.c.shred_class.in_(begun.classes))
        counts = {"records": tx.execute(gone).rowcount}
        if begun.total:
            for name, table in (("relations", store.relation), ("standings", store.standing)):
                counts[name] = tx.execute(sa.delete(table).where(table.c.subject == subject)).rowcount
            tx.execute(sa.delete(store.start).where(store.start.c.subject == subject))
            tx.execute(sa.delete(store.merge).where(sa.or_(store.merge.c.one == subject, store.merge.c.other == subject)))
            tx.execute(sa.update(store.subject).where(store.subject.c.id == subject).values(person=None))
        classes = None if begun.total else set(begun.classes) - {CLASS_IDENTITY}
        counts["bodies"] = self._ledger.drop_bodies(tx, subject, classes)
        return counts

    def resume_erasures(self) -> list[Erasure]:
        """Finish every released erasure a crash interrupted; gives those still fenced, which their workflow must release."""
        table = store.erasure
        with self.data.read() as tx:
            rows = tx.execute(sa.select(table).where(table.c.step != "live").order_by(table.c.id))
            waiting = [read_erasure(row) for row in rows]
        for one in waiting:
            if one.step == "released":
                self.complete(one.id)
        return [one for one in waiting if one.step == "fenced"]

    def erasure(self, tx: sa.Connection, erasure: bytes, *, lock: bool = False) -> Erasure:
        """Give an erasure by id, with `lock` to carry it on alone; raises RecordUnknownError."""
        query = sa.select(store.erasure).where(store.erasure.c.id == erasure)
        row = tx.execute(query.with_for_update() if lock else query).first()
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
        """Destroy keys that no data belongs to and that were not met for `hours`; gives how many subjects lost one.

        They are left by a crash between keys and data, or by a class whose records are all gone. Nobody waits for
        longer than a page of them takes.
        """
        dek, last = store.key_dek, self._ring.hour() - hours
        with self._ring.store.read() as keys:
            query = sa.select(dek.c.subject, dek.c.shred_class).where(dek.c.hour <= last)
            old = keys.execute(query.order_by(dek.c.subject)).all()
        classes: dict[bytes, set[str]] = {}
        for subject, shred_class in old:
            classes.setdefault(subject, set()).add(shred_class)
        pages = iter(classes.items())
        swept = 0
        while page := dict(islice(pages, PAGE_OF_ORPHANS)):
            swept += self._orphans(page, last)
        self._ring.tidy()
        return swept

    @retried
    def _orphans(self, page: Mapping[bytes, set[str]], last: int) -> int:
        swept = 0
        with self.data.write() as tx:
            for subject, names in page.items():
                if self.subject(tx, subject) is None:
                    swept += self._ring.destroy(subject, None, unmet_since=last)
                elif names - self._classes(tx, subject) - {CLASS_IDENTITY}:
                    self.hold(tx, [subject])  # whoever takes a record in now waits, and makes a new key
                    unused = names - self._classes(tx, subject) - {CLASS_IDENTITY}
                    swept += bool(unused) and self._ring.destroy(subject, unused)
        return swept

    def _classes(self, tx: sa.Connection, subject: bytes) -> set[str]:
        """List the shred classes that a subject's records or ledger bodies are sealed under, identity apart."""
        query = sa.select(store.record.c.shred_class).where(store.record.c.subject == subject).distinct()
        sealed = set(tx.execute(query).scalars()) | self._ledger.body_classes(tx, subject)
        return sealed - {CLASS_IDENTITY}

    def _under_way(self, tx: sa.Connection, subject: bytes) -> Erasure | None:
        table = store.erasure
        row = tx.execute(sa.select(table).where(table.c.subject == subject, table.c.step != "live")).first()
        return None if row is None else read_erasure(row)

    def _tags(self, tx: sa.Connection, erasure: bytes) -> str:
        table = store.erasure
        return str(tx.execute(sa.select(table.c.tags).where(table.c.id == erasure)).scalar_one())
