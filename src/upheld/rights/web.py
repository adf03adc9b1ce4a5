"""The doors of the room: the page of rights by residence, and requests over the API."""

from __future__ import annotations

from typing import Any

import msgspec
from litestar import Response, get, post
from litestar.params import FromQuery, JSONBody

from upheld.notice import House
from upheld.policy.law import OTHER, country_name
from upheld.policy.model import CompiledPolicy
from upheld.rights import actions
from upheld.rights.letters import step_sentence
from upheld.rights.model import AT_ONCE, Request
from upheld.rights.rules import offered, terms
from upheld.security.guard import KeyGuard
from upheld.web.forms import Entry, Option
from upheld.web.headers import keep_private
from upheld.web.pages import AnyRequest, Frame, Pages
from upheld.web.refusals import Refusal
from upheld.web.tongue import mailbox
from upheld.web.wire import Closed
from upheld.web.words import words


class Identifier(Closed, frozen=True):
    """What a person can be found by: kind (`email`, `phone`, `visitor` ...) and value."""

    kind: str
    value: str


class RequestBody(Closed, frozen=True):
    """A request with a right; `subject` is the number that collecting answered with."""

    right: str
    residence: str
    subject: str = ""
    identifier: Identifier | None = None
    language: str = ""
    purposes: list[str] = msgspec.field(default_factory=list)


def routes(house: House, pages: Pages) -> list[Any]:
    """Give the handlers of this room."""
    return [_page(house, pages), _api(house)]


def _api(house: House) -> Any:
    guard = KeyGuard(house)

    @post("/api/v1/requests", sync_to_thread=True)
    def take(request: AnyRequest, data: JSONBody[RequestBody]) -> Response[dict[str, Any]]:
        """Take a request in; the answer is the same whether the person is known or not."""
        keep_private(request.scope)
        key = request.headers.get("idempotency-key")
        body = msgspec.to_builtins(data)
        act = house.once.act("requests", key, body)
        with house.store.read() as tx:
            again = house.once.known(tx, act) is not None
        actions.receive(
            house,
            right=data.right,
            residence=data.residence,
            subject=data.subject,
            identifier={data.identifier.kind: data.identifier.value} if data.identifier else None,
            lang=data.language,
            purposes=data.purposes,
            actor=guard.caller(request.headers, f"requests:{data.right}") or "self",
            act=act,
            said=lambda made: request_said(made, made.lang),
        )
        with house.store.read() as tx:
            answer = house.once.known(tx, act) or {}
        return Response(answer, status_code=201, headers={"Idempotency-Replayed": "true"} if again else {})

    return take


def request_said(request: Request, lang: str) -> dict[str, Any]:
    """Give what may be told of a request to anybody who holds its number."""
    return {
        "number": request.number,
        "right": request.right,
        "regime": request.regime,
        "state": request.state,
        "said": step_sentence(request.state, lang),
        "arrived": request.arrived_at.isoformat(timespec="seconds"),
        "due": request.due.isoformat() if request.due else None,
        "fee": {"total": request.total, "currency": "JPY"},
    }


def _page(house: House, pages: Pages) -> Any:
    @get("/rights", include_in_schema=False, sync_to_thread=True)
    def rights(request: AnyRequest, residence: FromQuery[str] = "") -> Response[str]:
        """Show the rights of a residence, what each costs and by when it is answered, before anything is asked."""
        published = house.in_force()
        policy = published.policy
        if residence and not house.law.is_area(residence):
            raise Refusal("value_invalid", "rights", fields=("residence",), policy_version=policy.version)
        frame = Frame.of(policy, published.effective_from)
        lang = pages.language(request, frame).lang
        return pages.render(
            request,
            "rights/rights.html",
            frame=frame,
            tiles=tiles(house, policy, residence) if residence else [],
            entry=residences(house, lang, residence),
            mail=mailbox(policy.contact.mailbox),
        )

    return rights


def tiles(house: House, policy: CompiledPolicy, residence: str) -> list[dict[str, Any]]:
    """Give a tile for each right of a residence.

    Clause: rights.kinds (APPI 32-39, GDPR 12-21)
    """
    today = house.today(policy)
    tiles: list[dict[str, Any]] = []
    for right in offered(policy, house.law, residence, today):
        found = terms(policy, house.law, right, residence, today)
        if found is not None:
            title = policy.rights.kinds[right].title
            tiles.append({"right": right, "title": title, "terms": found, "due": right not in AT_ONCE and found.due})
    return tiles


def residences(house: House, lang: str, picked: str) -> Entry:
    """Give the entry that asks where a person lives."""
    said = words(lang)
    countries = [Option(code, country_name(code, lang)) for code in house.law.countries]
    options = (*sorted(countries, key=lambda one: one.label), Option(OTHER, said["form"]["other_country"]))
    return Entry(
        name="residence",
        label=said["rights"]["residence"],
        kind="select",
        picked=(picked,) if picked else (),
        options=options,
        hint=said["form"]["country_hint"],
    )
