"""An audience is exactly those of whom one by one a read would be allowed, whatever happened in whatever order."""

from __future__ import annotations

import json
import shutil
import tempfile
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    precondition,
    rule,
    run_state_machine_as_test,
)

from tests.security.conftest import Desk
from tests.support import (
    HANAKO,
    LENA,
    NOW,
    OLIVER,
    REFERENCE,
    SATO,
    Site,
    copy_policy,
    edit,
    record_procedures,
    with_partner_offers,
)
from upheld.amendment import publish
from upheld.app import open_house
from upheld.basis import grounds, stops
from upheld.basis.actions import KINDS, expire_ended, state_choice
from upheld.cli import cli
from upheld.collection import Submission, collect
from upheld.db import FixedClock, Ids, unb64
from upheld.retention import sweep
from upheld.security import Reader, read
from upheld.security.audience import DECIDING, audience
from upheld.security.candidates import Wanted
from upheld.web.refusals import Refusal

PURPOSES = ("announce", "partner_offers", "analyse")
READER = Reader(actor="key:machine", purposes=frozenset(PURPOSES), staff=False)
AREAS = ("DE", "GB", "JP")
people, purposes = st.integers(0, 3), st.sampled_from(PURPOSES)


def later_policy(folder: Path, before: Path = REFERENCE) -> Path:
    """Make version 2, in which events may also serve offers of a partner, with consent; its procedures are on file."""
    copy_policy(folder, before)
    edit(folder, "00-policy.yaml", 'version: "1"', 'version: "2"')
    edit(folder, "evidence/roles.yaml", "sales: {purposes: [analyse,", "sales: {purposes: [partner_offers, analyse,")
    with_partner_offers(folder)
    with Site() as site:
        record_procedures(site, folder)
    return folder


@pytest.fixture(scope="module")
def second(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return later_policy(tmp_path_factory.mktemp("second") / "policy")


@dataclass
class Kept:
    """One person's number and the references of their records."""

    subject: str
    records: list[str] = field(default_factory=list)


class Circle(RuleBasedStateMachine):
    """Four people of three areas, records of several situations and both versions, everything said of three purposes."""

    later: Path

    @initialize()
    def begin(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="upheld-circle-"))
        self.clock = FixedClock(NOW)
        self.house = open_house(self.folder, self.clock, Ids(self.clock))
        publish(self.house, REFERENCE)
        self.kept: dict[int, Kept] = {}
        self.amended = False

    def shown(self, situation: str) -> str:
        published = self.house.in_force()
        found = published.policy.situations[situation]
        return self.house.notices.receipt(self.house.notices.snapshot_of(published, self.house.law, found, "en"))

    @rule(person=people, situation=st.sampled_from(["event", "contact"]), agreed=st.booleans())
    def take(self, person: int, situation: str, agreed: bool) -> None:
        fields: dict[str, Any] = {"name": f"Person {person}", "email": f"person{person}@example.com", "company": "Example Ltd"}
        if situation == "contact":
            fields = {**fields, "inquiry": "Please send a quotation."}
        consents = ("announce",) if agreed and situation == "event" and AREAS[person % 3] != "JP" else ()
        handed = Submission(fields, lang="en", country=AREAS[person % 3], consents=consents)
        done = collect(self.house, situation, handed, notice_receipt=self.shown(situation))
        self.kept.setdefault(person, Kept(done.subject)).records.append(done.record)

    def refused(self, error: Refusal, *codes: str) -> None:
        assert error.diagnostic.code in codes

    def subject(self, person: int) -> bytes | None:
        return unb64(self.kept[person].subject) if person in self.kept else None

    def say(self, person: int, purpose: str, action: str, **more: Any) -> None:
        subject = self.subject(person)
        if subject is None:
            return
        try:
            state_choice(self.house, subject, purpose, action, how="api", **more)
        except Refusal as refused:  # a purpose of the second version before it, or one that asks for no consent
            self.refused(refused, "purpose_not_declared", "notice_not_shown", "not_found")

    @rule(person=people, purpose=purposes, days=st.none() | st.integers(0, 400))
    def give(self, person: int, purpose: str, days: int | None) -> None:
        until = None if days is None else self.house.today() + timedelta(days=days)
        self.say(person, purpose, "give", notice_receipt=self.shown("event"), until=until)

    @precondition(lambda self: self.amended)
    @rule(person=people, days=st.none() | st.integers(0, 400))
    def agree_to_what_is_new(self, person: int, days: int | None) -> None:
        self.give(person, "partner_offers", days)

    @rule(person=people, purpose=purposes, action=st.sampled_from(["refuse", "withdraw", "object", "defer", "request", "revoke", "invalidate"]))
    def speak(self, person: int, purpose: str, action: str) -> None:
        self.say(person, purpose, action)

    @rule(person=people, purpose=st.sampled_from(["analyse"]), result=st.sampled_from(["compelling_grounds", "upheld"]))
    def weigh(self, person: int, purpose: str, result: str) -> None:
        subject = self.subject(person)
        if subject is not None:
            try:
                stops.decide_objection(self.house, subject, purpose, result, reason="Weighed.", by="staff:1")
            except Refusal as refused:
                self.refused(refused, "not_found")

    @rule(person=people, mark=st.sampled_from(["restricted", "use_ceased"]), purpose=st.sampled_from(["*", "announce"]), on=st.booleans())
    def stop_or_lift(self, person: int, mark: str, purpose: str, on: bool) -> None:
        subject = self.subject(person)
        if subject is None:
            return
        if on:
            ground = {"restricted": "unlawful", "use_ceased": "improper_use"}[mark]
            stops.stop(self.house, subject, mark, ground=ground, by="staff:1", purpose=purpose)
        else:
            stops.lift(self.house, subject, mark, told=self.house.today(), by="staff:1", purpose=purpose)

    @rule()
    def assess(self) -> None:
        grounds.record_assessment(self.house, "analyse", "product_development", reference="shelf 3", by="staff:1")

    @precondition(lambda self: not self.amended and self.clock.now() < NOW + timedelta(days=20))  # its evidence is of that month
    @rule()
    def amend(self) -> None:
        publish(self.house, self.later)
        self.amended = True

    @rule(days=st.integers(1, 300))
    def wait(self, days: int) -> None:
        self.clock.advance(timedelta(days=days))

    @rule(night=st.booleans())
    def sleep(self, night: bool) -> None:
        """Do what the night does, or leave it undone: neither may make a difference to who is in."""
        if night:
            expire_ended(self.house)
            sweep(self.house)

    @rule(purpose=purposes, situation=st.none() | st.just("event"), channel=st.sampled_from(["", "email"]))
    def ask(self, purpose: str, situation: str | None, channel: str) -> None:
        self.compare(purpose, situation, channel)

    def compare(self, purpose: str, situation: str | None, channel: str) -> None:
        wanted = Wanted(purpose, (situation,) if situation else (), channel)
        assert self.met(wanted) == self.readable(purpose, situation)

    def met(self, wanted: Wanted) -> dict[str, dict[str, Any]]:
        try:
            found = audience(self.house, READER, wanted)
        except Refusal as refused:
            self.refused(refused, "purpose_not_declared")
            return {}
        lines = list(found.lines())
        found.close()
        assert found.summary["count"] == len(lines)
        return {line["subject"]: line["fields"] for line in lines}

    def readable(self, purpose: str, situation: str | None) -> dict[str, dict[str, Any]]:
        """Read one record of one person after the other, and give who could be read and what."""
        found: dict[str, dict[str, Any]] = {}
        for one in self.kept.values():
            for record in one.records:
                fields = ["email"] if purpose != "analyse" else []
                try:
                    told = read(self.house, READER, subject=one.subject, purpose=purpose, record=record, fields=fields)
                except Refusal:
                    continue
                if situation in {None, told.records[0].situation}:
                    found.setdefault(one.subject, {}).update(told.fields)
        return found

    def teardown(self) -> None:
        if hasattr(self, "house"):
            for purpose in PURPOSES:
                self.compare(purpose, None, "")
            self.house.close()
            shutil.rmtree(self.folder, ignore_errors=True)


