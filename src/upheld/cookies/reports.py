"""Reports of browsers: which hosts a page's header stopped. The host is kept and nothing else, neither who nor where."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from litestar import Response, post
from litestar.concurrency import sync_to_thread

from upheld.cookies import store
from upheld.cookies.desk import Desk
from upheld.cookies.rules import REPORTS, reported, undeclared
from upheld.db import retried
from upheld.notice import House
from upheld.web.gate import check_origin
from upheld.web.pages import AnyRequest
from upheld.web.refusals import Refusal
from upheld.web.serving import Pace
from upheld.web.wire import parse

KEPT = timedelta(days=30)
"""How long a host is kept after the last report of it."""
MOST = 1000
"""How many hosts are kept at most: whoever floods us with names fills no disk."""
AGAIN = timedelta(minutes=1)
"""A host is counted once in this time, so that a busy page is no load."""


def routes(desk: Desk) -> list[Any]:
    """Give the address that browsers report to."""
    pace = Pace(desk.house.serving.acts_per_minute, desk.house.clock)

    async def own_pages(request: AnyRequest) -> None:
        """Hear only pages of this host and of the company's own sites; browsers name two media types of their own."""
        if not desk.house.serving.is_own(request.headers.get("origin")):
            check_origin(request)

    @post(REPORTS, status_code=204, include_in_schema=False, before_request=own_pages)
    async def take(request: AnyRequest) -> Response[None]:
        """Keep the undeclared hosts of a report; a declared one that waits for consent is no news."""
        if pace.wait(request.client.host if request.client else ""):
            raise Refusal("too_many", "cookies.tags")
        hosts = reported(parse(await request.body()), request.url.hostname or "")
        strange = undeclared(desk.house.in_force().policy, hosts)
        if strange:
            await sync_to_thread(note, desk.house, strange)
        return Response(None, status_code=204)

    return [take]


@retried
def note(house: House, hosts: tuple[str, ...]) -> None:
    """Count a report of hosts that no tag declares, and forget those that nobody reported for a month.

    Clause: cookies.tags (Telecommunications Business Act 27-12)
    """
    now = house.clock.now()
    with house.store.read() as tx:
        fresh = {one.host for one in store.reports(tx) if now < one.last + AGAIN}
    if set(hosts) <= fresh:
        return
    with house.store.write() as tx:
        store.forget_reports(tx, now - KEPT)
        known = {one.host: one for one in store.reports(tx)}
        for host in hosts:
            if host in known and now >= known[host].last + AGAIN:
                store.count_report(tx, host, now)
            elif host not in known and len(known) < MOST:
                known[host] = store.put_report(tx, host, now)
