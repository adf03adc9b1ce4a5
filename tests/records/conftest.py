from __future__ import annotations

import random
from datetime import UTC, datetime

import pytest

from tests.clusters import placed
from upheld.db import FixedClock, Ids, canonical
from upheld.records import open_holdings

WORDS = {"clause": "rights.erasure", "policy_version": "1", "actor": "svc:rights"}
HANAKO = {
    "name": "田中 花子",
    "email": "hanako@example.co.jp",
    "phone": "+81312345678",
    "company": "例示株式会社",
}
LENA = {"name": "Lena Fischer", "email": "lena@example.de", "phone": "+49301234567", "company": "Beispiel GmbH"}


class House:
    """A data folder opened with a set clock and a seeded source of chance, which can be opened again."""

    def __init__(self, folder, seed=1):
        self.folder = folder
        self.clock = FixedClock(datetime(2026, 11, 22, 3, 0, tzinfo=UTC))
        self.ids = Ids(self.clock, random.Random(seed).randbytes)
        self.words = dict(WORDS)
        self.open()

    def open(self):
        self.held = open_holdings(self.folder, self.clock, self.ids, origin="example.com/upheld/ledger/1")
        self.vault, self.ledger, self.data = self.held.vault, self.held.ledger, self.held.data
        return self

    def close(self):
        self.held.close()

    def collect(self, fields, situation="event", shred_class="marketing", **more):
        """Take a record as a form does: keys first, then record and entry in one transaction."""
        identifiers = {kind: fields[kind] for kind in ("email", "phone", "visitor") if kind in fields}
        subject = self.vault.subject_for(identifiers, region="JP", classes=[shred_class])
        with self.data.write() as tx:
            record = self.vault.put_record(
                tx,
                subject,
                situation=situation,
                policy_version=more.pop("policy_version", "1"),
                origin=more.pop("origin", "JP"),
                fields=fields,
                shred_class=shred_class,
                **more,
            )
            self.ledger.append(
                tx,
                "collect.accepted",
                clause=f"collection.{situation}",
                policy_version="1",
                actor="self",
                subject=subject,
                body={"situation": situation, "fields": sorted(fields)},
            )
        return subject, record

    def erase(self, subject, classes=None):
        return self.vault.erase(subject, classes, reason="request", **self.words)

    def fields_of(self, subject):
        """All open fields of a subject, oldest record first."""
        with self.data.read() as tx:
            return [self.vault.open_fields(tx, one) for one in self.vault.records_of(tx, subject)]

    def sql(self, text, *values, store="data"):
        where = self.data if store == "data" else self.held.ring.store
        with where.write() as tx:
            done = tx.exec_driver_sql(placed(where, text), values)
            return done.fetchall() if done.returns_rows else done.rowcount

    def canonical(self, value):
        return canonical(value)


@pytest.fixture
def open_house():
    return House


@pytest.fixture
def house(tmp_path):
    made = House(tmp_path / "house")
    yield made
    made.close()


@pytest.fixture
def hanako():
    return dict(HANAKO)


@pytest.fixture
def lena():
    return dict(LENA)
