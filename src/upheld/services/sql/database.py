"""A database of the company under the port that all services share."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Any, TypeVar

import sqlalchemy as sa

from upheld.db import Clock
from upheld.policy.model import Frozen
from upheld.services.model import Can, Delivery, Identities, Item, Job, Outcome, Place, Ref, Seen
from upheld.services.port import NotCapableError, ServiceError, need
from upheld.services.rules import Trouble
from upheld.services.spelling import spellings
from upheld.services.sql.adapter import SqlService
from upheld.services.sql.live import DatabaseError
from upheld.services.sql.mapping import SqlMap

T = TypeVar("T")
_NOT_OURS = "the company's own software writes there"
_TROUBLE: Mapping[str, Trouble] = {
    "unreachable": "transient", "conflict": "conflict", "pinned": "tenant", "rehearsal_failed": "tenant", "erase_failed": "tenant",
}  # fmt: skip
_SEEN = {"column_unclassified": "column_unclassified", "reference_unmapped": "column_unclassified", "table_unmapped": "store_undeclared"}
"""Slugs of findings; the rest of what map and database differ in makes the map unusable and is raised."""


@dataclass(slots=True)
class SqlDatabase:
    """One database as a service: erased in one transaction, so that all of a person's rows have one fate."""

    mapping: SqlMap
    address: str
    clock: Clock
    _open: SqlService | None = None

    @property
    def name(self) -> str:
        """Give the name of the map."""
        return self.mapping.name

    def capabilities(self) -> tuple[Can, ...]:
        """Say what is done in which table; none is written to or restricted."""
        told: list[Can] = []
        for name, table in self.mapping.tables.items():
            kept = f"kept for {table.statute}, with {len(table.mask)} columns written over" if table.erase == "keep" else ""
            lingers = self._until(self.clock.now())
            told += [Can(name, "find", "full"), Can(name, "fetch", "full")]
            told.append(Can(name, "erase", "partial" if kept else "full", kept, lingers - self.clock.now() if lingers else None))
            fields = bool(table.fields)
            told.append(Can(name, "correct", "full" if fields else "none", "" if fields else "no column of it is the person's"))
            told += [Can(name, op, "none", _NOT_OURS) for op in ("write", "suppress", "unsuppress")]
            told += [Can(name, op, "none", "a table cannot stop those who read it; the gate does") for op in ("restrict", "release")]
        return tuple(told)

    def locations(self) -> Iterator[Place]:
        """Say what the map states: a database does not tell where it stands."""
        for table in self.mapping.tables:
            for country in self.mapping.stored_in:
                yield Place(table, country, country, "statement", self.clock.now())

    def find(self, who: Identities) -> Iterator[Ref]:
        """Give every row of a person, shared rows these refer to, and others' rows that refer to them."""
        yield from self._told(lambda one: one.find(who))

    def there(self, refs: Sequence[Ref]) -> Iterator[Ref]:
        """Give those rows whose key is still in the table."""
        for ref, _ in self._rows(refs):
            yield ref

    def fetch(self, refs: Sequence[Ref]) -> Iterator[Item]:
        """Give the personal columns and the free text of rows, by column."""
        for ref, row in self._rows(refs):
            told = self.mapping.tables[ref.store]
            names = dict.fromkeys((*told.identity.values(), *told.fields, *told.free_text))
            fields = {name: str(row[name]) for name in names if row[name] is not None}
            yield Item(ref, Frozen(fields), tuple(name for name in told.free_text if name in fields))

    def takes(self) -> frozenset[str]:
        """Name none: nothing is delivered."""
        return frozenset()

    def write(self, delivery: Delivery) -> tuple[Ref, Outcome]:
        """Refuse: raises NotCapableError."""
        raise NotCapableError(f"{self.name} is not written to: {_NOT_OURS}")

    def apply(self, job: Job) -> Iterator[tuple[Ref, Outcome]]:
        """Erase or correct rows in one transaction; trouble with one is trouble with all, and changes nothing.

        Clause: services (APPI 34, 35; GDPR 16, 17)
        """
        need(self, job)
        done = self._told(lambda one: self._erase(one, job) if job.op == "erase" else self._correct(one, job))
        yield from done.items()

    def discover(self, sample: int = 200) -> Iterator[Seen]:
        """Say which columns and tables the map does not name."""
        try:
            found = SqlService.look(self.mapping, self.address)
        except DatabaseError as error:
            raise _service_error(error) from None
        for one in found:
            if one.code in _SEEN:
                table, _, column = one.place.partition(".")
                yield Seen(table, column, _SEEN[one.code])

    def close(self) -> None:
        """Let go of the database."""
        if self._open is not None:
            self._open.close()
            self._open = None

    def _told(self, ask: Callable[[SqlService], T]) -> T:
        try:
            if self._open is None:
                self._open = SqlService(self.mapping, self.address)
            return ask(self._open)
        except DatabaseError as error:
            raise _service_error(error) from None

    def _rows(self, refs: Sequence[Ref]) -> Iterator[tuple[Ref, Mapping[str, Any]]]:
        """Read rows by their keys, table by table."""
        by_table: dict[str, list[Ref]] = defaultdict(list)
        for ref in refs:
            by_table[ref.store].append(ref)
        yield from self._told(lambda one: one.rows(by_table))

    def _erase(self, service: SqlService, job: Job) -> dict[Ref, Outcome]:
        plan = service.plan(job.who)
        frozen = {ref: ref.version for ref in job.refs}
        if any(frozen.get(act.ref) != act.ref.version for act in plan.acts):
            return dict.fromkeys(job.refs, Outcome("conflict", "rows_changed"))
        done = dict(service.erase(plan, job.who).outcomes)
        until = self._until(self.clock.now())
        kept = Outcome("pending_window", "backups", until) if until is not None else Outcome("done")
        told = {ref: done.get(ref, Outcome("already")) for ref in job.refs}
        return {ref: kept if one.word == "done" else one for ref, one in told.items()}

    def _correct(self, service: SqlService, job: Job) -> dict[Ref, Outcome]:
        try:
            return service.correct(job.refs, job.change, {name: _spelled(name, value) for name, value in job.before.items()})
        except sa.exc.SQLAlchemyError as error:
            raise ServiceError("tenant", type(error).__name__) from None

    def _until(self, now: datetime) -> datetime | None:
        """Give when the database's own copies of what is deleted now are gone."""
        if self.mapping.backups is None:
            return None
        last = self.mapping.backups.after(now.date())
        return datetime.combine(last + timedelta(days=1), time.min, tzinfo=now.tzinfo)


def _spelled(name: str, value: str) -> tuple[str, ...]:
    return tuple(spellings(value)) if name == "phone" else (value,)


def _service_error(error: DatabaseError) -> ServiceError:
    code = error.diagnostic.code
    return ServiceError(_TROUBLE.get(code, "unknown"), code)
