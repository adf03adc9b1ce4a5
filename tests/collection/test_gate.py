"""The gate of collection over HTTP: what is not stated does not come in, and nothing of a refused call is kept."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.support import (
    GOOD,
    HANAKO,
    KENJI,
    LENA,
    MORI,
    ROOT,
    SATO,
    VISITOR,
    Site,
    add_evidence,
    copy_policy,
    edit,
)
from upheld.policy.model import CompiledPolicy

SIX = ("name", "email", "phone", "occupation", "job_title", "company")


def refused(site: Site, situation: str, fields: dict[str, Any], status: int, code: str, **members: Any) -> dict[str, Any]:
    """Post, and see that the answer is this refusal and that neither a record nor a ledger entry was added."""
    before = site.counts()
    answer = site.send(situation, fields, **members)
    assert answer.status_code == status, answer.text
    told: dict[str, Any] = answer.json()
    assert told["code"] == code
    assert answer.headers["content-type"].startswith("application/problem+json")
    assert {"type", "title", "status", "detail", "code", "clause", "clause_url", "next", "policy_version"} <= set(told)
    assert site.counts() == before
    return told


@pytest.mark.row("M03")
def test_m03_an_undeclared_situation_cannot_write(site: Site) -> None:
    """A situation that the policy does not declare answers 404 whatever is sent, and nothing is stored."""
    refused(site, "survey", HANAKO.some("name"), 404, "situation_unknown", receipt=None)
    before = site.counts()
    for body in (b"", b"{", b'{"name": "x"}', b"[]"):
        answer = site.http.post("/api/v1/collect/survey", content=body, headers={"content-type": "application/json"})
        assert (answer.status_code, answer.json()["code"]) == (404, "situation_unknown")
    assert site.http.get("/api/v1/collect/survey").status_code == 404
    assert site.counts() == before


@pytest.mark.row("M04")
def test_m04_a_write_needs_a_notice_receipt_of_the_version_in_force(tmp_path: Path) -> None:
    """Without a receipt, or with one of the version before, nothing is stored; with one of today's version it is."""
    with Site() as site:
        fields = HANAKO.some(*SIX)
        old = site.receipt("event")
        refused(site, "event", fields, 409, "notice_not_shown", receipt=None)
        v2 = copy_policy(tmp_path / "v2")
        edit(v2, "00-policy.yaml", 'version: "1"', 'version: "2"')
        edit(v2, "02-collection.yaml", "en: To decide whom we hire.", "en: To decide which applicants we hire.")
        add_evidence(
            v2,
            "v2",
            "procedures:\n  - {version: '2', class: within_relevance, at: collection.purposes.hire_screen, "
            "done: [sign_class, announce, tell_before_use, compatibility], who: Head of the Corporate division, "
            "on: 2026-11-21}\n",
        )
        site.publish(v2)
        told = refused(site, "event", fields, 409, "notice_stale", receipt=old)
        assert told["policy_version"] == "2"
        answer = site.send("event", fields, receipt=site.receipt("event"))
        assert answer.status_code == 201
        assert answer.json()["policy_version"] == "2"
        assert answer.headers["upheld-policy"].startswith("2; sha256=")


@pytest.mark.row("M04")
def test_m04_a_receipt_serves_one_act_one_situation_and_one_language(site: Site) -> None:
    """A receipt used before, of another form, in another language, or a day old opens nothing; a forged one is 400."""
    fields = HANAKO.some(*SIX)
    receipt = site.receipt("event", "ja")
    refused(site, "materials", fields, 409, "notice_not_shown", receipt=receipt)
    refused(site, "event", fields, 409, "notice_stale", receipt=receipt, language="en")
    refused(site, "event", fields, 400, "receipt_invalid", receipt=receipt[:-2] + "AA")
    refused(site, "event", fields, 400, "receipt_invalid", receipt="nothing")
    assert site.send("event", fields, receipt=receipt, language="ja").status_code == 201
    refused(site, "event", fields, 409, "notice_not_shown", receipt=receipt)
    late = site.receipt("event")
    site.clock.advance(hours=24, seconds=1)
    refused(site, "event", fields, 409, "notice_stale", receipt=late)


