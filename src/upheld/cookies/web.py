"""The doors of the room: config and receipts for the banner, the plain form, the pages about tags, the site's headers."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, Literal

import msgspec
from litestar import Response, get, post, route
from litestar.params import FromPath, JSONBody

from upheld.cookies import pages as own_pages
from upheld.cookies import reports
from upheld.cookies.actions import Said, note_signal
from upheld.cookies.desk import Desk, read_browser
from upheld.cookies.files import FILES, send, send_file
from upheld.cookies.model import Judged
from upheld.cookies.replies import chosen, chosen_cookies
from upheld.cookies.rules import content_policy, honours_signal, may_measure, sources
from upheld.cookies.tell import config, signals
from upheld.notice import House, Published
from upheld.web.gate import check_request
from upheld.web.headers import answer_to, keep_private, speak_for
from upheld.web.pages import AnyRequest, Pages
from upheld.web.refusals import Refusal
from upheld.web.wire import Closed

MAX_PATH = 200
Take = Callable[[str, str, str], None]
"""Keeps one page view: path, visitor id, language. A room above gives it."""


class ChoiceBody(Closed, frozen=True):
    """What a banner says for its visitor."""

    snapshot: str
    action: Literal["accept_all", "reject_all", "custom", "withdraw"]
    purposes: dict[str, bool] = msgspec.field(default_factory=dict)
    surface: Literal["banner", "choices"] = "banner"
    gpc: bool = False


class ViewBody(Closed, frozen=True):
    """One page view."""

    path: str
    language: str = ""


def routes(house: House, pages: Pages, take: Take | None = None) -> list[Any]:
    """Give the handlers of this room; `take` keeps page views, and without it there is no address for them."""
    desk = Desk(house)
    return [
        *_banner(desk),
        *_site(desk),
        *own_pages.routes(desk, pages),
        *reports.routes(desk),
        *(_views(desk, take) if take else []),
    ]


def _banner(desk: Desk) -> list[Any]:
    own_site = _own_site(desk)

    @get("/consent/{name:str}", include_in_schema=False, before_request=own_site, sync_to_thread=True)
    def file(request: AnyRequest, name: FromPath[str]) -> Response[bytes]:
        """Send the config of a language (`config.ja.json`), or one of the banner's files."""
        if name in FILES:
            return send_file(request, name)
        first, _, rest = name.partition(".")
        lang, _, suffix = rest.partition(".")
        published = desk.house.in_force()
        if first != "config" or suffix != "json" or lang not in published.policy.languages:
            raise Refusal("not_found")
        speak_for(request.scope, published.policy.label)
        browser = read_browser(desk, request)
        note_signal(desk, published, browser, desk.offered(published, browser.area))
        body = json.dumps(config(desk, published, browser, lang), ensure_ascii=False).encode()
        headers = {"Cache-Control": "private, no-cache", "Vary": desk.vary, "Content-Language": lang}
        return send(request, body, "application/json", headers)

    @post("/consent/receipts", before_request=own_site, sync_to_thread=True)
    def receipts(request: AnyRequest, data: JSONBody[ChoiceBody]) -> Response[dict[str, Any]]:
        """Write down what a visitor chose; 201 only after it is durable."""
        browser = read_browser(desk, request)
        said = Said(data.snapshot, data.action, data.purposes, data.surface, data.gpc)
        reply = chosen(desk, request, browser, said)
        number, after = reply.done.receipt, reply.after
        answer = {
            "receipt": number,
            "granted": list(reply.done.granted),
            "states": dict(after.states),
            "run": list(after.running),
            "consent_mode": signals(reply.whole, after),
            "reload": bool(reply.stopped),
        }
        cookies = chosen_cookies(desk, request, reply)
        where = {"Location": f"/consent/receipts/{number}"} if number else {}
        return Response(answer, status_code=201, cookies=cookies, headers=where)

    return [_before_calling(desk, "/consent/receipts"), file, receipts]


