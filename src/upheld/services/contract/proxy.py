"""A proxy on loopback that lets calls fail the way networks and operators do, in front of any double."""

from __future__ import annotations

import http.client
import socket
import threading
from collections import deque
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar
from urllib.parse import urlsplit

from upheld.policy.model import Frozen

CANNED: Mapping[str, tuple[int, Mapping[str, str], bytes]] = Frozen(
    {
        "429": (429, {"Retry-After": "30"}, b"{}"),
        "429 bare": (429, {}, b"{}"),
        "500": (500, {}, b"{}"),
        "502": (502, {}, b"<html>Bad Gateway</html>"),
        "503": (503, {}, b""),
        "not json": (200, {"Content-Type": "application/json"}, b"<html>maintenance</html>"),
    }
)
FAULTS = ("refused", "lost", "truncated", *CANNED)
"""`refused`: cut before the system hears of it; `lost`: done, and the answer is lost; `truncated`: half an answer."""

_HOP = frozenset({"connection", "keep-alive", "transfer-encoding", "te", "upgrade", "proxy-connection"})


class FaultProxy:
    """Stands between a client and a double; without a fault set it passes everything on unchanged."""

    def __init__(self, upstream: str) -> None:
        """Listen on a free port of loopback; `upstream` is the double's address without a path."""
        self._plan: deque[str] = deque()
        self._lock = threading.Lock()
        self.seen: list[str] = []
        """Method and target of every call, in order."""
        handler = type("Handler", (_Handler,), {"proxy": self, "upstream": urlsplit(upstream).netloc})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        """Give the address to be used instead of the double's."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def fault(self, kind: str, *, after: int = 0, times: int = 1) -> None:
        """Let `times` calls fail after `after` good ones; raises ValueError for a kind that is not in FAULTS."""
        if kind not in FAULTS:
            raise ValueError(kind)
        with self._lock:
            self._plan.extend([""] * after + [kind] * times)

    def calm(self) -> None:
        """Forget faults that did not come to pass."""
        with self._lock:
            self._plan.clear()

    def next(self, call: str) -> str:
        """Say how the next call fails; the empty word means not at all."""
        with self._lock:
            self.seen.append(call)
            return self._plan.popleft() if self._plan else ""

    def close(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(timeout=5)


class _Handler(BaseHTTPRequestHandler):
    """One connection of a client; several calls may come over it."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # head and body go out apart: without this each answer waits forty milliseconds for the other side
    proxy: ClassVar[FaultProxy]
    upstream: ClassVar[str]

    def _pass(self) -> None:
        body = self._body()
        kind = self.proxy.next(f"{self.command} {self.path}")
        if kind == "refused":
            self._cut()
        elif kind in CANNED:
            status, headers, text = CANNED[kind]
            self._answer(status, dict(headers), text)
        else:
            self._forward(body, kind)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = _pass  # noqa: N815 - names of the base class

    def _body(self) -> bytes:
        if "chunked" in self.headers.get("Transfer-Encoding", ""):
            pieces = []
            while size := int(self.rfile.readline().split(b";")[0], 16):
                pieces.append(self.rfile.read(size))
                self.rfile.readline()
            self.rfile.readline()
            return b"".join(pieces)
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def _forward(self, body: bytes, kind: str) -> None:
        headers = {name: value for name, value in self.headers.items() if name.lower() not in _HOP}
        dropped = _HOP if self.command == "HEAD" else _HOP | {"content-length"}
        connection = http.client.HTTPConnection(self.upstream, timeout=60)
        try:
            connection.request(self.command, self.path, body or None, headers)
            answer = connection.getresponse()
            text = answer.read()
            told = {name: value for name, value in answer.getheaders() if name.lower() not in dropped}
        finally:
            connection.close()
        if kind == "lost":
            self._cut()
        else:
            self._answer(answer.status, told, text, cut=kind == "truncated")

    def _answer(self, status: int, headers: Mapping[str, str], text: bytes, *, cut: bool = False) -> None:
        self.send_response_only(status)
        for name, value in headers.items():
            self.send_header(name, value)
        bodiless = self.command == "HEAD" or status in {204, 304}
        if not bodiless:
            self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        if not bodiless:
            self.wfile.write(text[: len(text) // 2] if cut else text)
        if cut:
            self._cut()

    def _cut(self) -> None:
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RDWR)

    def log_message(self, *_: object) -> None:
        """Keep silent: a URL is not written down anywhere."""
