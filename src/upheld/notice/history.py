"""The history of the policy: what each version changed, any two versions side by side, and a feed of the changes."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

from litestar import Request, Response, get
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath, QueryParameter

from upheld.notice.drawn import FRESH, Drawn, drawn, send
from upheld.notice.model import Published
from upheld.policy import render
from upheld.policy.diff import diff, leading
from upheld.policy.render.ink import Ink
from upheld.policy.render.wording import Wording, book
from upheld.web.refusals import Refusal

if TYPE_CHECKING:
    from upheld.notice.web import NoticePages, Turn

AnyRequest = Request[Any, Any, Any]
CHANGES = "changes"
_PAIR = re.compile(r"(.+?)\.\.(.+)")


def routes(notices: NoticePages) -> list[HTTPRouteHandler]:
    """Give the handlers of the history.

    Clause: amendment (APPI 21(3); GDPR 12(1), 13(3))
    """

    @get("/privacy/{lang:str}/changes", include_in_schema=False, sync_to_thread=True)
    def log(
        request: AnyRequest,
        lang: FromPath[str],
        old: Annotated[str, QueryParameter(name="from")] = "",
        new: Annotated[str, QueryParameter(name="to")] = "",
    ) -> Response[bytes]:
        """List every version with what it changed, or lead to the comparison that was asked for."""
        turn = notices.turn(request, lang)
        if old and new:
            for version in (old, new):
                notices.turn(request, lang, version)
            headers = {"Location": f"/privacy/{lang}/changes/{old}..{new}", "Cache-Control": FRESH}
            return Response(b"", status_code=303, headers=headers)
        return send(request, _log(notices, turn), lang=lang)

    @get("/privacy/{lang:str}/changes/{pair:str}", include_in_schema=False, sync_to_thread=True)
    def compared(request: AnyRequest, lang: FromPath[str], pair: FromPath[str]) -> Response[bytes]:
        """Show what differs between two published versions, in one language."""
        found = _PAIR.fullmatch(pair)
        if found is None:
            raise Refusal("not_found")
        old, new = (notices.turn(request, lang, version).published for version in found.groups())
        return send(request, _compared(notices, notices.turn(request, lang), old, new), lang=lang)

    @get("/privacy/feed.atom", include_in_schema=False, sync_to_thread=True)
    def feed(request: AnyRequest) -> Response[bytes]:
        """Send the versions as an Atom feed (RFC 4287), the newest first, in the first language of the policy."""
        turn = notices.turn(request, notices.current(request).policy.languages[0])
        base = notices.base_url or str(request.base_url).rstrip("/")
        return send(request, _feed(notices, turn, base), lang=turn.lang)

    return [log, compared, feed]


def _log(notices: NoticePages, turn: Turn) -> Drawn:
    versions = notices.shelf.versions()

    def draw() -> Drawn:
        listed = [_entry(notices, turn, versions, place) for place in reversed(range(len(versions)))]
        return notices.draw(turn, "changes.html", "/changes", c=_words(turn), entries=listed)

    return notices.kept.get((CHANGES, *turn.key, len(versions)), draw)


def _entry(notices: NoticePages, turn: Turn, versions: Sequence[Published], place: int) -> dict[str, Any]:
    """Give one version: since when, what kind of change it was, and what was done first.

    Clause: amendment.classes (APPI 17(2), 18(1), 21(3))
    """
    one = versions[place]
    before = versions[place - 1] if place else None
    led = leading(diff(before.policy, one.policy)) if before else None
    words = Wording(one.policy, turn.lang, notices.law, turn.today)
    steps = [
        words.say("step", step)
        for done in one.policy.evidence.procedures
        if done.get("version") == one.version
        for step in done.get("done", ())
        if words.has("step", step)
    ]
    return {
        "version": one.version,
        "since": notices.day(turn, one.effective_from),
        "before": before.version if before else "",
        "led": words.say("amendment", led) if led else "",
        "diff_class": led or "",
        "steps": list(dict.fromkeys(steps)),
        "moment": one.effective_from,
    }


def _compared(notices: NoticePages, turn: Turn, old: Published, new: Published) -> Drawn:
    def draw() -> Drawn:
        view = render.changes(old.policy, new.policy, turn.lang, notices.law, turn.today)
        where, classes = f"/changes/{old.version}..{new.version}", book(turn.lang)["amendment"]
        return notices.draw(turn, "compared.html", where, c=_words(turn), view=view, class_names=classes)

    return notices.kept.get((CHANGES, old.version, new.version, *turn.key), draw)


def _feed(notices: NoticePages, turn: Turn, base: str) -> Drawn:
    versions = notices.shelf.versions()

    def draw() -> Drawn:
        listed = [_entry(notices, turn, versions, place) for place in reversed(range(len(versions)))]
        policy = turn.published.policy
        text = notices.pages.text(
            "notice/feed.xml", turn.lang, c=_words(turn), p=book(turn.lang)["page"], entries=listed, base=base,
            title=Ink(policy, turn.lang, notices.law, turn.today).text(policy.title), name=policy.controller.name,
        )  # fmt: skip
        return drawn(text.encode(), "application/atom+xml; charset=utf-8")

    return notices.kept.get(("feed", base, *turn.key, len(versions)), draw)


def _words(turn: Turn) -> Any:
    return book(turn.lang)["changes"]
