"""The pages of the room: the plain form of choices with its history, and what each tag sends to whom."""

from __future__ import annotations

from typing import Any

from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.response import Redirect

from upheld.cookies import receipts
from upheld.cookies.actions import Said, note_signal
from upheld.cookies.desk import CHOICES, Desk, read_browser
from upheld.cookies.model import VALID, Browser
from upheld.cookies.receipts import Receipt
from upheld.cookies.replies import chosen, chosen_cookies
from upheld.cookies.rules import honours_signal
from upheld.cookies.tell import changes_said, purposes_said, sentences, tag_said
from upheld.db import b64
from upheld.notice import House, Published
from upheld.policy.law import UNKNOWN
from upheld.policy.render.wording import Wording
from upheld.web.answers import wants_json
from upheld.web.forms import Form
from upheld.web.headers import keep_private, speak_for
from upheld.web.pages import AnyRequest, Frame, Pages
from upheld.web.refusals import Refusal

WHERE = "/consent/choices"


def routes(desk: Desk, pages: Pages) -> list[Any]:
    """Give the handlers of the pages."""
    return [*_choices(desk, pages), *_tags(desk, pages)]


def _frame(published: Published) -> Frame:
    return Frame.of(published.policy, published.effective_from)


def _choices(desk: Desk, pages: Pages) -> list[Any]:
    @get(WHERE, include_in_schema=False, sync_to_thread=True)
    def show(request: AnyRequest) -> Response[str]:
        """Show every purpose with who gets what, one box each, and what this browser chose before."""
        published = desk.house.in_force()
        browser = read_browser(desk, request)
        note_signal(desk, published, browser, desk.offered(published, browser.area))
        return _page(desk, pages, request, published, browser, saved=request.query_params.get("saved", ""))

    @post(WHERE, include_in_schema=False, sync_to_thread=True)
    def save(request: AnyRequest, form: NamedDependency[Form]) -> Response[Any]:
        """Keep what was chosen: by one of the two buttons for all, or box by box."""
        published = desk.house.in_force()
        browser = read_browser(desk, request)
        action, ticked = form.one("action"), set(form.many("purpose"))
        if action not in {"accept_all", "reject_all", "custom"}:
            raise Refusal("value_invalid", "cookies.categories", fields=("action",))
        offers = desk.offered(published, browser.area).offers
        if not ticked <= set(offers):
            raise Refusal("value_invalid", "cookies.categories", fields=("purpose",))
        wanted = {name: name in ticked for name in offers} if action == "custom" else {}
        return _kept(desk, pages, request, browser, Said(form.one("snapshot"), action, wanted, CHOICES))

    @post(f"{WHERE}/withdraw", include_in_schema=False, sync_to_thread=True)
    def withdraw(request: AnyRequest, form: NamedDependency[Form]) -> Response[Any]:
        """Withdraw what one receipt of this browser allowed: one button."""
        browser = read_browser(desk, request)
        number = form.one("receipt")
        line = next((one for one in receipts.history(desk, browser.visitor) if one.number == number), None)
        if line is None:
            raise Refusal("not_found")
        offers = desk.offered(desk.house.in_force(), browser.area).offers
        wanted = {name: False for name in line.open if name in offers}
        return _kept(desk, pages, request, browser, Said(form.one("snapshot"), "withdraw", wanted, CHOICES))

    return [show, save, withdraw]


def _kept(desk: Desk, pages: Pages, request: AnyRequest, browser: Browser, said: Said) -> Response[Any]:
    """Keep a choice and lead back to the page, or show it again where what is offered changed meanwhile."""
    published = desk.house.in_force()
    lang = pages.language(request, _frame(published)).lang
    try:
        reply = chosen(desk, request, browser, said)
    except Refusal as refusal:
        if refusal.diagnostic.code != "notice_stale":
            raise
        return _page(desk, pages, request, published, browser, stale=True)
    target = f"{WHERE}?saved={reply.done.receipt or 'yes'}&lang={lang}"
    return Redirect(target, status_code=303, cookies=chosen_cookies(desk, request, reply))


