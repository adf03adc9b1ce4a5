"""The REST API of the fake: paths, headers, bodies and errors as the public clients know them."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from upheld.services.salesforce.fake import soql, sosl
from upheld.services.salesforce.fake.bulk import FILES, Jobs
from upheld.services.salesforce.fake.people import People, User
from upheld.services.salesforce.fake.records import ApiError, Org

VERSIONS = range(50, 68)
COLLECTION, SUBREQUESTS, QUERIES = 200, 25, 5
"""How many records a collection, calls a composite, and queries a composite may have."""


@dataclass(frozen=True, slots=True)
class Call:
    """One call, over the wire or inside a composite."""

    method: str
    path: tuple[str, ...]
    query: Mapping[str, str]
    body: bytes
    user: User
    headers: Mapping[str, str] = field(default_factory=dict)

    def json(self) -> Any:
        """Read the body; raises ApiError `JSON_PARSER_ERROR`."""
        try:
            return json.loads(self.body or b"{}")
        except ValueError:
            raise ApiError(400, "JSON_PARSER_ERROR", "Unexpected character") from None

    def only(self, *names: str) -> None:
        """Refuse parameters that the documentation does not name."""
        if unknown := set(self.query) - set(names):
            raise ApiError(400, "INVALID_QUERY_PARAMETER", f"unknown parameter {min(unknown)}")

    def need(self, right: str) -> None:
        """Refuse what the profile of the user does not allow."""
        if right not in self.user.may:
            raise ApiError(403, "INSUFFICIENT_ACCESS_OR_READONLY", "insufficient access rights on object id")


@dataclass(frozen=True, slots=True)
class Answer:
    """What a call is answered with."""

    status: int
    body: Any = None
    csv: bool = False
    headers: Mapping[str, str] = field(default_factory=dict)

    def raw(self) -> bytes:
        """Write the body."""
        if self.body is None:
            return b""
        return self.body.encode() if self.csv else json.dumps(self.body, ensure_ascii=False).encode()


def failed(error: ApiError) -> Answer:
    """Write an error: OAuth has words of its own, all else is a list."""
    if error.code.islower():
        return Answer(error.status, {"error": error.code, "error_description": error.message})
    told: dict[str, Any] = {"message": error.message, "errorCode": error.code}
    return Answer(error.status, [{**told, "fields": list(error.fields)} if error.fields else told])


@dataclass(slots=True)
class Api:
    """The calls and what they do. `page` is how many rows one answer of a query holds."""

    org: Org
    people: People
    jobs: Jobs
    page: int = 2000
    cursors: dict[str, list[dict[str, Any]]] = field(default_factory=dict, repr=False)
    opened: int = 0

    def of(self, method: str, target: str, body: bytes, user: User, headers: Mapping[str, str] | None = None) -> Answer:
        """Answer one call below `/services/data/`; raises ApiError."""
        parts = urlsplit(target)
        path = tuple(unquote(one) for one in parts.path.strip("/").split("/"))
        version = re.fullmatch(r"v(\d\d)\.0", path[2]) if path[:2] == ("services", "data") and len(path) > 3 else None
        if version is None or int(version[1]) not in VERSIONS:
            raise ApiError(404, "NOT_FOUND", "The requested resource does not exist")
        query = {name: values[-1] for name, values in parse_qs(parts.query, keep_blank_values=True).items()}
        return self._route(Call(method, path[3:], query, body, user, headers or {}))

    def _route(self, call: Call) -> Answer:
        match (call.method, *call.path):
            case ("GET", "query" | "queryAll" as how):
                call.only("q")
                return self._query(call.query.get("q", ""), deleted=how == "queryAll", size=_size(call.headers, self.page))
            case ("GET", "query" | "queryAll", cursor):
                return self._more(cursor)
            case ("GET", "search"):
                call.only("q")
                return Answer(200, {"searchRecords": sosl.find(self.org, call.query.get("q", ""))})
            case ("POST", "parameterizedSearch"):
                return Answer(200, {"searchRecords": sosl.with_parameters(self.org, call.json())})
            case ("GET", "limits"):
                left = self.people.limit - self.people.used
                return Answer(200, {"DailyApiRequests": {"Max": self.people.limit, "Remaining": left}})
            case ("POST", "composite"):
                return self._composite(call)
            case (_, "composite", "sobjects"):
                return self._collection(call)
            case (_, "jobs", "ingest", *rest):
                return self._bulk(call, rest)
            case (_, "sobjects", *rest):
                return self._sobjects(call, rest)
            case _:
                raise ApiError(404, "NOT_FOUND", "The requested resource does not exist")

    def _query(self, text: str, *, deleted: bool, size: int) -> Answer:
        rows = soql.run(self.org, text, deleted=deleted)
        self.opened += 1
        return self._paged(rows, f"01g5g00000{self.opened:08d}", 0, size, len(rows))

    def _more(self, cursor: str) -> Answer:
        name, _, at = cursor.partition("-")
        if name not in self.cursors or not at.isdigit():
            raise ApiError(400, "INVALID_QUERY_LOCATOR", "invalid query locator")
        rows = self.cursors[name]
        return self._paged(rows, name, int(at), self.page, len(rows))

    def _paged(self, rows: list[dict[str, Any]], name: str, at: int, size: int, total: int) -> Answer:
        told = {"totalSize": total, "done": at + size >= total, "records": rows[at : at + size]}
        if not told["done"]:
            self.cursors[name] = rows
            told["nextRecordsUrl"] = f"/services/data/v59.0/query/{name}-{at + size}"
        return Answer(200, told)

    def _composite(self, call: Call) -> Answer:
        """Do several calls in one; with `allOrNone` only reading ones are known here."""
        told = call.json()
        asked = told.get("compositeRequest", [])
        queries = sum("/query" in one["url"] for one in asked)
        if not 1 <= len(asked) <= SUBREQUESTS or queries > QUERIES:
            raise ApiError(400, "LIMIT_EXCEEDED", "too many subrequests")
        answers = []
        for one in asked:
            body = json.dumps(one["body"]).encode() if "body" in one else b""
            try:
                made = self.of(one["method"], one["url"], body, call.user, one.get("httpHeaders"))
            except ApiError as error:
                made = failed(error)
            answers.append({"body": made.body, "httpHeaders": {}, "httpStatusCode": made.status, "referenceId": one["referenceId"]})
        return Answer(200, {"compositeResponse": answers})

    def _collection(self, call: Call) -> Answer:
        """Change up to 200 records in one call, each by itself."""
        if call.method == "DELETE":
            call.only("ids", "allOrNone")
            ids = call.query.get("ids", "").split(",")
            call.need("delete")
            return self._each(ids, self._deleted)
        told = call.json()
        if call.method not in ("POST", "PATCH") or set(told) - {"allOrNone", "records"}:
            raise ApiError(400, "JSON_PARSER_ERROR", "Unrecognized field")
        call.need("edit")
        return self._each(told["records"], self._made if call.method == "POST" else self._changed)

    def _each(self, some: list[Any], do: Callable[[Any], str]) -> Answer:
        if len(some) > COLLECTION:
            raise ApiError(400, "EXCEEDED_ID_LIMIT", f"record limit reached. cannot submit more than {COLLECTION} records into this call")
        told: list[dict[str, Any]] = []
        for one in some:
            try:
                told.append({"id": do(one), "success": True, "errors": []})
            except ApiError as error:
                code = "ENTITY_IS_DELETED" if error.code == "NOT_FOUND" else error.code
                told.append({"success": False, "errors": [{"statusCode": code, "message": error.message, "fields": list(error.fields)}]})
        return Answer(200, told)

    def _deleted(self, one: str) -> str:
        self.org.delete(one)
        return self.org.normal(one)

    def _made(self, one: Mapping[str, Any]) -> str:
        return self.org.create(one["attributes"]["type"], {name: value for name, value in one.items() if name != "attributes"})

    def _changed(self, one: Mapping[str, Any]) -> str:
        written = one.get("id") or one.get("Id") or ""
        self.org.update(written, {name: value for name, value in one.items() if name.lower() not in ("attributes", "id")}, one["attributes"]["type"])
        return self.org.normal(written)

    def _bulk(self, call: Call, rest: list[str]) -> Answer:
        match (call.method, *rest):
            case ("POST",):
                call.need("edit" if call.json().get("operation") in ("insert", "update", "upsert") else "delete")
                return Answer(200, self.jobs.create(call.json(), call.user.may).info())
            case ("GET",):
                return Answer(200, {"done": True, "records": [one.info() for one in self.jobs.jobs.values()], "nextRecordsUrl": None})
            case ("GET", job):
                return Answer(200, self.jobs.get(job).info())
            case ("PATCH", job):
                return Answer(200, self.jobs.set_state(job, str(call.json().get("state", ""))).info())
            case ("DELETE", job):
                self.jobs.delete(job)
                return Answer(204)
            case ("PUT", job, "batches"):
                self.jobs.upload(job, call.body)
                return Answer(201)
            case ("GET", job, file) if file.rstrip("/") in FILES or file == "unprocessedRecords":
                return Answer(200, self.jobs.result(job, file), csv=True)
            case _:
                raise ApiError(404, "NOT_FOUND", "The requested resource does not exist")

    def _sobjects(self, call: Call, rest: list[str]) -> Answer:
        match (call.method, *rest):
            case ("GET",):
                return Answer(200, {"encoding": "UTF-8", "maxBatchSize": 200, "sobjects": [one.summary() for one in self.org.objects.values()]})
            case ("GET", kind, "describe"):
                return Answer(200, self.org.object(kind).described())
            case ("GET", kind):
                return Answer(200, {"objectDescribe": self.org.object(kind).summary(), "recentItems": []})
            case ("POST", kind):
                call.need("edit")
                return Answer(201, {"id": self.org.create(kind, call.json()), "success": True, "errors": []})
            case ("PATCH", kind, name, value):
                call.need("edit")
                found, made = self.org.upsert(kind, name, {**call.json(), name: value})
                return Answer(201 if made else 200, {"id": found, "success": True, "errors": [], "created": made})
            case (_, kind, one):
                return self._record(call, self.org.object(kind).name, one)
            case _:
                raise ApiError(404, "NOT_FOUND", "The requested resource does not exist")

    def _record(self, call: Call, kind: str, written: str) -> Answer:
        record = self.org.by_id(written)
        if record.kind != kind:
            raise ApiError(404, "NOT_FOUND", "The requested resource does not exist")
        if call.method == "GET":
            call.only("fields")
            told = self.org.objects[kind]
            fields = tuple(call.query["fields"].split(",")) if "fields" in call.query else tuple(told.fields)
            return Answer(200, soql.row(self.org, told, record, fields))
        call.need("delete" if call.method == "DELETE" else "edit")
        if call.method == "DELETE":
            self.org.delete(written)
        elif call.method == "PATCH":
            self.org.update(written, call.json(), kind)
        else:
            raise ApiError(405, "METHOD_NOT_ALLOWED", "HTTP Method not allowed")
        return Answer(204)


def _size(headers: Mapping[str, str], page: int) -> int:
    """Read how many rows a client wants at once; the API gives between 200 and 2,000."""
    told = re.search(r"batchSize=(\d+)", headers.get("sforce-query-options", ""))
    return min(page, max(200, int(told[1]))) if told else page
