"""Two numbers found to be one person: confirmed by a second, read and erased together, and taken apart again."""

from __future__ import annotations

import re
from typing import Any

import pytest
from click.testing import CliRunner

from tests.security.conftest import Desk
from tests.security.test_console import sign_in
from tests.support import LENA, Person
from upheld.cli import cli
from upheld.db import unb64
from upheld.rights import actions as rights
from upheld.security import persons
from upheld.web.refusals import Refusal

LENA_AGAIN = Person("LENA", "DE", "en", {**LENA.fields, "email": "lena.fischer@example.de"})


def two(desk: Desk) -> tuple[str, str]:
    """The same Lena under two addresses, once at a desk with a card, once at an event."""
    one = desk.site.collect(LENA, "card", "name", "email")["subject"]
    other = desk.site.collect(LENA_AGAIN, "card", "name", "email")["subject"]
    assert one != other
    return one, other


def merged(desk: Desk) -> tuple[str, str]:
    one, other = two(desk)
    desk.hire("KAWA", "sales")
    proposal = persons.propose(desk.site.house, unb64(one), unb64(other), reason="person_said", by=desk.number["SATO"])
    persons.confirm(desk.site.house, proposal, by=desk.number["KAWA"])
    return one, other


def emails(desk: Desk, subject: Any) -> list[str]:
    answer = desk.read("SATO", subject, "business_contact", "email")
    return [one["fields"]["email"] for one in answer.json()["records"]]


def test_staff_make_two_numbers_one_person_at_the_console(desk: Desk) -> None:
    """One proposes by the other address, cannot confirm it alone, somebody else does; the page then names both numbers."""
    one, other = two(desk)
    http = desk.site.http
    sign_in(desk, "SATO")
    asked = {"kind": "email", "value": LENA_AGAIN.email, "reason": "identifier_changed"}
    done = http.post(f"/console/subjects/{one}/merge", data=asked)
    assert done.status_code == 303, done.text
    assert LENA_AGAIN.email not in done.headers["location"]
    page = http.get("/console/persons").text
    (proposal,) = re.findall(r'data-proposal="([^"]+)"', page)
    alone = http.post(f"/console/merges/{proposal}", data={"act": "confirm"})
    assert alone.status_code == 422
    assert "approval_missing" in alone.text
    assert emails(desk, one) == [LENA.email]
    desk.hire("KAWA", "sales")
    sign_in(desk, "KAWA")
    http.post(f"/console/merges/{proposal}", data={"act": "confirm"})
    assert f'data-member="{other}"' in http.get(f"/console/subjects/{one}").text
    assert 'data-empty="proposals"' in http.get("/console/persons").text
    assert (desk.kinds("subject.proposed"), desk.kinds("subject.merged")) == (2, 2)


def test_one_person_answers_under_both_identifiers(desk: Desk) -> None:
    """Either address reads all records of both, and an audience has the person once; split puts each back alone."""
    one, other = merged(desk)
    both = [LENA.email, LENA_AGAIN.email]
    for asked in (one, other, {"email": LENA.email}, {"email": LENA_AGAIN.email}):
        assert emails(desk, asked) == both
    lines = desk.audience("SATO", purpose="business_contact")
    assert lines[0]["count"] == 1
    assert {line["subject"] for line in lines[1:]} <= {one, other}
    persons.split(desk.site.house, unb64(other), by=desk.number["SATO"])
    assert emails(desk, one) == [LENA.email]
    assert emails(desk, {"email": LENA_AGAIN.email}) == [LENA_AGAIN.email]
    assert desk.audience("SATO", purpose="business_contact")[0]["count"] == 2
    assert desk.kinds("subject.split") == 2


def test_whoever_does_not_work_with_both_neither_proposes_nor_confirms(desk: Desk) -> None:
    """A role for other data, an unknown reason, a program without an account: refused, and nothing is written."""
    one, other = two(desk)
    house = desk.site.house
    with pytest.raises(Refusal) as caught:
        persons.propose(house, unb64(one), unb64(other), reason="person_said", by=desk.number["HR"])
    assert caught.value.diagnostic.code == "role_not_allowed"
    proposal = persons.propose(house, unb64(one), unb64(other), reason="person_said", by=desk.number["SATO"])
    with pytest.raises(Refusal):
        persons.confirm(house, proposal, by=desk.number["HR"])
    with pytest.raises(Refusal) as caught:
        persons.propose(house, unb64(one), unb64(other), reason="looks alike", by=desk.number["SATO"])
    assert caught.value.diagnostic.code == "value_invalid"
    assert not any(path.startswith("/api/v1/merge") for path in desk.site.http.get("/openapi.json").json()["paths"])
    assert desk.kinds("subject.merged") == 0


def give(desk: Desk, subject: str, action: str) -> None:
    answer = desk.site.state_choice(subject, "announce", action, notice_receipt=desk.site.receipt("event"))
    assert answer.status_code in {200, 201}, answer.text


