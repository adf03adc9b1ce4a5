"""A thread of a server that looks every few seconds whether there is something to do."""

from __future__ import annotations

import logging
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, ClassVar, TypeVar

from upheld.db import UpheldError

T = TypeVar("T")
log = logging.getLogger("upheld.watch")


class Watch(ABC):
    """Looks again and again until it is stopped. What fails is told by its code alone, and tried again.

    Nothing that a look raises ends the thread, or what it watches over would stay undone until the next start.
    """

    name: ClassVar[str]
    failed: ClassVar[str]
    """What the log says before the code when a look failed."""

    patience: ClassVar[float] = 10.0
    """For how many seconds the end waits for a look under way."""

    def __init__(self, seconds: float) -> None:
        """Prepare the thread; `seconds` is how long it rests between two looks."""
        self._seconds = seconds
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"upheld-{self.name}", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End; a look under way is waited for, as long as the patience lasts."""
        self._ended.set()
        self._thread.join(timeout=self.patience)

    @abstractmethod
    def look(self) -> Any:
        """Do what is due; raises nothing."""

    def _run(self) -> None:
        while not self._ended.wait(self._seconds):
            self.look()

    def _tried(self, act: Callable[[], T], otherwise: T) -> T:
        """Act and give what comes of it, or `otherwise` where it fails."""
        try:
            return act()
        except UpheldError as error:
            told = error.diagnostic.code
        except Exception as error:  # see the class: a thread must not die of anything
            told = type(error).__name__
        log.error("%s: %s", self.failed, told)  # no traceback: see web.answers
        return otherwise
