"""Every page that the application answers, taken from its own routes: accessible, quiet, and passed by keyboard.

A page without a parameter is found by itself. A route with a parameter needs examples in `EXAMPLES`, and the first test
fails until it has some, so that a new page cannot be forgotten. `pytest -s` prints the list of what was looked at.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import TAGS, sideways
from tests.support import LENA, Site, Staff, copy_policy, edit
from upheld.app import Settings
from upheld.basis import confirming
from upheld.security import staff

pytestmark = [pytest.mark.browser, pytest.mark.slow]
CHIEF = Staff("CHIEF", 1, ("sales", "support", "hr", "operations", "accounting", "privacy_office"))
LANGS = ("en", "ja")
DATA = re.compile(r"/(api|schema|static|livez|readyz|metrics|openapi\.json|\.well-known)(/|$)")
"""Addresses for programs. That they answer no page is asserted, not believed."""


class WholeSite(Site):
    """The house with two versions, people, and somebody who may see every screen."""

    def _settings(self) -> Settings:
        return Settings(self.folder or Path(), self.clock, sample=True, schedule=False)


@dataclass
class Found:
    """What the examples need: numbers that exist."""

    site: Site
    made: dict[str, str] = field(default_factory=dict)

    @cached_property
    def subject(self) -> str:
        """Give somebody who agreed, and whose receipt is kept."""
        taken = self.site.collect(LENA, "event", consents=["announce"], language="en")
        self.made["receipt"] = taken["receipt"]
        return str(taken["subject"])

    @cached_property
    def receipt(self) -> str:
        """Give the receipt of that person."""
        assert self.subject
        return self.made["receipt"]

    @cached_property
    def choice(self) -> str:
        """Give the receipt of a choice in a browser."""
        config = self.site.http.get("/consent/config.en.json").json()
        body = {"snapshot": config["snapshot"], "action": "accept_all", "purposes": {}}
        return str(self.site.http.post("/consent/receipts", json=body).json()["receipt"])

    def confirmation(self) -> str:
        """Give the link that confirms that person's consent."""
        assert self.subject
        self.site.house.settle()
        (asked,) = self.site.house.ledger.entries_since(0, 1000, kinds=["consent.requested"])
        return confirming.link_of(self.site.house, asked.id)

    def ticket(self, person: Any = LENA) -> str:
        """Give the link that a mail carries."""
        body = {"subject": self.subject, "purpose": "announce", "language": person.lang}
        return str(self.site.http.post("/api/v1/consents/links", json=body, headers=self.site.staff(CHIEF)).json()["path"])


EXAMPLES: dict[str, Callable[[Found], list[str]]] = {
    "/privacy/{name:str}": lambda found: ["/privacy/{lang}"],
    "/privacy/{lang:str}/{part:str}": lambda found: [
        f"/privacy/{{lang}}/{part}" for part in ("summary", "services", "transfers", "retention", "rights")
    ],
    "/privacy/{lang:str}/situations/{situation:str}": lambda found: [
        f"/privacy/{{lang}}/situations/{name}" for name in ("candidate", "interview", "browsing")
    ],
    "/privacy/{lang:str}/v/{version:str}": lambda found: ["/privacy/{lang}/v/1"],
    "/privacy/{lang:str}/changes": lambda found: ["/privacy/{lang}/changes"],
    "/privacy/{lang:str}/changes/{pair:str}": lambda found: ["/privacy/{lang}/changes/1..2"],
    "/forms/{situation:str}": lambda found: [
        *(f"/forms/{name}" for name in ("event", "contact", "registration", "candidate")), "/forms/event?embed=1",
    ],
    "/forms/{situation:str}/sent/{receipt:str}": lambda found: [f"/forms/event/sent/{found.receipt}"],
    "/consent/receipts/{number:str}": lambda found: [
        f"/consent/receipts/{found.receipt}", f"/consent/receipts/{found.choice}",
    ],
    "/consent/withdraw/{ticket:str}": lambda found: [found.ticket()],
    "/consent/confirm/{ticket:str}": lambda found: [found.confirmation()],
    "/problems/{code:str}": lambda found: ["/problems/notice_stale"],
    "/rights/browser/{number:str}": lambda found: [],  # a file
    "/sample/{lang:str}": lambda found: ["/sample/{lang}"],
    "/sample/{lang:str}/frame": lambda found: ["/sample/{lang}/frame"],
    "/console/sign-in/{secret:str}": lambda found: [f"/console/sign-in/{staff.make_link(found.site.house, CHIEF.number)}"],
    "/console/collect/{situation:str}": lambda found: ["/console/collect/card", "/console/collect/interview"],
    "/console/ledger/{n:int}": lambda found: ["/console/ledger/1"],
    "/console/subjects/{number:str}": lambda found: [f"/console/subjects/{found.subject}"],
    "/consent/{name:str}": lambda found: [],  # the banner's files
}  # fmt: skip
"""Addresses for the routes that have parameters; `{lang}` stands for the language."""

