"""Entries of machine reads told together: durable within a moment, never dropped, and refused once they cannot be written."""

from __future__ import annotations

import threading

import pytest

from upheld.db import StoreBusyError, UpheldError
from upheld.ledger import NewEntry, leaves
from upheld.ledger.grouped import Grouped
from upheld.ledger.memory import KeysInMemory


def told(number: int, subject: bytes | None = b"s" * 16) -> NewEntry:
    return NewEntry("access.read", "security.technical", "1", "key:k", {"count": number}, subject)


def test_what_many_threads_tell_is_one_entry_each_after_a_flush(desk):
    """Eight readers tell fifty reads each; after a flush every one is an entry, and the log verifies."""
    grouped = Grouped(desk.store, desk.ledger, window=0.01, most=20)

    def read() -> None:
        for number in range(50):
            grouped.tell(told(number))

    readers = [threading.Thread(target=read) for _ in range(8)]
    for one in readers:
        one.start()
    for one in readers:
        one.join()
    grouped.flush()
    assert desk.ledger.integrate() == 400
    grouped.close()
    assert desk.ledger.verify() == []
    with desk.store.read() as tx:
        assert len(leaves.of_subject(tx, b"s" * 16)) == 400


def test_closing_writes_what_waits(desk):
    """An entry told just before the end is durable after it, and nothing is taken afterwards."""
    grouped = Grouped(desk.store, desk.ledger, window=60)
    grouped.tell(told(1))
    grouped.close()
    assert desk.ledger.integrate() == 1
    with pytest.raises(StoreBusyError):
        grouped.tell(told(2))


def test_readers_are_refused_once_entries_cannot_be_written(desk, monkeypatch):
    """When writing fails for good a flush and every later reader get the busy error; nothing is dropped in silence."""
    grouped = Grouped(desk.store, desk.ledger, window=0.001)
    monkeypatch.setattr(desk.ledger, "seal", lambda entries: 1 / 0)
    grouped.tell(told(1))
    with pytest.raises(StoreBusyError):
        grouped.flush()
    with pytest.raises(StoreBusyError):
        grouped.tell(told(2))
    grouped.close()


def test_an_entry_about_somebody_erased_since_names_nobody(desk, monkeypatch):
    """If a person's key is destroyed between read and entry, the entry is kept and names nobody; others are unharmed."""
    gone = b"g" * 16
    before = KeysInMemory.seal_body

    def seal_body(self, entry_id, subject, shred_class, body):
        if subject == gone:
            raise UpheldError(code="key_gone")
        return before(self, entry_id, subject, shred_class, body)

    monkeypatch.setattr(KeysInMemory, "seal_body", seal_body)
    grouped = Grouped(desk.store, desk.ledger, window=0.01)
    grouped.tell(told(1))
    grouped.tell(told(2, gone))
    grouped.flush()
    grouped.close()
    desk.ledger.integrate()
    with desk.store.read() as tx:
        entries = leaves.since(tx, 0, 10)
    assert sorted(entry.subject is None for entry in entries) == [False, True]
    assert desk.ledger.verify() == []


def test_a_hot_path_may_not_pass_a_projector_by(desk):
    """A kind that a room listens to cannot be sealed for a path that has no transaction to tell it in."""
    desk.ledger.subscribe("access.read", lambda tx, event: None)
    with pytest.raises(ValueError, match="projector"):
        desk.ledger.seal([told(1)])
