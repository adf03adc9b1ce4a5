"""One person under two numbers: proposed by one, confirmed by another, and taken apart again.

Nothing is written anew. Records stay sealed under the number they were taken under, and a shared number beside both
says that reading, audience, periods, answers and erasure mean all of them. Taking that number away puts everything back.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

import sqlalchemy as sa

from upheld.db import b64, notebook, uuid7_time
from upheld.records import store
from upheld.records.base import VaultBase
from upheld.records.model import MergeError, Proposal, Subject

REASONS = ("person_said", "identifier_changed", "same_contract", "entered_twice")
"""Why two subjects are held to be one person; codes, never free text."""


class Persons(VaultBase):
    """Merging and splitting; every act is inside the caller's transaction, with one entry about each of both.

    Clause: security.organisational (GDPR 5(1)(d), APPI 22)
    """

    def propose_merge(
        self, tx: sa.Connection, one: bytes, other: bytes, *, reason: str, words: Mapping[str, str]
    ) -> Proposal:
        """Say that two subjects are one person; nothing changes until somebody else confirms it.

        Raises ValueError for a reason that is none of REASONS, MergeError `merge_same` where they are one already,
        SubjectErasedError or SubjectErasingError.
        """
        if reason not in REASONS:
            raise ValueError("no such reason")
        one, other = sorted((one, other))
        first, second = self._both(tx, one, other)
        if one == other or (first.person is not None and first.person == second.person):
            raise MergeError(code="merge_same")
        table = store.merge
        there = sa.select(table).where(table.c.one == one, table.c.other == other, table.c.state == "proposed")
        if (known := tx.execute(there).first()) is not None:
            return _proposal(known)
        made = Proposal(self._ids.uuid7(), one, other, reason, words["actor"], self._clock.now())
        told = {"proposed_by": made.proposed_by, "proposed_at": made.proposed_at}
        tx.execute(sa.insert(table).values(id=made.id, one=one, other=other, reason=reason, state="proposed", **told))
        self._tell(tx, "subject.proposed", made, words)
        return made

    def proposals(self, tx: sa.Connection) -> list[Proposal]:
        """List what waits for a second person, the oldest first."""
        table = store.merge
        found = tx.execute(sa.select(table).where(table.c.state == "proposed").order_by(table.c.id))
        return [_proposal(row) for row in found]

    def proposal(self, tx: sa.Connection, number: bytes) -> Proposal:
        """Give a proposal that waits, and keep others from deciding it meanwhile; raises MergeError `merge_unknown`."""
        table = store.merge
        query = sa.select(table).where(table.c.id == number, table.c.state == "proposed").with_for_update()
        row = tx.execute(query).first()
        if row is None:
            raise MergeError(code="merge_unknown")
        return _proposal(row)

    def decline_merge(self, tx: sa.Connection, number: bytes, words: Mapping[str, str]) -> Proposal:
        """Put a proposal aside; whoever made it may do so too."""
        found = self.proposal(tx, number)
        self._both(tx, found.one, found.other)
        self._close(tx, number, "declined")
        self._tell(tx, "subject.declined", found, words)
        return found

    def confirm_merge(self, tx: sa.Connection, number: bytes, words: Mapping[str, str]) -> Proposal:
        """Make two subjects one person; from the commit on every decision about one of them sees both.

        Raises MergeError `merge_alone` for whoever proposed it, `merge_unknown`, and as `propose_merge`.
        """
        found = self.proposal(tx, number)
        if words["actor"] == found.proposed_by:
            raise MergeError(code="merge_alone")
        first, second = self._both(tx, found.one, found.other)
        person = self._ids.uuid7()  # anew, so that it tells when the last one came to it
        joined = {found.one, found.other}
        for held in (first.person, second.person):
            joined |= set(self._of_person(tx, held)) if held is not None else set()
        self._join(tx, joined, person)
        self._close(tx, number, "merged")
        self._tell(tx, "subject.merged", found, words)
        return found

    def split(self, tx: sa.Connection, subject: bytes, words: Mapping[str, str]) -> tuple[bytes, ...]:
        """Take a subject out of the person it was merged into, and give those it was one with.

        Each has again what was its own: records, standings, identifiers. Raises MergeError `merge_none`.
        """
        self._live(tx, subject)
        others = self.members(tx, subject)[1:]
        if not others:
            raise MergeError(code="merge_none")
        self.hold(tx, (subject, *others))
        alone = {subject, *others} if len(others) == 1 else {subject}
        self._join(tx, alone, None)
        for one in (subject, *others):
            body = {"with": [b64(two) for two in others] if one == subject else [b64(subject)]}
            self._ledger.append(tx, "subject.split", subject=one, body=body, **_words(words))
        return others

    def joined_at(self, tx: sa.Connection, subject: bytes) -> datetime:
        """Give when the last of a merged person's numbers came to it; raises MergeError `merge_none`."""
        held = self.subject(tx, subject)
        if held is None or held.person is None:
            raise MergeError(code="merge_none")
        return uuid7_time(held.person)

    def persons_in(self, tx: sa.Connection) -> dict[bytes, tuple[bytes, ...]]:
        """List, by subject, the members of every merged person; they are few."""
        table = store.subject
        query = sa.select(table.c.person, table.c.id).where(table.c.person.is_not(None))
        grouped: dict[bytes, list[bytes]] = {}
        for person, one in tx.execute(query.order_by(table.c.id)):
            grouped.setdefault(person, []).append(one)
        return {one: tuple(members) for members in grouped.values() for one in members if len(members) > 1}

    def _both(self, tx: sa.Connection, one: bytes, other: bytes) -> tuple[Subject, Subject]:
        self.hold(tx, (one, other))
        return self._live(tx, one), self._live(tx, other)

    def _of_person(self, tx: sa.Connection, person: bytes) -> list[bytes]:
        query = sa.select(store.subject.c.id).where(store.subject.c.person == person)
        return list(tx.execute(query).scalars())

    def _join(self, tx: sa.Connection, subjects: set[bytes], person: bytes | None) -> None:
        """Give subjects a shared number, or none, and raise their generations: what was decided before does not count."""
        table = store.subject
        self.hold(tx, subjects)
        tx.execute(sa.update(table).where(table.c.id.in_(sorted(subjects))).values(person=person))
        for one in sorted(subjects):
            notebook(tx).seen.pop(("subject", one), None)
            held = self.subject(tx, one, lock=True)
            if held is not None and held.state == "live":
                self._raise_generation(tx, one, "live")

    def _close(self, tx: sa.Connection, number: bytes, state: str) -> None:
        tx.execute(sa.update(store.merge).where(store.merge.c.id == number).values(state=state))

    def _tell(self, tx: sa.Connection, kind: str, found: Proposal, words: Mapping[str, str]) -> None:
        for one, other in ((found.one, found.other), (found.other, found.one)):
            body = {"with": [b64(other)], "reason": found.reason, "proposed_by": found.proposed_by}
            self._ledger.append(tx, kind, subject=one, body=body, **_words(words))


def _words(told: Mapping[str, str]) -> dict[str, str]:
    return {name: told[name] for name in ("clause", "policy_version", "actor")}


def _proposal(row: store.AnyRow) -> Proposal:
    return Proposal(row.id, row.one, row.other, row.reason, row.proposed_by, row.proposed_at)
