"""Reading through the API: what the record's own version states, for those whose work needs it."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from tests.security.conftest import Desk
from tests.support import HANAKO, KENJI, LENA, OLIVER, REFERENCE, Site, copy_policy, edit
from upheld.cli import cli
from upheld.security import keys, staff

SIX = ("name", "email", "phone", "occupation", "job_title", "company")


@pytest.mark.row("M10")
def test_m10_event_data_are_read_for_analyse_and_announce_only(desk: Desk) -> None:
    """An address given for an event is read for announcing once its person agreed, and never for delivery."""
    subject = desk.site.collect(HANAKO, "event", *SIX, consents=["announce"])["subject"]
    desk.hire("OPS", "operations")
    refused = desk.read("OPS", subject, "provide", "email")
    assert refused.status_code == 403
    assert refused.json()["code"] == "purpose_not_declared"
    assert refused.json()["policy_version"] == desk.site.house.in_force().version
    answer = desk.read("SATO", subject, "announce", "email")
    assert answer.status_code == 200
    assert answer.json()["fields"] == {"email": HANAKO.email}
    assert answer.headers["cache-control"] == "no-store"


@pytest.mark.row("M11")
def test_m11_joint_events_have_the_same_fields_and_uses(desk: Desk) -> None:
    """Data of a joint event are read for analysis, not for business contact."""
    subject = desk.site.collect(HANAKO, "joint_event", *SIX)["subject"]
    assert desk.code("SATO", subject, "analyse", "name") is None
    assert desk.code("SATO", subject, "business_contact", "name") == "purpose_not_declared"


@pytest.mark.row("M14")
def test_m14_an_objection_to_announcing_stops_it(desk: Desk) -> None:
    """Product material asks for no question text, and after an objection nobody is written to."""
    answer = desk.site.send("materials", {**HANAKO.some(*SIX), "inquiry": "x"}, country="JP")
    assert (answer.status_code, answer.json()["code"]) == (422, "field_not_declared")
    assert answer.json()["fields"] == ["inquiry"]
    subject = desk.site.collect(HANAKO, "materials", *SIX, consents=["announce"])["subject"]
    assert desk.code("SATO", subject, "announce", "email") is None
    receipt_headers = {"Idempotency-Key": "k1", **desk.auth["SATO"]}
    body = {"subject": subject, "purpose": "announce", "action": "object"}
    assert desk.site.http.post("/api/v1/consents", json=body, headers=receipt_headers).status_code < 300
    assert desk.code("SATO", subject, "announce", "email") == "objected"


@pytest.mark.row("M15")
def test_m15_one_withdrawal_stops_the_purpose_for_every_record(desk: Desk) -> None:
    """Two takings of one person with one consent each: one withdrawal stops announcing through both."""
    first = desk.site.collect(HANAKO, "materials", *SIX, consents=["announce"])
    second = desk.site.collect(HANAKO, "white_paper", *SIX, consents=["announce"])
    subject = first["subject"]
    assert second["subject"] == subject
    assert first["record"] != second["record"]
    body = {"subject": subject, "purpose": "announce", "action": "withdraw"}
    headers = {"Idempotency-Key": "k2", **desk.auth["SATO"]}
    assert desk.site.http.post("/api/v1/consents", json=body, headers=headers).status_code < 300
    assert desk.kinds("consent.withdrawn") == 1
    for one in (first, second):
        code = desk.code("SATO", subject, "announce", "email", record=one["record"])
        assert code == "consent_withdrawn"
        assert desk.code("SATO", subject, "analyse", "email", record=one["record"]) is None
    both = desk.read("SATO", subject, "analyse", "email").json()
    assert {one["record"] for one in both["records"]} == {first["record"], second["record"]}


def test_without_consent_nobody_is_announced_to(desk: Desk) -> None:
    """An unticked box means that the address is not read for announcing."""
    subject = desk.site.collect(LENA, "event", *SIX)["subject"]
    assert desk.code("SATO", subject, "announce", "email") == "consent_missing"


@pytest.mark.row("M18")
def test_m18_a_question_is_answered_and_not_announced(desk: Desk) -> None:
    """The text of a question is read to answer it, for no purpose the contact form does not state."""
    subject = _contact(desk)
    assert desk.code("MORI", subject, "respond_and_market", "inquiry") is None
    assert desk.code("MORI", subject, "respond", "inquiry") == "purpose_not_declared"
    assert desk.code("SATO", subject, "announce", "inquiry") == "purpose_not_declared"


def _contact(desk: Desk, text: str = "見積希望") -> str:
    answer = desk.site.send("contact", {**HANAKO.some("name", "email"), "inquiry": text}, country="JP")
    assert answer.status_code == 201, answer.text
    return str(answer.json()["subject"])


def test_special_care_text_waits_for_a_reviewer(desk: Desk) -> None:
    """A question that tells of an illness is stored and read by nobody but the reviewer."""
    answer = desk.site.send("contact", {**HANAKO.some("name", "email"), "inquiry": "私はがん治療中です"}, country="JP")
    assert answer.status_code == 201
    assert answer.json()["review"] == "special_care"
    subject = answer.json()["subject"]
    for who, purpose in (("SATO", "analyse"), ("SATO", "marketing"), ("MORI", "respond_and_market")):
        assert desk.code(who, subject, purpose, "inquiry") == "review_pending"
    assert desk.code("OFFICER", subject, "respond_and_market", "inquiry") is None


def _contract(desk: Desk, person: Any, number: str) -> str:
    return str(desk.site.collect(person, "contract", "name", "email", relation=number)["subject"])


@pytest.mark.row("M28")
def test_m28_delivery_needs_the_contract(desk: Desk) -> None:
    """A British customer's data are read for delivery under the contract named, until it ends."""
    subject = _contract(desk, OLIVER, "C-1")
    assert desk.code("MORI", subject, "provide", "email") == "basis_missing"
    assert desk.code("MORI", subject, "provide", "email", contract_id="C-1") is None
    _, text = keys.make(desk.site.house, label="crm", by="staff:1", scopes=("relations:end",))
    body = {"kind": "contract", "id": "C-1", "ended": "2026-11-21"}
    done = desk.site.http.post("/api/v1/relations", json=body, headers={"Authorization": f"Bearer {text}"})
    assert done.json() == {"kind": "contract", "ended": "2026-11-21", "people": 1}
    assert desk.code("MORI", subject, "provide", "email", contract_id="C-1") == "basis_ended"
    assert desk.code("SATO", subject, "announce", "email") == "purpose_not_declared"


