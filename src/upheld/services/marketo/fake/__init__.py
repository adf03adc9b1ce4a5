"""An instance of Adobe Marketo Engage on loopback that behaves: for tests of whoever connects one, and to try things out.

Everything is in memory, the clock is passed in. `Fake` has besides the API the hands of somebody who stands behind it.
"""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from threading import RLock
from typing import Any
from urllib.parse import parse_qs, urlsplit

from upheld.db import Clock
from upheld.services.marketo.fake.api import Api
from upheld.services.marketo.fake.exports import Exports
from upheld.services.marketo.fake.limits import Client, Gate
from upheld.services.marketo.fake.people import EVERY, PRUNED, Changed, Kind, People, Source
from upheld.services.marketo.fake.refusals import WORDS, RefusedError, reason

__all__ = ["EVERY", "PRUNED", "Changed", "Fake", "Source", "fake_app"]

LONGEST_TARGET, LARGEST_BODY = 8 * 1024, 1024 * 1024
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Answer = tuple[int, str, bytes]


class Fake:
    """One instance, empty at first; itself the ASGI application. The client `upheld` has the secret `example`."""

    def __init__(
        self,
        clock: Clock,
        *,
        source: Source | None = None,
        per_window: int = 100,
        at_once: int = 10,
        per_day: int = 50_000,
        bytes_per_day: int = 500_000_000,
        latency: float = 0.0,
    ) -> None:
        """Begin with nobody; `latency` is the real seconds that each answer takes, `source` what it is synchronised with."""
        self.people = People(clock, source)
        self.exports = Exports(self.people, bytes_per_day)
        self.gate = Gate(clock, per_window=per_window, at_once=at_once, per_day=per_day)
        self.gate.clients["upheld"] = Client("example")
        self.api = Api(self.people, self.exports, self.gate)
        self.calls: Counter[str] = Counter()
        """Calls that were let in, by verb and path with the numbers left out; `writes` are those that ask for a change."""
        self.targets: list[str] = []
        """Method and target of every call, as a log of the operator would have them."""
        self._latency = latency
        self._faults: list[str] = []
        self._lock = RLock()
        self._requests = 0

    def put(self, partition: int = 1, lists: tuple[int, ...] = (), **values: Any) -> int:
        """Make a person, as the company's own people would, and give the id."""
        with self._lock:
            lead = self.people.create(values, partition)
            for key in lists:
                self.people.lists.setdefault(key, f"List {key}")
                self.people.members.setdefault(key, set()).add(lead)
            return lead

    def change(self, lead: int, **values: Any) -> None:
        """Change a person, as the company's own people would."""
        with self._lock:
            self.people.update(lead, values)

    def forbid(self, lead: int) -> None:
        """Let no client delete or write a person."""
        self.people.leads[lead].forbidden = True

    def hide(self, lead: int) -> None:
        """Put a person into a partition that no client sees."""
        with self._lock:
            self.people.partitions[99] = "Hidden"
            self.people.hidden.add(99)
            self.people.leads[lead].partition = 99

    def add_field(self, name: str) -> None:
        """Add a field of the company's own."""
        self.people.kinds[name] = Kind(name, "string", writable=True, searchable=True)

    def fault(self, code: str, *, after: int = 0, times: int = 1) -> None:
        """Refuse `times` calls with a code after `after` good ones; raises KeyError for a code that is not in WORDS."""
        _ = WORDS[code]
        with self._lock:
            self._faults += [""] * after + [code] * times

    def calm(self) -> None:
        """Forget faults that did not come to pass."""
        with self._lock:
            self._faults.clear()

    def state(self) -> dict[str, Any]:
        """Give everything there is: people, deletions that still name somebody, lists, jobs, calls of the day."""
        with self._lock:
            return {
                "leads": {one.id: {"partition": one.partition, **one.values} for one in self.people.leads.values()},
                "deleted": [one.lead for one in self.people.deleted_since(self.people.now - PRUNED)],
                "lists": {key: sorted(members) for key, members in self.people.members.items()},
                "jobs": {job.id: self.exports.status(job) for job in self.exports.jobs.values()},
                "used": self.gate.used,
            }

    def answer(self, verb: str, target: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """Answer one call that was let in, as the operator's servers would."""
        parts = urlsplit(target)
        if parts.path == "/identity/oauth/token":
            return self._identity(parse_qs(parts.query) | parse_qs(body.decode("utf-8", "replace")))
        self._requests += 1
        told: dict[str, Any] = {"requestId": f"{self._requests:x}#18c{self._requests:08x}"}
        try:
            client = self.gate.who(headers.get("authorization", ""))
            made = self._carried_out(verb, parts.path, parts.query, headers, body, client)
        except RefusedError as error:
            return _json(200, {**told, "success": False, "errors": [reason(error.code)]})
        if "file" in made:
            return 200, "text/csv", made["file"]
        return _json(200, {**told, "success": True, **made})

    def _carried_out(
        self, verb: str, path: str, query: str, headers: Mapping[str, str], body: bytes, client: Client
    ) -> dict[str, Any]:
        if self._faults and (code := self._faults.pop(0)):
            raise RefusedError(code)
        self.people.synchronise()
        params = {name: tuple(values) for name, values in parse_qs(query).items()}
        kind = headers.get("content-type", "").partition(";")[0]
        real = params.pop("_method", (verb,))[-1]
        if verb == "POST" and real == "GET" and kind == "application/x-www-form-urlencoded":
            params |= {name: tuple(values) for name, values in parse_qs(body.decode()).items()}
            body = b""
        elif body and kind != "application/json":
            raise RefusedError("612")
        try:
            told = json.loads(body) if body else {}
        except ValueError:
            raise RefusedError("609") from None
        self.calls[f"{real} {''.join(char for char in path if not char.isdecimal())}"] += 1
        if real != "GET" and path.startswith("/rest/"):
            self.calls["writes"] += 1
        return self.api.of(real, path, params, told, client)

    def _identity(self, params: Mapping[str, list[str]]) -> Answer:
        name, secret = (params.get(key, [""])[-1] for key in ("client_id", "client_secret"))
        token = self.gate.token(name, secret) if params.get("grant_type") == ["client_credentials"] else None
        if token is None:
            return _json(401, {"error": "invalid_client", "error_description": "Bad client credentials"})
        return _json(200, token)

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
        status, kind, raw = await self._let_in(scope["method"], target, headers, body)
        told = [(b"content-type", kind.encode()), (b"content-length", str(len(raw)).encode())]
        await send({"type": "http.response.start", "status": status, "headers": told})
        await send({"type": "http.response.body", "body": raw})

    async def _let_in(self, verb: str, target: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """Count a call in and out; what breaks a limit is refused and not carried out."""
        with self._lock:
            self.targets.append(f"{verb} {target}")
        if len(target) > LONGEST_TARGET:
            return 414, "text/html", b"<html>Request-URI Too Long</html>"
        if len(body) > LARGEST_BODY:
            return 413, "text/html", b"<html>Request Entity Too Large</html>"
        counted = target.startswith(("/rest/", "/bulk/"))
        try:
            if counted:
                with self._lock:
                    self.gate.enter()
        except RefusedError as error:
            return _json(200, {"requestId": "0#0", "success": False, "errors": [reason(error.code)]})
        try:
            if self._latency:
                await asyncio.sleep(self._latency)
            with self._lock:
                return self.answer(verb, target, headers, body)
        finally:
            if counted:
                with self._lock:
                    self.gate.leave()


def fake_app(clock: Clock, *, source: Source | None = None, **limits: Any) -> Fake:
    """Make an empty instance to be served by any ASGI server; `limits` are those of Fake."""
    return Fake(clock, source=source, **limits)


def _json(status: int, told: Mapping[str, Any]) -> Answer:
    return status, "application/json;charset=UTF-8", json.dumps(told).encode()
