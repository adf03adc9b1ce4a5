"""The published pages of the policy: every version in every language, as page, summary, data and document.

Each response takes one published version at its start and speaks of no other.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import date
from typing import Any
from zoneinfo import ZoneInfo

from litestar import Request, Response, get
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath

from upheld.db import Clock
from upheld.notice import history, pdf
from upheld.notice.drawn import FOREVER, FRESH, Drawn, Kept, drawn, send
from upheld.notice.model import Published
from upheld.notice.store import Shelf
from upheld.policy import render
from upheld.policy.law import Law
from upheld.policy.render.wording import Wording, book
from upheld.web.headers import speak_for
from upheld.web.pages import Frame, Pages
from upheld.web.refusals import Refusal

AnyRequest = Request[Any, Any, Any]
SUMMARY = "summary"
ABOUT = "about"  # the section `policy`: that clause is the whole text


@dataclass(frozen=True, slots=True)
class Turn:
    """What one request speaks of: a version, a language, the day, and the state the version is in."""

    published: Published
    lang: str
    today: date
    state: str
    coming: Published | None
    fixed: bool

    @property
    def key(self) -> tuple[Any, ...]:
        """Give all that a drawn page depends on besides its kind."""
        end, next_one = self.published.superseded_at, self.coming and self.coming.version
        return (
            self.published.policy.promise_hash,
            self.lang,
            self.today,
            self.state,
            end,
            next_one,
            self.fixed,
        )


class NoticePages:
    """Draws what is published. `base_url` is the site's own address without a slash at the end, or empty.

    Clause: notice (APPI 21(1), 32(1), GDPR 12(1))
    """

    def __init__(self, pages: Pages, shelf: Shelf, law: Law, clock: Clock, base_url: str = "") -> None:
        self.pages, self.shelf, self.law, self.clock = pages, shelf, law, clock
        self.base_url = base_url.rstrip("/")
        self.kept = Kept()

    def current(self, request: AnyRequest) -> Published:
        """Take the version in force; raises Refusal `not_in_force` before the first."""
        found = self.shelf.in_force(self.clock.now())
        if found is None:
            raise Refusal("not_in_force")
        speak_for(request.scope, found.policy.label)
        return found

    def turn(self, request: AnyRequest, lang: str, version: str | None = None) -> Turn:
        """Decide what a request speaks of; raises Refusal `not_found` for an unknown language or version."""
        published = self.current(request) if version is None else self.shelf.version(version)
        if published is None or lang not in published.policy.languages:
            raise Refusal("not_found")
        speak_for(request.scope, published.policy.label)
        now = self.clock.now()
        today = now.astimezone(ZoneInfo(published.policy.timezone)).date()
        if published.in_force(now):
            state = "in_force"
        else:
            state = "announced" if published.effective_from > now else "superseded"
        coming = None
        if state == "in_force" and version is None:
            coming = next((one for one in self.shelf.versions() if one.effective_from > now), None)
        return Turn(published, lang, today, state, coming, version is not None)

    def page(self, turn: Turn) -> Drawn:
        """Draw the whole policy."""
        return self.kept.get(("page", *turn.key, len(self.shelf.versions())), lambda: self._page(turn))

    def _page(self, turn: Turn) -> Drawn:
        view = render.page(turn.published.policy, turn.lang, self.law, self._law_day(turn))
        contents = [
            (ABOUT if section.id == "policy" else section.id, section.title) for section in view.sections
        ]
        versions = () if turn.fixed else self.shelf.versions()
        listed = [{"version": one.version, "since": self.day(turn, one.effective_from)} for one in versions]
        return self.draw(turn, "privacy.html", "", view=view, contents=contents, versions=listed, whole="", history=book(turn.lang)["changes"]["title"])

    def summary(self, turn: Turn) -> Drawn:
        """Draw the first layer."""

        def draw() -> Drawn:
            view = render.page(turn.published.policy, turn.lang, self.law, turn.today)
            return self.draw(turn, "summary.html", "/summary", view=view)

        return self.kept.get((SUMMARY, *turn.key), draw)

    def section(self, turn: Turn, name: str) -> Drawn:
        """Draw one section alone; raises Refusal `not_found` for one that the policy does not print."""
        if name not in render.printed(turn.published.policy):
            raise Refusal("not_found")

        def draw() -> Drawn:
            section = render.part(turn.published.policy, turn.lang, self.law, turn.today, name)
            return self.draw(turn, "section.html", f"/{name}", section=section)

        return self.kept.get(("section", name, *turn.key), draw)

    def situation(self, turn: Turn, name: str) -> Drawn:
        """Draw one situation; raises Refusal `situation_unknown`."""
        policy = turn.published.policy
        if name not in policy.situations:
            raise Refusal("situation_unknown", "collection")
        found = policy.situations[name]
        channel = policy.channels.get(found.channel)
        form = f"/forms/{name}" if channel and channel.how == "form" else ""

        def draw() -> Drawn:
            blocks = render.situation(policy, turn.lang, self.law, turn.today, name)
            title = found.text.get(turn.lang, name)
            where = f"/situations/{name}"
            return self.draw(
                turn, "situation.html", where, blocks=blocks, title=title, form=form, situation=name
            )

        return self.kept.get(("situation", name, *turn.key), draw)

    def document(self, turn: Turn) -> Drawn:
        """Make the PDF; raises Refusal `not_found` where the extra that makes PDFs is not installed."""
        if not pdf.available():
            raise Refusal("not_found")

        def draw() -> Drawn:
            view = render.page(turn.published.policy, turn.lang, self.law, turn.today)
            since = turn.published.effective_from.astimezone(ZoneInfo(turn.published.policy.timezone)).date()
            return drawn(pdf.policy_pdf(view, self._since(turn), since), "application/pdf")

        return self.kept.get(("pdf", *turn.key), draw)

    def _law_day(self, turn: Turn) -> date:
        """Give the day whose law the page speaks of: an archived version keeps the day it came into force."""
        return self._local(turn, turn.published.effective_from) if turn.fixed else turn.today

    def _local(self, turn: Turn, moment: Any) -> date:
        return moment.astimezone(ZoneInfo(turn.published.policy.timezone)).date()  # type: ignore[no-any-return]

    def day(self, turn: Turn, moment: Any) -> str:
        """Say the legal day of a moment in the words of the page."""
        return Wording(turn.published.policy, turn.lang, self.law, turn.today).day(self._local(turn, moment))

    def _since(self, turn: Turn) -> str:
        """Say from when, and until when, the version holds."""
        words, one = book(turn.lang)["page"], turn.published
        since = self.day(turn, one.effective_from)
        if one.superseded_at is not None and turn.state == "superseded":
            return words["was_in_force"].format(since=since, until=self.day(turn, one.superseded_at))
        return words["from_date" if turn.state == "announced" else "in_force"].format(since=since)

    def draw(self, turn: Turn, template: str, where: str, **context: Any) -> Drawn:
        """Draw a template of this room as a page of what the request speaks of; `where` is its address below the language."""
        policy, lang = turn.published.policy, turn.lang
        tail = f"/v/{policy.version}" if turn.fixed else where
        coming = turn.coming
        html = self.pages.text(
            f"notice/{template}",
            lang,
            Frame.of(policy, turn.published.effective_from),
            alternates={code: f"/privacy/{code}{tail}" for code in policy.languages},
            canonical=f"{self.base_url}/privacy/{lang}{tail}",
            neutral=f"{self.base_url}/privacy",
            path=f"/privacy/{lang}{tail}",
            p=book(lang)["page"],
            version=policy.version,
            since_line=self._since(turn),
            state=turn.state,
            until=turn.published.superseded_at if turn.state == "superseded" else None,
            coming={"version": coming.version, "since": self.day(turn, coming.effective_from)}
            if coming
            else None,
            fixed=turn.fixed,
            pdf=pdf.available() and not turn.fixed,
            **{"whole": f"/privacy/{lang}", **context},
        )
        return drawn(html.encode(), "text/html; charset=utf-8")


def routes(pages: Pages, shelf: Shelf, law: Law, clock: Clock, base_url: str = "") -> list[HTTPRouteHandler]:
    """Give the handlers of the published pages; `base_url` names the site in links that must be absolute.

    Clause: notice (APPI 21(1), GDPR 12(1))
    """
    notices = NoticePages(pages, shelf, law, clock, base_url)
    return [*_page_routes(notices), *_version_routes(notices), *history.routes(notices), *_data_routes(notices)]


def _page_routes(notices: NoticePages) -> list[HTTPRouteHandler]:
    @get("/privacy", include_in_schema=False, sync_to_thread=True)
    def choose_language(request: AnyRequest) -> Response[bytes]:
        """Lead to the policy in the reader's language."""
        policy = notices.current(request).policy
        chosen = notices.pages.language(request, Frame.of(policy, None)).lang
        headers = {
            "Location": f"/privacy/{chosen}",
            "Content-Language": chosen,
            "Vary": "Accept-Language, Cookie",
            "Cache-Control": FRESH,
        }
        return Response(b"", status_code=302, headers=headers)

    @get("/privacy/{name:str}", include_in_schema=False, sync_to_thread=True)
    def whole(request: AnyRequest, name: FromPath[str]) -> Response[bytes]:
        """Show the policy in force in a language, as a page or (`ja.pdf`) as a document."""
        lang, dot, suffix = name.partition(".")
        if dot and suffix != "pdf":
            raise Refusal("not_found")
        turn = notices.turn(request, lang)
        if dot:
            name = f"{turn.published.policy.id}-{turn.published.version}-{lang}.pdf"
            shown = {"Content-Disposition": f'inline; filename="{name}"'}
            return send(request, notices.document(turn), lang=lang, **shown)
        return send(request, notices.page(turn), lang=lang)

    @get("/privacy/{lang:str}/{part:str}", include_in_schema=False, sync_to_thread=True)
    def one_part(request: AnyRequest, lang: FromPath[str], part: FromPath[str]) -> Response[bytes]:
        """Show the first layer, or one section alone."""
        turn = notices.turn(request, lang)
        found = notices.summary(turn) if part == SUMMARY else notices.section(turn, part)
        return send(request, found, lang=lang)

    @get("/privacy/{lang:str}/situations/{situation:str}", include_in_schema=False, sync_to_thread=True)
    def one_situation(request: AnyRequest, lang: FromPath[str], situation: FromPath[str]) -> Response[bytes]:
        """Show all that concerns one situation."""
        return send(request, notices.situation(notices.turn(request, lang), situation), lang=lang)

    return [choose_language, whole, one_part, one_situation]


