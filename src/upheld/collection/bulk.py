"""The doors of the import: the source is confirmed, then a file of any size is sent and judged row by row."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any

from litestar import Response, post
from litestar.concurrency import sync_to_thread
from litestar.params import FromPath, FromQuery, JSONBody
from litestar.response import Stream

from upheld.collection import importing
from upheld.collection.importing import Order, situation_for_import
from upheld.collection.model import Report, Source
from upheld.collection.report import Faults, as_csv, as_json
from upheld.collection.rows import read_file
from upheld.db import Spool
from upheld.notice import House
from upheld.notice.guard import Guard
from upheld.web.headers import keep_private, speak_for
from upheld.web.pages import AnyRequest
from upheld.web.refusals import Refusal
from upheld.web.wire import Closed

MAX_FILE = 4 * 1024**3
_KINDS = {"text/csv": "csv", "application/vnd.apache.parquet": "parquet"}
_CHARSETS = {
    "": "utf-8", "utf-8": "utf-8", "utf8": "utf-8", "shift_jis": "cp932", "windows-31j": "cp932", "cp932": "cp932",
    "euc-jp": "euc_jp",
}  # fmt: skip


class SourceBody(Closed, frozen=True):
    """Who gave data about others: name, address, representative, and how they came by the data."""

    giver: str = ""
    address: str = ""
    representative: str = ""
    acquired: str = ""


def routes(house: House, guard: Guard) -> list[Any]:
    """Give the handlers of the import."""

    async def first(request: AnyRequest) -> None:
        """Refuse an undeclared situation, a caller who may not, and a kind of file that is not read, before the body."""
        situation = str(request.path_params["situation"])
        situation_for_import(house, situation)
        await sync_to_thread(guard.permit, request.headers, f"collect:{situation}")
        _kind(request)

    @post("/api/v1/collect/{situation:str}/sources", sync_to_thread=True)
    def confirm(request: AnyRequest, situation: FromPath[str], data: JSONBody[SourceBody]) -> Response[dict[str, str]]:
        """Confirm who gave the data that an import will bring; the answer names the confirmation."""
        keep_private(request.scope)
        situation_for_import(house, situation)
        actor = guard.permit(request.headers, f"collect:{situation}")
        told = Source(data.giver, data.address, data.representative, data.acquired)
        return Response({"source": importing.confirm_source(house, situation, told, actor)}, status_code=201)

    @post(
        "/api/v1/collect/{situation:str}/bulk", status_code=200, before_request=first, request_max_body_size=MAX_FILE
    )
    async def bulk(
        request: AnyRequest,
        situation: FromPath[str],
        source: FromQuery[str] = "",
        stop: FromQuery[bool] = False,
        dry: FromQuery[bool] = False,
    ) -> Stream:
        """Take a CSV or Parquet file in, row by row; the answer tells which rows were not stored, and why.

        The same file sent again stores nothing twice and goes on where it ended.
        """
        keep_private(request.scope)
        speak_for(request.scope, house.in_force().policy.label)
        actor = await sync_to_thread(guard.permit, request.headers, f"collect:{situation}")
        spool, digest = Spool(), hashlib.sha256()
        try:
            async for part in request.stream():
                digest.update(part)
                spool.write(part)
            order = Order(situation, digest.digest(), actor, source, stop=stop, dry=dry)
            report, faults = await sync_to_thread(_work, house, order, spool, _kind(request))
        finally:
            spool.close()
        if request.headers.get("accept", "").startswith("text/csv"):
            return Stream(_closing(as_csv(faults), faults), media_type="text/csv")
        return Stream(_closing(as_json(report, faults), faults), media_type="application/json")

    return [confirm, bulk]


def _work(house: House, order: Order, spool: Spool, kind: tuple[str, str]) -> tuple[Report, Faults]:
    faults = Faults()
    try:
        rows = read_file(kind[0], spool.reader(), kind[1])
        return importing.run(house, order, rows, faults.tell), faults
    except BaseException:
        faults.close()
        raise


def _kind(request: AnyRequest) -> tuple[str, str]:
    """Give (kind of file, encoding) by the Content-Type; raises Refusal `media_type`."""
    name, options = request.content_type
    kind, charset = _KINDS.get(name), _CHARSETS.get(str(options.get("charset", "")).lower())
    if kind is None or charset is None:
        raise Refusal("media_type")
    return kind, charset


def _closing(pieces: Iterator[str], faults: Faults) -> Iterator[str]:
    try:
        yield from pieces
    finally:
        faults.close()
