"""The desk of the console where texts are reviewed and people who must be told are ticked off."""

from __future__ import annotations

from typing import Any

from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.response import Redirect

from upheld.notice import House
from upheld.security import staff, tasks
from upheld.security.model import Reader
from upheld.security.session import signed_in
from upheld.web.forms import Form
from upheld.web.pages import AnyRequest, Frame, Pages
from upheld.web.refusals import Refusal

_PAGE = "/console/tasks"


def routes(house: House, pages: Pages) -> list[Any]:
    """Give the handlers of the desk."""

    @get(_PAGE, include_in_schema=False, sync_to_thread=True)
    def show(request: AnyRequest) -> Response[str]:
        """List what waits for a person."""
        signed_in(house, request)
        return _page(house, pages, request)

    @post(_PAGE, include_in_schema=False, status_code=200, sync_to_thread=True)
    def act(request: AnyRequest, form: NamedDependency[Form]) -> Response[Any]:
        """Open a text on this page only, or clear, blank or tick off; each is an entry."""
        number = signed_in(house, request)
        record, word = form.one("record"), form.one("act")
        reader = _reader(house, number)
        if word == "look":
            found = tasks.look(house, reader, record)
            return _page(house, pages, request, opened=(record, dict(found.fields)))
        if word == "clear":
            tasks.clear(house, reader, record)
        elif word == "blank":
            tasks.blank(house, reader, record)
        elif word == "informed":
            tasks.informed(house, reader.actor, record)
        else:
            raise Refusal("value_invalid", "security.technical.access", fields=("act",))
        return Redirect(f"{_PAGE}?lang={pages.language(request).lang}", status_code=303)

    return [show, act]


def _reader(house: House, number: int) -> Reader:
    with house.store.read() as tx:
        return staff.reader(house, tx, number)


def _page(
    house: House, pages: Pages, request: AnyRequest, opened: tuple[str, dict[str, Any]] | None = None
) -> Response[str]:
    published = house.in_force()
    found = tasks.waiting(house)
    policies = {one.version: one.policy for one in house.shelf.versions()}
    situations = {name: item.text for policy in policies.values() for name, item in policy.situations.items()}
    return pages.render(
        request,
        "security/tasks.html",
        frame=Frame.of(published.policy, published.effective_from),
        alternates=None if request.method == "GET" else {},
        reviews=[one for one in found if one.kind == tasks.REVIEW],
        informs=[one for one in found if one.kind == tasks.INFORM],
        situations=situations,
        fields=published.policy.fields,
        opened=opened,
        today=house.today(published.policy),
    )