@pytest.mark.row("M07")
def test_m07_browsing_data_come_in_under_browsing_only(site: Site) -> None:
    """Pages viewed are refused in a sign-up and stored for a visit."""
    told = refused(site, "event", {**HANAKO.some(*SIX), "browsing": "/products"}, 422, "field_not_declared")
    assert told["fields"] == ["browsing"]
    answer = site.send("browsing", {"browsing": ["/products", "/products"]}, visitor=VISITOR)
    assert answer.status_code == 201


@pytest.mark.row("M09")
def test_m09_an_event_takes_exactly_six_fields(site: Site) -> None:
    """The six fields of an event are stored; a seventh refuses the whole call and is named."""
    assert site.send("event", HANAKO.some(*SIX), country="JP").status_code == 201
    told = refused(site, "event", HANAKO.some(*SIX, "department"), 422, "field_not_declared")
    assert told["fields"] == ["department"]
    assert told["clause"] == "collection.event.collect"
    assert HANAKO.fields["department"] not in str(told)


@pytest.mark.row("M16")
def test_m16_free_text_belongs_to_the_contact_form(site: Site) -> None:
    """A question is stored through the contact form and refused with a sign-up."""
    wanted = {**HANAKO.some("name", "email"), "inquiry": "見積希望"}
    assert site.send("contact", wanted).status_code == 201
    refused(site, "event", {**HANAKO.some(*SIX), "inquiry": "見積希望"}, 422, "field_not_declared")


@pytest.mark.row("M17")
def test_m17_special_care_text_is_stored_for_one_look_first(site: Site) -> None:
    """A question that speaks of an illness is stored with a review; an ordinary one without."""
    told = site.send("contact", {**HANAKO.some("name", "email"), "inquiry": "私はがん治療中です"}).json()
    assert told["review"] == "special_care"
    german = {**LENA.some("name", "email"), "inquiry": "Ich bin wegen einer Erkrankung verhindert."}
    assert site.send("contact", german).json()["review"] == "special_care"
    plain = {**LENA.some("name", "email"), "inquiry": "Does the cancellation take effect at once?"}
    assert "review" not in site.send("contact", plain).json()


@pytest.mark.row("M25")
def test_m25_a_card_has_no_job_title(site: Site) -> None:
    """A scanned card with a job title is refused and says which field; without it staff may store it."""
    fields = HANAKO.some("name", "email", "company", "department", "phone")
    script = {"version": "1"}
    told = refused(
        site, "card", {**fields, "job_title": "部長"}, 422, "field_not_declared", receipt=None, script=script,
        headers=site.staff(SATO),
    )  # fmt: skip
    assert told["fields"] == ["job_title"]
    refused(site, "card", {**fields, "job_title": "部長"}, 422, "field_not_declared", receipt=None)
    answer = site.send("card", fields, receipt=None, script=script, headers=site.staff(SATO))
    assert answer.status_code == 201


def test_what_staff_take_needs_their_name_and_their_word(site: Site) -> None:
    """Nobody stores a card without saying that the purposes were told, and only a known member of staff may say so."""
    fields = HANAKO.some("name", "email")
    refused(site, "card", fields, 409, "notice_not_shown", receipt=None)
    refused(site, "card", fields, 401, "not_signed_in", receipt=None, script={"version": "1"})
    stale = {"version": "0"}
    refused(site, "card", fields, 409, "notice_stale", receipt=None, script=stale, headers=site.staff(SATO))
    refused(
        site, "event", HANAKO.some(*SIX), 409, "notice_not_shown", receipt=None, script={"version": "1"},
        headers=site.staff(SATO),
    )  # fmt: skip


