"""Importing: many people from one file, each through the same gate as the form, several rows in one transaction.

Somebody else gave the data, so that somebody is confirmed first. A row that fails stores nothing and stops no other.
A file that was begun before is continued: what is stored of it is not stored again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date

import sqlalchemy as sa

from upheld.collection import store
from upheld.collection.actions import relation_of
from upheld.collection.model import Admission, Fault, Report, Row, RowFault, Source, Submission
from upheld.collection.rows import chunks, handed
from upheld.collection.rules import admit, asked_of_source, identifiers, starts, tell_by
from upheld.db import b64, retried, unb64
from upheld.notice import House, Published
from upheld.policy.model import Situation
from upheld.records import Erasure, SubjectErasedError, SubjectErasingError, Wanted
from upheld.web.refusals import Refusal

ROWS_AT_ONCE = 500
"""How many rows share a transaction. The bits of what is stored are kept by this number: it never changes."""

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


@dataclass(frozen=True, slots=True)
class _Ready:
    """A row that may be stored."""

    row: Row
    handed: Submission
    admitted: Admission
    found: dict[str, str]
    region: str


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

    def gone(tx: sa.Connection, erasure: Erasure) -> None:
        if erasure.total:
            store.forget(tx, erasure.subject)

    house.vault.on_erased(gone)


class _Import:
    """One run over one file."""

    def __init__(
        self, house: House, order: Order, published: Published, situation: Situation, tell: Told
    ) -> None:
        self._house, self._order, self._published, self._situation = house, order, published, situation
        self._policy = published.policy
        self._on = house.today(self._policy)
        self._lang = order.lang or self._policy.languages[0]
        self._by: dict[str, tuple[str, date] | None] = {}
        self._tell = tell
        self.report = Report(order.file.hex())

    def take(self, rows: Sequence[Row]) -> None:
        """Judge and store some rows that stand one after the other."""
        first = rows[0].number
        with self._house.store.read() as tx:
            done = store.stored_rows(tx, self._order.file, self._situation.id, first)
        ready = self._ready([row for row in rows if not done >> (row.number - first) & 1])
        looked = self.report.stopped or rows[-1].number
        self.report.known += sum(done >> (row.number - first) & 1 for row in rows if row.number <= looked)
        self.report.rows = looked
        if ready and not self._order.dry:
            self._store(ready, first)
        elif ready:
            self._count(ready)

    def _ready(self, rows: Sequence[Row]) -> list[_Ready]:
        """Put rows before the gate; of the faulty ones the first fault is told."""
        found: list[_Ready] = []
        for row in rows:
            outcome = self._judge(row)
            if isinstance(outcome, _Ready):
                found.append(outcome)
            elif self._fault(row, outcome):
                return self._not_erased(found)
        return self._not_erased(found)

    def _judge(self, row: Row) -> _Ready | Fault:
        if row.cells is None:
            return Fault("malformed", f"collection.{self._situation.id}")
        told = handed(self._policy, self._situation, row.cells, self._lang)
        admitted = admit(self._policy, self._house.law, self._situation.id, told, self._on)
        if admitted.faults:
            return admitted.faults[0]
        found = identifiers(self._policy, admitted.values, told.visitor)
        return _Ready(row, told, admitted, found, told.country[:2] or self._policy.controller.country)

    def _not_erased(self, ready: list[_Ready]) -> list[_Ready]:
        """Leave out people who were erased: nobody but they themselves brings them back.

        Clause: retention.proof
        """
        asked = [(kind, value, one.region) for one in ready for kind, value in one.found.items()]
        gone = iter(self._house.vault.suppressed_among(asked))
        kept: list[_Ready] = []
        for one in ready:
            if any([next(gone) for _ in one.found]):  # noqa: C419 - each answer must be taken
                if self._fault(one.row, Fault("suppressed", "retention.proof")):
                    break
            else:
                kept.append(one)
        return kept

    def _fault(self, row: Row, fault: Fault) -> bool:
        """Tell a fault; says whether the import ends here."""
        self.report.faulty += 1
        self._tell(RowFault(row.number, fault.code, fault.field, fault.clause))
        if self._order.stop:
            self.report.stopped = min(self.report.stopped or row.number, row.number)
        return self._order.stop

    def _store(self, ready: Sequence[_Ready], first: int) -> None:
        """Store rows together; where one meets a person who is being erased, each by itself."""
        for _ in range(2):
            try:
                return self._together(ready, first)
            except SubjectErasedError:
                continue  # erased since the look-up: a second look makes a new subject
            except SubjectErasingError:
                break
        if len(ready) == 1:
            self._fault(ready[0].row, Fault("busy", "rights.erasure"))
            return None
        for one in ready:
            if not self.report.stopped:
                self._store([one], first)
        return None

    def _together(self, ready: Sequence[_Ready], first: int) -> None:
        wanted = [Wanted(one.found, one.region, (self._situation.subject,)) for one in ready]
        subjects = self._house.vault.subjects_for(wanted)
        self._count(self._write(ready, subjects, first))

    @retried
    def _write(self, ready: Sequence[_Ready], subjects: Sequence[bytes], first: int) -> list[_Ready]:
        """Write the rows that nobody stored meanwhile, with their entries, in one transaction."""
        house, order = self._house, self._order
        with house.store.write() as tx:
            house.shelf.look(tx)
            if house.in_force().version != self._published.version:
                raise Refusal("notice_stale", _clause(self._published), policy_version=self._published.version)
            done = store.stored_rows(tx, order.file, self._situation.id, first)
            new = [
                (one, subject)
                for one, subject in zip(ready, subjects, strict=True)
                if not done >> (one.row.number - first) & 1
            ]
            house.vault.hold(tx, [subject for _, subject in new])
            for one, subject in new:
                self._put(tx, one, subject)
                done |= 1 << (one.row.number - first)
            store.keep_rows(tx, order.file, self._situation.id, first, done, house.clock.now())
        return [one for one, _ in new]

    def _put(self, tx: sa.Connection, one: _Ready, subject: bytes) -> None:
        house, policy, situation = self._house, self._policy, self._situation
        relation, _ = relation_of(house, tx, policy, situation, subject, one.handed.relation, self._order.actor)
        channel = _channel(self._published) or ""
        record = house.vault.put_record(
            tx,
            subject,
            situation=situation.id,
            policy_version=policy.version,
            origin=one.admitted.origin,
            fields=one.admitted.values,
            shred_class=situation.subject,
            channel=channel,
            subtype=one.handed.subtype,
            relation=relation,
            review=one.admitted.review,
            starts=starts(policy, situation),
        )
        body = {
            "situation": situation.id,
            "record": b64(record),
            "fields": list(one.admitted.values),
            "purposes": list(situation.purpose_ids),
            "origin": one.admitted.origin,
            "channel": channel,
            "subtype": one.handed.subtype,
            "source": self._order.source,
            "file": self._order.file.hex(),
            "row": one.row.number,
            "review": one.admitted.review,
        }
        owed = self._owed(one.admitted.origin)
        if owed is not None:
            body["inform"] = {"regime": owed[0], "by": owed[1].isoformat()}
            store.owe(tx, record, subject, *owed)
        house.ledger.append(
            tx,
            "record.imported",
            clause=f"collection.{situation.id}",
            policy_version=policy.version,
            actor=self._order.actor,
            body=body,
            subject=subject,
        )

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
