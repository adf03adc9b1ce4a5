"""The tests of the contract. A subclass gives a fresh double for each test; everything else is asked the same of all."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from datetime import timedelta

import pytest

from upheld.services.contract.double import Double, Hand
from upheld.services.contract.people import CANARY, EVERYBODY, HANAKO, LENA, LOOK_ALIKE, ODD, OLIVER, Planted
from upheld.services.looking import look_again
from upheld.services.model import Delivery, Identities, Job, Op, Outcome, Ref, Verdict
from upheld.services.port import NotCapableError, Service, ServiceError, need
from upheld.services.rules import state_after

OPS: tuple[Op, ...] = ("find", "fetch", "write", "correct", "restrict", "release", "suppress", "unsuppress", "erase")
ROUNDS = 12
"""How often an erasure is taken up again after trouble that passes, before the test says that it never ends."""
NOBODY: Identities = {"email": ("nobody-by-this-name@example.com",), "phone": ("+81399999999",)}


def absent(double: Double, hand: Hand) -> bool:
    """Say whether the real system has no such thing; the double must then give its reason."""
    if hand not in double.lacks:
        return False
    assert double.lacks[hand].strip(), f"{hand} is missing without a reason"
    return True


def erase(service: Service, person: Planted, refs: Sequence[Ref] | None = None) -> dict[Ref, Outcome]:
    """Erase what is found of a person, once."""
    found = tuple(service.find(person.who)) if refs is None else tuple(refs)
    return dict(service.apply(Job("erase", person.who, found, idem=f"test-{person.key}")))


def verdict_of(double: Double, service: Service, person: Planted, outcomes: dict[Ref, Outcome]) -> Verdict:
    """Look again after an erasure, with the control."""
    return look_again(service, tuple(outcomes), outcomes, person.who, CANARY.who, double.now)


def carried_through(double: Double, person: Planted) -> dict[Ref, Outcome]:
    """Erase a person as often as trouble that passes asks for, as the running of a request does: frozen records first."""
    refs: tuple[Ref, ...] | None = None
    done: dict[Ref, Outcome] = {}
    for _ in range(ROUNDS):
        service = double.service()
        try:
            if refs is None:
                refs = tuple(service.find(person.who))
            waiting = tuple(ref for ref in refs if ref not in done or done[ref].word == "retry_at")
            done.update(service.apply(Job("erase", person.who, waiting, idem=f"test-{person.key}")))
        except ServiceError as error:
            if error.diagnostic.permanent:  # trouble that passes was taken for trouble that stays
                raise
        else:
            if not any(one.word == "retry_at" for one in done.values()):
                return done
        finally:
            service.close()
        double.advance(timedelta(minutes=31))
    raise AssertionError(f"no end after {ROUNDS} rounds: {sorted({one.code for one in done.values()})}")


class ServiceContract:
    """What every service promises. A subclass has a fixture `double` that gives a fresh one."""

    @pytest.fixture(autouse=True)
    def _control_and_silence(self, double: Double, caplog: pytest.LogCaptureFixture) -> Iterator[None]:
        """C16: whatever happens, no value of a person is in a log line, a URL or a query."""
        caplog.set_level(logging.DEBUG)
        double.plant(CANARY)
        yield
        said = caplog.text + double.requests()
        double.close()
        leaked = [(one.key, value) for one in EVERYBODY for value in one.values if value in said]
        assert not leaked, f"seen in logs or URLs: {leaked}"

    @pytest.mark.parametrize("op", OPS)
    def test_c01_every_store_says_what_it_does(self, double: Double, op: Op) -> None:
        """Each store declares each operation once, a limit has its reason, and what it cannot do it refuses at once."""
        service = double.service()
        told = [one for one in service.capabilities() if one.op == op]
        stores = {one.store for one in service.capabilities()}
        assert {one.store for one in told} == stores
        assert len(told) == len(stores)
        double.plant(HANAKO)
        before, refs = double.writes(), tuple(service.find(HANAKO.who))
        for store in (one.store for one in told if one.level == "none"):
            mine = tuple(ref for ref in refs if ref.store == store)
            if mine and op not in {"find", "fetch", "write"}:
                with pytest.raises(NotCapableError):
                    need(service, Job(op, HANAKO.who, mine))
                with pytest.raises(NotCapableError):
                    list(service.apply(Job(op, HANAKO.who, mine)))
        assert double.writes() == before

    def test_c02_everything_of_a_person_is_found_and_nothing_of_anybody_else(self, double: Double) -> None:
        """Several records each, people with like names and addresses apart, everybody by whatever they are known by."""
        people = (HANAKO, LENA, OLIVER, LOOK_ALIKE)
        for person in people:
            double.plant(person)
        service = double.service()
        for person in people:
            found = [ref for ref in service.find(person.who) if ref.owner == "subject"]
            assert len(found) == len(set(found)) == len(double.held(person)), person.key
            assert len(found) >= 2, "a double plants a person at least twice"
        assert not [ref for ref in service.find(NOBODY) if ref.owner == "subject"]

    def test_c03_looking_changes_nothing_and_needs_no_right_to_write(self, double: Double) -> None:
        """Finding, reading and looking by key are done with the credential that can only read."""
        double.plant(HANAKO)
        before, writes = double.others(), double.writes()
        service = double.service("read")
        refs = tuple(service.find(HANAKO.who))
        assert set(service.there(refs)) == set(refs)
        list(service.fetch(refs))
        list(service.locations())
        assert (double.others(), double.writes()) == (before, writes)

    def test_c04_an_erasure_takes_what_is_hers_and_leaves_everybody_else(self, double: Double) -> None:
        """One outcome a record, nothing found afterwards, the control still there, every other record as it was."""
        for person in (HANAKO, LENA, LOOK_ALIKE):
            double.plant(person)
        others = double.others(HANAKO)
        service = double.service()
        refs = tuple(service.find(HANAKO.who))
        outcomes = erase(service, HANAKO, refs)
        assert set(outcomes) == set(refs)
        assert state_after(outcomes.values()) == "applied", {one.code for one in outcomes.values()}
        verdict = verdict_of(double, service, HANAKO, outcomes)
        assert (verdict.state, verdict.after) == ("verified", 0)
        assert verdict.control >= 1
        assert not double.held(HANAKO)
        assert double.others(HANAKO) == others

    def test_c05_erasing_again_changes_nothing(self, double: Double) -> None:
        """The second time each of the frozen records answers `already` or stays as kept as it was."""
        double.plant(HANAKO)
        service = double.service()
        refs = tuple(service.find(HANAKO.who))
        first = erase(service, HANAKO, refs)
        others = double.others()
        again = erase(service, HANAKO, refs)
        assert set(again) == set(refs)
        subject = {one.word for ref, one in again.items() if ref.owner == "subject"}
        assert subject <= {"already", "pending_window"}, subject
        assert double.others() == others
        assert {one.word for one in first.values()} <= {"done", "pending_window", "detached"}

    def test_c07_without_the_control_nothing_is_proven(self, double: Double) -> None:
        """Where the look-up does not see the control, an empty answer is void and not success."""
        if absent(double, "hide"):
            return
        double.plant(HANAKO)
        service = double.service()
        outcomes = erase(service, HANAKO)
        double.hide(CANARY)
        assert verdict_of(double, service, HANAKO, outcomes).state == "void"

    def test_c08_each_record_has_an_outcome_of_its_own(self, double: Double) -> None:
        """Locked, forbidden, gone already and fine in one go: the worst decides how the service stands."""
        double.plant(HANAKO)
        service = double.service()
        refs = tuple(service.find(HANAKO.who))
        expected = set[str]()
        if not absent(double, "lock"):
            double.lock(HANAKO)
            expected.add("held")
        if not absent(double, "forbid"):
            double.forbid(HANAKO)
            expected.add("denied")
        outcomes = erase(service, HANAKO, refs)
        words = {one.word for one in outcomes.values()}
        assert set(outcomes) == set(refs)
        assert expected <= words, words
        if expected:
            assert state_after(outcomes.values()) not in {"applied", "running"}
            assert double.held(HANAKO), "what is held or denied is still there"

    def test_c09_what_changed_since_it_was_found_is_not_lost(self, double: Double) -> None:
        """A record that somebody wrote meanwhile answers `conflict` and stays."""
        if absent(double, "change"):
            return
        double.plant(HANAKO)
        service = double.service()
        refs = tuple(service.find(HANAKO.who))
        double.change(HANAKO)
        outcomes = erase(service, HANAKO, refs)
        assert "conflict" in {one.word for one in outcomes.values()}
        assert double.held(HANAKO)

    def test_c10_a_correction_changes_the_field_and_nothing_else(self, double: Double) -> None:
        """The new value is read back, the old one is gone, nobody else is touched, and again it is `already`."""
        if absent(double, "correct"):
            return
        double.plant(HANAKO)
        others = double.others(HANAKO)
        service = double.service()
        job = Job(
            "correct", HANAKO.who, self._able(service, "correct", tuple(service.find(HANAKO.who))),
            idem="test-correct", change={"phone": "+81398765432"}, before={"phone": HANAKO.phone},
        )  # fmt: skip
        outcomes = dict(service.apply(job))
        assert set(outcomes) == set(job.refs)
        assert "done" in {one.word for one in outcomes.values()}
        assert {one.word for one in outcomes.values()} <= {"done", "already"}
        words = "".join(str(dict(item.fields)) for item in service.fetch(job.refs))
        assert "81398765432" in words
        assert "81312345678" not in words
        assert double.others(HANAKO) == others
        assert {one.word for one in dict(service.apply(job)).values()} == {"already"}

    @pytest.mark.parametrize(("there", "back"), [("restrict", "release"), ("suppress", "unsuppress")])
    def test_c11_use_is_stopped_and_let_go_again(self, double: Double, there: Op, back: Op) -> None:
        """Stopping twice is stopping once; letting go gives back exactly what was there."""
        if absent(double, "restrict" if there == "restrict" else "suppress"):
            return
        double.plant(HANAKO)
        service = double.service()
        refs = self._able(service, there, tuple(service.find(HANAKO.who)))
        assert refs, "a store that does it holds the person"
        before = double.others()
        assert {one.word for one in dict(service.apply(Job(there, HANAKO.who, refs, idem="t1"))).values()} <= {"done", "already"}
        stopped = double.others()
        assert stopped != before
        assert {one.word for one in dict(service.apply(Job(there, HANAKO.who, refs, idem="t1"))).values()} == {"already"}
        assert double.others() == stopped
        if self._able(service, back, refs):
            list(service.apply(Job(back, HANAKO.who, refs, idem="t2")))
            assert double.others() == before

    def test_c12_what_the_operator_keeps_is_pending_until_its_day(self, double: Double) -> None:
        """Gone for users, kept by the operator: named with its day, and verified only after it."""
        if absent(double, "window"):
            return
        double.plant(HANAKO)
        service = double.service()
        outcomes = erase(service, HANAKO)
        verdict = verdict_of(double, service, HANAKO, outcomes)
        assert verdict.state == "verified"
        assert verdict.until is not None
        assert verdict.until >= double.now.date()
        double.advance(timedelta(days=(verdict.until - double.now.date()).days + 1))
        later = verdict_of(double, double.service(), HANAKO, outcomes)
        assert (later.state, later.until) == ("verified", None)

    def test_c13_where_a_store_lies_is_told_by_the_service(self, double: Double) -> None:
        """Every store that can be written has a place; after it moved, the answer is another, and erasing goes on."""
        service = double.service()
        stores = {one.store for one in service.capabilities() if one.op == "write" and one.level != "none"}
        before = {one.store: one.country for one in service.locations()}
        assert stores <= set(before)
        if absent(double, "region"):
            return
        double.plant(HANAKO)
        double.move()
        moved = double.service()
        assert {one.store: one.country for one in moved.locations()} != before
        assert state_after(erase(moved, HANAKO).values()) == "applied"

    def test_c14_names_that_break_what_is_not_quoted(self, double: Double) -> None:
        """Quotes, wildcards, variant characters, an emoji and 300 characters: found, nobody else, erased."""
        double.plant(ODD)
        double.plant(HANAKO)
        others = double.others(ODD)
        service = double.service()
        refs = tuple(service.find(ODD.who))
        assert len([ref for ref in refs if ref.owner == "subject"]) == len(double.held(ODD))
        outcomes = erase(service, ODD, refs)
        assert state_after(outcomes.values()) == "applied"
        assert not double.held(ODD)
        assert double.others(ODD) == others

    def test_c18_what_no_map_says_is_found(self, double: Double) -> None:
        """Undeclared stores and fields are findings, and a service without them has none."""
        if absent(double, "discover"):
            return
        double.plant(HANAKO)
        assert not list(double.service().discover())
        planted = double.clutter()
        found = {(f"{one.store}.{one.field}" if one.field else one.store): one.what for one in double.service().discover()}
        assert found == dict(planted)

    def test_c19_what_is_held_can_be_shown_to_the_person(self, double: Double) -> None:
        """Everything found is fetched, each record once, with the person's own values in it."""
        double.plant(HANAKO)
        service = double.service()
        refs = self._able(service, "fetch", tuple(service.find(HANAKO.who)))
        items = list(service.fetch(refs))
        assert {item.ref for item in items} == set(refs)
        assert len(items) == len(refs)
        assert HANAKO.email in "".join(str(dict(item.fields)) for item in items).lower()

    def test_c20_trouble_that_passes_ends_like_no_trouble(self, double: Double) -> None:
        """Each fault at each of the first calls: taken up again, the erasure ends the same, and nobody else is touched."""
        if absent(double, "fault"):
            return
        people = (HANAKO, LENA, OLIVER)
        for person in (*people, LOOK_ALIKE):
            double.plant(person)
        for turn, kind in enumerate(double.faults):
            person = people[turn % len(people)]
            if not double.held(person):
                double.plant(person)
            others = double.others(person)
            double.fault(kind, after=turn % 3, times=2)
            done = carried_through(double, person)
            assert {one.word for one in done.values()} <= {"done", "already", "detached", "pending_window"}, (kind, done.values())
            assert not double.held(person), kind
            assert double.others(person) == others, kind

    def test_c21_a_delivery_makes_one_record_of_the_fields_it_carries(self, double: Double) -> None:
        """Written twice it is one record; it holds the fields of the delivery and no other; without leave there is none."""
        if absent(double, "write"):
            return
        with pytest.raises(ValueError, match="transfer_not_decided"):
            Delivery(LENA.who, {}, ("announce",), "", "idem")
        service = double.service()
        fields = {"name": LENA.name, "email": LENA.email}
        assert set(fields) <= service.takes()
        delivery = Delivery(LENA.who, fields, ("announce",), "entry", "test-deliver")
        ref, outcome = service.write(delivery)
        assert outcome.word == "done"
        again, outcome = service.write(Delivery(LENA.who, fields, ("announce",), "entry", "test-deliver", (ref,)))
        assert (again, outcome.word) == (ref, "already")
        unknown, _ = service.write(delivery)  # a restart that lost the answer knows no record
        assert unknown == ref
        (item,) = service.fetch((ref,))
        words = str(dict(item.fields))
        assert LENA.email in words
        assert LENA.phone not in words
        assert LENA.company not in words

    @staticmethod
    def _able(service: Service, op: Op, refs: tuple[Ref, ...]) -> tuple[Ref, ...]:
        stores = {one.store for one in service.capabilities() if one.op == op and one.level != "none"}
        return tuple(ref for ref in refs if ref.store in stores and ref.owner == "subject")
