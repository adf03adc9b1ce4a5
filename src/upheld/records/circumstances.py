"""What surrounds a person's records: relations, standings per purpose, and the starts of retention clocks."""

from __future__ import annotations

import contextlib
from collections.abc import Collection
from datetime import date, datetime

import sqlalchemy as sa

from upheld.db import Insert, from_ms, later, notebook, to_ms
from upheld.records import store
from upheld.records.base import RELATIONS, STANDINGS, STARTS, VaultBase
from upheld.records.cipher import BrokenSealError, bound
from upheld.records.keyring import KeyGoneError
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
_STAND = Insert(
    store.standing,
    "ON CONFLICT (purpose, subject) DO UPDATE SET state = excluded.state, generation = excluded.generation,"
    " since = excluded.since, entry_id = excluded.entry_id, until = excluded.until",
)
_OPEN = Insert(store.relation)
_MARK = Insert(
    store.start,
    'ON CONFLICT (subject, word, relation) DO UPDATE SET at = excluded.at WHERE "start".at < excluded.at',
)


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
        tag = self._outside_tag(kind, outside_id)
        sealed = self._ring.seal(subject, CLASS_IDENTITY, aad, outside_id.encode())
        later(tx, self._tie, (subject, tag))  # before the row, so that a crash in between leaves a tag that finds nothing
        later(tx, _OPEN, (subject, new, kind, sealed, opened, None))
        known: list[tuple[bytes, Relation]] | None = notebook(tx).seen.get(("relations", subject))
        if known is not None:
            known.append((tag, Relation(new, subject, kind, opened, None)))
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
        table, tag = store.relation, self._outside_tag(kind, outside_id)
        known: list[tuple[bytes, Relation]] | None = notebook(tx).seen.get(("relations", subject))
        if known is not None:  # the subject is new in this transaction, so all relations are
            return next((one for of, one in known if of == tag and one.kind == kind), None)
        query = sa.select(table).where(table.c.subject == subject, table.c.kind == kind).order_by(table.c.id)
        return next((_relation(row) for row in tx.execute(query) if self._outside_tag(kind, self._outside(row)) == tag), None)

    def relations_with(self, tx: sa.Connection, kind: str, outside_id: str) -> list[Relation]:
        """List the relations of all subjects that have this outside id (a contract may have several people).

        Somebody whose erasure has destroyed the keys already is left out.
        """
        found: list[Relation] = []
        for subject in self._ring.carriers(self._outside_tag(kind, outside_id)):
            with contextlib.suppress(KeyGoneError):
                one = self.relation_find(tx, subject, kind, outside_id)
                found += [one] if one is not None else []
        return found

    def relations_of(self, tx: sa.Connection, subject: bytes) -> list[Relation]:
        """List a subject's relations, oldest first."""
        found = [dict(zip(RELATIONS.keys, row, strict=True)) for row in RELATIONS.of(tx, subject)]
        told = [Relation(one["id"], subject, one["kind"], one["opened"], one["ended"]) for one in found]
        return sorted(told, key=lambda one: one.id)

    def relation_outside(self, tx: sa.Connection, relation: Relation) -> str:
        """Open the id a relation has outside; raises when the subject is not live."""
        self._live(tx, relation.subject, lock=False)
        row = tx.execute(sa.select(store.relation).where(store.relation.c.id == relation.id)).first()
        if row is None:
            raise RecordUnknownError("There is no such relation.")
        return self._outside(row)

    def _outside(self, row: store.AnyRow) -> str:
        aad = bound(self._ring.tenant, row.subject, row.id, "relation.outside")
        try:
            return self._ring.unseal(row.subject, CLASS_IDENTITY, aad, row.outside_sealed).decode()
        except BrokenSealError:
            raise RecordChangedError from None

    def _outside_tag(self, kind: str, outside_id: str) -> bytes:
        return self._people.tag_of_form(f"relation.{kind}", outside_id.strip())

    def _tie(self, _: sa.Connection, told: list[tuple[bytes, bytes]]) -> None:
        """Let the tags of new relations lead to their subjects, committed in the keys store before the data are."""
        self._people.tie(told)

    # standings

    def standing(self, tx: sa.Connection, subject: bytes, purpose: str) -> Standing | None:
        """Give how a purpose stands for a subject, or None when nothing was ever said."""
        seen = notebook(tx).seen
        if ("standing", subject, purpose) in seen:
            known: Standing | None = seen["standing", subject, purpose]
            return known
        return next((one for one in self.standings_of(tx, subject) if one.purpose == purpose), None)

    def look_standings(self, tx: sa.Connection, asked: Collection[tuple[bytes, str]]) -> None:
        """Take how purposes stand for (subject, purpose) pairs, whose subjects are held, into the notebook."""
        seen = notebook(tx).seen
        seen.update(dict.fromkeys(("standing", *pair) for pair in asked))
        for subject, found in STANDINGS(tx, {subject for subject, _ in asked}).items():
            for row in found:
                stands = Standing(**dict(zip(STANDINGS.keys, row, strict=True)))
                if ("standing", subject, stands.purpose) in seen:
                    seen["standing", subject, stands.purpose] = stands

    def set_standing(
        self,
        tx: sa.Connection,
        subject: bytes,
        purpose: str,
        state: str,
        entry_id: bytes,
        until: date | None = None,
    ) -> Standing:
        """Set how a purpose stands, with the ledger entry that made it so, and raise the subject's generation.

        `until` is the last legal day of a state that ends by itself.
        """
        self.ensure_subject(tx, subject)
        generation = self._raise_generation(tx, subject, "live")
        now = to_ms(self._clock.now())
        stands = Standing(subject, purpose, state, generation, from_ms(now), entry_id, until)
        later(tx, _stand_all, (purpose, subject, state, generation, now, entry_id, until))
        notebook(tx).seen["standing", subject, purpose] = stands
        return stands

    def standings_of(self, tx: sa.Connection, subject: bytes) -> list[Standing]:
        """List a subject's standings by purpose."""
        found = (Standing(**dict(zip(STANDINGS.keys, row, strict=True))) for row in STANDINGS.of(tx, subject))
        return sorted(found, key=lambda one: one.purpose)

    def standings_for(
        self, tx: sa.Connection, purpose: str, *, after: bytes = b"", limit: int = 1000
    ) -> list[Standing]:
        """List the standings of a purpose in order of subject, from behind `after`."""
        table = store.standing
        query = sa.select(table).where(table.c.purpose == purpose, table.c.subject > after)
        return [_standing(row) for row in tx.execute(query.order_by(table.c.subject).limit(limit))]

    def standings_over(self, tx: sa.Connection, on: date, *, limit: int = 1000) -> list[Standing]:
        """List standings whose own last day is before a legal day, the one that ended first first."""
        table = store.standing
        query = sa.select(table).where(table.c.until < on).order_by(table.c.until, table.c.subject, table.c.purpose)
        return [_standing(row) for row in tx.execute(query.limit(limit))]

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
        later(tx, _mark_all, (subject, word, relation or NO_RELATION, to_ms(at)))

    def starts_of(self, tx: sa.Connection, subject: bytes, relation: bytes | None = None) -> dict[str, datetime]:
        """Give the latest start event of each clock that began, by its word; those of a relation, or of none."""
        wanted = relation or NO_RELATION
        return {word: at for _, word, of, at in STARTS.of(tx, subject) if of == wanted}

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


def _mark_all(tx: sa.Connection, marks: list[tuple[bytes, str, bytes, int]]) -> None:
    """Write start events; of one clock the latest counts."""
    latest: dict[tuple[bytes, str, bytes], int] = {}
    for subject, word, relation, at in marks:
        latest[subject, word, relation] = max(at, latest.get((subject, word, relation), at))
    _MARK(tx, [(*place, at) for place, at in latest.items()])


def _stand_all(tx: sa.Connection, told: list[tuple[str, bytes, str, int, int, bytes, date | None]]) -> None:
    """Write standings; of one purpose of a person the last counts."""
    _STAND(tx, list({row[:2]: row for row in told}.values()))


def _relation(row: store.AnyRow) -> Relation:
    return Relation(row.id, row.subject, row.kind, row.opened, row.ended)


def _standing(row: store.AnyRow) -> Standing:
    return Standing(row.subject, row.purpose, row.state, row.generation, row.since, row.entry_id, row.until)
