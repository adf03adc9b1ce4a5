"""Rights from the same browser: a visitor known by a cookie alone asks, is answered and is erased without a name."""

from __future__ import annotations

import io
import json
import re
import zipfile
from collections.abc import Iterator
from typing import Any

import pytest

from tests.cookies.conftest import Browsing, EdgeSite, with_counter
from tests.support import OFFICER, Site
from upheld.rights import actions as rights

WHERE = "/rights/browser"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with EdgeSite(policy=with_counter(tmp_path_factory.mktemp("company") / "policy")) as running:
        running.staff(OFFICER)
        yield running


def visited(site: Site, *paths: str) -> Browsing:
    """A browser in Germany that allowed everything and looked at pages."""
    browser = Browsing(site, "DE")
    browser.choose("accept_all")
    for path in paths:
        assert browser.post("/consent/views", {"path": path}).status_code == 201
    return browser


def ask(browser: Browsing, right: str, residence: str = "DE") -> Any:
    """Open the page for a residence and press a button of it."""
    page = browser.get(f"{WHERE}?residence={residence}&lang=en").text
    section = page.partition(f'data-right="{right}"')[2].partition("</section>")[0]
    sent = dict(re.findall(r'name="(\w+)" value="([^"]*)"', section))
    return browser.http.post(f"{WHERE}?lang=en", data=sent, headers=browser.headers)


def number(browser: Browsing) -> str:
    """Give the number of the newest request that the page lists."""
    return re.findall(r'data-request="([^"]+)"', browser.get(f"{WHERE}?lang=en").text)[0]


def test_a_visitor_sees_what_is_held_and_downloads_it_in_the_same_browser(site: Site) -> None:
    """Asked with one button, approved by staff, fetched as a package with the pages that were viewed."""
    browser = visited(site, "/products", "/prices")
    assert 'data-records="2"' in browser.get(f"{WHERE}?lang=en").text
    assert ask(browser, "access").status_code == 303
    asked = number(browser)
    assert rights.get(site.house, asked).identified_by == "browser"
    assert browser.get(f"{WHERE}/{asked}").status_code == 404  # nobody has looked at it yet
    assert rights.approve(site.house, asked, by=OFFICER.number).state == "ready"
    got = browser.get(f"{WHERE}/{asked}")
    assert got.status_code == 200
    with zipfile.ZipFile(io.BytesIO(got.content)) as package:
        held = json.loads(package.read("data.json"))
        assert {"SIGNATURE", "manifest.json", "report.en.html"} <= set(package.namelist())
    assert sorted(one["fields"]["browsing"][0] for one in held["records"]) == ["/prices", "/products"]


def test_another_browser_gets_nothing_of_it(site: Site) -> None:
    """The number of a request opens nothing without the cookie, and nobody is told whether it exists."""
    browser, other = visited(site, "/secret"), visited(site, "/other")
    ask(browser, "access")
    asked = number(browser)
    rights.approve(site.house, asked, by=OFFICER.number)
    assert other.get(f"{WHERE}/{asked}").status_code == 404
    assert asked not in other.get(f"{WHERE}?lang=en").text
    assert Browsing(site, "DE").get(f"{WHERE}/{asked}").status_code == 404


def test_a_visitor_is_erased_from_the_same_browser(site: Site) -> None:
    """One button, one approval: afterwards the browser's number leads to nothing."""
    browser = visited(site, "/products")
    before = site.counts()[0]
    assert ask(browser, "erasure").status_code == 303
    assert rights.approve(site.house, number(browser), by=OFFICER.number).state == "ready"
    assert site.counts()[0] == before - 1
    assert 'id="nothing"' in browser.get(f"{WHERE}?lang=en").text


def test_pressing_twice_asks_once_and_the_fee_is_said_first(site: Site) -> None:
    """The same page sent twice is one request; in Japan the page names the fee, and nothing is prepared before it is paid."""
    browser = visited(site, "/products")
    page = browser.get(f"{WHERE}?residence=JP&lang=ja").text
    assert "1,100円" in page
    section = page.partition('data-right="access"')[2].partition("</section>")[0]
    sent = dict(re.findall(r'name="(\w+)" value="([^"]*)"', section))
    for _ in range(2):
        assert browser.http.post(f"{WHERE}?lang=ja", data=sent, headers=browser.headers).status_code == 303
    assert len(re.findall("data-request=", browser.get(f"{WHERE}?lang=ja").text)) == 1
    assert rights.get(site.house, number(browser)).state == "fee_due"


def test_without_a_cookie_or_for_another_right_nothing_is_taken_in(site: Site) -> None:
    """A browser without our number, and a right that is not served here, are refused and leave nothing."""
    before = len(rights.listed(site.house, only_open=False))
    stranger = Browsing(site, "DE")
    assert 'id="nothing"' in stranger.get(f"{WHERE}?residence=DE&lang=en").text
    sent = {"right": "access", "residence": "DE"}
    assert stranger.http.post(WHERE, data=sent, headers=stranger.headers).status_code == 404
    known = visited(site, "/x")
    assert known.http.post(WHERE, data={**sent, "right": "portability"}, headers=known.headers).status_code == 404
    cross = {**known.headers, "Sec-Fetch-Site": "cross-site"}
    assert known.http.post(WHERE, data=sent, headers=cross).status_code == 403
    assert len(rights.listed(site.house, only_open=False)) == before
