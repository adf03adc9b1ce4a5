"""Bulk extract: jobs `Created -> Queued -> Processing -> Completed`, files of seven days, and a day's worth of bytes."""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

from upheld.services.marketo.fake.limits import CENTRAL
from upheld.services.marketo.fake.people import People, stamp
from upheld.services.marketo.fake.refusals import RefusedError

SPAN, KEPT = timedelta(days=31), timedelta(days=7)
QUEUE, STARTS, ENDS = 10, timedelta(seconds=60), timedelta(seconds=120)


@dataclass(slots=True)
class Export:
    """One job. Its file is made when it completes, of who was there then."""

    id: str
    fields: tuple[str, ...]
    start: datetime
    end: datetime
    created: datetime
    queued: datetime | None = None
    cancelled: bool = False
    file: bytes | None = field(default=None, repr=False)
    rows: int = 0
    checksum: str = ""


class Exports:
    """The jobs of an instance; `per_day` is the bytes of files that a day allows."""

    def __init__(self, people: People, per_day: int) -> None:
        """Begin with no job."""
        self._people, self.per_day = people, per_day
        self.jobs: dict[str, Export] = {}

    def create(self, told: Mapping[str, Any]) -> dict[str, Any]:
        """Make a job for people created in a span of at most 31 days; raises RefusedError 1003."""
        try:
            span = told["filter"]["createdAt"]
            start, end = (datetime.fromisoformat(span[key]) for key in ("startAt", "endAt"))
            fields = tuple(told["fields"])
        except (KeyError, TypeError, ValueError):
            raise RefusedError("1003") from None
        if not fields or set(fields) - self._people.kinds.keys() or not timedelta() <= end - start <= SPAN:
            raise RefusedError("1003")
        key = f"00000000-0000-4000-8000-{len(self.jobs) + 1:012d}"
        self.jobs[key] = Export(key, fields, start, end, self._people.now)
        return self.told(key)

    def enqueue(self, key: str) -> dict[str, Any]:
        """Put a job into the queue; raises RefusedError 1029 where it is full or the day's bytes are used."""
        job = self._job(key)
        waiting = [one for one in self.jobs.values() if self.status(one) in {"Queued", "Processing"}]
        if job.queued is not None or len(waiting) >= QUEUE or self._bytes_today() >= self.per_day:
            raise RefusedError("1029")
        job.queued = self._people.now
        return self.told(key)

    def cancel(self, key: str) -> dict[str, Any]:
        """End a job that is not done."""
        job = self._job(key)
        job.cancelled = job.file is None
        return self.told(key)

    def status(self, job: Export) -> str:
        """Give the state of a job; its file is made in passing."""
        if job.cancelled or job.queued is None:
            return "Cancelled" if job.cancelled else "Created"
        waited = self._people.now - job.queued
        if waited < ENDS:
            return "Queued" if waited < STARTS else "Processing"
        if job.file is None:
            self._make(job)
        return "Completed"

    def told(self, key: str) -> dict[str, Any]:
        """Give a job as answers show it."""
        job = self._job(key)
        status = self.status(job)
        made: dict[str, Any] = {"exportId": job.id, "format": "CSV", "status": status, "createdAt": stamp(job.created)}
        if job.queued is not None:
            made["queuedAt"] = stamp(job.queued)
        if status == "Completed" and job.queued is not None and job.file is not None:
            made |= {
                "startedAt": stamp(job.queued + STARTS), "finishedAt": stamp(job.queued + ENDS), "numberOfRecords": job.rows,
                "fileSize": len(job.file), "fileChecksum": f"sha256:{job.checksum}",
            }  # fmt: skip
        return made

    def file(self, key: str) -> bytes:
        """Give the file of a finished job; raises RefusedError 1013 before and after its time."""
        job = self._job(key)
        done = self.status(job) == "Completed" and job.queued is not None
        if not done or job.file is None or job.queued is None or self._people.now > job.queued + ENDS + KEPT:
            raise RefusedError("1013")
        return job.file

    def _job(self, key: str) -> Export:
        if key not in self.jobs:
            raise RefusedError("1013")
        return self.jobs[key]

    def _make(self, job: Export) -> None:
        """Write everybody of the span, whatever partition they are in: extracts know none."""
        chosen = [one for _, one in sorted(self._people.leads.items()) if job.start <= one.created <= job.end]
        text = io.StringIO()
        sheet = csv.writer(text, lineterminator="\n")
        sheet.writerow(job.fields)
        for one in chosen:
            shown = self._people.shown(one, job.fields)
            sheet.writerow(_cell(shown[name]) for name in job.fields)
        job.file, job.rows = text.getvalue().encode(), len(chosen)
        job.checksum = hashlib.sha256(job.file).hexdigest()

    def _bytes_today(self) -> int:
        today = self._day(self._people.now)
        return sum(
            len(one.file) for one in self.jobs.values()
            if one.file is not None and one.queued is not None and self._day(one.queued + ENDS) == today
        )  # fmt: skip

    @staticmethod
    def _day(moment: datetime) -> date:
        return moment.astimezone(CENTRAL).date()


def _cell(value: object) -> str:
    return "null" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
