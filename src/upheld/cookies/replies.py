"""Replies to a choice: what was kept, how the browser stands from then on, and the cookies that say so."""

from __future__ import annotations

from dataclasses import dataclass

from litestar.datastructures import Cookie

from upheld.cookies.actions import Said, choose
from upheld.cookies.desk import COOKIE, Desk
from upheld.cookies.model import Browser, Chosen, Judged, Offered
from upheld.cookies.rules import ended, judge, matching
from upheld.policy.model import Tag
from upheld.web.headers import keep_private, speak_for
from upheld.web.pages import AnyRequest
from upheld.web.refusals import Refusal


@dataclass(frozen=True, slots=True)
class Reply:
    """A choice that was kept: how the browser stands after it, and the tags that stopped."""

    done: Chosen
    after: Judged
    stopped: tuple[Tag, ...]
    whole: Offered


def chosen(desk: Desk, request: AnyRequest, browser: Browser, said: Said) -> Reply:
    """Carry a choice out. Raises what `actions.choose` raises, and Refusal `too_many` for an address in a hurry."""
    if desk.pace.wait(request.client.host if request.client else ""):
        raise Refusal("too_many", "cookies.categories")
    published = desk.house.in_force()
    speak_for(request.scope, published.policy.label)
    keep_private(request.scope)
    whole, before = desk.look(published, browser)
    done = choose(desk, browser, said)
    after = judge(whole, Browser(browser.area, browser.signal or said.signal, done.visitor))
    return Reply(done, after, ended(whole, before, after), whole)


def chosen_cookies(desk: Desk, request: AnyRequest, reply: Reply) -> list[Cookie]:
    """Give the cookie of a choice, and the ends of the site's own cookies whose tags stopped."""
    kept = Cookie(
        key=COOKIE,
        value=desk.write(reply.done.visitor),
        max_age=desk.max_age(),
        path="/",
        domain=desk.house.serving.cookie_domain,
        httponly=True,
        samesite="lax",
        secure=request.url.scheme == "https",
    )
    labels = (request.url.hostname or "").split(".")
    # an address of numbers has no parents, and no browser takes a cookie for a whole top-level domain
    parents = [] if labels[-1].isdecimal() else [".".join(labels[at:]) for at in range(len(labels) - 1)]
    ends = [
        Cookie(key=name, value="", max_age=0, path="/", domain=where)
        for name in matching(reply.stopped, request.cookies)
        for where in (None, *parents)
    ]
    return [kept, *ends]
