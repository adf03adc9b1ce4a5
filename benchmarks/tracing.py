"""Script time from a browser's trace: CPU of the page's main thread in scripts, up to a mark."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

CATEGORIES = ("-*", "devtools.timeline", "v8.execute", "blink.user_timing", "toplevel")
SCRIPT = frozenset({"EvaluateScript", "FunctionCall", "RunMicrotasks", "v8.compile"})
TASK = frozenset({"ThreadControllerImpl::RunTask"})
MARK = "upheld-visible"
WATCHER = "upheldWatch"
WATCH = f"""(() => {{ const {WATCHER} = () => {{ const node = document.querySelector(%s), box = node && node.getBoundingClientRect();
if (box && box.width && box.top < innerHeight && node.checkVisibility({{opacityProperty: true, visibilityProperty: true}})) performance.mark("{MARK}");
else requestAnimationFrame({WATCHER}); }}; requestAnimationFrame({WATCHER}); }})()"""
"""Looks in each frame whether the banner is seen, and marks the first in which it is; what this costs is not counted."""


@dataclass(frozen=True, slots=True)
class Spent:
    """What a page cost up to the mark, in ms: CPU in scripts, CPU of the whole main thread, time on the wall."""

    script: float
    thread: float
    wall: float


def spent(events: Iterable[Mapping[str, Any]]) -> Spent:
    """Add up a trace. Raises ValueError where the page was never begun or the mark is missing.

    CPU is the thread's own clock (`tdur`): a host that is busy with others does not count.
    """
    told = sorted((one for one in events if "ts" in one), key=lambda one: (one["ts"], -one.get("dur", 0)))
    mark = next((one for one in told if one["name"] == MARK), None)
    if mark is None:
        raise ValueError("the mark is not in the trace")
    own = [one for one in told if (one["pid"], one["tid"]) == (mark["pid"], mark["tid"]) and one["ts"] <= mark["ts"]]
    began = next((one["ts"] for one in reversed(own) if one["name"] == "navigationStart"), None)
    if began is None:
        raise ValueError("the page was not begun")
    slices = [one for one in own if one.get("ph") == "X" and one["ts"] >= began]
    return Spent(_outermost(slices, SCRIPT), _outermost(slices, TASK), (mark["ts"] - began) / 1000)


def _outermost(slices: Iterable[Mapping[str, Any]], names: frozenset[str]) -> float:
    """Give the CPU in ms of the slices with these names that lie in no other of them, less what the watcher took."""
    end, total = 0, 0
    for one in slices:
        watches = one["name"] == "FunctionCall" and one["args"]["data"].get("functionName") == WATCHER
        inside = one["ts"] < end
        if watches:
            total -= one.get("tdur", 0) if inside else 0
        elif one["name"] in names and not inside:
            total += one.get("tdur", 0)
        else:
            continue
        end = max(end, one["ts"] + one.get("dur", 0))
    return total / 1000
