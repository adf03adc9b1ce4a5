"""Fixtures shared by all rooms: a real server on a free port, one real browser, and what every page must pass."""

from __future__ import annotations

import shutil
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import uvicorn
from hypothesis import settings

from tests.clusters import begun_on_postgres

settings.register_profile("house", deadline=None)  # a busy machine is slow, which is no error of the code
settings.load_profile("house")

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
ARGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
Serve = Callable[[Any], str]
CheckPage = Callable[..., None]


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let the same tests run on either engine, `pytest --engine postgresql`, and servers be killed more often, `--rounds 50`."""
    parser.addoption("--engine", choices=("sqlite", "postgresql"), default="sqlite", help="where stores lie")
    parser.addoption("--rounds", type=int, default=3, help="how often a server is killed amid its writes")


@pytest.fixture(scope="session")
def engine(request: pytest.FixtureRequest) -> str:
    """Give the engine this run is for."""
    return str(request.config.getoption("--engine"))


@pytest.fixture(scope="session")
def rounds(request: pytest.FixtureRequest) -> int:
    """Give how often a server is killed amid its writes."""
    return int(request.config.getoption("--rounds"))


@pytest.fixture(scope="session", autouse=True)
def stores(engine: str) -> Iterator[None]:
    """On PostgreSQL, let every data folder that a test begins have two schemas of its own."""
    if engine == "sqlite":
        yield
        return
    with begun_on_postgres():
        yield


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args: dict[str, Any]) -> dict[str, Any]:
    """Start the system's Chromium; without it the test fails, for a page nobody looked at is not shown to work."""
    if CHROMIUM is None:
        pytest.fail("Chromium is missing: install the system package `chromium`", pytrace=False)
    return {**browser_type_launch_args, "executable_path": CHROMIUM, "headless": True, "args": ARGS}


@pytest.fixture(scope="session")
def browser_context_args(browser_context_args: dict[str, Any]) -> dict[str, Any]:
    """Look as someone in Tokyo does; a test that needs another place makes its own context."""
    return {**browser_context_args, "locale": "ja-JP", "timezone_id": "Asia/Tokyo"}


@pytest.fixture(scope="session")
def serve() -> Iterator[Serve]:
    """Serve ASGI applications on free ports until the session ends; gives the address."""
    running: list[tuple[uvicorn.Server, threading.Thread]] = []

    def start(app: Any) -> str:
        listener = socket.socket()
        listener.bind(("127.0.0.1", 0))
        server = uvicorn.Server(uvicorn.Config(app, log_level="warning", access_log=False, lifespan="on"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        running.append((server, thread))
        until = time.monotonic() + 20
        while not server.started:
            assert thread.is_alive(), "the server ended while starting"
            assert time.monotonic() < until, "the server did not start in 20 seconds"
            time.sleep(0.01)
        return f"http://127.0.0.1:{listener.getsockname()[1]}"

    yield start
    for server, _ in running:
        server.should_exit = True
    for _, thread in running:
        thread.join(timeout=10)


@pytest.fixture(scope="session")
def check_page() -> CheckPage:
    """Give a function that opens a page and asserts what every page must hold.

    `check_page(page, url, width=1280)`: no Content-Security-Policy message, nothing fetched from elsewhere, one
    h1, a title and a language, no sideways scroll, no finding of axe.
    """
    from tests.axe import findings

    def check(page: Any, url: str, width: int | None = None) -> None:
        if width is not None:
            page.set_viewport_size({"width": width, "height": 900})
        blocked: list[str] = []
        fetched: list[str] = []
        page.on("console", lambda said: blocked.append(said.text) if "Content Security" in said.text else None)
        page.on("request", lambda request: fetched.append(request.url))
        page.goto(url)
        assert page.locator("h1").count() == 1  # what the browser said while it loaded has been heard after an answer
        assert blocked == []  # before axe: its own probing trips style-src on pages with shadow roots
        own = "/".join(url.split("/")[:3])
        assert [address for address in fetched if not address.startswith(own)] == []
        assert page.title().strip()
        assert page.locator("html").get_attribute("lang")
        assert sideways(page) == 0, f"{url} scrolls sideways by {sideways(page)} px"
        assert findings(page) == []

    return check


def sideways(page: Any) -> int:
    """Give by how many pixels a page is wider than its window."""
    wide: int = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    return wide
