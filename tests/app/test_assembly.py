"""The assembled application: ready, described, placed in the ledger, silent about people."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import HANAKO, LENA, Site, copy_policy, edit
from upheld.db import unb64
from upheld.ledger import open_note
from upheld.ledger.tree import leaf_hash, verify_inclusion

SIX = ("name", "email", "phone", "occupation", "job_title", "company")


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    with Site() as running:
        yield running


def test_every_entry_gets_its_place_within_a_second(site: Site) -> None:
    """A write is signed into the ledger soon after, without anybody asking."""
    site.collect(HANAKO, "event")
    until = time.monotonic() + 20
    health = site.house.ledger.health()
    while (health.pending or health.signed_size != health.size) and time.monotonic() < until:
        time.sleep(0.05)
        health = site.house.ledger.health()
    assert (health.pending, health.signed_size) == (0, health.size)


def test_anyone_may_check_an_entry(site: Site) -> None:
    """Checkpoint and proofs need no key: each leaf leads to the signed root, and holds nothing of the person."""
    done = site.collect(LENA, "event")
    site.house.settle()
    signed = site.http.get("/api/v1/ledger/checkpoint")
    assert signed.headers["content-type"].startswith("text/plain")
    checkpoint = open_note(signed.text, [site.house.ledger.vkey])
    for n in range(checkpoint.size):
        told = site.http.get(f"/api/v1/ledger/proof/{n}").json()
        steps = [unb64(step) for step in told["proof"]]
        leaf = told["leaf"].encode()
        assert verify_inclusion(leaf_hash(leaf), n, checkpoint.size, steps, checkpoint.root)
        assert done["subject"] not in told["leaf"]
        assert "lena" not in told["leaf"]
    assert site.http.get(f"/api/v1/ledger/proof/{checkpoint.size}").status_code == 404


def test_the_api_describes_itself(site: Site) -> None:
    """The description lists every door of the API and each refusal code."""
    told = site.http.get("/openapi.json").json()
    doors = {"/api/v1/collect/{situation}", "/api/v1/consents", "/api/v1/decide", "/api/v1/ledger/checkpoint"}
    assert doors <= set(told["paths"])
    assert "post" in told["paths"]["/api/v1/collect/{situation}"]
    codes = told["components"]["schemas"]["Problem"]["properties"]["code"]["enum"]
    assert {"notice_stale", "field_not_declared", "purpose_gap"} <= set(codes)
    for code in codes:
        assert site.http.get(f"/problems/{code}").status_code == 200


def test_it_says_when_it_can_serve(site: Site) -> None:
    """Alive and ready answer 200 and name the parts."""
    assert site.http.get("/livez").status_code == 200
    told = site.http.get("/readyz").json()
    assert told["ready"] is True
    assert told["parts"] == {"policy": True, "ledger": True, "writer": True, "schema": True}
    assert told["read_audit"] == {"programs": "strict", "staff": "strict", "window_ms": 0}
    assert "mailto:" in site.http.get("/.well-known/security.txt").text


def test_nothing_of_a_person_is_logged(site: Site, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]) -> None:
    """Whatever is sent, accepted or refused, no log line and no output holds a value of it."""
    caplog.set_level(logging.DEBUG)
    logging.getLogger("httpx").setLevel(logging.WARNING)
    for fields in (HANAKO.some(*SIX), {**HANAKO.some(*SIX), "department": "x"}, {**HANAKO.some(*SIX), "phone": "call"}):
        site.send("event", fields)
    site.http.post("/forms/event", data=HANAKO.some(*SIX))
    site.http.post("/api/v1/collect/event", content=b'{"fields": {"email": "hanako@example.co.jp"')
    said = caplog.text + "".join(capfd.readouterr())
    for value in HANAKO.fields.values():
        assert str(value) not in said


def test_a_restarted_site_goes_on_where_it_was(tmp_path: Path) -> None:
    """After a restart records, standings, receipts and the ledger are as they were."""
    with Site(folder=tmp_path / "data") as site:
        done = site.collect(HANAKO, "event", consents=["announce"])
        site.state_choice(done["subject"], "announce", "withdraw")
        counts = site.counts()
        receipt = site.receipt("event")
    with Site(folder=tmp_path / "data") as again:
        assert again.counts() == counts
        page = again.http.get(f"/consent/receipts/{done['receipt']}", headers={"accept": "application/json"})
        assert {line["id"]: line.get("state") for line in page.json()["purposes"]}["announce"] == "withdrawn"
        assert again.send("event", HANAKO.some(*SIX), receipt=receipt).status_code == 201
        assert again.house.ledger.verify() == []


def test_no_response_mixes_two_versions(tmp_path: Path) -> None:
    """While versions are published one after another, each page and each notice speaks of one version throughout."""
    with Site() as site:
        stop, mixed, seen = threading.Event(), [], set()

        def look() -> None:
            import httpx

            with httpx.Client(base_url=site.url, timeout=30) as http:
                while not stop.is_set():
                    page = http.get("/forms/event")
                    told = http.get("/api/v1/collect/event")
                    version = page.headers["upheld-policy"].partition(";")[0]
                    seen.add(version)
                    if f'data-policy-version="{version}"' not in page.text or (f"event v{version}" not in page.text and version != "1"):
                        mixed.append(version)
                    body = told.json()
                    if told.headers["upheld-policy"].partition(";")[0] != body["policy_version"]:
                        mixed.append(body["policy_version"])

        threads = [threading.Thread(target=look) for _ in range(3)]
        for thread in threads:
            thread.start()
        for number in range(2, 6):
            folder = copy_policy(tmp_path / f"v{number}")
            edit(folder, "00-policy.yaml", 'version: "1"', f'version: "{number}"')
            edit(folder, "02-collection.yaml", "When you sign up for an event or seminar of ours", f"For event v{number}")
            site.publish(folder)
            time.sleep(0.2)
        stop.set()
        for thread in threads:
            thread.join()
        assert mixed == []
        assert {"1", "5"} & seen
        assert len(seen) >= 3
