"""Time and ids."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta

import pytest

from upheld.db import FixedClock, Ids, SystemClock, UtcMs, uuid7_time

NOON = datetime(2026, 11, 22, 3, 0, tzinfo=UTC)


def test_ids_of_one_moment_grow_and_tell_it():
    """Entry ids made in one millisecond sort in order of making and give that time back."""
    clock = FixedClock(NOON)
    ids = Ids(clock, random.Random(1).randbytes)
    made = [*(ids.uuid7() for _ in range(250)), *ids.uuid7s(249), ids.uuid7()]
    assert made == sorted(set(made))
    assert {uuid7_time(one) for one in made} == {NOON}
    assert all(one[6] >> 4 == 7 and one[8] >> 6 == 2 for one in made)
    clock.advance(seconds=1)
    assert uuid7_time(ids.uuid7()) == NOON + timedelta(seconds=1)


def test_the_same_source_gives_the_same_ids():
    """With clock and random source passed in, a run can be repeated."""
    first, second = (Ids(FixedClock(NOON), random.Random(7).randbytes) for _ in range(2))
    assert [first.uuid7(), first.random()] == [second.uuid7(), second.random()]


def test_clocks_speak_utc():
    """The system's clock and a set clock give aware UTC times; a naive time is refused."""
    assert SystemClock().now().tzinfo is UTC
    with pytest.raises(ValueError):
        FixedClock(datetime(2026, 11, 22))  # noqa: DTZ001 - the naive time is what is refused
    clock = FixedClock(datetime.fromisoformat("2026-11-22T12:00:00+09:00"))
    assert clock.now() == NOON
    assert clock.advance(timedelta(days=1)) == NOON + timedelta(days=1)


def test_a_stored_time_comes_back_aware():
    """Times are stored as milliseconds and come back in UTC."""
    column = UtcMs()
    stored = column.process_bind_param(NOON, None)
    assert column.process_result_value(stored, None) == NOON
    with pytest.raises(ValueError):
        column.process_bind_param(datetime(2026, 11, 22), None)  # noqa: DTZ001
