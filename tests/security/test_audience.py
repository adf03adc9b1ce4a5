"""Audiences: who may be met for a purpose, with only what it needs."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from tests.security.conftest import Desk
from tests.support import HANAKO, LENA, OLIVER, copy_policy, edit
from upheld.cli import cli
from upheld.security import keys
from upheld.security.audience import DECIDING, decides

SIX = ("name", "email", "phone", "occupation", "job_title", "company")


def emails(lines: list[dict[str, object]]) -> list[object]:
    return sorted(str(line["fields"]["email"]) for line in lines[1:])  # type: ignore[index]


def test_an_audience_is_those_who_agreed(desk: Desk) -> None:
    """Of three people at an event the one who agreed and did not withdraw is in, with the e-mail alone."""
    site = desk.site
    site.collect(HANAKO, "event", *SIX, consents=["announce"])
    lena = site.collect(LENA, "event", *SIX, consents=["announce"])["subject"]
    site.collect(OLIVER, "event", *SIX)
    body = {"subject": lena, "purpose": "announce", "action": "withdraw"}
    headers = {"Idempotency-Key": "k", **desk.auth["SATO"]}
    assert site.http.post("/api/v1/consents", json=body, headers=headers).status_code < 300
    lines = desk.audience("SATO", purpose="announce")
    assert lines[0]["count"] == 1
    assert lines[0]["excluded"] == {"consent_missing": 1, "consent_withdrawn": 1}
    assert [line["fields"] for line in lines[1:]] == [{"email": HANAKO.email}]
    assert desk.kinds("access.bulk") == 1
    assert desk.kinds("access.read") == 0


@pytest.mark.row("M19")
def test_m19_nobody_is_announced_to_because_of_an_interview(desk: Desk) -> None:
    """An interviewed person is in no announcing audience, and the address is not read for it."""
    subject = desk.site.collect(OLIVER, "interview", *SIX)["subject"]
    lines = desk.audience("SATO", purpose="announce")
    assert (lines[0]["count"], lines[1:]) == (0, [])
    assert desk.code("SATO", subject, "announce", "email") == "purpose_not_declared"


@pytest.mark.row("M26")
def test_m26_a_card_lets_a_japanese_person_be_written_to(desk: Desk) -> None:
    """Handing over a card is ground enough for mail in Japan, not in Germany."""
    hanako = desk.site.collect(HANAKO, "card", "name", "email")["subject"]
    desk.site.collect(LENA, "card", "name", "email")
    assert desk.code("SATO", hanako, "business_contact", "email") is None
    assert desk.code("SATO", hanako, "analyse", "email") == "purpose_not_declared"
    lines = desk.audience("SATO", purpose="announce", channel="email")
    assert emails(lines) == [HANAKO.email]
    assert lines[0]["excluded"] == {"consent_missing": 1}


@pytest.mark.row("M23")
def test_m23_visitors_cannot_be_mailed(desk: Desk, tmp_path: Path) -> None:
    """Announcing to a browser means on the page: an audience by mail is empty, and the policy may say nothing else."""
    folder = copy_policy(tmp_path / "policy")
    edit(folder, "02-collection.yaml", "- announce: {act: on_page}", "- announce")
    shown = CliRunner().invoke(cli, ["check", str(folder), "--format", "concise", "--as-of", "2026-11-22"])
    assert shown.exit_code == 1
    assert "PP208" in shown.output
    fields = {"cookie": "c-7f3a", "ip": "203.0.113.7"}
    assert desk.site.send("browsing", fields, visitor="c-7f3a").status_code == 201
    lines = desk.audience("SATO", purpose="announce", situations=["browsing"], channel="email")
    assert lines[0]["count"] == 0


def test_what_is_said_of_another_purpose_leaves_an_audience_as_it_was(desk: Desk) -> None:
    """Who is in for analysing is not asked anew because somebody refuses announcements meanwhile; for announcing it is."""
    house = desk.site.house
    subject = desk.site.collect(HANAKO, "event", *SIX)["subject"]
    with house.store.read() as tx:
        mark = house.ledger.mark(tx, DECIDING)
    body = {"subject": subject, "purpose": "announce", "action": "refuse"}
    assert desk.site.http.post("/api/v1/consents", json=body, headers={"Idempotency-Key": "r", **desk.auth["SATO"]}).status_code == 201
    with house.store.read() as tx:
        moved = house.ledger.moved(tx, mark, DECIDING)
    assert moved == {("consent.refused", "basis.purposes.announce")}
    assert [[decides(purpose, *one) for one in moved] for purpose in ("analyse", "announce")] == [[False], [True]]
    assert decides("analyse", "objection.raised", "cookies.gpc")
    assert decides("analyse", "restriction.set", "basis.purposes.announce")


def test_a_program_needs_the_scope(desk: Desk) -> None:
    """A key that may read for announcing may not fetch the whole audience for it."""
    _, text = keys.make(desk.site.house, label="x", by="staff:1", scopes=("read:announce",))
    _, wide = keys.make(desk.site.house, label="y", by="staff:1", scopes=("audience:announce",))
    ask = {"purpose": "announce"}
    refused = desk.site.http.post("/api/v1/audience", json=ask, headers={"Authorization": f"Bearer {text}"})
    assert (refused.status_code, refused.json()["code"]) == (403, "role_not_allowed")
    allowed = desk.site.http.post("/api/v1/audience", json=ask, headers={"Authorization": f"Bearer {wide}"})
    assert allowed.status_code == 200
    assert allowed.headers["content-type"].startswith("application/x-ndjson")


def test_a_purpose_nobody_states_has_no_audience(desk: Desk) -> None:
    """A purpose of no situation, and one that is kept shut by a gap, are refused."""
    ask = lambda who, purpose: desk.site.http.post(  # noqa: E731
        "/api/v1/audience", json={"purpose": purpose}, headers=desk.auth[who]
    )
    assert ask("SATO", "partner_offers").json()["code"] == "purpose_not_declared"
    desk.site.collect(HANAKO, "in_service", "name", "email")
    assert ask("MORI", "respond").json()["code"] == "purpose_gap"
