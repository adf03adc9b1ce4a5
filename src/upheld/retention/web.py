"""The doors of the room: programs tell it when a contract, account or application ended, staff place and release holds."""

from __future__ import annotations

from datetime import date
from typing import Any, Literal

from litestar import get, post
from litestar.params import FromPath, FromQuery, JSONBody

from upheld.notice import House
from upheld.retention import holds
from upheld.retention.actions import end_relation
from upheld.security.actions import acting
from upheld.security.finding import person_of
from upheld.security.guard import KeyGuard
from upheld.web.headers import keep_private
from upheld.web.pages import AnyRequest
from upheld.web.refusals import Refusal
from upheld.web.wire import Closed


class RelationBody(Closed, frozen=True):
    """The last day of a relationship, by the id it has outside."""

    kind: Literal["contract", "account", "application"]
    id: str
    ended: date


class ReleaseBody(Closed, frozen=True):
    """Why a hold ends, and which other member of staff approves it."""

    reason: str
    approver: int


class HoldBody(ReleaseBody, frozen=True):
    """A hold on a person: by a statute or for a matter, until its last day, readable for one purpose."""

    subject: str
    until: date
    statute: str = ""
    matter: str = ""
    purpose: str = "legal_claims"


def routes(house: House) -> list[Any]:
    """Give the handlers of this room."""
    guard = KeyGuard(house)
    return [_relations(house, guard), *_holds(house, guard)]


def _relations(house: House, guard: KeyGuard) -> Any:

    @post("/api/v1/relations", status_code=200, sync_to_thread=True)
    def end(request: AnyRequest, data: JSONBody[RelationBody]) -> dict[str, Any]:
        """Note the last day of a relationship; its retention clock starts then."""
        keep_private(request.scope)
        actor = guard.permit(request.headers, "relations:end")
        done = end_relation(house, data.kind, data.id, data.ended, actor=actor)
        return {"kind": data.kind, "ended": data.ended.isoformat(), "people": len(done)}

    return end


def _holds(house: House, guard: KeyGuard) -> list[Any]:
    @get("/api/v1/holds", sync_to_thread=True)
    def show(request: AnyRequest, every: FromQuery[bool] = False) -> list[dict[str, Any]]:
        """List the legal holds that stand today; with `every` those that ended, too. For staff."""
        keep_private(request.scope)
        acting(house, _staff(guard, request))
        return [holds.said(one, house.today()) for one in holds.listed(house, only_standing=not every)]

    @post("/api/v1/holds", status_code=201, sync_to_thread=True)
    def place(request: AnyRequest, data: JSONBody[HoldBody]) -> dict[str, Any]:
        """Place a legal hold on a person: nothing of theirs is erased until it ends. For staff, approved by another one."""
        keep_private(request.scope)
        by = _staff(guard, request)
        subject = person_of(house, data.subject, {})
        if subject is None:
            raise Refusal("not_found", holds.CLAUSE)
        made = holds.place(
            house, subject, until=data.until, reason=data.reason, by=by, approver=data.approver,
            statute=data.statute, matter=data.matter, purpose=data.purpose,
        )  # fmt: skip
        return holds.said(made, house.today())

    @post("/api/v1/holds/{hold:str}/release", status_code=200, sync_to_thread=True)
    def release(request: AnyRequest, hold: FromPath[str], data: JSONBody[ReleaseBody]) -> dict[str, Any]:
        """End a legal hold; what is over then goes with the next sweep. For staff, approved by another one."""
        keep_private(request.scope)
        done = holds.release(house, hold, reason=data.reason, by=_staff(guard, request), approver=data.approver)
        return holds.said(done, house.today())

    return [show, place, release]


def _staff(guard: KeyGuard, request: AnyRequest) -> int:
    """Give the number of the member of staff who calls; a program cannot place or release a hold."""
    reader = guard.reader(request.headers)
    if not reader.staff:
        raise Refusal("role_not_allowed", "security.technical.access")
    return int(reader.actor.partition(":")[2])
