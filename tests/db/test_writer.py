"""The writer: many acts in one transaction, answered after it, bounded, and each judged as if it came alone."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.clusters import fresh_schema
from upheld.db import Insert, Store, UpheldError, Writer, WriterFullError, WriterStoppedError, later, notebook
from upheld.db.store import data_metadata

account = sa.Table(
    "writer_account",
    sa.MetaData(),
    sa.Column("name", sa.String(20), primary_key=True),
    sa.Column("held", sa.Integer, nullable=False),
)
_SET = "DELETE FROM writer_account WHERE name = :name"
_PUT = Insert(account)


class TooLittleError(UpheldError):
    """There is less than is to be taken."""


@dataclass
class Add:
    """Put something in (or take it out); `bad` fails in the middle of its writing."""

    name: str
    amount: int
    bad: bool = False
    size: int = 100
    again: bool = False
    gate: threading.Event | None = field(default=None, repr=False)

    def held(self, tx: sa.Connection) -> int | None:
        seen = notebook(tx).seen
        if self.name in seen:
            return int(seen[self.name])
        return tx.execute(sa.select(account.c.held).where(account.c.name == self.name)).scalar()

    def check(self, tx: sa.Connection) -> int | None:
        if self.gate is not None:
            self.gate.wait(10)
        if (self.held(tx) or 0) + self.amount < 0:
            raise TooLittleError
        return None

    def write(self, tx: sa.Connection) -> int:
        now = (self.held(tx) or 0) + self.amount
        tx.execute(sa.text(_SET), {"name": self.name})
        later(tx, _PUT, (self.name, now))
        notebook(tx).seen[self.name] = now
        if self.bad:
            raise ValueError("in the middle")
        return now


@pytest.fixture
def store(tmp_path: Path, engine: str) -> Iterator[Store]:
    """Give a store with one more table, on the engine of the run."""
    made = Store(tmp_path / "w" / "data.db" if engine == "sqlite" else fresh_schema(), data_metadata)
    with made.write() as tx:
        account.create(tx, checkfirst=True)
    yield made
    made.close()


def taken(writer: Writer) -> None:
    """Wait until the writer works at the one act that was handed in."""
    until = time.monotonic() + 10
    while not writer.busy and time.monotonic() < until:
        time.sleep(0.001)
    assert writer.busy


def held(store: Store) -> dict[str, int]:
    with store.read() as tx:
        return {str(row.name): int(row.held) for row in tx.execute(sa.select(account))}


def test_a_batch_is_one_transaction_and_answers_after_it(store: Store) -> None:
    """What waits while another act is done is written with one commit, and each is answered with its own result."""
    stirred: list[int] = []
    writer = Writer(store, stirred=lambda: stirred.append(1))
    gate = threading.Event()
    threads = [threading.Thread(target=writer.run, args=(Add("first", 1, gate=gate),))]
    threads[0].start()
    taken(writer)
    got: list[int] = []
    threads += [threading.Thread(target=lambda: got.append(writer.run(Add("all", 1)))) for _ in range(20)]
    for thread in threads[1:]:
        thread.start()
    while writer.depth < 20:
        time.sleep(0.001)
    gate.set()
    for thread in threads:
        thread.join(timeout=10)
    assert sorted(got) == list(range(1, 21))
    assert len(stirred) == 2
    assert held(store) == {"first": 1, "all": 20}
    assert writer.stop()


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.tuples(st.sampled_from("abc"), st.integers(-3, 5), st.booleans()).map(lambda told: Add(*told)),
        min_size=1,
        max_size=25,
    )
)
def test_acts_together_end_as_acts_one_after_the_other(store: Store, acts: list[Add]) -> None:
    """Whatever is refused or fails in a batch, state and answers are those of doing each act alone, in order."""
    with store.write() as tx:
        tx.execute(sa.delete(account))
    expected, answers = model(acts)

    async def all_at_once(writer: Writer) -> list[int | BaseException]:
        return await asyncio.gather(*map(writer.ask, acts), return_exceptions=True)

    writer = Writer(store)
    with ThreadPoolExecutor(1) as aside:  # a browser of another test may keep a loop in this thread
        got = aside.submit(asyncio.run, all_at_once(writer)).result()
    assert writer.stop()
    assert [one if isinstance(one, int) else type(one) for one in got] == answers
    assert held(store) == expected


def model(acts: list[Add]) -> tuple[dict[str, int], list[int | type]]:
    """Do the acts on a plain dict."""
    state: dict[str, int] = {}
    answers: list[int | type] = []
    for act in acts:
        now = state.get(act.name, 0) + act.amount
        if now < 0:
            answers.append(TooLittleError)
        elif act.bad:
            answers.append(ValueError)
        else:
            state[act.name] = now
            answers.append(now)
    return state, answers


def test_a_full_queue_refuses_at_once_and_says_when_to_try_again(store: Store) -> None:
    """Beyond the bound callers are told the seconds to wait; what was taken is done, what was refused is not."""
    writer = Writer(store, most=5)
    gate = threading.Event()
    first = threading.Thread(target=writer.run, args=(Add("first", 1, gate=gate),))
    first.start()
    taken(writer)
    waiting = [threading.Thread(target=writer.run, args=(Add("some", 1),)) for _ in range(5)]
    for thread in waiting:
        thread.start()
    while writer.depth < 5:
        time.sleep(0.001)
    with pytest.raises(WriterFullError) as refused:
        writer.run(Add("some", 1))
    assert refused.value.retry_after >= 1
    assert refused.value.diagnostic.code == "busy"
    gate.set()
    for thread in (first, *waiting):
        thread.join(timeout=10)
    assert held(store) == {"first": 1, "some": 5}
    assert writer.run(Add("some", 1)) == 6
    assert writer.stop()


def test_a_queue_is_bounded_by_bytes_too(store: Store) -> None:
    """Few large acts fill the queue as many small ones do."""
    writer = Writer(store, most_bytes=1000)
    gate = threading.Event()
    first = threading.Thread(target=writer.run, args=(Add("first", 1, gate=gate),))
    first.start()
    taken(writer)
    large = threading.Thread(target=writer.run, args=(Add("large", 1, size=900),))
    large.start()
    while writer.depth < 1:
        time.sleep(0.001)
    with pytest.raises(WriterFullError):
        writer.run(Add("large", 1, size=200))
    gate.set()
    first.join(timeout=10)
    large.join(timeout=10)
    assert held(store) == {"first": 1, "large": 1}
    assert writer.stop()


def test_a_stopped_writer_finishes_what_waits_and_takes_no_more(store: Store) -> None:
    """Stopping does what was taken before it and refuses what comes after."""
    writer = Writer(store)
    gate = threading.Event()
    threads = [threading.Thread(target=writer.run, args=(Add("a", 1, gate=gate),))]
    threads += [threading.Thread(target=writer.run, args=(Add("a", 1),)) for _ in range(9)]
    threads[0].start()
    taken(writer)
    for thread in threads[1:]:
        thread.start()
    while writer.depth < 9:
        time.sleep(0.001)
    ended: list[bool] = []
    stopping = threading.Thread(target=lambda: ended.append(writer.stop()))
    stopping.start()
    while writer.alive:
        time.sleep(0.001)
    with pytest.raises(WriterStoppedError):
        writer.run(Add("a", 1))
    gate.set()
    for thread in (*threads, stopping):
        thread.join(timeout=15)
    assert ended == [True]
    assert held(store) == {"a": 10}


def test_what_was_only_handed_in_is_never_dropped(store: Store) -> None:
    """An entry that cannot be written is tried again until it can, and nothing more is taken meanwhile."""
    broken = threading.Event()
    broken.set()

    @dataclass
    class Note(Add):
        def write(self, tx: sa.Connection) -> int:
            if broken.is_set():
                raise OSError("the disk is full")
            return super().write(tx)

    writer = Writer(store)
    writer.note(Note("noted", 1))
    until = time.monotonic() + 10
    while time.monotonic() < until:
        try:
            writer.note(Add("noted", 0))
        except WriterStoppedError:
            break
        time.sleep(0.002)
    else:
        pytest.fail("entries were taken although the last one was not written")
    broken.clear()
    while held(store).get("noted") != 1 and time.monotonic() < until:
        time.sleep(0.01)
    assert held(store)["noted"] == 1
    assert writer.stop()


def test_whoever_holds_the_transaction_cannot_wait_for_the_writer(store: Store) -> None:
    """Waiting for the writer inside a transaction of one's own would never end, so it is refused."""
    writer = Writer(store)
    with store.write(), pytest.raises(RuntimeError):
        writer.run(Add("a", 1))
    assert writer.run(Add("a", 1)) == 1
    assert writer.stop()


def test_every_commit_is_flushed(store: Store) -> None:
    """The connections that write ask the engine to flush at each commit."""
    with store.write() as tx:
        if store.dialect == "sqlite":
            assert tx.exec_driver_sql("PRAGMA synchronous").scalar() == 2  # FULL
            assert tx.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
        else:
            assert tx.exec_driver_sql("SHOW synchronous_commit").scalar() == "on"
