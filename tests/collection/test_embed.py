"""Forms inside the company's own websites: who may frame and call them, and what slows programs down."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from litestar import Litestar, MediaType, get

from tests.support import HANAKO, Site
from upheld.db import FixedClock
from upheld.web.serving import Pace, ServingError, serving_of

OWN = "https://www.example.co.jp"


def serving(folder: Path, text: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "serving.toml").write_text(text, "utf-8")
    return folder


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with Site(folder=serving(tmp_path / "data", f'sites = ["{OWN}"]\nacts_per_minute = 3\n')) as running:
        yield running


def posted(page: str, **members: str) -> dict[str, str]:
    """Fill in a form as a person does: what was hidden comes back as it was."""
    hidden = dict(re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', page))
    return {**hidden, "_country": "JP", **HANAKO.some("name", "email", "company"), **members}


def test_only_own_sites_may_frame_a_form_and_nothing_else(site: Site) -> None:
    """The form names the company's sites as ancestors; the policy page and the receipts name nobody."""
    assert f"frame-ancestors {OWN}" in site.http.get("/forms/event").headers["content-security-policy"]
    for path in ("/privacy/en", "/rights", "/problems/busy"):
        assert "frame-ancestors 'none'" in site.http.get(path).headers["content-security-policy"]


def test_without_a_setting_nobody_may_frame(tmp_path: Path) -> None:
    """A data folder without serving.toml keeps forms to their own address."""
    with Site(folder=tmp_path / "data") as closed:
        assert "frame-ancestors 'none'" in closed.http.get("/forms/event").headers["content-security-policy"]
        answer = closed.http.get("/api/v1/collect/event", headers={"Origin": OWN})
        assert "access-control-allow-origin" not in answer.headers


def test_an_embedded_form_is_sent_and_leads_to_its_receipt(site: Site) -> None:
    """Inside a frame the form has no head and foot, and ends with a link to the receipt instead of the receipt."""
    page = site.http.get("/forms/event?lang=ja&embed=1").text
    assert "<header" not in page
    assert "data-purpose=" in page
    sent = site.http.post("/forms/event?lang=ja&embed=1", data=posted(page))
    assert sent.status_code == 303
    assert sent.headers["location"].startswith("/forms/event/sent/")
    done = site.http.get(sent.headers["location"])
    assert f"frame-ancestors {OWN}" in done.headers["content-security-policy"]
    receipt = re.search(r'href="(/consent/receipts/[^"]+)"', done.text)
    assert receipt
    assert site.http.get(receipt[1]).status_code == 200


def test_own_sites_may_call_the_contract_and_read_refusals(site: Site) -> None:
    """Preflight, notice and a refusal name the calling site; a foreign site is named nowhere."""
    own, foreign = {"Origin": OWN}, {"Origin": "https://other.example"}
    asked = {"Access-Control-Request-Method": "POST"}
    before = site.http.options("/api/v1/collect/event", headers=own | asked)
    assert before.status_code == 204
    assert before.headers["access-control-allow-origin"] == OWN
    assert "Idempotency-Key" in before.headers["access-control-allow-headers"]
    notice = site.http.get("/api/v1/collect/event", headers=own)
    assert notice.headers["access-control-allow-origin"] == OWN
    assert "Origin" in notice.headers["vary"]
    refused = site.http.post("/api/v1/collect/event", json={"fields": {"department": "x"}}, headers=own)
    assert refused.status_code == 422
    assert refused.headers["access-control-allow-origin"] == OWN
    for answer in (
        site.http.options("/api/v1/collect/event", headers=foreign | asked),
        site.http.get("/api/v1/collect/event", headers=foreign),
    ):
        assert "access-control-allow-origin" not in answer.headers