@pytest.mark.row("M40")
def test_m40_the_last_day_of_a_contract_still_counts(desk: Desk) -> None:
    """A contract that runs to 31 December carries delivery that day and not the next."""
    subject = _contract(desk, LENA, "C-1")
    _, text = keys.make(desk.site.house, label="crm", by="staff:1", scopes=("relations:end",))
    body = {"kind": "contract", "id": "C-1", "ended": "2026-12-31"}
    desk.site.http.post("/api/v1/relations", json=body, headers={"Authorization": f"Bearer {text}"})
    desk.site.clock.set(desk.site.now.replace(month=12, day=31, hour=14, minute=59))
    assert desk.code("MORI", subject, "provide", "email", contract_id="C-1") is None
    desk.site.clock.set(desk.site.now.replace(month=12, day=31, hour=15, minute=0))  # midnight in Tokyo
    assert desk.code("MORI", subject, "provide", "email", contract_id="C-1") == "basis_ended"


@pytest.mark.row("M32")
def test_m32_an_account_address_serves_to_sign_in(desk: Desk) -> None:
    """The address of an account is read as the name for signing in, and for nothing else."""
    subject = desk.site.collect(HANAKO, "registration", "email")["subject"]
    desk.hire("OPS", "operations")
    assert desk.code("OPS", subject, "user_id", "email") is None
    for purpose in ("announce", "marketing", "analyse"):
        assert desk.code("SATO", subject, purpose, "email") == "purpose_not_declared"


