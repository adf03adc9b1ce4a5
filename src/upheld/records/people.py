"""The blind index: finds a subject by an identifier that is nowhere stored in clear."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable, Mapping

import sqlalchemy as sa

from upheld.db import Ids, StoreConflictError, retried
from upheld.records import store
from upheld.records.cipher import derive
from upheld.records.index import FORM, SHARED, normal_form
from upheld.records.keyring import KeyRing
from upheld.records.model import IdentifierSharedError


class People:
    """Looks subjects up and makes new ones, in the keys store alone. Safe to share between threads."""

    def __init__(self, ring: KeyRing, ids: Ids) -> None:
        """Use the keyring's index root and suppression key."""
        self._ring = ring
        self._ids = ids
        self._kinds: dict[str, bytes] = {}

    def tag(self, kind: str, value: str, region: str | None = None) -> bytes | None:
        """Give the 16-byte tag of an identifier; None when it has no normal form."""
        normal = normal_form(kind, value, region)
        return None if normal is None else self.tag_of_form(kind, normal)

    def tag_of_form(self, kind: str, normal: str) -> bytes:
        """Give the tag of a normal form."""
        key = self._kinds.get(kind)
        if key is None:
            label = f"index|{self._ring.tenant}|{kind}"
            key = self._kinds[kind] = derive(self._ring.meta("index"), label)
        return hmac.digest(key, f"{FORM}|{kind}|{normal}".encode(), hashlib.sha256)[:16]

    def suppression(self, tag: bytes) -> bytes:
        """Give the suppression tag that outlives the index tag, under a key of its own."""
        return hmac.digest(self._ring.meta("suppression"), tag, hashlib.sha256)[:16]

    def suppressed(self, kind: str, value: str, region: str | None = None) -> bool:
        """Say whether an identifier belongs to somebody who was erased and must not come back by import or sync."""
        tag = self.tag(kind, value, region)
        if tag is None:
            return False
        query = sa.select(store.key_suppressed.c.tag).where(store.key_suppressed.c.tag == self.suppression(tag))
        with self._ring.store.read() as tx:
            return tx.execute(query).first() is not None

    def find_all(self, kind: str, value: str, region: str | None = None) -> tuple[bytes, ...]:
        """List the subjects that carry an identifier."""
        tag = self.tag(kind, value, region)
        if tag is None:
            return ()
        with self._ring.store.read() as tx:
            return _carriers(tx, tag)

    def find(self, kind: str, value: str, region: str | None = None) -> bytes | None:
        """Give the one subject that carries an identifier, or None; raises IdentifierSharedError for several."""
        found = self.find_all(kind, value, region)
        if len(found) > 1:
            raise IdentifierSharedError
        return found[0] if found else None

    @retried
    def match(
        self, identifiers: Mapping[str, str], region: str | None, classes: Iterable[str]
    ) -> tuple[bytes, bool]:
        """Give (subject, known before); a new one gets its keys and tags in one transaction.

        The first identifier in the given order that only one person can have decides. A shared kind (phone)
        decides only when nothing else was given. A tag that is another person's already stays theirs.
        """
        tags = [(kind, self.tag(kind, value, region)) for kind, value in identifiers.items()]
        known = [(kind, tag) for kind, tag in tags if tag is not None]
        own = [tag for kind, tag in known if kind not in SHARED]
        deciding = own or [tag for _, tag in known]
        every = [(tag, kind in SHARED) for kind, tag in known]
        with self._ring.store.read() as tx:
            subject = _first(tx, deciding, lone=not own)
            complete = subject is not None and not _missing(tx, subject, every)
        if subject is not None and complete:
            self._ring.ensure(subject, classes)
            return subject, True
        new = self._ids.random(16)
        with self._ring.store.write() as tx:
            self._ring.hold(tx, [new, *(tag for tag, _ in every)])
            found = _first(tx, deciding, lone=not own)
            was_known, subject = found is not None, found or new
            if was_known and not self._ring.still_has(tx, subject):
                raise StoreConflictError  # erased between the look and now
            missing = _missing(tx, subject, every)
            if missing:
                tx.execute(sa.insert(store.key_tag), [{"tag": tag, "subject": subject} for tag in missing])
            self._ring.make(tx, subject, classes)
        return subject, was_known

    @retried
    def add(self, subject: bytes, identifiers: Mapping[str, str], region: str | None) -> None:
        """Add tags to a subject who still has keys; a tag that is another person's already stays theirs."""
        tags = [(self.tag(kind, value, region), kind in SHARED) for kind, value in identifiers.items()]
        known = [(tag, shared) for tag, shared in tags if tag is not None]
        with self._ring.store.write() as tx:
            self._ring.hold(tx, [subject, *(tag for tag, _ in known)])
            missing = _missing(tx, subject, known) if self._ring.still_has(tx, subject) else []
            if missing:
                tx.execute(sa.insert(store.key_tag), [{"tag": tag, "subject": subject} for tag in missing])

    def tags_of(self, subject: bytes) -> list[bytes]:
        """List the tags of a subject."""
        query = sa.select(store.key_tag.c.tag).where(store.key_tag.c.subject == subject).order_by(store.key_tag.c.tag)
        with self._ring.store.read() as tx:
            return list(tx.execute(query).scalars())

    @retried
    def touch(self, subject: bytes) -> bool:
        """Note that a subject without data yet was met again; false when the orphan sweep was faster."""
        query = sa.update(store.key_dek).where(store.key_dek.c.subject == subject)
        with self._ring.store.write() as tx:
            return tx.execute(query.values(hour=self._ring.hour())).rowcount > 0


def _carriers(tx: sa.Connection, tag: bytes, limit: int | None = None) -> tuple[bytes, ...]:
    query = sa.select(store.key_tag.c.subject).where(store.key_tag.c.tag == tag)
    return tuple(tx.execute(query.order_by(store.key_tag.c.subject).limit(limit)).scalars())


def _first(tx: sa.Connection, tags: Iterable[bytes], *, lone: bool) -> bytes | None:
    """Give the first tag's subject; a shared kind counts only while one subject carries it."""
    for tag in tags:
        found = _carriers(tx, tag, 2)
        if found and not (lone and len(found) > 1):
            return found[0]
    return None


def _missing(tx: sa.Connection, subject: bytes, tags: Iterable[tuple[bytes, bool]]) -> list[bytes]:
    """List the tags this subject should get: absent ones, and shared ones that are only others' so far."""
    missing: list[bytes] = []
    for tag, shared in tags:
        mine = sa.select(store.key_tag.c.tag).where(store.key_tag.c.tag == tag, store.key_tag.c.subject == subject)
        taken = tx.execute(mine).first() is not None or (not shared and _carriers(tx, tag, 1))
        if not taken and tag not in missing:
            missing.append(tag)
    return missing
