"""The middleware for a company's own pages: which tags a page may carry for this browser, and a header that holds it to them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from http.cookies import CookieError, SimpleCookie
from typing import Any, TypeAlias

from upheld.cookies.actions import note_signal
from upheld.cookies.desk import Desk
from upheld.cookies.rules import BASE, content_policy, sources
from upheld.notice import House
from upheld.policy.model import Frozen

Scope: TypeAlias = MutableMapping[str, Any]
Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
App: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]
TAGS = "upheld.tags"
"""Where a page finds, in the scope of its request, the ids of the tags it may carry."""


class ChosenSources:
    """Wraps any ASGI application: each HTML page gets a Content-Security-Policy made from the visitor's grants.

    The page asks `may_run(scope, "tag")` before it writes a tag. `base` widens what the site itself needs; a header
    that the page wrote itself is replaced.
    Clause: cookies.tags (ePrivacy 5(3), Telecommunications Business Act 27-12)
    """

    def __init__(
        self, app: App, house: House, *, base: Mapping[str, str] = Frozen()
    ) -> None:
        """Stand before `app`; `base` gives directives of the site's own, such as `{"style-src": "'self' fonts.example.com"}`."""
        self.app = app
        self.desk = Desk(house)
        self.base = Frozen({**BASE, **base})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        published = self.desk.house.in_force()
        browser = self.desk.browser(*_said(scope))
        whole, judged = self.desk.look(published, browser)
        if browser.signal:  # may write, so it waits elsewhere
            await asyncio.to_thread(note_signal, self.desk, published, browser, whole)
        scope[TAGS] = frozenset(judged.running)
        tags = published.policy.cookies.tags.values() if published.policy.cookies else ()
        header = content_policy(sources(tags, judged.running), self.base)
        await self.app(scope, receive, self._sealing(send, header))

    def _sealing(self, send: Send, header: str) -> Send:
        ours = (b"content-security-policy", b"vary", b"cache-control")

        async def seal(message: Message) -> None:
            if message["type"] == "http.response.start":
                found = {name.lower(): value for name, value in message.get("headers", ())}
                if found.get(b"content-type", b"").startswith(b"text/html"):
                    kept = [(name, value) for name, value in message["headers"] if name.lower() not in ours]
                    vary = ", ".join(part for part in (found.get(b"vary", b"").decode(), self.desk.vary) if part)
                    cache = found.get(b"cache-control", b"private, no-cache").replace(b"public", b"private")
                    added = [(ours[0], header.encode()), (ours[1], vary.encode()), (ours[2], cache)]
                    message = {**message, "headers": [*kept, *added]}
            await send(message)

        return seal


def may_run(scope: Mapping[str, Any], tag: str) -> bool:
    """Say whether the page of this request may carry a tag; never where the middleware does not stand before it."""
    return tag in scope.get(TAGS, ())


def _said(scope: Scope) -> tuple[dict[str, str], dict[str, str]]:
    """Read headers and cookies of a request; a cookie header that cannot be read is none."""
    headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
    jar: SimpleCookie = SimpleCookie()
    try:
        jar.load(headers.get("cookie", ""))
    except CookieError:
        return headers, {}
    return headers, {name: one.value for name, one in jar.items()}
