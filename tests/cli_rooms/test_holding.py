"""Legal holds on the command line: an erasure that is asked for meanwhile, and what its answer says."""

from __future__ import annotations

import json

from tests.cli_rooms.conftest import Desk
from tests.support import HANAKO


def test_an_erasure_asked_for_under_a_hold_names_it_and_is_done_when_it_ends(desk: Desk) -> None:
    """Plan and certificate name hold and statute; meanwhile one purpose reads; released, the next sweep erases the rest."""
    clerk, sato = desk.hire("CLERK", "privacy_office"), desk.hire("SATO", "sales")
    told = desk.collect("contract", HANAKO.some("name", "email", "company"), country="JP", relation="C-1")
    desk.run("relation", "end", "C-1", "--on", "2026-11-21")
    who = ("--by", str(sato), "--approver", str(clerk), "--reason", "claim of 2026-11-20")
    alone = ("--by", str(sato), "--approver", str(sato), "--reason", "claim of 2026-11-20")
    hold = ("hold", "place", "--email", HANAKO.email, "--matter", "2026-17", "--until", "2036-03-31")
    assert desk.refused(*hold, *alone) == "approval_missing"
    (placed,) = desk.json(*hold, *who)
    number = str(desk.json("request", "new", "erasure", "--residence", "JP", "--email", HANAKO.email)["number"])
    desk.run("request", "identify", number, "--by", str(clerk))
    stays = desk.json("request", "show", number)["plan"]["stays"]
    assert [(one["statute"], one["until"]) for one in stays] == [
        ("matter 2026-17", "2036-03-31"), ("jp-corporation-tax", "2033-12-31"),
    ]  # fmt: skip
    desk.run("request", "approve", number, "--by", str(clerk))
    places = desk.json("request", "show", number)["certificate"]["places"]
    held = {one["why"]: one["fields"] for one in places if one["state"] == "held"}
    assert "email" in held["kept by matter 2026-17 until 2036-03-31, readable for legal_claims only"]
    assert held["kept by jp-corporation-tax until 2033-12-31, readable for tax_audit only"] == ["company", "name"]

    read = ("read", "--subject", told["subject"], "--by", str(sato), "--field", "email", "--purpose")
    assert desk.refused(*read, "analyse") in {"retention_expired", "purpose_not_declared"}
    assert HANAKO.email in desk.run(*read, "legal_claims", "--approver", str(clerk)).output
    assert desk.json("plan")["deletes"] == 0
    assert placed["hold"] in desk.run("hold", "list").output

    end = ("hold", "release", placed["hold"])
    assert desk.refused(*end, *alone) == "approval_missing"
    assert desk.json(*end, *who)[0]["stands"] is False
    assert desk.run("hold", "list").output == "no hold stands\n"
    assert [one["stands"] for one in desk.json("hold", "list", "--all")] == [False]
    assert desk.refused(*read, "legal_claims", "--approver", str(clerk)) in {"retention_expired", "purpose_not_declared"}
    out = desk.data.parent / "due.plan"
    desk.run("plan", "--out", str(out))
    assert json.loads(out.read_text("utf-8"))["deletes"] == 1
    assert desk.json("apply", str(out), "--approve-deletes", "1")["kept_by_law"] == 1
    audit = desk.hire("ACC", "accounting")
    kept = desk.json("read", "--subject", told["subject"], "--by", str(audit), "--purpose", "tax_audit")
    assert set(kept["fields"]) == {"name", "company"}
    desk.run("ledger", "verify")
