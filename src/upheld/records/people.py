"""The blind index: finds a subject by an identifier that is nowhere stored in clear."""

from __future__ import annotations

import hmac
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from upheld.db import Ids, Insert, StoreConflictError, retried, rows_among
from upheld.records import store
from upheld.records.cipher import derive
from upheld.records.index import FORM, SHARED, normal_form
from upheld.records.keyring import KeyRing, Made
from upheld.records.model import CLASS_IDENTITY

_PUT_TAGS = Insert(store.key_tag)


@dataclass(frozen=True, slots=True)
class Wanted:
    """Who is meant: identifiers (kind to value), the country of phone numbers without `+`, classes of keys needed."""

    identifiers: Mapping[str, str]
    region: str | None = None
    classes: tuple[str, ...] = ()


@dataclass(slots=True)
class _Asked:
    """The tags of one person who is looked for: (tag, shared kind), and which of them decide."""

    tags: list[tuple[bytes, bool]]
    deciding: list[bytes]
    lone: bool
    classes: set[str]
    known: bool = True


class _Index:
    """The part of the blind index that some tags touch, read with one statement."""

    def __init__(self, ring: KeyRing, tx: sa.Connection, tags: Iterable[bytes]) -> None:
        self._carriers: dict[bytes, list[bytes]] = {}
        self.places = ring.places(tx, tags)
        tag_at = {place: tag for tag, place in self.places.items()}
        for place, subject in rows_among(tx, "SELECT place, subject FROM key_tag WHERE place", tag_at):
            self.add(tag_at[place], subject)

    def add(self, tag: bytes, subject: bytes) -> None:
        carriers = self._carriers.setdefault(tag, [])
        if subject not in carriers:
            carriers.append(subject)
            carriers.sort()

    def subjects(self) -> set[bytes]:
        return {subject for carriers in self._carriers.values() for subject in carriers}

    def subject_of(self, asked: _Asked) -> bytes | None:
        """Give the first tag's subject; a shared kind counts only while one subject carries it."""
        for tag in asked.deciding:
            found = self._carriers.get(tag, ())
            if found and not (asked.lone and len(found) > 1):
                return found[0]
        return None

    def missing(self, subject: bytes, tags: Iterable[tuple[bytes, bool]]) -> list[bytes]:
        """List the tags this subject should get: absent ones, and shared ones that are only others' so far."""
        wanted = dict.fromkeys(
            tag
            for tag, shared in tags
            if subject not in (carriers := self._carriers.get(tag, ())) and (shared or not carriers)
        )
        return list(wanted)


@dataclass(frozen=True, slots=True)
class _Seen:
    """What one look found about people: the index, and the shred classes of which their keys are there."""

    index: _Index
    classes: Mapping[bytes, set[str]]

    def lacks(self, one: _Asked, subject: bytes | None) -> bool:
        """Say whether anything must be made for somebody: the number, a tag, or a key."""
        if subject is None:
            return True
        return bool(self.index.missing(subject, one.tags) or one.classes - self.classes.get(subject, set()))


