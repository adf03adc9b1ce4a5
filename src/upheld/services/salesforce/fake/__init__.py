"""A Salesforce organisation on loopback that behaves: for tests of whoever connects one, and to try things out.

The vendor's Python client talks to it unchanged. Everything is in memory, the clock is passed in. `Fake` has besides
the API the hands of somebody who stands behind it: put, change, lock, forbid, hide, convert, and reading what changed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from dataclasses import dataclass, field
from datetime import datetime
from threading import RLock
from typing import Any
from urllib.parse import urlsplit

from upheld.db import Clock
from upheld.policy.model import Frozen
from upheld.services.salesforce.fake.bulk import Jobs
from upheld.services.salesforce.fake.people import ALL, People
from upheld.services.salesforce.fake.records import ApiError, Org, Record, Rule
from upheld.services.salesforce.fake.schema import make
from upheld.services.salesforce.fake.web import Answer, Api, failed

__all__ = ["ALL", "Changed", "Fake", "fake_app"]

FAULTS: Mapping[str, int] = Frozen(
    {
        "REQUEST_LIMIT_EXCEEDED": 403, "QUERY_TIMEOUT": 400, "UNABLE_TO_LOCK_ROW": 400, "SERVER_UNAVAILABLE": 503,
        "UNKNOWN_EXCEPTION": 500, "INVALID_SESSION_ID": 401, "NOBODY_HAS_SEEN_THIS": 400,
    }
)  # fmt: skip
"""What the fake can be told to answer instead, with its status line; the last is a code that no list has."""

_PEOPLE = ("Lead", "Contact")
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Changed:
    """A lead or contact that was written since a moment, as a system that copies them reads it."""

    id: str
    kind: str
    email: str = field(repr=False)
    at: datetime
    fields: Mapping[str, Any] = field(repr=False, hash=False)


class Fake:
    """One organisation, empty at first; itself the ASGI application. `limit` is the calls it allows in 24 hours."""

    def __init__(self, clock: Clock, *, limit: int = 100_000, page: int = 2000) -> None:
        """Begin with no record and the one user `upheld`, who may do everything, with the secret `example`."""
        self.clock = clock
        self.org = Org(clock)
        self.people = People(clock, limit)
        self.jobs = Jobs(self.org)
        self.api = Api(self.org, self.people, self.jobs, page)
        self.calls: Counter[str] = Counter()
        self.targets: list[str] = []
        """Method and target of every call, as a log of the operator would have them."""
        self._faults: list[str] = []
        self._lock = RLock()
        self.people.add("upheld", "example")

    def put(self, kind: str, **values: Any) -> str:
        """Make a record, as the company's own people would, and give its id; raises ApiError for what no one may."""
        with self._lock:
            return self.org.create(kind, values)

    def change(self, key: str, **values: Any) -> None:
        """Change a record, as the company's own people would."""
        with self._lock:
            self.org.update(key, values)

    def delete(self, key: str) -> None:
        """Put a record into the bin."""
        with self._lock:
            self.org.delete(key)

    def undelete(self, key: str) -> None:
        """Take a record out of the bin again; raises ApiError once it is not there any more."""
        with self._lock:
            record = self.org.records[self.org.normal(key)]
            if record.life(self.org.now) != "recycled":
                raise ApiError(400, "UNDELETE_FAILED", "entity is not in the recycle bin")
            record.deleted, record.changed = None, self.org.now

    def convert(self, lead: str) -> str:
        """Make a contact and an account of a lead, and give the contact's id; the lead stays, and can be changed no more."""
        with self._lock:
            record = self.org.by_id(lead)
            account = self.org.create("Account", {"Name": record.values["Company"]})
            same = self.org.objects["Contact"].fields.keys() & record.values.keys()
            contact = self.org.create("Contact", {**{name: record.values[name] for name in same}, "AccountId": account})
            for member in self.org.all("CampaignMember"):
                if member.values.get("LeadId") == record.id:
                    self.org.update(member.id, {"ContactId": contact})
            news = {"ConvertedContactId": contact, "ConvertedAccountId": account, "IsConverted": True}
            self.org.update(record.id, news)
            return contact

    def rule(self, kind: str, wrong: Callable[[Mapping[str, Any]], bool], *fields: str) -> None:
        """Add a validation rule: what `wrong` says yes to cannot be saved."""
        self.org.rules.append(Rule(kind, wrong, fields))

    def add_object(self, name: str, fields: str) -> None:
        """Add an object of the company's own, with fields in the short form of `objects.txt`."""
        self.org.objects[name] = make(name, f"a{len(self.org.objects):02d}", fields)

    def add_fields(self, kind: str, fields: str) -> None:
        """Add fields of the company's own to an object."""
        self.org.objects[kind].add(fields)

    def mark(self, key: str, **what: bool) -> None:
        """Mark a record as `locked`, `forbidden` or `hidden`."""
        with self._lock:
            for name, value in what.items():
                setattr(self.org.records[self.org.normal(key)], name, value)

    def fault(self, code: str, *, after: int = 0, times: int = 1) -> None:
        """Let `times` calls be answered with an error of FAULTS after `after` good ones; raises KeyError for others."""
        _ = FAULTS[code]
        self._faults += [""] * after + [code] * times

    def changed_since(self, moment: datetime) -> list[Changed]:
        """Give the living leads and contacts that were written after a moment, oldest first: what a synchronisation reads."""
        with self._lock:
            found = [one for kind in _PEOPLE for one in self.org.all(kind) if one.changed > moment]
            return [_changed(one) for one in sorted(found, key=lambda one: (one.changed, one.id))]

    def state(self) -> dict[str, Any]:
        """Give everything there is: records by id with their life, jobs by id with their state, calls used."""
        with self._lock:
            now = self.org.now
            records = {one.id: {"kind": one.kind, "life": one.life(now), **one.values} for one in self.org.records.values()}
            return {
                "records": {key: one for key, one in records.items() if one["life"] != "gone"},
                "jobs": {one.id: one.state for one in self.jobs.jobs.values()},
                "used": self.people.used,
                "left": self.people.limit - self.people.used,
            }

    def answer(self, method: str, target: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """Answer one call, as the operator's servers would."""
        with self._lock:
            self.calls[method] += 1
            self.targets.append(f"{method} {target}")
            try:
                return self._answer(method, target, headers, body)
            except ApiError as error:
                answer = failed(error)
                return Answer(answer.status, answer.body, headers={"Sforce-Limit-Info": self.people.usage})

    def _answer(self, method: str, target: str, headers: Mapping[str, str], body: bytes) -> Answer:
        path = urlsplit(target).path
        if path == "/services/oauth2/token" and method == "POST":
            token = self.people.login(headers.get("authorization", ""), body.decode())
            url = f"https://{headers.get('host', '')}"
            return Answer(200, {"access_token": token, "instance_url": url, "token_type": "Bearer", "id": f"{url}/id/00D/005"})
        user = self.people.who(headers.get("authorization", ""))
        if self._faults and (code := self._faults.pop(0)):
            raise ApiError(FAULTS[code], code)
        self.people.count()
        made = self.api.of(method, target, body, user, headers)
        return Answer(made.status, made.body, made.csv, {**made.headers, "Sforce-Limit-Info": self.people.usage})

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        """Speak ASGI."""
        if scope["type"] != "http":
            return
        body = b""
        while True:
            piece = await receive()
            body += piece.get("body", b"")
            if not piece.get("more_body"):
                break
        target = scope["raw_path"].decode() + (f"?{scope['query_string'].decode()}" if scope["query_string"] else "")
        headers = {name.decode().lower(): value.decode("latin-1") for name, value in scope["headers"]}
        made = self.answer(scope["method"], target, headers, body)
        raw = made.raw()
        kind = "text/csv" if made.csv else "application/json;charset=UTF-8"
        told = {**made.headers, **({"Content-Type": kind, "Content-Length": str(len(raw))} if made.status != 204 else {})}
        encoded = [(name.lower().encode(), value.encode()) for name, value in told.items()]
        await send({"type": "http.response.start", "status": made.status, "headers": encoded})
        await send({"type": "http.response.body", "body": raw})


def fake_app(clock: Clock, *, limit: int = 100_000, page: int = 2000) -> Fake:
    """Make an empty organisation to be served by any ASGI server."""
    return Fake(clock, limit=limit, page=page)


def _changed(one: Record) -> Changed:
    return Changed(one.id, one.kind, str(one.values.get("Email") or ""), one.changed, Frozen(one.values))
