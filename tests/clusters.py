"""Throwaway PostgreSQL clusters on loopback: made when a test or benchmark first asks, gone at the end."""

from __future__ import annotations

import atexit
import getpass
import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from itertools import count
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from upheld.db import Store

_BINARIES = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name))
_SETTINGS = (
    "listen_addresses='127.0.0.1'",
    "max_connections=200",
    "log_parameter_max_length=0",
    "log_parameter_max_length_on_error=0",
    "log_min_messages=fatal",
    "timezone='UTC'",
)


@dataclass
class Cluster:
    """One PostgreSQL server over a folder of its own; `database()` gives a fresh database on it.

    The server runs as the account `postgres` when the tests run as root, which it refuses to run as.
    """

    settings: tuple[str, ...] = ()
    folder: Path = field(init=False)
    port: int = field(init=False)
    _made: int = field(init=False, default=0)
    _options: str = field(init=False, default="")

    def start(self) -> Cluster:
        """Make the folder, start the server, and give it back when it answers."""
        if not _BINARIES:
            raise RuntimeError("PostgreSQL is missing: install the system package `postgresql`")
        self.folder = Path(tempfile.mkdtemp(prefix="upheld-pg-"))
        if os.geteuid() == 0:
            shutil.chown(self.folder, "postgres", "postgres")
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self._run("initdb", "-D", str(self.data), "-U", "upheld", "--auth=trust", "--encoding=UTF8", "--locale=C.UTF-8")
        options = " ".join(f"-c {one}" for one in (*_SETTINGS, *self.settings, f"unix_socket_directories='{self.folder}'"))
        self._options = f"-p {self.port} {options}"
        self.up()
        atexit.register(self.stop)
        return self

    @property
    def data(self) -> Path:
        """The folder of the server's files."""
        return self.folder / "data"

    @property
    def address(self) -> str:
        """The address of the server without a database."""
        return f"postgresql://upheld@127.0.0.1:{self.port}"

    def database(self, template: str = "template0") -> str:
        """Make a fresh database and give its address."""
        self._made += 1
        name = f"upheld_{os.getpid()}_{self._made}"
        self._sql(f"CREATE DATABASE {name} TEMPLATE {template}")
        return f"{self.address}/{name}"

    def drop(self, url: str) -> None:
        """Drop a database, with whoever is still connected."""
        self._sql(f"DROP DATABASE IF EXISTS {url.rpartition('/')[2]} WITH (FORCE)")

    def wait_for(self, action: str, *more: str) -> None:
        """Ask pg_ctl to start, stop or restart the server, and wait until it did."""
        self._run("pg_ctl", action, "-w", "-D", str(self.data), *more)

    def up(self) -> None:
        """Start the server and wait until it answers."""
        self.wait_for("start", "-o", self._options, "-l", str(self.folder / "log"))

    def down(self) -> None:
        """Let the server go away at once, as a host that loses power does; its files stay."""
        self.wait_for("stop", "-m", "immediate")

    def stop(self) -> None:
        """End the server at once and remove its files."""
        if self.folder.exists():
            self._run("pg_ctl", "stop", "-m", "immediate", "-D", str(self.data), check=False)
            shutil.rmtree(self.folder, ignore_errors=True)

    def _sql(self, text: str) -> None:
        import psycopg

        with psycopg.connect(f"{self.address}/postgres", autocommit=True) as connection:
            connection.execute(text)

    def _run(self, name: str, *more: str, check: bool = True) -> None:
        as_postgres = ("runuser", "-u", "postgres", "--") if getpass.getuser() == "root" else ()
        command = [*as_postgres, str(_BINARIES[-1] / name), *more]
        done = subprocess.run(command, check=False, capture_output=True, text=True, cwd=self.folder)
        if check and done.returncode:
            raise RuntimeError(f"{name} failed: {done.stderr[-500:]}")


_SCHEMAS = count(1)


@cache
def shared() -> Cluster:
    """Give the cluster that tests share: quick, for it need not survive a power cut."""
    return Cluster(("fsync=off", "full_page_writes=off", "autovacuum=off")).start()


@cache
def _shared_database() -> str:
    return shared().database()


