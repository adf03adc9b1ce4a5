"""Whoever is killed between two steps in a service is followed: nothing is lost, nothing is done twice outside."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta

import pytest

from tests.services.connected import Instance, Organisation, clouds
from tests.services.test_delivering import _leads, _people
from tests.support import HANAKO, LENA, OFFICER, SATO, Site
from upheld.rights import actions as rights
from upheld.services import store

CARRY = """
import sys
from datetime import datetime
from pathlib import Path
from upheld.app import open_house
from upheld.db import FixedClock
from upheld.services.actions import carry_out
house = open_house(Path(sys.argv[1]), FixedClock(datetime.fromisoformat(sys.argv[2])))
house.settle()
carry_out(house)
house.settle()
house.close()
"""
KILLED = 137
Clouds = tuple[Organisation, Instance]


@pytest.fixture
def site() -> Iterator[Site]:
    with Site() as running:
        running.staff(SATO)
        running.staff(OFFICER)
        yield running


@pytest.fixture
def outside(site: Site) -> Iterator[Clouds]:
    assert site.folder is not None
    with clouds(site.folder, site.clock) as both:
        yield both


def _carry(site: Site, crash_at: str = "", expect: int = 0) -> None:
    """Do in a process of its own what is due, as a server beside this one would."""
    env = {**os.environ, "UPHELD_CRASH_AT": crash_at, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    args = [sys.executable, "-c", CARRY, str(site.folder), site.clock.now().isoformat()]
    done = subprocess.run(args, env=env, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == expect, done.stderr


def _killed(site: Site, step: str) -> None:
    """Be killed at a step; the next process comes once the killed one's lease is over."""
    _carry(site, step, KILLED)
    site.clock.set(site.clock.now() + timedelta(minutes=6))
    _carry(site)
    site.clock.set(site.clock.now() + timedelta(minutes=1))
    _carry(site)


def _states(site: Site, op: str) -> set[str]:
    with site.house.store.read() as tx:
        return {one.state for case in store.recent(tx, 50) if case.op == op for one in store.targets(tx, case.id)}


@pytest.mark.slow
@pytest.mark.parametrize("step", ["service.applied.write", "service.saved.verified"])
def test_a_delivery_that_was_cut_off_makes_one_record(site: Site, outside: Clouds, step: str) -> None:
    """After the service has it and before that is written down, and right after: one lead, one person, both known."""
    site.collect(HANAKO, "event", consents=["announce"])
    _killed(site, step)
    assert [one["Email"] for one in _leads(outside[0])] == [HANAKO.email]
    assert [one["email"] for one in _people(outside[1])] == [HANAKO.email]
    assert _states(site, "write") == {"verified"}
    assert not site.house.ledger.verify()


@pytest.mark.slow
@pytest.mark.parametrize("step", ["service.found.suppress", "service.applied.suppress"])
def test_a_withdrawal_that_was_cut_off_stops_mail_all_the_same(site: Site, outside: Clouds, step: str) -> None:
    """Found and not yet stopped, stopped and not yet written down: both services stop mail, and say so once."""
    subject = site.collect(HANAKO, "event", consents=["announce"])["subject"]
    _carry(site)
    assert site.state_choice(subject, "announce", "withdraw").status_code == 201
    _killed(site, step)
    assert _leads(outside[0])[0]["HasOptedOutOfEmail"] is True
    assert _people(outside[1])[0]["unsubscribed"] is True
    assert _states(site, "suppress") == {"verified"}
    site.house.settle()
    told = [site.house.ledger.body(one)["service"] for one in site.house.ledger.entries_since(0, 1000, kinds=("service.suppressed",))]
    assert sorted(told) == ["marketo", "salesforce"]


@pytest.mark.slow
@pytest.mark.parametrize(
    "step",
    ["service.found.erase", "service.saved.running", "service.applied.erase", "service.saved.applied", "service.saved.pending"],
)
def test_an_erasure_that_was_cut_off_goes_on_to_its_end(site: Site, outside: Clouds, step: str) -> None:
    """At each step in between: she is gone from both, nobody else is, and the request goes on."""
    subject = site.collect(HANAKO, "event", consents=["announce"])["subject"]
    site.collect(LENA, "event", consents=["announce"])
    _carry(site)
    lena = [dict(one) for one in (*_leads(outside[0]), *_people(outside[1])) if LENA.email in one.values()]
    made = rights.receive(site.house, right="erasure", residence="JP", subject=subject)
    rights.identify(site.house, made.number, by=OFFICER.number)
    rights.approve(site.house, made.number, by=OFFICER.number)
    _killed(site, step)
    assert [one["Email"] for one in _leads(outside[0])] == [LENA.email]
    assert [one["email"] for one in _people(outside[1])] == [LENA.email]
    assert [dict(one) for one in (*_leads(outside[0]), *_people(outside[1]))] == lena
    found = rights.get(site.house, made.number)
    assert found.state == "ready", found.certificate
    states = {one["place"]: one["state"] for one in found.certificate["places"]}
    assert (states["salesforce"], states["marketo"]) == ("pending", "pending")
    assert not site.house.ledger.verify()
