"""Durability: what was acknowledged survives a server that is killed in the middle of a thousand writes."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from tests.clusters import write_places
from tests.support import REFERENCE
from upheld.app import open_house
from upheld.db import unb64

CLIENTS = 4
LEAST = 40
WRITES = 360
"""How many writes a client has to send in all rounds; in each at least LEAST."""


@contextmanager
def served(data: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Serve a data folder in a process of its own; gives it with its address."""
    command = [sys.executable, "-m", "upheld", "serve", "--data", str(data), "--port", "0", "--policy", str(REFERENCE)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        url = ""
        assert process.stdout is not None
        for line in process.stdout:
            if line.startswith("http://"):
                url = line.strip().removesuffix("/privacy")
                break
        assert url, "the server did not start"
        yield process, url
    finally:
        process.kill()
        process.wait()


def begun(folder: Path, engine: str) -> Path:
    """Name a data folder whose stores lie on the engine of the run, also for a process of its own."""
    if engine == "postgresql":
        write_places(folder / "data")
    return folder / "data"


@dataclass
class Acknowledged:
    """What one client sent under which key, and the answers it got."""

    sent: list[str]
    got: dict[str, dict[str, str]]


def post(url: str, client: int, numbers: Iterator[int], told: Acknowledged, stop: threading.Event) -> None:
    """Collect one person after another until the server is gone; write down what was acknowledged."""
    with httpx.Client(base_url=url, timeout=10) as http:
        for number in numbers:
            if stop.is_set():
                return
            key = f"k-{client}-{number}"
            try:
                receipt = http.get("/api/v1/collect/registration").json()["notice_receipt"]
                told.sent.append(key)
                body = {"fields": {"email": f"p{client}.{number}@example.com"}, "notice_receipt": receipt}
                answer = http.post("/api/v1/collect/registration", json=body, headers={"Idempotency-Key": key})
            except (httpx.HTTPError, ValueError):
                return
            assert answer.status_code == 201, answer.text
            told.got[key] = answer.json()


@pytest.mark.slow
def test_every_acknowledged_record_survives_a_server_killed_again_and_again(tmp_path: Path, engine: str, rounds: int) -> None:
    """A server killed time and again amid collects from four clients keeps each one it answered, once; its ledger verifies."""
    data, each = begun(tmp_path, engine), max(LEAST, WRITES // rounds)
    pick = random.Random(20261122)
    told = [Acknowledged([], {}) for _ in range(CLIENTS)]
    for turn in range(rounds):
        before = sum(len(one.got) for one in told)
        with served(data) as (process, url):
            stop = threading.Event()
            threads = [
                threading.Thread(target=post, args=(url, client, iter(range(turn * each, (turn + 1) * each)), told[client], stop))
                for client in range(CLIENTS)
            ]
            for thread in threads:
                thread.start()
            aim = before + pick.randrange(each // 2, each * CLIENTS // 2)
            while sum(len(one.got) for one in told) < aim:
                time.sleep(0.005)
            os.kill(process.pid, signal.SIGKILL)
            process.wait()
            stop.set()
            for thread in threads:
                thread.join(timeout=20)
        acknowledged = {key: answer for one in told for key, answer in one.got.items()}
        assert len(acknowledged) >= aim
        check_kept(data, acknowledged, sum(len(one.sent) for one in told))
    check_served(data, told)


@pytest.mark.slow
@pytest.mark.parametrize(("step", "kept"), [("writer.before_commit", False), ("writer.after_commit", True)])
def test_a_batch_is_there_whole_or_not_at_all(
    tmp_path: Path, engine: str, monkeypatch: pytest.MonkeyPatch, step: str, kept: bool
) -> None:
    """Ended just before its commit a batch left nothing, just after it everything; both times nobody was answered."""
    data = begun(tmp_path, engine)
    with served(data) as (_, url):
        shown = httpx.get(f"{url}/api/v1/collect/registration").json()["notice_receipt"]
    monkeypatch.setenv("UPHELD_CRASH_AT", step)
    body = {"fields": {"email": "crash@example.com"}, "notice_receipt": shown}
    headers = {"Idempotency-Key": "crash"}
    with served(data) as (process, url):
        with pytest.raises(httpx.HTTPError):
            httpx.post(f"{url}/api/v1/collect/registration", json=body, headers=headers, timeout=20)
        assert process.wait(timeout=20) == 137
    monkeypatch.delenv("UPHELD_CRASH_AT")
    with served(data) as (_, url):
        again = httpx.post(f"{url}/api/v1/collect/registration", json=body, headers=headers, timeout=20)
        assert again.status_code == 201
        assert again.headers.get("idempotency-replayed") == ("true" if kept else None)
    check_kept(data, {"crash": again.json()}, 1)


def check_kept(data: Path, acknowledged: dict[str, dict[str, str]], sent: int) -> None:
    """Each acknowledged record opens and stands once; nothing is half there; the ledger verifies."""
    house = open_house(data)
    try:
        assert house.ledger.verify() == []
        house.settle()
        assert house.ledger.verify() == []
        with house.store.read() as tx:
            records = {record.ref: record for record in house.vault.iter_records(tx, [("registration", "1")], limit=100_000)}
            opened = {ref: house.vault.open_fields(tx, record)["email"] for ref, record in records.items()}
        assert {answer["record"] for answer in acknowledged.values()} <= set(records)
        assert len(set(opened.values())) == len(records) <= sent
        entries = house.ledger.entries_since(0, 100_000, kinds=["collect.accepted"])
        told = [house.ledger.body(entry)["record"] for entry in entries]
        assert sorted(told) == sorted(records)
        for answer in acknowledged.values():
            assert records[answer["record"]].subject == unb64(answer["subject"])
    finally:
        house.close()


def check_served(data: Path, told: list[Acknowledged]) -> None:
    """After a restart a repeated key is answered as before, and receipts can be read."""
    with served(data) as (_, url), httpx.Client(base_url=url, timeout=10) as http:
        for client, one in enumerate(told):
            key, answer = next(reversed(one.got.items()))
            number = key.rpartition("-")[2]
            body = {"fields": {"email": f"p{client}.{number}@example.com"}}
            again = http.post("/api/v1/collect/registration", json=body, headers={"Idempotency-Key": key})
            assert (again.status_code, again.json()) == (201, answer)
            shown = http.get(f"/consent/receipts/{answer['receipt']}", headers={"accept": "application/json"})
            assert shown.status_code == 200
            assert shown.json()["proof"]["n"] > 0
