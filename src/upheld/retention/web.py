"""The door of the room: programs tell it when a contract, account or application ended."""

from __future__ import annotations

from datetime import date
from typing import Any, Literal

from litestar import post
from litestar.params import JSONBody

from upheld.notice import House
from upheld.retention.actions import end_relation
from upheld.security.guard import KeyGuard
from upheld.web.headers import keep_private
from upheld.web.pages import AnyRequest
from upheld.web.wire import Closed


class RelationBody(Closed, frozen=True):
    """The last day of a relationship, by the id it has outside."""

    kind: Literal["contract", "account", "application"]
    id: str
    ended: date


def routes(house: House) -> list[Any]:
    """Give the handlers of this room."""
    guard = KeyGuard(house)

    @post("/api/v1/relations", status_code=200, sync_to_thread=True)
    def end(request: AnyRequest, data: JSONBody[RelationBody]) -> dict[str, Any]:
        """Note the last day of a relationship; its retention clock starts then."""
        keep_private(request.scope)
        actor = guard.permit(request.headers, "relations:end")
        done = end_relation(house, data.kind, data.id, data.ended, actor=actor)
        return {"kind": data.kind, "ended": data.ended.isoformat(), "people": len(done)}

    return [end]