def _own_site(desk: Desk) -> Callable[[AnyRequest], Any]:
    """Let a page of the company's own sites, named in `serving.toml`, call as a page of ours does; no browser lies in `Origin`."""

    async def check(request: AnyRequest) -> None:
        origin = request.headers.get("origin")
        own = origin is not None and desk.house.serving.is_own(origin)
        if origin is not None and own:
            answer_to(request.scope, origin, knowing=True)
        await check_request(request, own=own)

    return check


def _before_calling(desk: Desk, path: str) -> Any:
    @route(path, http_method=["OPTIONS"], include_in_schema=False, sync_to_thread=False)
    def before_calling(request: AnyRequest) -> Response[None]:
        """Tell the browser of one of the company's own sites that it may call; any other site is told nothing."""
        headers = {"Vary": "Origin", "Allow": "OPTIONS, POST"}
        origin = request.headers.get("origin")
        if origin is not None and desk.house.serving.is_own(origin):
            answer_to(request.scope, origin, knowing=True)
            headers |= {
                "Access-Control-Allow-Methods": "POST",
                "Access-Control-Allow-Headers": "Content-Type",
                "Access-Control-Max-Age": "600",
            }
        return Response(None, status_code=204, headers=headers)

    return before_calling


def _site(desk: Desk) -> list[Any]:
    @get("/consent/csp", sync_to_thread=True)
    def csp(request: AnyRequest) -> Response[dict[str, Any]]:
        """Give the Content-Security-Policy and the tags that a page for this browser may carry now."""
        published = desk.house.in_force()
        speak_for(request.scope, published.policy.label)
        browser = read_browser(desk, request)
        whole, judged = desk.look(published, browser)
        note_signal(desk, published, browser, whole)
        answer = {"csp": allowed(published, judged), "tags": list(judged.running)}
        return Response(answer, headers={"Cache-Control": "private, no-store", "Vary": desk.vary})

    @get("/.well-known/gpc.json", include_in_schema=False, sync_to_thread=True)
    def gpc(request: AnyRequest) -> Response[dict[str, Any]]:
        """Say whether the browser's signal is acted on: true only where it is."""
        published = desk.house.in_force()
        speak_for(request.scope, published.policy.label)
        answer = {
            "gpc": honours_signal(published.policy),
            "lastUpdate": published.effective_from.date().isoformat(),
        }
        return Response(answer, headers={"Cache-Control": "public, max-age=3600"})

    return [csp, gpc]


def _views(desk: Desk, take: Take) -> list[Any]:
    @post("/consent/views", before_request=_own_site(desk), sync_to_thread=True)
    def views(request: AnyRequest, data: JSONBody[ViewBody]) -> Response[dict[str, Any]]:
        """Keep a page view of a visitor who allowed it; of anybody else nothing is kept, and the answer says so."""
        published = desk.house.in_force()
        speak_for(request.scope, published.policy.label)
        keep_private(request.scope)
        path = data.path.partition("?")[0].partition("#")[0]
        if not path.startswith("/") or len(path) > MAX_PATH:
            raise Refusal("value_invalid", "collection.fields.browsing", fields=("path",))
        browser = read_browser(desk, request)
        whole, judged = desk.look(published, browser)
        note_signal(desk, published, browser, whole)
        if browser.visitor is None or not may_measure(published.policy, judged):
            return Response({"stored": False, "code": "consent_missing"}, status_code=200)
        lang = data.language if data.language in published.policy.languages else published.policy.languages[0]
        take(path, browser.visitor.id, lang)
        return Response({"stored": True}, status_code=201)

    return [_before_calling(desk, "/consent/views"), views]


def allowed(published: Published, judged: Judged) -> str:
    """Write the Content-Security-Policy of a page for a browser."""
    policy = published.policy
    tags = policy.cookies.tags.values() if policy.cookies else ()
    return content_policy(sources(tags, judged.running))
