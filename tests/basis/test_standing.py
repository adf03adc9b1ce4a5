"""What a person asked for stands at once: objection, restriction, the stops of Japanese law, parts of a purpose."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import pytest

from tests.support import (
    HANAKO,
    LENA,
    MORI,
    OFFICER,
    SATO,
    Site,
    copy_policy,
    edit,
    record_procedures,
    with_partner_offers,
)
from upheld.basis import stops
from upheld.basis.actions import expire_ended
from upheld.db import unb64
from upheld.web.refusals import Refusal


def code(answer: object) -> str | None:
    """Give the code of a refusal, None where it was allowed."""
    status: int = answer.status_code  # type: ignore[attr-defined]
    return None if status < 300 else str(answer.json()["code"])  # type: ignore[attr-defined]


def someone(site: Site, name: str, country: str, situation: str = "event", **members: object) -> str:
    """Collect somebody new with an address of their own."""
    fields = {"name": name, "email": f"{name.lower()}@example.com", "company": "Example Ltd"}
    answer = site.send(situation, fields, country=country, **members)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["subject"])


def refused(call: object, *args: object, **more: object) -> str:
    with pytest.raises(Refusal) as found:
        call(*args, **more)  # type: ignore[operator]
    return found.value.diagnostic.code


@pytest.mark.row("M73")
def test_m73_restricted_data_are_stored_and_nothing_more(site: Site) -> None:
    """Restricted: no read for any purpose; for legal claims with an approver; lifted only once the person was told."""
    subject = str(site.collect(LENA, "contract", "name", "email", relation="C-73")["subject"])
    number = unb64(subject)
    assert code(site.read(SATO, subject, "legal_claims", "email", approver=OFFICER.number)) == "purpose_not_declared"
    site.staff(OFFICER)
    assert stops.stop(site.house, number, "restricted", ground="accuracy_contested", by="staff:4")
    assert code(site.read(SATO, subject, "analyse", "name")) == "restricted"
    assert code(site.read(MORI, subject, "provide", "name", contract_id="C-73")) == "restricted"
    assert code(site.read(SATO, subject, "legal_claims", "email")) == "approval_missing"
    assert code(site.read(SATO, subject, "legal_claims", "email", approver=SATO.number)) == "approval_missing"
    answer = site.read(SATO, subject, "legal_claims", "email", approver=OFFICER.number)
    assert (answer.status_code, answer.json()["fields"]) == (200, {"email": LENA.email})
    body = site.house.ledger.body(unb64(answer.json()["records"][0]["entry"]))
    assert (body["purpose"], body["approver"]) == ("legal_claims", "staff:4")
    assert refused(stops.lift, site.house, number, "restricted", told=None, by="staff:4") == "person_not_told"
    tomorrow = site.house.today() + timedelta(days=1)
    assert refused(stops.lift, site.house, number, "restricted", told=tomorrow, by="staff:4") == "person_not_told"
    assert code(site.read(SATO, subject, "analyse", "name")) == "restricted"
    assert stops.lift(site.house, number, "restricted", told=date(2026, 11, 22), by="staff:4")
    assert code(site.read(SATO, subject, "analyse", "name")) is None
    assert stops.lift(site.house, number, "restricted", told=date(2026, 11, 22), by="staff:4") is False


@pytest.mark.row("M74")
def test_m74_two_different_stops_of_japanese_law(site: Site) -> None:
    """Ceased use stops every read and hop; stopped provision stops third parties and joint users, not who works for us."""
    ceased, stopped = (someone(site, name, "JP", "joint_event", consents=["announce"]) for name in ("Aoi", "Ren"))
    wrong = {"ground": "because", "by": "staff:4"}
    assert refused(stops.stop, site.house, unb64(ceased), "use_ceased", **wrong) == "ground_missing"
    stops.stop(site.house, unb64(ceased), "use_ceased", ground="no_longer_needed", by="staff:4")
    stops.stop(site.house, unb64(stopped), "provision_stopped", ground="improper_provision", by="staff:4")
    hop = lambda subject, to: code(  # noqa: E731
        site.http.post(
            "/api/v1/transfers",
            json={"service": to, "subject": subject, "purpose": "announce", "fields": ["email"]},
            headers=site.staff(SATO),
        )
    )
    assert code(site.read(SATO, ceased, "analyse", "name")) == "use_ceased"
    assert hop(ceased, "Example Partner KK") == "use_ceased"
    assert hop(ceased, "salesforce") == "use_ceased"
    assert code(site.read(SATO, stopped, "analyse", "name")) is None
    assert hop(stopped, "Example Partner KK") == "provision_stopped"
    assert hop(stopped, "salesforce") is None


@pytest.mark.row("M75")
def test_m75_an_objection_to_marketing_is_absolute_the_rest_is_weighed(site: Site) -> None:
    """Five seconds after his objection Oliver is not written to; Lena's opens a task and shuts the purpose meanwhile."""
    oliver = someone(site, "Ollie", "GB", consents=["announce"])
    lena = someone(site, "Lenka", "DE")
    assert code(site.read(SATO, oliver, "announce", "email")) is None
    site.state_choice(oliver, "announce", "object")
    site.clock.advance(timedelta(seconds=5))
    assert code(site.read(SATO, oliver, "announce", "email")) == "objected"
    hop = {"service": "marketo", "subject": oliver, "purpose": "announce", "fields": ["email"]}
    assert code(site.http.post("/api/v1/transfers", json=hop, headers=site.staff(SATO))) == "objected"
    site.state_choice(lena, "analyse", "object")
    assert code(site.read(SATO, lena, "analyse", "name")) == "objected"
    waiting = {(one.subject, one.purpose) for one in stops.open_tasks(site.house)}
    assert (unb64(lena), "analyse") in waiting
    assert (unb64(oliver), "announce") not in waiting
    decide = stops.decide_objection
    grounds = {"result": "compelling_grounds", "reason": "security of the service", "by": "staff:4"}
    assert refused(decide, site.house, unb64(oliver), "announce", **grounds) == "objection_absolute"
    assert refused(decide, site.house, unb64(lena), "analyse", **{**grounds, "reason": " "}) == "ground_missing"


