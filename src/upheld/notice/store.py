"""The shelf: every published version, kept for ever and loaded compiled; one of them is in force at an instant."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Mapping
from datetime import datetime
from typing import Any, TypeAlias

import sqlalchemy as sa

from upheld.db import Clock, Hot, Store, UtcMs, data_metadata, rows
from upheld.notice.model import Published
from upheld.policy.compile import load
from upheld.policy.law import Law
from upheld.policy.model import CompiledPolicy, Frozen
from upheld.policy.source import digest

version_table = sa.Table(
    "policy_version",
    data_metadata,
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("version", sa.String(80), nullable=False, unique=True),
    sa.Column("promise_hash", sa.String(64), nullable=False),
    sa.Column("published_at", UtcMs, nullable=False),
    sa.Column("effective_from", UtcMs, nullable=False),
    sa.Column("effective_noted", sa.Boolean, nullable=False, default=False),
)

text_table = sa.Table(
    "policy_text",
    data_metadata,
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("version", sa.String(80), nullable=False, index=True),
    sa.Column("evidence_hash", sa.String(64), nullable=False),
    sa.Column("since", UtcMs, nullable=False),
    sa.Column("content", sa.Text, nullable=False),
    sa.Column("documents", sa.Text, nullable=False),
    comment="the sections of a version with the evidence of its day; the newest row of a version counts",
)

document_table = sa.Table(
    "policy_document",
    data_metadata,
    sa.Column("hash", sa.String(64), primary_key=True),
    sa.Column("content", sa.LargeBinary, nullable=False),
)

AnyRow: TypeAlias = sa.Row[Any]
LOOK_SECONDS = 0.05
"""How old the knowledge of what is published may be where the engine does not tell that somebody wrote."""
TELL_SECONDS = 0.001
_NEWEST = "SELECT coalesce((SELECT max(number) FROM policy_version), 0), coalesce((SELECT max(number) FROM policy_text), 0)"


class Shelf:
    """Published versions of one data store. Safe to share between threads.

    Another process may publish: each question first looks whether anything was added (microseconds).
    A caller that answers a request asks `in_force` once and passes the answer on, so that no answer mixes two.
    Clause: amendment.default (APPI 21)
    """

    def __init__(self, store: Store, law: Law, clock: Clock) -> None:
        """Read from the data store `store`; nothing is loaded before it is asked for."""
        self._store = store
        self._law = law
        self._clock = clock
        self._lock = threading.RLock()
        self._look: Hot | None = None
        self._seen: tuple[int, int] = (-1, -1)
        self._news: int | None = -1
        self._looked = 0.0
        self._rows: tuple[tuple[AnyRow, AnyRow], ...] = ()
        self._policies: dict[tuple[str, str], CompiledPolicy] = {}
        self._published: dict[str, Published] = {}
        self._in_force: Published | None = None

    def in_force(self, at: datetime | None = None) -> Published | None:
        """Give the version in force at a moment (default: now), or None before the first."""
        moment = self._clock.now() if at is None else at
        last = self._in_force  # what was answered last, while nothing newer can be known: without waiting for the lock
        if last is not None and self._is_fresh() and last.in_force(moment):
            return last
        with self._lock:
            current = self._current()
            last = self._in_force
            if last is not None and last.in_force(moment):
                return last
            rows = [pair for pair in current if pair[0].effective_from <= moment]
            found = self._load(rows[-1][0].version) if rows else None
            if at is None:
                self._in_force = found
            return found

    def announced(self, at: datetime | None = None) -> Published | None:
        """Give the next version that is published but not yet in force at a moment, or None."""
        moment = self._clock.now() if at is None else at
        with self._lock:
            for head, _ in self._current():
                if head.effective_from > moment:
                    return self._load(head.version)
        return None

    def version(self, version: str) -> Published | None:
        """Give a published version by its number, or None."""
        kept = self._published.get(version)
        if kept is not None and self._is_fresh():
            return kept
        with self._lock:
            self._current()
            known = {head.version for head, _ in self._rows}
            return self._load(version) if version in known else None

    def versions(self) -> tuple[Published, ...]:
        """List all published versions in the order in which they come into force."""
        with self._lock:
            return tuple(self._load(head.version) for head, _ in self._current())

    def document(self, digest: str) -> bytes | None:
        """Give a document the evidence cites or cited, by its SHA-256, or None."""
        with self._store.read() as tx:
            query = sa.select(document_table.c.content).where(document_table.c.hash == digest)
            return tx.execute(query).scalar()

    def close(self) -> None:
        """Let go of the connection that looks for news."""
        with self._lock:
            if self._look is not None:
                self._look.close()
                self._look = None

    def _current(self) -> tuple[tuple[AnyRow, AnyRow], ...]:
        """Give (version row, newest text row) in order of force, read again when something was added."""
        if self._look is None:
            self._look = self._store.hot()
        if not self._anything_new(self._look):
            return self._rows
        (newest,) = self._look.rows(_NEWEST)
        if newest != self._seen:
            with self._store.read() as tx:
                self._rows = _rows(tx)
            self._seen = newest
            self._published.clear()
        return self._rows

    def _anything_new(self, look: Hot) -> bool:
        """Say whether the store may have changed since the last look.

        SQLite tells cheaply, and is asked again after a millisecond; PostgreSQL does not tell, and is asked after 50.
        """
        if self._is_fresh():
            return False
        now = time.monotonic()
        seen = look.news()
        if seen is not None and seen == self._news:
            self._looked = now
            return False
        self._news, self._looked, self._in_force = seen, now, None
        return True

    def _is_fresh(self) -> bool:
        return time.monotonic() - self._looked < (LOOK_SECONDS if self._news is None else TELL_SECONDS)

    def look(self, tx: sa.Connection) -> None:
        """Look at what is published in a transaction that writes, so that it decides by what it sees there.

        On SQLite nobody else can write meanwhile, so that looking again is enough.
        """
        if tx.dialect.name == "sqlite":
            with self._lock:
                self._looked = 0.0
                self._current()
            return
        (newest,) = rows(tx, _NEWEST)
        if newest != self._seen:
            self.look_again()

    def look_again(self) -> None:
        """Look at the store at the next question; for whoever has just published."""
        with self._lock:
            self._news, self._looked, self._in_force = -1, 0.0, None

    def _load(self, version: str) -> Published:
        kept = self._published.get(version)
        if kept is None:
            place, (head, text) = next(
                (place, pair) for place, pair in enumerate(self._rows) if pair[0].version == version
            )
            after = self._rows[place + 1][0].effective_from if place + 1 < len(self._rows) else None
            kept = self._published[version] = Published(
                policy=self._policy(head, text),
                version=version,
                published_at=head.published_at,
                effective_from=head.effective_from,
                superseded_at=after,
                evidence_since=text.since,
                documents=Frozen(json.loads(text.documents)),
            )
        return kept

    def _policy(self, head: AnyRow, text: AnyRow) -> CompiledPolicy:
        key = (head.version, text.evidence_hash)
        found = self._policies.get(key)
        if found is None:
            with self._store.read() as tx:
                query = sa.select(text_table.c.content).where(text_table.c.number == text.number)
                content = tx.execute(query).scalar_one()
            found = self._policies[key] = load(content, self._law, head.promise_hash, text.evidence_hash)
        return found


def _rows(tx: sa.Connection) -> tuple[tuple[AnyRow, AnyRow], ...]:
    heads = tx.execute(
        sa.select(version_table).order_by(version_table.c.effective_from, version_table.c.number)
    ).all()
    columns = [column for column in text_table.c if column.name != "content"]
    texts = {row.version: row for row in tx.execute(sa.select(*columns).order_by(text_table.c.number))}
    return tuple((head, texts[head.version]) for head in heads)


def put_version(
    tx: sa.Connection, policy: CompiledPolicy, published_at: datetime, effective_from: datetime
) -> None:
    """Write the head of a new version; its text follows with `put_text`."""
    tx.execute(
        sa.insert(version_table).values(
            number=_next(tx, version_table),
            version=policy.version,
            promise_hash=policy.promise_hash,
            published_at=published_at,
            effective_from=effective_from,
        )
    )


def put_text(
    tx: sa.Connection, policy: CompiledPolicy, content: str, documents: Mapping[str, bytes], since: datetime
) -> Mapping[str, str]:
    """Write the sections of a version with today's evidence and the documents it cites; gives their hashes."""
    digests = {path: digest(raw) for path, raw in documents.items()}
    for path, raw in documents.items():
        known = sa.select(document_table.c.hash).where(document_table.c.hash == digests[path])
        if tx.execute(known).first() is None:
            tx.execute(sa.insert(document_table).values(hash=digests[path], content=raw))
    tx.execute(
        sa.insert(text_table).values(
            number=_next(tx, text_table),
            version=policy.version,
            evidence_hash=policy.evidence_hash,
            since=since,
            content=content,
            documents=json.dumps(digests, sort_keys=True),
        )
    )
    return digests


def _next(tx: sa.Connection, table: sa.Table) -> int:
    """Give the next row number; of two that publish at once one finds it taken, and looks again."""
    return int(tx.execute(sa.select(sa.func.max(table.c.number))).scalar() or 0) + 1


def newest(tx: sa.Connection) -> tuple[str, str] | None:
    """Give (version, evidence hash) of the version that comes into force last, or None."""
    rows = _rows(tx)
    return (rows[-1][0].version, rows[-1][1].evidence_hash) if rows else None


def not_yet_effective(tx: sa.Connection, now: datetime) -> list[tuple[str, datetime]]:
    """List (version, moment) of versions in force or past whose effect was not written down yet."""
    table = version_table.c
    query = sa.select(table.version, table.effective_from).where(
        table.effective_noted.is_(False), table.effective_from <= now
    )
    return [(row.version, row.effective_from) for row in tx.execute(query.order_by(table.effective_from))]


def set_effective(tx: sa.Connection, version: str) -> bool:
    """Mark that a version's taking effect was written down; false when it was marked before."""
    table = version_table.c
    change = sa.update(version_table).where(table.version == version, table.effective_noted.is_(False))
    return bool(tx.execute(change.values(effective_noted=True)).rowcount)
