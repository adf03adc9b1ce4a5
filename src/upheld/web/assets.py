"""Assets: the stylesheet and the scripts, each under an address that names its content and never changes."""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from typing import Any

from litestar import Request, Response, get
from litestar.exceptions import NotFoundException
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath

_TYPES = {"css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}
_MARK = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><rect width="32" height="32" rx="7" fill="#00118f"/>'
    '<path d="M8 9.5h16M8 15h9M8 20.5h5" stroke="#c5d7fb" stroke-width="2.6" stroke-linecap="round"/>'
    '<path d="M16.5 21.5l3.6 3.6L26 17.6" fill="none" stroke="#fff" stroke-width="3.2" stroke-linecap="round"'
    ' stroke-linejoin="round"/></svg>'
)  # the one picture of the kit, small enough to stand in code
FOREVER = "public, max-age=31536000, immutable"


@dataclass(frozen=True, slots=True)
class Asset:
    """One file as it is sent."""

    media_type: str
    body: bytes
    packed: bytes


class Assets:
    """All files of the rooms' `static` folders, read once, addressed by content."""

    def __init__(self, rooms: tuple[str, ...] = ("web",)) -> None:
        """Read every stylesheet and script; a room without a `static` folder adds nothing."""
        self._urls: dict[str, str] = {}
        self._by_url: dict[str, Asset] = {}
        self._add("mark.svg", _MARK.encode())
        for room in rooms:
            folder = resources.files(f"upheld.{room}").joinpath("static")
            if folder.is_dir():
                for file in sorted(folder.iterdir(), key=lambda entry: entry.name):
                    if file.name.rpartition(".")[2] in _TYPES:
                        self._add(file.name, file.read_bytes())

    def _add(self, name: str, body: bytes) -> None:
        stem, _, suffix = name.rpartition(".")
        if name in self._urls:
            raise ValueError(f"two rooms have a static file {name}")
        url = f"{stem}.{hashlib.sha256(body).hexdigest()[:16]}.{suffix}"
        self._urls[name] = url
        self._by_url[url] = Asset(f"{_TYPES[suffix]}; charset=utf-8", body, gzip.compress(body, 9, mtime=0))

    def url(self, name: str) -> str:
        """Give the address of a file; raises KeyError when no room has it."""
        return f"/static/{self._urls[name]}"

    def packed_size(self, name: str) -> int:
        """Give the bytes of a file as gzip sends it."""
        return len(self._by_url[self._urls[name]].packed)

    def routes(self) -> list[HTTPRouteHandler]:
        """Give the handler that sends the files."""
        by_url: Mapping[str, Asset] = self._by_url

        @get("/static/{name:str}", include_in_schema=False, sync_to_thread=False)
        def static(request: Request[Any, Any, Any], name: FromPath[str]) -> Response[bytes]:
            """Send a file that never changes under this address."""
            asset = by_url.get(name)
            if asset is None:
                raise NotFoundException
            headers = {"Cache-Control": FOREVER, "Vary": "Accept-Encoding"}
            packs = "gzip" in request.headers.get("accept-encoding", "")
            if packs:
                headers["Content-Encoding"] = "gzip"
            return Response(asset.packed if packs else asset.body, media_type=asset.media_type, headers=headers)

        return [static]
