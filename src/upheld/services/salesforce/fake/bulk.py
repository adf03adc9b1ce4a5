"""Bulk API 2.0 of the fake: ingest jobs with their six states and three files of results."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from upheld.services.salesforce.fake.records import ApiError, Org, long_id, stamp

State = Literal["Open", "UploadComplete", "InProgress", "JobComplete", "Failed", "Aborted"]
OPERATIONS = frozenset({"insert", "update", "upsert", "delete", "hardDelete"})
FILES = ("successfulResults", "failedResults", "unprocessedrecords")
_DELIMITERS = {"COMMA": ",", "TAB": "\t", "PIPE": "|", "SEMICOLON": ";", "CARET": "^", "BACKQUOTE": "`"}
_KEYS = frozenset({"operation", "object", "contentType", "columnDelimiter", "lineEnding", "externalIdFieldName"})


@dataclass(slots=True)
class Job:
    """One ingest job with its rows, and what came of each."""

    id: str
    told: Mapping[str, Any]
    created: str
    state: State = "Open"
    header: tuple[str, ...] = ()
    rows: list[dict[str, str]] = field(default_factory=list, repr=False)
    good: list[tuple[str, str, dict[str, str]]] = field(default_factory=list, repr=False)
    bad: list[tuple[str, str, dict[str, str]]] = field(default_factory=list, repr=False)
    error: str = ""

    def info(self) -> dict[str, Any]:
        """Give what the API says of a job."""
        return {
            "id": self.id, "operation": self.told["operation"], "object": self.told["object"], "createdDate": self.created,
            "state": self.state, "contentType": "CSV", "apiVersion": 59.0, "jobType": "V2Ingest", "concurrencyMode": "Parallel",
            "columnDelimiter": self.told.get("columnDelimiter", "COMMA"), "lineEnding": self.told.get("lineEnding", "LF"),
            "contentUrl": f"services/data/v59.0/jobs/ingest/{self.id}/batches", "retries": 0,
            "numberRecordsProcessed": len(self.good) + len(self.bad), "numberRecordsFailed": len(self.bad),
            **({"errorMessage": self.error} if self.error else {}),
        }  # fmt: skip

    @property
    def left(self) -> list[dict[str, str]]:
        """Give the rows that were never tried."""
        return self.rows[len(self.good) + len(self.bad) :]


@dataclass(slots=True)
class Jobs:
    """All jobs. A job goes one state further each time somebody asks for it.

    `stop_after` ends the next one half-way, `stuck` lets all of them stand still.
    """

    org: Org
    jobs: dict[str, Job] = field(default_factory=dict)
    stop_after: int | None = None
    stuck: bool = False

    def create(self, told: Mapping[str, Any], may: frozenset[str]) -> Job:
        """Begin a job; raises ApiError for what the API does not know, and without the right to delete for good."""
        if unknown := set(told) - _KEYS:
            raise ApiError(400, "JSON_PARSER_ERROR", f"Unrecognized field \"{min(unknown)}\"")
        if told.get("operation") not in OPERATIONS or told.get("columnDelimiter", "COMMA") not in _DELIMITERS:
            raise ApiError(400, "INVALIDOPERATION", "unknown operation")
        if told["operation"] == "hardDelete" and "hard_delete" not in may:
            text = "hardDelete operation requires special user profile permission, please contact your system administrator"
            raise ApiError(400, "FEATURENOTENABLED", text)
        self.org.object(str(told.get("object", "")))
        job = Job(long_id(f"7505g0000{len(self.jobs) + 1:06d}"), dict(told), stamp(self.org.now))
        self.jobs[job.id] = job
        return job

    def get(self, written: str) -> Job:
        """Give a job, one state further than before."""
        job = self._job(written)
        if self.stuck:
            return job
        if job.state == "UploadComplete":
            job.state = "InProgress"
        elif job.state == "InProgress":
            self._run(job)
        return job

    def upload(self, written: str, body: bytes) -> None:
        """Take the rows of a job, once."""
        job = self._job(written)
        if job.state != "Open" or job.rows:
            raise ApiError(400, "INVALIDJOBSTATE", f"Job is in state {job.state}")
        ending = {"LF": "\n", "CRLF": "\r\n"}[job.told.get("lineEnding", "LF")]
        reader = csv.reader(
            io.StringIO(body.decode("utf-8"), newline=ending), delimiter=_DELIMITERS[job.told.get("columnDelimiter", "COMMA")]
        )
        header, *rows = [row for row in reader if row] or [[]]
        job.header, job.rows = tuple(header), [dict(zip(header, row, strict=False)) for row in rows]

    def set_state(self, written: str, state: str) -> Job:
        """Close a job for uploads, or end it."""
        job = self._job(written)
        if state == "UploadComplete" and job.state == "Open":
            job.state = "UploadComplete"
        elif state == "Aborted" and job.state in ("Open", "UploadComplete", "InProgress"):
            job.state = "Aborted"
        else:
            raise ApiError(400, "INVALIDJOBSTATE", f"Job cannot go from {job.state} to {state}")
        return job

    def delete(self, written: str) -> None:
        """Forget a job that has ended."""
        job = self._job(written)
        if job.state in ("UploadComplete", "InProgress"):
            raise ApiError(400, "API_ERROR", "Error encountered when deleting the job because the job is not terminated")
        del self.jobs[job.id]

    def result(self, written: str, file: str) -> str:
        """Give one of the three files of results of a job that has ended."""
        job = self._job(written)
        if job.state not in ("JobComplete", "Failed", "Aborted"):
            raise ApiError(400, "INVALIDJOBSTATE", "Job has not ended")
        if file == "successfulResults":
            return _csv(("sf__Id", "sf__Created", *job.header), [(one, made, row) for one, made, row in job.good])
        if file == "failedResults":
            return _csv(("sf__Id", "sf__Error", *job.header), job.bad)
        return _csv(job.header, [("", "", row) for row in job.left])

    def _job(self, written: str) -> Job:
        if written not in self.jobs:
            raise ApiError(404, "NOT_FOUND", "The requested resource does not exist")
        return self.jobs[written]

    def _run(self, job: Job) -> None:
        only_id = job.told["operation"] in ("delete", "hardDelete")
        if only_id and job.header != ("Id",):
            job.state, job.error = "Failed", "InvalidBatch : Field name not found : Id"
            return
        for row in job.rows:
            if self.stop_after is not None and len(job.good) + len(job.bad) >= self.stop_after:
                self.stop_after, job.state, job.error = None, "Failed", "InternalServerError : Retry the job"
                return
            try:
                one, made = self._one(job, row)
                job.good.append((one, "true" if made else "false", row))
            except ApiError as error:
                job.bad.append((row.get("Id", ""), f"{error.code}:{error.message}:{','.join(error.fields) or '--'}", row))
        job.state = "JobComplete"

    def _one(self, job: Job, row: Mapping[str, str]) -> tuple[str, bool]:
        operation, kind = job.told["operation"], job.told["object"]
        if operation == "insert":
            return self.org.create(kind, row), True
        if operation == "upsert":
            return self.org.upsert(kind, str(job.told.get("externalIdFieldName", "Id")), dict(row))
        record = self.org.by_id(row.get("Id", ""))
        if record.kind != self.org.object(kind).name:
            raise ApiError(400, "INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id")
        if operation == "update":
            self.org.update(record.id, {name: value for name, value in row.items() if name != "Id"})
        else:
            self.org.delete(record.id, hard=operation == "hardDelete")
        return record.id, False


def _csv(header: Sequence[str], rows: Sequence[tuple[str, str, Mapping[str, str]]]) -> str:
    told = io.StringIO()
    writer = csv.writer(told, lineterminator="\n", quoting=csv.QUOTE_ALL)
    writer.writerow(header)
    extra = [name for name in header if name.startswith("sf__")]
    for first, second, row in rows:
        writer.writerow([*([first, second] if extra else []), *(row.get(name, "") for name in header if name not in extra)])
    return told.getvalue()
