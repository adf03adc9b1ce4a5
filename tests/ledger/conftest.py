from __future__ import annotations

import copy
import random
from datetime import UTC, datetime

import pytest

from tests.clusters import fresh_schema, placed
from upheld.db import FixedClock, Ids, Store
from upheld.ledger import Ledger, Signer
from upheld.ledger.memory import KeysInMemory

ORIGIN = "example.com/upheld/ledger/1"


class Desk:
    """A ledger with its store, clock and keys, which can be opened again."""

    def __init__(self, folder, where=None):
        self.where = where or folder / "data.db"
        self.clock = FixedClock(datetime(2026, 11, 22, tzinfo=UTC))
        self.ids = Ids(self.clock, random.Random(1).randbytes)
        self.keys = KeysInMemory()
        self.store = Store(self.where)
        self.reopen()

    def beside(self):
        """Open the same place a second time, as another process would; keys, clock and ids are shared."""
        other = copy.copy(self)
        other.store = Store(self.where)
        other.reopen()
        return other

    def reopen(self):
        self.ledger = Ledger(self.store, Signer(ORIGIN, bytes(range(32))), self.keys, self.clock, self.ids)
        return self.ledger

    def append(self, kind="collect.accepted", subject=b"s" * 16, body=None, **more):
        words = {"clause": "collection.event", "policy_version": "1", "actor": "self", **more}
        with self.store.write() as tx:
            return self.ledger.append(tx, kind, subject=subject, body=body or {"fields": ["email"]}, **words)

    def sql(self, text, *values):
        with self.store.write() as tx:
            return tx.exec_driver_sql(placed(self.store, text), values)


@pytest.fixture
def desk(tmp_path, engine):
    made = Desk(tmp_path, fresh_schema() if engine == "postgresql" else None)
    yield made
    made.store.close()


@pytest.fixture
def open_desk():
    return Desk
