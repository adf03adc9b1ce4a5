"""A database of the company keeps the contract that every service keeps."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal

import pytest
import sqlalchemy as sa

from tests.clusters import fresh_schema
from tests.services.sql.shop import MAP, TABLES
from upheld.db import FixedClock
from upheld.policy.model import Frozen
from upheld.services.contract import CANARY, Double, Planted
from upheld.services.contract.double import Hand
from upheld.services.contract.suite import ServiceContract
from upheld.services.sql import read_map
from upheld.services.sql.database import SqlDatabase
from upheld.services.sql.live import open_database

_OF = {"customers": "id", "drafts": "customer_id", "notes": "owner_id"}


class Shop:
    """The shop's database, filled as its own software would."""

    faults = ()

    def __init__(self, address: str, folder: Path) -> None:
        self.lacks: Mapping[Hand, str] = {
            "write": "the company's own software writes there",
            "restrict": "a table cannot stop those who read it",
            "suppress": "a table sends nothing",
            "lock": "what a law keeps stands in the map, not in the database",
            "forbid": "one transaction is allowed or refused as a whole",
            "hide": "whoever reads a table sees every row of it",
            "region": "a database does not tell where it stands",
            "fault": "one transaction is done or not done; tests/services/sql cut it in between",
        }
        self._clock = FixedClock(datetime(2026, 11, 22, tzinfo=UTC))
        file = folder / "shopdb.yaml"
        file.write_text(MAP, "utf-8")
        self._map, self._address = read_map(file), address
        self._engine = open_database(address)
        with self._engine.begin() as tx:
            for statement in filter(str.strip, TABLES.split(";")):
                tx.exec_driver_sql(statement)
        self._people: dict[str, int] = {}
        self._open: list[SqlDatabase] = []
        self._writes = 0

    @property
    def now(self) -> datetime:
        return self._clock.now()

    def advance(self, by: timedelta) -> None:
        self._clock.set(self.now + by)

    def service(self, credential: Literal["full", "read"] = "full") -> SqlDatabase:
        made = SqlDatabase(self._map, self._address, self._clock)
        self._open.append(made)
        return made

    def plant(self, person: Planted) -> None:
        number = self._people.setdefault(person.key, 10 + len(self._people))
        with self._engine.begin() as tx:
            words = {"id": number, "name": person.name, "email": person.email.upper(), "phone": person.phone}
            tx.execute(sa.text("INSERT INTO customers VALUES (:id, :name, :email, :phone, 'free', NULL, NULL)"), words)
            tx.execute(sa.text("INSERT INTO drafts VALUES (:id, :id, NULL, 'spring')"), words)
            tx.execute(sa.text("INSERT INTO notes VALUES (:id, 'customer', :id, :note)"), {"id": number, "note": person.note})
            tx.execute(sa.text("INSERT INTO visits VALUES (:email, 1)"), words)

    def _rows(self) -> dict[str, tuple[bytes, str]]:
        """Give each row's fingerprint and whose it is."""
        names = {number: key for key, number in self._people.items()}
        told: dict[str, tuple[bytes, str]] = {}
        with self._engine.connect() as tx:
            emails = {one.email.lower(): names[one.id] for one in tx.execute(sa.text("SELECT id, email FROM customers"))}
            for table in (*_OF, "visits"):
                for row in tx.execute(sa.text(f"SELECT * FROM {table}")).mappings():
                    whose = names[row[_OF[table]]] if table in _OF else emails.get(row["email"].lower(), "?")
                    key = f"{table}:{row.get('id', row.get('email'))}"
                    told[key] = hashlib.sha256(repr(dict(row)).encode()).digest(), whose
            tx.rollback()
        return told

    def held(self, person: Planted) -> Mapping[str, bytes]:
        return Frozen({key: digest for key, (digest, whose) in self._rows().items() if whose == person.key})

    def others(self, *apart_from: Planted) -> Mapping[str, bytes]:
        left_out = {one.key for one in apart_from}
        return Frozen({key: digest for key, (digest, whose) in self._rows().items() if whose not in left_out})

    def writes(self) -> int:
        return self._writes

    def change(self, person: Planted) -> None:
        with self._engine.begin() as tx:
            tx.execute(sa.text("UPDATE notes SET body = 'wants a receipt' WHERE id = :id"), {"id": self._people[person.key]})

    def clutter(self) -> Mapping[str, str]:
        with self._engine.begin() as tx:
            tx.exec_driver_sql("CREATE TABLE leads (id INTEGER PRIMARY KEY, email VARCHAR(80))")
            tx.exec_driver_sql("ALTER TABLE customers ADD COLUMN nickname VARCHAR(40)")
        return {"leads": "store_undeclared", "customers.nickname": "column_unclassified"}

    def requests(self) -> str:
        return ""

    def _none(self, *_: object, **__: object) -> None:
        raise AssertionError("the suite asked for what the double lacks")

    lock = forbid = hide = move = fault = _none

    def close(self) -> None:
        for one in self._open:
            one.close()
        self._engine.dispose()


class TestSqlDatabase(ServiceContract):
    """SQLite and PostgreSQL."""

    @pytest.fixture(params=["sqlite", "postgresql"])
    def double(self, request: pytest.FixtureRequest, tmp_path: Path) -> Double:
        address = f"sqlite:///{tmp_path / 'shop.db'}" if request.param == "sqlite" else fresh_schema()
        return Shop(address, tmp_path)


def test_the_control_is_planted_by_the_suite(tmp_path: Path) -> None:
    """The double itself is empty, so that a test of it that finds the control cannot be green by chance."""
    assert not Shop(f"sqlite:///{tmp_path / 'shop.db'}", tmp_path).held(CANARY)
