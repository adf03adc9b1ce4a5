"""The scan: visits a live site as a browser does, first without a choice, then with everything allowed, and notes what it meets."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any
from urllib.parse import urldefrag, urljoin, urlsplit

from upheld.cookies.desk import COOKIE
from upheld.cookies.model import CONSENT
from upheld.cookies.rules import when
from upheld.db import UpheldError
from upheld.policy.check.context import Live
from upheld.policy.check.cookies import declares
from upheld.policy.law import Law
from upheld.policy.model import CompiledPolicy, Tag
from upheld.web.language import COOKIE as LANGUAGE

CODES = ("PP908", "PP910", "PP911")
"""What a scan can find."""

OURS = frozenset({COOKIE, LANGUAGE})
SETTLE_MS = 1000
ALLOW = "[data-upheld-do=accept_all], button[name=action][value=accept_all]"
_NO_PAGE = (".pdf", ".json", ".jsonld", ".zip", ".png", ".jpg", ".svg", ".ics", ".atom", ".xml", ".txt")
_ARGS = (
    "--disable-gpu", "--disable-dev-shm-usage", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
)  # fmt: skip
_LISTEN = """
window.addEventListener('securitypolicyviolation', (event) => { window.upheldBlocked(event.blockedURI); });
"""
_KEYS = """async () => [
  ...Object.keys(localStorage), ...Object.keys(sessionStorage),
  ...((indexedDB.databases && await indexedDB.databases()) || []).map((one) => one.name)]"""


class ScanError(UpheldError):
    """The scan could not run."""

    code = "scan_impossible"
    clause = "cookies.tags"
    next_step = "Install the extra `upheld[scan]` and a Chromium, and check that the address answers."


@dataclass(slots=True)
class Seen:
    """What one way of visiting met: name to the page where it was met first. `blocked` was stopped by the page itself."""

    hosts: dict[str, str] = field(default_factory=dict)
    blocked: dict[str, str] = field(default_factory=dict)
    kept: dict[str, str] = field(default_factory=dict)
    pages: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Scan:
    """A whole scan: before any choice, and after allowing everything. `allowed` is false where nothing asked."""

    before: Seen
    after: Seen
    allowed: bool

    @property
    def pages(self) -> tuple[str, ...]:
        """Give every page that was visited."""
        return tuple(dict.fromkeys([*self.before.pages, *self.after.pages]))

    def where(self, name: str) -> str:
        """Give the page where a host or a name was met first."""
        places = (self.before.hosts, self.before.blocked, self.before.kept, self.after.hosts, self.after.blocked, self.after.kept)
        return next((place[name] for place in places if name in place), "")


def live(scan: Scan, policy: CompiledPolicy, law: Law, area: str, on: Any) -> Live:
    """Turn what was met into what the compiler compares with the policy; a declared host that was stopped is no matter.

    Clause: cookies.tags (Telecommunications Business Act 27-12, ePrivacy 5(3))
    """
    tags = tuple(policy.cookies.tags.values()) if policy.cookies else ()
    called = {**scan.before.hosts, **scan.after.hosts, **scan.before.blocked, **scan.after.blocked}
    kept = {name for seen in (scan.before, scan.after) for name in seen.kept if name not in OURS}
    early = [tag.id for tag in tags if when(policy, law, tag, area, on) == CONSENT and _ran(tag, scan.before)]
    return Live(tuple(sorted(called)), tuple(sorted(kept)), tuple(early))


def _ran(tag: Tag, seen: Seen) -> bool:
    called = any(declares(known, host) for known in tag.hosts for host in seen.hosts)
    return called or any(fnmatchcase(name, pattern) for pattern in tag.cookies for name in seen.kept)


def scan(
    url: str,
    *,
    most: int = 20,
    headers: Mapping[str, str] | None = None,
    arguments: Sequence[str] = (),
    say: Callable[[str], None] = lambda _: None,
) -> Scan:
    """Visit a site and what it links to on the same host, at most `most` pages each way; raises ScanError.

    `headers` are sent with requests to the site itself; `arguments` go to the browser.
    """
    try:
        from playwright.sync_api import Error, sync_playwright
    except ImportError:
        raise ScanError("The browser library is not installed.") from None
    binary = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    try:
        with sync_playwright() as play:
            browser = play.chromium.launch(executable_path=binary, headless=True, args=[*_ARGS, *_sandbox(), *arguments])
            before, _ = _Visit(browser, url, headers, most, say).all(allow=False)
            after, allowed = _Visit(browser, url, headers, most, say).all(allow=True)
            browser.close()
    except Error as error:
        raise ScanError(f"The browser could not visit the site: {type(error).__name__}.") from None
    return Scan(before, after, allowed)


def _sandbox() -> tuple[str, ...]:
    """Do without the sandbox where Chromium refuses it: for the superuser, as in containers."""
    return ("--no-sandbox",) if hasattr(os, "geteuid") and os.geteuid() == 0 else ()


class _Visit:
    """One fresh browser that walks through a site."""

    def __init__(
        self, browser: Any, url: str, headers: Mapping[str, str] | None, most: int, say: Callable[[str], None]
    ) -> None:
        self.start, self.most, self.say = urldefrag(url)[0], most, say
        self.host = urlsplit(url).hostname or ""
        self.seen = Seen()
        self.context = browser.new_context()
        self.context.expose_function("upheldBlocked", self._blocked)
        self.context.add_init_script(_LISTEN)
        if headers:
            self.context.route("**/*", lambda route: self._with(route, dict(headers)))
        self.page = self.context.new_page()
        self.page.on("response", lambda answer: self._meet(self.seen.hosts, answer.url))
        self.page.on("requestfailed", self._failed)
        self.page.on("websocket", lambda socket: self._meet(self.seen.hosts, socket.url))
        self.here = self.start

    def all(self, *, allow: bool) -> tuple[Seen, bool]:
        """Walk; with `allow` everything is allowed first. Gives what was met, and whether anything asked."""
        from playwright.sync_api import Error

        if not self._open(self.start):
            raise ScanError("The address does not answer with a page.")
        asked = allow and self._allow()
        waiting, done = [self.start], set[str]()
        while waiting and len(done) < self.most:
            address = waiting.pop(0)
            if address in done:
                continue
            done.add(address)
            with suppress(Error):  # a download or a page that went away is no page to look at
                if self._open(address):
                    waiting += [link for link in self._links() if link not in done]
        self.context.close()
        return self.seen, asked

    def _open(self, address: str) -> bool:
        from playwright.sync_api import Error

        self.here = urlsplit(address).path or "/"
        answer = self.page.goto(address, wait_until="load", timeout=15_000)
        if answer is None or "html" not in (answer.headers.get("content-type") or ""):
            return False
        self.say(self.here)
        self.seen.pages.append(self.here)
        with suppress(Error):  # a page that never rests is looked at as it is
            self.page.wait_for_load_state("networkidle", timeout=SETTLE_MS * 3)
        self._keeps()
        return True

    def _allow(self) -> bool:
        """Press the button that allows everything, where the page or the banner has one."""
        from playwright.sync_api import Error

        with suppress(Error):
            self.page.locator(ALLOW).first.click(timeout=SETTLE_MS)
            self.page.wait_for_timeout(SETTLE_MS // 3)
            return True
        return False

    def _links(self) -> list[str]:
        found = self.page.eval_on_selector_all("a[href]:not([download])", "(all) => all.map((one) => one.href)")
        return [link for link in dict.fromkeys(urldefrag(str(one))[0] for one in found) if self._inside(link)]

    def _inside(self, link: str) -> bool:
        parts, own = urlsplit(link), urlsplit(self.start)
        return (parts.scheme, parts.netloc) == (own.scheme, own.netloc) and not parts.path.endswith(_NO_PAGE)

    def _failed(self, request: Any) -> None:
        """Tell what the page's own policy stopped from what was sent and got no answer."""
        stopped = "csp" in (request.failure or "").lower()
        self._meet(self.seen.blocked if stopped else self.seen.hosts, request.url)

    def _blocked(self, address: str) -> None:
        """Note a host that the page's own content policy kept away."""
        self._meet(self.seen.blocked, urljoin(self.start, address))

    def _meet(self, place: dict[str, str], address: str) -> None:
        parts = urlsplit(address)
        if parts.scheme in {"http", "https", "ws", "wss"} and parts.hostname and parts.hostname != self.host:
            place.setdefault(parts.hostname, self.here)

    def _keeps(self) -> None:
        names: Iterable[str] = [one["name"] for one in self.context.cookies()]
        for name in [*names, *self.page.evaluate(_KEYS)]:
            self.seen.kept.setdefault(str(name), self.here)

    def _with(self, route: Any, headers: dict[str, str]) -> None:
        request = route.request
        own = urlsplit(request.url).hostname == self.host
        route.continue_(headers={**request.headers, **headers} if own else request.headers)
