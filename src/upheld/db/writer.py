"""The writer: one thread that does many acts in one transaction, so that they share its flush, and answers after it.

What waits is bounded, by number and by bytes: beyond it a caller is told at once when to try again. A batch that
fails is rolled back and its acts are done one by one, so that only the bad one gets the error.
"""

from __future__ import annotations

import asyncio
import logging
import math
import random
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

import sqlalchemy as sa

from upheld.db.crash import crash_point
from upheld.db.errors import StoreBusyError, StoreConflictError, UpheldError
from upheld.db.store import TRIES, Store

log = logging.getLogger("upheld.db")

R = TypeVar("R")
R_co = TypeVar("R_co", covariant=True)

MOST = 4096
MOST_BYTES = 8 * 1024 * 1024
BATCH = 256
STOP_SECONDS = 10.0
_PAUSE = 0.002
_OWED_PAUSE = 0.05


class Command(Protocol[R_co]):
    """One act in a transaction that it shares with others.

    `size` is roughly its bytes. `again` says whether it may be done once more when nobody knows whether its commit
    came through: it then finds out by itself, by an idempotency key for example.
    """

    @property
    def size(self) -> int:
        """Give how much room it takes while it waits, in bytes."""
        ...

    @property
    def again(self) -> bool:
        """Say whether doing it twice is harmless."""
        ...

    def check(self, tx: sa.Connection) -> R_co | None:
        """Look at what stands and refuse, changing nothing; gives an answer when there is nothing to write."""
        ...

    def write(self, tx: sa.Connection) -> R_co:
        """Do it; sees what earlier acts of the batch wrote."""
        ...


class Desk(Protocol):
    """Does for a whole batch at once what each act would otherwise do for itself."""

    def before(self, commands: Sequence[Any]) -> None:
        """Make durable in the other store what the acts need, before their transaction."""
        ...

    def look(self, tx: sa.Connection, commands: Sequence[Any]) -> None:
        """Take the rows that the acts will decide by, in one order, into the transaction's notebook."""
        ...


class WriterFullError(UpheldError):
    """Too much waits to be written; nothing of this was."""

    code = "busy"
    clause = "security.technical"
    next_step = "Try again after the seconds told."
    permanent = False

    def __init__(self, retry_after: int = 1) -> None:
        """Say after how many seconds there should be room."""
        super().__init__()
        self.retry_after = retry_after


class WriterStoppedError(WriterFullError):
    """The writer ends and takes nothing more."""


@dataclass(slots=True, eq=False)
class _Waiting(Generic[R]):
    command: Command[R]
    loop: asyncio.AbstractEventLoop | None
    future: Any
    answer: R | None = None
    error: BaseException | None = None

    def tell(self) -> None:
        """Resolve the future; whoever gave up waiting is not told."""
        if self.future is None or self.future.done():
            return
        if self.error is not None:
            self.future.set_exception(self.error)
        else:
            self.future.set_result(self.answer)


