"""The vault: takes a person's fields in, opens them only whole and unaltered, and finds people without storing who they are."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from upheld.db import Insert, canonical, crash_point, later_all, parse_canonical, rows_among, to_ms
from upheld.records import store
from upheld.records.base import RECORDS
from upheld.records.cipher import Binding, BrokenSealError, DataKey, bound, seal_many, unseal
from upheld.records.circumstances import Circumstances
from upheld.records.model import (
    IdentifierSharedError,
    Put,
    Record,
    RecordChangedError,
    RecordUnknownError,
    SubjectErasedError,
    SubjectErasingError,
)
from upheld.records.people import Wanted
from upheld.records.persons import Persons
from upheld.records.replay import Replaying
from upheld.records.rows import read_record

_PUT_RECORD = Insert(store.record)
_LIVE = store.subject.c.state == "live"
_OF_SUBJECT = store.subject.c.id == store.record.c.subject


class Vault(Circumstances, Persons, Replaying):
    """What is held about people. Safe to share between threads; `tx` is a transaction of the data store.

    Clause: security.technical
    """

    # people

    def subject_for(
        self, identifiers: Mapping[str, str], *, region: str | None = None, classes: Iterable[str] = ()
    ) -> bytes:
        """Find the subject of these identifiers (kind to value), or make one; gives the subject number.

        Call it before the transaction of the data: keys are durable first. The first identifier that only one
        person can have decides; `region` is the country of phone numbers without `+`. `classes` are shred
        classes whose keys will be needed. An identifier with no normal form is left out of the index.
        """
        (subject,) = self.subjects_for([Wanted(identifiers, region, tuple(classes))])
        return subject

    def subjects_for(self, wanted: Sequence[Wanted]) -> list[bytes]:
        """Do as `subject_for` for many people; all new keys become durable in one transaction."""
        met = self._people.meet(wanted)
        known = {subject for subject, known in met if known}
        orphans = known - self._entered(known) if known else known
        found = [subject for subject, _ in met]
        swept = self._people.touch(orphans) if orphans else orphans
        for at, subject in enumerate(found):
            if subject in swept:
                ((found[at], _),) = self._people.meet([wanted[at]])
        crash_point("collect.keys")
        return found

    def _entered(self, subjects: Collection[bytes]) -> set[bytes]:
        with self.data.read() as tx:
            return {row[0] for row in rows_among(tx, "SELECT id FROM subject WHERE id", subjects)}

    def find(self, kind: str, value: str, *, region: str | None = None) -> bytes | None:
        """Give a subject with this identifier, or None; raises IdentifierSharedError when several persons have it."""
        found = self._people.find_all(kind, value, region)
        if len(found) > 1:
            with self.data.read() as tx:
                if not set(found) <= set(self.members(tx, found[0])):
                    raise IdentifierSharedError
        return found[0] if found else None

    def find_all(self, kind: str, value: str, *, region: str | None = None) -> tuple[bytes, ...]:
        """List the subjects with this identifier."""
        return self._people.find_all(kind, value, region)

    def suppressed(self, kind: str, value: str, *, region: str | None = None) -> bool:
        """Say whether this identifier belongs to an erased person whom no import or sync may bring back."""
        return self._people.suppressed(kind, value, region)

    def suppressed_among(self, identifiers: Sequence[tuple[str, str, str | None]]) -> list[bool]:
        """Say of each identifier (kind, value, region) whether it belongs to an erased person; one look for all."""
        return self._people.suppressed_among(identifiers)

    # records

    def put_record(
        self,
        tx: sa.Connection,
        subject: bytes,
        *,
        situation: str,
        policy_version: str,
        origin: str,
        fields: Mapping[str, Any],
        shred_class: str,
        collected_at: datetime | None = None,
        channel: str = "",
        subtype: str = "",
        relation: bytes | None = None,
        receipt_id: str = "",
        review: str = "",
        starts: Collection[str] = (),
    ) -> bytes:
        """Seal fields as one record and give its id (UUIDv7).

        Values are strings, integers, booleans, lists or objects of them. `starts` names the retention clocks
        this taking restarts (`last_contact`). Raises SubjectErasingError or SubjectErasedError.
        """
        (record,) = self.put_records(
            tx,
            [Put(subject, origin, fields, subtype, relation, review)],
            situation=situation,
            policy_version=policy_version,
            shred_class=shred_class,
            collected_at=collected_at,
            channel=channel,
            receipt_id=receipt_id,
            starts=starts,
        )
        return record

    def put_records(
        self,
        tx: sa.Connection,
        puts: Sequence[Put],
        *,
        situation: str,
        policy_version: str,
        shred_class: str,
        collected_at: datetime | None = None,
        channel: str = "",
        receipt_id: str = "",
        starts: Collection[str] = (),
    ) -> list[bytes]:
        """Do as `put_record` for many records of one situation; gives their ids in the same order."""
        for subject in dict.fromkeys(one.subject for one in puts):
            self.ensure_subject(tx, subject)
        ciphers = self._ring.ready(shred_class, [one.subject for one in puts])
        at = collected_at or self._clock.now()
        binding, time = Binding(self._ring.tenant, "record", situation, policy_version), to_ms(at)
        ids = self._ids.uuid7s(len(puts))
        told = [
            (cipher, canonical(one.fields), binding.of(one.subject, record))
            for cipher, record, one in zip(ciphers, ids, puts, strict=True)
        ]
        sealed = seal_many(told, self._ids.random)
        rows = [
            (
                one.subject, record, situation, policy_version, one.origin, shred_class, time, channel, one.subtype,
                one.relation, receipt_id, one.review, closed,
            )
            for record, one, closed in zip(ids, puts, sealed, strict=True)
        ]  # fmt: skip
        later_all(tx, _PUT_RECORD, rows)
        for subject, relation in dict.fromkeys((one.subject, one.relation) for one in puts):
            for word in starts:
                self._mark(tx, subject, word, at, relation)
        return ids

    def record(self, tx: sa.Connection, record_id: bytes) -> Record:
        """Give a record of a live subject by id; raises RecordUnknownError."""
        query = sa.select(store.record).join(store.subject, _OF_SUBJECT)
        row = tx.execute(query.where(store.record.c.id == record_id, _LIVE)).first()
        if row is None:
            raise RecordUnknownError
        return read_record(row)

    def records_of(
        self, tx: sa.Connection, subject: bytes, *, erasure: bytes | None = None
    ) -> list[Record]:
        """List a subject's records, oldest first; none unless the subject is live, or `erasure` is the one under way."""
        state = self.subject(tx, subject)
        if state is None or not (state.state == "live" or self._may_still(tx, subject, erasure)):
            return []
        return sorted(map(read_record, RECORDS.of(tx, subject)), key=lambda one: one.id)

    def iter_records(
        self,
        tx: sa.Connection,
        stated: Collection[tuple[str, str]],
        *,
        after: tuple[bytes, bytes] | None = None,
        limit: int = 1000,
    ) -> list[Record]:
        """Give the next records of live subjects taken in these (situation, policy version) pairs.

        In order of (subject, record id), from behind `after`; an audience pages through with the last pair.
        """
        rec = store.record
        by_situation: dict[str, list[str]] = {}
        for situation, version in stated:
            by_situation.setdefault(situation, []).append(version)
        wanted = [
            sa.and_(rec.c.situation == situation, rec.c.policy_version.in_(versions))
            for situation, versions in by_situation.items()
        ]
        if not wanted:
            return []
        query = sa.select(rec).join(store.subject, _OF_SUBJECT).where(_LIVE, sa.or_(*wanted))
        if after is not None:
            behind = sa.and_(rec.c.subject == after[0], rec.c.id > after[1])
            query = query.where(sa.or_(rec.c.subject > after[0], behind))
        query = query.order_by(rec.c.subject, rec.c.id).limit(limit)
        return [read_record(row) for row in tx.execute(query)]

    def in_review(self, tx: sa.Connection, *, limit: int = 200) -> list[Record]:
        """List records of live subjects that a person must look at first, the oldest first."""
        query = sa.select(store.record).join(store.subject, _OF_SUBJECT).where(_LIVE, store.record.c.review != "")
        return [read_record(row) for row in tx.execute(query.order_by(store.record.c.id).limit(limit))]

    def open_fields(
        self, tx: sa.Connection, record: Record, *, erasure: bytes | None = None
    ) -> dict[str, Any]:
        """Open a record's fields; the subject's state is read in the same transaction.

        Raises RecordChangedError when situation, version, place or bytes are not those that were sealed,
        SubjectErasingError unless `erasure` is the erasure under way, SubjectErasedError, KeyGoneError.
        """
        self._readable(tx, record.subject, erasure)
        try:
            raw = self._ring.unseal(record.subject, record.shred_class, self._aad(record), record.sealed)
        except BrokenSealError:
            raise RecordChangedError from None
        fields: dict[str, Any] = parse_canonical(raw)
        return fields

    def open_many(self, tx: sa.Connection, records: Sequence[Record]) -> list[dict[str, Any]]:
        """Open the fields of many records of live subjects, keys of one shred class read together; raises as `open_fields`."""
        self.hold(tx, {one.subject for one in records})
        opened: dict[bytes, dict[str, Any]] = {}
        alike: dict[tuple[str, str, str], list[Record]] = {}
        for one in records:
            self._readable(tx, one.subject, None)
            alike.setdefault((one.shred_class, one.situation, one.policy_version), []).append(one)
        for (shred_class, *stated), own in alike.items():
            place = Binding(self._ring.tenant, "record", *stated)
            columns = zip(*((one.subject, one.id, one.sealed) for one in own), strict=True)
            try:
                raw = self._ring.unseal_many(shred_class, place, *columns)
            except BrokenSealError:
                raise RecordChangedError from None
            opened.update((one.id, parse_canonical(plain)) for one, plain in zip(own, raw, strict=True))
        return [opened[one.id] for one in records]

    def replace_fields(
        self,
        tx: sa.Connection,
        record: Record,
        fields: Mapping[str, Any],
        *,
        shred_class: str | None = None,
    ) -> Record:
        """Seal other fields in place of a record's, for a correction, or under another shred class when a law keeps them."""
        self._live(tx, record.subject)
        named = replace(record, shred_class=shred_class or record.shred_class)
        self._ring.ensure(record.subject, [named.shred_class])
        anew = replace(named, sealed=self._sealed(named, fields))
        self._change(tx, record, sealed=anew.sealed, shred_class=anew.shred_class)
        return anew

    def set_review(self, tx: sa.Connection, record: Record, review: str) -> Record:
        """Set why a person must look at a record before others may, or clear it with an empty word."""
        self._live(tx, record.subject)
        self._change(tx, record, review=review)
        return replace(record, review=review)

    def set_relation(self, tx: sa.Connection, record: Record, relation: bytes | None) -> Record:
        """Hang a record on a relation of the same subject."""
        self._live(tx, record.subject)
        self._change(tx, record, relation=relation)
        return replace(record, relation=relation)

    def index_more(
        self, subject: bytes, identifiers: Mapping[str, str], *, region: str | None = None
    ) -> None:
        """Let a known subject also be found by these identifiers, as after a correction; another's stay theirs."""
        self._people.add(subject, identifiers, region)

    # proofs

    def any_record(self) -> Record | None:
        """Give some record of a living person, to try a copy of the keys on; None when nothing is held."""
        query = sa.select(store.record).join(store.subject, _OF_SUBJECT).where(_LIVE).limit(1)
        with self.data.read() as tx:
            row = tx.execute(query).first()
        return None if row is None else read_record(row)

    def opens(self, record: Record, key: bytes | None) -> bool:
        """Say whether this key opens a record; also true when the record went meanwhile, and nothing is left to open."""
        if key is not None:
            try:
                unseal(DataKey(key).record(), record.sealed, self._aad(record))
            except BrokenSealError:
                key = None
        with self.data.read() as tx:
            return key is not None or not any(one.id == record.id for one in self.records_of(tx, record.subject))

    def _change(self, tx: sa.Connection, record: Record, **values: Any) -> None:
        table = store.record
        at = sa.and_(table.c.subject == record.subject, table.c.id == record.id)
        if not tx.execute(sa.update(table).where(at).values(**values)).rowcount:
            raise RecordUnknownError

    def _readable(self, tx: sa.Connection, subject: bytes, erasure: bytes | None) -> None:
        state = self.subject(tx, subject)
        if state is None or state.state == "erased":
            raise SubjectErasedError
        if state.state == "erasing" and not self._may_still(tx, subject, erasure):
            raise SubjectErasingError

    def _may_still(self, tx: sa.Connection, subject: bytes, erasure: bytes | None) -> bool:
        """The workflow of an erasure may read what it must erase elsewhere, until it releases it."""
        under_way = self._under_way(tx, [subject]).get(subject) if erasure is not None else None
        return under_way is not None and under_way.id == erasure and under_way.step == "fenced"

    def _sealed(self, record: Record, fields: Mapping[str, Any]) -> bytes:
        return self._ring.seal(
            record.subject, record.shred_class, self._aad(record), canonical(dict(fields))
        )

    def _aad(self, record: Record) -> bytes:
        return bound(
            self._ring.tenant,
            record.subject,
            record.id,
            "record",
            record.situation,
            record.policy_version,
        )
