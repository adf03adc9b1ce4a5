"""What a running server does by itself on its day, seen from outside: reads, readiness, command line, ledger."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from contextlib import ExitStack
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
import sqlalchemy as sa
from click.testing import CliRunner

from tests.app.test_kill import begun, served
from tests.clusters import write_places
from tests.support import LENA, REFERENCE, Site
from upheld.amendment import publish
from upheld.app import Settings, open_house
from upheld.app_schedule import Steward, schedule_of
from upheld.cli import cli
from upheld.collection import Submission, collect
from upheld.db import FixedClock, SystemClock
from upheld.notice import House
from upheld.retention import end_relation
from upheld.workflows.store import schedule_table

DUE = 3
"""How many people's accounts were closed too long ago."""


class Watched(Site):
    """A site that does by itself what is due, as `upheld serve` does."""

    def _settings(self) -> Settings:
        return Settings(self.folder or Path(), self.clock)


def told(site: Site) -> Any:
    return site.http.get("/readyz").json()["schedule"]


def kinds(house: House, kind: str) -> int:
    house.settle()
    return len(house.ledger.entries_since(0, 100_000, kinds=(kind,)))


def test_a_server_writes_down_ended_consents_and_erases_what_is_over() -> None:
    """In the night after its last day a consent is expired; a visit is gone after thirteen months; once each."""
    with Site() as site:
        steward = Steward(site.house)
        lena = site.collect(LENA, "event")["subject"]
        given = {"notice_receipt": site.receipt("event"), "valid_until": "2026-12-31"}
        assert site.state_choice(lena, "announce", "give", **given).json()["state"] == "given"
        assert site.send("browsing", {"cookie": "c-1", "ip": "203.0.113.7"}, visitor="c-1").status_code == 201
        assert steward.look() == []
        site.clock.set(site.now.replace(month=12, day=31, hour=15, minute=5))
        assert told(site)["behind"] == ["consents", "retention", "keys"]
        assert "consents" in steward.look()
        assert told(site) == {"behind": []}
        assert (kinds(site.house, "consent.expired"), kinds(site.house, "retention.swept")) == (1, 1)
        assert site.counts()[0] == 2
        site.clock.advance(days=400)
        assert told(site)["behind"] == ["consents", "retention", "keys"]
        assert site.http.get("/readyz").status_code == 200  # a server that is behind still refuses what is over
        assert steward.look() == ["consents", "retention", "keys"]
        assert steward.look() == []
        assert (kinds(site.house, "consent.expired"), kinds(site.house, "retention.swept")) == (1, 2)
        assert site.counts()[0] == 1


def test_the_schedule_can_be_looked_at_and_asked(tmp_path: Path) -> None:
    """The list says what, last, next and result; it leaves with 1 while something is long due; --run does it."""
    with Site(folder=tmp_path / "data") as site:
        Steward(site.house).look()
    run = lambda *more: CliRunner().invoke(  # noqa: E731
        cli, ["schedule", "--data", str(tmp_path / "data"), *more], obj=FixedClock(site.clock.now())
    )
    shown = run()
    assert shown.exit_code == 0, shown.output
    assert shown.output.splitlines()[:2] == [
        "consents   last -                 next 2026-11-23 00:05",
        "retention  last -                 next 2026-11-23 00:05",
    ]
    site.clock.advance(days=2)
    late = run("--format", "json")
    assert late.exit_code == 1
    assert '"behind": true' in late.output
    done = run("--run", "retention")
    assert done.exit_code == 0
    assert done.output == (
        "retention  last 2026-11-24 12:00  next 2026-11-25 00:05  people 0, records 0, kept_by_law 0\n"
    )
    assert "job_unknown" in str(run("--run", "yearly").exception.diagnostic)  # type: ignore[union-attr]


def over(data: Path) -> None:
    """Begin a data folder, on the host's own clock, in which the accounts of three people were closed years ago."""
    house = open_house(data, SystemClock())
    publish(house, REFERENCE)
    situation = house.in_force().policy.situations["registration"]
    for number in range(DUE):
        shown = house.notices.receipt(house.notices.snapshot_of(house.in_force(), house.law, situation, "en"))
        handed = Submission({"email": f"p{number}@example.com"}, lang="en", country="JP", relation=f"U-{number}")
        collect(house, "registration", handed, notice_receipt=shown)
        end_relation(house, "account", f"U-{number}", date(2010, 3, 31), actor="svc:retention")
    house.settle()
    house.close()


def run_retention(data: Path, **env: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "upheld", "schedule", "--run", "retention", "--data", str(data)]
    return subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, **env}, timeout=120)


@pytest.mark.slow
@pytest.mark.parametrize("step", ["schedule.taken.retention", "erase.fence", "erase.keys", "schedule.done.retention"])
def test_a_sweep_that_is_killed_is_finished_by_the_next(tmp_path: Path, engine: str, step: str) -> None:
    """Ended at any step, the next look after the lease finishes it: everybody due is gone, the ledger verifies."""
    data = begun(tmp_path, engine)
    over(data)
    assert run_retention(data, UPHELD_CRASH_AT=step).returncode == 137
    held = run_retention(data)
    assert (held.returncode, "job_held" in held.stderr) == (2, True)
    house = open_house(data, FixedClock(SystemClock().now() + timedelta(minutes=4)))
    try:
        done = schedule_of(house).run("retention")
        assert (done.failed, done.failures) == ("", 0)
        with house.store.read() as tx:
            assert house.vault.iter_records(tx, [("registration", "1")], limit=10) == []
        house.settle()
        assert house.ledger.verify() == []
        assert kinds(house, "erase.live") == DUE
    finally:
        house.close()


@pytest.mark.slow
def test_several_servers_over_one_database_do_it_once(tmp_path: Path) -> None:
    """Three servers start into the morning after: one of them sweeps, one entry says so."""
    data = tmp_path / "data"
    write_places(data)
    over(data)
    evening = open_house(data, SystemClock())
    schedule_of(evening).look()
    with evening.store.write() as tx:  # the night goes by
        tx.execute(sa.update(schedule_table).values(due=SystemClock().now() - timedelta(hours=9)))
    evening.close()
    with ExitStack() as stack:
        urls = [stack.enter_context(served(data))[1] for _ in range(3)]
        until = time.monotonic() + 60
        while any(httpx.get(f"{url}/readyz").json()["schedule"]["behind"] for url in urls):
            assert time.monotonic() < until, "nobody did it"
            time.sleep(0.1)
    house = open_house(data, SystemClock())
    try:
        assert (kinds(house, "retention.swept"), kinds(house, "erase.live")) == (1, DUE)
        assert house.ledger.verify() == []
    finally:
        house.close()