def _version_routes(notices: NoticePages) -> list[HTTPRouteHandler]:
    @get("/privacy/{lang:str}/v/{version:str}", include_in_schema=False, sync_to_thread=True)
    def archived(request: AnyRequest, lang: FromPath[str], version: FromPath[str]) -> Response[bytes]:
        """Show a version for ever; its validator is the hash of what it promised, and its end once it has one."""
        turn = notices.turn(request, lang, version)
        found, end = notices.page(turn), turn.published.superseded_at
        tail = f".{end:%Y%m%dT%H%M%SZ}" if end is not None and turn.state == "superseded" else ""
        kept = Drawn(found.body, found.media_type, f'"{turn.published.policy.promise_hash}{tail}"')
        return send(request, kept, lang=lang, cache=FRESH if turn.state == "announced" else FOREVER)

    return [archived]


def _data_routes(notices: NoticePages) -> list[HTTPRouteHandler]:
    @get("/privacy.json", include_in_schema=False, sync_to_thread=True)
    def as_data(request: AnyRequest) -> Response[bytes]:
        """Send the policy in force as data."""
        published = notices.current(request)

        def draw() -> Drawn:
            body = json.dumps(render.policy_json(published.policy), ensure_ascii=False).encode()
            return drawn(body, "application/json")

        return send(request, notices.kept.get(("json", published.policy.promise_hash), draw))

    @get("/privacy.jsonld", include_in_schema=False, sync_to_thread=True)
    def as_terms(request: AnyRequest) -> Response[bytes]:
        """Send the policy in force in DPV terms."""
        policy = notices.current(request).policy
        base = notices.base_url or str(request.base_url).rstrip("/")

        def draw() -> Drawn:
            body = json.dumps(render.policy_jsonld(policy, base), ensure_ascii=False).encode()
            return drawn(body, "application/ld+json")

        return send(request, notices.kept.get(("jsonld", policy.content_hash, base), draw))

    return [as_data, as_terms]
