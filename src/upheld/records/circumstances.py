"""What surrounds a person's records: relations, standings per purpose, and the starts of retention clocks."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date, datetime

import sqlalchemy as sa

from upheld.records import store
from upheld.records.base import VaultBase
from upheld.records.cipher import BrokenSealError, bound
from upheld.records.model import (
    CLASS_IDENTITY,
    Due,
    RecordChangedError,
    RecordUnknownError,
    Relation,
    Standing,
)
from upheld.records.rows import read_record

NO_RELATION = b""


class Circumstances(VaultBase):
    """Relations, standings and start events; every write is inside the caller's transaction."""

    def relation_open(
        self, tx: sa.Connection, subject: bytes, kind: str, outside_id: str, opened: date
    ) -> bytes:
        """Open a contract, account or application and give its id; one already there is given back unchanged."""
        self.ensure_subject(tx, subject)
        found = self.relation_find(tx, subject, kind, outside_id)
        if found is not None:
            return found.id
        new = self._ids.uuid7()
        self._ring.ensure(subject, ())
        aad = bound(self._ring.tenant, subject, new, "relation.outside")
        values = {
            "id": new,
            "subject": subject,
            "kind": kind,
            "outside_tag": self._outside_tag(kind, outside_id),
            "outside_sealed": self._ring.seal(subject, CLASS_IDENTITY, aad, outside_id.encode()),
            "opened": opened,
        }
        tx.execute(sa.insert(store.relation).values(**values))
        return new

    def relation_end(self, tx: sa.Connection, relation: bytes, ended: date) -> Relation:
        """End a relation on a legal day; raises RecordUnknownError. A later call sets the day anew."""
        table = store.relation
        tx.execute(sa.update(table).where(table.c.id == relation).values(ended=ended))
        row = tx.execute(sa.select(table).where(table.c.id == relation)).first()
        if row is None:
            raise RecordUnknownError("There is no such relation.")
        self._live(tx, row.subject)
        return _relation(row)

    def relation_find(
        self, tx: sa.Connection, subject: bytes, kind: str, outside_id: str
    ) -> Relation | None:
        """Find a subject's relation by the id it has outside."""
        table = store.relation
        query = sa.select(table).where(
            table.c.subject == subject,
            table.c.kind == kind,
            table.c.outside_tag == self._outside_tag(kind, outside_id),
        )
        row = tx.execute(query).first()
        return None if row is None else _relation(row)

    def relations_with(self, tx: sa.Connection, kind: str, outside_id: str) -> list[Relation]:
        """List the relations of all subjects that have this outside id (a contract may have several people)."""
        table = store.relation
        tag = self._outside_tag(kind, outside_id)
        rows = tx.execute(sa.select(table).where(table.c.outside_tag == tag, table.c.kind == kind))
        return [_relation(row) for row in rows]

    def relations_of(self, tx: sa.Connection, subject: bytes) -> list[Relation]:
        """List a subject's relations, oldest first."""
        table = store.relation
        query = sa.select(table).where(table.c.subject == subject).order_by(table.c.id)
        return [_relation(row) for row in tx.execute(query)]

    def relation_outside(self, tx: sa.Connection, relation: Relation) -> str:
        """Open the id a relation has outside; raises when the subject is not live."""
        self._live(tx, relation.subject, lock=False)
        table = store.relation
        sealed = tx.execute(sa.select(table.c.outside_sealed).where(table.c.id == relation.id)).scalar()
        if sealed is None:
            raise RecordUnknownError("There is no such relation.")
        aad = bound(self._ring.tenant, relation.subject, relation.id, "relation.outside")
        try:
            return self._ring.unseal(relation.subject, CLASS_IDENTITY, aad, sealed).decode()
        except BrokenSealError:
            raise RecordChangedError from None

    def _outside_tag(self, kind: str, outside_id: str) -> bytes:
        return self._people.tag_of_form(f"relation.{kind}", outside_id.strip())

    # standings

    def standing(self, tx: sa.Connection, subject: bytes, purpose: str) -> Standing | None:
        """Give how a purpose stands for a subject, or None when nothing was ever said."""
        table = store.standing
        query = sa.select(table).where(table.c.purpose == purpose, table.c.subject == subject)
        row = tx.execute(query).first()
        return None if row is None else _standing(row)

    def set_standing(
        self, tx: sa.Connection, subject: bytes, purpose: str, state: str, entry_id: bytes
    ) -> Standing:
        """Set how a purpose stands, with the ledger entry that made it so, and raise the subject's generation."""
        self.ensure_subject(tx, subject)
        generation = self._raise_generation(tx, subject, "live")
        table = store.standing
        values = {
            "state": state,
            "generation": generation,
            "since": self._clock.now(),
            "entry_id": entry_id,
        }
        at = sa.and_(table.c.purpose == purpose, table.c.subject == subject)
        if not tx.execute(sa.update(table).where(at).values(**values)).rowcount:
            tx.execute(sa.insert(table).values(purpose=purpose, subject=subject, **values))
        return _standing(tx.execute(sa.select(table).where(at)).one())

    def standings_of(self, tx: sa.Connection, subject: bytes) -> list[Standing]:
        """List a subject's standings by purpose."""
        table = store.standing
        query = sa.select(table).where(table.c.subject == subject).order_by(table.c.purpose)
        return [_standing(row) for row in tx.execute(query)]

    def standings_for(
        self, tx: sa.Connection, purpose: str, *, after: bytes = b"", limit: int = 1000
    ) -> list[Standing]:
        """List the standings of a purpose in order of subject, from behind `after`."""
        table = store.standing
        query = sa.select(table).where(table.c.purpose == purpose, table.c.subject > after)
        return [_standing(row) for row in tx.execute(query.order_by(table.c.subject).limit(limit))]

    # retention clocks

    def mark_start(
        self, tx: sa.Connection, subject: bytes, word: str, at: datetime, relation: bytes | None = None
    ) -> None:
        """Note a start event such as `last_contact` for a subject or one of their relations; the latest counts."""
        self.ensure_subject(tx, subject)
        self._mark(tx, subject, word, at, relation)

    def _mark(
        self, tx: sa.Connection, subject: bytes, word: str, at: datetime, relation: bytes | None
    ) -> None:
        table = store.start
        place = sa.and_(
            table.c.subject == subject, table.c.word == word, table.c.relation == (relation or NO_RELATION)
        )
        before: datetime | None = tx.execute(sa.select(table.c.at).where(place)).scalar()
        if before is None:
            values = {"subject": subject, "word": word, "relation": relation or NO_RELATION, "at": at}
            tx.execute(sa.insert(table).values(**values))
        elif before < at:
            tx.execute(sa.update(table).where(place).values(at=at))

    def start_of(
        self, tx: sa.Connection, subject: bytes, word: str, relation: bytes | None = None
    ) -> datetime | None:
        """Give the latest start event of a clock, or None when it never began."""
        table = store.start
        query = sa.select(table.c.at).where(
            table.c.subject == subject, table.c.word == word, table.c.relation == (relation or NO_RELATION)
        )
        found: datetime | None = tx.execute(query).scalar()
        return found

    def due(
        self,
        tx: sa.Connection,
        word: str,
        *,
        until: datetime | date,
        situations: Collection[str] = (),
        limit: int = 1000,
    ) -> list[Due]:
        """List live records whose clock `word` began at or before `until`, oldest start first.

        `recorded` counts from the taking, `relation_ended` from the legal day the record's relation ended
        (nothing while it is open), any other word from its start event. Rules decide whether they are due.
        """
        rec = store.record
        if word == "recorded":
            began: sa.ColumnElement[datetime | date] = rec.c.collected_at
            source = sa.select(rec, began.label("began"))
        elif word == "relation_ended":
            began = store.relation.c.ended
            joined = sa.and_(store.relation.c.id == rec.c.relation, store.relation.c.subject == rec.c.subject)
            source = sa.select(rec, began.label("began")).join(store.relation, joined)
        else:
            began = store.start.c.at
            joined = sa.and_(
                store.start.c.subject == rec.c.subject,
                store.start.c.word == word,
                store.start.c.relation == sa.func.coalesce(rec.c.relation, NO_RELATION),
            )
            source = sa.select(rec, began.label("began")).join(store.start, joined)
        query = source.join(store.subject, store.subject.c.id == rec.c.subject)
        query = query.where(store.subject.c.state == "live", began <= until)
        if situations:
            query = query.where(rec.c.situation.in_(sorted(situations)))
        query = query.order_by(began, rec.c.subject, rec.c.id).limit(limit)
        return [Due(read_record(row), row.began) for row in tx.execute(query)]


def _relation(row: store.AnyRow) -> Relation:
    return Relation(row.id, row.subject, row.kind, row.opened, row.ended)


def _standing(row: store.AnyRow) -> Standing:
    return Standing(row.subject, row.purpose, row.state, row.generation, row.since, row.entry_id)
