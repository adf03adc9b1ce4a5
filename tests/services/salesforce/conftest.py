from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.services.salesforce.double import START, SalesforceDouble, fresh_fake
from upheld.db import FixedClock
from upheld.services.contract import FaultProxy, serving


class Front:
    """Hands calls to whichever fake is under test now, so that one server does for a module."""

    fake: Any = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await self.fake(scope, receive, send)


@pytest.fixture(scope="module")
def wire() -> Iterator[tuple[Front, FaultProxy]]:
    """One server and one proxy for all tests of a module."""
    front = Front()
    with serving(front) as running:
        proxy = FaultProxy(running.url)
        yield front, proxy
        proxy.close()


@pytest.fixture
def double(wire: tuple[Front, FaultProxy]) -> Iterator[SalesforceDouble]:
    """A fresh organisation behind the same server."""
    front, proxy = wire
    clock = FixedClock(START)
    front.fake = fresh_fake(clock)
    made = SalesforceDouble(front.fake, clock, proxy)
    yield made
    made.close()
