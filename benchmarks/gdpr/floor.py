"""F1: the bare table with its indices, prepared statements, one commit for each operation, no policy and no audit."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Protocol

from benchmarks.engines import Engine
from benchmarks.gdpr.operations import Operation
from benchmarks.gdpr.oracle import Answer, newest_first
from benchmarks.gdpr.records import INDEXED, METADATA, Record

COLUMNS = ("key", *METADATA, "data")
_META = ", ".join(("key", *METADATA))
LINES = "SELECT n, id, kind, clause, version, actor, note FROM audit ORDER BY n DESC LIMIT ?"


class Connection(Protocol):
    """One connection to a store that does operations, and whose answers can be compared."""

    def do(self, one: Operation) -> Any:
        """Do an operation; what it gives is turned into an answer by `answer`, outside the clock."""
        ...

    def answer(self, one: Operation, given: Any) -> Answer:
        """Turn what `do` gave into the oracle's form."""
        ...

    def touched(self, one: Operation, given: Any) -> int:
        """Give how many rows it touched."""
        ...

    def close(self) -> None:
        """Close it."""
        ...


def audit_lines(count: int) -> Iterable[tuple[Any, ...]]:
    """Give as many lines of audit as there are records."""
    for n in range(count):
        yield n, n.to_bytes(16, "big"), 21, 1, 1, 1, bytes(32)


class Floor:
    """Does operations on the bare table; `run` runs one statement and gives (rows, number touched)."""

    def __init__(self, where: Path | str) -> None:
        """Connect."""
        self._run, self._close = _sqlite(where) if isinstance(where, Path) else _postgres(where)

    def do(self, one: Operation) -> Any:
        """Do an operation as one statement of its own transaction."""
        if one.record is not None:
            return self._run(_INSERT, one.record)[1]
        if one.does == "logs":
            return self._run(LINES, (one.lines,))[0]
        by, _, value = one.at.partition("=")
        if one.does == "read":
            return self._run(_READ[by], (value,))[0]
        if one.does == "read_meta":
            return self._run(_READ_META[by], (value,))[0]
        if one.does == "verify":
            return self._run(_THERE, (value,))[0]
        if one.does == "delete":
            return self._run(_DELETE, (value,))[1]
        return self._run(_CHANGE[one.name, by], (one.value, value))[1]

    def touched(self, one: Operation, given: Any) -> int:
        """Count what came back, or what the statement said it touched."""
        if one.does == "verify":
            return int(given[0][0])
        return given if isinstance(given, int) else len(given)

    def answer(self, one: Operation, given: Any) -> Answer:
        """Give rows in order of key, or a count."""
        if one.does in {"read", "read_meta"}:
            return sorted(tuple(row) for row in given)
        if one.does == "logs" and not newest_first(given):
            return [("not in order",)]
        return [(str(self.touched(one, given)),)]

    def close(self) -> None:
        """Close the connection."""
        self._close()


_INSERT = f"INSERT INTO records ({', '.join(COLUMNS)}) VALUES ({', '.join('?' * len(COLUMNS))})"
_READ = {by: f"SELECT key, data FROM records WHERE {by} = ?" for by in ("key", "pur", "usr")}
_READ_META = {by: f"SELECT {_META} FROM records WHERE {by} = ?" for by in ("key", "usr")}
_THERE = "SELECT count(*) FROM records WHERE key = ?"
_DELETE = "DELETE FROM records WHERE key = ?"
_CHANGE = {
    (name, by): f"UPDATE records SET {name} = ? WHERE {by} = ?" for name in COLUMNS[1:] for by in ("key", "pur", "usr")
}


def _sqlite(path: Path) -> tuple[Any, Any]:
    held = sqlite3.connect(path, isolation_level=None, check_same_thread=False, cached_statements=512, timeout=60)
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "cache_size=-65536", "mmap_size=268435456"):
        held.execute(f"PRAGMA {pragma}")
    execute = held.execute

    def run(sql: str, values: Sequence[Any]) -> tuple[list[Any], int]:
        done = execute(sql, values)
        return done.fetchall(), done.rowcount

    return run, held.close


def _postgres(url: str) -> tuple[Any, Any]:
    import psycopg

    held = psycopg.connect(url, autocommit=True, prepare_threshold=1)
    cursor = held.cursor(binary=True)
    known = {sql: sql.replace("?", "%s") for sql in (_INSERT, LINES, _THERE, _DELETE, *_READ.values(), *_READ_META.values(), *_CHANGE.values())}

    def run(sql: str, values: Sequence[Any]) -> tuple[list[Any], int]:
        cursor.execute(known[sql], values)
        result = cursor.pgresult
        return (cursor.fetchall() if result is not None and result.nfields else []), cursor.rowcount

    return run, held.close


def load(engine: Engine, where: Path | str, records: Iterable[Record], count: int) -> None:
    """Fill the bare table by the engine's fastest way, then make the indices, and write everything out."""
    text = ", ".join(f"{name} TEXT NOT NULL" for name in COLUMNS[1:])
    make = [f"CREATE TABLE records (key TEXT PRIMARY KEY, {text})", AUDIT.format("BYTEA" if isinstance(where, str) else "BLOB")]
    index = [f"CREATE INDEX records_{name} ON records ({name})" for name in INDEXED]
    if isinstance(where, Path):
        held = sqlite3.connect(where, isolation_level=None)
        for statement in ("PRAGMA journal_mode=WAL", *make, "BEGIN"):
            held.execute(statement)
        held.executemany(_INSERT, records)
        held.executemany("INSERT INTO audit VALUES (?, ?, ?, ?, ?, ?, ?)", audit_lines(count))
        for statement in ("COMMIT", *index, "ANALYZE", "PRAGMA wal_checkpoint(TRUNCATE)"):
            held.execute(statement)
        held.close()
        return
    import psycopg

    with psycopg.connect(where, autocommit=True) as server:
        for statement in make:
            server.execute(statement)
        copy_in(server, "records", COLUMNS, records)
        copy_in(server, "audit", ("n", "id", "kind", "clause", "version", "actor", "note"), audit_lines(count))
        for statement in (*index, "VACUUM ANALYZE"):
            server.execute(statement)
    engine.flush()


AUDIT = (
    "CREATE TABLE audit (n BIGINT PRIMARY KEY, id {0} NOT NULL, kind INTEGER NOT NULL, clause INTEGER NOT NULL,"
    " version INTEGER NOT NULL, actor INTEGER NOT NULL, note {0} NOT NULL)"
)


def copy_in(server: Any, table: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Fill a table by COPY."""
    with server.cursor().copy(f"COPY {table} ({', '.join(columns)}) FROM STDIN") as copy:
        for row in rows:
            copy.write_row(row)
