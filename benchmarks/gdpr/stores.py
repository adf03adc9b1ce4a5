"""Stores ready to run on: each made once as a template, then copied for every run."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from pathlib import Path

import sqlalchemy as sa

from benchmarks.engines import Engine
from benchmarks.gdpr import floor
from benchmarks.gdpr.floor import Floor
from benchmarks.gdpr.ours import CLASS, SPARSE, TABLE, Ours, Parts
from benchmarks.gdpr.records import INDEXED, USERS, Record
from benchmarks.harness import settle
from upheld.db import FixedClock, Ids, SystemClock
from upheld.ledger import NewEntry
from upheld.ledger.grouped import Grouped
from upheld.policy.compile import compile_policy
from upheld.policy.law import load_law
from upheld.policy.model import Frozen, Role, Stated
from upheld.records import Holdings, open_holdings
from upheld.records import store as rows
from upheld.records.cipher import Binding
from upheld.records.people import People
from upheld.security.model import Now
from upheld.security.table import Sheet

REFERENCE = Path(__file__).parents[2] / "policies" / "primenumber"
ROLES = ("controller", "customer", "processor", "regulator")
SITUATION, VERSION = "gdprbench", "2026-11-01"


def sheet_of(purposes: int) -> Sheet:
    """Compile the gate: every role may follow every purpose of the records; keeping and audit are for their own."""
    policy = compile_policy(REFERENCE, load_law(), date(2026, 11, 22)).policy
    if policy is None:
        raise SystemExit("the reference policy does not compile")
    fields = Frozen({name: replace(policy.fields["name"], id=name) for name in ("data", "meta")})
    plain = replace(policy.purposes["respond"], uses=None, needs=(), output="rows", act="none")
    named = [f"purpose{number}" for number in range(purposes)]
    situation = replace(
        next(iter(policy.situations.values())), id=SITUATION, required=("data", "meta"), optional=(),
        purposes=tuple(Stated(name, "none") for name in (*named, "keeping", "audit")),
    )  # fmt: skip
    more = {"controller": ["keeping"], "customer": ["keeping"], "regulator": ["audit"]}
    roles = {name: Role(name, (*named, *more.get(name, ())), False) for name in ROLES}
    whole = replace(
        policy, fields=fields, situations=Frozen({SITUATION: situation}), purpose_bases=Frozen({}),
        purposes=Frozen({name: replace(plain, id=name) for name in (*named, "keeping", "audit")}),
        evidence=replace(policy.evidence, roles=Frozen(roles)),
    )  # fmt: skip
    return Sheet(whole, Now(whole, load_law(), date(2026, 11, 22), None), SITUATION, "JP")


@dataclass
class FloorStores:
    """Bare tables."""

    engine: Engine
    records: Sequence[Record]
    _template: Path | str = field(init=False)

    def __post_init__(self) -> None:
        """Load the template."""
        self._template = self.engine.folder() / "floor.db" if self.engine.name == "SQLite" else self.engine.database()
        floor.load(self.engine, self._template, iter(self.records), len(self.records))

    def fresh(self) -> tuple[Callable[[str], Floor], Callable[[], None]]:
        """Give a connector to a fresh copy, and what removes it."""
        if isinstance(self._template, Path):
            path = self.engine.folder() / "floor.db"
            shutil.copyfile(self._template, path)
            settle(path.parent)
            return lambda _role: Floor(path), lambda: shutil.rmtree(path.parent)
        url = self.engine.database(self._template.rpartition("/")[2])
        self.engine.flush()
        return lambda _role: Floor(url), lambda: self.engine.drop(url)

    def size(self) -> int:
        """Give the bytes of table and indices."""
        if isinstance(self._template, Path):
            return sqlite_bytes(self._template, ("records",))
        return postgres_bytes(self._template, ("records",))


@dataclass
class OurStores:
    """Houses with sealed records, keys, ledger and everything the gate asks."""

    engine: Engine
    records: Sequence[Record]
    purposes: int
    warm: bool = True
    users: dict[bytes, str] = field(init=False, default_factory=dict)
    _folder: Path = field(init=False)

    def __post_init__(self) -> None:
        """Make the template through the real parts: keys, seals and ledger entries."""
        self.sheet = sheet_of(self.purposes)
        self._folder = self.engine.data_folder()
        clock = FixedClock(datetime(2026, 11, 1, tzinfo=UTC))
        held = open_holdings(self._folder, clock, Ids(clock))
        people = self._people(held, clock)
        self._load(held, people)
        self._log(held)
        self._where = held.data.url or ""
        self._keys = held.ring.store.url or ""
        held.close()
        self.engine.flush()

    def _people(self, held: Holdings, clock: FixedClock) -> dict[str, bytes]:
        ids = Ids(clock)
        index = People(held.ring, ids)
        # also the people of records that the operations will insert
        named = {f"user{number}": ids.random(16) for number in range(min(USERS, len(self.records) + 1000))}
        tags = {index.tag_of_form("user_id", user): subject for user, subject in named.items()}
        with held.ring.store.write() as tx:
            held.ring.make_many(tx, dict.fromkeys(named.values(), (CLASS,)))
            places = held.ring.places(tx, tags)
            tx.execute(sa.insert(rows.key_tag), [{"place": places[tag], "subject": tags[tag]} for tag in tags])
        with held.data.write() as tx:
            live = [{"id": subject, "state": "live", "generation": 1} for subject in named.values()]
            tx.execute(sa.insert(rows.subject), live)
        self.users = {subject: user for user, subject in named.items()}
        return named

    def _load(self, held: Holdings, people: dict[str, bytes]) -> None:
        bound = Binding(held.ring.tenant, "gdpr_record", SITUATION, VERSION)
        postgres = self.engine.name == "PostgreSQL"
        with held.data.write() as tx:
            tx.exec_driver_sql(TABLE.format("BYTEA" if postgres else "BLOB"))
        hot = held.data.hot()
        marks = ", ".join("?" * 11)
        with hot.writing():
            hot.many(f"INSERT INTO gdpr_record VALUES ({marks})", [
                (*one[:3], people[one.usr], *one[4:10],
                 held.ring.seal(people[one.usr], CLASS, bound.of(people[one.usr], one.key.encode()), one.data.encode()))
                for one in self.records
            ])  # fmt: skip
            for text in (*(f"CREATE INDEX gdpr_{name} ON gdpr_record ({name})" for name in INDEXED), *SPARSE):
                hot.rows(text)
        hot.close()

    def _log(self, held: Holdings) -> None:
        """Write as many entries as there are records, as the bare table has lines of audit."""
        told = NewEntry("retention.due", "retention", VERSION, "svc:retention", {"count": 1})
        for at in range(0, len(self.records), 1000):
            with held.data.write() as tx:
                held.ledger.append_many(tx, [told] * min(1000, len(self.records) - at))
        held.ledger.integrate()
        hot = held.data.hot()
        for text in ("VACUUM", "ANALYZE"):
            hot.rows(text)
        hot.close()
        held.data.tidy()

    def fresh(self) -> tuple[Parts, Callable[[], None]]:
        """Give the parts of a fresh copy, and what closes and removes it."""
        folder = self.engine.folder() / "house"
        shutil.copytree(self._folder, folder)
        url = ""
        if self.engine.name != "SQLite":
            url = self.engine.database(self._where.rpartition("/")[2])
            (folder / "stores.toml").write_text(f'data = "{url}"\nkeys = "{self._keys}"\n', "utf-8")
        self.engine.flush()
        settle(folder)
        clock = SystemClock()
        held = open_holdings(folder, clock, Ids(clock))
        bound = Binding(held.ring.tenant, "gdpr_record", SITUATION, VERSION)
        parts = Parts(held, self.sheet, Grouped(held.data, held.ledger), bound, self.engine.name)
        if self.warm:
            self._serve_a_minute(parts)

        def remove() -> None:
            with suppress(RuntimeError):
                parts.audit.close()
            held.close()
            shutil.rmtree(folder.parent)
            if url:
                self.engine.drop(url)

        return parts, remove

    def _serve_a_minute(self, parts: Parts) -> None:
        """Bring a house to where a server is that has run: keys of its persons at hand, statements known, log integrated."""
        ring = parts.held.ring
        ring.warm(CLASS, list(self.users))
        for subject in self.users:
            key = ring.data_key(subject, CLASS)
            if key is not None:
                key.body(bytes(16))
        for _ in range(3):
            parts.audit.tell(NewEntry("access.bulk", "security.technical", VERSION, "svc:retention", {"count": 0}))
            parts.audit.flush()
            parts.held.ledger.integrate()

    def sizes(self) -> dict[str, int]:
        """Give the bytes of records, of leaves with their hashes, of sealed bodies, of the queue, and of the keys store; with indices."""
        named = {
            "records": ("gdpr_record",), "ledger": ("ledger_bundle", "ledger_tile"), "bodies": ("ledger_body",),
            "queue": ("ledger_pending",), "keys": ("key_dek", "key_tag", "key_bucket"),
        }  # fmt: skip
        if self.engine.name == "SQLite":
            places = {"keys": self._folder / "keys" / "keys.db"}
            return {name: sqlite_bytes(places.get(name, self._folder / "data" / "data.db"), told) for name, told in named.items()}
        return {name: postgres_bytes(self._keys if name == "keys" else self._where, told) for name, told in named.items()}


def sqlite_bytes(path: Path, tables: Sequence[str]) -> int:
    """Give the bytes of pages of tables with their indices."""
    import sqlite3

    with sqlite3.connect(path) as held:
        names = [
            name
            for table in tables
            for (name,) in held.execute("SELECT name FROM sqlite_master WHERE tbl_name = ? AND rootpage > 0", (table,))
        ]
        try:
            marks = ", ".join("?" * len(names))
            return int(held.execute(f"SELECT sum(pgsize) FROM dbstat WHERE name IN ({marks})", names).fetchone()[0])
        except sqlite3.OperationalError:  # built without dbstat
            return 0


def postgres_bytes(url: str, tables: Sequence[str]) -> int:
    """Give the bytes of tables with their indices."""
    import psycopg

    with psycopg.connect(url, autocommit=True) as held:
        return sum(held.execute("SELECT pg_total_relation_size(%s::regclass)", (table,)).fetchone()[0] for table in tables)


def connector(parts: Parts) -> Callable[[str], Ours]:
    """Give what opens connections of a role."""
    return lambda role: Ours(parts, role)
