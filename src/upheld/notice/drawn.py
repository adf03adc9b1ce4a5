"""What is drawn once and sent many times: response bodies with strong validators, kept by what they depend on."""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from litestar import Request, Response

AnyRequest = Request[Any, Any, Any]
KEPT = 256  # drawn pages; a page is some 100 KB
FOREVER = "public, max-age=31536000, immutable"
FRESH = "public, no-cache"


@dataclass(frozen=True, slots=True)
class Drawn:
    """A response body as it is sent, with its strong validator."""

    body: bytes
    media_type: str
    etag: str


class Kept:
    """Drawn pages by what they depend on; the oldest go first. Safe between threads."""

    def __init__(self, most: int = KEPT) -> None:
        """Keep at most `most` bodies."""
        self._most = most
        self._lock = threading.Lock()
        self._drawn: OrderedDict[tuple[Any, ...], Drawn] = OrderedDict()

    def get(self, key: tuple[Any, ...], draw: Callable[[], Drawn]) -> Drawn:
        """Give what was drawn under a key, drawn now where it is not there."""
        with self._lock:
            found = self._drawn.get(key)
        if found is None:
            found = draw()
            with self._lock:
                self._drawn[key] = found
                while len(self._drawn) > self._most:
                    self._drawn.popitem(last=False)
        return found


def drawn(body: bytes, media_type: str, etag: str | None = None) -> Drawn:
    """Make a body with the hash of its bytes as validator, unless another is given."""
    return Drawn(body, media_type, f'"{etag or hashlib.sha256(body).hexdigest()[:32]}"')


def send(
    request: AnyRequest, made: Drawn, *, lang: str = "", cache: str = FRESH, **more: str
) -> Response[bytes]:
    """Send a body, or 304 where the asker holds it already."""
    headers = {"ETag": made.etag, "Cache-Control": cache, **more}
    if lang:
        headers["Content-Language"] = lang
    held = [tag.strip().removeprefix("W/") for tag in request.headers.get("if-none-match", "").split(",")]
    if made.etag in held or "*" in held:
        return Response(b"", status_code=304, headers=headers, media_type=made.media_type)
    return Response(made.body, media_type=made.media_type, headers=headers)
