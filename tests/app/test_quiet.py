"""Every page of ours before anybody chose: who is called, and what is kept in the browser.

Every name but ours lies at a listener on loopback, so that what a page sends elsewhere is heard, whatever sends it.
`pytest -s` prints the pages.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.app.whole import addresses_of, in_lang, whole_site
from tests.conftest import ARGS, CHROMIUM
from tests.cookies.company import Strangers
from tests.cookies.conftest import AREA, with_counter
from tests.support import Site

pytestmark = [pytest.mark.browser, pytest.mark.slow]
LANGS = ("en", "ja")
STRANGER = "http://www.stranger.example/page"
STORED = "[...Object.keys(localStorage), ...Object.keys(sessionStorage)]"
DEEPER = """async () => [...(await indexedDB.databases()).map((one) => one.name), ...(await caches.keys()),
  ...(await navigator.serviceWorker.getRegistrations()).map((one) => one.scope)]"""


def carries_tags(path: str) -> bool:
    """Say whether a page stands for one of the company's own, with the banner on it."""
    return path.startswith("/sample/") and not path.endswith("frame")


@dataclass
class Walk:
    """A fresh browser of somebody in a country, and all that was met in it: (page, host) and (page, name)."""

    site: Site
    browser: Any
    country: str
    gpc: bool = False
    here: str = ""
    called: set[tuple[str, str]] = field(default_factory=set)
    kept: set[tuple[str, str]] = field(default_factory=set)

    def __post_init__(self) -> None:
        headers = {AREA: self.country} | ({"Sec-GPC": "1"} if self.gpc else {})
        self.context = self.browser.new_context(extra_http_headers=headers)
        if self.gpc:
            self.context.add_init_script("Object.defineProperty(navigator, 'globalPrivacyControl', {value: true})")
        self.context.on("request", lambda one: self._note(one.url))
        self.page = self.context.new_page()
        self.page.on("websocket", lambda one: self._note(one.url))

    def _note(self, url: str) -> None:
        if not url.startswith((f"{self.site.url}/", "data:", "blob:")):
            self.called.add((self.here, url.split("/")[2]))

    def open(self, path: str) -> Any:
        """Open a page and note what it left in the browser."""
        self.here = path
        self.page.goto(self.site.url + path)
        if carries_tags(path):  # its script reads the config before it shows or says anything
            self.page.wait_for_selector(".upheld-banner, .upheld-line, [data-upheld-open]:not([hidden])")
        self.kept |= {(path, one["name"]) for one in self.context.cookies()}
        self.kept |= {(path, one) for one in self.page.evaluate(STORED)}
        return self.page


@pytest.fixture(scope="module")
def strangers() -> Strangers:
    return Strangers()


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("quiet")
    with whole_site(folder, with_counter(folder / "policy")) as running:
        yield running


@pytest.fixture(scope="module")
def visit(site: Site, strangers: Strangers, serve: Callable[[Any], str], playwright: Any) -> Iterator[Callable[..., Walk]]:
    """Give a maker of fresh browsers, for all of which every other name is the listener's."""
    listener = serve(strangers).removeprefix("http://")
    # the browser's maker is called by the browser itself, which is no matter of a page; a page's calls are noted besides
    rule = f"--host-resolver-rules=MAP *.googleapis.com ~NOTFOUND, MAP *:443 ~NOTFOUND, MAP * {listener}, EXCLUDE 127.0.0.1"
    browser = playwright.chromium.launch(executable_path=CHROMIUM, headless=True, args=[*ARGS, rule])
    yield lambda country, **more: Walk(site, browser, country, **more)
    browser.close()


@pytest.fixture(scope="module")
def pages(site: Site) -> list[str]:
    """List every page in every language, and the form of each situation, embedded as well."""
    forms = [f"/forms/{name}{more}" for name in site.house.in_force().policy.situations for more in ("", "?embed=1")]
    return [in_lang(path, lang) for path in dict.fromkeys([*addresses_of(site), *forms]) for lang in LANGS]


@pytest.mark.row("M21")
def test_m21_from_germany_no_page_of_ours_calls_anybody_or_keeps_anything(
    visit: Callable[..., Walk], pages: list[str], strangers: Strangers
) -> None:
    """Before a choice no page, whatever its state, sends one request to another host or leaves a cookie or a key."""
    walk = visit("DE")
    for path in pages:
        page = walk.open(path)
        if carries_tags(path):
            assert set(standing(page).values()) == {"no"}, path
    walk.page.wait_for_load_state("networkidle")
    sys.stdout.write("\n".join([f"{len(pages)} pages:", *pages, ""]))
    met = (walk.called, strangers.seen, walk.kept, walk.page.evaluate(DEEPER))
    assert met == (set(), [], set(), []), f"walked: {', '.join(pages)}"


def standing(page: Any) -> dict[str, str]:
    """Give for each tag whether the page may carry it."""
    return dict(page.locator("[data-runs]").evaluate_all("(all) => all.map((one) => [one.dataset.tag, one.dataset.runs])"))


@pytest.mark.row("M21")
def test_m21_the_pages_that_carry_tags_follow_the_place(visit: Callable[..., Walk], site: Site, strangers: Strangers) -> None:
    """From Japan the tag that links nobody may run, unlike from Germany; the notice is seen, and one click ends it."""
    walk = visit("JP")
    page = walk.open("/sample/ja")
    assert standing(page) == {"marketo_munchkin": "no", "counter": "yes"}
    assert page.locator(".upheld-banner").is_visible()
    assert walk.kept == set()
    with page.expect_navigation():
        page.click(".upheld-banner [data-upheld-do=reject_all]")
    assert set(standing(walk.open("/sample/en")).values()) == {"no"}
    assert {name for _, name in walk.kept} == {"upheld_consent"}
    assert (walk.called, strangers.seen) == (set(), [])


@pytest.mark.row("M24")
def test_m24_the_pages_that_carry_tags_heed_the_signal(visit: Callable[..., Walk], site: Site, strangers: Strangers) -> None:
    """With `Sec-GPC: 1` no tag may run anywhere, nothing is asked or kept, a line says so, and no refusal is invented."""
    site.house.settle()
    before = len(site.house.ledger.entries_since(0, 4096, kinds=["cookie.chosen"]))
    for country, lang in (("JP", "ja"), ("DE", "en")):
        walk = visit(country, gpc=True)
        page = walk.open(f"/sample/{lang}")
        assert set(standing(page).values()) == {"no"}
        page.wait_for_selector(".upheld-line")
        assert page.locator(".upheld-banner").count() == 0
        assert "Global Privacy Control" in page.locator(".upheld-line").inner_text()
        assert (walk.called, walk.kept) == (set(), set())
    site.house.settle()
    assert len(site.house.ledger.entries_since(0, 4096, kinds=["cookie.chosen"])) == before
    assert strangers.seen == []


def test_the_listener_hears(visit: Callable[..., Walk], strangers: Strangers) -> None:
    """What is sent to another name does reach the listener, and is noted; so its silence before means something."""
    walk = visit("DE")
    walk.page.goto(STRANGER)
    assert strangers.seen[0] == "www.stranger.example/page"
    assert walk.called == {("", "www.stranger.example")}
