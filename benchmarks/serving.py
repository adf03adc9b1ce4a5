"""V4 and G6: gated creates, reads and consents over HTTP, beside a server that stores nothing and a table that nobody guards."""

from __future__ import annotations

import sqlite3
import statistics
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from benchmarks import http
from benchmarks.engines import Engine, engines
from benchmarks.result import Check, Goal, Part

_ROW = (
    "CREATE TABLE consent (id {b} PRIMARY KEY, subject {b} NOT NULL, purpose TEXT NOT NULL, state TEXT NOT NULL,"
    " notice TEXT NOT NULL, proof TEXT NOT NULL, address TEXT NOT NULL, at BIGINT NOT NULL)"
)
_INDEX = "CREATE INDEX consent_by ON consent (subject, purpose, at)"
_INSERT = "INSERT INTO consent VALUES ({0}, {0}, {0}, {0}, {0}, {0}, {0}, {0})"


def _connected(engine: Engine, where: Path | str) -> tuple[Callable[[Any], Any], Callable[[], None]]:
    """Open one connection; gives what inserts a row in its own commit, and what closes."""
    if isinstance(where, Path):
        held = sqlite3.connect(where, isolation_level=None, timeout=60, check_same_thread=False)
        held.execute("PRAGMA journal_mode=WAL")
        held.execute("PRAGMA synchronous=FULL")
        return (lambda row: held.execute(_INSERT.format("?"), row)), held.close
    import psycopg

    server = psycopg.connect(where, autocommit=True, prepare_threshold=1)
    return (lambda row: server.execute(_INSERT.format("%s"), row)), server.close


def rows_per_second(engine: Engine, connections: int, count: int) -> float:
    """Measure F3: a consent row of about 170 bytes in each commit, from several connections at once."""
    where: Path | str = engine.folder() / "f3.db" if engine.name == "SQLite" else engine.database()
    run, close = _connected(engine, where)
    _prepare(where, run)
    rows = [
        (n.to_bytes(16, "big"), (n % 5000).to_bytes(16, "big"), "announce", "given", "2026-11-01", "f" * 64, "192.0.2.1", n)
        for n in range(count)
    ]
    opened = [_connected(engine, where) for _ in range(connections)]
    barrier = threading.Barrier(connections + 1)

    def work(number: int) -> None:
        insert = opened[number][0]
        barrier.wait()
        for row in rows[number::connections]:
            insert(row)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(connections)]
    for thread in threads:
        thread.start()
    barrier.wait()
    begun = time.perf_counter()
    for thread in threads:
        thread.join()
    taken = time.perf_counter() - begun
    for _, end in (*opened, (run, close)):
        end()
    if isinstance(where, str):
        engine.drop(where)
    return count / taken


def _prepare(where: Path | str, run: Callable[[Any], Any]) -> None:
    kind = "BLOB" if isinstance(where, Path) else "BYTEA"
    statements = (_ROW.format(b=kind), _INDEX)
    if isinstance(where, Path):
        held = sqlite3.connect(where)
        for one in statements:
            held.execute(one)
        held.close()
        return
    import psycopg

    with psycopg.connect(where, autocommit=True) as server:
        for one in statements:
            server.execute(one)


_MEASURED: dict[str, dict[str, list[float]]] = {}


def _measured(engine: Engine, count: int, times: int) -> dict[str, list[float]]:
    """Run floors and ours in turn, several times; gives each figure of each time."""
    if engine.name in _MEASURED:
        return _MEASURED[engine.name]
    found: dict[str, list[float]] = {}
    for _ in range(times):
        bare = http.floor(count)
        found.setdefault("H", []).append(bare.per_wall)
        found.setdefault("I", []).append(rows_per_second(engine, http.CONNECTIONS, count))
        done = http.ours(engine.data_folder(), count)
        for name, one in done.items():
            found.setdefault(name, []).append(one.per_cpu)
            found.setdefault(f"{name} p99", []).append(one.p99)
        found.setdefault("consents", []).append(done["consent"].per_wall)
        with suppress(FileNotFoundError):
            engine.clear()
    _MEASURED[engine.name] = found
    return found


def rates(*, quick: bool) -> Goal:
    """Measure V4: creates and reads for each CPU second of the server, without what the database server takes."""
    parts = []
    with engines() as both:
        for engine in both:
            seen = _measured(engine, 800 if quick else 3000, 1 if quick else 3)
            middle = {name: statistics.median(values) for name, values in seen.items()}
            parts.append(Part("gated, 32 connections, per server CPU second", engine.name, (
                Check("creates", middle["create"], 1100, least=True), Check("reads", middle["read"], 2000, least=True),
            ), note=f"p99 {middle['create p99']:,.0f} ms and {middle['read p99']:,.0f} ms on a shared host", kept={"figures": seen}))  # fmt: skip
    return Goal("V4", tuple(parts))


def consents(*, quick: bool) -> Goal:
    """Measure G6: consents a second against what HTTP alone and the insert alone would allow one after the other."""
    parts = []
    with engines() as both:
        for engine in both:
            seen = _measured(engine, 800 if quick else 3000, 1 if quick else 3)
            shares = [
                rate * (1 / bare + 1 / row) for rate, bare, row in zip(seen["consents"], seen["H"], seen["I"], strict=True)
            ]
            check = Check("of 1/(1/H + 1/I)", statistics.median(shares), 0.7, least=True)
            note = f"H {statistics.median(seen['H']):,.0f}, I {statistics.median(seen['I']):,.0f} a second"
            parts.append(Part("consent of a known person, 32 connections", engine.name, (check,), note=note, kept={"figures": seen}))
    return Goal("G6", tuple(parts))