STATES = ["/rights/browser?residence=JP", "/rights?residence=JP", "/rights?residence=DE", "/nowhere", "/forms/survey", "/privacy/{lang}/nothing"]
"""Further states of pages, errors among them."""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("second")
    with WholeSite() as running:
        second = copy_policy(folder / "v2")
        edit(second, "00-policy.yaml", 'version: "1"', 'version: "2"')
        edit(second, "02-collection.yaml", "The table shows each situation", "This table shows each situation")
        edit(second, "03-legal-bases.yaml", "ground enough for mail\n    eea", "ground enough for mail\n    confirm: P1D\n    eea")
        running.publish(second)
        running.staff(CHIEF)
        yield running


def templates(site: Site) -> list[str]:
    """Give every address that answers GET, as the application knows it."""
    return sorted(route.path for route in site.app.routes if "GET" in getattr(route, "methods", ()))


def is_page(site: Site, path: str) -> bool:
    """Say whether an address answers a browser with a page."""
    answer = site.http.get(path, headers={"Accept": "text/html"}, follow_redirects=False)
    return answer.headers.get("content-type", "").startswith("text/html")


@pytest.fixture(scope="module")
def addresses(site: Site) -> list[str]:
    """List every page once, with `{lang}` for the language, and every further state."""
    secret = staff.make_link(site.house, CHIEF.number)
    assert site.http.post("/console/sign-in", data={"secret": secret}).status_code == 303
    found, listed = Found(site), []
    for template in templates(site):
        if template in EXAMPLES:
            listed += EXAMPLES[template](found)
        elif "{" not in template and not DATA.match(template) and is_page(site, template):
            listed.append(template)
    return [*listed, *STATES]


def in_lang(path: str, lang: str) -> str:
    """Give the address of a page in a language."""
    if "{lang}" in path:
        return path.replace("{lang}", lang)
    return f"{path}{'&' if '?' in path else '?'}lang={lang}"


def test_no_route_is_forgotten(site: Site) -> None:
    """Every route with a parameter has examples here, and what is said to be for programs answers no page."""
    routes = templates(site)
    unknown = [one for one in routes if "{" in one and one not in EXAMPLES and not DATA.match(one)]
    assert unknown == [], "give these routes an example in EXAMPLES"
    assert set(EXAMPLES) - set(routes) == set()
    assert [one for one in routes if DATA.match(one) and "{" not in one and is_page(site, one)] == []


SEEN = """() => { const one = document.activeElement; if (!one || one === document.body || one === document.documentElement) return '';
  if (!one.dataset.walked) one.dataset.walked = String(document.querySelectorAll('[data-walked]').length + 1);
  const style = getComputedStyle(one), box = one.getBoundingClientRect();
  const ring = parseFloat(style.outlineWidth) >= 2 && style.outlineStyle !== 'none';
  return one.dataset.walked + (ring || one.tagName === 'IFRAME' ? '' : ' no ring ' + one.outerHTML.slice(0, 90))
    + (box.bottom > 0 && box.top < innerHeight ? '' : ' out of sight ' + one.outerHTML.slice(0, 90)); }"""
CONTROLS = """() => { const seen = (one) => one.checkVisibility({visibilityProperty: true, contentVisibilityAuto: true});
  const named = new Set(); let count = 0;
  for (const one of document.querySelectorAll('a[href], button, input:not([type=hidden]), select, textarea, summary, [tabindex="0"]')) {
    if (one.disabled || one.tabIndex < 0 || !seen(one)) continue;
    if (one.type === 'radio') { if (named.has(one.name)) continue; named.add(one.name); }
    count += 1;
  } return count; }"""
MOVING = """() => [...document.querySelectorAll('*')].filter((one) => { const style = getComputedStyle(one);
  return [style.transitionDuration, style.animationDuration].some((all) => all.split(',').some((each) => parseFloat(each) > 0.01)); })
  .map((one) => one.outerHTML.slice(0, 90))"""
BARE = """() => [...document.querySelectorAll('button, input:not([type=hidden]), select, textarea')]
  .filter((one) => !['checkbox', 'radio'].includes(one.type) && one.checkVisibility() && one.tabIndex >= 0 && parseFloat(getComputedStyle(one).borderTopWidth) < 1)
  .map((one) => one.outerHTML.slice(0, 90))"""
