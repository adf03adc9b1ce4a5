"""The doors of this room: statements by programs, receipts and withdrawal for people."""

from __future__ import annotations

from typing import Any, Literal

from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from litestar.response import Redirect

from upheld.basis import receipts
from upheld.basis.actions import Stated, state_choice, withdraw
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
from upheld.web.refusals import Refusal
from upheld.web.wire import Closed


class Identifier(Closed, frozen=True):
    """What a person can be found by: kind (`email`, `phone`, `visitor` ...) and value."""

    kind: str
    value: str


class ConsentBody(Closed, frozen=True):
    """What a person says of one purpose; `subject` is the number that collecting answered with."""

    purpose: str
    action: Literal["give", "refuse", "withdraw", "object"]
    subject: str | None = None
    identifier: Identifier | None = None
    language: str | None = None
    notice_receipt: str | None = None


def routes(house: House, pages: Pages, guard: Guard) -> list[Any]:
    """Give the handlers of this room."""
    return [_consents(house, guard), *_receipts(house, pages)]


def _consents(house: House, guard: Guard) -> Any:
    @post("/api/v1/consents", sync_to_thread=True)
    def consents(request: AnyRequest, data: JSONBody[ConsentBody]) -> Response[dict[str, Any]]:
        """Write down that a person gives, refuses or withdraws consent, or objects; 201 only after it is durable."""
        subject, actor = _subject(house, guard, request, data)
        key = request.headers.get("idempotency-key")
        if not key:
            raise Refusal("idempotency_missing")
        done: Stated = state_choice(
            house,
            subject,
            data.purpose,
            data.action,
            how="api",
            lang=data.language,
            notice_receipt=data.notice_receipt,
            actor=actor,
            idempotency_key=key,
        )
        headers = {"Idempotency-Replayed": "true"} if done.replayed else {}
        return Response(done.answer(), status_code=201, headers=headers)

    return consents


def _subject(house: House, guard: Guard, request: AnyRequest, data: ConsentBody) -> tuple[bytes, str]:
    """Give (subject, actor): whoever holds the random number may speak for it, finding by identifier needs a key."""
    if data.subject is not None:
        try:
            number = unb64(data.subject)
        except ValueError:
            raise Refusal("value_invalid", fields=("subject",)) from None
        with house.store.read() as tx:
            if not receipts.subject_exists(house, tx, number):
                raise Refusal("not_found")
        return number, guard.caller(request.headers) or "self"
    actor = guard.permit(request.headers, f"consents:{data.purpose}")
    if data.identifier is None or data.identifier.kind not in identifier_kinds():
        raise Refusal("value_invalid", fields=("identifier",))
    try:
        found = house.vault.find(data.identifier.kind, data.identifier.value)
    except IdentifierSharedError:
        raise Refusal("value_invalid", fields=("identifier",)) from None
    if found is None:
        raise Refusal("not_found")
    return found, actor


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
        if wants_json(request) or request.query_params.get("as") == "data":
            told = receipts.as_data(house, view)
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


def _frame(house: House) -> Frame:
    published = house.in_force()
    return Frame.of(published.policy, published.effective_from)
