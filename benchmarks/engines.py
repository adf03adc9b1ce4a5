"""The two engines: a file and a server, both as durable as the product asks, and fresh stores on them."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from tests.clusters import Cluster

SETTINGS = (
    "fsync=on", "synchronous_commit=on", "full_page_writes=on", "shared_buffers=1GB", "max_wal_size=8GB",
    "checkpoint_timeout=1h", "autovacuum=off", "max_connections=100", "jit=off",
)  # fmt: skip


_settings = list(SETTINGS)


def keep_house() -> None:
    """Let the server vacuum and count its rows by itself, as one does that is filled for hours; said before it starts.

    Without it a statement keeps the plan that was right for empty tables.
    """
    _settings.remove("autovacuum=off")


@cache
def cluster() -> Cluster:
    """Start the server that runs measure with: durable, with a gigabyte of buffers."""
    return Cluster(tuple(_settings)).start()


@dataclass
class Engine:
    """One engine: where fresh stores come from, and the first process of its server, if it has one."""

    name: str
    _folders: list[Path] = field(default_factory=list)

    @property
    def servers(self) -> tuple[int, ...]:
        """Give the process ids under which the server's CPU is counted."""
        if self.name == "SQLite":
            return ()
        return (int((cluster().data / "postmaster.pid").read_text().split()[0]),)

    def folder(self) -> Path:
        """Make an empty folder that `clear` removes."""
        made = Path(tempfile.mkdtemp(prefix="upheld-bench-"))
        self._folders.append(made)
        return made

    def data_folder(self) -> Path:
        """Make the folder of a fresh house; on PostgreSQL it says which two new databases the stores are."""
        made = self.folder()
        if self.name != "SQLite":
            (made / "stores.toml").write_text(f'data = "{self.database()}"\nkeys = "{self.database()}"\n', "utf-8")
        return made

    def database(self, template: str = "template0") -> str:
        """Make a fresh database, as a copy of another one if it is named."""
        return cluster().database(template)

    def drop(self, url: str) -> None:
        """Drop a database."""
        cluster().drop(url)

    def flush(self) -> None:
        """Let the server write out what it holds, so that no run pays for another one."""
        if self.name == "SQLite":
            return
        import psycopg

        with psycopg.connect(f"{cluster().address}/postgres", autocommit=True) as connection:
            connection.execute("CHECKPOINT")

    def clear(self) -> None:
        """Remove the folders."""
        while self._folders:
            with suppress(FileNotFoundError):
                shutil.rmtree(self._folders.pop())


@contextmanager
def engines(names: Sequence[str] = ("SQLite", "PostgreSQL")) -> Iterator[list[Engine]]:
    """Give the engines and remove what they left."""
    made = [Engine(name) for name in names]
    try:
        yield made
    finally:
        for one in made:
            one.clear()
