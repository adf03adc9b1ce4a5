"""The ledger under any order of appends, failures, integrations, erasures and restarts."""

from __future__ import annotations

import contextlib
import itertools
import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from tests.clusters import fresh_schema
from upheld.ledger import BodyErasedError, NewEntry, NotIntegratedError, verify_receipt
from upheld.ledger.tree import verify_consistency

people = st.sampled_from([b"a" * 16, b"b" * 16, None])


class CrashError(Exception):
    """Stands for the end of a process between two commits."""


@pytest.fixture
def machine(open_desk, engine):  # noqa: C901 - one machine, its rules side by side
    class LedgerMachine(RuleBasedStateMachine):
        def __init__(self):
            super().__init__()
            self.folder = Path(tempfile.mkdtemp())
            self.desk = open_desk(self.folder, fresh_schema() if engine == "postgresql" else None)
            self.other = self.desk.beside()
            self.waiting, self.placed, self.told, self.receipts = [], [], {}, {}
            self.signed = 0

        @rule(subject=people, number=st.integers(0, 5))
        def append(self, subject, number):
            entry = self.desk.append("collect.refused", subject, {"n": number}, clause=f"c.{number}")
            self.waiting.append(entry)
            self.told[entry] = (subject, number)

        @rule(subjects=st.lists(people, max_size=5), number=st.integers(0, 5))
        def append_many(self, subjects, number):
            words = {"clause": f"c.{number}", "policy_version": "2", "actor": "self"}
            batch = [NewEntry("collect.refused", body={"n": number}, subject=subject, **words) for subject in subjects]
            with self.desk.store.write() as tx:
                entries = self.desk.ledger.append_many(tx, batch)
            self.waiting += entries
            self.told |= {entry: (subject, number) for entry, subject in zip(entries, subjects, strict=True)}

        @rule(subject=people, number=st.integers(0, 12))
        def another_process_appends(self, subject, number):
            entry = self.other.append("collect.refused", subject, {"n": number}, clause=f"c.{number}")
            self.waiting.append(entry)
            self.told[entry] = (subject, number)

        @rule()
        def another_process_integrates(self):
            assert self.other.ledger.integrate() == len(self.waiting)
            self.place_all()

        @rule()
        def crash_before_signing(self):
            def ended():
                raise CrashError

            self.desk.ledger._sign = ended
            with contextlib.suppress(CrashError):
                self.desk.ledger.integrate()
            self.place_all(signed=False)
            self.desk.reopen()

        @rule()
        def crash_before_the_commit(self):
            def ended(*_):
                raise CrashError

            self.desk.ledger._grow = ended
            with contextlib.suppress(CrashError):
                self.desk.ledger.integrate()
            self.desk.reopen()

        @rule(number=st.integers(6, 9))
        def fail(self, number):
            with contextlib.suppress(ZeroDivisionError), self.desk.store.write() as tx:
                words = {"clause": f"c.{number}", "policy_version": "1", "actor": "self"}
                self.desk.ledger.append(tx, "collect.refused", body={}, **words)
                raise ZeroDivisionError

        @rule()
        def integrate(self):
            assert self.desk.ledger.integrate() == len(self.waiting)
            self.place_all()

        def place_all(self, *, signed=True):
            self.placed += sorted(self.waiting)
            self.waiting = []
            if signed:
                self.signed = len(self.placed)

        @rule(subject=people)
        def erase(self, subject):
            if subject is None:
                return
            self.desk.keys.destroy(subject)
            with self.desk.store.write() as tx:
                self.desk.ledger.drop_bodies(tx, subject)
            self.told = {
                entry: (None if who == subject else who, None if who == subject else number)
                for entry, (who, number) in self.told.items()
            }

        @rule()
        def restart(self):
            self.desk.reopen()

        @rule(data=st.data())
        def take_receipt(self, data):
            if self.placed:
                entry = data.draw(st.sampled_from(self.placed))
                if self.placed.index(entry) >= self.signed:
                    with pytest.raises(NotIntegratedError):
                        self.desk.ledger.receipt(entry)
                    return
                with contextlib.suppress(BodyErasedError):
                    self.receipts[entry] = self.desk.ledger.receipt(entry)

        @invariant()
        def positions_are_those_of_the_model(self):
            found = self.desk.ledger.entries_since(0, 10_000)
            assert [(entry.n, entry.id) for entry in found] == list(enumerate(self.placed))

        @invariant()
        def bodies_open_unless_erased(self):
            for entry, (_, number) in self.told.items():
                try:
                    assert self.desk.ledger.body(entry)["n"] == number
                except BodyErasedError:
                    assert number is None

        @invariant()
        def kept_receipts_hold(self):
            for entry, receipt in self.receipts.items():
                assert verify_receipt(receipt, self.desk.ledger.vkey).entry_id == entry

        def teardown(self):
            self.desk.ledger.integrate()
            assert self.desk.ledger.verify() == []
            signed = self.desk.ledger.checkpoints()
            for old, new in itertools.pairwise(signed):
                proof = self.desk.ledger.prove_consistency(old.size, new.size)
                assert verify_consistency(old.size, new.size, old.root, new.root, proof)
            self.other.store.close()
            self.desk.store.close()
            shutil.rmtree(self.folder)

    return LedgerMachine


@pytest.mark.slow
def test_the_ledger_holds_under_any_order_of_events(machine, engine):
    """Whatever happens in whatever order: positions are gap-free, receipts hold, erased bodies stay closed."""
    from hypothesis.stateful import run_state_machine_as_test

    count = 8 if engine == "postgresql" else 25
    run_state_machine_as_test(machine, settings=settings(max_examples=count, stateful_step_count=30, deadline=None))
