"""A thread that looks again and again: it outlives what it meets, and says of it no more than a code."""

from __future__ import annotations

import threading

import pytest

from upheld.db import StoreBusyError
from upheld.workflows import Watch

SAID = "a value of hanako@example.co.jp"


class Stumbling(Watch):
    """Fails twice, each time in another way, then finds something to do."""

    name, failed = "stumbling", "nothing was done"

    def __init__(self) -> None:
        super().__init__(0.001)
        self.looked = 0
        self.done = threading.Event()

    def look(self) -> bool:
        self.looked += 1
        return self._tried(self._act, otherwise=False)

    def _act(self) -> bool:
        if self.looked == 1:
            raise ValueError(SAID)
        if self.looked == 2:
            raise StoreBusyError
        self.done.set()
        return True


def test_a_watch_outlives_what_fails_and_tells_the_code_alone(caplog: pytest.LogCaptureFixture) -> None:
    """After two failures the third look still comes; the log has kind and code and nothing of what was at hand."""
    watch = Stumbling()
    watch.start()
    assert watch.done.wait(10)
    watch.stop()
    assert [record.getMessage() for record in caplog.records][:2] == [
        "nothing was done: ValueError",
        f"nothing was done: {StoreBusyError().diagnostic.code}",
    ]
    assert SAID not in caplog.text
    assert not watch._thread.is_alive()
