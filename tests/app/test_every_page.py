"""Every page that the application answers, taken from its own routes: accessible, quiet, and passed by keyboard.

A page without a parameter is found by itself. A route with a parameter needs examples in `EXAMPLES` of `whole.py`, and the first test
fails until it has some, so that a new page cannot be forgotten. `pytest -s` prints the list of what was looked at.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.app.whole import DATA, EXAMPLES, addresses_of, in_lang, is_page, templates, whole_site
from tests.conftest import TAGS, sideways
from tests.support import Site

pytestmark = [pytest.mark.browser, pytest.mark.slow]
LANGS = ("en", "ja")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with whole_site(tmp_path_factory.mktemp("second")) as running:
        yield running


@pytest.fixture(scope="module")
def addresses(site: Site) -> list[str]:
    return addresses_of(site)


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
