"""Rows written together come back as they were, whatever their columns hold."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa

from upheld.db import Insert, Store, UtcMs, to_ms
from upheld.db.packed import kind

MOMENT = datetime(2026, 11, 22, 9, 30, 0, 123_000, tzinfo=UTC)
things = sa.Table(
    "packed_things",
    sa.MetaData(),
    sa.Column("id", sa.LargeBinary(16), primary_key=True),
    sa.Column("word", sa.String(40), nullable=False),
    sa.Column("told", sa.Text),
    sa.Column("count", sa.Integer),
    sa.Column("total", sa.BigInteger, nullable=False),
    sa.Column("open", sa.Boolean),
    sa.Column("day", sa.Date),
    sa.Column("at", UtcMs, nullable=False),
    sa.Column("raw", sa.LargeBinary),
)
ROWS = [
    (b"\x00" * 16, "例示", None, -1, 2**40, True, date(2026, 2, 28), MOMENT, b""),
    (b"\x01" * 16, "", "it's {\"quoted\",\\N}", None, -(2**40), False, date(1999, 12, 31), MOMENT, b"\x00\xff"),
    (b"\x02" * 16, "a,b", "", 2**31 - 1, 0, None, None, MOMENT, None),
]


@pytest.mark.parametrize("rows", [ROWS, ROWS[:1], ROWS[2:], [ROWS[0], (b"\x03" * 16, *ROWS[0][1:])]])
def test_rows_come_back_as_they_were(place: Callable[[], Path | str], rows: list[tuple[object, ...]]) -> None:
    """Texts with quotes, empty ones, missing values, days before 2000 and large numbers are what was written."""
    store = Store(place())
    with store.write() as tx:
        things.create(tx)
        Insert(things)(tx, [(*row[:7], to_ms(MOMENT), row[8]) for row in rows])
    with store.read() as tx:
        assert [tuple(row) for row in tx.execute(sa.select(things).order_by(things.c.id))] == rows
    store.close()


def test_a_type_nobody_packs_is_refused() -> None:
    """A table with a column of another type is found out when its statement is spelled, not when a row is lost."""
    assert kind("VARCHAR(64)") == "VARCHAR"
    with pytest.raises(ValueError, match="not packed"):
        kind("DOUBLE PRECISION")
