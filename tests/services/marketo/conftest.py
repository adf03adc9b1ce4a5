"""One server and one proxy for the whole folder; each test has an instance of its own behind them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.services.marketo.double import Instance, Swap
from upheld.services.contract import FaultProxy, serving


@pytest.fixture(scope="session")
def swap_and_proxy() -> Iterator[tuple[Swap, FaultProxy]]:
    swap = Swap()
    with serving(swap) as running:
        proxy = FaultProxy(running.url)
        yield swap, proxy
        proxy.close()


@pytest.fixture
def instance(swap_and_proxy: tuple[Swap, FaultProxy]) -> Iterator[Instance]:
    made = Instance(*swap_and_proxy)
    yield made
    made.close()
