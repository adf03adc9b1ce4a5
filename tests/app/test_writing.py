"""Writing and reading together: what acts of one batch see of each other, and what callers are told when it is too much."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.support import HANAKO, SATO, Site
from upheld.security import keys

FIELDS = ("name", "email", "company")


class Held:
    """An act that holds the writer until it is let go."""

    size, again = 1, False

    def __init__(self) -> None:
        self.begun, self.gone = threading.Event(), threading.Event()

    def check(self, _tx: Any) -> bool:
        self.begun.set()
        return self.gone.wait(20)

    def write(self, _tx: Any) -> bool:
        return True


@contextmanager
def held(site: Site) -> Iterator[None]:
    """Keep the writer busy, so that what is sent meanwhile waits for one batch."""
    act = Held()
    site.house.writer._desk, desk = None, site.house.writer._desk
    thread = threading.Thread(target=site.house.writer.run, args=(act,))
    thread.start()
    assert act.begun.wait(10)
    site.house.writer._desk = desk
    try:
        yield
    finally:
        act.gone.set()
        thread.join(timeout=10)


@pytest.fixture
def site() -> Iterator[Site]:
    with Site() as made:
        yield made


def until_waiting(site: Site, count: int) -> None:
    end = time.monotonic() + 10
    while site.house.writer.depth < count and time.monotonic() < end:
        time.sleep(0.005)
    assert site.house.writer.depth >= count


def test_a_withdrawal_binds_what_comes_behind_it_in_the_same_batch(site: Site) -> None:
    """A consent withdrawn and a read behind it, both waiting for one transaction: the read is refused."""
    subject = site.collect(HANAKO, "event", *FIELDS, consents=["announce"])["subject"]
    assert site.read(SATO, subject, "announce", "email").status_code == 200
    got: dict[str, int] = {}
    withdraw = threading.Thread(target=lambda: got.update(w=site.state_choice(subject, "announce", "withdraw").status_code))
    read = threading.Thread(target=lambda: got.update(r=site.read(SATO, subject, "announce", "email").status_code))
    with held(site):
        withdraw.start()
        until_waiting(site, 1)
        read.start()
        until_waiting(site, 2)
    withdraw.join(timeout=20)
    read.join(timeout=20)
    assert got == {"w": 201, "r": 403}


def test_one_new_person_in_one_batch_twice_is_one_person(site: Site) -> None:
    """Two takings of somebody unknown so far, in one transaction, are two records of one person."""
    got: list[dict[str, Any]] = []
    sending = [threading.Thread(target=lambda: got.append(site.collect(HANAKO, "event", *FIELDS))) for _ in range(2)]
    with held(site):
        for thread in sending:
            thread.start()
        until_waiting(site, 2)
    for thread in sending:
        thread.join(timeout=20)
    assert len({one["record"] for one in got}) == 2
    assert len({one["subject"] for one in got}) == 1


def test_a_full_queue_is_told_with_the_seconds_to_wait(site: Site) -> None:
    """When too much waits, a caller gets 503 `busy` with Retry-After, nothing of theirs is kept, and later it works."""
    receipt, before = site.receipt("event"), site.counts()
    fields, most = HANAKO.some(*FIELDS), site.house.writer._most
    site.house.writer._most = 0
    refused = site.send("event", fields, receipt=receipt, key="again", country="JP")
    assert (refused.status_code, refused.json()["code"]) == (503, "busy")
    assert int(refused.headers["retry-after"]) >= 1
    assert site.counts() == before
    site.house.writer._most = most
    assert site.send("event", fields, receipt=receipt, key="again", country="JP").status_code == 201


def test_a_members_read_is_in_the_ledger_before_it_leaves_and_a_programs_soon_after(site: Site) -> None:
    """Staff read strictly. A program's answer names its entry, which is durable within the window told by `/readyz`."""
    subject = site.collect(HANAKO, "event", *FIELDS)["subject"]
    entry = site.read(SATO, subject, "analyse", "name").json()["records"][0]["entry"]
    assert kept(site, entry)
    _, text = keys.make(site.house, label="crm", by="staff:1", scopes=("read:analyse",))
    body = {"subject": subject, "purpose": "analyse", "fields": ["name"]}
    answer = site.http.post("/api/v1/read", json=body, headers={"Authorization": f"Bearer {text}"})
    assert answer.json()["fields"] == {"name": HANAKO.fields["name"]}
    entry, end = answer.json()["records"][0]["entry"], time.monotonic() + 10
    while not kept(site, entry) and time.monotonic() < end:
        time.sleep(0.005)
    assert kept(site, entry)
    told = site.http.get("/readyz").json()
    assert told["read_audit"] == {"staff": "strict", "programs": "grouped", "window_ms": 50}
    assert told["parts"]["writer"] is True


def kept(site: Site, entry: str) -> bool:
    """Say whether an entry stands in the store, with or without a position."""
    from upheld.db import unb64
    from upheld.ledger import leaves

    with site.house.store.read() as tx:
        return leaves.one(tx, unb64(entry)) is not None


def test_while_the_writer_is_dead_programs_read_nothing(site: Site) -> None:
    """A read whose entry could not be written is refused with 503: no data leaves without it."""
    subject = site.collect(HANAKO, "event", *FIELDS)["subject"]
    _, text = keys.make(site.house, label="crm", by="staff:1", scopes=("read:analyse",))
    body = {"subject": subject, "purpose": "analyse", "fields": ["name"]}
    assert site.house.writer.stop()
    answer = site.http.post("/api/v1/read", json=body, headers={"Authorization": f"Bearer {text}"})
    assert (answer.status_code, answer.json()["code"]) == (503, "busy")
    assert HANAKO.fields["name"] not in answer.text
    assert site.http.get("/readyz").status_code == 503
