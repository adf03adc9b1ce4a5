"""Pace: how fast a service is called, so that its operator never has to refuse and the company's own programs keep their share.

One pace for each service, credential and method of a process. Several processes share a credential only by sharing
out its rate in their settings.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache

Key = tuple[str, str, str]
"""Service, credential by its name, and the operator's method or group of methods that has a limit of its own."""


@dataclass(frozen=True, slots=True)
class Rate:
    """So many calls in any stretch of so many seconds, so many of them at once without waiting between.

    `burst` is part of `calls`, so that a window that slides never sees more than `calls`. `at_once` calls may be
    under way together.
    """

    calls: int
    seconds: float
    burst: int = 1
    at_once: int = 1

    def __post_init__(self) -> None:
        """Refuse a rate that never lets a call go, or one that is all burst: raises ValueError."""
        if not 1 <= self.burst < self.calls or self.seconds <= 0 or self.at_once < 1:
            raise ValueError("a rate has 1 <= burst < calls, a time above zero, and room for one call")

    @property
    def every(self) -> float:
        """Give the seconds between two calls once the burst is used."""
        return self.seconds / (self.calls - self.burst)


@dataclass(frozen=True, slots=True)
class Bucket:
    """What is left of a rate, as one number: the second at which it would be full again."""

    rate: Rate
    full_at: float = -math.inf


def drawn(bucket: Bucket, now: float) -> tuple[Bucket, float]:
    """Take one call out of a bucket: gives what is left and the seconds that this call has to wait."""
    rate = bucket.rate
    start = max(now, bucket.full_at - (rate.burst - 1) * rate.every)
    return replace(bucket, full_at=max(bucket.full_at, start) + rate.every), start - now


def emptied(bucket: Bucket, until: float) -> Bucket:
    """Let no call go before a moment, and none of the burst right after it: the operator has said that it is too much."""
    return replace(bucket, full_at=max(bucket.full_at, until + (bucket.rate.burst - 1) * bucket.rate.every))


class SpentError(Exception):
    """The share of today's calls that is ours is used up; the rest belongs to the company's own programs."""


class Pace:
    """Lets calls go in their turn. Safe for threads; `now` and `sleep` count seconds and are passed in by tests."""

    def __init__(self, now: Callable[[], float] = time.monotonic, sleep: Callable[[float], None] = time.sleep) -> None:
        """Begin with full buckets."""
        self._now, self._sleep = now, sleep
        self._lock = threading.Lock()
        self._buckets: dict[Key, Bucket] = {}
        self._slots: dict[Key, threading.BoundedSemaphore] = {}
        self._left: dict[Key, int] = {}
        self._period: dict[Key, str] = {}

    @contextmanager
    def turn(self, key: Key, rate: Rate) -> Iterator[None]:
        """Wait for the turn of one call and hold one of the places for calls under way until the block ends.

        Raises SpentError where a ration was set and is used up; nothing is called then.
        """
        with self._lock:
            slot = self._slots.setdefault(key, threading.BoundedSemaphore(rate.at_once))
        with slot:
            with self._lock:
                if self._left.get(key, 1) < 1:
                    raise SpentError
                if key in self._left:
                    self._left[key] -= 1
                self._buckets[key], wait = drawn(self._buckets.get(key, Bucket(rate)), self._now())
            if wait > 0:
                self._sleep(wait)
            yield

    def pause(self, key: Key, rate: Rate, seconds: float) -> None:
        """Let no call go for so many seconds: the operator refused one although it should have been in time."""
        with self._lock:
            self._buckets[key] = emptied(self._buckets.get(key, Bucket(rate)), self._now() + seconds)

    def ration(self, key: Key, calls: int) -> None:
        """Allow so many calls from now on, however fast; setting it again starts anew."""
        with self._lock:
            self._left[key] = max(calls, 0)

    def new_period(self, key: Key, period: str) -> bool:
        """Say to the first who asks that a day, or whatever the operator counts in, is new; its ration is then open."""
        with self._lock:
            if self._period.get(key) == period:
                return False
            self._period[key] = period
            self._left.pop(key, None)
            return True

    def forget_period(self, key: Key) -> None:
        """Let the next who asks be the first again: this one could not find out what is left."""
        with self._lock:
            self._period.pop(key, None)


@cache
def of_process() -> Pace:
    """Give the pace that all services of this process share."""
    return Pace()
