"""A store: durable transactions that change it, readers beside them; on one SQLite file or in a PostgreSQL database."""

from __future__ import annotations

import functools
import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import ParamSpec, TypeVar

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from upheld.db import batch, migrate, postgres, sqlite, wall
from upheld.db.errors import StoreBusyError, StoreConflictError, StoreTooNewError, StoreTooOldError
from upheld.db.hot import Hot

data_metadata = sa.MetaData()
"""Tables of the data store; each room adds its own in its `store.py`."""

keys_metadata = sa.MetaData()
"""Tables of the keys store: keys, blind index, suppression tags; never a field's value."""

SCHEMA = migrate.HEADS
"""Newest revision of each store's tables; raised with every migration."""

BUSY_SECONDS = 10.0
TRIES = 6
"""How often a transaction that lost against another one is run, the first time included."""

_P = ParamSpec("_P")
_R = TypeVar("_R")


def retried(action: Callable[_P, _R]) -> Callable[_P, _R]:
    """Run an action again when its transaction lost against another one; nothing of a lost one was stored.

    The action must have no effect outside the stores before its commit. After the last try the
    StoreConflictError reaches the caller, who is told to try again later.
    """

    @functools.wraps(action)
    def run(*args: _P.args, **kwargs: _P.kwargs) -> _R:
        for attempt in range(1, TRIES):
            try:
                return action(*args, **kwargs)
            except StoreConflictError:
                time.sleep(random.uniform(0, 0.005 * 2**attempt))  # noqa: S311 - spreads retries, no secret
        return action(*args, **kwargs)

    return run


