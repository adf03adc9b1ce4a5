"""PostgreSQL: transactions of several processes beside each other; nothing rests on advisory locks or notifications."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

if TYPE_CHECKING:
    import psycopg

_LOST = frozenset({"40001", "40P01", "23505", "42P07", "55P03"})
"""Serialization failure, deadlock, a row or table that another transaction made first, a lock not to be had."""

_AWAY = ("08", "57P", "53")
"""Connection lost or refused, server going down, out of room for connections."""

_READ = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"


def driver_url(url: str) -> str:
    """Give the URL with the driver that upheld uses; raises ValueError for another database."""
    scheme, gap, rest = url.partition("://")
    if not gap or scheme.partition("+")[0] not in {"postgresql", "postgres"}:
        raise ValueError("a store is a file or a postgresql:// address")
    return f"postgresql+psycopg://{rest}"


def engine(url: str) -> sa.Engine:
    """Give an engine over a database."""
    made = sa.create_engine(
        driver_url(url),
        isolation_level="AUTOCOMMIT",  # the driver begins nothing by itself; `_begin` does
        pool_size=8,
        max_overflow=56,
        pool_pre_ping=False,
        skip_autocommit_rollback=False,
        connect_args={"prepare_threshold": 3},
    )
    sa.event.listen(made, "begin", _begin)
    sa.event.listen(made, "commit", _commit)
    sa.event.listen(made, "rollback", _rollback)
    return made


def _begin(connection: sa.Connection) -> None:
    write = connection.get_execution_options().get("upheld_write")
    connection.exec_driver_sql("BEGIN" if write else _READ)


def _commit(connection: sa.Connection) -> None:
    connection.exec_driver_sql("COMMIT")


def _rollback(connection: sa.Connection) -> None:
    """End the transaction; a connection that is gone has none."""
    driver: Any = connection.connection.driver_connection
    if driver is not None and not driver.closed:
        connection.exec_driver_sql("ROLLBACK")


def lost(error: DBAPIError) -> bool:
    """Say whether the transaction lost against another one and may be run again."""
    return getattr(error.orig, "sqlstate", None) in _LOST


def unreachable(error: DBAPIError) -> bool:
    """Say whether the server was not reached or went away."""
    state = getattr(error.orig, "sqlstate", None)
    if state is not None:
        return str(state).startswith(_AWAY)
    return error.connection_invalidated or type(error.orig).__module__.startswith("psycopg")


def vacuum(made: sa.Engine, metadata: sa.MetaData, *, whole: bool) -> None:
    """Free the room of deleted rows in every table of the store, so that the heap no longer holds their bytes.

    An index page may go on holding what a deleted row was found by; `whole` writes tables and indexes anew, which
    keeps everybody else out of a table for as long as that takes.
    """
    how = "VACUUM (FULL)" if whole else "VACUUM (TRUNCATE false)"  # to give pages back it would wait for its like
    with made.connect() as connection:
        driver: Any = connection.connection.driver_connection
        for table in metadata.sorted_tables:
            driver.execute(f"{how} {table.name}")


@functools.lru_cache(maxsize=1024)
def placeholders(sql: str) -> str:
    """Turn `?` into the driver's own placeholder; the statements of hot paths hold no question mark of their own."""
    return sql.replace("%", "%%").replace("?", "%s")


class PostgresHot:
    """A driver connection that prepares what it runs often; see `Hot`."""

    def __init__(self, url: str) -> None:
        """Connect."""
        import psycopg

        address = driver_url(url).replace("postgresql+psycopg://", "postgresql://", 1)
        self._connection: psycopg.Connection[tuple[Any, ...]] = psycopg.connect(
            address, autocommit=True, prepare_threshold=1
        )
        self._cursor = self._connection.cursor(binary=True)

    def rows(self, sql: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Run one statement and give its rows."""
        done = self._cursor.execute(placeholders(sql), values)
        return done.fetchall() if done.description else []

    def many(self, sql: str, rows: Sequence[Sequence[Any]]) -> None:
        """Run one statement for each row of values."""
        self._cursor.executemany(placeholders(sql), rows)

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Run a transaction that changes the store."""
        with self._connection.transaction():
            yield

    @contextmanager
    def still(self) -> Iterator[None]:
        """Run a transaction that sees one state."""
        self._cursor.execute(_READ)
        try:
            yield
        finally:
            self._cursor.execute("ROLLBACK")

    def news(self) -> int | None:
        """Give nothing: PostgreSQL tells no such number."""
        return None

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()