@pytest.mark.row("M34")
def test_m34_applications_are_read_by_hr_alone(desk: Desk) -> None:
    """Who applies is read for screening by the role hr, by nobody else, and for no other purpose."""
    subject = desk.site.collect(KENJI, "candidate", "name", "email")["subject"]
    assert desk.code("SATO", subject, "hire_screen", "name") == "role_not_allowed"
    assert desk.code("HR", subject, "hire_screen", "name") is None
    assert desk.code("HR", subject, "analyse", "name") == "purpose_not_declared"
    assert desk.code("HR", subject, "announce", "name") == "purpose_not_declared"


@pytest.mark.row("M36")
def test_m36_purposes_with_a_gap_stay_shut(desk: Desk) -> None:
    """Visa, health, onboarding and in-service answers are stated, lack a field they need, and stay shut."""
    passport = desk.site.send("candidate", {**KENJI.some("name", "email"), "passport_no": "x"}, country="JP")
    assert (passport.status_code, passport.json()["code"]) == (422, "field_not_declared")
    shown = CliRunner().invoke(cli, ["check", str(REFERENCE), "--show-accepted", "--as-of", "2026-11-22"])
    assert shown.exit_code == 0
    assert "hire_visa" in shown.output
    subject = desk.site.collect(KENJI, "candidate", "name", "email")["subject"]
    for purpose in ("hire_visa", "hire_health", "hire_onboard"):
        assert desk.code("HR", subject, purpose, "name") == "purpose_gap"
    asked = desk.site.collect(HANAKO, "in_service", "name", "email", "phone")["subject"]
    assert desk.code("MORI", asked, "respond", "phone") == "purpose_gap"


@pytest.mark.row("M37")
def test_m37_hiring_statistics_are_totals_and_never_small_ones(desk: Desk) -> None:
    """Statistics never show a name; a month with three applications is not shown, one with fourteen is."""
    for number in range(17):
        if number == 14:
            desk.site.clock.advance(timedelta(days=20))
        fields = {"name": f"Person {number}", "email": f"p{number}@example.jp"}
        assert desk.site.send("candidate", fields, country="JP").status_code == 201
    assert desk.code("HR", {"email": "p1@example.jp"}, "hire_stats", "name") == "aggregate_only"
    lines = desk.audience("HR", purpose="hire_stats", group="month")
    assert lines[1:] == [{"group": "2026-11", "count": 14}, {"group": "2026-12", "suppressed": True}]
    assert "count" not in lines[0]


@pytest.mark.row("M39")
def test_m39_a_missing_assessment_stops_european_data_only(tmp_path: Path) -> None:
    """Without a balancing test on file a German's data are not analysed; a Japanese person's are."""
    folder = copy_policy(tmp_path / "policy")
    edit(folder, "evidence/bases.yaml", "  basis.purposes.analyse: {assessment: documents/lia-analyse.md}\n", "")
    with Site(policy=folder) as site:
        desk = Desk(site)
        lena = site.collect(LENA, "event", *SIX)["subject"]
        hanako = site.collect(HANAKO, "event", *SIX)["subject"]
        assert desk.code("SATO", lena, "analyse", "name") == "no_legal_basis"
        assert desk.code("SATO", hanako, "analyse", "name") is None


def test_every_read_and_refusal_is_an_entry(desk: Desk) -> None:
    """A read leaves one entry that names fields and no values; a refusal leaves its code alone."""
    subject = desk.site.collect(HANAKO, "event", *SIX)["subject"]
    entry = desk.read("SATO", subject, "analyse", "name", "company").json()["records"][0]["entry"]
    ledger = desk.site.house.ledger
    from upheld.db import unb64

    told = ledger.body(unb64(entry))
    assert told["fields"] == ["name", "company"]
    assert told["purpose"] == "analyse"
    assert HANAKO.email not in str(told)
    assert desk.code("SATO", subject, "announce", "email") == "consent_missing"
    desk.site.house.settle()
    (refused,) = ledger.entries_since(0, 1000, kinds=("access.refused",))
    assert ledger.body(refused) == {"subject": subject, "code": "consent_missing"}
    assert refused.actor == f"staff:{desk.number['SATO']}"


