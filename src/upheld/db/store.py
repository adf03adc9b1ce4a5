"""One SQLite file as a store: durable writes one at a time, readers beside them, erased bytes overwritten."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import OperationalError

from upheld.db.errors import StoreBusyError, StoreTooNewError

data_metadata = sa.MetaData()
"""Tables of the data store; each room adds its own in its `store.py`."""

keys_metadata = sa.MetaData()
"""Tables of the keys store: keys, blind index, suppression tags; never a field's value."""

SCHEMA = {"data": 1, "keys": 1}
"""Version of each store's tables; raised with every migration."""

for _metadata in (data_metadata, keys_metadata):
    sa.Table(
        "schema_version",
        _metadata,
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("version", sa.Integer, nullable=False),
    )

_PRAGMAS = (
    "PRAGMA journal_mode=WAL",
    "PRAGMA synchronous=FULL",
    "PRAGMA foreign_keys=ON",
    "PRAGMA secure_delete=ON",
    "PRAGMA temp_store=MEMORY",
)
_BUSY_SECONDS = 10.0
_TRUNCATE_WAIT_MS = 100


class Store:
    """One store in one file: `write()` for a transaction that changes it, `read()` for a still picture.

    Safe to share between threads. Writers queue inside the process; another process's writer is waited for.
    """

    def __init__(
        self, path: Path, metadata: sa.MetaData = data_metadata, *, busy_seconds: float = _BUSY_SECONDS
    ) -> None:
        """Open or make the file; raises StoreTooNewError when a newer release wrote it."""
        self.path = path
        self.metadata = metadata
        self._busy = busy_seconds
        self._lock = threading.Lock()
        self._writer: int | None = None
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.engine = sa.create_engine(
            f"sqlite:///{path}",
            connect_args={"timeout": busy_seconds, "check_same_thread": False},
            pool_size=8,
            max_overflow=56,
        )
        sa.event.listen(self.engine, "connect", _prepare)
        sa.event.listen(self.engine, "begin", _begin)
        self._writing = self.engine.execution_options(upheld_write=True)
        self._adopt_schema()

    def _adopt_schema(self) -> None:
        table = self.metadata.tables["schema_version"]
        wanted = SCHEMA["keys" if self.metadata is keys_metadata else "data"]
        with self.write() as tx:
            if sa.inspect(tx).has_table("schema_version"):
                found = tx.execute(sa.select(table.c.version)).scalar()
                if found is not None and found > wanted:
                    raise StoreTooNewError(
                        f"The store {self.path.name} has schema {found}; this release reads up to {wanted}."
                    )
            self.metadata.create_all(tx)
            if tx.execute(sa.select(table.c.version)).scalar() is None:
                tx.execute(sa.insert(table).values(id=1, version=wanted))
        self.path.chmod(0o600)

    @contextmanager
    def write(self) -> Iterator[sa.Connection]:
        """Run a transaction that takes the write lock at once; commits at the end, rolls back on any error.

        Raises StoreBusyError when the lock is not to be had within the busy time, RuntimeError when this thread
        already writes to this store: one action is one transaction.
        """
        if self._writer == threading.get_ident():
            raise RuntimeError("this thread already holds the store's write transaction")
        if not self._lock.acquire(timeout=self._busy):
            raise StoreBusyError
        try:
            self._writer = threading.get_ident()
            with self._writing.connect() as tx, _begun(tx):
                yield tx
        finally:
            self._writer = None
            self._lock.release()

    @contextmanager
    def read(self) -> Iterator[sa.Connection]:
        """Run a transaction that sees one state of the store and changes nothing."""
        with self.engine.connect() as tx, tx.begin() as whole:
            yield tx
            whole.rollback()

    def writing_here(self) -> bool:
        """Say whether the calling thread is inside `write()` of this store."""
        return self._writer == threading.get_ident()

    def raw(self) -> sqlite3.Connection:
        """Open a driver connection with the store's settings, for hot paths; the caller closes it."""
        connection = sqlite3.connect(
            self.path, timeout=self._busy, check_same_thread=False, isolation_level=None
        )
        _prepare(connection, None)
        return connection

    def truncate_wal(self) -> bool:
        """Move the write-ahead log into the main file and empty it; false when a reader was in the way."""
        if self.writing_here():
            raise RuntimeError("the write transaction must end before its log can be emptied")
        with self._lock:
            connection = self.raw()
            try:
                connection.execute(f"PRAGMA busy_timeout={_TRUNCATE_WAIT_MS}")
                busy, _, _ = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            finally:
                connection.close()
        return not busy

    def close(self) -> None:
        """Close all connections of the store."""
        self.engine.dispose()


@contextmanager
def _begun(tx: sa.Connection) -> Iterator[None]:
    try:
        transaction = tx.begin()
    except OperationalError as error:
        if "locked" in str(error.orig) or "busy" in str(error.orig):
            raise StoreBusyError from None
        raise
    with transaction:
        yield


def _prepare(connection: Any, _record: Any) -> None:
    """Set each new connection so that a commit is on the disk and deleted bytes are overwritten."""
    connection.isolation_level = None  # the driver begins nothing by itself; `_begin` does
    for pragma in _PRAGMAS:
        connection.execute(pragma)


def _begin(connection: sa.Connection) -> None:
    write = connection.get_execution_options().get("upheld_write")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")
