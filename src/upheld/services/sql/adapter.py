"""One database as a service: what it can do, finding, planning, erasing whole or not at all, and looking again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Literal

import sqlalchemy as sa

from upheld.policy.model import Frozen
from upheld.services.model import Can, Identities, Outcome, Ref, Verdict
from upheld.services.sql.live import DatabaseError, Finding, Live, compare, open_database
from upheld.services.sql.mapping import SqlMap
from upheld.services.sql.planning import Act, Plan, plan_of
from upheld.services.sql.walk import CHUNK, Found, among, chunks, identified, walk

_SEARCHED = ("email", "phone")
"""Identifiers that are looked for in free text: a number of a few digits would be found everywhere."""


@dataclass(frozen=True, slots=True)
class Erased:
    """What an erasure did: an outcome for each row of the plan, and counts for the evidence."""

    outcomes: Mapping[Ref, Outcome] = field(repr=False)

    def counts(self) -> dict[str, int]:
        """Count rows by outcome."""
        return dict(sorted(Counter(one.word for one in self.outcomes.values()).items()))


class SqlService:
    """The rows of people in one database of the company. Raises DatabaseError, with nothing changed, for any trouble."""

    def __init__(self, mapping: SqlMap, address: str) -> None:
        """Open the database and compare it with its map; raises DatabaseError `map_differs` for an error in it."""
        self._live, self.findings = compare(mapping, open_database(address))
        errors = [one for one in self.findings if one.severity == "error"]
        if errors:
            listed = "; ".join(f"{one.place}: {one.text}" for one in errors[:5])
            raise DatabaseError(f"map and database differ: {listed}", code="map_differs")

    @staticmethod
    def look(mapping: SqlMap, address: str) -> tuple[Finding, ...]:
        """Say in what a map and its database differ, without using it."""
        return compare(mapping, open_database(address))[1]

    def capabilities(self) -> tuple[Can, ...]:
        """Say what is done in which table; what a table cannot do is said with its reason."""
        told: list[Can] = []
        for name, table in self._live.mapping.tables.items():
            told.append(Can(name, "find", "full"))
            why = f"kept for {table.statute}, with {len(table.mask)} columns written over" if table.erase == "keep" else ""
            told.append(Can(name, "erase", "partial" if why else "full", why))
            told.append(Can(name, "restrict", "none", "a table cannot stop those who read it; the gate does"))
        return tuple(told)

    def find(self, who: Identities) -> tuple[Ref, ...]:
        """Give every row of a person, shared rows these refer to, and others' rows that refer to them; reads only."""
        with self._reading() as tx:
            return tuple(row.ref for row in walk(tx, self._live, who).values())

    def plan(self, who: Identities) -> Plan:
        """Decide what an erasure would do, and try it and take it back where the map does not forbid that.

        Raises DatabaseError `rehearsal_failed` naming nothing but the kind of trouble.
        Clause: services (APPI 35; GDPR 17)
        """
        with self._reading() as tx:
            plan = plan_of(self._live, walk(tx, self._live, who))
        if plan.acts and self._live.mapping.rehearse:
            self._rehearse(plan)
        return plan

    def _rehearse(self, plan: Plan) -> None:
        """Do everything and take it back: triggers and deferred constraints speak up only then."""
        with self._reading() as tx:
            try:
                _carry_out(tx, self._live, plan.acts)
                if self._live.engine.dialect.name == "postgresql":
                    tx.exec_driver_sql("SET CONSTRAINTS ALL IMMEDIATE")
            except sa.exc.SQLAlchemyError as error:
                raise DatabaseError(_kind(error), code="rehearsal_failed") from None
            finally:
                tx.rollback()

    def erase(self, plan: Plan, who: Identities) -> Erased:
        """Carry a plan out in one transaction; gives `already` for rows that are gone and `conflict` raised as error.

        Rows that came since, or changed since, take everything back: DatabaseError `conflict`, plan again.
        Clause: services (APPI 35; GDPR 17)
        """
        try:
            with self._live.engine.begin() as tx:
                now = walk(tx, self._live, who, lock=True)
                there = _still_there(tx, self._live, plan, now)
                done = _carry_out(tx, self._live, [act for act in plan.acts if act.ref in there])
            self._tidy()
        except sa.exc.SQLAlchemyError as error:
            raise DatabaseError(_kind(error), code="erase_failed") from None
        return Erased({act.ref: done.get(act.ref, Outcome("already")) for act in plan.acts})

    def rows(self, keys: Mapping[str, Sequence[Ref]]) -> list[tuple[Ref, Mapping[str, Any]]]:
        """Read rows by their keys as they stand now; those that are gone are left out."""
        found: list[tuple[Ref, Mapping[str, Any]]] = []
        with self._reading() as tx:
            for store, refs in keys.items():
                table, key = self._live.tables[store], self._live.mapping.tables[store].key
                by_key = {ref.key: ref for ref in refs}
                for some in chunks(by_key, CHUNK):
                    there = tx.execute(sa.select(table).where(among(table, key, some))).mappings()
                    found.extend((by_key[tuple(row[name] for name in key)], dict(row)) for row in there)
        return found

    def correct(
        self, refs: Sequence[Ref], change: Mapping[str, str], before: Mapping[str, Sequence[str]]
    ) -> dict[Ref, Outcome]:
        """Write new values of fields into the person's own rows, all in one transaction.

        A row that holds neither the value that is to go nor the new one answers `conflict`, and then none is changed.
        Clause: rights.rectification (APPI 34; GDPR 16)
        """
        done: dict[Ref, Outcome] = {}
        with self._live.engine.begin() as tx:
            for ref in refs:
                told, table = self._live.mapping.tables[ref.store], self._live.tables[ref.store]
                columns = {column: field for column, field in told.fields.items() if field in change}
                here = among(table, told.key, [ref.key])
                row = tx.execute(sa.select(table).where(here).with_for_update()).mappings().first()
                if row is None or not columns or ref.owner != "subject":
                    done[ref] = Outcome("already", "no_such_field" if row is not None else "")
                    continue
                new = {column: change[field] for column, field in columns.items() if row[column] not in (None, change[field])}
                if any(columns[column] in before and str(row[column]) not in before[columns[column]] for column in new):
                    tx.rollback()
                    return dict.fromkeys(refs, Outcome("conflict", "value_changed"))
                if new:
                    tx.execute(sa.update(table).where(here).values(new))
                done[ref] = Outcome("done" if new else "already")
        return done

    def verify(self, plan: Plan, who: Identities, control: Identities, *, on: date) -> Verdict:
        """Look again, by the same look-up, for the person, for each row by its key, and in free text.

        `control` names somebody who must be found by it: else nothing is proven and the verdict is void. `on` is
        the day from which the database's own copies lapse.
        Clause: rights.erasure (APPI 35; GDPR 17)
        """
        with self._reading() as tx:
            seen = identified(tx, self._live, control)
            left = Counter(row.ref.store for row in walk(tx, self._live, who).values() if row.ref.owner == "subject")
            left.update(_not_gone(tx, self._live, plan))
            left.update(_in_text(tx, self._live, who))
        state: Literal["verified", "left", "void"] = "void" if not seen else "left" if left else "verified"
        window = self._live.mapping.backups
        until = window.after(on) if window is not None else None
        return Verdict(state, len(plan.acts), left.total(), seen, Frozen(sorted(left.items())), until)

    def close(self) -> None:
        """Let go of the database."""
        self._live.engine.dispose()

    def _reading(self) -> sa.engine.Connection:
        try:
            return self._live.engine.connect().execution_options(upheld_reads=True)
        except sa.exc.SQLAlchemyError:
            raise DatabaseError("the database cannot be reached", code="unreachable", permanent=False) from None

    def _tidy(self) -> None:
        """Write over what SQLite still has in its log of changes; PostgreSQL does it with its own VACUUM, later."""
        if self._live.engine.dialect.name == "sqlite":
            bare = self._live.engine.raw_connection()  # outside any transaction, or its own would hold the log
            try:
                bare.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)")
            finally:
                bare.close()


