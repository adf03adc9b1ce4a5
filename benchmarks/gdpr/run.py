"""Run GDPRbench: the oracle first, then floor and ours in pairs, for each role, mix and number of connections."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from benchmarks.engines import Engine, engines
from benchmarks.gdpr.floor import Connection
from benchmarks.gdpr.operations import MIXES, Operation, dealt, generate
from benchmarks.gdpr.oracle import Model
from benchmarks.gdpr.records import record_a
from benchmarks.gdpr.stores import FloorStores, OurStores, connector
from benchmarks.harness import Taken, clocked, in_pairs
from benchmarks.result import Check, Goal, Part, ratio_part

WALL = {
    "PostgreSQL": {"customer": 1.5, "processor": 1.6, "controller": 1.3, "regulator": 1.2},
    "SQLite": {"customer": 1.4, "controller": 1.4},
}
CPU = {"PostgreSQL": dict.fromkeys(WALL["PostgreSQL"], 2.5), "SQLite": {"processor": 4.0}}
PERSONAL = 100
"""Bytes of personal data in a record."""


@dataclass(frozen=True, slots=True)
class Size:
    """How large a run is."""

    records: int
    operations: int
    purposes: int


TRIES = 6
QUICK, FULL = Size(10_000, 1_000, 25), Size(100_000, 10_000, 1_000)


@dataclass
class Bench:
    """The two sets of stores of one engine at one size."""

    engine: Engine
    size: Size

    def __post_init__(self) -> None:
        """Load both templates."""
        records = [record_a(number, self.size.purposes) for number in range(self.size.records)]
        self.floor = FloorStores(self.engine, records)
        self.ours = OurStores(self.engine, records, self.size.purposes)
        self._records = records

    def check(self, role: str, operations: Sequence[Operation]) -> int:
        """Let floor, ours and the oracle do everything, and compare each answer; gives the rows touched."""
        model = Model(self._records)
        before = model.lines
        open_floor, remove_floor = self.floor.fresh()
        parts, remove = self.ours.fresh()
        held = parts.held
        size = held.ledger.health().size
        under, mine = open_floor(role), connector(parts)(role)
        for number, one in enumerate(operations):
            expected = model.do(one)
            answers = under.answer(one, under.do(one)), mine.answer(one, mine.do(one), self.ours.users)
            if answers != (expected, expected):
                raise SystemExit(f"GDPRbench, {self.engine.name}, {role}: operation {number} ({one.does}) is answered wrongly")
        parts.audit.flush()
        held.ledger.integrate()
        if held.ledger.health().size - size != model.lines - before:
            raise SystemExit(f"GDPRbench, {self.engine.name}, {role}: the ledger has not one entry for each act")
        under.close()
        mine.close()
        remove_floor()
        remove()
        return model.touched

    def pairs(self, role: str, operations: Sequence[Operation], connections: int, touched: int, count: int) -> Any:
        """Run floor and ours in turn."""

        def floor() -> Taken:
            opened, remove = self.floor.fresh()
            return _finished(_run(opened, role, operations, connections, self.engine), remove)

        def ours() -> Taken:
            parts, remove = self.ours.fresh()

            stop = threading.Event()

            def integrate() -> None:
                while not stop.wait(1.0):
                    parts.held.ledger.integrate()

            integrator = threading.Thread(target=integrate)
            integrator.start()

            def end() -> None:
                stop.set()
                integrator.join()
                parts.audit.flush()
                parts.held.ledger.integrate()

            return _finished(_run(connector(parts), role, operations, connections, self.engine, end), remove)

        paired = in_pairs(floor, ours, count)
        seen = {taken.seen["touched"] for pair in paired.pairs for taken in pair}
        if connections == 1 and seen != {touched}:
            raise SystemExit(f"GDPRbench, {self.engine.name}, {role}: other rows were touched than the oracle says")
        return paired


def _retried(do: Callable[[Operation], Any], one: Operation) -> Any:
    """Do an operation, again if another connection's transaction was in its way and the engine ended ours."""
    for _ in range(TRIES):
        try:
            return do(one)
        except Exception as error:
            if getattr(error, "sqlstate", None) not in {"40001", "40P01"}:
                raise
    return do(one)


def _finished(taken: Taken, remove: Callable[[], None]) -> Taken:
    remove()
    return taken


