"""The vault under any order of taking, correcting, merging, splitting, erasing, restarting, changing the root, restoring."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from tests.records.crashing import WORDS
from upheld.records import fill, finish, make_backup, open_holdings

ONE = {"clause": "security.organisational", "policy_version": "1", "actor": "staff:1"}
OTHER = {**ONE, "actor": "staff:2"}
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
            self.kept = None
            self.then = {}
            self.times = 0
            self.classes_gone = set()
            self.groups = []  # sets of subjects that are one person
            self.groups_then = []
            self.loose = set()  # known to the keys, but without a record since a restore

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
                subject, _ = self.held[person]
                assert self.house.erase(subject).total
                self.forget(person, {})

        @rule(one=people, other=people)
        def merge(self, one, other):
            if one not in self.held or other not in self.held:
                return
            first, second = (self.held[person][0] for person in (one, other))
            if second in self.group_of(first):
                return
            with self.house.data.write() as tx:
                made = self.house.vault.propose_merge(tx, first, second, reason="person_said", words=ONE)
                self.house.vault.confirm_merge(tx, made.id, OTHER)
            joined = self.group_of(first) | self.group_of(second)
            self.groups = [*(group for group in self.groups if not group & joined), joined]

        @rule(person=people)
        def split(self, person):
            if person in self.held and len(self.group_of(self.held[person][0])) > 1:
                subject = self.held[person][0]
                with self.house.data.write() as tx:
                    others = self.house.vault.split(tx, subject, ONE)
                assert {subject, *others} == self.group_of(subject)
                self.leave(subject)

        @rule(person=people)
        def erase_all_numbers(self, person):
            """As a request does: every number of the person is fenced in one transaction, then each is carried through."""
            if person not in self.held:
                return
            words = dict(self.house.words, reason="request")
            with self.house.data.write() as tx:
                members = self.house.vault.members(tx, self.held[person][0])
                begun = [self.house.vault.fence(tx, one, release=True, **words) for one in members]
            for one in begun:
                assert self.house.vault.complete(one.id).total
            for other in [number for number, (subject, _) in self.held.items() if subject in members]:
                self.forget(other, {})
            for subject in members:  # one whose records had gone already is no longer held here
                self.leave(subject)

        def group_of(self, subject):
            return next((group for group in self.groups if subject in group), {subject})

        def leave(self, subject):
            self.groups = [left for group in self.groups if len(left := group - {subject}) > 1]

        @rule(person=people, shred_class=classes)
        def erase_class(self, person, shred_class):
            if person not in self.held:
                return
            subject, records = self.held[person]
            left = {record: kept for record, kept in records.items() if kept[0] != shred_class}
            assert self.house.erase(subject, [shred_class]).total == (not left)
            self.classes_gone.add((subject, shred_class))
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
                self.classes_gone |= {(subject, one) for one in gone.erasure.classes}
            self.forget(person, {record: kept for record, kept in records.items() if record not in chosen})

        def forget(self, person, left):
            subject, _ = self.held.pop(person)
            if left:
                self.held[person] = (subject, left)
            else:
                self.gone.add((person, subject))
                self.leave(subject)

        @rule()
        def restart(self):
            self.house.close()
            self.house.open()

        @rule(hours=st.integers(1, 30))
        def sweep_orphans(self, hours):
            self.house.clock.advance(hours=hours)
            self.house.vault.orphan_sweep()

        @rule()
        def rotate(self):
            before = self.house.held.rotations.status()
            done = self.house.held.rotations.rotate()
            assert done.old == before.root
            assert self.house.held.ring.root.list() == [done.new]
            assert self.house.held.rotations.status().waiting == 0

        @precondition(lambda self: self.kept is None)
        @rule()
        def back_up(self):
            self.house.clock.advance(minutes=1)
            self.kept = self.folder / "backup"
            make_backup(self.house.held, self.kept, lambda: WORDS)
            self.then = {person: (subject, dict(records)) for person, (subject, records) in self.held.items()}
            self.groups_then = [set(group) for group in self.groups]
            self.classes_gone = set()

        @precondition(lambda self: self.kept is not None)
        @rule()
        def restore(self):
            """Go back to the backup: what was held then is held again, except for whoever or whatever was erased since."""
            self.house.clock.advance(minutes=1)
            self.house.held.rotations.seal()
            here, self.times = self.house, self.times + 1
            target = self.folder / f"house-{self.times}"
            parts = {name: here.folder / name for name in ("root", "journal")}
            keys = here.folder / "copies" / "a"
            manifest = fill(self.kept, target, here.clock, here.ids, keys=keys, **parts)
            here.close()
            held = open_holdings(target, here.clock, here.ids, restoring=True)
            finish(held, target, manifest, WORDS)
            held.close()
            now, self.house = here.clock.now(), open_house(target, seed=self.times + 2)
            self.house.clock.set(now)
            shutil.rmtree(self.kept)
            self.loose |= {subject for subject, _ in (*self.held.values(), *self.then.values())}
            self.kept, self.held = None, self.left_of(self.then)
            erased = {subject for _, subject in self.gone}
            self.groups = [left for group in self.groups_then if len(left := group - erased) > 1]

        def left_of(self, then):
            """What of the backup no erasure since has taken."""
            erased = {subject for _, subject in self.gone}
            left = {}
            for person, (subject, records) in then.items():
                if subject not in erased:
                    kept = {one: held for one, held in records.items() if (subject, held[0]) not in self.classes_gone}
                    left |= {person: (subject, kept)} if kept else {}
            return left

        @rule()
        def integrate(self):
            self.house.ledger.integrate()

        @invariant()
        def the_living_are_found_and_open(self):
            for person, (subject, records) in self.held.items():
                assert self.house.vault.find("email", address(person)) == subject
                assert self.house.fields_of(subject) == [fields for _, fields in records.values()]

        @invariant()
        def who_was_found_to_be_one_person_is(self):
            for subject, _ in self.held.values():
                with self.house.data.read() as tx:
                    assert set(self.house.vault.members(tx, subject)) == self.group_of(subject)

        @invariant()
        def the_erased_are_gone(self):
            for person, subject in self.gone:
                assert self.house.fields_of(subject) == []
                assert self.house.vault.suppressed("email", address(person))
                assert self.house.ledger.about(subject) == []
                assert self.house.held.ring.data_key(subject, "identity") is None
                if person not in self.held:
                    found = self.house.vault.find("email", address(person))
                    assert found is None or (found in self.loose and found != subject)

        def teardown(self):
            self.house.ledger.integrate()
            assert self.house.ledger.verify() == []
            self.house.close()
            shutil.rmtree(self.folder)

    return VaultMachine


@pytest.mark.slow
def test_the_vault_holds_under_any_order_of_events(machine):
    """Whatever happens in whatever order: the living open as given, the erased answer nowhere."""
    run_state_machine_as_test(machine, settings=settings(max_examples=10, stateful_step_count=20, deadline=None))
