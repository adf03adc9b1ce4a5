"""G7 and G3: many rows through the bulk gate beside COPY or executemany, and whether questions stay as quick when the store has grown."""

from __future__ import annotations

import hashlib
import sqlite3
import statistics
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from random import Random
from typing import Any

from benchmarks.engines import Engine, engines
from benchmarks.harness import Taken, clocked, in_pairs
from benchmarks.result import Check, Goal, Part, ratio_part
from upheld.amendment import publish
from upheld.app import open_house
from upheld.collection import importing
from upheld.collection.model import Row, Source
from upheld.collection.rows import chunks
from upheld.notice import House

ROOT = Path(__file__).parent.parent
POLICY = ROOT / "policies" / "primenumber"
EACH = 10
"""Records of one person."""
PAGE = 1000
_TABLE = (
    "CREATE TABLE raw (id {b} PRIMARY KEY, subject {b} NOT NULL, purpose TEXT NOT NULL, state TEXT NOT NULL,"
    " notice TEXT NOT NULL, proof TEXT NOT NULL, address TEXT NOT NULL, at BIGINT NOT NULL)"
)
_INDICES = ("CREATE INDEX raw_by ON raw (subject, purpose, at)", "CREATE INDEX raw_page ON raw (purpose, subject, id)")
_COLUMNS = "id, subject, purpose, state, notice, proof, address, at"


def raw_rows(count: int, each: int = EACH) -> Iterator[tuple[Any, ...]]:
    for n in range(count):
        person = n // each
        yield (_id(b"row", n), _id(b"person", person), "materials", "given", "2026-11-01", "f" * 64, f"p{person}@example.com", n)


def _id(kind: bytes, number: int) -> bytes:
    return hashlib.blake2b(number.to_bytes(8, "big"), digest_size=16, key=kind).digest()


class Raw:
    """The floor: one plain table with two indices, written as fast as the engine takes rows."""

    def __init__(self, engine: Engine, at: str = "") -> None:
        """Make the table, or find the one that is there already."""
        self.engine = engine
        self.held: Any
        if engine.name == "SQLite":
            self.held = sqlite3.connect(engine.folder() / "raw.db", isolation_level=None)
            for pragma in ("journal_mode=WAL", "synchronous=FULL", "cache_size=-64000"):
                self.held.execute(f"PRAGMA {pragma}")
        else:
            import psycopg

            self.url = at or engine.database()
            self.held = psycopg.connect(self.url, autocommit=True, prepare_threshold=1)
        if at:
            return
        for text in (_TABLE.format(b="BLOB" if engine.name == "SQLite" else "BYTEA"), *_INDICES):
            self.held.execute(text)

    def load(self, rows: Iterable[tuple[Any, ...]]) -> None:
        """Write rows: COPY, or executemany of a thousand in each commit."""
        if self.engine.name != "SQLite":
            with self.held.cursor().copy(f"COPY raw ({_COLUMNS}) FROM STDIN") as stream:
                for row in rows:
                    stream.write_row(row)
            return
        for chunk in chunks(rows, 1000):
            self.held.execute("BEGIN IMMEDIATE")
            self.held.executemany(f"INSERT INTO raw VALUES ({', '.join('?' * 8)})", chunk)
            self.held.execute("COMMIT")

    def rows(self, text: str, *values: Any) -> list[Any]:
        """Ask one question."""
        marked = text if self.engine.name == "SQLite" else text.replace("?", "%s")
        done = self.held.execute(marked, values)
        return list(done.fetchall()) if done.description else []

    def close(self) -> None:
        """Let go."""
        self.held.close()
        if self.engine.name != "SQLite":
            self.engine.drop(self.url)


def people_of(people: int, each: int) -> Iterator[Row]:
    """Give rows of people who exist only here."""
    for n in range(people * each):
        p = n // each
        yield Row(n + 1, {"name": f"Person {p}", "email": f"p{p}@example.com", "company": "Example Ltd", "_country": "JP"})


def loaded(engine: Engine, rows: Iterable[Row], folder: Path | None = None) -> tuple[House, Taken]:
    """Begin a house and load people with records through the bulk gate."""
    house = open_house(folder or engine.data_folder())
    publish(house, POLICY)
    source = Source("Example Partner KK", "1-2-3 Rei, Tokyo", "Hanae Rei", "agreed at their event")
    confirmed = importing.confirm_source(house, "materials", source, "svc:collection")
    order = importing.Order("materials", b"f" * 32, "svc:collection", confirmed)

    def work() -> dict[str, Any]:
        report = importing.run(house, order, rows, lambda _fault: None)
        return {"rows": report.rows, "stored": report.stored}

    taken = clocked(work, engine.servers)
    if taken.seen["stored"] != taken.seen["rows"]:
        message = f"the bulk gate answered {taken.seen}"
        raise AssertionError(message)
    return house, taken


