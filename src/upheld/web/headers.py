"""Headers: what every response carries, whichever room or error it came from."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any
from urllib.parse import urlsplit

from litestar.enums import ScopeType
from litestar.types import Message, Scope

_DIRECTIVES = (
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self'",
    "font-src 'self'",
    "connect-src 'self'",
    "form-action 'self'",
    "base-uri 'none'",
)
_LABEL = "upheld_policy"
_FRAMERS = "upheld_framers"
_PRIVATE = "upheld_private"
_CALLER = "upheld_caller"
_KNOWING = "upheld_knowing"

_ALWAYS = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), geolocation=(), microphone=()"),
)
_TO_CALLER = (
    (b"access-control-expose-headers", b"Location, Retry-After, Idempotency-Replayed, Upheld-Policy"),
    (b"vary", b"Origin"),
)


def csp(framers: Sequence[str] = ()) -> str:
    """Give the Content-Security-Policy of our own pages; `framers` are origins that may embed the page."""
    ancestors = " ".join(map(_origin, framers)) or "'none'"
    return "; ".join((*_DIRECTIVES, f"frame-ancestors {ancestors}"))


def allow_framing(scope: Scope, sites: Sequence[str]) -> None:
    """Let the policy's own sites embed this response; for the forms only."""
    scope["state"][_FRAMERS] = tuple(sites)


def answer_to(scope: Scope, origin: str, *, knowing: bool = False) -> None:
    """Let a page of one of the company's own sites read this response; refusals too, which say what to do.

    `knowing` lets the browser send and keep our cookies with such a call.
    """
    scope["state"][_CALLER] = origin
    scope["state"][_KNOWING] = knowing


def keep_private(scope: Scope) -> None:
    """Tell every cache to keep nothing of this response; for whatever shows one person's matters."""
    scope["state"][_PRIVATE] = True


def speak_for(scope: Scope, label: str) -> None:
    """Name the policy version that this response speaks for (`7; sha256=...`), instead of the one in force.

    Clause: amendment.effective (one version per response)
    """
    scope["state"][_LABEL] = label


def spoken_for(scope: Scope) -> str | None:
    """Give the version that was named for this response, if any."""
    label: str | None = scope["state"].get(_LABEL)
    return label


def sealer(label: Callable[[], str | None]) -> Callable[[Message, Scope], Awaitable[None]]:
    """Make the hook that completes the headers of every response; `label` tells the version in force.

    What the response says itself stays, except that what is private is kept by nobody.
    """

    async def seal(message: Message, scope: Scope) -> None:
        if message["type"] != "http.response.start" or scope["type"] != ScopeType.HTTP:
            return
        state: dict[str, Any] = scope["state"]
        headers = [(name.lower(), value) for name, value in message.get("headers", ())]
        there = {name for name, _ in headers}
        framers = state.get(_FRAMERS)
        policy = (b"content-security-policy", csp(framers).encode()) if framers else _CSP
        headers += [one for one in (*_ALWAYS, policy) if one[0] not in there]
        if state.get(_PRIVATE):
            headers = [one for one in headers if one[0] != b"cache-control"]
            headers.append((b"cache-control", b"no-store"))
        if state.get(_CALLER):
            headers += [(b"access-control-allow-origin", state[_CALLER].encode()), *_TO_CALLER]
            if state.get(_KNOWING):
                headers.append((b"access-control-allow-credentials", b"true"))
        version = spoken_for(scope) or label()
        if version is not None and b"upheld-policy" not in there:
            headers.append((b"upheld-policy", version.encode()))
        message["headers"] = headers

    return seal


def _origin(site: str) -> str:
    """Reduce a site to its origin, so that nothing else of the folder can stand in a header."""
    parts = urlsplit(site if "//" in site else f"https://{site}")
    if parts.scheme not in {"https", "http"} or not parts.hostname:
        raise ValueError("a site that embeds forms needs a host name")
    port = f":{parts.port}" if parts.port else ""
    return f"{parts.scheme}://{parts.hostname}{port}"


_CSP = (b"content-security-policy", csp().encode())
