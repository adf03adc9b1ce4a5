"""The files of the banner: as sent they are without comments and indentation, packed once, and asked for again each time."""

from __future__ import annotations

import gzip
import hashlib
import re
from collections.abc import Mapping
from functools import cache
from importlib import resources

from litestar import Response

from upheld.policy.model import Frozen
from upheld.web.pages import AnyRequest

FILES: Mapping[str, str] = Frozen(
    {
        "banner.js": "text/javascript",
        "banner.css": "text/css",
        "consent-mode.js": "text/javascript",
        "adapter-events.js": "text/javascript",
        "adapter-cookieconsent.js": "text/javascript",
    }
)
_SILENT = re.compile(rb"^\s*/\*.*?\*/\n|^[ \t]+", re.MULTILINE | re.DOTALL)


@cache
def file(name: str) -> bytes:
    """Give a file as it is sent: comments that stand on lines of their own and indentation are for readers of the source."""
    return _SILENT.sub(b"", resources.files("upheld.cookies").joinpath("static", name).read_bytes())


@cache
def packed(name: str) -> bytes:
    """Give a file as gzip sends it."""
    return gzip.compress(file(name), 9, mtime=0)


def send_file(request: AnyRequest, name: str) -> Response[bytes]:
    """Send a file, packed to whoever can unpack it; raises KeyError for a name that is none of `FILES`."""
    packs = "gzip" in request.headers.get("accept-encoding", "")
    headers = {"Cache-Control": "public, no-cache", "Vary": "Accept-Encoding"}
    if packs:
        headers["Content-Encoding"] = "gzip"
    return send(request, packed(name) if packs else file(name), FILES[name], headers)


def send(request: AnyRequest, body: bytes, media_type: str, headers: Mapping[str, str]) -> Response[bytes]:
    """Send a body, or 304 where the asker holds it already."""
    etag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
    told = {**headers, "ETag": etag}
    held = [tag.strip().removeprefix("W/") for tag in request.headers.get("if-none-match", "").split(",")]
    if etag in held:
        return Response(b"", status_code=304, headers=told, media_type=media_type)
    return Response(body, media_type=f"{media_type}; charset=utf-8", headers=told)
