"""Erasing: everything is read again first, what belongs to a record goes before it, and each record has an answer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from upheld.services.model import Outcome, Ref
from upheld.services.port import ServiceError
from upheld.services.rules import FIRST_WAIT, outcome_of
from upheld.services.salesforce.client import Client, Row
from upheld.services.salesforce.errors import trouble_of
from upheld.services.salesforce.finding import read
from upheld.services.salesforce.mapping import Keep, OrgMap

TAIL = timedelta(hours=24)
"""How long the operator still keeps what was deleted for good; documented as about a day."""

BIN = timedelta(days=15)
"""How long the bin keeps a record before that."""

GONE = ("done", "already", "pending_window")


@dataclass(slots=True)
class Erasure:
    """One erasure under way. `hard` says whether the credential may delete past the bin."""

    client: Client
    map: OrgMap
    hard: bool
    now: datetime
    rows: dict[Ref, Row] = field(default_factory=dict)
    told: dict[Ref, Outcome] = field(default_factory=dict)

    def run(self, refs: Sequence[Ref]) -> Iterator[tuple[Ref, Outcome]]:
        """Erase records and give the outcome of each; nothing is deleted that changed since it was found.

        Clause: services (APPI 35; GDPR 17)
        """
        self._sort_out(refs)
        yield from self.told.items()
        for store in self.map.order():
            waiting = [ref for ref in refs if ref.store == store and ref not in self.told]
            kept = {ref: outcome for ref in waiting if (outcome := self._pinned(ref)) is not None}
            free = [ref for ref in waiting if ref not in kept]
            made = {**kept, **(self._one_store(store, free) if free else {})}
            self.told.update(made)
            yield from made.items()

    def _sort_out(self, refs: Sequence[Ref]) -> None:
        """Answer for what is not to be deleted: other people's, shared, gone already, changed since."""
        for ref in refs:
            if ref.owner == "other":
                self.told[ref] = Outcome("denied", "named_in_words_of_others")
            elif ref.owner == "shared":
                self.told[ref] = Outcome("detached", "shared")
        mine = [ref for ref in refs if ref not in self.told]
        links = {name: kind.links() for name, kind in self.map.objects.items()}
        self.rows = dict(read(self.client, mine, links))
        gone = [ref for ref in mine if ref not in self.rows]
        lingering = dict(read(self.client, gone, {}, deleted=True))
        for ref in gone:
            self.told[ref] = self._lingers(lingering[ref]) if ref in lingering else Outcome("already")
        for ref, row in self.rows.items():
            if str(row["SystemModstamp"]).encode() != ref.version:
                self.told[ref] = Outcome("conflict", "changed_since")

    def _lingers(self, row: Row) -> Outcome:
        """Say until when a deleted record can be asked for; who deleted it how is not told, so the longer time counts."""
        return Outcome("pending_window", "deleted_before", _time(str(row["SystemModstamp"])) + BIN + TAIL)

    def _pinned(self, ref: Ref) -> Outcome | None:
        """Keep a record to which something belongs that stays: deleting it would take that along, unanswered."""
        for other, outcome in self.told.items():
            if outcome.word not in GONE and other in self.rows and ref.key[0] in self._parents(other):
                return Outcome(outcome.word, "kept_by_what_belongs_to_it", outcome.until)
        return None

    def _parents(self, ref: Ref) -> set[object]:
        return {self.rows[ref].get(name) for name in self.map.objects[ref.store].of}

    def _one_store(self, store: str, refs: Sequence[Ref]) -> dict[Ref, Outcome]:
        """Delete records of one object, or write over what a law keeps; trouble with the call is trouble with each."""
        rule = self.map.objects[store].erase
        try:
            if isinstance(rule, Keep):
                return self._masked(store, refs, rule)
            return self._deleted(store, refs)
        except ServiceError as error:
            code = error.diagnostic.code
            return {ref: outcome_of(error.trouble, code, self.now, frozen=True, retry_at=error.retry_at) for ref in refs}

    def _masked(self, store: str, refs: Sequence[Ref], rule: Keep) -> dict[Ref, Outcome]:
        values = {name: None if value == "~" else value for name, value in rule.mask.items()}
        codes = self.client.update((store, str(ref.key[0]), values) for ref in refs) if values else {}
        return {ref: self._outcome(codes.get(str(ref.key[0]), ""), Outcome("held", rule.keep)) for ref in refs}

    def _deleted(self, store: str, refs: Sequence[Ref]) -> dict[Ref, Outcome]:
        keys = [str(ref.key[0]) for ref in refs]
        if self.hard:
            try:
                job, codes = self.client.hard_delete(store, keys)
                good = Outcome("pending_window", "", self.now + TAIL, evidence=job)
                return {ref: self._outcome(codes[key], good) for ref, key in zip(refs, keys, strict=True)}
            except ServiceError as error:
                if error.diagnostic.code != "FEATURENOTENABLED":
                    raise
                self.hard = False  # the permission that the settings promise is not there: the bin keeps it
        codes = self.client.delete(keys)
        good = Outcome("pending_window", "recycle_bin", self.now + BIN + TAIL)
        return {ref: self._outcome(codes[key], good) for ref, key in zip(refs, keys, strict=True)}

    def _outcome(self, code: str, good: Outcome) -> Outcome:
        return outcome_for(code, good, self.now)


def outcome_for(code: str, good: Outcome, now: datetime) -> Outcome:
    """Say what came of one record: `good` without a code, else what the code means."""
    if not code:
        return good
    if code in ("UNPROCESSED", "JOB_RUNNING"):
        return Outcome("retry_at", code.lower(), now + FIRST_WAIT)
    trouble, known = trouble_of(code)
    return outcome_of(trouble, known, now, frozen=True)


def _time(written: str) -> datetime:
    return datetime.strptime(written, "%Y-%m-%dT%H:%M:%S.%f%z")


def lingers(hard: bool) -> timedelta:
    """Give how long the operator keeps what was erased."""
    return TAIL if hard else BIN + TAIL


