"""What waits for a person: special-care texts stay shut until a reviewer looked, and people are told of an import."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from tests.cli_rooms.conftest import Desk as Shell
from tests.security.conftest import Desk
from tests.support import HANAKO, LENA, OFFICER, SATO, Site
from upheld.db import FixedClock
from upheld.security import staff

TEXT = "私はがん治療中です"


def taken(desk: Desk, text: str = TEXT) -> dict[str, Any]:
    fields = {**HANAKO.some("name", "email"), "inquiry": text}
    answer = desk.site.send("contact", fields, country="JP")
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


def sit(desk: Desk, number: int) -> None:
    """Sign a member of staff in to the console."""
    secret = staff.make_link(desk.site.house, number)
    assert desk.site.http.post("/console/sign-in", data={"secret": secret}).status_code == 303


def act(desk: Desk, word: str, record: str) -> Any:
    return desk.site.http.post("/console/tasks", data={"act": word, "record": record})


def corrected(desk: Desk) -> list[dict[str, Any]]:
    desk.site.house.settle()
    ledger = desk.site.house.ledger
    told = [dict(ledger.body(one.id)) for one in ledger.entries_since(0, 10_000, kinds=("record.corrected",))]
    return [{name: value for name, value in one.items() if name != "subject"} for one in told]


@pytest.mark.row("M17")
def test_m17_a_special_text_waits_for_the_reviewer(desk: Desk) -> None:
    """Nobody but the reviewer reads it, whether the field is named or not; cleared, it is read as any other."""
    told = taken(desk)
    assert told["review"] == "special_care"
    subject = told["subject"]
    for who, purpose in (("SATO", "analyse"), ("SATO", "marketing"), ("MORI", "respond_and_market")):
        assert desk.code(who, subject, purpose, "inquiry") == "review_pending"
        assert desk.code(who, subject, purpose) == "review_pending"
        assert desk.code(who, subject, purpose, "email") in {None, "consent_missing"}  # what is no free text is not shut
    assert desk.code("OFFICER", subject, "respond_and_market", "inquiry") is None
    sit(desk, OFFICER.number)
    page = desk.site.http.get("/console/tasks")
    assert (page.headers["cache-control"], TEXT in page.text) == ("no-store", False)
    assert re.findall(r'data-review="([^"]+)"', page.text) == [told["record"]]
    opened = act(desk, "look", told["record"])
    assert (opened.status_code, TEXT in opened.text, f'data-opened="{told["record"]}"' in opened.text) == (200, True, True)
    assert act(desk, "clear", told["record"]).status_code == 303
    assert desk.read("MORI", subject, "respond_and_market", "inquiry").json()["fields"] == {"inquiry": TEXT}
    assert corrected(desk) == [{"record": told["record"], "act": "cleared", "fields": ["inquiry"], "review": "special_care"}]
    assert "data-review=" not in desk.site.http.get("/console/tasks").text


def test_a_text_is_blanked_for_good(desk: Desk) -> None:
    """Blanking takes the text out and nothing else; the rest is read as before, the ledger holds."""
    told = taken(desk)
    sit(desk, OFFICER.number)
    assert act(desk, "blank", told["record"]).status_code == 303
    fields = desk.read("MORI", told["subject"], "respond_and_market").json()["fields"]
    assert (fields["email"], "inquiry" in fields) == (HANAKO.email, False)
    assert [one["act"] for one in corrected(desk)] == ["blanked"]
    again = act(desk, "blank", told["record"])
    assert again.status_code == 404


def test_only_a_reviewer_decides(desk: Desk) -> None:
    """Another role, and nobody signed in, neither open, clear nor blank; nothing is changed."""
    told = taken(desk)
    assert desk.site.http.get("/console/tasks").status_code == 401
    assert act(desk, "clear", told["record"]).status_code == 401
    for who in (SATO.number, desk.number["MORI"]):
        sit(desk, who)
        for word in ("look", "clear", "blank"):
            assert act(desk, word, told["record"]).status_code == 403
        desk.site.http.post("/console/sign-out")
    assert desk.code("MORI", told["subject"], "respond_and_market", "inquiry") == "review_pending"
    assert corrected(desk) == []


def test_a_reviewer_without_training_decides_nothing(desk: Desk) -> None:
    """Valid training is asked of a reviewer as of every reader."""
    told = taken(desk)
    desk.site.clock.advance(days=700)
    sit(desk, OFFICER.number)
    for word in ("look", "clear", "blank"):
        refused = act(desk, word, told["record"])
        assert refused.status_code == 403
    assert act(desk, "nonsense", told["record"]).status_code == 422
    assert act(desk, "clear", "AAAAAAAAAAAAAAAAAAAAAA").status_code == 404


def test_an_ordinary_text_waits_for_nobody(desk: Desk) -> None:
    """Without a word of the list a text is read at once."""
    told = taken(desk, "見積希望")
    assert "review" not in told
    assert desk.code("MORI", told["subject"], "respond_and_market", "inquiry") is None


@pytest.mark.parametrize("lang", ["en", "ja"])
def test_the_desk_speaks_both_languages(desk: Desk, lang: str) -> None:
    """The page carries the same marks in each language."""
    told = taken(desk)
    sit(desk, OFFICER.number)
    page = desk.site.http.get("/console/tasks", params={"lang": lang}).text
    assert f'<html lang="{lang}"' in page
    assert re.findall(r'data-(?:review|inform|clause)="([^"]+)"', page) == ["collection.fields", told["record"], "notice.channels"]
    assert f'action="/console/tasks?lang={lang}"' in page
    sent = {"act": "clear", "record": told["record"]}
    assert desk.site.http.post(f"/console/tasks?lang={lang}", data=sent).headers["location"].endswith(f"?lang={lang}")


def test_tasks_on_the_command_line(tmp_path: Path) -> None:
    """`upheld tasks` lists, opens, clears, blanks and ticks off, for a reviewer only."""
    shell = Shell(tmp_path / "data", FixedClock(Site.now))
    shell.run("publish", "--policy", str(shell.policy))
    sato, officer = shell.hire("SATO", "sales"), shell.hire("OFFICER", "privacy_office")
    one = shell.collect("contact", {**HANAKO.some("name", "email"), "inquiry": TEXT}, country="JP")["record"]
    two = shell.collect("contact", {**LENA.some("name", "email"), "inquiry": "my diagnosis"}, country="DE")["record"]
    path = tmp_path / "list.csv"
    path.write_text("name,email,company,country\nKarl,karl@example.de,Beispiel,DE\n", "utf-8")
    flags = ("--source", "A", "--source-address", "B", "--source-representative", "C", "--source-acquired", "D")
    shell.run("collect", "event", "--csv", str(path), *flags)
    found = shell.json("tasks", "list")
    assert [one["kind"] for one in found] == ["inform", "review", "review"]
    assert shell.refused("tasks", "look", one, "--by", str(sato)) == "role_not_allowed"
    assert TEXT in shell.run("tasks", "look", one, "--by", str(officer)).output
    shell.run("tasks", "clear", one, "--by", str(officer))
    shell.run("tasks", "blank", two, "--by", str(officer))
    shell.run("tasks", "informed", found[0]["record"], "--by", str(sato))
    assert shell.refused("tasks", "informed", found[0]["record"], "--by", str(sato)) == "not_found"
    assert shell.json("tasks", "list") == []
    shell.run("ledger", "verify")
