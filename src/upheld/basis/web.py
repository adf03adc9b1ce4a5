"""The doors of this room: statements by programs, receipts and withdrawal for people."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any, Literal

from litestar import Response, get, post
from litestar.concurrency import sync_to_thread
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from litestar.response import Redirect

from upheld.basis import confirming, receipts, tickets
from upheld.basis.actions import OUR_ACTIONS, Stated, Stating, stating, withdraw
from upheld.basis.export import FORMATS, as_format
from upheld.basis.history import purpose_text
from upheld.basis.model import whole_of
from upheld.cookies import receipts as cookie_receipts
from upheld.cookies.pages import show_receipt
from upheld.db import unb64
from upheld.notice import House
from upheld.notice.guard import Guard
from upheld.records import IdentifierSharedError, identifier_kinds
from upheld.web.answers import wants_json
from upheld.web.forms import Form
from upheld.web.headers import keep_private, speak_for
from upheld.web.pages import AnyRequest, Frame, Pages
from upheld.web.quick import Json
from upheld.web.refusals import Refusal
from upheld.web.wire import Closed


class Identifier(Closed, frozen=True):
    """What a person can be found by: kind (`email`, `phone`, `visitor` ...) and value."""

    kind: str
    value: str


class ConsentBody(Closed, frozen=True):
    """What is said of one purpose; `subject` is the number that collecting answered with.

    `request`, `revoke` and `invalidate` are the company's own acts and need a key. `purpose` may name a part, as
    `respond_and_market.respond`; `valid_until` is the last day of a consent given for a time.
    """

    purpose: str
    action: Literal["give", "refuse", "defer", "renew", "withdraw", "object", "request", "revoke", "invalidate"]
    subject: str | None = None
    identifier: Identifier | None = None
    language: str | None = None
    notice_receipt: str | None = None
    valid_until: date | None = None


class LinkBody(Closed, frozen=True):
    """Whose consent for what a withdrawal link is to end; `language` is that of the mail it goes into."""

    purpose: str
    subject: str
    language: str = ""


def routes(house: House, pages: Pages, guard: Guard) -> list[Any]:
    """Give the handlers of this room."""
    return [_consents(house, guard), _links(house, guard), *_receipts(house, pages), *_withdrawals(house, pages), *_confirmations(house, pages)]


def _consents(house: House, guard: Guard) -> Any:
    @post("/api/v1/consents")
    async def consents(request: AnyRequest, data: JSONBody[ConsentBody]) -> Response[dict[str, Any]]:
        """Write down what is said of a purpose, by the person or by the company; 201 only after it is durable."""

        def judged() -> Stating:
            subject, actor = _subject(house, guard, request, data)
            key = request.headers.get("idempotency-key")
            if not key:
                raise Refusal("idempotency_missing")
            return stating(
                house,
                subject,
                data.purpose,
                data.action,
                how="api",
                lang=data.language,
                notice_receipt=data.notice_receipt,
                actor=actor,
                until=data.valid_until,
                idempotency_key=key,
                known_only=data.subject is not None,
            )

        # Keys and identifiers are looked up in the stores, which must not hold up the loop.
        looked_up = data.subject is None or "authorization" in request.headers
        done: Stated = await house.writer.ask(await sync_to_thread(judged) if looked_up else judged())
        headers = {"Idempotency-Replayed": "true"} if done.replayed else {}
        return Json(done.answer(), status_code=201, headers=headers)

    return consents


def _subject(house: House, guard: Guard, request: AnyRequest, data: ConsentBody) -> tuple[bytes, str]:
    """Give (subject, actor): whoever holds the random number may speak for it.

    Finding by identifier and acts of the company need a key, and a key that comes must have the scope.
    Clause: security.technical.access (APPI 23)
    """
    scope = f"consents:{whole_of(data.purpose)}"
    actor = guard.caller(request.headers, scope)
    if actor is None and (data.subject is None or data.action in OUR_ACTIONS):
        actor = guard.permit(request.headers, scope)
    if data.subject is not None:
        return _read_number(data.subject), actor or "self"
    if data.identifier is None or data.identifier.kind not in identifier_kinds():
        raise Refusal("value_invalid", fields=("identifier",))
    try:
        found = house.vault.find(data.identifier.kind, data.identifier.value)
    except IdentifierSharedError:
        raise Refusal("value_invalid", fields=("identifier",)) from None
    if found is None:
        raise Refusal("not_found")
    return found, actor or "self"


def _links(house: House, guard: Guard) -> Any:
    @post("/api/v1/consents/links", status_code=200, sync_to_thread=True)
    def link(request: AnyRequest, data: JSONBody[LinkBody]) -> Response[dict[str, Any]]:
        """Give the withdrawal link of a person and a purpose, and the two headers that a mail carries with it (RFC 8058)."""
        keep_private(request.scope)
        guard.permit(request.headers, f"consents:{whole_of(data.purpose)}")
        subject = _number(house, data.subject)
        path = f"/consent/withdraw/{tickets.make(house, subject, data.purpose, data.language)}"
        return Response({"path": path, "headers": tickets.mail_headers(_base(request) + path)})

    return link


def _number(house: House, told: str) -> bytes:
    """Read the number of somebody who is here; raises Refusal."""
    number = _read_number(told)
    with house.store.read() as tx:
        if not receipts.subject_exists(house, tx, number):
            raise Refusal("not_found")
    return number


def _read_number(told: str) -> bytes:
    try:
        return unb64(told)
    except ValueError:
        raise Refusal("value_invalid", fields=("subject",)) from None


def _withdrawals(house: House, pages: Pages) -> list[Any]:
    @get("/consent/withdraw/{ticket:str}", include_in_schema=False, sync_to_thread=True)
    def ask(request: AnyRequest, ticket: FromPath[str]) -> Response[str]:
        """Show one button; whoever only looks at the link, as a mail scanner does, withdraws nothing."""
        keep_private(request.scope)
        return _ticket_page(house, pages, request, tickets.find(house, ticket), done=False)

    @post("/consent/withdraw/{ticket:str}", status_code=200, include_in_schema=False, cross_site=True, sync_to_thread=True)
    def act(request: AnyRequest, ticket: FromPath[str], form: NamedDependency[Form]) -> Response[str]:
        """Withdraw, for the button and for the one click of a mail program; no sign-in, and again changes nothing."""
        keep_private(request.scope)
        how = "one_click" if form.one("List-Unsubscribe") == "One-Click" else "link"
        found, done = tickets.use(house, ticket, how=how)
        told = replace(found, state=done.state)
        return _ticket_page(house, pages, request, told, done=True, before=not done.changed)

    return [ask, act]


def _confirmations(house: House, pages: Pages) -> list[Any]:
    @get("/consent/confirm/{ticket:str}", include_in_schema=False, sync_to_thread=True)
    def ask(request: AnyRequest, ticket: FromPath[str]) -> Response[str]:
        """Show one button; whoever only looks at the link, as a mail scanner does, gives no consent."""
        return _confirm_page(house, pages, request, confirming.find(house, ticket))

    @post("/consent/confirm/{ticket:str}", status_code=200, include_in_schema=False, sync_to_thread=True)
    def act(request: AnyRequest, ticket: FromPath[str], form: NamedDependency[Form]) -> Response[str]:
        """Give the consent that was asked for, or send a new link in place of one that came too late."""
        if form.one("again"):
            found = confirming.ask_again(house, ticket)
            return _confirm_page(house, pages, request, found, asked_again=found.state == "requested")
        return _confirm_page(house, pages, request, confirming.use(house, ticket))

    return [ask, act]


def _confirm_page(
    house: House, pages: Pages, request: AnyRequest, found: confirming.Pending, *, asked_again: bool = False
) -> Response[str]:
    """Draw the page behind a link in the person's language; the address or a switch may ask for another."""
    keep_private(request.scope)
    policy, now = house.in_force().policy, house.clock.now()
    asked = request.query_params.get("lang")
    return pages.render(
        request,
        "basis/confirm.html",
        lang=next((one for one in (asked, found.lang) if one in policy.languages), policy.languages[0]),
        frame=_frame(house),
        pending=found,
        text=purpose_text(house, found.purpose),
        given=confirming.stands(found.state),
        open=found.is_open(now),
        late=found.is_late(now),
        asked_again=asked_again,
    )


