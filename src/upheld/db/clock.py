"""Time and ids: passed in everywhere, so that a test or a replay gives the same result twice."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Protocol

_TAILS, _LOW = 1 << 74, (1 << 62) - 1
"""How many ids a millisecond has, and the lower bits of their number, behind the variant."""


class Clock(Protocol):
    """Tells the time as an aware UTC datetime."""

    def now(self) -> datetime:
        """Give the present moment in UTC."""
        ...


class SystemClock:
    """The host's clock."""

    __slots__ = ()

    def now(self) -> datetime:
        """Give the present moment in UTC."""
        return datetime.now(UTC)


class FixedClock:
    """A clock that stands still until it is moved."""

    __slots__ = ("_now",)

    def __init__(self, now: datetime) -> None:
        """Start at `now`, which must be aware; it is kept in UTC."""
        self.set(now)

    def now(self) -> datetime:
        """Give the moment the clock was set to."""
        return self._now

    def set(self, now: datetime) -> None:
        """Put the clock at `now`."""
        if now.tzinfo is None:
            raise ValueError("a clock needs an aware datetime")
        self._now = now.astimezone(UTC)

    def advance(self, step: timedelta | None = None, **parts: float) -> datetime:
        """Move the clock by `step`, or by the parts of a timedelta (`days=3`), and give the new time."""
        self._now += step if step is not None else timedelta(**parts)
        return self._now


class Ids:
    """Makes ids: UUIDv7 for what may tell its time, 16 random bytes for a subject, which may not.

    Within one process ids of the same millisecond grow, so that a list sorted by id is in order of making.
    """

    def __init__(self, clock: Clock, random: Callable[[int], bytes] = os.urandom) -> None:
        """Take the time from `clock` and bytes from `random(count)`."""
        self._clock = clock
        self._random = random
        self._lock = threading.Lock()
        self._last = (0, 0)

    def random(self, count: int = 16) -> bytes:
        """Give `count` random bytes."""
        return self._random(count)

    def uuid7(self) -> bytes:
        """Give a new UUIDv7 as 16 bytes (RFC 9562; milliseconds, then 74 random or counted bits)."""
        return self.uuid7s(1)[0]

    def uuid7s(self, count: int) -> list[bytes]:
        """Give several new UUIDv7 of one millisecond, growing."""
        with self._lock:
            ms = int(self._clock.now().timestamp() * 1000)
            last_ms, last_tail = self._last
            tail = last_tail + 1 if ms == last_ms else int.from_bytes(self._random(10), "big") >> 7
            if tail + count > _TAILS:
                ms, tail = ms + 1, 0
            self._last = (ms, tail + count - 1)
        head = (ms << 80) | (0x7 << 76) | (0b10 << 62)
        return [
            (head | (one >> 62) << 64 | one & _LOW).to_bytes(16, "big") for one in range(tail, tail + count)
        ]


def uuid7_time(value: bytes) -> datetime:
    """Read the time out of a UUIDv7, in UTC to the millisecond."""
    return datetime.fromtimestamp(0, UTC) + timedelta(milliseconds=int.from_bytes(value[:6], "big"))
