"""The page of the console that shows how services stand, and takes what was done there by hand."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.look import Look
from tests.security.test_bases import Console
from tests.services.connected import connect_shop
from tests.support import HANAKO, OFFICER, SATO, Site
from upheld.rights import actions as rights
from upheld.services.actions import carry_out


@pytest.fixture(scope="module")
def console() -> Iterator[tuple[Console, str]]:
    """Give the console with an erasure that waits for a person in two services: one has no control, one no connection."""
    with Site() as site:
        found = Console(site)
        site.staff(OFFICER)
        assert site.folder is not None
        connect_shop(site.folder, control="nobody@example.com").dispose()
        subject = site.collect(HANAKO, "event", consents=["announce"])["subject"]
        asked = {"subject": subject, "service": "gcp", "purpose": "analyse", "fields": ["company"]}
        assert site.http.post("/api/v1/transfers", json=asked, headers=site.staff(SATO)).status_code == 200
        made = rights.receive(site.house, right="erasure", residence="JP", subject=subject)
        rights.identify(site.house, made.number, by=OFFICER.number)
        rights.approve(site.house, made.number, by=OFFICER.number)
        carry_out(site.house)
        yield found, made.number


@pytest.mark.parametrize("lang", ["en", "ja"])
def test_what_waits_is_shown_with_its_reason_and_names_nobody(console: tuple[Console, str], lang: str) -> None:
    """Services of the policy and of the connections, and for each that waits the reference, the state and the code."""
    found, number = console
    page = found.browser.get("/console/services", params={"lang": lang}).text
    for service in ("aws", "salesforce", "gcp", "marketo", "slack", "shopdb"):
        assert f'data-service="{service}"' in page
    assert page.count(f'data-reference="{number}"') == 2
    assert "not_proven" in page
    assert "not_connected" in page
    assert HANAKO.email not in page
    assert found.site.http.get("/console/services").status_code == 401


@pytest.mark.browser
@pytest.mark.parametrize("lang", ["en", "ja"])
def test_the_page_is_one_that_everybody_can_use(console: tuple[Console, str], page: Any, lang: str) -> None:
    """Axe, keyboard, narrow windows and the content policy, with something that waits on it."""
    found, _ = console
    cookies = [{"name": name, "value": value, "url": found.site.url} for name, value in found.browser.cookies.items()]
    page.context.add_cookies(cookies)
    look = Look(page, f"{found.site.url}/console/services?lang={lang}", lang)
    assert not look.all()


def test_an_answer_is_taken_and_an_incomplete_one_says_what_is_missing(console: tuple[Console, str]) -> None:
    """Nothing goes on without where somebody looked; with it the service is answered in the name of who is signed in."""
    found, number = console
    words = {"act": "answer", "reference": number, "service": "gcp", "result": "complete"}
    page = found.act("services", **words)
    assert 'role="alert"' in page.text
    page = found.act("services", **words, where="deleted in the console by its key")
    assert page.text.count(f'data-reference="{number}"') == 1
    assert found.code("services", **words) == (404, "not_found")
    page = found.act("services", act="retry", reference=number, service="shopdb")
    assert f'data-reference="{number}"' not in page.text
    found.site.house.settle()
    entries = found.site.house.ledger.entries_since(0, 1000, kinds=("service.verified",))
    assert [one.actor for one in entries] == [f"staff:{SATO.number}"]
