"""Consent under any order of saying, taking back, weighing, stopping and waiting, beside a plain model of it."""

from __future__ import annotations

import shutil
import tempfile
from datetime import timedelta
from pathlib import Path
from typing import Any

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

from tests.support import NOW, REFERENCE
from upheld.amendment import publish
from upheld.app import open_house
from upheld.basis import stops, store
from upheld.basis.actions import KINDS, expire_ended, standing_of, state_choice
from upheld.collection.actions import collect
from upheld.collection.model import Submission
from upheld.db import FixedClock, Ids, unb64
from upheld.security import Reader, read
from upheld.web.refusals import Refusal

PURPOSE = "announce"
PEOPLE = {0: "DE", 1: "GB", 2: "JP"}
READER = Reader(actor="key:machine", purposes=frozenset({PURPOSE}), staff=False)
people = st.sampled_from(sorted(PEOPLE))
# What stands of each state, said once more in the simplest way: who says it, and from which states it moves.
CLOSED = {"refused", "withdrawn", "objected"}
OPEN = {"given", "renewed"}


class Consents(RuleBasedStateMachine):
    """Three people of three areas, one purpose; the model keeps a list of states each, and a stop."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="upheld-machine-"))
        self.clock = FixedClock(NOW)
        self.house = open_house(self.folder, self.clock, Ids(self.clock))
        publish(self.house, REFERENCE)
        self.subjects = {person: self.taken(person) for person in PEOPLE}
        self.said: dict[int, list[str]] = {person: [] for person in PEOPLE}
        self.until: dict[int, Any] = dict.fromkeys(PEOPLE)
        self.stopped: dict[int, bool] = dict.fromkeys(PEOPLE, False)

    def taken(self, person: int) -> bytes:
        fields = {"name": f"Person {person}", "email": f"person{person}@example.com", "company": "Example Ltd"}
        handed = Submission(fields, lang="en", country=PEOPLE[person])
        return unb64(collect(self.house, "event", handed, notice_receipt=self.shown()).subject)

    def shown(self) -> str:
        published = self.house.in_force()
        situation = published.policy.situations["event"]
        return self.house.notices.receipt(self.house.notices.snapshot_of(published, self.house.law, situation, "en"))

    def now(self, person: int) -> str:
        """Give the state of today by the model."""
        state = self.said[person][-1] if self.said[person] else "unknown"
        over = self.until[person] is not None and self.until[person] < self.house.today()
        return "expired" if over and state in OPEN else state

    def note(self, person: int, state: str, changed: bool, until: Any = None) -> None:
        """Take a statement into the model, and compare what the house answered."""
        assert changed == (state != "")
        if state:
            self.said[person].append(state)
            self.until[person] = until

    def say(self, person: int, action: str, **more: Any) -> bool:
        actor = "staff:1" if action in {"request", "revoke", "invalidate"} else "self"
        return state_choice(self.house, self.subjects[person], PURPOSE, action, how="api", actor=actor, **more).changed

    @rule(person=people, days=st.none() | st.integers(0, 40))
    def give(self, person: int, days: int | None) -> None:
        until = None if days is None else self.house.today() + timedelta(days=days)
        changed = self.say(person, "give", notice_receipt=self.shown(), until=until)
        self.note(person, "" if self.now(person) in OPEN else "given", changed, until)

    @rule(person=people)
    def renew(self, person: int) -> None:
        before = self.now(person)
        changed = self.say(person, "renew", notice_receipt=self.shown())
        after = "renewed" if before in OPEN | {"expired"} else "given"
        self.note(person, after, changed)

    @rule(person=people)
    def refuse(self, person: int) -> None:
        before = self.now(person)
        after = "withdrawn" if before in OPEN else "refused"
        self.note(person, "" if before == after else after, self.say(person, "refuse"))

    @rule(person=people)
    def defer(self, person: int) -> None:
        before = self.now(person)
        moves = before not in OPEN | CLOSED | {"request_deferred", "overruled"}
        self.note(person, "request_deferred" if moves else "", self.say(person, "defer"))

    @rule(person=people)
    def withdraw(self, person: int) -> None:
        before = self.now(person)
        self.note(person, "" if before == "withdrawn" else "withdrawn", self.say(person, "withdraw"))

    @rule(person=people)
    def object(self, person: int) -> None:
        before = self.now(person)
        self.note(person, "" if before == "objected" else "objected", self.say(person, "object"))

    @rule(person=people)
    def ask_for_it(self, person: int) -> None:
        before = self.now(person)
        moves = before not in OPEN | CLOSED | {"requested"}
        self.note(person, "requested" if moves else "", self.say(person, "request"))

    @rule(person=people, action=st.sampled_from(["revoke", "invalidate"]))
    def end_it(self, person: int, action: str) -> None:
        before = self.now(person)
        after = {"revoke": "revoked", "invalidate": "invalidated"}[action]
        self.note(person, after if before in OPEN else "", self.say(person, action))

    @rule(person=people)
    def restrict(self, person: int) -> None:
        done = stops.stop(self.house, self.subjects[person], "restricted", ground="unlawful", by="staff:1")
        assert done is not self.stopped[person]
        self.stopped[person] = True

    @precondition(lambda self: any(self.stopped.values()))
    @rule(person=people)
    def lift(self, person: int) -> None:
        done = stops.lift(self.house, self.subjects[person], "restricted", told=self.house.today(), by="staff:1")
        assert done is self.stopped[person]
        self.stopped[person] = False

    @rule(days=st.integers(1, 30))
    def wait(self, days: int) -> None:
        self.clock.advance(timedelta(days=days))

    @rule()
    def sweep(self) -> None:
        over = [person for person in PEOPLE if self.now(person) == "expired" and self.said[person][-1] in OPEN]
        assert expire_ended(self.house) == len(over)
        for person in over:
            self.note(person, "expired", changed=True)

    @rule()
    def reopen(self) -> None:
        """Close the folder and open it again, as after a restart."""
        self.house.close()
        self.clock.advance(timedelta(seconds=1))
        self.house = open_house(self.folder, self.clock, Ids(self.clock))

    @invariant()
    def the_history_is_whole_and_the_latest_decides(self) -> None:
        for person, subject in self.subjects.items():
            with self.house.store.read() as tx:
                kept = [one.state for one in store.consents_of(tx, subject, PURPOSE)]
                stands = standing_of(self.house, tx, subject, PURPOSE) or "unknown"
            assert kept == self.said[person]
            assert stands == self.now(person)
            kinds = set(KINDS.values())
            entries = [one.kind.name for one in self.house.ledger.about(subject) if one.kind.name in kinds]
            assert entries == [KINDS[state] for state in self.said[person]]

    @invariant()
    def a_read_is_permitted_exactly_when_the_model_says_so(self) -> None:
        for person in PEOPLE:
            assert self.answer(person) == self.expected(person)

    def expected(self, person: int) -> str:
        state = self.now(person)
        said = {"objected": "objected", "withdrawn": "consent_withdrawn"}.get(state)
        if said or self.stopped[person]:
            return said or "restricted"
        return "ok" if state in OPEN else "consent_missing"

    def answer(self, person: int) -> str:
        from upheld.db import b64

        try:
            read(self.house, READER, subject=b64(self.subjects[person]), purpose=PURPOSE, fields=["email"])
        except Refusal as refused:
            return refused.diagnostic.code
        return "ok"

    def teardown(self) -> None:
        self.house.close()
        shutil.rmtree(self.folder, ignore_errors=True)


@pytest.mark.slow
def test_consent_is_what_was_last_said_of_it() -> None:
    """Whatever is said in whatever order: history complete, standing the latest, reads permitted exactly then."""
    run_state_machine_as_test(Consents, settings=settings(max_examples=8, stateful_step_count=25, deadline=None))
