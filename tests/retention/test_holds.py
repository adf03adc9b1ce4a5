"""Legal holds: two members of staff keep a person's data; no sweep and no request erases them, and one purpose reads them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.support import HANAKO, LENA, MORI, OFFICER, OLIVER, SATO, Site
from upheld import retention
from upheld.db import unb64
from upheld.security import keys, staff


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    with Site() as made:
        for one in (SATO, MORI, OFFICER):
            made.staff(one)
        yield made


def place(site: Site, subject: str, **more: Any) -> Any:
    body = {"subject": subject, "matter": "2026-17", "until": "2036-03-31", "reason": "suit before the court", "approver": OFFICER.number}
    return site.http.post("/api/v1/holds", json={**body, **more}, headers=site.staff(SATO))


def at(site: Site, year: int) -> None:
    """Let years go by; staff are trained again, and have other keys."""
    site.clock.set(datetime(year, 11, 25, 3, tzinfo=UTC))
    for one in (SATO, MORI, OFFICER):
        staff.train(site.house, one.number, by="staff:0")
        _, text = keys.make(site.house, label=f"{one.name}-{year}", by="staff:0", number=one.number)
        site._keys[one.name] = {"Authorization": f"Bearer {text}"}


def code(answer: Any) -> str:
    return str(answer.json().get("code", "")) if answer.status_code >= 400 else "ok"


def test_two_people_place_a_hold_and_neither_alone(site: Site) -> None:
    """Without another member of staff, a reason, exactly one of statute and matter, or a day to come, nothing is held."""
    subject = str(site.collect(LENA, "event")["subject"])
    assert code(place(site, subject, approver=SATO.number)) == "approval_missing"
    assert code(place(site, subject, approver=99)) == "approval_missing"
    for wrong in ({"reason": " "}, {"matter": ""}, {"statute": "jp-corporation-tax"}):
        assert code(place(site, subject, **wrong)) == "ground_missing"
    assert code(place(site, subject, matter="", statute="no-such-act")) == "value_invalid"
    assert code(place(site, subject, until="2026-11-21")) == "value_invalid"
    assert code(place(site, subject, purpose="no_such")) == "purpose_not_declared"
    assert code(place(site, "AAAAAAAAAAAAAAAAAAAAAA")) in {"not_found", "subject_erased"}
    _, text = keys.make(site.house, label="crm", by="staff:1", scopes=("relations:end",))
    program = {"Authorization": f"Bearer {text}"}
    assert code(site.http.get("/api/v1/holds", headers=program)) == "role_not_allowed"
    assert code(site.http.get("/api/v1/holds")) == "not_signed_in"
    assert site.http.get("/api/v1/holds", headers=site.staff(SATO)).json() == []


def test_a_hold_stops_the_sweep_and_opens_one_purpose_until_it_ends(site: Site) -> None:
    """Past its period a held record stays, readable for legal claims alone and approved; released, the next sweep takes it."""
    at(site, 2026)
    subject = str(site.collect(HANAKO, "event")["subject"])
    free = str(site.collect(OLIVER, "event")["subject"])
    held = place(site, subject)
    assert held.status_code == 201, held.text
    (listed,) = site.http.get("/api/v1/holds", headers=site.staff(MORI)).json()
    assert listed == held.json()
    assert (listed["subjects"], listed["matter"], listed["stands"]) == ([subject], "2026-17", True)
    assert site.read(SATO, subject, "analyse", "company").status_code == 200  # its own period still runs
    at(site, 2031)
    due = {one.record.subject: one.cut for one in retention.due(site.house)}
    assert due[unb64(free)].whole
    assert due[unb64(subject)].gone == ()  # sealed anew under the key of what is held, and nothing more
    done = retention.sweep(site.house)
    assert (done.records, done.kept_by_law) == (len(due) - 1, 1)
    assert retention.due(site.house) == []
    assert code(site.read(SATO, subject, "analyse", "company")) == "retention_expired"
    assert code(site.read(SATO, subject, "legal_claims", "email")) == "approval_missing"
    answer = site.read(SATO, subject, "legal_claims", "email", approver=OFFICER.number)
    assert (answer.status_code, answer.json()["fields"]) == (200, {"email": HANAKO.email})
    body = site.house.ledger.body(unb64(answer.json()["records"][0]["entry"]))
    assert (body["statute"], body["approver"]) == ("matter 2026-17", f"staff:{OFFICER.number}")
    end = f"/api/v1/holds/{listed['hold']}/release"
    said = {"reason": "settled", "approver": SATO.number}
    assert code(site.http.post(end, json=said, headers=site.staff(SATO))) == "approval_missing"
    done = site.http.post(end, json={**said, "approver": OFFICER.number}, headers=site.staff(SATO))
    assert (done.status_code, done.json()["stands"]) == (200, False)
    assert code(site.http.post(end, json={**said, "approver": OFFICER.number}, headers=site.staff(SATO))) == "not_found"
    assert code(site.read(SATO, subject, "legal_claims", "email", approver=OFFICER.number)) == "purpose_not_declared"
    assert retention.sweep(site.house).people == 1
    assert site.house.vault.find("email", HANAKO.email) is None
    site.house.settle()
    assert site.house.ledger.verify() == []
