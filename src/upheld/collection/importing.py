"""Importing: many people from one file, each through the same gate as the form, several rows in one transaction.

Somebody else gave the data, so that somebody is confirmed first. A row that fails stores nothing and stops no other.
A file that was begun before is continued: what is stored of it is not stored again.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import NamedTuple

import sqlalchemy as sa

from upheld.collection import store
from upheld.collection.actions import relation_of
from upheld.collection.model import Admission, Fault, Report, Row, RowFault, Source
from upheld.collection.rows import Columns, chunks
from upheld.collection.rules import asked_of_source, relation_kind, starts, tell_by
from upheld.collection.store import PAGE
from upheld.collection.usual import Usual
from upheld.db import b64, retried, unb64
from upheld.ledger import NewEntry
from upheld.notice import House, Published
from upheld.policy.model import Situation
from upheld.records import Put, SubjectErasedError, SubjectErasingError, Wanted
from upheld.records.index import SHARED
from upheld.web.refusals import Refusal

ROWS_AT_ONCE = 4 * PAGE
"""How many rows share a transaction: whole pages of what is noted as stored."""

Told = Callable[[RowFault], None]


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be imported: into which situation, from which confirmed source, by whom, of which file.

    `file` is the SHA-256 of its bytes. With `stop` nothing behind the first faulty row is looked at; with `dry`
    rows are judged and nothing is stored.
    """

    situation: str
    file: bytes
    actor: str
    source: str = ""
    lang: str = ""
    stop: bool = False
    dry: bool = False


class _Ready(NamedTuple):
    """A row that may be stored; the region is the country of phone numbers without `+`."""

    number: int
    admitted: Admission
    found: dict[str, str]
    region: str
    subtype: str
    relation: str
    who: Hashable
    """What rows of one person share; a row that only a shared kind or nothing names stands for itself."""


@retried
def confirm_source(house: House, situation_id: str, source: Source, actor: str) -> str:
    """Write down who gave the data and how they came by them, and give the reference that an import needs.

    What must be told is what the law of the policy asks, or the situation itself. Raises Refusal `source_unconfirmed`
    naming what is missing.
    Clause: notice.channels.import (APPI 30(1), GDPR 14)
    """
    published, situation = situation_for_import(house, situation_id)
    policy, said = published.policy, source.said()
    asked = asked_of_source(policy, house.law, situation, house.today(policy))
    missing = tuple(word for word in asked if word not in said)
    if missing:
        raise Refusal("source_unconfirmed", _clause(published), fields=missing, policy_version=policy.version)
    body = {"situation": situation.id, **said}
    with house.store.write() as tx:
        entry = house.ledger.append(
            tx, "source.confirmed", clause=_clause(published), policy_version=policy.version, actor=actor, body=body
        )
        told = {"entry": entry, "situation": situation.id, "actor": actor, "at": house.clock.now()}
        tx.execute(sa.insert(store.source_table).values(**told))
    house.stirred.set()
    return b64(entry)


def situation_for_import(house: House, situation_id: str) -> tuple[Published, Situation]:
    """Give the situation in force; raises Refusal where it is unknown or the policy declares no import."""
    published = house.in_force()
    situation = published.policy.situations.get(situation_id)
    if situation is None:
        raise Refusal("situation_unknown", "collection", policy_version=published.version)
    if _channel(published) is None:
        raise Refusal("source_unconfirmed", "notice.channels", policy_version=published.version)
    return published, situation


def _channel(published: Published) -> str | None:
    found = (one.id for one in published.policy.channels.values() if one.how == "import")
    return next(found, None)


def _clause(published: Published) -> str:
    return f"notice.channels.{_channel(published)}"


def run(house: House, order: Order, rows: Iterable[Row], tell: Told) -> Report:
    """Take the rows in, and give the counts; each fault is told at once by row, code and field, never with a value.

    Raises Refusal `source_unconfirmed` where no source was confirmed for the situation, before a row is looked at.
    Clause: collection.situations (APPI 17, 18, 20, 30; GDPR 5, 14)
    """
    published, situation = situation_for_import(house, order.situation)
    if not order.dry:
        _confirmed(house, order, published)
    work = _Import(house, order, published, situation, tell)
    try:
        for chunk in chunks(rows, ROWS_AT_ONCE):
            work.take(chunk)
            if work.report.stopped:
                break
    finally:
        house.stirred.set()
    return work.report


