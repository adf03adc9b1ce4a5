"""The schedule: jobs that are due are taken by one process, run, and put down for their next day."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from upheld.db import Clock, Store, UpheldError, crash_point, retried
from upheld.workflows import store
from upheld.workflows.model import LEASE, Done, Job, JobHeldError, JobUnknownError, Standing, retry_after

log = logging.getLogger("upheld.workflows")


class Schedule:
    """What is done daily over one data store. Safe to share between threads, and to have in several processes.

    A run is no transaction: a job does its work in small ones of its own, and may be killed in between or, where a
    process stood still for longer than its lease, be run by two at once. Each step must therefore look again
    whether it is still to be done.
    """

    def __init__(
        self, data: Store, clock: Clock, jobs: Iterable[Job], *, zone: Callable[[], str], holder: str
    ) -> None:
        """Hold the jobs; `zone` gives the time zone of the legal day, `holder` names this process and no other."""
        self._store = data
        self._clock = clock
        self._jobs: Mapping[str, Job] = {job.name: job for job in jobs}
        self._zone = zone
        self._holder = holder

    def standings(self) -> list[Standing]:
        """Give how each job stands, in the order in which they are done; without a time before a server ran first."""
        with self._store.read() as tx:
            known = store.standings(tx)
        return [known.get(name, Standing(name)) for name in self._jobs]

    def behind(self) -> list[str]:
        """Name the jobs whose time is long past."""
        now = self._clock.now()
        return [one.name for one in self.standings() if one.is_behind(now)]

    def look(self) -> list[str]:
        """Do what is due and nobody else is at; gives the names of what was run here."""
        now = self._clock.now()
        known = {one.name: one for one in self.standings() if one.due is not None}
        if len(known) < len(self._jobs):
            self._enter()
        due = [name for name, one in known.items() if one.due is not None and one.due <= now]
        return [name for name in due if self._take(name) and self._run(self._jobs[name])]

    def run(self, name: str) -> Standing:
        """Do a job now, due or not, and give how it stands then; raises JobUnknownError, JobHeldError."""
        if name not in self._jobs:
            raise JobUnknownError
        self._enter()
        if not self._take(name, early=True):
            raise JobHeldError
        self._run(self._jobs[name])
        return next(one for one in self.standings() if one.name == name)

    @retried
    def _enter(self) -> None:
        """Put new jobs on the schedule for their next time; what was due before a server ran first is nobody's debt."""
        with self._store.write() as tx:
            for job in self._jobs.values():
                store.enter(tx, job.name, self._next(job))

    @retried
    def _take(self, name: str, *, early: bool = False) -> bool:
        now = self._clock.now()
        with self._store.write() as tx:
            return store.take(tx, name, self._holder, now, now + LEASE, early=early)

    def _run(self, job: Job) -> bool:
        """Run a job that was taken; what stops it is told and tried again."""
        crash_point(f"schedule.taken.{job.name}")
        try:
            with self._alive(job.name):
                done = job.run()
        except UpheldError as error:
            self._failed(job, error.diagnostic.code)
        except Exception as error:  # a schedule that dies would leave everything after it undone
            self._failed(job, type(error).__name__)
        else:
            crash_point(f"schedule.done.{job.name}")
            self._done(job, done)
        return True

    @retried
    def _done(self, job: Job, done: Done) -> None:
        values = {"due": self._next(job), "finished": self._clock.now(), "held_until": None}
        with self._store.write() as tx:
            store.leave(tx, job.name, self._holder, done=json.dumps(dict(done)), **values)

    @retried
    def _failed(self, job: Job, code: str) -> None:
        log.error("%s was not done: %s", job.name, code)
        with self._store.write() as tx:
            before = store.standings(tx)[job.name]
            failures = before.failures + 1
            again = self._clock.now() + retry_after(failures)
            values = {"done": json.dumps(dict(before.done)), "failed": code, "failures": failures}
            store.leave(tx, job.name, self._holder, **values, held_until=again)

    def _next(self, job: Job) -> datetime:
        """Give the next time of a job on the legal day's clock, after now."""
        zone = ZoneInfo(self._zone())
        local = self._clock.now().astimezone(zone)
        ahead = job.days - 1 if local.time() < job.at else job.days
        return datetime.combine(local.date() + timedelta(days=ahead), job.at, tzinfo=zone)

    @contextmanager
    def _alive(self, name: str) -> Iterator[None]:
        """Give signs of life while a job runs, from a thread beside it."""
        over = threading.Event()

        def signs() -> None:
            while not over.wait(LEASE.total_seconds() / 3):
                try:
                    self._keep(name)
                except UpheldError as error:  # the store is away: the job will notice, too
                    log.warning("no sign of life of %s: %s", name, error.diagnostic.code)

        thread = threading.Thread(target=signs, name=f"upheld-schedule-{name}", daemon=True)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()

    @retried
    def _keep(self, name: str) -> None:
        with self._store.write() as tx:
            store.keep(tx, name, self._holder, self._clock.now() + LEASE)