class Store:
    """One store: `write()` for a transaction that changes it, `read()` for a still picture.

    `where` is the path of a SQLite file or the URL of a PostgreSQL database. Safe to share between threads and,
    opened anew, between processes. On SQLite writers queue; on PostgreSQL they run beside each other, and whoever
    decides about a person first takes that person's row (`Vault.ensure_subject`).
    """

    def __init__(
        self,
        where: Path | str,
        metadata: sa.MetaData = data_metadata,
        *,
        busy_seconds: float = BUSY_SECONDS,
        settings: postgres.Settings = postgres.PLAIN,
        migrating: bool = False,
    ) -> None:
        """Open or begin the store; `settings` are those of PostgreSQL.

        With `migrating` a store of an older release is brought to this one's tables. Raises StoreTooNewError when
        a newer release wrote it, StoreTooOldError when it waits for `upheld migrate`.
        """
        self.metadata = metadata
        self.busy_seconds = busy_seconds
        self.path = where if isinstance(where, Path) else None
        self.url = None if isinstance(where, Path) else where
        self.engine = sqlite.engine(where, busy_seconds) if isinstance(where, Path) else postgres.engine(where, settings)
        self.dialect = self.engine.dialect.name
        sa.event.listen(self.engine, "before_cursor_execute", batch.settle_first)
        self._writing = self.engine.execution_options(upheld_write=True)
        self._lock = threading.Lock()
        self._here = threading.local()
        self._settings = settings
        self._migrating = migrating
        self.found = SCHEMA[self.name]
        """Revision at which the store stood when it was opened; this release's for a fresh one."""
        self._adopt_schema()

    @property
    def name(self) -> str:
        """Which of the two stores this is: `data` or `keys`."""
        return "keys" if self.metadata is keys_metadata else "data"

    def _adopt_schema(self) -> None:
        for attempt in range(TRIES):
            try:
                if not self.is_current():
                    self._make_tables()
                break
            except (StoreConflictError, StoreBusyError) as error:  # another process begins the same store
                # SQLite does not wait while somebody else turns on the write-ahead log; a server that is away is away.
                away = isinstance(error, StoreBusyError) and self.path is None
                if away or attempt == TRIES - 1:
                    raise
                time.sleep(0.2)
        if self.path is not None:
            self.path.chmod(0o600)
        elif self._settings.row_security:
            with self.write() as tx:
                wall.build(tx, self.metadata)

    def _make_tables(self) -> None:
        wanted = SCHEMA[self.name]
        with self.write() as tx:
            found = migrate.standing(tx, self.name)
            if found is None:
                migrate.begin(tx, self.name, self.metadata)
            elif found > wanted:
                raise StoreTooNewError(f"The {self.name} store has schema {found}; this release reads up to {wanted}.")
            elif found < wanted and self._migrating:
                migrate.upgrade(tx, self.name)
                self.found = found
            elif found < wanted:
                raise StoreTooOldError(f"The {self.name} store has schema {found}; this release works with {wanted}.")

    def is_current(self) -> bool:
        """Say whether the store stands at the revision that this release works with."""
        with self.read() as tx:
            return migrate.standing(tx, self.name) == SCHEMA[self.name]

    @contextmanager
    def write(self) -> Iterator[sa.Connection]:
        """Run a transaction; commits at the end, durably, and rolls back on any error.

        Raises StoreBusyError when SQLite's write lock is not to be had within the busy time or the server is not
        reached, StoreConflictError when another transaction won (see `retried`), RuntimeError when this thread
        already writes to this store: one action is one transaction.
        """
        if self.writing_here():
            raise RuntimeError("this thread already holds the store's write transaction")
        single = self.dialect == "sqlite"
        if single and not self._lock.acquire(timeout=self.busy_seconds):
            raise StoreBusyError
        try:
            self._here.writing = True
            with _told(), self._writing.connect() as tx, tx.begin():
                notes = batch.begin(tx)
                try:
                    yield tx
                    notes.settle(tx)
                finally:
                    batch.end(tx)
        finally:
            self._here.writing = False
            if single:
                self._lock.release()

    @contextmanager
    def aside(self) -> Iterator[sa.Connection]:
        """Run a short transaction of its own, which stays whatever becomes of the one this thread may hold.

        For PostgreSQL only: on SQLite it would wait for the writer that waits for it.
        """
        with _told(), self._writing.connect() as tx, tx.begin():
            yield tx

    @contextmanager
    def read(self) -> Iterator[sa.Connection]:
        """Run a transaction that sees one state of the store and changes nothing."""
        with _told(), self.engine.connect() as tx, tx.begin() as whole:
            batch.begin(tx, still=True)
            try:
                yield tx
            finally:
                batch.end(tx)
            whole.rollback()

    def writing_here(self) -> bool:
        """Say whether the calling thread is inside `write()` of this store."""
        return bool(getattr(self._here, "writing", False))

    def hot(self) -> Hot:
        """Open a driver connection with the store's settings, for hot paths; the caller closes it."""
        if self.path is not None:
            return sqlite.SqliteHot(self.path, self.busy_seconds)
        return postgres.PostgresHot(str(self.url), self._settings)

    def tidy(self, *, whole: bool = False) -> bool:
        """Overwrite what deleted rows left where the engine can do it; false when a reader was in the way.

        SQLite: moves the write-ahead log into the main file and empties it. PostgreSQL: vacuums the tables, and
        with `whole` writes them and their indexes anew; what its own log and archives keep becomes unreadable by
        the change of the root key only.
        """
        if self.writing_here():
            raise RuntimeError("the write transaction must end before the store can be tidied")
        if self.path is None:
            postgres.vacuum(self.engine, self.metadata, whole=whole)
            return True
        with self._lock:
            return sqlite.truncate_log(self.path, self.busy_seconds)

    def warnings(self) -> list[str]:
        """Say what of the server's own settings works against the promises of the store; nothing for a file."""
        if self.path is not None:
            return []
        found = []
        if postgres.logs_parameters(self.engine):
            found.append(
                f"The server of the {self.name} store may log the values of statements: "
                "set log_parameter_max_length and log_parameter_max_length_on_error to 0."
            )
        if self._settings.row_security:
            with self.read() as tx:
                if not wall.holds(tx):
                    found.append(f"Row security does not bind the login of the {self.name} store: it is a superuser's.")
        return found

    def close(self) -> None:
        """Close all connections of the store."""
        self.engine.dispose()


@contextmanager
def _told() -> Iterator[None]:
    """Turn what the driver says into the domain's own errors where trying again can help."""
    try:
        yield
    except DBAPIError as error:
        if postgres.lost(error):
            raise StoreConflictError from None
        if sqlite.busy(error) or postgres.unreachable(error):
            raise StoreBusyError from None
        raise