def _kind(error: sa.exc.SQLAlchemyError) -> str:
    """Name the kind of trouble; a driver's own text would repeat values."""
    return f"the database refused: {type(error).__name__}"


def _still_there(tx: sa.Connection, live: Live, plan: Plan, now: Found) -> set[Ref]:
    planned = {(act.ref.store, act.ref.key): act for act in plan.acts}
    if any(key not in planned for key in now):
        raise DatabaseError("rows came since the plan was made", code="conflict", permanent=False)
    for key, row in now.items():
        if row.ref.version != planned[key].ref.version and planned[key].do in ("delete", "orphan"):
            raise DatabaseError("rows changed since the plan was made", code="conflict", permanent=False)
    by_key = {act.ref for act in plan.acts if act.do in ("mask", "cut") or act.ref.owner == "shared"} - {row.ref for row in now.values()}
    return {row.ref for row in now.values()} | {ref for ref in by_key if _exists(tx, live, ref)}


def _exists(tx: sa.Connection, live: Live, ref: Ref) -> bool:
    table = live.tables[ref.store]
    query = sa.select(sa.literal(1)).where(among(table, live.mapping.tables[ref.store].key, [ref.key]))
    return tx.execute(query.select_from(table).limit(1)).first() is not None


def _carry_out(tx: sa.Connection, live: Live, acts: Sequence[Act]) -> dict[Ref, Outcome]:
    """Do what a plan says: let go and write over first, then delete in order, shared rows last."""
    done: dict[Ref, Outcome] = {}
    for act in acts:
        if act.values:
            table = live.tables[act.ref.store]
            here = among(table, live.mapping.tables[act.ref.store].key, [act.ref.key])
            tx.execute(sa.update(table).where(here).values(dict(act.values)))
        if act.do in ("mask", "cut"):
            done[act.ref] = Outcome("held" if act.code else "detached" if act.do == "cut" else "done", act.code)
    for store in dict.fromkeys(act.ref.store for act in acts):
        for some in chunks([act for act in acts if act.ref.store == store and act.do == "delete"], CHUNK):
            table = live.tables[store]
            tx.execute(sa.delete(table).where(among(table, live.mapping.tables[store].key, [act.ref.key for act in some])))
            done.update({act.ref: Outcome("done") for act in some})
    for act in acts:
        if act.do == "orphan":
            done[act.ref] = _orphan(tx, live, act.ref)
    return done


