from __future__ import annotations

from pathlib import Path

import pytest

from tests.clusters import fresh_schema


@pytest.fixture
def place(tmp_path, engine):
    """Gives the place of a fresh store for the engine of this run."""
    made = iter(range(100))

    def give() -> Path | str:
        return fresh_schema() if engine == "postgresql" else tmp_path / f"store-{next(made)}.db"

    return give