@pytest.mark.row("M27")
def test_m27_a_contract_takes_five_fields_and_needs_the_address(site: Site) -> None:
    """An order with an occupation is refused, and so is one without an e-mail address."""
    fields = HANAKO.some("name", "email", "company", "department", "phone")
    told = refused(site, "contract", {**fields, "occupation": "会社員"}, 422, "field_not_declared")
    assert told["fields"] == ["occupation"]
    del fields["email"]
    told = refused(site, "contract", fields, 422, "field_required")
    assert told["fields"] == ["email"]
    refused(site, "contract", {**fields, "email": "  "}, 422, "field_required")


@pytest.mark.row("M29")
def test_m29_the_text_of_a_question_is_taken_once_a_version_declares_it(tmp_path: Path) -> None:
    """Under version 1 a question from inside the service has no text; version 2 declares it, and it is stored."""
    with Site() as site:
        wanted = {**HANAKO.some("name", "email"), "inquiry": "エクスポートの方法は?"}
        told = refused(site, "in_service", wanted, 422, "field_not_declared")
        assert told["fields"] == ["inquiry"]
        v2 = takes_the_question(tmp_path / "v2")
        with pytest.raises(Exception, match="statutory_procedure"):
            site.publish(v2)
        with_procedure(v2)
        site.publish(v2)
        assert site.send("in_service", wanted).status_code == 201


def takes_the_question(folder: Path) -> Path:
    """Write version 2, which declares the text of a question from inside the service."""
    v2 = copy_policy(folder)
    edit(v2, "00-policy.yaml", 'version: "1"', 'version: "2"')
    edit(
        v2,
        "02-collection.yaml",
        "collect: {required: [name, email], optional: [phone, company]}",
        "collect: {required: [name, email], optional: [phone, company, inquiry]}",
    )
    return v2


def with_procedure(v2: Path) -> None:
    """Say that what the law asks before a new field was done."""
    add_evidence(
        v2,
        "v2",
        "procedures:\n  - {version: '2', class: new_field, at: collection.in_service.inquiry, "
        "done: [sign_class, announce, screening], who: Head of the Corporate division, on: 2026-11-21}\n",
    )


@pytest.mark.row("M30")
def test_m30_a_question_is_answered_from_the_record_that_has_its_text(tmp_path: Path) -> None:
    """Under version 1 `respond` is a gap; the record of version 2 opens for it, and nobody announces from either."""
    with Site() as site:
        wanted = HANAKO.some("name", "email", "phone")
        first = site.send("in_service", wanted).json()
        subject = first["subject"]
        refused_read = site.read(MORI, subject, "respond", "phone")
        assert (refused_read.status_code, refused_read.json()["code"]) == (403, "purpose_gap")
        v2 = takes_the_question(tmp_path / "v2")
        with_procedure(v2)
        site.publish(v2)
        second = site.send("in_service", {**wanted, "inquiry": "エクスポートの方法は?"}).json()
        assert second["subject"] == subject
        for record, status in ((first["record"], 403), (second["record"], 200)):
            assert site.read(MORI, subject, "respond", "phone", record=record).status_code == status
        told = site.read(SATO, subject, "announce", "phone")
        assert (told.status_code, told.json()["code"]) == (403, "purpose_not_declared")


@pytest.mark.row("M31")
def test_m31_a_user_account_takes_the_address_alone(site: Site) -> None:
    """Opening an account with a name is refused; with the address alone it is stored."""
    told = refused(site, "registration", LENA.some("name", "email"), 422, "field_not_declared")
    assert told["fields"] == ["name"]
    assert site.send("registration", LENA.some("email")).status_code == 201


@pytest.mark.row("M33")
@pytest.mark.parametrize(("name", "told_name"), [("date_of_birth", True), ("家族構成", False), ("nationality", True)])
def test_m33_applicants_are_not_asked_for_more(site: Site, name: str, told_name: bool) -> None:
    """Birth, family and nationality are refused for an application; a name that is no id is not repeated."""
    told = refused(site, "candidate", {**KENJI.some("name", "email"), name: "1990-01-01"}, 422, "field_not_declared")
    assert told.get("fields") == ([name] if told_name else None)
    assert "1990-01-01" not in str(told)


