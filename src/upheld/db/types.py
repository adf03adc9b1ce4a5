"""Column types shared by the rooms."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from sqlalchemy import BigInteger
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator

_EPOCH = datetime.fromtimestamp(0, UTC)


def to_ms(value: datetime) -> int:
    """Give the milliseconds since 1970 of an aware datetime."""
    if value.tzinfo is None:
        raise ValueError("a stored time must be aware")
    return (value - _EPOCH) // timedelta(milliseconds=1)


def from_ms(value: int) -> datetime:
    """Give the UTC datetime of milliseconds since 1970."""
    return _EPOCH + timedelta(milliseconds=value)


class UtcMs(TypeDecorator[datetime]):
    """An aware datetime, kept as milliseconds since 1970 in UTC and given back aware."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:
        """Turn the datetime into milliseconds; a naive one is a programming error."""
        return None if value is None else to_ms(value)

    def process_result_value(self, value: int | None, dialect: Dialect) -> datetime | None:
        """Turn milliseconds back into an aware UTC datetime."""
        return None if value is None else from_ms(value)