def _ticket_page(
    house: House, pages: Pages, request: AnyRequest, ticket: tickets.Ticket, *, done: bool, before: bool = False
) -> Response[str]:
    """Draw the page of a ticket in the person's language; the address or a switch may ask for another."""
    policy = house.in_force().policy
    asked = request.query_params.get("lang")
    return pages.render(
        request,
        "basis/withdraw.html",
        lang=asked if asked in policy.languages else ticket.lang,
        frame=_frame(house),
        ticket=ticket,
        text=purpose_text(house, ticket.purpose),
        done=done or ticket.state == "withdrawn",
        before=before or not done,
    )


def _receipts(house: House, pages: Pages) -> list[Any]:
    @get("/consent/receipts/{number:str}", sync_to_thread=True)
    def receipt(request: AnyRequest, number: FromPath[str]) -> Response[Any]:
        """Show a receipt as a page, or as data with its proof; 202 while the proof is not there yet."""
        if cookie_receipts.known(house, number):
            return show_receipt(house, pages, request, number)
        lang = pages.language(request).lang
        view = receipts.find(house, number, lang)
        speak_for(request.scope, view.published.policy.label)
        keep_private(request.scope)
        wanted = _format(request)
        if wanted in {"jsonld", "kantara"}:
            exported = as_format(receipts.as_consents(house, view, _base(request)), wanted)
            return Response(exported, media_type=FORMATS[wanted])
        if wanted == "json":
            told = receipts.as_data(house, view, _base(request))
            waiting = "proof" not in told
            return Response(told, status_code=202 if waiting else 200, headers={"Retry-After": "1"} if waiting else {})
        proof = receipts.proof_of(house, view)
        return pages.render(
            request,
            "basis/receipt.html",
            frame=_frame(house),
            view=view,
            place=proof["n"] if proof else None,
            withdrawn=request.query_params.get("withdrawn") == "yes",
        )

    @post("/consent/receipts/{number:str}/withdraw", include_in_schema=False, sync_to_thread=True)
    def take_back(request: AnyRequest, number: FromPath[str], form: NamedDependency[Form]) -> Redirect:
        """Withdraw a consent of this receipt: one button, no sign-in."""
        lang = pages.language(request).lang
        view = receipts.find(house, number, lang)
        purpose = form.one("purpose")
        if purpose not in {line.id for line in view.purposes}:
            raise Refusal("purpose_not_declared", f"collection.{view.situation or 'purposes'}")
        withdraw(house, view.subject, purpose, how="receipt", lang=lang)
        return Redirect(f"/consent/receipts/{number}?withdrawn=yes&lang={lang}", status_code=303)

    return [receipt, take_back]


def _format(request: AnyRequest) -> str:
    """Name the format asked for: by `?format=`, else by what the caller accepts; empty is the page."""
    asked = request.query_params.get("format")
    if asked is not None:
        if asked not in FORMATS:
            raise Refusal("value_invalid", fields=("format",))
        return str(asked)
    if "application/ld+json" in request.headers.get("accept", ""):
        return "jsonld"
    return "json" if wants_json(request) else ""


def _base(request: AnyRequest) -> str:
    return str(request.base_url).rstrip("/")


def _frame(house: House) -> Frame:
    published = house.in_force()
    return Frame.of(published.policy, published.effective_from)
