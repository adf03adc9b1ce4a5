"""The doors of the room: reading and audiences for programs, the console for staff to look at."""

from __future__ import annotations

from typing import Any, Literal

import msgspec
from litestar import Response, get, post
from litestar.datastructures import Cookie
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from litestar.response import Redirect, Stream

from upheld.notice import House, Published
from upheld.security import actions, bases, entry, inbox, keys, lines, people_desk, staff
from upheld.security.audience import audience
from upheld.security.candidates import Wanted
from upheld.security.guard import KeyGuard
from upheld.security.model import Reading
from upheld.security.session import COOKIE, signed_in
from upheld.web.forms import Form
from upheld.web.headers import keep_private
from upheld.web.pages import AnyRequest, Frame, Pages
from upheld.web.quick import Json
from upheld.web.wire import Closed


class Identifier(Closed, frozen=True):
    """What a person can be found by: kind (`email`, `phone`, `visitor` ...) and value."""

    kind: str
    value: str


class ReadBody(Closed, frozen=True):
    """Fields of one person for a purpose; the person by reference or by one identifier."""

    purpose: str
    subject: str = ""
    identifier: Identifier | None = None
    fields: list[str] = msgspec.field(default_factory=list)
    record: str = ""
    contract_id: str = ""
    part: str = ""
    approver: int | None = None
    view: Literal["raw", "masked", "redacted"] | None = None


class AudienceBody(Closed, frozen=True):
    """Everybody who may be met for a purpose."""

    purpose: str
    situations: list[str] = msgspec.field(default_factory=list)
    channel: str = ""
    group: str = ""


def routes(house: House, pages: Pages) -> list[Any]:
    """Give the handlers of this room."""
    return [
        *_api(house, KeyGuard(house)),
        *_console(house, pages),
        *entry.routes(house, pages),
        *inbox.routes(house, pages),
        *bases.routes(house, pages),
        *people_desk.routes(house, pages),
    ]


def _api(house: House, guard: KeyGuard) -> list[Any]:
    @post("/api/v1/read", status_code=200)
    async def read(request: AnyRequest, data: JSONBody[ReadBody]) -> Response[dict[str, Any]]:
        """Read fields of one person for a purpose; the entry of a member of staff's read is durable first."""
        keep_private(request.scope)
        asked = actions.Asked(
            house=house,
            header=request.headers.get("authorization"),
            reference=data.subject,
            identifier={data.identifier.kind: data.identifier.value} if data.identifier else {},
            purpose=data.purpose,
            fields=data.fields,
            record=data.record,
            contract_id=data.contract_id,
            part=data.part,
            approver=data.approver,
            view=data.view,
        )
        found = await actions.ask(asked)
        return Json(reading_said(found))

    @post("/api/v1/audience", status_code=200, sync_to_thread=True)
    def ask(request: AnyRequest, data: JSONBody[AudienceBody]) -> Stream:
        """Stream an audience as NDJSON, CSV or Parquet, as `Accept` asks; its entry is durable before the first byte.

        NDJSON begins with the summary; the others carry it in the headers `Upheld-Entry` and `Upheld-Count`.
        """
        keep_private(request.scope)
        kind = lines.kind_of(request.headers.get("accept", ""))
        reader = keys.for_audience(guard.reader(request.headers))
        wanted = Wanted(data.purpose, tuple(data.situations), data.channel, data.group)
        found = audience(house, reader, wanted)
        told = {"Upheld-Entry": str(found.summary["entry"])}
        if "count" in found.summary:
            told["Upheld-Count"] = str(found.summary["count"])
        return Stream(lines.written(found, kind), media_type=lines.KINDS[kind], headers=told)

    return [read, ask]


def reading_said(found: Reading) -> dict[str, Any]:
    """Give the members of the answer to a read."""
    return {
        "subject": found.subject,
        "purpose": found.purpose,
        "view": found.view,
        "fields": dict(found.fields),
        "records": [
            {
                "record": one.record,
                "situation": one.situation,
                "policy_version": one.policy_version,
                "collected_at": one.collected_at.isoformat(timespec="milliseconds"),
                "fields": dict(one.fields),
                "entry": one.entry,
            }
            for one in found.records
        ],
    }


def _console(house: House, pages: Pages) -> list[Any]:
    @get("/console", include_in_schema=False, sync_to_thread=True)
    def show(request: AnyRequest) -> Response[str]:
        """Show staff what is in force, what is accepted, who may read, and how the ledger stands."""
        number = signed_in(house, request)
        published = house.in_force()
        frame = Frame.of(published.policy, published.effective_from)
        return pages.render(
            request, "security/console.html", frame=frame, number=number, **_state(house, published)
        )

    @get("/console/sign-in/{secret:str}", include_in_schema=False, sync_to_thread=True)
    def ask(request: AnyRequest, secret: FromPath[str]) -> Response[str]:
        """Show one button: whoever only looks at the link, as a mail scanner does, does not use it up."""
        keep_private(request.scope)
        return pages.render(request, "security/sign_in.html", secret=secret)

    @post("/console/sign-in", include_in_schema=False, sync_to_thread=True)
    def sign_in(request: AnyRequest, form: NamedDependency[Form]) -> Redirect:
        """Use a link up and begin a session of twelve hours."""
        keep_private(request.scope)
        session, _ = staff.use_link(house, form.one("secret"))
        cookie = Cookie(
            key=COOKIE, value=session, path="/console", httponly=True, samesite="lax",
            secure=request.url.scheme == "https", max_age=int(staff.SESSION_LIFE.total_seconds()),
        )  # fmt: skip
        return Redirect("/console", status_code=303, cookies=[cookie])

    @post("/console/sign-out", include_in_schema=False, sync_to_thread=True)
    def sign_out(request: AnyRequest) -> Redirect:
        """End the session."""
        keep_private(request.scope)
        staff.end_session(house, request.cookies.get(COOKIE))
        gone = Cookie(key=COOKIE, value="", path="/console", httponly=True, samesite="lax", max_age=0)
        return Redirect("/privacy", status_code=303, cookies=[gone])

    return [show, ask, sign_in, sign_out]


def _state(house: House, published: Published) -> dict[str, Any]:
    """Gather what the console shows.

    Clause: security (APPI 23, 32)
    """
    policy = published.policy
    return {
        "policy": policy,
        "rules": staff.rules_today(published),
        "accepted": policy.evidence.accept,
        "drafts": policy.evidence.drafts,
        "statements": policy.statements,
        "ledger": house.ledger.health(),
        "staff": staff.accounts(house),
        "today": house.today(policy),
    }