def test_many_forms_from_one_address_wait_and_lose_nothing(site: Site) -> None:
    """The fourth form within a minute is answered 429 with Retry-After and its values; a minute later it goes through."""
    for _ in range(3):
        assert site.http.post("/forms/event", data=posted(site.http.get("/forms/event").text)).status_code == 303
    filled = posted(site.http.get("/forms/event").text)
    slow = site.http.post("/forms/event", data=filled)
    assert slow.status_code == 429
    assert int(slow.headers["retry-after"]) >= 1
    assert 'value="hanako@example.co.jp"' in slow.text
    assert site.counts()[0] == 3
    site.clock.advance(seconds=61)
    assert site.http.post("/forms/event", data=posted(slow.text)).status_code == 303


def test_what_fails_does_not_count(site: Site) -> None:
    """Mistakes are no haste: a form with errors may be sent again at once, as often as it takes."""
    for _ in range(5):
        page = site.http.get("/forms/event").text
        assert site.http.post("/forms/event", data=posted(page, email="none")).status_code == 422
    assert site.http.post("/forms/event", data=posted(site.http.get("/forms/event").text)).status_code == 303


def test_a_program_that_fills_in_everything_is_refused(site: Site) -> None:
    """The entry that people neither see nor reach must stay empty; nothing is stored otherwise."""
    page = site.http.get("/forms/event").text
    before = site.counts()
    assert site.http.post("/forms/event", data=posted(page, _website="https://spam.example")).status_code == 422
    assert site.counts() == before


def test_addresses_are_paced_apart() -> None:
    """One hasty address does not slow another, and time alone lets it go on."""
    from datetime import UTC, datetime

    clock = FixedClock(datetime(2026, 11, 22, tzinfo=UTC))
    pace = Pace(2, clock)
    assert [pace.wait("203.0.113.7") for _ in range(3)][:2] == [0, 0]
    assert pace.wait("203.0.113.7") > 0
    assert pace.wait("203.0.113.8") == 0
    clock.advance(seconds=60)
    assert pace.wait("203.0.113.7") == 0
    assert [Pace(0, clock).wait("203.0.113.7") for _ in range(100)] == [0] * 100


@pytest.mark.parametrize(
    "text",
    ["sites = 3", 'sites = ["www.example.com"]', 'sites = ["https://a.example/path"]', "speed = 1", "acts_per_minute = -1", "[", 'cookie_domain = "com"', "cookie_domain = 1", 'read_audit = "none"', "read_audit = 1", 'sites = ["https://u@a.example"]'],
)
def test_a_setting_that_cannot_be_followed_is_said(tmp_path: Path, text: str) -> None:
    """A wrong serving.toml stops the start with the file's own error, not with silence."""
    with pytest.raises(ServingError):
        serving_of(serving(tmp_path / "data", text))


@pytest.mark.browser
@pytest.mark.parametrize("lang", ["en", "ja"])
def test_a_visitor_sends_a_form_inside_the_companys_page_without_scripts(tmp_path: Path, serve: Any, browser: Any, lang: str) -> None:
    """On another origin, in a frame, with scripts off: entries, purposes, button, and the word that it was sent."""

    @get("/", media_type=MediaType.HTML, sync_to_thread=False)
    def host() -> str:
        return f'<!doctype html><html lang="en"><title>Host</title><iframe title="form" width="360" height="900" src="{running.url}/forms/event?lang={lang}&embed=1"></iframe></html>'

    address = serve(Litestar([host], openapi_config=None))
    with Site(folder=serving(tmp_path / "data", f'sites = ["{address}"]\n')) as running:
        context = browser.new_context(java_script_enabled=False, viewport={"width": 400, "height": 1000})
        page = context.new_page()
        page.goto(address)
        frame = page.frame_locator("iframe")
        frame.locator("#f-name").fill("田中 花子")
        frame.locator("#f-email").fill("hanako@example.co.jp")
        frame.locator("#f-company").fill("例示株式会社")
        frame.locator("#f-_country").select_option("JP")
        frame.locator("button.main").click()
        frame.locator("a[href^='/consent/receipts/']").wait_for()
        assert running.counts()[0] == 1
        context.close()
