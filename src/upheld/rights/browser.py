"""Rights of a visitor who is known by a cookie alone, asked for and served in the browser that holds it."""

from __future__ import annotations

import io
import zipfile
from dataclasses import dataclass
from typing import Any

from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery
from litestar.response import Redirect

from upheld.cookies.desk import Desk, read_browser
from upheld.cookies.rules import browsing
from upheld.db import b64
from upheld.notice import House
from upheld.rights import actions, package, store
from upheld.rights.letters import step_sentence
from upheld.rights.model import Request
from upheld.rights.web import request_said, residences, tiles
from upheld.web.forms import Form
from upheld.web.headers import keep_private
from upheld.web.pages import AnyRequest, Frame, Pages
from upheld.web.refusals import Refusal

SERVED = ("access", "erasure")
"""What can be carried out for somebody of whom nothing but a cookie is known."""

WHERE = "/rights/browser"


@dataclass(frozen=True, slots=True)
class Visitor:
    """The number of the visitor behind a browser's cookie, and how many of their records there are."""

    subject: bytes
    records: int


def routes(house: House, pages: Pages) -> list[Any]:
    """Give the handlers; the signed cookie is the whole proof, so nothing of another browser is ever shown.

    Clause: rights.identity (GDPR 11(2), 15, 17; APPI 33, 35)
    """
    desk = Desk(house)

    @get(WHERE, include_in_schema=False, sync_to_thread=True)
    def show(request: AnyRequest, residence: FromQuery[str] = "") -> Response[str]:
        """Show what is held of this browser, what may be asked of it, and where its requests stand."""
        published = house.in_force()
        if residence and not house.law.is_area(residence):
            raise Refusal("value_invalid", "rights", fields=("residence",), policy_version=published.version)
        keep_private(request.scope)
        frame, found = Frame.of(published.policy, published.effective_from), _visitor(house, desk, request)
        lang = pages.language(request, frame).lang
        offers = [one for one in tiles(house, published.policy, residence) if one["right"] in SERVED] if residence else []
        asked = _asked(house, found)
        return pages.render(
            request,
            "rights/browser.html",
            frame=frame,
            headers={"Vary": f"Accept-Language, {desk.vary}"},
            visitor=found,
            residence=residence,
            tiles=offers if found else [],
            entry=residences(house, lang, residence),
            key=b64(house.ids.random(16)),
            requests=[(one, step_sentence(one.state, lang)) for one in asked],
        )

    @post(WHERE, include_in_schema=False, sync_to_thread=True)
    def ask(request: AnyRequest, form: NamedDependency[Form]) -> Redirect:
        """Take a request of this browser in; its cookie shows whose it is."""
        found = _visitor(house, desk, request)
        right, residence, key = form.one("right"), form.one("residence"), form.one("_key")
        if found is None or right not in SERVED:
            raise Refusal("not_found", "rights.kinds")
        if wait := desk.pace.wait(request.client.host if request.client else ""):
            raise Refusal("too_many", after=wait)
        lang, subject = pages.language(request).lang, b64(found.subject)
        act = house.once.act("rights-browser", key, [right, residence, subject]) if key else None
        said = lambda made: request_said(made, lang)  # noqa: E731 - one line
        made = actions.receive(house, right=right, residence=residence, subject=subject, lang=lang, act=act, said=said)
        actions.identify_browser(house, made.number)
        return Redirect(f"{WHERE}?residence={residence}&lang={lang}#requests", status_code=303)

    @get(f"{WHERE}/{{number:str}}", include_in_schema=False, sync_to_thread=True)
    def fetch(request: AnyRequest, number: FromPath[str]) -> Response[bytes]:
        """Send the package of an access request to the browser that it is about; any other is told nothing of it."""
        keep_private(request.scope)
        made = next((one for one in _asked(house, _visitor(house, desk, request)) if one.number == number), None)
        if made is None or made.right != "access" or made.state != "ready":
            raise Refusal("not_found", "rights.access")
        headers = {"Content-Disposition": f'attachment; filename="{number}.zip"'}
        return Response(_zip(package.pack(house, number, actor="self")), media_type="application/zip", headers=headers)

    return [show, ask, fetch]


def _visitor(house: House, desk: Desk, request: AnyRequest) -> Visitor | None:
    """Find the visitor of a browser; nobody where more is known than the cookie, for then the cookie is not enough."""
    visitor = read_browser(desk, request).visitor
    subject = house.vault.find("visitor", visitor.id) if visitor else None
    if subject is None:
        return None
    situation = browsing(house.in_force().policy)
    with house.store.read() as tx:
        records = house.vault.records_of(tx, subject)
        alone = len(house.vault.members(tx, subject)) == 1
    here = situation is not None and all(one.situation == situation.id for one in records)
    return Visitor(subject, len(records)) if alone and (here or not records) else None


def _asked(house: House, found: Visitor | None) -> list[Request]:
    if found is None:
        return []
    with house.store.read() as tx:
        return store.of_subject(tx, found.subject)


def _zip(files: dict[str, bytes]) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as out:
        for name, raw in files.items():
            out.writestr(name, raw)
    return made.getvalue()