def _run(
    connect: Callable[[str], Connection],
    role: str,
    operations: Sequence[Operation],
    connections: int,
    engine: Engine,
    end: Callable[[], None] = lambda: None,
) -> Taken:
    """Deal the operations to connections and start all at one barrier.

    The wall clock stops when the last is answered; CPU goes on until everything is in the ledger and has its place.
    """
    opened = [connect(role) for _ in range(connections)]
    barrier = threading.Barrier(connections)
    counts = [0] * connections
    errors: list[BaseException] = []

    def work(number: int, mine: Sequence[Operation]) -> None:
        connection, total = opened[number], 0
        do, touched = connection.do, connection.touched
        barrier.wait()
        try:
            for one in mine:
                total += touched(one, _retried(do, one))
        except BaseException as error:
            errors.append(error)
        counts[number] = total

    def whole() -> dict[str, Any]:
        begun = time.perf_counter()
        if connections == 1:
            work(0, operations)
        else:
            threads = [threading.Thread(target=work, args=one) for one in enumerate(dealt(operations, connections))]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        answered = time.perf_counter() - begun
        end()
        return {"touched": sum(counts), "answered": answered}

    taken = clocked(whole, engine.servers)
    for connection in opened:
        connection.close()
    if errors:
        raise errors[0]
    return replace(taken, wall=taken.seen["answered"])


def parts_of(engine: Engine, size: Size, *, mixes: Sequence[str], connections: Sequence[int], pairs: int) -> tuple[list[Part], Bench]:
    """Measure each role of the mixes on one engine."""
    bench = Bench(engine, size)
    parts = []
    for mix in mixes:
        for role in MIXES[mix]:
            operations = generate(role, mix, size.records, size.operations, size.purposes)
            touched = bench.check(role, operations)
            for number in connections:
                print(f"  {engine.name}, {role}, {number} …", file=sys.stderr, flush=True)
                paired = bench.pairs(role, operations, number, touched, pairs)
                parts.append(ratio_part(
                    f"{role}, {number} connection{'s' if number > 1 else ''}, {mix} mix", engine.name, paired,
                    wall=WALL[engine.name].get(role), cpu=CPU[engine.name].get(role),
                    touched=touched, records=size.records, operations=size.operations, audit="grouped", mapping="faithful",
                ))  # fmt: skip
    return parts, bench


def measure(name: str, *, quick: bool) -> Goal:
    """Measure G1 (PostgreSQL) or G2 (SQLite)."""
    engine_name = {"G1": "PostgreSQL", "G2": "SQLite"}[name]
    with engines((engine_name,)) as (engine,):
        numbers = (1, 8) if name == "G1" else (1,)
        mixes = ("paper",) if quick else ("paper", "repo")
        parts, bench = parts_of(engine, QUICK if quick else FULL, mixes=mixes, connections=numbers, pairs=3 if quick else 5)
        _SPACE[engine_name] = _space(engine, bench)
    return Goal(name, tuple(parts))


_SPACE: dict[str, Part] = {}


def _space(engine: Engine, bench: Bench) -> Part:
    sizes, raw, count = bench.ours.sizes(), bench.floor.size(), len(bench.ours.records)
    checks = (
        Check("records ×", sizes["records"] / raw, 1.15), Check("× personal bytes", sizes["records"] / count / PERSONAL, 3.5),
        Check("leaf and hash B an event", sizes["ledger"] / count, 200),
    )  # fmt: skip
    told = {"a sealed body with its links": sizes["bodies"] / count, "the emptied queue": sizes["queue"] / count}
    beside = "; ".join(f"{name} {size:,.0f} B an event" for name, size in told.items())
    note = f"{beside}; keys store {sizes['keys'] / len(bench.ours.users):,.0f} B a person; bare table {raw / count:,.0f} B a record"
    return Part("data, metadata and seven indices", engine.name, checks, note=note, kept={"bytes": {**sizes, "raw": raw}})


def space(*, quick: bool) -> Goal:
    """Give G10 from the stores that G1 and G2 made, or make them."""
    for name in ("PostgreSQL", "SQLite"):
        if name not in _SPACE:
            with engines((name,)) as (engine,):
                _SPACE[name] = _space(engine, Bench(engine, QUICK if quick else FULL))
    return Goal("G10", tuple(_SPACE.values()))