def test_a_no_counts_for_both_numbers_and_a_yes_for_its_own_records(desk: Desk) -> None:
    """Lena said yes under one address and withdrew under the other: the no wins until they are taken apart again."""
    one = desk.site.collect(LENA, "event", consents=["announce"])["subject"]
    other = desk.site.collect(LENA_AGAIN, "event", consents=["announce"])["subject"]
    assert desk.code("SATO", one, "announce", "email") is None
    desk.site.clock.advance(minutes=1)
    give(desk, other, "withdraw")
    desk.hire("KAWA", "sales")
    proposal = persons.propose(desk.site.house, unb64(one), unb64(other), reason="person_said", by=desk.number["SATO"])
    desk.site.clock.advance(minutes=1)
    persons.confirm(desk.site.house, proposal, by=desk.number["KAWA"])
    assert desk.code("SATO", one, "announce", "email") == "consent_withdrawn"
    assert desk.audience("SATO", purpose="announce")[0]["count"] == 0
    persons.split(desk.site.house, unb64(one), by=desk.number["SATO"])
    assert desk.code("SATO", one, "announce", "email") is None
    assert desk.code("SATO", other, "announce", "email") == "consent_withdrawn"


def test_an_erasure_takes_every_number_and_an_answer_tells_of_every_one(desk: Desk) -> None:
    """The request of one address erases what stands under both; the certificate counts both; no key of either is left."""
    one, other = merged(desk)
    house, number = desk.site.house, desk.number["SATO"]
    made = rights.receive(house, right="erasure", residence="DE", identifier={"email": LENA.email})
    rights.identify(house, made.number, by=number)
    assert rights.plan_of(house, made.number).records == {"card": 2}
    done = rights.approve(house, made.number, by=number)
    store = done.certificate["places"][0]
    assert (store["state"], store["found_before"], store["found_after"]) == ("done", 2, 0)
    for subject in (one, other):
        assert house.holdings.ring.data_key(unb64(subject), "identity") is None
    assert house.vault.find("email", LENA_AGAIN.email) is None


def test_an_erasure_cut_off_between_two_numbers_takes_the_other_at_the_next_start(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both are fenced at once: when the process dies after the first, nobody reads the second, and the start erases it."""
    one, other = merged(desk)
    house, number = desk.site.house, desk.number["SATO"]
    made = rights.receive(house, right="erasure", residence="DE", identifier={"email": LENA.email})
    rights.identify(house, made.number, by=number)
    whole = house.vault.complete_all

    def once(erasures: list[bytes]) -> Any:
        assert len(erasures) == 2
        whole(erasures[:1])
        raise KeyboardInterrupt

    monkeypatch.setattr(house.vault, "complete_all", once)
    with pytest.raises(KeyboardInterrupt):
        rights.approve(house, made.number, by=number)
    monkeypatch.undo()
    assert {desk.code("SATO", subject, "business_contact", "email") for subject in (one, other)} == {"not_found"}
    house.vault.resume_erasures()
    for subject in (one, other):
        assert house.holdings.ring.data_key(unb64(subject), "identity") is None
    ended = rights.resume(house, made.number, by=number).certificate["places"][0]
    assert (ended["state"], ended["found_before"], ended["found_after"]) == ("done", 2, 0)


def test_a_no_outlives_the_number_it_was_said_under(desk: Desk) -> None:
    """When only the number that withdrew is erased, what is left of the person still counts as withdrawn."""
    one = desk.site.collect(LENA, "event", consents=["announce"])["subject"]
    other = desk.site.collect(LENA_AGAIN, "event", consents=["announce"])["subject"]
    give(desk, other, "withdraw")
    desk.hire("KAWA", "sales")
    house = desk.site.house
    proposal = persons.propose(house, unb64(one), unb64(other), reason="person_said", by=desk.number["SATO"])
    persons.confirm(house, proposal, by=desk.number["KAWA"])
    words = {"clause": "retention.ceiling", "policy_version": house.in_force().version, "actor": "svc:retention"}
    house.vault.erase(unb64(other), reason="retention", **words)
    assert desk.code("SATO", one, "announce", "email") == "consent_withdrawn"


def test_the_commands_do_what_the_console_does(desk: Desk) -> None:
    """`records merge`, `persons`, `confirm`, `split`, each in the name of a member of staff."""
    one, other = two(desk)
    desk.hire("KAWA", "sales")

    def run(*line: str) -> str:
        done = CliRunner().invoke(cli, ["records", *line, "--data", str(desk.site.folder)], obj=desk.site.clock)
        assert done.exit_code == 0, done.output
        return done.output

    proposal = run("merge", "--subject", one, "--other", other, "--reason", "same_contract", "--by", str(desk.number["SATO"])).strip()
    assert proposal in run("persons")
    refused = CliRunner().invoke(
        cli, ["records", "confirm", proposal, "--by", str(desk.number["SATO"]), "--data", str(desk.site.folder)],
        obj=desk.site.clock,
    )  # fmt: skip
    assert refused.exit_code == 1
    assert "are one person" in run("confirm", proposal, "--by", str(desk.number["KAWA"]))
    assert emails(desk, one) == [LENA.email, LENA_AGAIN.email]
    run("split", "--subject", one, "--by", str(desk.number["SATO"]))
    assert emails(desk, one) == [LENA.email]
