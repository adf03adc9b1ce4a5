"""What is done every day by itself: on its day, once, whoever is killed meanwhile."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from tests.clusters import fresh_schema
from upheld.db import FixedClock, Ids, Store, StoreBusyError
from upheld.workflows import Job, JobHeldError, JobUnknownError, Schedule

EVENING = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
"""21:00 in Tokyo; the next 00:05 there is three hours and five minutes away."""


@dataclass
class Nights:
    """A store and its clock; `plan` makes the schedule of one more process."""

    store: Store
    clock: FixedClock
    runs: list[date] = field(default_factory=list)
    fails: list[Exception] = field(default_factory=list)

    def work(self) -> dict[str, int]:
        if self.fails:
            raise self.fails.pop()
        self.runs.append(self.clock.now().date())
        return {"things": len(self.runs)}

    def plan(self, *more: Job) -> Schedule:
        holder = Ids(self.clock).random(8).hex()
        jobs = (Job("nightly", self.work), *more)
        return Schedule(self.store, self.clock, jobs, zone=lambda: "Asia/Tokyo", holder=holder)


@pytest.fixture
def nights(tmp_path: Path, engine: str) -> Iterator[Nights]:
    store = Store(tmp_path / "data.db" if engine == "sqlite" else fresh_schema())
    yield Nights(store, FixedClock(EVENING))
    store.close()


def test_a_job_is_done_at_its_time_of_the_legal_day_once(nights: Nights) -> None:
    """Nothing is done before five past midnight in Tokyo; then once, and again a day later."""
    plan = nights.plan()
    assert [one.due for one in plan.standings()] == [None]
    assert (plan.look(), plan.look()) == ([], [])
    (one,) = plan.standings()
    assert one.due == datetime(2026, 11, 22, 15, 5, tzinfo=UTC)
    nights.clock.advance(hours=3, minutes=4)
    assert plan.look() == []
    nights.clock.advance(minutes=1)
    assert (plan.look(), plan.look()) == (["nightly"], [])
    (one,) = plan.standings()
    assert (one.done, one.finished, one.failures) == ({"things": 1}, nights.clock.now(), 0)
    assert one.due == datetime(2026, 11, 23, 15, 5, tzinfo=UTC)


def test_what_came_due_while_no_server_ran_is_done_once_at_the_start(nights: Nights) -> None:
    """Five days asleep: one run, not five; it is behind until then, and says so after an hour."""
    nights.plan().look()
    nights.clock.advance(hours=4, minutes=4)
    plan = nights.plan()
    assert plan.behind() == []
    nights.clock.advance(minutes=1)
    assert plan.behind() == ["nightly"]
    nights.clock.advance(days=5)
    assert (plan.look(), plan.look(), plan.behind()) == (["nightly"], [], [])
    assert len(nights.runs) == 1


def test_a_run_that_was_stopped_is_tried_again_later_and_later(nights: Nights) -> None:
    """After five minutes, ten, twenty, at most an hour; the jobs after it are done all the same."""
    seen: list[str] = []

    def after() -> dict[str, int]:
        seen.append("x")
        return {}

    plan = nights.plan(Job("after", after))
    plan.look()
    nights.clock.advance(hours=3, minutes=5)
    nights.fails = [ValueError("no"), StoreBusyError(), StoreBusyError()]
    assert plan.look() == ["nightly", "after"]
    first = plan.standings()[0]
    assert (first.failed, first.failures, first.finished) == ("busy", 1, None)
    for minutes, failures in ((5, 2), (10, 3)):
        nights.clock.advance(minutes=minutes - 1)
        assert plan.look() == []
        nights.clock.advance(minutes=1)
        assert plan.look() == ["nightly"]
        assert plan.standings()[0].failures == failures
    assert plan.standings()[0].failed == "ValueError"
    assert (seen, nights.runs) == (["x"], [])
    nights.clock.advance(minutes=20)
    plan.look()
    again = plan.standings()[0]
    assert (again.failed, again.failures, again.done) == ("", 0, {"things": 1})


def test_whoever_is_killed_in_the_middle_is_followed_after_the_lease(nights: Nights) -> None:
    """A process that took the job and died: nobody touches it for three minutes, then it is done."""
    killed = nights.plan()
    killed.look()
    nights.clock.advance(hours=3, minutes=5)
    assert killed._take("nightly")
    other = nights.plan()
    assert other.look() == []
    assert other.standings()[0].is_running(nights.clock.now())
    with pytest.raises(JobHeldError):
        other.run("nightly")
    nights.clock.advance(minutes=3)
    assert not other.standings()[0].is_running(nights.clock.now())
    assert other.look() == ["nightly"]
    killed._done(Job("nightly", nights.work), {"things": 99})
    assert other.standings()[0].done == {"things": 1}


def test_a_long_run_stays_held_while_it_lives(nights: Nights, monkeypatch: pytest.MonkeyPatch) -> None:
    """Signs of life move the lease on, so that no other process begins what is still being done."""
    monkeypatch.setattr("upheld.workflows.schedule.LEASE", timedelta(milliseconds=60))
    going, go_on = threading.Event(), threading.Event()

    def long() -> dict[str, int]:
        going.set()
        assert go_on.wait(20)
        return {}

    plan = nights.plan(Job("long", long))
    plan.look()
    thread = threading.Thread(target=plan.run, args=("long",))
    thread.start()
    try:
        assert going.wait(20)
        nights.clock.advance(seconds=1)
        until = time.monotonic() + 20
        while not plan.standings()[1].is_running(nights.clock.now()) and time.monotonic() < until:
            time.sleep(0.01)
        with pytest.raises(JobHeldError):
            nights.plan(Job("long", long)).run("long")
    finally:
        go_on.set()
        thread.join()


def test_many_processes_do_it_once(nights: Nights) -> None:
    """Eight that look at the same instant: one does it, seven find it taken or done."""
    plans = [nights.plan() for _ in range(8)]
    plans[0].look()
    nights.clock.advance(days=1)
    gate, done = threading.Barrier(8), []

    def look(plan: Schedule) -> None:
        gate.wait()
        done.extend(plan.look())

    threads = [threading.Thread(target=look, args=(plan,)) for plan in plans]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (done, len(nights.runs)) == (["nightly"], 1)


def test_a_job_can_be_asked_for_now(nights: Nights) -> None:
    """It is done, and again at its own time; a name that is none is refused."""
    plan = nights.plan()
    done = plan.run("nightly")
    assert (done.done, done.due) == ({"things": 1}, datetime(2026, 11, 22, 15, 5, tzinfo=UTC))
    with pytest.raises(JobUnknownError):
        plan.run("yearly")
    nights.fails = [StoreBusyError()]
    assert plan.run("nightly").failed == "busy"
    assert plan.run("nightly").failed == ""
