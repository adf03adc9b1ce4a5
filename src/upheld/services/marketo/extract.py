"""Bulk extract: everybody who came in a month, by a job of the operator's; it knows no partitions, and so sees more than a search.

Begun, asked after and read in steps of their own, because minutes lie between them. The operator keeps the file for
some days and lets nobody delete it: extract no more than is needed.
"""

from __future__ import annotations

import csv
import hashlib
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from upheld.policy.model import Frozen
from upheld.services.marketo.client import Answer, MarketoClient
from upheld.services.marketo.mapping import MarketoMap
from upheld.services.marketo.reading import Row, lead_ref, means, value_of
from upheld.services.model import Identities, Item, Ref
from upheld.services.port import ServiceError

_LEADS = "leads/export/"
_JOB = re.compile(r"[0-9A-Za-z-]{8,64}")
_NOTHING = "null"


@dataclass(frozen=True, slots=True)
class Extract:
    """Jobs of one instance. Only the credential that began a job can ask after it."""

    client: MarketoClient
    mapping: MarketoMap

    def begin(self, start: datetime, end: datetime) -> str:
        """Order everybody who was made in a span of at most 31 days, and give the job's id."""
        span = {"startAt": start.isoformat(), "endAt": end.isoformat()}
        fields = list(dict.fromkeys(("id", *self.mapping.identity.values(), *self.mapping.told)))
        job = self._told(self.client.bulk(f"{_LEADS}create.json", {"fields": fields, "format": "CSV", "filter": {"createdAt": span}}))
        key = str(job.get("exportId"))
        if not _JOB.fullmatch(key):
            raise ServiceError("unknown", "answer_not_understood")
        self.client.bulk(f"{_LEADS}{key}/enqueue.json")
        return key

    def ready(self, job: str) -> bool:
        """Say whether the file is there; raises ServiceError where the job came to nothing. Not oftener than each minute."""
        status = str(self._status(job).get("status"))
        if status in ("Failed", "Cancelled"):
            raise ServiceError("transient", f"export_{status.lower()}")
        return status == "Completed"

    def cancel(self, job: str) -> None:
        """End a job that is not needed any more."""
        self.client.bulk(f"{_LEADS}{job}/cancel.json")

    def read(self, job: str) -> Iterator[Item]:
        """Stream everybody of the file; raises ServiceError `checksum` where it is not what the operator wrote."""
        for row in self._rows(job):
            fields = {name: str(row[name]) for name in self.mapping.told if row.get(name)}
            yield Item(lead_ref(self.mapping, row), Frozen(fields), tuple(name for name in self.mapping.free_text if name in fields))

    def find(self, job: str, who: Identities) -> Iterator[Ref]:
        """Stream a person's records of the file, in whatever partition, by any field of the policy that identifies them."""
        for row in self._rows(job):
            if any(self._is(row, kind, values) for kind, values in who.items()):
                yield lead_ref(self.mapping, row)

    def _is(self, row: Row, kind: str, values: Sequence[str]) -> bool:
        target = self.mapping.fields.get(kind)
        field = self.mapping.identity.get(kind)
        held = value_of(row, target) if target is not None else str(row.get(field) or "") if field else ""
        return bool(held) and any(means(kind, held, value) for value in values)

    def _rows(self, job: str) -> Iterator[Row]:
        status = self._status(job)
        raw = self.client.file(f"{_LEADS}{job}/file.json")
        kind, _, told = str(status.get("fileChecksum") or "").partition(":")
        if kind == "sha256" and hashlib.sha256(raw).hexdigest() != told:
            raise ServiceError("transient", "checksum")
        for row in csv.DictReader(io.StringIO(raw.decode("utf-8"))):
            yield {name: None if value == _NOTHING else value for name, value in row.items()}

    def _status(self, job: str) -> Mapping[str, object]:
        return self._told(self.client.bulk(f"{_LEADS}{job}/status.json", verb="GET"))

    @staticmethod
    def _told(answer: Answer) -> Mapping[str, object]:
        if not answer.rows:
            raise ServiceError("unknown", "answer_not_understood")
        return answer.rows[0]
