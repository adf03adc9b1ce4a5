"""What anyone may fetch to check the ledger, and the receipt that its holder keeps."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support import HANAKO, LENA, ROOT, Site
from upheld import app, app_ledger
from upheld.db import unb64
from upheld.ledger import open_note
from upheld.ledger.tree import verify_consistency

SIX = ("name", "email", "phone", "occupation", "job_title", "company")
SCRIPT = ROOT / "docs" / "howto" / "check_receipt.py"


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    with Site() as running:
        yield running


def fetched(site: Site, number: str) -> httpx.Response:
    """Fetch a ledger receipt, asking again as the answer says."""
    for _ in range(20):
        answer = site.http.get(f"/api/v1/ledger/receipts/{number}")
        if answer.status_code != 202:
            return answer
        time.sleep(0.1)
    raise AssertionError("the entry got no place")


@pytest.fixture(scope="module")
def receipt(site: Site) -> dict[str, Any]:
    told = fetched(site, site.collect(HANAKO, "event")["receipt"]).json()
    assert isinstance(told, dict)
    return told


def test_a_kept_checkpoint_is_the_beginning_of_a_later_one(site: Site) -> None:
    """Whoever kept a checkpoint fetches the proof that the newest one still begins with it, and checks it alone."""
    key = site.house.ledger.vkey
    site.house.settle()
    old = open_note(site.http.get("/api/v1/ledger/checkpoint").text, [key])
    site.collect(LENA, "event")
    site.house.settle()
    told = site.http.get(f"/api/v1/ledger/consistency/{old.size}").json()
    new = open_note(told["checkpoint"], [key])
    assert (told["old"], told["new"], new.size > old.size) == (old.size, new.size, True)
    steps = [unb64(step) for step in told["proof"]]
    assert verify_consistency(old.size, new.size, old.root, new.root, steps)
    assert not verify_consistency(old.size, new.size, new.root, old.root, steps)
    assert site.http.get(f"/api/v1/ledger/consistency/{old.size}/{new.size}").json() == told
    part = site.http.get(f"/api/v1/ledger/consistency/1/{old.size}").json()
    assert open_note(part["checkpoint"], [key]) == old


@pytest.mark.parametrize("sizes", ["9999", "5/3", "1/9999"])
def test_sizes_that_never_were_are_not_found(site: Site, sizes: str) -> None:
    """A proof between sizes the log does not have is 404."""
    assert site.http.get(f"/api/v1/ledger/consistency/{sizes}").status_code == 404


def test_a_receipt_is_there_within_a_second_and_asked_for_again_until_then(site: Site) -> None:
    """Until its entry has a place a receipt is 202 with Retry-After; then it is a file to keep."""
    with site.house.ledger._integrating:  # no place is given out meanwhile
        number = site.collect(LENA, "event")["receipt"]
        early = site.http.get(f"/api/v1/ledger/receipts/{number}")
        assert (early.status_code, early.headers["retry-after"]) == (202, "1")
        assert early.json()["state"] == "pending"
    answer = fetched(site, number)
    assert answer.status_code == 200
    assert answer.headers["content-disposition"].startswith('attachment; filename="ledger-receipt-')
    assert "no-store" in answer.headers["cache-control"]
    assert set(answer.json()) == {"leaf", "n", "checkpoint", "proof", "body", "salt"}
    page = site.http.get(f"/consent/receipts/{number}", headers={"accept": "text/html"}).text
    assert f'href="/api/v1/ledger/receipts/{number}" download' in page


@pytest.mark.parametrize("number", ["AAAAAAAAAAAAAAAAAAAAAA", "x", "..%2f"])
def test_nobody_else_gets_a_receipt(site: Site, receipt: dict[str, Any], number: str) -> None:
    """An unknown number is 404, and an entry's id, which its leaf shows to everyone, is no receipt number."""
    entry = json.loads(receipt["leaf"])[1]
    for guess in (number, entry):
        assert site.http.get(f"/api/v1/ledger/receipts/{guess}").status_code == 404


def alone(tmp_path: Path, *command: str) -> subprocess.CompletedProcess[str]:
    """Run a program in an empty folder, with no data folder and nothing of ours in its environment."""
    plain = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "LC_ALL": "C.UTF-8", "UPHELD_DATA": str(tmp_path / "none")}
    if "upheld.__main__" in command:
        plain["PYTHONPATH"] = str(ROOT / "src")
    return subprocess.run([sys.executable, *command], cwd=tmp_path, env=plain, capture_output=True, text=True, check=False)


