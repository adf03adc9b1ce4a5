"""An ASGI application on a free port of loopback, for as long as a test takes."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import uvicorn


@dataclass(frozen=True, slots=True)
class Running:
    """Where a server listens."""

    host: str
    port: int

    @property
    def url(self) -> str:
        """Give the address without a path."""
        return f"http://{self.host}:{self.port}"


@contextmanager
def serving(app: Any) -> Iterator[Running]:
    """Serve an application on loopback until the block ends; raises RuntimeError when it does not start."""
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", access_log=False, lifespan="off"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
    thread.start()
    try:
        while not server.started:
            if not thread.is_alive():
                raise RuntimeError("the server did not start")
            time.sleep(0.005)
        yield Running(*listening.getsockname())
    finally:
        server.should_exit = True
        thread.join(timeout=10)
        listening.close()
