"""Carrying out what is due: each person is fenced, or cut to what may stay, and those fenced are erased together."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from datetime import date

import sqlalchemy as sa

from upheld.db import b64, canonical, retried
from upheld.notice import House
from upheld.records import CLASS_IDENTITY, Erasure
from upheld.records.erase import TOGETHER
from upheld.retention.certificate import certificate, places
from upheld.retention.model import Overdue, Swept
from upheld.retention.rules import HELD
from upheld.services import cases

_REASON = "retention_over"


class Sweeper:
    """One sweep: collects what it did and ends with one entry and one certificate.

    Clause: retention.ceiling (APPI 22)
    """

    def __init__(
        self, house: House, actor: str, on: date, still: Callable[[sa.Connection, Overdue], bool]
    ) -> None:
        """Begin a sweep for a legal day; `still` says inside a transaction whether something found before is due now."""
        self._house = house
        self._actor = actor
        self._on = on
        self._still = still
        self._version = house.in_force().version
        self._begun: list[Erasure] = []
        self._gone: list[tuple[bytes, dict[bytes, frozenset[str]]]] = []
        self._erasures: list[Erasure] = []
        self._sent: list[str] = []
        self._statutes: set[str] = set()
        self._people = self._records = self._held = self._left = 0

    def person(self, subject: bytes, found: Sequence[Overdue]) -> None:
        """Fence what is due of one person, the person wholly when nothing remains; `settle` carries it on."""
        sent = cases.sent_to(self._house, [subject])
        self._sent += sent
        whole = [one for one in found if one.cut.whole]
        cuts = [one for one in found if not one.cut.whole]
        if whole:
            self._erase(subject, whole, sent)
        if cuts:
            if whole:  # an erasure of some classes fences the person until it is carried on
                self.settle()
            self._cut(subject, cuts)
        if len(self._begun) >= TOGETHER:
            self.settle()

    def settle(self) -> None:
        """Carry on what was begun, all of it together, and look again whether anything of it is left."""
        self._erasures += self._house.vault.complete_all([one.id for one in self._begun])
        self._begun.clear()
        with self._house.store.read() as tx:
            for subject, gone in self._gone:
                self._left += self._still_there(tx, subject, gone)
        self._gone.clear()

    def _still_there(self, tx: sa.Connection, subject: bytes, gone: Mapping[bytes, frozenset[str]]) -> int:
        """Count the records of which something is left that went; none named means the record as a whole."""
        left = 0
        for record in self._house.vault.records_of(tx, subject):
            fields = gone.get(record.id)
            if fields is not None:
                left += not fields or bool(fields & self._house.vault.open_fields(tx, record).keys())
        return left

    @retried
    def _erase(self, subject: bytes, whole: Sequence[Overdue], sent: Sequence[str]) -> None:
        """Fence what is due wholly; of whom nothing remains here nothing may remain in services either."""
        house, clause = self._house, whole[0].cut.clause
        wanted = cases.prepare(house, [subject], sent)
        words = {"clause": clause, "policy_version": self._version, "actor": self._actor}
        with house.store.write() as tx:
            house.vault.ensure_subject(tx, subject)
            whole = [one for one in whole if self._still(tx, one)]
            if not whole:
                return
            going = {one.record.id for one in whole}
            self._note_due(tx, subject, whole)
            held = {record.id for record in house.vault.records_of(tx, subject)}
            open_ = any(one.ended is None for one in house.vault.relations_of(tx, subject))
            wholly = held <= going and not open_
            if wholly:
                begun: Erasure | None = house.vault.fence(
                    tx, subject, None, reason=_REASON, release=True, **words
                )
                if wanted is not None:
                    reference = f"sweep-{self._on.isoformat()}.{b64(wanted.key)}"
                    cases.open_erasure(house, tx, wanted, reference, [subject], actor=self._actor)
            else:
                gone = house.vault.shred_records(tx, subject, going, reason=_REASON, **words)
                begun = gone.erasure
        self._people += wholly
        self._records += len(held & going)
        self._note(subject, begun, dict.fromkeys(going, frozenset()))

    @retried
    def _cut(self, subject: bytes, cuts: Sequence[Overdue]) -> None:
        """Seal anew what may stay; a shred class left empty loses its key."""
        house = self._house
        with house.store.write() as tx:
            house.vault.ensure_subject(tx, subject)
            cuts = [one for one in cuts if self._still(tx, one)]
            if not cuts:
                return
            self._note_due(tx, subject, cuts)
            for one in cuts:
                opened = house.vault.open_fields(tx, one.record)
                stays = {name: opened[name] for name in one.cut.kept if name in opened}
                house.vault.replace_fields(tx, one.record, stays, shred_class=one.cut.shred_class)
                if one.cut.shred_class.startswith(HELD):
                    self._statutes.add(one.cut.shred_class.removeprefix(HELD))
            before = {one.record.shred_class for one in cuts}
            alive = {record.shred_class for record in house.vault.records_of(tx, subject)}
            emptied = before - alive - {CLASS_IDENTITY}
            begun = None
            if emptied:
                begun = house.vault.fence(
                    tx, subject, emptied, reason=_REASON, release=True,
                    clause=cuts[0].cut.clause, policy_version=self._version, actor=self._actor,
                )  # fmt: skip
        self._held += len(cuts)
        self._note(subject, begun, {one.record.id: frozenset(one.cut.gone) for one in cuts})

    def _note(self, subject: bytes, begun: Erasure | None, gone: dict[bytes, frozenset[str]]) -> None:
        """Remember what was begun, and what of the person's records must be gone once it is carried on."""
        self._begun += [begun] if begun is not None else []
        self._gone.append((subject, gone))

    def _note_due(self, tx: sa.Connection, subject: bytes, found: Sequence[Overdue]) -> None:
        for one in found:
            body = {
                "record": one.record.ref,
                "situation": one.record.situation,
                "last_day": one.cut.last_day.isoformat(),
                "fields": list(one.cut.gone),
            }
            self._house.ledger.append(
                tx,
                "retention.due",
                clause=one.cut.clause,
                policy_version=one.record.policy_version,
                actor=self._actor,
                body=body,
                subject=subject,
            )

    def finish(self) -> Swept:
        """Carry on what was begun, write the sweep's own entry, and give what was done; with nothing due it has an entry too."""
        self.settle()
        return self._told()

    @retried
    def _told(self) -> Swept:
        house = self._house
        touched = self._records + self._held
        reference = f"sweep-{self._on.isoformat()}"
        proof = places(house, reference, self._erasures, self._sent, seen_before=touched, seen_after=self._left)
        proof += [
            {"place": "store", "state": "held", "why": f"fields that {statute} keeps, readable for it alone"}
            for statute in sorted(self._statutes)
        ]
        if not self._erasures:
            proof[0]["state"] = "done" if not self._left else "unanswered"
        told = certificate(house, reference, self._erasures, proof)
        counts = {"people": self._people, "records": self._records, "kept_by_law": self._held}
        with house.store.write() as tx:
            house.ledger.append(
                tx,
                "retention.swept",
                clause="retention.ceiling",
                policy_version=self._version,
                actor=self._actor,
                body={
                    "on": self._on.isoformat(),
                    **counts,
                    "certificate": b64(hashlib.sha256(canonical(told)).digest()),
                },
            )
        return Swept(self._on, self._people, self._records, self._held, told)
