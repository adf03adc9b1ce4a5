"""G11: how long a consent takes at seven tenths of the own peak, beside the floor at the same rate, and beside an export.

Requests are due at fixed times and timed from then, so a server that falls behind is charged with the queue. The floor of
a request is what HTTP alone took at that rate, and then the bare insert of a row in its own commit.
"""

from __future__ import annotations

import statistics
import threading
from typing import Any

import httpx

from benchmarks import http
from benchmarks.engines import Engine, engines
from benchmarks.result import Check, Goal, Part
from benchmarks.serving import insert_seconds

SHARE = 0.7


def measure(*, quick: bool) -> Goal:
    """Measure G11 on both engines: three rounds, or seven, of which the medians count."""
    parts, count, rounds = [], 1000 if quick else 3000, 3 if quick else 7
    with engines() as both:
        for engine in both:
            seen = _rounds(engine, count, rounds)
            middle = {name: statistics.median(one[name] for one in seen) for name in seen[0]}
            note = (
                f"{middle['rate']:,.0f} a second; p99 {middle['ours']:,.1f} ms, floor {middle['floor']:,.1f} ms,"
                f" while an audience is exported {middle['beside']:,.1f} ms"
            )
            checks = (
                Check("p99 of the floor's", middle["ours"] / middle["floor"], 3),
                Check("p99 beside an export", middle["beside"] / middle["ours"], 1.5),
            )
            parts.append(Part("consents at 0.7 of the own peak", engine.name, checks, note=note, kept={"rounds": seen}))
            engine.clear()
    return Goal("G11", tuple(parts))


def _rounds(engine: Engine, count: int, rounds: int) -> list[dict[str, float]]:
    seen: list[dict[str, float]] = []
    folder = engine.data_folder()
    with http.floor_served() as bare, http.house_served(folder) as whole:
        people = http.known_people(*whole, count)
        bearer = http.bearer_of(folder, "audience:analyse")
        http.load(*whole, http.refusals(people, 0), 201)
        for number in range(1, rounds + 1):
            peak = http.load(*whole, http.refusals(people, 3 * number), 201)[0].per_wall
            seen.append(_once(engine, bare, whole, people, bearer, SHARE * peak, 3 * number))
    return seen


def _once(
    engine: Engine, bare: tuple[int, int], whole: tuple[int, int], people: list[str], bearer: dict[str, str], rate: float, number: int
) -> dict[str, float]:
    alone = http.load(*whole, http.refusals(people, number + 1), 201, pace=rate)[0].p99
    empty = http.load(*bare, http.nothing(len(people)), 201, pace=rate)[0].each
    rows = insert_seconds(engine, len(people), rate)
    floor = sorted(one + two for one, two in zip(empty, rows, strict=True))
    with _exporting(whole[1], bearer):
        beside = http.load(*whole, http.refusals(people, number + 2), 201, pace=rate)[0].p99
    return {"rate": rate, "ours": alone, "floor": floor[len(floor) * 99 // 100] * 1e3, "beside": beside}


class _exporting:  # noqa: N801 - read as a word after `with`
    """Export an audience over and over from one more connection."""

    def __init__(self, port: int, bearer: dict[str, str]) -> None:
        self._port, self._bearer, self._over = port, bearer, threading.Event()
        self._thread = threading.Thread(target=self._run)

    def _run(self) -> None:
        while not self._over.is_set():
            answer = httpx.post(
                f"http://127.0.0.1:{self._port}/api/v1/audience", json={"purpose": "analyse"}, headers=self._bearer, timeout=60
            )
            assert answer.status_code == 200, answer.text[:200]

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: Any) -> None:
        self._over.set()
        self._thread.join()