CUT = """() => [...document.querySelectorAll('button, a.button')].filter((one) => one.getClientRects().length
  && (one.scrollWidth > one.clientWidth + 1 || one.getClientRects().length > 1)).map((one) => one.outerHTML.slice(0, 90))"""


@dataclass
class Look:
    """One page in one language, looked at in every way; `faults` gathers what is wrong with it."""

    page: Any
    url: str
    lang: str
    faults: list[str] = field(default_factory=list)

    def note(self, what: str, found: Any) -> None:
        """Keep a fault where something was found."""
        if found:
            self.faults.append(f"{self.url}: {what}: {found}")

    def all(self) -> list[str]:
        """Look in every way and give the faults."""
        said: list[str] = []
        asked: list[str] = []
        hear = lambda one: said.append(one.text) if "Content Security" in one.text else None  # noqa: E731
        ask = lambda one: asked.append(one.url)  # noqa: E731
        self.page.on("console", hear)
        self.page.on("request", ask)
        self.page.set_viewport_size({"width": 1280, "height": 900})
        self.page.emulate_media(reduced_motion="reduce", forced_colors="none")
        self.page.goto(self.url)
        if re.search(r"/sample/[a-z]+$", self.url):
            self.page.wait_for_selector(".upheld-banner")  # the one page whose script asks for more
        own = "/".join(self.url.split("/")[:3])
        self.note("blocked by the content policy", said)
        self.note("fetched from elsewhere", [one for one in asked if not one.startswith((own, "data:"))])
        self.frame()
        self.note("moves although asked not to", self.page.evaluate(MOVING))
        self.keyboard()
        self.axe(1280)
        for width in (360, 320):  # 320 px is 1280 px at 400 %
            self.page.set_viewport_size({"width": width, "height": 900})
            self.note(f"scrolls sideways at {width}", max(0, sideways(self.page)))
            self.note(f"cut buttons at {width}", self.page.evaluate(CUT))
            if width == 360:
                self.axe(width)
        self.page.emulate_media(forced_colors="active")
        self.note("loses its shape in forced colours", self.page.evaluate(BARE))
        self.page.remove_listener("console", hear)
        self.page.remove_listener("request", ask)
        return self.faults

    def frame(self) -> None:
        """Ask for one heading, a title and the language."""
        self.note("not one h1", self.page.locator("h1").count() - 1)
        self.note("no title", not self.page.title().strip())
        if self.page.locator("html").get_attribute("lang") != self.lang:
            self.note("language", self.page.locator("html").get_attribute("lang"))

    def axe(self, width: int) -> None:
        """Ask axe."""
        from axe_playwright_python.sync_playwright import Axe

        report = Axe().run(self.page, options=TAGS)
        if report.violations_count:
            self.note(f"axe at {width}", report.generate_report())

    def keyboard(self) -> None:
        """Press Tab until the page is left: each control is met once, seen, and none holds the focus."""
        wanted = self.page.evaluate(CONTROLS)
        met: set[str] = set()
        for _ in range(wanted + 40):
            self.page.keyboard.press("Tab")
            told = self.page.evaluate(SEEN)
            if not told or told.partition(" ")[0] in met:
                break
            met.add(told.partition(" ")[0])
            self.note("keyboard", told.partition(" ")[2])
        else:
            self.note("keyboard", "Tab never leaves the page")
        self.note(f"controls that Tab does not reach, of {wanted}", max(0, wanted - len(met)))
        self.page.evaluate("document.activeElement.blur(); scrollTo(0, 0)")  # the skip link lies over the head while it is met


@pytest.mark.parametrize("lang", LANGS)
def test_every_page_is_accessible_quiet_and_passed_by_keyboard(
    site: Site, addresses: list[str], browser: Any, lang: str
) -> None:
    """At 1280 and 360 px axe finds nothing; nothing is blocked, foreign, moving or cut; 320 px holds; Tab passes all."""
    context = browser.new_context(locale="ja-JP" if lang == "ja" else "en-GB")
    context.add_cookies([{"name": "upheld_staff", "value": site.http.cookies["upheld_staff"], "url": f"{site.url}/console"}])
    known = {"name": "upheld_consent", "value": site.http.cookies["upheld_consent"], "domain": "127.0.0.1", "path": "/rights"}
    context.add_cookies([known])  # elsewhere the banner is still to be seen
    page, faults = context.new_page(), []
    for path in addresses:
        faults += Look(page, site.url + in_lang(path, lang), lang).all()
    context.close()
    sys.stdout.write("\n".join([f"{len(addresses)} pages in {lang}:", *(in_lang(path, lang) for path in addresses), ""]))
    assert faults == [], "\n".join(faults)