@pytest.mark.row("M41")
def test_m41_an_objection_stops_until_compelling_grounds_are_found(site: Site) -> None:
    """The read names its interest; the objection stops it; the decision opens it again and is named by its id."""
    subject = someone(site, "Lina", "DE")
    first = site.read(SATO, subject, "analyse", "name").json()["records"][0]["entry"]
    assert site.house.ledger.body(unb64(first))["interest"] == "product_development"
    site.state_choice(subject, "analyse", "object")
    assert code(site.read(SATO, subject, "analyse", "name")) == "objected"
    decision = stops.decide_objection(
        site.house, unb64(subject), "analyse", "compelling_grounds", reason="ongoing fraud case", by="staff:4"
    )
    again = site.read(SATO, subject, "analyse", "name")
    assert again.status_code == 200
    body = site.house.ledger.body(unb64(again.json()["records"][0]["entry"]))
    assert body["standing"]["state"] == "overruled"
    assert unb64(body["standing"]["entry"]) == decision
    assert refused(
        stops.decide_objection, site.house, unb64(subject), "analyse", "upheld", reason="x", by="staff:4"
    ) == "not_found"


def test_an_objection_found_right_stays(site: Site) -> None:
    """Without compelling grounds the purpose stays shut, and the task is gone."""
    subject = someone(site, "Lotte", "DE")
    site.state_choice(subject, "analyse", "object")
    stops.decide_objection(site.house, unb64(subject), "analyse", "upheld", reason="no ground", by="staff:4")
    assert code(site.read(SATO, subject, "analyse", "name")) == "objected"
    assert unb64(subject) not in {one.subject for one in stops.open_tasks(site.house)}


def test_a_part_of_a_purpose_is_met_alone(site: Site) -> None:
    """Whoever objects to learning from a question still gets it answered; the whole purpose is shut."""
    fields = {"name": "Kei", "email": "kei@example.com", "inquiry": "Please send a quotation."}
    subject = site.send("contact", fields, country="DE").json()["subject"]
    assert code(site.read(MORI, subject, "respond_and_market", "inquiry")) is None
    part = "respond_and_market.improve_for_marketing"
    assert site.state_choice(subject, part, "object").json()["state"] == "objected"
    read = lambda part: code(site.read(MORI, subject, "respond_and_market", "inquiry", part=part))  # noqa: E731
    assert read("improve_for_marketing") == "objected"
    assert read("respond") is None
    assert read("") == "objected"
    assert read("resale") == "purpose_not_declared"
    assert site.state_choice(subject, "respond_and_market.resale", "object").json()["code"] == "purpose_not_declared"
    stops.stop(site.house, unb64(subject), "restricted", ground="unlawful", by="staff:4", purpose="respond_and_market.respond")
    assert read("respond") == "restricted"


