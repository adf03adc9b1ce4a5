"""The gate before every handler: where a request comes from, what it carries, whether its JSON is exact."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import msgspec

from upheld.web.pages import AnyRequest
from upheld.web.refusals import Refusal
from upheld.web.wire import decode, parse

_UNSAFE = frozenset({"POST", "PUT", "PATCH", "DELETE"})
_JSON = "application/json"
_FORM = frozenset({"application/x-www-form-urlencoded", "multipart/form-data"})


async def check_request(request: AnyRequest, *, own: bool = False) -> None:
    """Refuse what no handler should see; runs before each handler that does not replace it.

    `own` tells that the caller's `Origin` was found to be one of the company's own sites.
    Raises Refusal `cross_site`, `media_type`, and for JSON whatever `wire.decode` finds.
    """
    if request.method not in _UNSAFE:
        return
    program = request.scope["path"].startswith("/api/")
    if not program and not own and not request.route_handler.opt.get("cross_site"):
        check_origin(request)
    kind = request.content_type[0]
    if kind == _JSON:
        await _check_json(request)
    elif (kind not in _FORM or program) and await request.body():
        raise Refusal("media_type")


def check_origin(request: AnyRequest) -> None:
    """Refuse a form that another site's page sends through a person's browser.

    Browsers say so in `Sec-Fetch-Site`; `Origin` counts where that is missing. Our pages send no referrer, which
    makes their `Origin` the word null, so null alone says nothing. Programs send neither and hold no cookie.
    """
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        if site not in {"same-origin", "none"}:
            raise Refusal("cross_site")
        return
    origin = request.headers.get("origin")
    if origin not in {None, "null"} and urlsplit(str(origin)).netloc != request.headers.get("host"):
        raise Refusal("cross_site")


async def _check_json(request: AnyRequest) -> None:
    raw = await request.body()
    shape: Any = None
    declared = request.route_handler.parsed_data_field
    if declared is not None:
        shape = declared.annotation
    if isinstance(shape, type) and issubclass(shape, msgspec.Struct):
        decode(raw, shape)
    elif raw:
        parse(raw)