class People:
    """Looks subjects up and makes new ones, in the keys store alone. Safe to share between threads."""

    def __init__(self, ring: KeyRing, ids: Ids) -> None:
        """Use the keyring's index root and suppression key."""
        self._ring = ring
        self._ids = ids
        self._kinds: dict[str, bytes] = {}

    def tag(self, kind: str, value: str, region: str | None = None) -> bytes | None:
        """Give the 16-byte tag of an identifier; None when it has no normal form.

        It stands nowhere: the index holds it under the key of its bucket.
        """
        normal = normal_form(kind, value, region)
        return None if normal is None else self.tag_of_form(kind, normal)

    def tag_of_form(self, kind: str, normal: str) -> bytes:
        """Give the tag of a normal form."""
        key = self._kinds.get(kind)
        if key is None:
            label = f"index|{self._ring.tenant}|{kind}"
            key = self._kinds[kind] = derive(self._ring.meta("index"), label)
        return hmac.digest(key, f"{FORM}|{kind}|{normal}".encode(), "sha256")[:16]

    def suppression(self, tag: bytes) -> bytes:
        """Give the suppression tag that outlives the index tag, under a key of its own."""
        return hmac.digest(self._ring.meta("suppression"), tag, "sha256")[:16]

    def suppressed(self, kind: str, value: str, region: str | None = None) -> bool:
        """Say whether an identifier belongs to somebody who was erased and must not come back by import or sync."""
        tag = self.tag(kind, value, region)
        if tag is None:
            return False
        query = sa.select(store.key_suppressed.c.tag).where(store.key_suppressed.c.tag == self.suppression(tag))
        with self._ring.store.read() as tx:
            return tx.execute(query).first() is not None

    def suppressed_among(self, identifiers: Sequence[tuple[str, str, str | None]]) -> list[bool]:
        """Say of each identifier (kind, value, region) whether it belongs to somebody who was erased; one look for all."""
        table = store.key_suppressed
        with self._ring.store.read() as tx:
            if tx.execute(sa.select(table.c.tag).limit(1)).first() is None:
                return [False] * len(identifiers)
            tags = [self.tag(*one) for one in identifiers]
            hashed = [None if tag is None else self.suppression(tag) for tag in tags]
            wanted = sorted({one for one in hashed if one is not None})
            found = {row[0] for row in rows_among(tx, "SELECT tag FROM key_suppressed WHERE tag", wanted)}
        return [one in found for one in hashed]

    def find_all(self, kind: str, value: str, region: str | None = None) -> tuple[bytes, ...]:
        """List the subjects that carry an identifier."""
        tag = self.tag(kind, value, region)
        return () if tag is None else self._ring.carriers(tag)

    def match(
        self, identifiers: Mapping[str, str], region: str | None, classes: Iterable[str]
    ) -> tuple[bytes, bool]:
        """Give (subject, known before) for one person; see `meet`."""
        (met,) = self.meet([Wanted(identifiers, region, tuple(classes))])
        return met

    @retried
    def meet(self, wanted: Sequence[Wanted]) -> list[tuple[bytes, bool]]:
        """Give (subject, known before) of each; the new ones of all get their keys and tags in one transaction.

        The first identifier in the given order that only one person can have decides. A shared kind (phone)
        decides only when nothing else was given. A tag that is another person's already stays theirs.
        """
        asked = [self._asked(one) for one in wanted]
        made = None
        with self._ring.store.write() as tx:
            seen = self._look(tx, asked)
            met = [seen.index.subject_of(one) for one in asked]
            new = [at for at, (one, subject) in enumerate(zip(asked, met, strict=True)) if seen.lacks(one, subject)]
            if new:
                entered, made = self._enter(tx, [asked[at] for at in new], seen)
                for at, subject in zip(new, entered, strict=True):
                    known, met[at] = met[at] is not None, subject
                    asked[at].known = known or asked[at].known
        if made is not None:
            self._ring.remember(made)
        return [(subject or b"", one.known) for subject, one in zip(met, asked, strict=True)]

    def _look(self, tx: sa.Connection, asked: Sequence[_Asked]) -> _Seen:
        index = _Index(self._ring, tx, [tag for one in asked for tag, _ in one.tags])
        return _Seen(index, self._ring.classes_of(tx, index.subjects()))

    def _enter(self, tx: sa.Connection, asked: Sequence[_Asked], seen: _Seen) -> tuple[list[bytes], Made]:
        """Make new subjects, add missing tags and keys.

        On a server others may do so at the same time, so the rows of these people are taken and looked at again.
        """
        fresh = [self._ids.random(16) for _ in asked]
        if tx.dialect.name != "sqlite":
            self._ring.hold(tx, [*fresh, *(tag for one in asked for tag, _ in one.tags)])
            seen = self._look(tx, asked)
        index, there = seen.index, seen.classes
        met: list[bytes] = []
        new_tags: list[tuple[bytes, bytes]] = []
        wants: dict[bytes, set[str]] = {}
        begun: set[bytes] = set()
        for one, new in zip(asked, fresh, strict=True):
            found = index.subject_of(one)
            if found is not None and found not in there and found not in wants:
                raise StoreConflictError  # erased between the look and now
            one.known = found is not None and found not in begun
            subject = found or new
            if found is None:
                begun.add(new)
            for tag in index.missing(subject, one.tags):
                new_tags.append((index.places[tag], subject))
                index.add(tag, subject)
            wants.setdefault(subject, set()).update(one.classes)
            met.append(subject)
        lacking = {one: names - there.get(one, set()) for one, names in wants.items()}
        made = self._ring.make_many(tx, lacking)
        if new_tags:
            _PUT_TAGS(tx, new_tags)
        return met, made

    def _asked(self, wanted: Wanted) -> _Asked:
        tags = [(kind, self.tag(kind, value, wanted.region)) for kind, value in wanted.identifiers.items()]
        known = [(kind, tag) for kind, tag in tags if tag is not None]
        own = [tag for kind, tag in known if kind not in SHARED]
        return _Asked(
            tags=[(tag, kind in SHARED) for kind, tag in known],
            deciding=own or [tag for _, tag in known],
            lone=not own,
            classes={CLASS_IDENTITY, *wanted.classes},
        )

    @retried
    def add(self, subject: bytes, identifiers: Mapping[str, str], region: str | None) -> None:
        """Add tags to a subject who still has keys; a tag that is another person's already stays theirs."""
        tags = [(self.tag(kind, value, region), kind in SHARED) for kind, value in identifiers.items()]
        known = [(tag, shared) for tag, shared in tags if tag is not None]
        with self._ring.store.write() as tx:
            self._ring.hold(tx, [subject, *(tag for tag, _ in known)])
            index = _Index(self._ring, tx, [tag for tag, _ in known])
            missing = index.missing(subject, known) if self._ring.still_has(tx, subject) else []
            if missing:
                _PUT_TAGS(tx, [(index.places[tag], subject) for tag in missing])

    @retried
    def tie(self, told: Sequence[tuple[bytes, bytes]]) -> None:
        """Let tags of what several people may share, as a contract's number, lead to (subject, tag) who still have keys."""
        with self._ring.store.write() as tx:
            self._ring.hold(tx, [name for pair in told for name in pair])
            index = _Index(self._ring, tx, {tag for _, tag in told})
            there = self._ring.classes_of(tx, {subject for subject, _ in told})
            new = [
                (index.places[tag], subject)
                for subject, tag in dict.fromkeys(told)
                if subject in there and index.missing(subject, [(tag, True)])
            ]
            if new:
                _PUT_TAGS(tx, new)

    @retried
    def touch(self, subjects: Collection[bytes]) -> set[bytes]:
        """Note that subjects without data yet were met again; gives those at which the orphan sweep was faster."""
        dek = store.key_dek.c
        query = sa.update(store.key_dek).where(dek.subject.in_(sorted(subjects)))
        with self._ring.store.write() as tx:
            met = tx.execute(query.values(hour=self._ring.hour()).returning(dek.subject)).scalars()
            return set(subjects) - set(met)