def test_a_consent_given_for_a_time_ends_with_its_last_day(site: Site) -> None:
    """On its last day it carries, from the next it is missing, whether or not the expiry was written down yet."""
    with Site() as own:
        subject = someone(own, "Tim", "DE")
        given = own.state_choice(
            subject, "announce", "give", notice_receipt=own.receipt("event"), valid_until="2026-12-31"
        )
        assert given.json()["state"] == "given"
        own.clock.set(own.now.replace(month=12, day=31, hour=14, minute=59))
        assert code(own.read(SATO, subject, "announce", "email")) is None
        own.clock.set(own.now.replace(month=12, day=31, hour=15, minute=0))  # midnight in Tokyo
        assert code(own.read(SATO, subject, "announce", "email")) == "consent_missing"
        assert (expire_ended(own.house), expire_ended(own.house)) == (1, 0)
        states = [one.kind.name for one in own.house.ledger.about(unb64(subject)) if one.kind.name.startswith("consent.")]
        assert states == ["consent.given", "consent.expired"]
        renewed = own.state_choice(subject, "announce", "renew", notice_receipt=own.receipt("event"))
        assert renewed.json()["state"] == "renewed"
        assert code(own.read(SATO, subject, "announce", "email")) is None


def test_our_own_acts_need_a_key_and_never_open_what_a_person_closed(site: Site) -> None:
    """Asking, revoking and invalidating need staff; after a withdrawal nothing of ours changes anything."""
    subject = someone(site, "Uma", "DE", consents=["announce"])
    assert code(site.state_choice(subject, "announce", "revoke")) == "not_signed_in"
    headers = {"Idempotency-Key": "r1", **site.staff(SATO)}
    body = {"subject": subject, "purpose": "announce", "action": "revoke"}
    assert site.http.post("/api/v1/consents", json=body, headers=headers).json()["state"] == "revoked"
    assert code(site.read(SATO, subject, "announce", "email")) == "consent_missing"
    site.state_choice(subject, "announce", "withdraw")
    again = site.http.post("/api/v1/consents", json={**body, "action": "request"}, headers={**headers, "Idempotency-Key": "r2"})
    assert again.json() == {"subject": subject, "purpose": "announce", "state": "withdrawn", "changed": False}


@pytest.mark.row("M90")
def test_m90_a_record_keeps_its_version_until_the_person_says_yes(tmp_path: Path) -> None:
    """A purpose added later does not reach a record taken before; with the person's consent it does."""
    with Site() as site:
        subject = str(site.collect(HANAKO, "event")["subject"])
        site.publish(_with_partner_offers(site, tmp_path / "v2"))
        refusal = site.read(SATO, subject, "partner_offers", "email")
        assert (refusal.status_code, refusal.json()["code"]) == (403, "purpose_not_declared")
        assert refusal.json()["policy_version"] == "1"
        given = site.state_choice(subject, "partner_offers", "give", notice_receipt=site.receipt("event"))
        assert given.json()["state"] == "given"
        answer = site.read(SATO, subject, "partner_offers", "email")
        assert (answer.status_code, answer.json()["fields"]) == (200, {"email": HANAKO.email})
        (one,) = answer.json()["records"]
        assert one["policy_version"] == "1"
        assert site.house.ledger.body(unb64(one["entry"]))["told"] == "2"
        assert code(site.read(SATO, subject, "partner_offers", "department")) == "field_not_declared"
        site.state_choice(subject, "partner_offers", "withdraw")
        assert code(site.read(SATO, subject, "partner_offers", "email")) == "purpose_not_declared"


def _with_partner_offers(site: Site, folder: Path) -> Path:
    """Make version 2, in which events may also serve offers of a partner, with consent; sales works with it."""
    copy_policy(folder)
    edit(folder, "00-policy.yaml", 'version: "1"', 'version: "2"')
    edit(folder, "evidence/roles.yaml", "sales: {purposes: [analyse,", "sales: {purposes: [partner_offers, analyse,")
    with_partner_offers(folder)
    record_procedures(site, folder)
    return folder
