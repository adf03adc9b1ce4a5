"""One running site for the tests of the legal bases; each test compares counts before and after."""

from collections.abc import Iterator

import pytest

from tests.support import Site


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    with Site() as running:
        yield running
