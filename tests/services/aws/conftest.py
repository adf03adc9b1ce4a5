"""One account a module, emptied between tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.services.aws.account import AwsDouble, Stage, staged


@pytest.fixture(scope="session")
def stage() -> Iterator[Stage]:
    with staged() as one:
        yield one


@pytest.fixture
def double(stage: Stage) -> AwsDouble:
    return AwsDouble(stage)
