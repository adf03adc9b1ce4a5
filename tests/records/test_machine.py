"""The vault under any order of taking, reading, correcting, erasing and restarting."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

people = st.integers(0, 3)
classes = st.sampled_from(["marketing", "contract"])


def address(person):
    return f"person{person}@example.com"


@pytest.fixture
def machine(open_house):  # noqa: C901 - one machine, its rules side by side
    class VaultMachine(RuleBasedStateMachine):
        def __init__(self):
            super().__init__()
            self.folder = Path(tempfile.mkdtemp())
            self.house = open_house(self.folder / "house")
            self.held = {}
            self.gone = set()
            self.taken = 0

        @rule(person=people, shred_class=classes)
        def take(self, person, shred_class):
            self.taken += 1
            fields = {"email": address(person), "inquiry": f"text {self.taken}"}
            subject, record = self.house.collect(fields, shred_class=shred_class)
            known = self.held.setdefault(person, (subject, {}))
            assert known[0] == subject
            known[1][record] = (shred_class, fields)

        @rule(person=people, number=st.integers(0, 9))
        def correct(self, person, number):
            for record, (shred_class, fields) in list(self.held.get(person, (None, {}))[1].items())[:1]:
                anew = {**fields, "inquiry": f"corrected {number}"}
                with self.house.data.write() as tx:
                    self.house.vault.replace_fields(tx, self.house.vault.record(tx, record), anew)
                self.held[person][1][record] = (shred_class, anew)

        @rule(person=people)
        def erase(self, person):
            if person in self.held:
                subject, _ = self.held.pop(person)
                assert self.house.erase(subject).total
                self.gone.add((person, subject))

        @rule(person=people, shred_class=classes)
        def erase_class(self, person, shred_class):
            if person not in self.held:
                return
            subject, records = self.held[person]
            left = {record: kept for record, kept in records.items() if kept[0] != shred_class}
            assert self.house.erase(subject, [shred_class]).total == (not left)
            self.forget(person, left)

        @rule(person=people, data=st.data())
        def shred(self, person, data):
            if person not in self.held:
                return
            subject, records = self.held[person]
            chosen = data.draw(st.sets(st.sampled_from(sorted(records))))
            words = dict(self.house.words, reason="retention")
            with self.house.data.write() as tx:
                gone = self.house.vault.shred_records(tx, subject, chosen, **words)
            if gone.erasure:
                self.house.vault.complete(gone.erasure.id)
            self.forget(person, {record: kept for record, kept in records.items() if record not in chosen})

        def forget(self, person, left):
            subject, _ = self.held.pop(person)
            if left:
                self.held[person] = (subject, left)
            else:
                self.gone.add((person, subject))

        @rule()
        def restart(self):
            self.house.close()
            self.house.open()

        @rule(hours=st.integers(1, 30))
        def sweep_orphans(self, hours):
            self.house.clock.advance(hours=hours)
            self.house.vault.orphan_sweep()

        @rule()
        def integrate(self):
            self.house.ledger.integrate()

        @invariant()
        def the_living_are_found_and_open(self):
            for person, (subject, records) in self.held.items():
                assert self.house.vault.find("email", address(person)) == subject
                assert self.house.fields_of(subject) == [fields for _, fields in records.values()]

        @invariant()
        def the_erased_are_gone(self):
            for person, subject in self.gone:
                assert self.house.fields_of(subject) == []
                assert self.house.vault.suppressed("email", address(person))
                assert self.house.ledger.about(subject) == []
                assert self.house.held.ring.data_key(subject, "identity") is None
                if person not in self.held:
                    assert self.house.vault.find("email", address(person)) is None

        def teardown(self):
            self.house.ledger.integrate()
            assert self.house.ledger.verify() == []
            self.house.close()
            shutil.rmtree(self.folder)

    return VaultMachine


def test_the_vault_holds_under_any_order_of_events(machine):
    """Whatever happens in whatever order: the living open as given, the erased answer nowhere."""
    run_state_machine_as_test(machine, settings=settings(max_examples=15, stateful_step_count=20, deadline=None))
