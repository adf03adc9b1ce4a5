"""Every page that the application answers, taken from its own routes: accessible, quiet, and passed by keyboard.

A page without a parameter is found by itself. A route with a parameter needs examples in `EXAMPLES` of `whole.py`, and
the first test fails until it has some; where the policy names what there is, forms and situations among them, the
examples are all of these. Every link of every page must lead to one that is listed. So a new page cannot be forgotten.
`pytest -s` prints the list of what was looked at.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from html import unescape
from typing import Any

import pytest

from tests.app.whole import DATA, EXAMPLES, ONE_FOR_ALL, addresses_of, in_lang, is_page, templates, whole_site
from tests.look import Look
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


@pytest.fixture(scope="module")
def controls() -> dict[str, int]:
    """Keep how many controls each page has in the language that came first."""
    return {}


def test_no_route_is_forgotten(site: Site) -> None:
    """Every route with a parameter has examples here, and what is said to be for programs answers no page."""
    routes = templates(site)
    unknown = [one for one in routes if "{" in one and one not in EXAMPLES and not DATA.match(one)]
    assert unknown == [], "give these routes an example in EXAMPLES"
    assert set(EXAMPLES) - set(routes) == set()
    assert [one for one in routes if DATA.match(one) and "{" not in one and is_page(site, one)] == []


def links(site: Site, path: str) -> set[str]:
    """Give where a page leads within the house, without language, state and place."""
    html = site.http.get(path, headers={"Accept": "text/html"}).text
    found = {unescape(one).partition("#")[0].partition("?")[0] for one in re.findall(r'href="(/[^"]*)"', html)}
    return {re.sub(r"^/(privacy|sample)/(en|ja)(?=/|$)", r"/\1/{lang}", one) for one in found} - {""}


def test_every_link_leads_to_a_page_that_is_looked_at(site: Site, addresses: list[str]) -> None:
    """Whatever a page links to in either language is in the list, stands for its like there, or is no page at all."""
    listed = {one.partition("?")[0] for one in addresses}
    same = [re.compile(re.sub(r"\{(\w+):\w+\}", r"[^/]+", one) + "$") for one in ONE_FOR_ALL]
    beyond = {
        link: path for path in addresses for lang in LANGS for link in links(site, in_lang(path, lang))
        if link not in listed and not DATA.match(link) and not any(one.match(link) for one in same)
    }  # fmt: skip
    unlisted = {link: path for link, path in beyond.items() if is_page(site, in_lang(link, "en"))}
    assert unlisted == {}, "the page on the right leads to an address that nobody looks at"


@pytest.mark.parametrize("lang", LANGS)
def test_every_page_is_accessible_quiet_and_passed_by_keyboard(
    site: Site, addresses: list[str], controls: dict[str, int], browser: Any, lang: str
) -> None:
    """At 1280 and 360 px axe finds nothing; nothing is blocked, foreign, moving or cut; 320 px holds; Tab passes all."""
    context = browser.new_context(locale="ja-JP" if lang == "ja" else "en-GB")
    context.add_cookies([{"name": "upheld_staff", "value": site.http.cookies["upheld_staff"], "url": f"{site.url}/console"}])
    known = {"name": "upheld_consent", "value": site.http.cookies["upheld_consent"], "domain": "127.0.0.1", "path": "/rights"}
    context.add_cookies([known])  # elsewhere the banner is still to be seen
    page, faults = context.new_page(), []
    for place, path in enumerate(addresses):
        look = Look(page, site.url + in_lang(path, lang), lang, walk=LANGS[place % 2] == lang)
        faults += look.all()
        if controls.setdefault(path, look.controls) != look.controls:
            faults.append(f"{path}: {look.controls} controls in {lang}, {controls[path]} in the other language")
    context.close()
    sys.stdout.write("\n".join([f"{len(addresses)} pages in {lang}:", *(in_lang(path, lang) for path in addresses), ""]))
    assert faults == [], "\n".join(faults)


BAD = """<!doctype html><html lang=de><style>@keyframes spin { to { opacity: .5 } } #moves { animation: spin 9s infinite }</style>
<h1>One</h1><h1>Two</h1><p id=moves style="color: red">pale</p><img src="http://stranger.invalid/pixel">
<p id=pale>hard to read</p><a href="#" id=bare>no ring</a><button id=wide>a label far too long for it</button>
<p id=long>0123456789012345678901234567890123456789012345678901234567890123456789</p><a href=# id=missed>never met</a>"""
STYLE = """#moves { animation: spin 9s infinite } @keyframes spin { to { opacity: .5 } } #pale { color: #ddd; background: #fff }
#bare:focus { outline: none } #wide { width: 3em; overflow: hidden; white-space: nowrap; border: 0 } #long { width: 600px }"""
SCRIPT = "addEventListener('keydown', (one) => { if (document.activeElement.id === 'wide') one.preventDefault(); })"


def test_a_page_with_every_fault_is_told_each_of_them(browser: Any) -> None:
    """What all pages are free of is found where it is: the look would see it."""
    page = browser.new_page()
    own = {"Content-Security-Policy": "default-src 'none'; style-src 'self'; script-src 'self'; img-src *"}
    extra = '<link rel=stylesheet href="/bad.css"><script src="/bad.js"></script>'
    page.route("**/bad", lambda route: route.fulfill(body=BAD + extra, content_type="text/html", headers=own))
    page.route("**/bad.css", lambda route: route.fulfill(body=STYLE, content_type="text/css"))
    page.route("**/bad.js", lambda route: route.fulfill(body=SCRIPT, content_type="text/javascript"))
    page.route("**/pixel", lambda route: route.abort())
    told = "\n".join(Look(page, "http://bad.invalid/bad", "en").all())
    page.close()
    for part in (
        "not one h1: 1", "no title", "language: de", "blocked by the content policy", "fetched from elsewhere",
        "moves although asked not to", "no ring", "Tab never leaves", "controls that Tab does not reach, of 3: 1",
        "axe at 1280", "axe at 360", "color-contrast", "scrolls sideways at 320", "cut buttons at 360",
        "loses its shape in forced colours",
    ):  # fmt: skip
        assert part in told, f"{part} is not among\n{told}"
