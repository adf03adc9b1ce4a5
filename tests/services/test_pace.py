"""Pace: never more than the operator allows in any stretch of time, and not much less."""

from __future__ import annotations

import threading
from bisect import bisect_left
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from upheld.services.pace import Bucket, Pace, Rate, SpentError, drawn, emptied, of_process

KEY = ("marketo", "main", "rest")
gaps = st.lists(st.floats(0, 8, allow_nan=False), min_size=1, max_size=120)


@st.composite
def rates(draw: st.DrawFn) -> Rate:
    """Give rates of every shape."""
    calls = draw(st.integers(2, 40))
    return Rate(calls, draw(st.floats(0.5, 60)), burst=draw(st.integers(1, calls - 1)))


class Time:
    """Seconds that pass only by sleeping."""

    def __init__(self) -> None:
        self.now, self.slept = 0.0, 0.0

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        self.slept += seconds


@settings(max_examples=80)
@given(rate=rates(), gaps=gaps)
def test_no_stretch_of_time_sees_more_calls_than_the_rate(rate: Rate, gaps: list[float]) -> None:
    """However calls come, the window that the operator counts in never holds more than allowed."""
    bucket, now, times = Bucket(rate), 0.0, list[float]()
    for gap in gaps:
        now += gap
        bucket, wait = drawn(bucket, now)
        assert wait >= 0
        now += wait
        times.append(now)
    for index, moment in enumerate(times):
        first = bisect_left(times, moment - rate.seconds + 1e-6)
        assert index - first + 1 <= rate.calls


@settings(max_examples=40)
@given(rate=rates(), count=st.integers(1, 300))
def test_who_never_stops_gets_the_whole_rate_but_its_burst(rate: Rate, count: int) -> None:
    """Back to back, the calls take no longer than one each `every` seconds."""
    bucket, now = Bucket(rate), 0.0
    for _ in range(count):
        bucket, wait = drawn(bucket, now)
        now += wait
    assert now <= count * rate.every
    assert now >= (count - rate.burst) * rate.every - 1e-6


def test_a_refusal_of_the_operator_stops_everything_for_a_while() -> None:
    """Nothing goes before the named moment, and after it one by one: the burst does not come back by waiting for it."""
    rate = Rate(calls=100, seconds=20, burst=20)
    bucket, wait = drawn(emptied(Bucket(rate), 50.0), 30.0)
    assert wait == pytest.approx(20)
    _, then = drawn(bucket, 50.0)
    assert then == pytest.approx(rate.every)


def test_each_credential_and_method_has_a_pace_of_its_own() -> None:
    """A busy one does not hold up another."""
    time = Time()
    pace, rate = Pace(lambda: time.now, time.sleep), Rate(calls=11, seconds=10)
    for _ in range(5):
        with pace.turn(KEY, rate):
            pass
    assert time.slept == pytest.approx(4.0)
    with pace.turn(("marketo", "other", "rest"), rate):
        pass
    assert time.slept == pytest.approx(4.0)
    pace.pause(KEY, rate, 30)
    with pace.turn(KEY, rate):
        pass
    assert time.slept == pytest.approx(34.0)


def test_a_ration_ends_although_the_rate_would_allow_more() -> None:
    """The rest of the day's calls are the company's own; the refused call is not counted as made."""
    time = Time()
    pace, rate = Pace(lambda: time.now, time.sleep), Rate(calls=100, seconds=1, burst=50)
    pace.ration(KEY, 2)
    for _ in range(2):
        with pace.turn(KEY, rate):
            pass
    with pytest.raises(SpentError), pace.turn(KEY, rate):
        raise AssertionError("called although nothing is left")
    pace.ration(KEY, 1)
    with pace.turn(KEY, rate):
        pass


def test_no_more_calls_are_under_way_than_there_are_places() -> None:
    """Twelve threads, three places: the fourth waits until one has come back, error or not."""
    pace, rate = Pace(), Rate(calls=10_000, seconds=1, burst=5_000, at_once=3)
    lock, under_way, most = threading.Lock(), 0, 0
    gate = threading.Barrier(3)

    def call() -> None:
        nonlocal under_way, most
        with suppress(threading.BrokenBarrierError), pace.turn(KEY, rate):
            with lock:
                under_way += 1
                most = max(most, under_way)
            gate.wait(timeout=10)  # three have to be in here together, or none comes through
            with lock:
                under_way -= 1
            raise threading.BrokenBarrierError  # a call that ends in an error gives its place back, too

    threads = [threading.Thread(target=call) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=20)
    assert (most, under_way) == (3, 0)


@pytest.mark.parametrize(
    ("calls", "seconds", "burst", "at_once"), [(1, 1.0, 1, 1), (5, 0.0, 1, 1), (5, 1.0, 5, 1), (5, 1.0, 0, 1), (5, 1.0, 1, 0)]
)
def test_a_rate_that_makes_no_sense_is_refused(calls: int, seconds: float, burst: int, at_once: int) -> None:
    """All burst and no refill would break the operator's window; nothing at once would never call."""
    with pytest.raises(ValueError, match="rate"):
        Rate(calls, seconds, burst, at_once)


def test_a_process_has_one_pace() -> None:
    """Two services opened for the same credential wait for each other."""
    assert of_process() is of_process()