def _confirmed(house: House, order: Order, published: Published) -> None:
    try:
        entry = unb64(order.source) if order.source else b""
    except ValueError:
        entry = b""
    query = sa.select(store.source_table.c.situation).where(store.source_table.c.entry == entry)
    with house.store.read() as tx:
        known = tx.execute(query).scalar() if entry else None
    if known != order.situation:
        raise Refusal("source_unconfirmed", _clause(published), policy_version=published.version)


def subscribe(house: House) -> None:
    """Forget what was owed to people who are erased."""
    house.vault.on_erased(store.forget)


class _Import:
    """One run over one file."""

    def __init__(
        self, house: House, order: Order, published: Published, situation: Situation, tell: Told
    ) -> None:
        self._house, self._order, self._published, self._situation = house, order, published, situation
        self._policy = published.policy
        self._on = house.today(self._policy)
        self._columns = Columns(self._policy, situation, order.lang or self._policy.languages[0])
        self._gate = Usual(self._policy, house.law, situation, self._on)
        self._channel = _channel(published) or ""
        self._by: dict[str, tuple[str, date] | None] = {}
        self._tell = tell
        self.report = Report(order.file.hex())

    def take(self, rows: Sequence[Row]) -> None:
        """Judge and store some rows that stand one after the other."""
        span = range(rows[0].number, rows[-1].number + 1)
        with self._house.store.read() as tx:
            done = store.stored_rows(tx, self._order.file, self._situation.id, span)
        ready = self._ready([row for row in rows if row.number not in done] if done else rows)
        looked = self.report.stopped or rows[-1].number
        self.report.known += sum(number <= looked for number in done)
        self.report.rows = looked
        if ready and not self._order.dry:
            self._store(ready, span)
        elif ready:
            self._count(ready)

    def _ready(self, rows: Sequence[Row]) -> list[_Ready]:
        """Put rows before the gate; of the faulty ones the first fault is told."""
        found: list[_Ready] = []
        for row in rows:
            outcome = self._judge(row)
            if isinstance(outcome, _Ready):
                found.append(outcome)
            elif self._fault(row.number, outcome):
                break
        return self._not_erased(found)

    def _judge(self, row: Row) -> _Ready | Fault:
        if row.cells is None:
            return Fault("malformed", f"collection.{self._situation.id}")
        told = self._columns.handed(row.cells)
        admitted, found = self._gate.judge(told)
        if admitted.faults:
            return admitted.faults[0]
        region = told.country[:2] or self._policy.controller.country
        who = (region, *found.items()) if found.keys() - SHARED else row.number
        return _Ready(row.number, admitted, found, region, told.subtype, told.relation, who)

    def _not_erased(self, ready: list[_Ready]) -> list[_Ready]:
        """Leave out people who were erased: nobody but they themselves brings them back.

        Clause: retention.proof
        """
        people = {one.who: one for one in ready}
        asked = [(kind, value, one.region) for one in people.values() for kind, value in one.found.items()]
        answers = iter(self._house.vault.suppressed_among(asked))
        gone = {who for who, one in people.items() if any([next(answers) for _ in one.found])}  # noqa: C419 - each is taken
        if not gone:
            return ready
        kept: list[_Ready] = []
        for one in ready:
            if one.who not in gone:
                kept.append(one)
            elif self._fault(one.number, Fault("suppressed", "retention.proof")):
                break
        return kept

    def _fault(self, row: int, fault: Fault) -> bool:
        """Tell a fault; says whether the import ends here."""
        self.report.faulty += 1
        self._tell(RowFault(row, fault.code, fault.field, fault.clause))
        if self._order.stop:
            self.report.stopped = min(self.report.stopped or row, row)
        return self._order.stop

    def _store(self, ready: Sequence[_Ready], span: range) -> None:
        """Store rows together; where one meets a person who is being erased, each by itself."""
        for _ in range(2):
            try:
                return self._together(ready, span)
            except SubjectErasedError:
                continue  # erased since the look-up: a second look makes a new subject
            except SubjectErasingError:
                break
        if len(ready) == 1:
            self._fault(ready[0].number, Fault("busy", "rights.erasure"))
            return None
        for one in ready:
            if not self.report.stopped:
                self._store([one], span)
        return None

    def _together(self, ready: Sequence[_Ready], span: range) -> None:
        people = {one.who: one for one in ready}
        wanted = [Wanted(one.found, one.region, (self._situation.subject,)) for one in people.values()]
        subjects = dict(zip(people, self._house.vault.subjects_for(wanted), strict=True))
        self._count(self._write([(one, subjects[one.who]) for one in ready], span))

    @retried
    def _write(self, ready: Sequence[tuple[_Ready, bytes]], span: range) -> list[_Ready]:
        """Write the rows that nobody stored meanwhile, with their entries, in one transaction."""
        house, order = self._house, self._order
        with house.store.write() as tx:
            house.shelf.look(tx)
            if house.in_force().version != self._published.version:
                raise Refusal("notice_stale", _clause(self._published), policy_version=self._published.version)
            now = house.clock.now()
            done = store.stored_rows(tx, order.file, self._situation.id, span, at=now)
            new = [(one, subject) for one, subject in ready if one.number not in done]
            if new:
                house.vault.hold(tx, {subject for _, subject in new})
                self._put(tx, new)
                done.update(one.number for one, _ in new)
                store.keep_rows(tx, order.file, self._situation.id, span.start, done, now)
        return [one for one, _ in new]

    def _put(self, tx: sa.Connection, new: Sequence[tuple[_Ready, bytes]]) -> None:
        """Put records and their entries."""
        house, policy, situation = self._house, self._policy, self._situation
        puts = [
            Put(subject, one.admitted.origin, one.admitted.values, one.subtype, relation, one.admitted.review)
            for (one, subject), relation in zip(new, self._relations(tx, new), strict=True)
        ]
        records = house.vault.put_records(
            tx,
            puts,
            situation=situation.id,
            policy_version=policy.version,
            shred_class=situation.subject,
            channel=self._channel,
            starts=starts(policy, situation),
        )
        clause = f"collection.{situation.id}"
        shared = {
            "situation": situation.id,
            "purposes": list(situation.purpose_ids),
            "channel": self._channel,
            "source": self._order.source,
            "file": self._order.file.hex(),
        }
        entries: list[NewEntry] = []
        for (one, subject), record in zip(new, records, strict=True):
            admitted = one.admitted
            body = {
                **shared,
                "record": b64(record),
                "fields": list(admitted.values),
                "origin": admitted.origin,
                "subtype": one.subtype,
                "row": one.number,
                "review": admitted.review,
            }
            owed = self._owed(admitted.origin)
            if owed is not None:
                body["inform"] = {"regime": owed[0], "by": owed[1].isoformat()}
                store.owe(tx, record, subject, *owed)
            entries.append(NewEntry("record.imported", clause, policy.version, self._order.actor, body, subject))
        house.ledger.append_many(tx, entries)

    def _relations(self, tx: sa.Connection, new: Sequence[tuple[_Ready, bytes]]) -> list[bytes | None]:
        """Open or find the relationships that the rows belong to, where this kind of person has any."""
        if not relation_kind(self._policy, self._situation):
            return [None] * len(new)
        house, policy, situation, actor = self._house, self._policy, self._situation, self._order.actor
        return [relation_of(house, tx, policy, situation, subject, one.relation, actor)[0] for one, subject in new]

    def _owed(self, origin: str) -> tuple[str, date] | None:
        if origin not in self._by:
            self._by[origin] = tell_by(self._policy, self._house.law, origin, self._on)
        return self._by[origin]

    def _count(self, stored: Sequence[_Ready]) -> None:
        report = self.report
        report.stored += len(stored)
        report.review += sum(bool(one.admitted.review) for one in stored)
        owed = [by for one in stored if (by := self._owed(one.admitted.origin)) is not None]
        report.informed += len(owed)
        if owed:
            report.inform_by = min(report.inform_by or owed[0][1], *(day for _, day in owed))