def _page(
    desk: Desk,
    pages: Pages,
    request: AnyRequest,
    published: Published,
    browser: Browser,
    *,
    saved: str = "",
    stale: bool = False,
) -> Response[str]:
    whole, judged = desk.look(published, browser)
    frame = _frame(published)
    lang = pages.language(request, frame).lang
    keep_private(request.scope)
    lines = receipts.history(desk, browser.visitor)
    return pages.render(
        request,
        "cookies/choices.html",
        status=409 if stale else 200,
        lang=lang,
        frame=frame,
        alternates=None if request.method == "GET" else {},
        headers={"Vary": f"Accept-Language, {desk.vary}"},
        purposes=purposes_said(desk, published, whole, lang),
        states=judged.states,
        changes=changes_said(desk, published, browser, lang),
        signal=browser.signal and honours_signal(published.policy),
        snapshot=desk.snapshot(published, whole, CHOICES, lang),
        history=lines,
        text_of=lambda name: receipts.text_of(published, name, lang),
        saved=saved if any(line.number == saved for line in lines) else "",
        stale=stale,
        days=VALID.days,
        offered=bool(whole.offers),
    )


def _tags(desk: Desk, pages: Pages) -> list[Any]:
    def draw(request: AnyRequest, kind: str) -> Response[str]:
        published = desk.house.in_force()
        policy, law = published.policy, desk.house.law
        frame, on = _frame(published), desk.house.today(published.policy)
        lang = pages.language(request, frame).lang
        tags = list(policy.cookies.tags.values()) if policy.cookies else []
        whole = desk.offered(published, UNKNOWN)
        wording = Wording(policy, lang, law, on)
        said = [tag_said(policy, law, tag, lang, on, whole.when[tag.id]) for tag in tags]
        rows = [
            {**one, "always": tag in whole.always, "fires": [
                (wording.regime(name), tag.fires.get(name, "after_consent")) for name in policy.reach
            ]}
            for one, tag in zip(said, tags, strict=True)
        ]  # fmt: skip
        headers = {"Cache-Control": "public, no-cache", "Vary": "Accept-Language, Cookie"}
        return pages.render(
            request, f"cookies/{kind}.html", lang=lang, frame=frame, headers=headers, tags=rows, days=VALID.days
        )

    @get("/cookies", include_in_schema=False, sync_to_thread=True)
    def cookies(request: AnyRequest) -> Response[str]:
        """Show every tag: where it sends, what, to whom, which cookies it keeps and how long."""
        return draw(request, "cookies")

    @get("/external-transmission", include_in_schema=False, sync_to_thread=True)
    def external(request: AnyRequest) -> Response[str]:
        """Show what the browser is made to send outside, as the Japanese rule asks, without a click.

        Clause: cookies.tags (Telecommunications Business Act 27-12)
        """
        return draw(request, "external")

    return [cookies, external]


def show_receipt(house: House, pages: Pages, request: AnyRequest, number: str) -> Response[Any]:
    """Show the receipt of a choice as a page, or as data with its proof; 202 while the proof is not there yet."""
    found: Receipt = receipts.find(house, number)
    speak_for(request.scope, found.published.policy.label)
    keep_private(request.scope)
    if wants_json(request) or request.query_params.get("as") == "data":
        told = receipts.as_data(house, found)
        waiting = "proof" not in told
        return Response(told, status_code=202 if waiting else 200, headers={"Retry-After": "1"} if waiting else {})
    proof = receipts.proof_of(house, found)
    lang = pages.language(request).lang
    wording = Wording(found.published.policy, lang, house.law, house.today())
    area = str(found.body["area"])
    return pages.render(
        request,
        "cookies/receipt.html",
        lang=lang,
        frame=_frame(house.in_force()),
        view=found,
        visitor=b64(found.subject),
        area="" if area == UNKNOWN else wording.place(area),
        place=proof["n"] if proof else None,
        changes={name: sentences(house, found.published, told, lang) for name, told in found.body.get("asked_again", {}).items()},
        text_of=lambda name: receipts.text_of(found.published, name, lang),
    )
