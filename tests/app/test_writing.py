"""Writing and reading together: what acts of one batch see of each other, and what callers are told when it is too much."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
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


def program_reads(site: Site) -> tuple[httpx.Response, str]:
    """Let a program read what was collected; gives its answer and the entry that it names."""
    subject = site.collect(HANAKO, "event", *FIELDS)["subject"]
    _, text = keys.make(site.house, label="crm", by="staff:1", scopes=("read:analyse",))
    body = {"subject": subject, "purpose": "analyse", "fields": ["name"]}
    answer = site.http.post("/api/v1/read", json=body, headers={"Authorization": f"Bearer {text}"})
    return answer, answer.json()["records"][0]["entry"] if answer.status_code == 200 else ""


def test_a_read_is_in_the_ledger_before_it_leaves(site: Site) -> None:
    """Staff and, where the house says nothing else, programs read strictly; `/readyz` says so."""
    answer, entry = program_reads(site)
    assert answer.json()["fields"] == {"name": HANAKO.fields["name"]}
    assert kept(site, entry)
    entry = site.read(SATO, answer.json()["subject"], "analyse", "name").json()["records"][0]["entry"]
    assert kept(site, entry)
    told = site.http.get("/readyz").json()
    assert told["read_audit"] == {"staff": "strict", "programs": "strict", "window_ms": 0}


@pytest.fixture
def grouping(tmp_path: Path) -> Iterator[Site]:
    """A house that says that programs read in groups."""
    (tmp_path / "serving.toml").write_text('read_audit = "grouped"\n', "utf-8")
    with Site(folder=tmp_path) as site:
        yield site


def test_a_programs_read_is_in_the_ledger_soon_after_where_the_house_groups_them(grouping: Site) -> None:
    """A program's answer names its entry, durable within the window told by `/readyz`; staff go on reading strictly."""
    answer, entry = program_reads(grouping)
    assert answer.json()["fields"] == {"name": HANAKO.fields["name"]}
    end = time.monotonic() + 10
    while not kept(grouping, entry) and time.monotonic() < end:
        time.sleep(0.005)
    assert kept(grouping, entry)
    read = grouping.read(SATO, answer.json()["subject"], "analyse", "name").json()
    assert kept(grouping, read["records"][0]["entry"])
    told = grouping.http.get("/readyz").json()
    assert told["read_audit"] == {"staff": "strict", "programs": "grouped", "window_ms": 50}
    assert told["parts"]["writer"] is True


def kept(site: Site, entry: str) -> bool:
    """Say whether an entry stands in the store, with or without a position."""
    from upheld.db import unb64
    from upheld.ledger import leaves

    with site.house.store.read() as tx:
        return leaves.one(tx, unb64(entry)) is not None


@pytest.mark.parametrize("how", ["site", "grouping"])
def test_while_the_writer_is_dead_programs_read_nothing(how: str, request: pytest.FixtureRequest) -> None:
    """A read whose entry could not be written is refused with 503, strict or grouped: no data leaves without it."""
    site: Site = request.getfixturevalue(how)
    subject = site.collect(HANAKO, "event", *FIELDS)["subject"]
    _, text = keys.make(site.house, label="crm", by="staff:1", scopes=("read:analyse",))
    body = {"subject": subject, "purpose": "analyse", "fields": ["name"]}
    assert site.house.writer.stop()
    answer = site.http.post("/api/v1/read", json=body, headers={"Authorization": f"Bearer {text}"})
    assert (answer.status_code, answer.json()["code"]) == (503, "busy")
    assert HANAKO.fields["name"] not in answer.text
    assert site.http.get("/readyz").status_code == 503
