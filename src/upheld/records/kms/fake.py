"""A key management service for tests and trials: a real HTTP server with real keys and the states of the real service.

It keeps everything in memory, speaks the same paths as Google Cloud KMS, and is no place for anybody's data.
"""

from __future__ import annotations

import base64
import json
import os
import re
import threading
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from upheld.db import Clock

WINDOW = timedelta(days=30)
_PATH = re.compile(
    r"/v1/(?P<key>projects/[\w-]+/locations/[\w-]+/keyRings/[\w-]+/cryptoKeys/[\w-]+)"
    r"(?P<versions>/cryptoKeyVersions(/(?P<number>\d+))?)?(:(?P<verb>\w+))?(\?.*)?"
)


@dataclass
class Version:
    """One version of a key; ENABLED, DESTROY_SCHEDULED or DESTROYED (then without its bytes)."""

    number: int
    secret: bytes | None
    state: str = "ENABLED"
    gone_at: datetime | None = None


@dataclass
class Told(Exception):  # noqa: N818 - an answer, raised to end a call early
    """An answer that is an error."""

    status: int
    reason: str


@dataclass
class FakeKms:
    """The service: keys are made when they are first named. `fail` answers the next calls with these statuses."""

    clock: Clock
    token: str
    window: timedelta = WINDOW
    fail: list[int] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)
    keys: dict[str, list[Version]] = field(default_factory=dict)
    url: str = ""

    def __post_init__(self) -> None:
        """Prepare the server on a free port of loopback."""
        self._lock = threading.Lock()
        service = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                service.answer(self, "GET")

            def do_POST(self) -> None:
                service.answer(self, "POST")

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True, name="fake-kms")

    def __enter__(self) -> FakeKms:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def answer(self, handler: BaseHTTPRequestHandler, method: str) -> None:
        """Answer one call."""
        raw = handler.rfile.read(int(handler.headers.get("Content-Length") or 0))
        with self._lock:
            try:
                status, told = 200, self._do(method, handler.path, handler.headers.get("Authorization"), raw)
            except Told as error:
                status, told = error.status, {"error": {"code": error.status, "message": error.reason}}
        sent = json.dumps(told).encode()
        handler.send_response(status)
        handler.send_header("Content-Type", "application/json")
        handler.send_header("Content-Length", str(len(sent)))
        handler.end_headers()
        handler.wfile.write(sent)

    def _do(self, method: str, path: str, authorization: str | None, raw: bytes) -> dict[str, Any]:
        self.calls.append(f"{method} {path}")
        if self.fail:
            raise Told(self.fail.pop(0), "told to fail")
        if authorization != f"Bearer {self.token}":
            raise Told(401, "UNAUTHENTICATED")
        found = _PATH.fullmatch(path)
        if found is None:
            raise Told(404, "NOT_FOUND")
        versions = self.keys.setdefault(found["key"], [])
        self._pass_windows(versions)
        body = json.loads(raw) if raw else {}
        if found["verb"] == "decrypt" and method == "POST" and not found["versions"]:
            return self._decrypt(versions, body)
        if not found["versions"]:
            raise Told(404, "NOT_FOUND")
        if found["number"] is None:
            return self._versions(method, found["key"], versions)
        return self._version(method, found["verb"], found["key"], self._find(versions, int(found["number"])), body)

    def _versions(self, method: str, key: str, versions: list[Version]) -> dict[str, Any]:
        if method == "GET":
            return {"cryptoKeyVersions": [self._told(key, one) for one in versions], "totalSize": len(versions)}
        versions.append(Version(len(versions) + 1, os.urandom(32)))
        return self._told(key, versions[-1])

    def _version(
        self, method: str, verb: str | None, key: str, version: Version, body: dict[str, Any]
    ) -> dict[str, Any]:
        if method == "POST" and verb == "encrypt":
            return self._encrypt(key, version, body)
        if method == "POST" and verb == "destroy":
            if version.state != "ENABLED":
                raise Told(400, "FAILED_PRECONDITION")
            version.state, version.gone_at = "DESTROY_SCHEDULED", self.clock.now() + self.window
        elif method == "POST" and verb == "restore":
            if version.state != "DESTROY_SCHEDULED":
                raise Told(400, "FAILED_PRECONDITION")
            version.state, version.gone_at = "ENABLED", None
        elif method != "GET" or verb:
            raise Told(404, "NOT_FOUND")
        return self._told(key, version)

    def _encrypt(self, key: str, version: Version, body: dict[str, Any]) -> dict[str, Any]:
        nonce = os.urandom(12)
        sealed = self._cipher(version).encrypt(nonce, _raw(body["plaintext"]), _raw(body["additionalAuthenticatedData"]))
        text = base64.b64encode(version.number.to_bytes(4, "big") + nonce + sealed).decode("ascii")
        return {"name": f"{key}/cryptoKeyVersions/{version.number}", "ciphertext": text}

    def _decrypt(self, versions: list[Version], body: dict[str, Any]) -> dict[str, Any]:
        wrapped = _raw(body["ciphertext"])
        cipher = self._cipher(self._find(versions, int.from_bytes(wrapped[:4], "big")))
        try:
            plain = cipher.decrypt(wrapped[4:16], wrapped[16:], _raw(body["additionalAuthenticatedData"]))
        except InvalidTag:
            raise Told(400, "INVALID_ARGUMENT") from None
        return {"plaintext": base64.b64encode(plain).decode("ascii")}

    def _cipher(self, version: Version) -> AESGCM:
        if version.state != "ENABLED" or version.secret is None:
            raise Told(400, "FAILED_PRECONDITION")
        return AESGCM(version.secret)

    def _find(self, versions: list[Version], number: int) -> Version:
        if not 1 <= number <= len(versions):
            raise Told(404, "NOT_FOUND")
        return versions[number - 1]

    def _pass_windows(self, versions: list[Version]) -> None:
        for one in versions:
            if one.gone_at is not None and one.gone_at <= self.clock.now():
                one.state, one.secret = "DESTROYED", None

    def _told(self, key: str, one: Version) -> dict[str, Any]:
        told = {"name": f"{key}/cryptoKeyVersions/{one.number}", "state": one.state}
        if one.gone_at is not None:
            word = "destroyEventTime" if one.state == "DESTROYED" else "destroyTime"
            told[word] = one.gone_at.isoformat()
        return told


def _raw(text: str) -> bytes:
    return base64.b64decode(text)
