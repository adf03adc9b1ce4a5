"""V4 and G6: gated creates, reads and consents over HTTP, beside a server that stores nothing and a table that nobody guards."""

from __future__ import annotations

import sqlite3
import statistics
import threading
import time
from collections.abc import Callable
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
    return count / _inserted(engine, connections, count)[1]


def insert_seconds(engine: Engine, count: int, pace: float, connections: int = http.CONNECTIONS) -> list[float]:
    """Give what each row of F3 took from when it was due, with so many due a second."""
    return _inserted(engine, connections, count, pace)[0]


def _inserted(engine: Engine, connections: int, count: int, pace: float = 0) -> tuple[list[float], float]:
    where: Path | str = engine.folder() / "f3.db" if engine.name == "SQLite" else engine.database()
    run, close = _connected(engine, where)
    _prepare(where, run)
    rows = [
        (n.to_bytes(16, "big"), (n % 5000).to_bytes(16, "big"), "announce", "given", "2026-11-01", "f" * 64, "192.0.2.1", n)
        for n in range(count)
    ]
    opened = [_connected(engine, where) for _ in range(connections)]
    barrier, each, begun = threading.Barrier(connections + 1), [0.0] * count, 0.0

    def work(number: int) -> None:
        insert = opened[number][0]
        barrier.wait()
        for at in range(number, count, connections):
            due = begun + at / pace if pace else time.perf_counter()
            time.sleep(max(0.0, due - time.perf_counter()))
            insert(rows[at])
            each[at] = time.perf_counter() - due

    threads = [threading.Thread(target=work, args=(number,)) for number in range(connections)]
    for thread in threads:
        thread.start()
    begun = time.perf_counter()
    barrier.wait()
    for thread in threads:
        thread.join()
    taken = time.perf_counter() - begun
    for _, end in (*opened, (run, close)):
        end()
    if isinstance(where, str):
        engine.drop(where)
    else:
        where.unlink()
    return each, taken


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


def rates(*, quick: bool) -> Goal:
    """Measure V4: creates and reads for each CPU second of the server, without what the database server takes.

    Reads of programs are told in groups, as the goal says; what they cost told strictly stands beside it.
    """
    parts, count, times = [], 800 if quick else 3000, 1 if quick else 3
    with engines() as both:
        for engine in both:
            seen: dict[str, list[float]] = {}
            for _ in range(times):
                done = http.ours(engine.data_folder(), count)
                for name, one in done.items():
                    seen.setdefault(name, []).append(one.per_cpu)
                    seen.setdefault(f"{name} p99", []).append(one.p99)
                seen.setdefault("strict", []).append(http.ours(engine.data_folder(), count, audit="strict")["read"].per_cpu)
            middle = {name: statistics.median(values) for name, values in seen.items()}
            note = (
                f"p99 {middle['create p99']:,.0f} ms and {middle['read p99']:,.0f} ms on a shared host;"
                f" reads told strictly {middle['strict']:,.0f}"
            )
            parts.append(Part("gated, 32 connections, per server CPU second", engine.name, (
                Check("creates", middle["create"], 1100, least=True), Check("reads", middle["read"], 2000, least=True),
            ), note=note, kept={"figures": seen}))  # fmt: skip
            engine.clear()
    return Goal("V4", tuple(parts))


def consents(*, quick: bool) -> Goal:
    """Measure G6: consents a second against what HTTP alone and the insert alone would allow one after the other.

    Floor, insert and ours run in turn, in short pieces, while both servers stay up; the first round warms up and is
    dropped, the order is swapped with each round, and the median of the rounds counts.
    """
    parts, count, rounds = [], 400 if quick else 1000, 3 if quick else 7
    with engines() as both:
        for engine in both:
            seen = _in_rounds(engine, count, rounds)
            shares = [rate * (1 / bare + 1 / row) for bare, row, rate in seen]
            check = Check("of 1/(1/H + 1/I)", statistics.median(shares), 0.7, least=True)
            bare, row, _ = (statistics.median(one) for one in zip(*seen, strict=True))
            note = f"H {bare:,.0f}, I {row:,.0f} a second"
            kept = {"rounds": [{"H": one, "I": two, "consents": three} for one, two, three in seen]}
            parts.append(Part("consent of a known person, 32 connections", engine.name, (check,), note=note, kept=kept))
            engine.clear()
    return Goal("G6", tuple(parts))


def _in_rounds(engine: Engine, count: int, rounds: int) -> list[tuple[float, float, float]]:
    """Give (H, I, consents) a second of each round."""
    seen: list[tuple[float, float, float]] = []
    with http.floor_served() as bare, http.house_served(engine.data_folder()) as whole:
        people = http.known_people(*whole, count)
        for number in range(rounds + 1):
            taken: dict[str, float] = {}
            pieces: dict[str, Callable[[], float]] = {
                "H": lambda: http.floor_rate(*bare, count),
                "I": lambda: rows_per_second(engine, http.CONNECTIONS, count),
                "ours": lambda at=number: http.load(*whole, http.refusals(people, at), 201)[0].per_wall,  # type: ignore[misc]
            }
            for name in reversed(pieces) if number % 2 else pieces:
                taken[name] = pieces[name]()
            seen.append((taken["H"], taken["I"], taken["ours"]))
    return seen[1:]
