"""The door of the room: programs and staff ask for leave to make one hop before they send anything."""

from __future__ import annotations

from typing import Any

import msgspec
from litestar import Response, post
from litestar.params import JSONBody

from upheld.notice import House
from upheld.policy.model import Frozen
from upheld.security import keys
from upheld.security.guard import KeyGuard
from upheld.security.web import Identifier
from upheld.transfers.actions import transfer
from upheld.transfers.model import Allowed, Hop
from upheld.web.headers import keep_private
from upheld.web.pages import AnyRequest
from upheld.web.wire import Closed


class TransferBody(Closed, frozen=True):
    """One hop: to which service or recipient, of whom, for which purpose, which fields, into which region."""

    service: str
    purpose: str
    subject: str = ""
    identifier: Identifier | None = None
    fields: list[str] = msgspec.field(default_factory=list)
    region: str | None = None
    record: str = ""
    contract_id: str = ""


def routes(house: House) -> list[Any]:
    """Give the handlers of this room."""
    guard = KeyGuard(house)

    @post("/api/v1/transfers", status_code=200, sync_to_thread=True)
    def ask(request: AnyRequest, data: JSONBody[TransferBody]) -> Response[dict[str, Any]]:
        """Give leave for one hop, or refuse it; the entry that says so is durable before the answer leaves."""
        keep_private(request.scope)
        hop = Hop(
            data.service,
            data.purpose,
            data.subject,
            Frozen({data.identifier.kind: data.identifier.value} if data.identifier else {}),
            tuple(data.fields),
            data.region,
            data.record,
            data.contract_id,
        )
        reader = keys.for_transfer(guard.reader(request.headers), data.service)
        return Response(allowed_said(transfer(house, reader, hop)))

    return [ask]


def allowed_said(found: Allowed) -> dict[str, Any]:
    """Give the members of the answer to a question about a hop."""
    return {
        "subject": found.subject,
        "service": found.service,
        "kind": found.kind,
        "records": [
            {
                "record": one.record,
                "situation": one.situation,
                "policy_version": one.policy_version,
                "fields": list(one.fields),
                "positions": dict(one.route.positions),
                "mechanisms": {regime: dict(carried) for regime, carried in one.route.mechanisms.items()},
                "entry": one.entry,
            }
            for one in found.leaves
        ],
    }
