"""Entry at the desk: the words come first, the card gives only what is declared, and the record says who told what."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest

from tests.collection.test_card import VCARD
from tests.security.conftest import Desk
from tests.support import OLIVER, Site
from upheld.security import staff


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    with Site() as running:
        yield running


@pytest.fixture(scope="module")
def desk(site: Site) -> Desk:
    return Desk(site)


@pytest.fixture
def sato(desk: Desk) -> Iterator[Site]:
    """Sit SATO at the console."""
    secret = staff.make_link(desk.site.house, desk.number["SATO"])
    assert desk.site.http.post("/console/sign-in", data={"secret": secret}).status_code == 303
    yield desk.site
    desk.site.http.post("/console/sign-out")
    desk.site.http.cookies.clear()


def save(site: Site, situation: str, lang: str = "en", **members: str) -> Any:
    return site.http.post(f"/console/collect/{situation}?lang={lang}", data={"_act": "save", **members})


@pytest.mark.row("M20")
def test_m20_nobody_is_noted_before_the_script_was_said(sato: Site, desk: Desk) -> None:
    """Without the tick 409 and nothing stored; with it 201, and the ledger names the script's version and the staff number."""
    entered = {**OLIVER.some("name", "email", "company"), "_country": "GB"}
    before = sato.counts()
    refused = save(sato, "interview", **entered)
    assert refused.status_code == 409
    assert 'id="notice_not_shown"' in refused.text
    assert OLIVER.email in refused.text
    assert sato.counts() == before
    stored = save(sato, "interview", **entered, _told="1")
    assert stored.status_code == 201
    assert sato.counts()[0] == before[0] + 1
    sato.house.settle()
    (shown,) = sato.house.ledger.entries_since(0, kinds=["notice.shown"])[-1:]
    assert shown.actor == f"staff:{desk.number['SATO']}"
    assert sato.house.ledger.body(shown)["script"] == "1"
    assert sato.house.ledger.body(shown)["told"] == "script"


@pytest.mark.row("M20")
def test_m20_the_script_stands_on_the_screen_in_both_languages(sato: Site) -> None:
    """What is to be said is the policy's own script, above the tick."""
    for lang in ("en", "ja"):
        page = sato.http.get(f"/console/collect/interview?lang={lang}").text
        script = sato.house.in_force().policy.scripts["interview"][lang]
        assert " ".join(script.split())[:40] in " ".join(page.split())
        assert page.index('id="script"') < page.index('name="_told"') < page.index('value="save"')


@pytest.mark.row("M25")
def test_m25_a_scan_drops_the_job_title_and_says_so(sato: Site) -> None:
    """The card fills the declared entries; job title and address are named as not taken over, with no value of them."""
    page = sato.http.post("/console/collect/card?lang=en", data={"_act": "card", "_card": VCARD})
    assert page.status_code == 200
    found = re.search(r'id="dropped">(.*?)</ul>', page.text, re.DOTALL)
    assert found
    assert re.findall(r"<li>(.*?)</li>", found[1]) == ["job title", "address", "note"]
    assert 'value="hanako@example.co.jp"' in page.text
    assert "部長" not in page.text
    assert sato.http.get("/console/collect/card").headers["cache-control"] == "no-store"


def test_what_is_typed_wins_over_the_card(sato: Site) -> None:
    """A corrected name is not overwritten by reading the card again."""
    page = sato.http.post("/console/collect/card", data={"_act": "card", "_card": VCARD, "name": "田中 花"})
    assert 'value="田中 花"' in page.text


def test_an_undeclared_member_is_refused_even_at_the_desk(sato: Site) -> None:
    """The screen drops what a card says; a form that hands it in all the same is refused."""
    before = sato.counts()
    answer = save(sato, "card", name="x", job_title="y", _told="1", _country="JP")
    assert answer.status_code == 422
    assert sato.counts() == before


def test_a_second_click_stores_once(sato: Site) -> None:
    """The same screen sent twice gives the same receipt and one record."""
    entered = {"name": "Ada", "_country": "GB", "_told": "1", "_key": "desk-0123456789abcdef"}
    before = sato.counts()[0]
    first, second = save(sato, "card", **entered), save(sato, "card", **entered)
    assert first.status_code == second.status_code == 201
    receipts = {re.search(r"/consent/receipts/([\w-]+)", one.text)[1] for one in (first, second)}  # type: ignore[index]
    assert len(receipts) == 1
    assert sato.counts()[0] == before + 1


def test_a_version_said_earlier_does_not_count(sato: Site) -> None:
    """A tick for a script that is no longer in force asks for the new words."""
    answer = save(sato, "interview", name="Ada", _country="GB", _told="0")
    assert answer.status_code == 409
    assert 'id="notice_stale"' in answer.text


def test_only_situations_met_by_staff_have_a_desk(sato: Site) -> None:
    """A form on the website is no screen of the desk; the list names the others."""
    assert sato.http.get("/console/collect/event").status_code == 404
    listed = re.findall(r'data-situation="(\w+)"', sato.http.get("/console/collect").text)
    assert listed == ["interview", "card"]


def test_the_desk_is_closed_to_strangers_and_to_accounts_without_a_role(desk: Desk) -> None:
    """Without a session 401 or the sign-in's refusal; an account without any role is told that it may not."""
    site = desk.site
    assert site.http.get("/console/collect/card").status_code in {401, 403}
    account = staff.add(site.house, "NEW")
    secret = staff.make_link(site.house, account.number)
    site.http.post("/console/sign-in", data={"secret": secret})
    assert site.http.get("/console/collect/card").status_code == 403
    site.http.cookies.clear()