def fresh_schema(owner: str = "upheld") -> str:
    """Give the address of an empty schema of its own in the shared cluster, for its owner, who need not be known yet."""
    import psycopg

    name, url = f"s{next(_SCHEMAS)}", _shared_database()
    with psycopg.connect(url, autocommit=True) as connection:
        if connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (owner,)).fetchone() is None:
            connection.execute(f"CREATE ROLE {owner} LOGIN")
        connection.execute(f"CREATE SCHEMA {name} AUTHORIZATION {owner}")
    return f"{url.replace('upheld@', f'{owner}@', 1)}?options=-csearch_path%3D{name}"


def write_places(folder: Path) -> None:
    """Say in a data folder that its stores lie in two fresh schemas, unless it says something already."""
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / "stores.toml").exists():
        (folder / "stores.toml").write_text(f'data = "{fresh_schema()}"\nkeys = "{fresh_schema()}"\n', "utf-8")


_on_postgres = Event()


@contextmanager
def begun_on_postgres() -> Iterator[None]:
    """Let every data folder that is begun meanwhile lie in PostgreSQL."""
    from upheld.records import assembly

    before = assembly.places_of

    def places_of(folder: Path) -> assembly.Places:
        begin_here(folder)
        return before(folder)

    assembly.places_of = places_of
    _on_postgres.set()
    try:
        yield
    finally:
        assembly.places_of = before
        _on_postgres.clear()


def begun_elsewhere() -> bool:
    """Say whether the data folders of this run lie in PostgreSQL."""
    return _on_postgres.is_set()


def begin_here(folder: Path) -> Path:
    """Prepare a folder that a process of its own will begin, for the engine of this run, and give it back."""
    if _on_postgres.is_set() and not (folder / "data" / "data.db").exists():
        write_places(folder)
    return folder


def in_files(folder: Path) -> Path:
    """Prepare a folder whose stores are files whatever this run is for, for a test about files; gives it back."""
    for name in ("data", "keys"):
        (folder / name).mkdir(parents=True, mode=0o700)
        (folder / name / f"{name}.db").touch(0o600)
    return folder


def kept_bytes(store: Store) -> dict[str, bytes]:
    """Give every file that holds the tables of a store, as a thief of them would have it.

    SQLite: the folder of the file, write-ahead log included. PostgreSQL: heap, index and overflow of each table.
    """
    if store.path is not None:
        return {path.name: path.read_bytes() for path in store.path.parent.iterdir()}
    named = "SELECT pg_relation_filepath(c.oid) FROM pg_class c WHERE relfilenode <> 0 AND (relnamespace = current_schema()::regnamespace"
    overflow = " OR c.oid IN (SELECT reltoastrelid FROM pg_class WHERE relnamespace = current_schema()::regnamespace))"
    hot = store.hot()
    hot.rows("CHECKPOINT")
    paths = [str(path) for (path,) in hot.rows(named + overflow)]
    hot.close()
    return {path: (shared().data / path).read_bytes() for path in paths}


def logged_bytes() -> dict[str, bytes]:
    """Give the write-ahead log of the shared cluster, which holds what all stores in it ever wrote."""
    return {path.name: path.read_bytes() for path in (shared().data / "pg_wal").iterdir() if path.is_file()}


def copied(store: Store, folder: Path) -> Store:
    """Give a store that holds what this one holds now, as a backup brought back would."""
    from upheld.db import Store as Kept

    if store.path is not None:
        folder.mkdir(parents=True, exist_ok=True)
        store.tidy()
        return Kept(Path(shutil.copy(store.path, folder / store.path.name)), store.metadata)
    copy = Kept(fresh_schema(), store.metadata)
    with store.read() as old, copy.write() as new:
        for table in store.metadata.sorted_tables:
            rows = [tuple(row) for row in old.exec_driver_sql(f"SELECT * FROM {table.name}")]
            new.exec_driver_sql(f"DELETE FROM {table.name}")
            if rows:
                marks = ", ".join(["%s"] * len(rows[0]))
                new.exec_driver_sql(f"INSERT INTO {table.name} VALUES ({marks})", rows)
    return copy


def placed(store: object, text: str) -> str:
    """Give a statement written with `?` in the form that the engine of a store takes."""
    from upheld.db.postgres import placeholders

    return placeholders(text) if getattr(store, "dialect", "") == "postgresql" else text
