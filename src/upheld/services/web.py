"""The page of the console that shows how services stand, and takes what was done there by hand."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.response import Redirect

from upheld.notice import House
from upheld.security.session import signed_in
from upheld.services import store
from upheld.services.actions import overview
from upheld.services.manual import REASONS, Answered, AnswerError, answer_by_hand, begin_anew
from upheld.services.rules import WAITING
from upheld.web.forms import Form
from upheld.web.pages import AnyRequest, Frame, Pages
from upheld.web.refusals import Refusal

_PAGE = "/console/services"
_SHOWN = 200


@dataclass(frozen=True, slots=True)
class Waiting:
    """One service that waits for a person."""

    reference: str
    service: str
    op: str
    state: str
    code: str
    records: int
    since: datetime


def routes(house: House, pages: Pages) -> list[Any]:
    """Give the handlers of the page."""

    @get(_PAGE, include_in_schema=False, sync_to_thread=True)
    def show(request: AnyRequest) -> Response[str]:
        """Show each service and what waits for a person."""
        signed_in(house, request)
        return _page(house, pages, request)

    @post(_PAGE, include_in_schema=False, status_code=200, sync_to_thread=True)
    def act(request: AnyRequest, form: NamedDependency[Form]) -> Response[Any]:
        """Take an answer, or begin anew; each is an entry in the name of who is signed in."""
        number = signed_in(house, request)
        reference, name = form.one("reference"), form.one("service")
        try:
            if form.one("act") == "retry":
                begin_anew(house, reference, name, by=number)
            elif form.one("act") == "answer":
                told = Answered(form.one("result"), form.one("where"), form.one("reason"), _day(form.one("until")))
                answer_by_hand(house, reference, name, told, by=number)
            else:
                raise Refusal("value_invalid", "services", fields=("act",))
        except AnswerError as error:
            return _page(house, pages, request, error=(reference, name, error.diagnostic.message))
        return Redirect(f"{_PAGE}?lang={pages.language(request).lang}", status_code=303)

    return [show, act]


def _day(written: str) -> date | None:
    try:
        return date.fromisoformat(written) if written else None
    except ValueError:
        raise Refusal("value_invalid", "services", fields=("until",)) from None


def _waiting(house: House) -> list[Waiting]:
    with house.store.read() as tx:
        return [
            Waiting(case.reference, one.service, case.op, one.state, one.code, one.records, case.opened_at)
            for case in store.unfinished(tx, _SHOWN)
            for one in store.targets(tx, case.id)
            if one.state in WAITING
        ]


def _page(
    house: House, pages: Pages, request: AnyRequest, error: tuple[str, str, str] | None = None
) -> Response[str]:
    published = house.in_force()
    policy = published.policy
    return pages.render(
        request,
        "services/services.html",
        frame=Frame.of(policy, published.effective_from),
        alternates=None if request.method == "GET" else {},
        services=overview(house),
        names={one.id: one.service for one in policy.services.values()},
        waiting=_waiting(house),
        reasons=(*(law.id for law in policy.retention.longer_by_law), *REASONS),
        error=error,
    )
