"""Consent and objection over HTTP: given apart, withdrawn once for everything, binding the next decision."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.support import HANAKO, LENA, OLIVER, SATO, Site
from upheld.db import unb64
from upheld.ledger import verify_receipt


def events(site: Site, subject: str, kind: str) -> list[Any]:
    """List the ledger entries of a kind about a person."""
    return [one for one in site.house.ledger.about(unb64(subject)) if one.kind.name == kind]


@pytest.mark.row("M15")
def test_m15_withdrawing_once_stops_the_purpose_for_every_record() -> None:
    """Two downloads with one address are two records of one person; one withdrawal ends announcing for both, not analysing."""
    with Site() as site:
        first = site.collect(HANAKO, "materials", consents=["announce"])
        second = site.collect(HANAKO, "white_paper", consents=["announce"])
        assert first["subject"] == second["subject"]
        assert first["record"] != second["record"]
        assert site.counts()[0] == 2
        for record in (first["record"], second["record"]):
            assert site.read(SATO, first["subject"], "announce", "email", record=record).status_code == 200
        told = site.state_choice(first["subject"], "announce", "withdraw")
        assert (told.status_code, told.json()["state"], told.json()["changed"]) == (201, "withdrawn", True)
        assert site.state_choice(first["subject"], "announce", "withdraw").json()["changed"] is False
        assert len(events(site, first["subject"], "consent.withdrawn")) == 1
        for record in (first["record"], second["record"]):
            announce = site.read(SATO, first["subject"], "announce", "email", record=record)
            assert (announce.status_code, announce.json()["code"]) == (403, "consent_withdrawn")
            analyse = site.read(SATO, first["subject"], "analyse", "email", record=record)
            assert analyse.status_code == 200
        assert site.read(SATO, first["subject"], "announce", "email").json()["code"] == "consent_withdrawn"


@pytest.mark.row("M10")
def test_m10_what_an_event_may_be_used_for(site: Site) -> None:
    """The e-mail of an attendee who consented is read for announcing, and it alone; for another purpose never."""
    done = site.collect(OLIVER, "event", consents=["announce"])
    told = site.read(SATO, done["subject"], "announce", "email")
    assert told.status_code == 200
    (record,) = told.json()["records"]
    assert record["fields"] == {"email": OLIVER.email}
    refused = site.read(SATO, done["subject"], "provide", "email")
    assert refused.status_code == 403
    assert refused.json()["code"] in {"purpose_not_declared", "role_not_allowed"}


def test_an_unticked_box_is_no_statement(site: Site) -> None:
    """Who ticks nothing has neither consented nor refused, and announcing is refused for want of consent."""
    done = site.collect(LENA, "event")
    assert events(site, done["subject"], "consent.given") == []
    assert site.read(SATO, done["subject"], "announce", "email").json()["code"] == "consent_missing"
    assert site.read(SATO, done["subject"], "analyse", "email").status_code == 200


def test_consent_is_given_only_after_a_notice_that_asks_for_it(site: Site) -> None:
    """Giving needs a receipt of a form that asks for this consent; afterwards the purpose may be followed."""
    done = site.collect(LENA, "contract", relation="C-1")
    subject = done["subject"]
    bare = site.state_choice(subject, "announce", "give")
    assert (bare.status_code, bare.json()["code"]) == (409, "notice_not_shown")
    other = site.state_choice(subject, "announce", "give", notice_receipt=site.receipt("contract"))
    assert other.json()["code"] == "notice_not_shown"
    given = site.state_choice(subject, "announce", "give", notice_receipt=site.receipt("event"))
    assert (given.status_code, given.json()["state"]) == (201, "given")


def test_an_objection_stops_and_a_later_choice_wins(site: Site) -> None:
    """An objection binds the next read; consent given later takes its place."""
    person = {"name": "Mia Example", "email": "mia@example.de", "company": "Beispiel GmbH"}
    done = site.send("event", person, country="DE", consents=["announce"]).json()
    assert site.read(SATO, done["subject"], "announce", "email").status_code == 200
    assert site.state_choice(done["subject"], "announce", "object").json()["state"] == "objected"
    assert site.read(SATO, done["subject"], "announce", "email").json()["code"] == "objected"
    again = site.state_choice(done["subject"], "announce", "give", notice_receipt=site.receipt("event"))
    assert again.json()["state"] == "given"
    assert site.read(SATO, done["subject"], "announce", "email").status_code == 200


def test_nobody_is_found_by_address_without_a_key(site: Site) -> None:
    """A statement by identifier needs a key with the scope; by an unknown number it is 404; nothing is written."""
    site.collect(HANAKO, "event")
    before = site.counts()
    body = {"identifier": {"kind": "email", "value": HANAKO.email}, "purpose": "announce", "action": "withdraw"}
    answer = site.http.post("/api/v1/consents", json=body, headers={"Idempotency-Key": "a"})
    assert (answer.status_code, answer.json()["code"]) == (401, "not_signed_in")
    unknown = site.state_choice("AAAAAAAAAAAAAAAAAAAAAA", "announce", "withdraw")
    assert (unknown.status_code, unknown.json()["code"]) == (404, "not_found")
    assert site.counts() == before
    headers = {"Idempotency-Key": "b", **site.staff(SATO)}
    assert site.http.post("/api/v1/consents", json=body, headers=headers).json()["state"] == "withdrawn"


def test_a_statement_needs_a_key_and_a_stated_purpose(site: Site) -> None:
    """A repeated key is answered as before; an undeclared purpose and a missing key are refused."""
    subject = site.collect(HANAKO, "event")["subject"]
    body = {"subject": subject, "purpose": "announce", "action": "refuse"}
    first = site.http.post("/api/v1/consents", json=body, headers={"Idempotency-Key": "once"})
    again = site.http.post("/api/v1/consents", json=body, headers={"Idempotency-Key": "once"})
    assert again.json() == first.json()
    assert again.headers["idempotency-replayed"] == "true"
    assert site.http.post("/api/v1/consents", json=body).json()["code"] == "idempotency_missing"
    assert site.state_choice(subject, "resale", "withdraw").json()["code"] == "purpose_not_declared"


def test_a_receipt_names_fields_and_states_but_no_values(site: Site) -> None:
    """The receipt page and its data tell fields by name, each consent and the version; no value stands on either."""
    done = site.collect(LENA, "event", consents=["announce"], language="en")
    page = site.http.get(f"/consent/receipts/{done['receipt']}", headers={"accept": "text/html"})
    data = site.http.get(f"/consent/receipts/{done['receipt']}", headers={"accept": "application/json"})
    assert (page.status_code, data.status_code) == (200, 200)
    assert page.headers["cache-control"] == "no-store"
    for value in LENA.some("name", "email", "phone", "company").values():
        assert value not in page.text
        assert value not in data.text
    told = data.json()
    assert set(told["fields"]) == {"name", "email", "phone", "occupation", "job_title", "company"}
    assert {line["id"]: line.get("state") for line in told["purposes"]} == {"analyse": None, "announce": "given"}
    assert told["notice"]["version"] == "1"
    proven = verify_receipt(told["proof"], site.house.ledger.vkey)
    assert (proven.kind, proven.body["situation"]) == ("collect.accepted", "event")
    assert "lena@example.de" not in json.dumps(proven.body)
    assert site.http.get("/consent/receipts/AAAAAAAAAAAAAAAAAAAAAA").status_code == 404


def test_withdrawal_on_the_receipt_is_one_button(site: Site) -> None:
    """Whoever holds the receipt withdraws with one button and no sign-in; the page then says so."""
    person = {"name": "Noa Example", "email": "noa@example.com", "company": "Example Ltd"}
    done = site.send("event", person, country="GB", consents=["announce"]).json()
    address = f"/consent/receipts/{done['receipt']}"
    answer = site.http.post(f"{address}/withdraw", data={"purpose": "announce"}, follow_redirects=True)
    assert answer.status_code == 200
    assert 'data-state="withdrawn"' in answer.text
    assert site.read(SATO, done["subject"], "announce", "email").json()["code"] == "consent_withdrawn"
    other = site.http.post(f"{address}/withdraw", data={"purpose": "provide"}, headers={"accept": "application/json"})
    assert (other.status_code, other.json()["code"]) == (403, "purpose_not_declared")


def test_receipts_go_with_the_person(site: Site) -> None:
    """After an erasure the receipt is gone, and so are the statements."""
    from upheld.basis import store

    person = {"name": "Ida Example", "email": "ida@example.org", "company": "Example Ltd"}
    done = site.send("event", person, country="GB", consents=["announce"]).json()
    subject = unb64(done["subject"])
    words = {"clause": "rights.erasure", "policy_version": "1", "actor": "staff:1"}
    site.house.vault.erase(subject, reason="request", **words)
    assert site.http.get(f"/consent/receipts/{done['receipt']}").status_code == 404
    with site.house.store.read() as tx:
        assert store.consents_of(tx, subject) == []
    assert site.house.ledger.verify() == []
