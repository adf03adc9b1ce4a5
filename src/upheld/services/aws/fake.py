"""An account on loopback for tests: moto's server, with what it lacks in front of it.

In front: a credential that may only read, a list of addresses that get no mail, a record that may not be erased, and
a count of calls that ask for a change. Needs the packages of `moto[server]`.
"""

from __future__ import annotations

import http.client
import json
import logging
import re
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from io import BytesIO
from typing import Any

from upheld.policy.model import Frozen
from upheld.services.contract.serving import Running

READER = "AKIAREADER0000000001"
"""The access key that may only look."""

OWNER = "AKIAOWNER00000000001"
"""The access key of whoever stands behind the account: what it changes is not counted."""

_READING = re.compile(r"(Get|List|Describe|Query|Scan|Filter|BatchGet|AdminGet|Head)")
_SUPPRESSED = "/v2/email/suppression/addresses"
_SIGNED = re.compile(r"Credential=([^/]+)/[^/]+/[^/]+/([a-z0-9-]+)/")
_REASONS: Mapping[int, str] = Frozen({200: "OK", 400: "Bad Request", 403: "Forbidden", 404: "Not Found"})
Start = Callable[[str, list[tuple[str, str]]], Any]


class AwsFake:
    """A WSGI application: moto for everything but what is answered here."""

    def __init__(self) -> None:
        """Start empty."""
        from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app

        self._moto: Any = DomainDispatcherApplication(create_backend_app)
        vars(self._moto)["get_backend_for_host"] = cache(self._moto.get_backend_for_host)  # else looked for anew in each call
        self._lock = threading.Lock()
        self.reset()

    def reset(self) -> None:
        """Forget everything that was answered here; moto itself is reset by `POST /moto-api/reset`."""
        self.suppressed: dict[str, str] = {}
        self.forbidden: tuple[str, ...] = ()
        """Words of which one in a call that changes something makes it `AccessDenied`."""
        self.writes = 0

    def __call__(self, environ: dict[str, Any], start: Start) -> Iterable[bytes]:
        """Answer one call."""
        path = environ["PATH_INFO"].encode("latin-1").decode("utf-8", "replace")
        if path.startswith("/moto-api"):
            return self._passed(environ, start)
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        environ["wsgi.input"] = BytesIO(body)
        signed = _SIGNED.search(environ.get("HTTP_AUTHORIZATION", ""))
        key, service = (signed[1], signed[2]) if signed else ("", "")
        changes = _changes(environ, service)
        with self._lock:
            self.writes += changes and key != OWNER
        told = f"{path} {body.decode('utf-8', 'replace')}"
        if changes and key != OWNER and (key == READER or any(word in told for word in self.forbidden)):
            return _refused(start, service)
        if service == "ses" and path.startswith(_SUPPRESSED):
            return self._suppression(environ["REQUEST_METHOD"], path[len(_SUPPRESSED) + 1 :], body, start)
        return self._passed(environ, start)

    def _passed(self, environ: dict[str, Any], start: Start) -> Iterable[bytes]:
        answer: Iterable[bytes] = self._moto(environ, start)
        return answer

    def _suppression(self, method: str, address: str, body: bytes, start: Start) -> Iterable[bytes]:
        """Keep the account's list of addresses that get no mail: put, get, delete and list."""
        if method == "PUT":
            told = json.loads(body)
            if told.get("Reason") not in {"BOUNCE", "COMPLAINT"}:
                return _json(start, 400, {"message": "Reason"}, "BadRequestException")
            self.suppressed[told["EmailAddress"]] = told["Reason"]
            return _json(start, 200, {})
        if not address:
            return _json(start, 200, {"SuppressedDestinationSummaries": [_summary(*one) for one in self.suppressed.items()]})
        if address not in self.suppressed:
            return _json(start, 404, {"message": "not on the list"}, "NotFoundException")
        if method == "DELETE":
            del self.suppressed[address]
            return _json(start, 200, {})
        return _json(start, 200, {"SuppressedDestination": _summary(address, self.suppressed[address])})


def _summary(address: str, reason: str) -> dict[str, Any]:
    return {"EmailAddress": address, "Reason": reason, "LastUpdateTime": 1_700_000_000}


def _changes(environ: Mapping[str, Any], service: str) -> bool:
    target = environ.get("HTTP_X_AMZ_TARGET", "")
    if target:
        return not _READING.match(target.rpartition(".")[2])
    if service == "ses" and environ["PATH_INFO"].endswith("/contacts/list"):
        return False
    return environ["REQUEST_METHOD"] not in {"GET", "HEAD"}


def _refused(start: Start, service: str) -> Iterable[bytes]:
    if service == "s3":
        start("403 Forbidden", [("Content-Type", "application/xml")])
        return [b'<?xml version="1.0"?><Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>']
    return _json(start, 400 if service != "ses" else 403, {"message": "not authorized"}, "AccessDeniedException")


def _json(start: Start, status: int, told: Mapping[str, Any], error: str = "") -> Iterable[bytes]:
    headers = [("Content-Type", "application/json")] + ([("x-amzn-ErrorType", error)] if error else [])
    start(f"{status} {_REASONS[status]}", headers)
    return [json.dumps({"__type": error, **told} if error else told).encode()]


@contextmanager
def running(fake: AwsFake) -> Iterator[Running]:
    """Serve an account on a free port of loopback until the block ends."""
    from moto.moto_server.werkzeug_app import MotoRequestHandler
    from werkzeug.serving import make_server

    handler = type("Handler", (MotoRequestHandler,), {"protocol_version": "HTTP/1.1"})  # connections are kept
    logging.getLogger("werkzeug").setLevel(logging.WARNING)
    server = make_server("127.0.0.1", 0, fake, threaded=True, request_handler=handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield Running("127.0.0.1", server.server_port)
    finally:
        server.shutdown()
        thread.join(timeout=10)
        server.server_close()


def reset(fake: AwsFake, at: Running) -> None:
    """Empty the account."""
    connection = http.client.HTTPConnection(at.host, at.port, timeout=30)
    connection.request("POST", "/moto-api/reset")
    connection.getresponse().read()
    connection.close()
    fake.reset()
