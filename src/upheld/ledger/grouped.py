"""Entries that may be durable a moment later: machine reads tell the ledger together, at most 50 ms after the answer.

A crash loses at most what the window holds; which reads may do so the policy says (strict is the rule). Nothing is
ever dropped: when the queue is full a reader waits, and when writing fails for good readers are refused.
Clause: security.technical
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from dataclasses import replace

from upheld.db import Store, StoreBusyError, UpheldError
from upheld.ledger.actions import Ledger
from upheld.ledger.model import NewEntry
from upheld.ledger.store import SealedEntry, put_sealed

log = logging.getLogger("upheld.ledger")

WINDOW = 0.05
"""Seconds between an answer and the moment its entry is durable, at most, while the store can write."""

MOST = 4096
_TRIES = 5


class Grouped:
    """Takes entries of many threads and writes them together. Call `close` at the end: it writes what waits."""

    def __init__(self, data: Store, ledger: Ledger, *, window: float = WINDOW, most: int = MOST) -> None:
        """Start the thread that writes; `most` is how many entries may wait."""
        self._store = data
        self._ledger = ledger
        self._window = window
        self._most = most
        self._waiting: list[NewEntry] = []
        self._turn = threading.Condition()
        self._told = 0
        self._durable = 0
        self._closing = False
        self._hurry = False
        self._failed = False
        self._hot = data.hot()
        self._thread = threading.Thread(target=self._run, name="upheld-grouped", daemon=True)
        self._thread.start()

    def tell(self, entry: NewEntry) -> None:
        """Take an entry; waits while the queue is full, raises StoreBusyError when entries can no longer be written."""
        with self._turn:
            while len(self._waiting) >= self._most and not self._failed:
                self._turn.wait()
            if self._failed or self._closing:
                raise StoreBusyError
            self._waiting.append(entry)
            self._told += 1
            if len(self._waiting) in (1, self._most):
                self._turn.notify_all()

    def flush(self) -> None:
        """Wait until everything told so far is durable; raises StoreBusyError when that cannot be."""
        with self._turn:
            wanted = self._told
            self._hurry = True
            self._turn.notify_all()
            while self._durable < wanted and not self._failed:
                self._turn.wait()
            if self._failed:
                raise StoreBusyError

    def close(self) -> None:
        """Write what waits and end the thread."""
        with self._turn:
            self._closing = True
            self._turn.notify_all()
        self._thread.join()
        self._hot.close()

    def _run(self) -> None:
        while entries := self._next():
            done = self._written(entries)
            with self._turn:
                self._durable += len(entries) if done else 0
                self._failed = self._failed or not done
                self._turn.notify_all()

    def _next(self) -> list[NewEntry]:
        """Wait for entries, then for as long as the window lasts, and take all; empty at the end."""
        with self._turn:
            while not self._waiting and not self._closing:
                self._hurry = False
                self._turn.wait()
            if not self._hurry and not self._closing and len(self._waiting) < self._most:
                self._turn.wait_for(self._due, self._window * 0.8)
            taken, self._waiting = self._waiting, []
            self._turn.notify_all()
            return taken

    def _due(self) -> bool:
        return self._hurry or self._closing or len(self._waiting) >= self._most

    def _written(self, entries: Sequence[NewEntry]) -> bool:
        for _ in range(_TRIES):
            try:
                sealed = self._sealed(entries)
                with self._hot.writing():
                    put_sealed(self._hot, sealed, self._store.dialect)
            except Exception:
                log.warning("entries of grouped reads could not be written", exc_info=True)
                continue
            return True
        return False

    def _sealed(self, entries: Sequence[NewEntry]) -> list[SealedEntry]:
        """Seal entries; one about a person whose key was destroyed since names nobody."""
        try:
            return self._ledger.seal(entries)
        except UpheldError:
            return [one for entry in entries for one in self._alone(entry)]

    def _alone(self, entry: NewEntry) -> list[SealedEntry]:
        try:
            return self._ledger.seal([entry])
        except UpheldError as error:
            if entry.subject is None or not error.diagnostic.permanent:
                raise
            return self._ledger.seal([replace(entry, subject=None, seal=None, body={"subject": "erased"})])