def _orphan(tx: sa.Connection, live: Live, ref: Ref) -> Outcome:
    """Delete a shared row that nothing refers to any more; somebody else's keeps it."""
    table, key = live.tables[ref.store], live.mapping.tables[ref.store].key
    row = tx.execute(sa.select(table).where(among(table, key, [ref.key])).with_for_update()).mappings().first()
    if row is None:
        return Outcome("already")
    for link in live.mapping.links_to(ref.store):
        other = live.tables[link.table]
        wanted = among(other, link.columns, [tuple(row[column] for column in link.to_columns)])
        also = [other.columns[column] == value for column, value in link.when.items()]
        if tx.execute(sa.select(sa.literal(1)).select_from(other).where(wanted, *also).limit(1)).first() is not None:
            return Outcome("detached", f"referred_to_by_{link.table}")
    tx.execute(sa.delete(table).where(among(table, key, [ref.key])))
    return Outcome("done")


def _not_gone(tx: sa.Connection, live: Live, plan: Plan) -> Counter[str]:
    """Count rows that should be gone and are there, and rows that should be written over and are not."""
    left: Counter[str] = Counter()
    for act in plan.acts:
        table, key = live.tables[act.ref.store], live.mapping.tables[act.ref.store].key
        if act.do == "delete" and _exists(tx, live, act.ref):
            left[act.ref.store] += 1
        elif act.do in ("mask", "cut") and act.values:
            same = [table.columns[name].is_not_distinct_from(value) for name, value in act.values.items()]
            here = sa.and_(among(table, key, [act.ref.key]), *same)
            there = tx.execute(sa.select(sa.literal(1)).select_from(table).where(here)).first()
            left[act.ref.store] += there is None
    return +left


def _in_text(tx: sa.Connection, live: Live, who: Identities) -> Counter[str]:
    """Count rows of other people whose free text still names the person."""
    words = [value for kind in _SEARCHED for value in who.get(kind, ())]
    left: Counter[str] = Counter()
    for name, told in live.mapping.tables.items():
        table = live.tables[name]
        tests = [table.columns[column].icontains(word, autoescape=True) for column in told.free_text for word in words]
        if tests:
            query = sa.select(sa.func.count()).select_from(table).where(sa.or_(*tests))
            left[name] += int(tx.execute(query).scalar_one())
    return +left