def rates(*, quick: bool) -> Goal:
    """Measure G7: rows through the gate, each with its entry, beside the engine's own bulk load."""
    count = 5_000 if quick else 50_000
    parts = []
    with engines() as both:
        for engine in both:

            def floor(engine: Engine = engine) -> Taken:
                raw = Raw(engine)
                rows = list(raw_rows(count))
                taken = clocked(lambda: raw.load(rows), engine.servers)
                raw.close()
                return taken

            def ours(engine: Engine = engine) -> Taken:
                house, taken = loaded(engine, list(people_of(count // EACH, EACH)))
                house.close()
                return taken

            paired = in_pairs(floor, ours, 3)
            share = Check("rate ×", 1 / paired.wall, 0.4, least=True)
            rate = statistics.median(count / mine.cpu for _, mine in paired.pairs)
            note = f"{rate:,.0f} rows per CPU second; the floor has no gate, no key and no entry"
            parts.append(ratio_part(f"{count:,} rows of {count // EACH:,} people", engine.name, paired, more=[share], note=note))
    why = (
        "Each row is judged, sealed under a key of its own person, indexed and told to the ledger in Python, some 60 µs, and lands in five"
        " tables with ten indices, some 25 µs; COPY writes one plain row in 8 µs, the rows of both ready before the clock. Sealing and"
        " spelling in C would close the larger part."
    )
    return Goal("G7", tuple(parts), why)


def questions(house: House, chosen: Sequence[int], gone: Sequence[int]) -> dict[str, Callable[[], None]]:
    """Name what is asked of a loaded house: a person's records, a standing, a page by situation, an erasure."""
    vault = house.vault
    found = {n: vault.find("email", f"p{n}@example.com") for n in (*chosen, *gone)}
    subjects = [subject for n in chosen if (subject := found[n]) is not None]
    doomed = [subject for n in gone if (subject := found[n]) is not None]

    def export() -> None:
        with house.store.read() as tx:
            for subject in subjects:
                for record in vault.records_of(tx, subject):
                    vault.open_fields(tx, record)

    def standing() -> None:
        with house.store.read() as tx:
            for subject in subjects:
                vault.standings_of(tx, subject)

    def page() -> None:
        with house.store.read() as tx:
            after = None
            for _ in range(3):
                rows = vault.iter_records(tx, [("materials", "1")], after=after, limit=PAGE)
                after = (rows[-1].subject, rows[-1].id)

    def erase() -> None:
        for subject in doomed:
            vault.erase(subject, reason="request", clause="rights.erasure", policy_version="1", actor="svc:rights")

    return {"export": export, "standing": standing, "page": page, "erase": erase}


def raw_questions(raw: Raw, chosen: Sequence[int], gone: Sequence[int]) -> dict[str, Callable[[], None]]:
    """Ask the floor for the same rows."""
    key = {n: _id(b"person", n) for n in (*chosen, *gone)}

    def export() -> None:
        for n in chosen:
            raw.rows("SELECT * FROM raw WHERE subject = ?", key[n])

    def standing() -> None:
        for n in chosen:
            raw.rows("SELECT state FROM raw WHERE subject = ? AND purpose = ? ORDER BY at DESC LIMIT 1", key[n], "given")

    def page() -> None:
        after, last = b"", b""
        for _ in range(3):
            rows = raw.rows(
                "SELECT subject, id FROM raw WHERE purpose = ? AND (subject > ? OR (subject = ? AND id > ?))"
                f" ORDER BY subject, id LIMIT {PAGE}",
                "materials", after, after, last,
            )  # fmt: skip
            after, last = rows[-1]

    def erase() -> None:
        for n in gone:
            raw.rows("DELETE FROM raw WHERE subject = ?", key[n])

    return {"export": export, "standing": standing, "page": page, "erase": erase}


def times(asked: dict[str, Callable[[], None]], servers: Sequence[int], again: int) -> dict[str, float]:
    """Give the CPU seconds of each question, the middle of several rounds; an erasure can be asked once only."""
    told: dict[str, float] = {}
    for name, work in asked.items():
        rounds = 1 if name == "erase" else again
        if rounds > 1:
            work()  # what is asked the first time also warms
        told[name] = statistics.median([clocked(work, servers).cpu for _ in range(rounds)])
    return told


def growth(*, quick: bool) -> Goal:
    """Measure G3: what ten times as many records cost a question, beside what they cost plain SQL."""
    sizes = (500, 5_000) if quick else (10_000, 100_000)
    parts = []
    with engines(("PostgreSQL",) if not quick else ("SQLite", "PostgreSQL")) as wanted:
        for engine in wanted:
            ours: list[dict[str, float]] = []
            floors: list[dict[str, float]] = []
            loads = []
            for people in sizes:
                draw = Random(7).sample(range(people), 240)
                chosen, gone = draw[:200], draw[200:]
                house, taken = loaded(engine, people_of(people, EACH))
                loads.append(people * EACH / taken.cpu)
                engine.flush()
                ours.append(times(questions(house, chosen, gone), engine.servers, 5))
                house.close()
                raw = Raw(engine)
                raw.load(raw_rows(people * EACH))
                engine.flush()
                floors.append(times(raw_questions(raw, chosen, gone), engine.servers, 5))
                raw.close()
            checks = [
                Check(f"{name} ×", (ours[1][name] / ours[0][name]) / max(floors[1][name] / floors[0][name], 1.0), 1.1)
                for name in ours[0]
            ]
            name = f"{sizes[0] * EACH:,} → {sizes[1] * EACH:,} records"
            note = f"CPU growth over raw SQL's own; loaded at {loads[1]:,.0f} rows per CPU second"
            kept = {"ours": ours, "floor": floors, "rows_per_cpu_second": loads}
            parts.append(Part(name, engine.name, tuple(checks), note=note, kept=kept))
    return Goal("G3", tuple(parts))
