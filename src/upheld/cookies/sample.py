"""A small company page of the demonstration: what a visitor meets, without any stranger being called."""

from __future__ import annotations

from typing import Any

from litestar import Response, get
from litestar.params import FromPath

from upheld.cookies.desk import Desk, read_browser
from upheld.cookies.rules import BASE, content_policy
from upheld.cookies.tell import tag_said
from upheld.notice import House
from upheld.web.pages import AnyRequest, Frame, Pages
from upheld.web.refusals import Refusal


def routes(house: House, pages: Pages) -> list[Any]:
    """Give the page and the frame in it that stands for what another company would show."""
    desk = Desk(house)

    @get("/sample/{lang:str}", include_in_schema=False, sync_to_thread=True)
    def sample(request: AnyRequest, lang: FromPath[str]) -> Response[str]:
        """Show a page with the banner, a frame that waits, and a list of the tags that may run in this browser now."""
        published = house.in_force()
        policy = published.policy
        if lang not in policy.languages:
            raise Refusal("not_found")
        whole, judged = desk.look(published, read_browser(desk, request))
        on = house.today(policy)
        tags = list(policy.cookies.tags.values()) if policy.cookies else []
        rows = [
            {**tag_said(policy, house.law, tag, lang, on, whole.when[tag.id]), "runs": tag.id in judged.running}
            for tag in tags
        ]
        # a real page names the tags' hosts here; the demonstration calls nobody
        headers = {
            "Content-Security-Policy": content_policy((), BASE),
            "Cache-Control": "private, no-store",
            "Vary": desk.vary,
        }
        alternates = {code: f"/sample/{code}" for code in policy.languages}
        return pages.render(
            request,
            "cookies/sample.html",
            lang=lang,
            frame=Frame.of(policy, published.effective_from),
            alternates=alternates,
            headers=headers,
            tags=rows,
        )

    @get("/sample/{lang:str}/frame", include_in_schema=False, sync_to_thread=True)
    def inside(request: AnyRequest, lang: FromPath[str]) -> Response[str]:
        """Stand for a frame of another company."""
        if lang not in house.in_force().policy.languages:
            raise Refusal("not_found")
        headers = {"Content-Security-Policy": content_policy((), BASE)}
        return pages.render(request, "cookies/sample_frame.html", lang=lang, alternates={}, headers=headers)

    return [sample, inside]