@pytest.mark.slow
def test_an_audience_is_who_could_be_read_one_by_one(second: Path) -> None:
    """People, records, versions, statements, stops, periods in any order: list and single reads say the same."""
    Circle.later = second
    run_state_machine_as_test(
        Circle,
        settings=settings(
            max_examples=12, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck),
            phases=(Phase.explicit, Phase.generate),
        ),
    )


@pytest.mark.row("M90")
def test_m90_an_audience_has_those_whose_older_record_a_later_consent_opened(second: Path) -> None:
    """Three were taken in before a purpose was added; one agreed later, one agreed and took it back: the one is in."""
    with Site() as site:
        desk = Desk(site)
        hanako, lena = (site.collect(one, "event")["subject"] for one in (HANAKO, LENA))
        oliver = site.collect(OLIVER, "interview")["subject"]
        site.publish(second)
        for one in (hanako, lena, oliver):
            given = site.state_choice(one, "partner_offers", "give", notice_receipt=site.receipt("event"))
            assert given.json()["state"] == "given"
        site.state_choice(lena, "partner_offers", "withdraw")
        lines = desk.audience("SATO", purpose="partner_offers", channel="email")
        assert lines[0]["count"] == 1
        assert lines[1:] == [{"subject": hanako, "fields": {"email": HANAKO.email}}]
        assert [desk.code("SATO", one, "partner_offers", "email") for one in (hanako, lena, oliver)] == [
            None, "purpose_not_declared", "purpose_not_declared",
        ]  # fmt: skip
        entry = site.house.ledger.body(unb64(str(lines[0]["entry"])))
        assert entry["count"] == 1
        told = CliRunner().invoke(cli, ["audience", "--purpose", "partner_offers", "--by", str(SATO.number), "--data", str(site.folder)], obj=site.clock)
        assert [json.loads(line).get("fields") for line in told.output.splitlines()[1:]] == [{"email": HANAKO.email}]


def test_every_statement_about_a_purpose_makes_an_audience_look_again() -> None:
    """What the room of bases can write about a person is among what an audience watches while it walks."""
    assert set(KINDS.values()) <= set(DECIDING)