@pytest.mark.row("M33")
def test_m33_a_career_holds_listed_items_only(site: Site) -> None:
    """A career with an unlisted item is refused; the listed ones are stored."""
    career = [{"employer": "例示商事", "salary": "600"}]
    told = refused(site, "candidate", {**KENJI.some("name", "email"), "work_history": career}, 422, "item_not_listed")
    assert told["fields"] == ["work_history"]
    for wrong in ("自由に書いた職歴", ["例示商事"], 7, {"salary": "600"}):
        refused(site, "candidate", {**KENJI.some("name", "email"), "work_history": wrong}, 422, "item_not_listed")
    assert site.send("candidate", KENJI.fields).status_code == 201


@pytest.mark.row("M36")
def test_m36_no_passport_number_unless_declared(site: Site) -> None:
    """A passport number is refused for an application."""
    told = refused(site, "candidate", {**KENJI.some("name", "email"), "passport_no": "TK0000000"}, 422, "field_not_declared")
    assert "TK0000000" not in str(told)


@pytest.mark.row("M38")
def test_m38_internships_and_talks_pass_the_same_gate(site: Site) -> None:
    """The declared kinds of application are stored, another kind is refused."""
    fields = KENJI.some("name", "email")
    assert site.send("candidate", fields, subtype="casual_interview").status_code == 201
    assert site.send("candidate", fields, subtype="internship").status_code == 201
    refused(site, "candidate", fields, 422, "subtype_unknown", subtype="alumni")
    refused(site, "event", HANAKO.some(*SIX), 422, "subtype_unknown", subtype="internship")


@pytest.mark.row("M91")
def test_m91_a_record_keeps_the_declared_area_and_nothing_guessed(site: Site) -> None:
    """The area follows the declared country: EEA, GB, JP, other; without one it is unknown."""
    seen = {}
    for country in ("DE", "NO", "GB", "JP", "BR", ""):
        done = site.send("event", HANAKO.some(*SIX), country=country).json()
        seen[country] = _origin(site, done["record"])
    assert seen == {"DE": "EEA", "NO": "EEA", "GB": "GB", "JP": "JP", "BR": "other", "": "unknown"}
    refused(site, "event", HANAKO.some(*SIX), 422, "value_invalid", country="XX")


def _origin(site: Site, record: str) -> str:
    from upheld.db import unb64

    with site.house.store.read() as tx:
        return site.house.vault.record(tx, unb64(record)).origin


@pytest.mark.parametrize(
    "wrong",
    [
        {"email": "hanako"},
        {"email": "hanako@localhost"},
        {"email": ["hanako@example.co.jp"]},
        {"phone": "call me"},
        {"phone": "+8131234"},
        {"name": "x" * 201},
        {"name": 7},
        {"name": "a\nb"},
        {"company": {"name": "x"}},
    ],
)
def test_contents_must_be_what_the_field_is(site: Site, wrong: dict[str, Any]) -> None:
    """An address, number or text of the wrong form is refused naming the field, and its content is not repeated."""
    told = refused(site, "event", {**HANAKO.some(*SIX), **wrong}, 422, "value_invalid")
    assert told["fields"] == list(wrong)


def test_a_number_without_plus_is_read_in_the_declared_country(site: Site) -> None:
    """A domestic number is accepted for the country the person declared and finds the same person."""
    site.send("event", {**LENA.some(*SIX), "phone": "030 1234567"}, country="DE")
    assert site.house.vault.find_all("phone", "+49301234567")


def test_consent_is_taken_only_where_it_is_asked(site: Site) -> None:
    """A ticked box for a purpose that needs no consent, or that the situation does not state, is refused."""
    fields = HANAKO.some(*SIX)
    refused(site, "event", fields, 422, "value_invalid", consents=["analyse"])
    refused(site, "event", fields, 403, "purpose_not_declared", consents=["provide"])
    assert site.send("event", fields, consents=["announce"]).status_code == 201


