"""The desk of the console where two numbers become one person, and where somebody is looked for by name."""

from __future__ import annotations

from typing import Any

from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Redirect

from upheld.notice import House
from upheld.security import persons, staff
from upheld.security.actions import acting
from upheld.security.searching import Found, find_name
from upheld.security.session import signed_in
from upheld.web.forms import Form
from upheld.web.pages import AnyRequest, Frame, Pages
from upheld.web.refusals import Refusal

_PAGE = "/console/persons"


def routes(house: House, pages: Pages) -> list[Any]:
    """Give the handlers of the desk.

    Clause: security.organisational (GDPR 5(1)(d), 32; APPI 22, 23)
    """

    @get(_PAGE, include_in_schema=False, sync_to_thread=True)
    def show(request: AnyRequest) -> Response[str]:
        """List what waits for a second person, and the form to look for a name."""
        acting(house, signed_in(house, request))
        return _page(house, pages, request)

    @post(_PAGE, include_in_schema=False, status_code=200, sync_to_thread=True)
    def find(request: AnyRequest, form: NamedDependency[Form]) -> Response[str]:
        """Look for a name; the answer stands on this page only, and what was typed in no address."""
        number = signed_in(house, request)
        with house.store.read() as tx:
            reader = staff.reader(house, tx, number)
        found = find_name(house, reader, form.one("name"), form.one("purpose"))
        return _page(house, pages, request, found)

    @post("/console/merges/{proposal:str}", include_in_schema=False, sync_to_thread=True)
    def decide(request: AnyRequest, proposal: FromPath[str], form: NamedDependency[Form]) -> Redirect:
        """Confirm or decline a proposal; whoever made it cannot confirm it."""
        number = signed_in(house, request)
        match form.one("act"):
            case "confirm":
                one, _ = persons.confirm(house, proposal, by=number)
                return Redirect(f"/console/subjects/{one}#numbers", status_code=303)
            case "decline":
                persons.decline(house, proposal, by=number)
                return Redirect(_PAGE, status_code=303)
        raise Refusal("value_invalid", persons.CLAUSE, fields=("act",))

    return [show, find, decide]


def _page(house: House, pages: Pages, request: AnyRequest, found: Found | None = None) -> Response[str]:
    published = house.in_force()
    policies = [one.policy for one in house.shelf.versions()]
    return pages.render(
        request,
        "security/persons.html",
        frame=Frame.of(published.policy, published.effective_from),
        alternates=None if request.method == "GET" else {},
        waiting=persons.waiting(house),
        situations={name: item.text for policy in policies for name, item in policy.situations.items()},
        purposes=published.policy.purposes,
        found=found,
    )
