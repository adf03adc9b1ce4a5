"""Write the fixture of a release: a small data folder with rows in its tables, as SQL that both engines take.

Run once for each release, with that release: `python -m tests.db.released.make 0001`.
"""

from __future__ import annotations

import random
import shutil
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from tests.support import HANAKO, LENA, OFFICER, REFERENCE, SATO, Site
from upheld.db import FixedClock, Ids, Store, keys_metadata
from upheld.records import FileRoot, KeyRing
from upheld.rights import actions as rights

HERE = Path(__file__).parent
BUCKETS = 4
"""So few, that the fixture stays small."""


def literal(value: Any) -> str:
    """Write a value so that SQLite takes it; the loader turns the bytes around for PostgreSQL."""
    if value is None:
        return "NULL"
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, bytes):
        return f"X'{value.hex()}'"
    return "'" + str(value).replace("'", "''") + "'"


def statements(store: Store) -> list[str]:
    """Give one INSERT for each row of a store."""
    lines = []
    with store.read() as tx:
        for table in store.metadata.sorted_tables:
            names = ", ".join(f'"{column.name}"' for column in table.c)
            flags = [isinstance(column.type, sa.Boolean) for column in table.c]
            for row in tx.exec_driver_sql(f"SELECT {names} FROM {table.name}"):
                cells = [bool(cell) if flag and cell is not None else cell for cell, flag in zip(row, flags, strict=True)]
                lines.append(f"INSERT INTO {table.name} ({names}) VALUES ({', '.join(map(literal, cells))});")
    return lines


def live(folder: Path) -> None:
    """Walk through the rooms: two people, a consent and its withdrawal, a read, a request, an erasure."""
    clock = FixedClock(datetime(2026, 11, 22, 3, 0, tzinfo=UTC))
    ids = Ids(clock, random.Random(1).randbytes)
    folder.mkdir()
    keys = Store(folder / "keys" / "keys.db", keys_metadata)
    KeyRing(keys, FileRoot(folder / "root", clock, ids.random), clock, ids, buckets=BUCKETS).close()
    keys.close()
    with Site(policy=REFERENCE, folder=folder) as site:
        one = site.collect(HANAKO, "event", "name", "email", "company")["subject"]
        two = site.collect(LENA, "registration", "email")["subject"]
        site.state_choice(one, "announce", "object")
        assert site.read(SATO, one, "analyse", "name").status_code == 200
        site.staff(OFFICER)
        asked = rights.receive(site.house, right="erasure", residence="DE", identifier={"email": LENA.email})
        rights.identify(site.house, asked.number, by=OFFICER.number)
        rights.approve(site.house, asked.number, by=OFFICER.number)
        rights.receive(site.house, right="access", residence="JP", subject=one)
        site.house.settle()
        assert two != one


def main(revision: str) -> None:
    """Live, and write what came of it down."""
    target = HERE / revision
    shutil.rmtree(target, ignore_errors=True)
    with tempfile.TemporaryDirectory() as where:
        folder = Path(where) / "data"
        live(folder)
        for name in ("root", "journal"):
            shutil.copytree(folder / name, target / name, ignore=shutil.ignore_patterns(".*"))
        from upheld.records.assembly import places_of

        for name in ("data", "keys"):
            store = places_of(folder).open(name)
            (target / f"{name}.sql").write_text("\n".join(statements(store)) + "\n", "utf-8")
            store.close()


if __name__ == "__main__":
    main(sys.argv[1])