def test_the_same_key_stores_once_and_answers_twice(site: Site) -> None:
    """A repeated call with its key is answered as the first; with another body it is refused; without a key too."""
    fields, receipt = HANAKO.some(*SIX), site.receipt("event")
    first = site.send("event", fields, receipt=receipt, key="k-1")
    before = site.counts()
    again = site.send("event", fields, receipt=receipt, key="k-1")
    assert (again.status_code, again.json()) == (201, first.json())
    assert again.headers["idempotency-replayed"] == "true"
    assert "idempotency-replayed" not in first.headers
    other = site.send("event", LENA.some(*SIX), key="k-1")
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_mismatch")
    body = {"fields": fields, "notice_receipt": site.receipt("event")}
    bare = site.http.post("/api/v1/collect/event", json=body)
    assert (bare.status_code, bare.json()["code"]) == (400, "idempotency_missing")
    assert site.counts() == before


def test_the_first_thing_that_is_wrong_is_told(site: Site) -> None:
    """Fields are judged before the notice, so that a caller learns first what the public page says anyway."""
    refused(site, "event", {"department": "x"}, 422, "field_not_declared", receipt=None)
    refused(site, "event", {"name": "x"}, 422, "field_required", receipt=None)
    refused(site, "event", HANAKO.some(*SIX), 409, "notice_not_shown", receipt=None)


@pytest.mark.parametrize("body", [b"{", b'{"fields": {}, "more": 1}', b'{"fields": {}, "fields": {}}', b"[" * 40])
def test_a_body_that_is_not_exact_is_refused(site: Site, body: bytes) -> None:
    """Broken, doubled, unknown or too deep members are refused with a problem, and nothing is stored."""
    before = site.counts()
    answer = site.http.post("/api/v1/collect/event", content=body, headers={"content-type": "application/json"})
    assert answer.status_code in {400, 422}
    assert answer.json()["code"] in {"malformed", "member_unknown", "member_twice", "too_deep"}
    assert site.counts() == before


def test_nothing_opens_before_a_version_is_in_force() -> None:
    """Without a published policy the gate answers 503 and the forms are closed."""
    with Site(policy=None) as site:
        for path in ("/api/v1/collect/event", "/forms/event"):
            assert site.http.get(path).status_code == 503
        answer = site.send("event", {"name": "x"}, receipt=None)
        assert (answer.status_code, answer.json()["code"]) == (503, "not_in_force")
        assert site.http.get("/readyz").status_code == 503


def made_up(policy: CompiledPolicy, name: str) -> Any:
    """Give a value that a field of this kind and format takes."""
    field = policy.fields[name]
    if field.kind == "itemised":
        return [{field.items[0]: "x"}]
    return {"email": "noa@example.org", "phone": "+442071234567", "date": "1990-04-01"}.get(field.format or "", "x")


FOLDERS = {path.parent.name: path for path in sorted(GOOD.glob("*/policy"))} | {"starter": ROOT / "policies" / "starter"}


@pytest.mark.parametrize("name", FOLDERS)
def test_the_gate_serves_any_policy(name: str) -> None:
    """Every policy takes in every situation it declares, with its own fields, purposes and languages, and nothing else."""
    with Site(policy=FOLDERS[name]) as site:
        policy = site.house.in_force().policy
        for situation in policy.situations.values():
            told = site.http.get(f"/api/v1/collect/{situation.id}")
            assert told.status_code == 200
            assert [item["id"] for item in told.json()["notice"]["purposes"]] == list(situation.purpose_ids)
            fields = {field: made_up(policy, field) for field in situation.fields}
            refused(site, situation.id, {**fields, "shoe_size": "42"}, 422, "field_not_declared", receipt=None)
            if "notice_receipt" not in told.json():
                continue  # taken by staff, whose roles are the policy's own
            answer = site.send(
                situation.id, fields, receipt=told.json()["notice_receipt"], consents=told.json()["consents"], country="FR"
            )
            assert answer.status_code == 201, answer.text
            page = site.http.get(f"/consent/receipts/{answer.json()['receipt']}", headers={"accept": "text/html"})
            assert page.status_code == 200
        assert site.house.ledger.verify() == []
