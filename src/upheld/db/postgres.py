"""PostgreSQL: transactions of several processes beside each other; nothing rests on advisory locks or notifications."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from upheld.db.errors import StoreBusyError, StoreConflictError
from upheld.db.packed import parameter_types

if TYPE_CHECKING:
    import psycopg

_LOST = frozenset({"40001", "40P01", "23505", "42P07", "55P03"})
"""Serialization failure, deadlock, a row or table that another transaction made first, a lock not to be had."""

_AWAY = ("08", "57", "53")
"""Connection lost or refused, server going down, a statement that took too long, out of room for connections."""

_READ = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"


@dataclass(frozen=True, slots=True)
class Settings:
    """How a process works with PostgreSQL: `[postgresql]` of stores.toml.

    `pgbouncer`: a pooler hands out connections by transaction, so nothing is prepared on them. `pool`: connections
    kept for each store; `most`: the most there may be. Times in seconds, 0 for none. `row_security`: the wall of
    `upheld.db.wall` stands before every table.
    """

    pgbouncer: bool = False
    pool: int = 8
    most: int = 64
    lock_timeout: float = 10.0
    statement_timeout: float = 0.0
    row_security: bool = False

    def prepare_after(self, times: int) -> int | None:
        """Give after how many runs a statement is prepared; None for never."""
        return None if self.pgbouncer else times

    def opening(self, *, write: bool) -> str:
        """Give what begins a transaction; what it sets ends with it, so that a pooler may stand between."""
        timed = (("lock_timeout", self.lock_timeout), ("statement_timeout", self.statement_timeout))
        words = [f"SET LOCAL {name} = {int(seconds * 1000)}" for name, seconds in timed if seconds]
        if self.row_security:
            words.append("SET LOCAL upheld.purpose = 'house'")
        return "; ".join(["BEGIN" if write else _READ, *words])


PLAIN = Settings()


def driver_url(url: str) -> str:
    """Give the URL with the driver that upheld uses; raises ValueError for another database."""
    scheme, gap, rest = url.partition("://")
    if not gap or scheme.partition("+")[0] not in {"postgresql", "postgres"}:
        raise ValueError("a store is a file or a postgresql:// address")
    return f"postgresql+psycopg://{rest}"


def engine(url: str, settings: Settings = PLAIN) -> sa.Engine:
    """Give an engine over a database."""
    parameter_types()
    made = sa.create_engine(
        driver_url(url),
        isolation_level="AUTOCOMMIT",  # the driver begins nothing by itself; `_begin` does
        pool_size=settings.pool,
        max_overflow=settings.most - settings.pool,
        pool_pre_ping=False,
        skip_autocommit_rollback=False,
        connect_args={"prepare_threshold": settings.prepare_after(3)},
    )
    sa.event.listen(made, "begin", functools.partial(_begin, settings))
    sa.event.listen(made, "commit", _commit)
    sa.event.listen(made, "rollback", _rollback)
    return made


def _begin(settings: Settings, connection: sa.Connection) -> None:
    """Begin a transaction; where the server went away, forget all connections, so that the next one is a new one."""
    import psycopg

    write = bool(connection.get_execution_options().get("upheld_write"))
    driver: Any = connection.connection.driver_connection
    try:
        driver.execute(settings.opening(write=write), prepare=False)
    except psycopg.OperationalError:
        connection.invalidate()
        connection.engine.dispose(close=False)
        raise StoreBusyError from None


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


def logs_parameters(made: sa.Engine) -> bool:
    """Say whether the server may write the values of statements into its own log, where no erasure reaches them."""
    asked = "current_setting('log_parameter_max_length') = '0' AND current_setting('log_parameter_max_length_on_error') = '0'"
    with made.connect() as connection:
        return not connection.exec_driver_sql(f"SELECT {asked}").scalar()


@functools.lru_cache(maxsize=1024)
def placeholders(sql: str) -> str:
    """Turn `?` into the driver's own placeholder; the statements of hot paths hold no question mark of their own.

    Lists are sent as they are in memory: spelling bytes out costs more than looking for them.
    """
    return sql.replace("%", "%%").replace("ANY(?)", "ANY(%b)").replace("?", "%s")


@contextmanager
def _reached() -> Iterator[None]:
    """Tell a server that is away as busy, and a lost transaction as such."""
    import psycopg

    try:
        yield
    except psycopg.Error as error:
        raise _said(error) from None


def _said(error: psycopg.Error) -> Exception:
    """Give the domain's own error where trying again can help, else the driver's."""
    import psycopg

    if error.sqlstate in _LOST:
        return StoreConflictError()
    return StoreBusyError() if isinstance(error, psycopg.OperationalError) else error


class PostgresHot:
    """A driver connection that prepares what it runs often; see `Hot`."""

    def __init__(self, url: str, settings: Settings = PLAIN) -> None:
        """Connect; raises StoreBusyError when the server is not reached."""
        self._address = driver_url(url).replace("postgresql+psycopg://", "postgresql://", 1)
        self._settings = settings
        self._inside = False
        self._connect()

    def _connect(self) -> None:
        import psycopg

        parameter_types()
        with _reached():
            self._connection: psycopg.Connection[tuple[Any, ...]] = psycopg.connect(
                self._address, autocommit=True, prepare_threshold=self._settings.prepare_after(1)
            )
        self._cursor = self._connection.cursor(binary=True)
        self._error = psycopg.Error

    def rows(self, sql: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Run one statement and give its rows; raises StoreBusyError when the server went away meanwhile."""
        if self._settings.row_security and not self._inside:
            with self.writing():
                return self.rows(sql, values)
        self._again()
        try:
            done = self._cursor.execute(placeholders(sql), values)
            result = done.pgresult  # asked instead of `description`, which describes every column anew
            return done.fetchall() if result is not None and result.nfields else []
        except self._error as error:
            raise _said(error) from None

    def many(self, sql: str, rows: Sequence[Sequence[Any]]) -> None:
        """Run one statement for each row of values."""
        if self._settings.row_security and not self._inside:
            with self.writing():
                return self.many(sql, rows)
        self._again()
        with _reached():
            return self._cursor.executemany(placeholders(sql), rows)

    def writing(self) -> AbstractContextManager[None]:
        """Run a transaction that changes the store."""
        return self._whole(write=True, end="COMMIT")

    def still(self) -> AbstractContextManager[None]:
        """Run a transaction that sees one state."""
        return self._whole(write=False, end="ROLLBACK")

    @contextmanager
    def _whole(self, *, write: bool, end: str) -> Iterator[None]:
        self._again()
        with _reached():
            self._connection.execute(self._settings.opening(write=write), prepare=False)
        self._inside = True
        try:
            yield
            with _reached():
                self._connection.execute(end)
        except BaseException:
            if not self._connection.closed:
                self._connection.execute("ROLLBACK")
            raise
        finally:
            self._inside = False

    def _again(self) -> None:
        """Connect again when the connection was lost and nothing is under way on it."""
        if self._connection.closed and not self._inside:
            self._connect()

    def news(self) -> int | None:
        """Give nothing: PostgreSQL tells no such number."""
        return None

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()
