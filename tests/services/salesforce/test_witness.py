"""The fake agrees with what public clients of the interface expect of it, told here as facts and in our own words.

Read in simple-salesforce (tests/test_bulk2.py, test_api.py), airbyte (source-salesforce, unit_tests) and the operator's
documentation of composite calls: https://developer.salesforce.com/docs/atlas.en-us.api_rest.meta/api_rest/
"""

from __future__ import annotations

import csv
import io
import json
import re
from typing import Any

import pytest

from tests.services.salesforce.double import START
from upheld.db import FixedClock
from upheld.services.salesforce.fake import Fake, fake_app

JOB = {"id": str, "operation": str, "object": str, "state": str, "contentType": str, "columnDelimiter": str, "lineEnding": str,
       "concurrencyMode": str, "jobType": str, "apiVersion": float, "numberRecordsProcessed": int, "numberRecordsFailed": int}  # fmt: skip
QUERY = {"totalSize": int, "done": bool, "records": list}
ERROR = {"message": str, "errorCode": str}
ROW_ERROR = {"statusCode": str, "message": str, "fields": list}
SUB = {"body": object, "httpHeaders": dict, "httpStatusCode": int, "referenceId": str}
STATES = {"Open", "UploadComplete", "InProgress", "JobComplete", "Failed", "Aborted"}


@pytest.fixture
def fake() -> Fake:
    return fake_app(FixedClock(START), page=2)


def ask(fake: Fake, method: str, path: str, body: Any = b"", *, key: str = "upheld") -> tuple[int, dict[str, str], Any]:
    """Ask below the version, without any client."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    headers = {"authorization": f"Bearer {fake.people.session_of(key)}"}
    made = fake.answer(method, f"/services/data/v59.0/{path}", headers, raw)
    return made.status, dict(made.headers), made.body


def fits(told: Any, shape: dict[str, Any]) -> bool:
    """Say whether an object has all keys of a witness, each of its type."""
    return isinstance(told, dict) and all(name in told and isinstance(told[name], kind) for name, kind in shape.items())


def test_an_ingest_job_has_the_witnessed_form_at_each_step(fake: Fake) -> None:
    """POST answers 200 with a job, PUT 201 with nothing, PATCH and GET 200; header and columns of the results are as seen."""
    lead = fake.put("Lead", LastName="T", Company="C")
    status, _, job = ask(fake, "POST", "jobs/ingest", {"operation": "hardDelete", "object": "Lead", "contentType": "CSV"})
    assert (status, job["state"], job["jobType"]) == (200, "Open", "V2Ingest")
    assert fits(job, JOB)
    at = f"jobs/ingest/{job['id']}"
    assert ask(fake, "PUT", f"{at}/batches", f"Id\n{lead}\n".encode())[0] == 201
    assert ask(fake, "PATCH", at, {"state": "UploadComplete"})[2]["state"] == "UploadComplete"
    seen = [ask(fake, "GET", at)[2]["state"] for _ in range(2)]
    assert seen == ["InProgress", "JobComplete"]
    assert {job["state"], *seen} < STATES
    text = ask(fake, "GET", f"{at}/successfulResults")[2]
    assert text.splitlines() == ['"sf__Id","sf__Created","Id"', f'"{lead}","false","{lead}"']
    assert next(csv.reader(io.StringIO(ask(fake, "GET", f"{at}/failedResults")[2]))) == ["sf__Id", "sf__Error", "Id"]


def test_a_query_has_the_witnessed_form(fake: Fake) -> None:
    """Size, whether it is done, records with their attributes, and the next address only where there is more."""
    for _ in range(3):
        fake.put("Lead", LastName="T", Company="C")
    status, headers, first = ask(fake, "GET", "query?q=SELECT+Id+FROM+Lead")
    assert status == 200
    assert fits(first, QUERY)
    assert set(first["records"][0]["attributes"]) == {"type", "url"}
    assert re.fullmatch(r"/services/data/v\d\d\.0/query/01g\w+-\d+", first["nextRecordsUrl"])
    assert "nextRecordsUrl" not in ask(fake, "GET", first["nextRecordsUrl"].removeprefix("/services/data/v59.0/"))[2]
    assert re.fullmatch(r"api-usage=\d+/\d+", headers["Sforce-Limit-Info"])


def test_errors_have_the_witnessed_status_and_body(fake: Fake) -> None:
    """A list of message and code: 401 for a session, 403 for the limit in the words that others match, 404 for what is not there."""
    made = fake.answer("GET", "/services/data/v59.0/query?q=x", {"authorization": "Bearer nothing"}, b"")
    assert (made.status, made.body) == (401, [{"message": "Session expired or invalid", "errorCode": "INVALID_SESSION_ID"}])
    status, _, body = ask(fake, "GET", "sobjects/Lead/00Q5g0000000000AAA")
    assert status in (400, 404)
    assert all(fits(one, ERROR) for one in body)
    fake.people.limit = 0
    status, _, body = ask(fake, "GET", "query?q=SELECT+Id+FROM+Lead")
    assert (status, body) == (403, [{"message": "TotalRequests Limit exceeded.", "errorCode": "REQUEST_LIMIT_EXCEEDED"}])


def test_composite_calls_have_the_witnessed_form(fake: Fake) -> None:
    """200 whatever becomes of the parts; each part has its own status and body."""
    asked = [
        {"method": "GET", "url": "/services/data/v59.0/query?q=SELECT+Id+FROM+Lead", "referenceId": "good"},
        {"method": "GET", "url": "/services/data/v59.0/query?q=SELECT", "referenceId": "bad"},
    ]
    status, _, told = ask(fake, "POST", "composite", {"compositeRequest": asked})
    assert status == 200
    assert all(fits(one, SUB) for one in told["compositeResponse"])
    assert [one["httpStatusCode"] for one in told["compositeResponse"]] == [200, 400]
    status, _, rows = ask(fake, "DELETE", "composite/sobjects?ids=00Q000000000001&allOrNone=false")
    assert status == 200
    assert rows[0]["success"] is False
    assert fits(rows[0]["errors"][0], ROW_ERROR)


def test_deleting_for_good_without_the_permission_has_the_witnessed_words(fake: Fake) -> None:
    """The operator's sentence about a special user profile permission, which others match."""
    fake.people.add("clerk", "example", frozenset({"read", "edit", "delete"}))
    status, _, body = ask(fake, "POST", "jobs/ingest", {"operation": "hardDelete", "object": "Lead"}, key="clerk")
    assert status == 400
    assert "special user profile permission" in body[0]["message"]


@pytest.mark.parametrize(
    ("told", "shape"),
    [
        ({"error": {"code": "REQUEST_LIMIT_EXCEEDED", "message": "x"}}, ERROR),
        ({"totalSize": "8", "done": True, "records": []}, QUERY),
        ({**dict.fromkeys(JOB, "x"), "numberRecordsFailed": None}, JOB),
    ],
)
def test_a_wrong_body_is_rejected_by_the_same_check(told: dict[str, Any], shape: dict[str, Any]) -> None:
    """The witness can say no: an error in another's form, a number as text, a missing count."""
    assert not fits(told, shape)