@pytest.mark.row("M50")
def test_m50_without_training_there_is_no_access(desk: Desk) -> None:
    """Training that ran out yesterday closes every read until the course is recorded again."""
    subject = desk.site.collect(HANAKO, "event", *SIX)["subject"]
    from datetime import date

    number = desk.number["SATO"]
    staff.train(desk.site.house, number, until=date(2026, 11, 21), by="staff:1")
    assert desk.code("SATO", subject, "analyse", "name") == "training_expired"
    staff.train(desk.site.house, number, by="staff:1")
    assert desk.code("SATO", subject, "analyse", "name") is None


@pytest.mark.row("M52")
def test_m52_access_is_closed_until_a_role_opens_it(desk: Desk) -> None:
    """A new account reads nothing; a role opens its purposes, and taking it away closes them again."""
    subject = desk.site.collect(HANAKO, "event", *SIX, consents=["announce"])["subject"]
    number = desk.hire("NEW", None)
    for purpose in ("analyse", "announce"):
        for field in SIX:
            assert desk.code("NEW", subject, purpose, field) == "role_not_allowed"
    staff.grant(desk.site.house, number, "marketing", by="staff:1")
    assert desk.code("NEW", subject, "announce", "email") is None
    staff.revoke(desk.site.house, number, "marketing", by="staff:4")
    assert desk.code("NEW", subject, "announce", "email") == "role_not_allowed"
    desk.site.house.settle()
    ledger = desk.site.house.ledger
    (gone,) = ledger.entries_since(0, 1000, kinds=("access.revoked",))
    assert (gone.actor, ledger.body(gone)) == ("staff:4", {"number": number, "role": "marketing"})
    assert desk.kinds("access.granted") >= 5


def test_an_identifier_finds_the_person_and_an_unknown_one_nobody(desk: Desk) -> None:
    """A person is found by e-mail in any spelling; an unknown address answers as nobody."""
    desk.site.collect(HANAKO, "event", *SIX)
    assert desk.code("SATO", {"email": " Hanako@EXAMPLE.co.jp "}, "analyse", "name") is None
    assert desk.code("SATO", {"email": "nobody@example.co.jp"}, "analyse", "name") == "not_found"
    assert desk.code("MORI", {"email": "nobody@example.co.jp"}, "analyse", "name") == "role_not_allowed"
    assert desk.code("SATO", {"No Kind": "red"}, "analyse", "name") == "value_invalid"


def test_only_a_good_key_reads(desk: Desk) -> None:
    """No key, a changed one, a revoked one and one past its end are all answered 401."""
    subject = desk.site.collect(HANAKO, "event", *SIX)["subject"]
    body = {"subject": subject, "purpose": "analyse", "fields": ["name"]}
    made, text = keys.make(desk.site.house, label="x", by="staff:1", scopes=("read:analyse",), days=1)
    ask = lambda word: desk.site.http.post("/api/v1/read", json=body, headers={"Authorization": word})  # noqa: E731
    assert desk.site.http.post("/api/v1/read", json=body).status_code == 401
    assert ask(f"Bearer {text}").status_code == 200
    assert ask(f"Bearer {text[:-2]}xx").status_code == 401
    desk.site.clock.advance(timedelta(days=1))
    assert ask(f"Bearer {text}").status_code == 401
    made, text = keys.make(desk.site.house, label="y", by="staff:1", scopes=("read:respond",))
    refused = ask(f"Bearer {text}")
    assert (refused.status_code, refused.json()["code"]) == (403, "role_not_allowed")
    keys.revoke(desk.site.house, made.id, by="staff:1")
    assert ask(f"Bearer {text}").status_code == 401


def test_a_key_is_stored_as_a_hash(desk: Desk) -> None:
    """The text of a key stands in no file of the data folder."""
    _, text = keys.make(desk.site.house, label="x", by="staff:1", scopes=("read:analyse",))
    desk.site.house.store.tidy()
    assert desk.site.folder is not None
    stored = b"".join(path.read_bytes() for path in desk.site.folder.rglob("*") if path.is_file())
    assert text.split("_", 2)[2].encode() not in stored