class Writer:
    """Writes to one data store for one process. Safe to share between threads; the thread starts with the first act.

    Clause: security.technical
    """

    def __init__(
        self, store: Store, desk: Desk | None = None, *, most: int = MOST, most_bytes: int = MOST_BYTES,
        stirred: Callable[[], object] = lambda: None, reading: bool = False,
    ) -> None:  # fmt: skip
        """Write to `store`; `stirred` is called after each commit. With `reading` the acts only look."""
        self._reading = reading
        self._store = store
        self._desk = desk
        self._most, self._most_bytes = most, most_bytes
        self._stirred = stirred
        self._waiting: deque[_Waiting[Any]] = deque()
        self._bytes = 0
        self._there = threading.Condition()
        self._thread: threading.Thread | None = None
        self._busy = False
        self._owed: list[_Waiting[Any]] = []
        self._stopping = False
        self._rate = 0.0

    # callers

    def run(self, command: Command[R]) -> R:
        """Do an act and give its answer once it is durable; raises what it raises, or WriterFullError."""
        if not self._reading and self._store.writing_here():
            raise RuntimeError("this thread holds the store's write transaction, which the writer would wait for")
        future: Future[R] = Future()
        self._put(_Waiting(command, None, future))
        return future.result()

    async def ask(self, command: Command[R]) -> R:
        """Do as `run` for a coroutine, which waits without a thread."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[R] = loop.create_future()
        self._put(_Waiting(command, loop, future))
        return await future

    def note(self, command: Command[Any]) -> None:
        """Hand in what the next batch writes, without waiting for it; waits only for room.

        For entries about what has been decided already. They are never dropped: what cannot be written is tried
        again with each batch, and until it is written no more is taken (WriterStoppedError).
        """
        while not self._noted(command):
            time.sleep(_PAUSE)

    async def note_soon(self, command: Command[Any]) -> None:
        """Do as `note` for a coroutine, which waits for room without a thread."""
        while not self._noted(command):
            await asyncio.sleep(_PAUSE)

    def _noted(self, command: Command[Any]) -> bool:
        if self._owed:
            raise WriterStoppedError
        try:
            self._put(_Waiting(command, None, None))
        except WriterStoppedError:
            raise
        except WriterFullError:
            return False
        return True

    @property
    def depth(self) -> int:
        """Give how many acts wait."""
        return len(self._waiting)

    @property
    def busy(self) -> bool:
        """Say whether a batch is being done."""
        return self._busy

    @property
    def alive(self) -> bool:
        """Say whether acts are taken."""
        return not self._stopping and (self._thread is None or self._thread.is_alive())

    def stop(self, seconds: float = STOP_SECONDS) -> bool:
        """Take nothing more, finish what waits, end; false when that took longer than `seconds`."""
        with self._there:
            self._stopping = True
            self._there.notify_all()
        if self._thread is None:
            return True
        self._thread.join(timeout=seconds)
        return not self._thread.is_alive()

    def _put(self, waiting: _Waiting[Any]) -> None:
        size = waiting.command.size
        with self._there:
            if not self.alive:
                raise WriterStoppedError
            depth = len(self._waiting)
            if depth >= self._most or (depth and self._bytes + size > self._most_bytes):
                raise WriterFullError(max(1, math.ceil(depth / self._rate)) if self._rate else 1)
            self._waiting.append(waiting)
            self._bytes += size
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="upheld-writer", daemon=True)
                self._thread.start()
            self._there.notify()

    # the thread

    def _work(self) -> None:
        while batch := self._take():
            begun = time.monotonic()
            try:
                self._together(batch)
            except Exception as error:  # a thread that dies would leave callers waiting for ever
                log.error("writing failed: %s", type(error).__name__)  # noqa: TRY400 - no traceback: it may quote data
                for one in batch:
                    one.error = error
            self._owed = [one for one in batch if one.future is None and one.error is not None]
            self._busy = False
            self._tell(batch)
            rate = len(batch) / max(time.monotonic() - begun, 1e-6)
            self._rate = 0.8 * self._rate + 0.2 * rate if self._rate else rate

    def _take(self) -> list[_Waiting[Any]]:
        """Take what is there, without lingering; nothing once the writer stops and the queue is empty."""
        with self._there:
            while not self._waiting and not self._stopping:
                if not self._there.wait(_OWED_PAUSE if self._owed else None) and self._owed:
                    break
            batch = [self._waiting.popleft() for _ in range(min(BATCH, len(self._waiting)))]
            self._bytes -= sum(one.command.size for one in batch)
            self._busy = True
            return [*self._owed, *batch]

    def _together(self, batch: Sequence[_Waiting[Any]]) -> None:
        """Do a batch in one transaction; where that fails, each act in one of its own."""
        for attempt in range(1, TRIES):
            try:
                self._transaction(batch)
            except StoreConflictError:
                time.sleep(random.uniform(0, 0.005 * 2**attempt))  # noqa: S311 - spreads retries, no secret
            except _OutcomeUnknownError:
                self._find_out(batch)
                return
            except Exception:  # one of them is bad
                break
            else:
                return
        for one in batch:
            self._alone(one)

    def _alone(self, one: _Waiting[Any]) -> None:
        for attempt in range(1, TRIES + 1):
            try:
                self._transaction([one])
            except StoreConflictError as error:
                one.error = error
                time.sleep(random.uniform(0, 0.005 * 2**attempt))  # noqa: S311 - as above
            except _OutcomeUnknownError:
                self._find_out([one])
                return
            except Exception as error:
                one.error = error
                return
            else:
                return

    def _find_out(self, batch: Sequence[_Waiting[Any]]) -> None:
        """After a connection lost in its commit: do again what finds out by itself, and say `busy` of the rest."""
        for one in batch:
            one.answer, one.error = None, StoreBusyError()
            if one.command.again:
                time.sleep(_PAUSE)
                self._alone_once(one)

    def _alone_once(self, one: _Waiting[Any]) -> None:
        try:
            self._transaction([one])
        except _OutcomeUnknownError:
            one.error = StoreBusyError()
        except Exception as error:
            one.error = error

    def _transaction(self, batch: Sequence[_Waiting[Any]]) -> None:
        commands = [one.command for one in batch]
        if self._desk is not None:
            self._desk.before(commands)
        done = False
        try:
            with self._store.read() if self._reading else self._store.write() as tx:
                if self._desk is not None:
                    self._desk.look(tx, commands)
                for one in batch:
                    self._one(tx, one)
                if not self._reading:
                    crash_point("writer.before_commit")
                    done = True
        except StoreBusyError:
            if done:
                raise _OutcomeUnknownError from None
            raise
        if not self._reading:
            crash_point("writer.after_commit")
            self._stirred()

    def _one(self, tx: sa.Connection, one: _Waiting[Any]) -> None:
        one.answer = one.error = None
        try:
            one.answer = one.command.check(tx)
        except (StoreBusyError, StoreConflictError):
            raise
        except UpheldError as refused:  # nothing was written, so the others need not be rolled back
            one.error = refused
            return
        if one.answer is None:
            one.answer = one.command.write(tx)

    @staticmethod
    def _tell(batch: Sequence[_Waiting[Any]]) -> None:
        """Resolve the futures, those of one event loop with one call into it."""
        loops: dict[asyncio.AbstractEventLoop, list[_Waiting[Any]]] = {}
        for one in batch:
            if one.loop is None:
                one.tell()
            else:
                loops.setdefault(one.loop, []).append(one)
        for loop, waiting in loops.items():
            try:
                loop.call_soon_threadsafe(_tell_all, waiting)
            except RuntimeError:  # the loop is closed: nobody waits there any more
                continue


class _OutcomeUnknownError(Exception):
    """The connection was lost while it committed."""


def _tell_all(waiting: Sequence[_Waiting[Any]]) -> None:
    for one in waiting:
        one.tell()
