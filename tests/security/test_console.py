"""The console: what staff see of the rules in force, and how they sign in."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path

import pytest

from tests.security.conftest import Desk
from tests.support import HANAKO, Site, copy_policy, edit
from upheld.security import staff


def sign_in(desk: Desk, who: str) -> str:
    """Sign in by a one-time link and give the console."""
    secret = staff.make_link(desk.site.house, desk.number[who])
    shown = desk.site.http.get(f"/console/sign-in/{secret}")
    assert shown.status_code == 200
    done = desk.site.http.post("/console/sign-in", data={"secret": secret})
    assert done.status_code == 303
    cookie = done.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "samesite=lax" in cookie.lower()
    page = desk.site.http.get("/console")
    assert page.headers["cache-control"] == "no-store"
    return page.text


def mark(page: str, name: str) -> str:
    found = re.search(rf'data-{name}="([^"]*)"', page)
    assert found, name
    return found[1]


@pytest.mark.row("M48")
def test_m48_new_rules_must_be_accepted_anew(tmp_path: Path) -> None:
    """A new edition of the rules shows its version and hash, changes no promise, and stops readers until accepted."""
    folder = copy_policy(tmp_path / "policy")
    with Site(policy=folder) as site:
        desk = Desk(site)
        subject = site.collect(HANAKO, "card", "name", "email")["subject"]
        desk.hire("KAWA", "sales")
        before = sign_in(desk, "MORI")
        assert desk.code("KAWA", subject, "business_contact", "name") is None
        rules = folder / "documents" / "handling-rules.md"
        rules.write_text(rules.read_text("utf-8") + "\nOne more rule.\n", "utf-8")
        edit(folder, "evidence/measures.yaml", 'handling-rules.md, version: "1"', 'handling-rules.md, version: "2"')
        site.publish(folder)
        after = site.http.get("/console").text
        assert (mark(before, "rules-version"), mark(after, "rules-version")) == ("1", "2")
        assert mark(before, "rules-hash") != mark(after, "rules-hash")
        assert mark(before, "promise") == mark(after, "promise")
        assert mark(before, "version") == mark(after, "version")
        assert desk.code("KAWA", subject, "business_contact", "name") == "rules_not_accepted"
        staff.accept_rules(site.house, desk.number["KAWA"])
        assert desk.code("KAWA", subject, "business_contact", "name") is None


def test_the_console_tells_what_is_accepted_and_not_confirmed(desk: Desk) -> None:
    """Staff see each accepted finding with reason and end, the drafts, the staff with roles, and the ledger's size."""
    page = sign_in(desk, "SATO")
    assert page.count('data-code="PP107"') >= 4
    assert "2027" in page
    assert 'data-draft="policy.controller"' in page
    for number in desk.number.values():
        assert f'data-staff="{number}"' in page
    assert int(mark(page, "size")) >= 0


def test_a_link_works_once_and_only_for_a_while(desk: Desk) -> None:
    """A used link, an old one and none at all open nothing."""
    assert desk.site.http.get("/console").status_code == 401
    secret = staff.make_link(desk.site.house, 1)
    desk.site.clock.advance(timedelta(minutes=16))
    assert desk.site.http.post("/console/sign-in", data={"secret": secret}).status_code == 401
    sign_in(desk, "SATO")
    desk.site.http.post("/console/sign-out")
    desk.site.http.cookies.clear()
    assert desk.site.http.get("/console").status_code == 401


def test_a_session_ends_after_twelve_hours(desk: Desk) -> None:
    """The morning's sign-in does not open the console at night."""
    sign_in(desk, "SATO")
    desk.site.clock.advance(timedelta(hours=12, seconds=1))
    assert desk.site.http.get("/console").status_code == 401
