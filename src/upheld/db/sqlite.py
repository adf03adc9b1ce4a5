"""SQLite: a file whose commits are on the disk and whose deleted bytes are overwritten."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

_PRAGMAS = (
    "PRAGMA journal_mode=WAL",
    "PRAGMA synchronous=FULL",
    "PRAGMA foreign_keys=ON",
    "PRAGMA secure_delete=ON",
    "PRAGMA temp_store=MEMORY",
)
_HOT_PRAGMAS = ("PRAGMA cache_size=-65536", "PRAGMA mmap_size=268435456")
"""A hot connection lives as long as its owner: up to 64 MB of pages of its own, and the file mapped beside."""

_TRUNCATE_WAIT_MS = 100


def engine(path: Path, busy_seconds: float) -> sa.Engine:
    """Give an engine over a file, made with its folder when it is missing."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    made = sa.create_engine(
        f"sqlite:///{path}",
        connect_args={"timeout": busy_seconds, "check_same_thread": False},
        pool_size=8,
        max_overflow=56,
    )
    sa.event.listen(made, "connect", _prepare)
    sa.event.listen(made, "begin", _begin)
    return made


def busy(error: DBAPIError) -> bool:
    """Say whether another process held the file's write lock for too long."""
    told = str(error.orig)
    return isinstance(error.orig, sqlite3.OperationalError) and ("locked" in told or "busy" in told)


def truncate_log(path: Path, busy_seconds: float) -> bool:
    """Move the write-ahead log into the main file and empty it; false when a reader was in the way."""
    connection = SqliteHot(path, busy_seconds)
    try:
        connection.rows(f"PRAGMA busy_timeout={_TRUNCATE_WAIT_MS}")
        ((blocked, _, _),) = connection.rows("PRAGMA wal_checkpoint(TRUNCATE)")
    finally:
        connection.close()
    return not blocked


class SqliteHot:
    """A driver connection with the store's settings; see `Hot`."""

    def __init__(self, path: Path, busy_seconds: float) -> None:
        """Open the file."""
        self._connection = sqlite3.connect(
            path, timeout=busy_seconds, check_same_thread=False, isolation_level=None, cached_statements=512
        )
        _prepare(self._connection, None)
        for pragma in _HOT_PRAGMAS:
            self._connection.execute(pragma)

    def rows(self, sql: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Run one statement and give its rows."""
        return self._connection.execute(sql, values).fetchall()

    def many(self, sql: str, rows: Sequence[Sequence[Any]]) -> None:
        """Run one statement for each row of values."""
        self._connection.executemany(sql, rows)

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Run a transaction that takes the write lock at once."""
        self._connection.execute("BEGIN IMMEDIATE")
        yield from self._ended("COMMIT")

    @contextmanager
    def still(self) -> Iterator[None]:
        """Run a transaction that sees one state."""
        self._connection.execute("BEGIN")
        yield from self._ended("ROLLBACK")

    def _ended(self, how: str) -> Iterator[None]:
        try:
            yield
            self._connection.execute(how)
        except BaseException:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            raise

    def news(self) -> int | None:
        """Give a number that changes when another connection wrote."""
        ((number,),) = self.rows("PRAGMA data_version")
        return int(number)

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()


def _prepare(connection: Any, _record: Any) -> None:
    """Set each new connection so that a commit is on the disk and deleted bytes are overwritten."""
    connection.isolation_level = None  # the driver begins nothing by itself; `_begin` does
    for pragma in _PRAGMAS:
        connection.execute(pragma)


def _begin(connection: sa.Connection) -> None:
    write = connection.get_execution_options().get("upheld_write")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")
