"""What is read from a browser's trace."""

from __future__ import annotations

from typing import Any

import pytest

from benchmarks.tracing import MARK, WATCHER, Spent, spent


def piece(name: str, ts: int, dur: int, tdur: int, *, tid: int = 1, function: str = "") -> dict[str, Any]:
    """Give a slice of a trace, times in µs."""
    return {"name": name, "ph": "X", "pid": 7, "tid": tid, "ts": ts, "dur": dur, "tdur": tdur, "args": {"data": {"functionName": function}}}


def instant(name: str, ts: int) -> dict[str, Any]:
    """Give a moment of a trace."""
    return {"name": name, "ph": "R", "pid": 7, "tid": 1, "ts": ts, "args": {}}


TRACE = [
    instant("navigationStart", 10_000),
    piece("EvaluateScript", 5_000, 900, 900),  # of the page before
    piece("ThreadControllerImpl::RunTask", 11_000, 9_000, 4_000),
    piece("EvaluateScript", 12_000, 6_000, 2_000),
    piece("v8.compile", 12_100, 500, 400),  # within it
    piece("EvaluateScript", 12_000, 6_000, 2_000, tid=2),  # on another thread
    piece("ThreadControllerImpl::RunTask", 30_000, 3_000, 2_000),
    piece("FunctionCall", 30_500, 1_000, 800, function=WATCHER),
    piece("RunMicrotasks", 32_000, 500, 300),
    instant(MARK, 40_000),
    piece("FunctionCall", 41_000, 1_000, 1_000),  # after it
]


def test_script_time_is_the_threads_own_and_ends_with_the_mark() -> None:
    """Counted once each: scripts of the page's own thread between start and mark, by CPU and not by the wall, less the watcher."""
    assert spent(reversed(TRACE)) == Spent(script=2.3, thread=5.2, wall=30.0)


@pytest.mark.parametrize("gone", ["navigationStart", MARK])
def test_a_trace_without_start_or_mark_is_no_figure(gone: str) -> None:
    """A page that never showed its banner gives no number."""
    with pytest.raises(ValueError, match="not"):
        spent([one for one in TRACE if one["name"] != gone])