def test_a_receipt_is_checked_offline_with_the_key_alone(site: Site, receipt: dict[str, Any], tmp_path: Path) -> None:
    """`upheld ledger verify --receipt` needs file and key, no data folder, and leaves none behind."""
    file = tmp_path / "receipt.json"
    file.write_text(json.dumps(receipt), encoding="utf-8")
    key = site.house.ledger.vkey
    check = ("-m", "upheld.__main__", "ledger", "verify", "--receipt", str(file), "--key")
    done = alone(tmp_path, *check, key)
    assert (done.returncode, done.stdout.split()[:2]) == (0, ["good", "collect.accepted"]), done.stderr
    file.write_text(json.dumps({**receipt, "n": receipt["n"] + 1}), encoding="utf-8")
    assert alone(tmp_path, *check, key).returncode == 1
    assert [path.name for path in tmp_path.iterdir()] == ["receipt.json"]


def test_forty_lines_without_us_check_a_receipt(site: Site, receipt: dict[str, Any], tmp_path: Path) -> None:
    """The script of the guide needs only Python's own library, fits forty lines, and finds whatever was changed."""
    text = SCRIPT.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 40
    names = {alias.name for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Import) for alias in node.names}
    assert names == {"base64", "hashlib", "json", "sys"}
    assert not any(isinstance(node, ast.ImportFrom) for node in ast.walk(ast.parse(text)))

    def told(changed: dict[str, Any], key: str) -> tuple[int, str]:
        (tmp_path / "receipt.json").write_text(json.dumps(changed), encoding="utf-8")
        done = alone(tmp_path, "-I", str(SCRIPT), "receipt.json", key)
        return done.returncode, (done.stdout + done.stderr).strip()

    key = site.house.ledger.vkey
    code, said = told(receipt, key)
    assert (code, said.split(" of ")[0]) == (0, f"good: collect.accepted is entry {receipt['n']}")
    other = site.collect(LENA, "event")
    later = fetched(site, other["receipt"]).json()
    assert told(later, key)[0] == 0
    flipped = "B" if receipt["salt"][3] == "A" else "A"
    bad = {
        "body": receipt["body"].replace("event", "evening"),
        "salt": receipt["salt"][:3] + flipped + receipt["salt"][4:],
        "leaf": receipt["leaf"].replace("collect.accepted", "collect.refused"),
        "n": receipt["n"] - 1,
        "proof": receipt["proof"][:-1],
        "checkpoint": receipt["checkpoint"].replace("\n", "\n1", 1),
    }
    for name, value in bad.items():
        code, said = told({**receipt, name: value}, key)
        assert (code, said[:4]) == (1, "bad:"), name
    assert told({**receipt, "checkpoint": later["checkpoint"]}, key)[0] == 1
    stranger = "example.com/other+" + key.split("+", 1)[1]
    assert told(receipt, stranger)[1] == "bad: the checkpoint is of another log"


def test_a_server_writes_one_heartbeat_a_day(monkeypatch: pytest.MonkeyPatch) -> None:
    """A day on which nothing happens has its entry too, one, and none before a policy is in force."""
    monkeypatch.setattr(app, "BEAT_SECONDS", 0.05)

    def beats(site: Site) -> int:
        return len(site.house.ledger.entries_since(0, 1000, kinds=["ledger.heartbeat"]))

    with Site(policy=None) as empty:
        assert app_ledger.heartbeat(empty.house) is False
    with Site() as site:
        for days in (1, 2, 3):
            until = time.monotonic() + 20
            while beats(site) < days and time.monotonic() < until:
                time.sleep(0.05)
            assert beats(site) == days
            assert app_ledger.heartbeat(site.house) is False
            site.clock.advance(days=1)
        assert site.house.ledger.verify() == []


def test_a_server_whose_ledger_contradicts_itself_keeps_entries_and_says_so(tmp_path: Path) -> None:
    """Damage found at the start: what is handed in is kept and answered, nothing is signed, `/readyz` is 503."""
    with Site(folder=tmp_path) as site:
        site.collect(HANAKO, "event")
        site.house.settle()
        signed = site.house.ledger.checkpoint().size
        with site.house.store.write() as tx:
            tx.exec_driver_sql("UPDATE ledger_head SET size = size - 1")
    with Site(folder=tmp_path, policy=None) as site:
        ready = site.http.get("/readyz")
        assert (ready.status_code, ready.json()["parts"]["ledger"]) == (503, False)
        number = site.collect(LENA, "event")["receipt"]
        time.sleep(3 * app.PLACING_SECONDS)
        assert site.http.get(f"/api/v1/ledger/receipts/{number}").status_code == 202
        assert site.house.ledger.checkpoint().size == signed
        assert site.house.ledger.health().pending
