"""Several servers over one PostgreSQL: each takes part in everything, and one that is killed loses nothing it answered."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.clusters import write_places
from tests.support import HANAKO, REFERENCE, SATO
from upheld.amendment import publish
from upheld.app import open_house
from upheld.db import unb64
from upheld.security import keys, staff

SERVERS = 3
BEFORE = 40
"""How many people each client takes in before one server is killed."""
AFTER = 20


@contextmanager
def served(data: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """One server in a process of its own; gives it with its address."""
    command = [sys.executable, "-m", "upheld", "serve", "--data", str(data), "--port", "0"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        line = next((line for line in process.stdout if line.startswith("http://")), "")
        assert line, "the server did not start"
        yield process, line.strip().removesuffix("/privacy")
    finally:
        process.kill()
        process.wait()


@dataclass
class Client:
    """Somebody who takes people in, reads them through another server, and lets some of them object through a third."""

    number: int
    urls: list[str]
    head: dict[str, str]
    got: dict[str, dict[str, Any]] = field(default_factory=dict)
    sent: int = 0
    objected: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)

    def run(self, first: int, last: int) -> None:
        """Go on until the server is gone."""
        try:
            with ExitStack() as stack:
                own, second, third = (stack.enter_context(httpx.Client(base_url=url, timeout=20)) for url in self.urls)
                for n in range(first, last):
                    self._one(n, own, second, third)
        except httpx.HTTPError:
            return

    def _one(self, n: int, own: httpx.Client, second: httpx.Client, third: httpx.Client) -> None:
        email = f"p{self.number}.{n}@example.com"
        receipt = own.get("/api/v1/collect/event").json()["notice_receipt"]
        fields = {**HANAKO.some("name", "company"), "email": email}
        self.sent += 1
        body = {"fields": fields, "notice_receipt": receipt, "country": "JP"}
        done = own.post("/api/v1/collect/event", json=body, headers={"Idempotency-Key": f"c-{self.number}-{n}"})
        self._check(done, 201)
        subject = done.json()["subject"]
        self.got[email] = done.json()
        self._check(self._read(second, subject, "analyse", "name"), 200)
        if n % 4 == 0:
            said = {"subject": subject, "purpose": "announce", "action": "object"}
            key = {"Idempotency-Key": f"o-{self.number}-{n}"}
            self._check(third.post("/api/v1/consents", json=said, headers=key), 201)
            self.objected.append(subject)
            refused = self._read(second, subject, "announce", "email")
            self._check(refused, 403, "objected")

    def _read(self, http: httpx.Client, subject: str, purpose: str, name: str) -> httpx.Response:
        body = {"subject": subject, "purpose": purpose, "fields": [name]}
        return http.post("/api/v1/read", json=body, headers=self.head)

    def _check(self, answer: httpx.Response, status: int, code: str | None = None) -> None:
        """Note an answer other than the one that is right; busy ones are never right while the database answers."""
        if answer.status_code != status or (code and answer.json().get("code") != code):
            self.wrong.append(f"{answer.status_code} {answer.text[:200]}")
            answer.raise_for_status()


def begun(folder: Path) -> dict[str, str]:
    """Publish into a data folder whose stores lie in PostgreSQL, and give the headers of somebody who may read."""
    write_places(folder)
    house = open_house(folder)
    publish(house, REFERENCE)
    staff.add(house, SATO.name, number=SATO.number)
    staff.grant(house, SATO.number, "sales", by="staff:0")
    staff.train(house, SATO.number, by="staff:0")
    staff.accept_rules(house, SATO.number)
    _, text = keys.make(house, label="SATO", by="staff:0", number=SATO.number)
    house.close()
    return {"Authorization": f"Bearer {text}"}


@pytest.mark.slow
def test_three_servers_over_one_database_lose_nothing_when_one_is_killed(tmp_path: Path) -> None:
    """Three servers take in, read and hear objections crosswise; one is killed: all that was answered is there, and verifies."""
    data = tmp_path / "data"
    head = begun(data)
    pick = random.Random(20261124)
    with ExitStack() as stack:
        running = [stack.enter_context(served(data)) for _ in range(SERVERS)]
        urls = [url for _, url in running]
        clients = [Client(n, urls[n:] + urls[:n], head) for n in range(SERVERS)]
        work(clients, 0, BEFORE // 2)
        threads = start(clients, BEFORE // 2, BEFORE * 10)
        aim = sum(len(one.got) for one in clients) + pick.randrange(BEFORE, 2 * BEFORE)
        while sum(len(one.got) for one in clients) < aim:
            assert any(thread.is_alive() for thread in threads), [one.wrong for one in clients]
            threads[0].join(timeout=0.01)
        os.kill(running[0][0].pid, signal.SIGKILL)
        for thread in threads:
            thread.join(timeout=60)
        assert [one.wrong for one in clients] == [[]] * SERVERS
        two = urls[1:]
        rest = [Client(10 + n, [two[n], two[1 - n], two[n]], head) for n in range(2)]
        work(rest, 0, AFTER)
        assert [(one.wrong, len(one.got)) for one in rest] == [([], AFTER)] * 2
        still_bound(two, clients, head)
    check_kept(data, [*clients, *rest])


def start(clients: list[Client], first: int, last: int) -> list[threading.Thread]:
    threads = [threading.Thread(target=one.run, args=(first, last)) for one in clients]
    for thread in threads:
        thread.start()
    return threads


def work(clients: list[Client], first: int, last: int) -> None:
    for thread in start(clients, first, last):
        thread.join(timeout=120)
    assert [one.wrong for one in clients] == [[]] * len(clients)


def still_bound(urls: list[str], clients: list[Client], head: dict[str, str]) -> None:
    """Every objection that was acknowledged still binds, whichever server is asked."""
    for n, subject in enumerate(subject for one in clients for subject in one.objected):
        body = {"subject": subject, "purpose": "announce", "fields": ["email"]}
        answer = httpx.post(f"{urls[n % len(urls)]}/api/v1/read", json=body, headers=head, timeout=20)
        assert (answer.status_code, answer.json()["code"]) == (403, "objected")


def check_kept(data: Path, clients: list[Client]) -> None:
    """Every acknowledged person is held once, with the record that was answered; the ledger verifies."""
    house = open_house(data)
    try:
        house.settle()
        assert house.ledger.verify() == []
        held = {}
        with house.store.read() as tx:
            for record in house.vault.iter_records(tx, [("event", "1")], limit=100_000):
                email = house.vault.open_fields(tx, record)["email"]
                assert email not in held
                held[email] = record
        got = {email: answer for one in clients for email, answer in one.got.items()}
        assert set(got) <= set(held)
        assert len(held) <= sum(one.sent for one in clients)
        for email, answer in got.items():
            assert (held[email].subject, held[email].ref) == (unb64(answer["subject"]), answer["record"])
        entries = house.ledger.entries_since(0, 1_000_000, kinds=["collect.accepted"])
        assert sorted(house.ledger.body(entry)["record"] for entry in entries) == sorted(one.ref for one in held.values())
    finally:
        house.close()
