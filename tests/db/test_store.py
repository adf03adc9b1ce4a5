"""The store: durable, one writer at a time, nothing left of deleted bytes."""

from __future__ import annotations

import os
import subprocess
import sys
import threading

import pytest
import sqlalchemy as sa

from upheld.db import Store, StoreBusyError, StoreTooNewError, UpheldError
from upheld.db.migrate import version_table
from upheld.db.store import data_metadata


@pytest.fixture
def tables():
    metadata = sa.MetaData()
    sa.Table("thing", metadata, sa.Column("id", sa.Integer, primary_key=True), sa.Column("value", sa.Text))
    return metadata


@pytest.fixture
def store(tmp_path, tables):
    opened = Store(tmp_path / "data" / "data.db", tables, busy_seconds=0.3)
    yield opened
    opened.close()


def put(store, number, value):
    with store.write() as tx:
        tx.execute(sa.insert(store.metadata.tables["thing"]).values(id=number, value=value))


def values(store):
    with store.read() as tx:
        return tx.execute(sa.select(store.metadata.tables["thing"].c.value)).scalars().all()


def test_what_was_committed_is_there_after_opening_again(store, tables):
    """A committed row is found by the next process that opens the file."""
    put(store, 1, "kept")
    store.close()
    assert values(Store(store.path, tables)) == ["kept"]


def test_an_error_inside_a_write_leaves_nothing(store):
    """A transaction that fails leaves the store as it was."""
    thing = store.metadata.tables["thing"]

    def fail():
        with store.write() as tx:
            tx.execute(sa.insert(thing).values(id=1, value="half"))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert values(store) == []
    put(store, 1, "whole")
    assert values(store) == ["whole"]


def test_a_reader_sees_one_state(store):
    """A read transaction does not see what is committed after it began."""
    put(store, 1, "before")
    thing = store.metadata.tables["thing"]
    with store.read() as tx:
        first = tx.execute(sa.select(sa.func.count()).select_from(thing)).scalar()
        put(store, 2, "after")
        assert tx.execute(sa.select(sa.func.count()).select_from(thing)).scalar() == first == 1


def test_writers_of_many_threads_lose_no_update(store):
    """Four threads that each add one twenty-five times make a hundred."""
    put(store, 1, "0")
    thing = store.metadata.tables["thing"]

    def add():
        for _ in range(25):
            with store.write() as tx:
                old = int(tx.execute(sa.select(thing.c.value)).scalar_one())
                tx.execute(sa.update(thing).values(value=str(old + 1)))

    threads = [threading.Thread(target=add) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert values(store) == ["100"]


def test_a_writer_in_the_way_is_told_as_busy(store, tables):
    """A second process that cannot get the write lock is told to try again, and nothing is written."""
    other = Store(store.path, tables, busy_seconds=0.1)
    with store.write(), pytest.raises(StoreBusyError) as caught, other.write():
        pass
    assert not caught.value.diagnostics()[0].permanent


def test_one_action_is_one_transaction(store):
    """Opening a second write transaction in the same thread is refused instead of waiting for itself."""
    with store.write(), pytest.raises(RuntimeError), store.write():
        pass
    with store.write(), pytest.raises(RuntimeError):
        store.tidy()


def test_a_store_of_a_newer_release_is_refused(tmp_path):
    """A file with a newer schema is not touched, and the error says which versions."""
    store = Store(tmp_path / "data.db", data_metadata)
    with store.write() as tx:
        tx.execute(sa.update(version_table("data")).values(version_num="0099"))
    store.close()
    with pytest.raises(StoreTooNewError, match="schema 0099") as caught:
        Store(tmp_path / "data.db", data_metadata)
    assert caught.value.diagnostics()[0].code == "store_too_new"


def test_deleted_bytes_are_gone_from_every_file(store):
    """After a delete and an emptied log no file of the store holds the value."""
    put(store, 1, "Streng geheim 4711 " * 20)
    with store.write() as tx:
        tx.execute(sa.delete(store.metadata.tables["thing"]))
    assert store.tidy()
    for path in store.path.parent.iterdir():
        assert b"geheim 4711" not in path.read_bytes()


def test_the_file_is_for_its_owner_only(store):
    """Other accounts of the host cannot read the store."""
    assert store.path.stat().st_mode & 0o077 == 0


def test_an_error_says_code_clause_and_next_step():
    """Every error carries code, clause and next step; its words default to its own sentence."""

    class NoticeMissingError(UpheldError):
        """The notice was not shown."""

        code = "notice_not_shown"
        clause = "notice"
        next_step = "Show the notice."

    told = NoticeMissingError(fields=("email",)).diagnostics()[0]
    assert (told.code, told.clause, told.message) == ("notice_not_shown", "notice", "The notice was not shown.")
    assert (told.next, told.fields, told.permanent) == ("Show the notice.", ("email",), True)


def test_a_crash_point_ends_the_process_at_once():
    """The named step ends the process without clean-up; any other step is passed by."""
    code = "from upheld.db import crash_point\ncrash_point('a.b')\nprint('on')\ncrash_point('c.d')\nprint('no')"
    done = subprocess.run(
        [sys.executable, "-u", "-c", code],
        env={**os.environ, "UPHELD_CRASH_AT": "c.d"},
        capture_output=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (137, b"on\n")
