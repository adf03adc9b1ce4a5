"""Our banner beside vanilla-cookieconsent, and our adapter through that package: `python -m benchmarks.banner FOLDER`.

FOLDER holds the installed package (`npm install vanilla-cookieconsent`). It stands in no other run: nothing is fetched here,
and no other command needs Node.
"""

from __future__ import annotations

import gzip
import json
import statistics
import sys
import tempfile
from pathlib import Path
from typing import Any

from playwright.sync_api import sync_playwright

from tests.conftest import ARGS, CHROMIUM
from tests.cookies.company import CSS, HOST, Company, ordinary
from tests.cookies.conftest import EdgeSite, with_counter
from tests.support import edit
from upheld.cookies.files import packed

OURS = '<script src="/consent/banner.js" defer data-lang="en"></script>'
LOADED = '<link rel="stylesheet" href="/package/cookieconsent.css"><script src="/package/cookieconsent.umd.js" defer></script>'
ADAPTED = f'{LOADED}<script src="/consent/adapter-cookieconsent.js" defer></script>{OURS}'
ALONE = f'{LOADED}<script src="/package/begin.js" defer></script>'
FIRST = {"ours": ".upheld-banner", "alone": "#cc-main .cm", "adapted": "#cc-main .cm"}
MARKED = "the <b>pages</b> & a number"
LOADS = 21
_SHIFTS = "window.shifts = 0; new PerformanceObserver((all) => all.getEntries().forEach((one) => { window.shifts += one.value; })).observe({type: 'layout-shift', buffered: true})"
_BEGIN = """CookieConsent.run({hideFromBots: false, categories: {necessary: {readOnly: true}, analyse: {}, announce: {}},
guiOptions: {consentModal: {equalWeightButtons: true}},
language: {default: "en", translations: {en: {consentModal: %s, preferencesModal: {title: "Choose", sections: []}}}}});"""


def main(folder: Path) -> None:
    """Print sizes, script time to the banner and layout shift of each, and what the adapter does in the package."""
    package = next(path for path in (folder, folder / "node_modules" / "vanilla-cookieconsent") if (path / "dist").is_dir())
    version = json.loads((package / "package.json").read_text("utf-8"))["version"]
    policy = with_counter(Path(tempfile.mkdtemp()) / "policy")
    edit(policy, "cookies.yaml", "the pages you view, a number of your browser", MARKED)
    with EdgeSite(policy=policy) as site, sync_playwright() as play:
        company = Company(site.app, site.house, guarded=False, country="DE")
        browser = play.chromium.launch(executable_path=CHROMIUM, headless=True, args=ARGS)
        try:
            world = _World(company, browser, package, site.url)
            _times(world, version)
            _adapter(world)
        finally:
            browser.close()


class _World:
    """Fresh browsers in which the company's address, the package and ours answer without a server of their own."""

    def __init__(self, company: Company, browser: Any, package: Path, url: str) -> None:
        self.company, self.browser, self.package, self.url = company, browser, package, url

    def open(self, head: str) -> Any:
        """Open the company's page with these lines in its head."""
        context = self.browser.new_context()
        context.add_init_script(_SHIFTS)
        page = context.new_page()
        page.route(f"http://{HOST}/**", lambda route: self._answer(route, head))
        page.meter = page.context.new_cdp_session(page)
        page.meter.send("Performance.enable")
        page.goto(f"http://{HOST}/en")
        return page

    def _answer(self, route: Any, head: str) -> None:
        path = route.request.url.split(HOST)[1].partition("?")[0]
        if path.startswith("/consent"):
            answer = route.fetch(url=self.url + path, headers={**route.request.headers, "host": HOST, "x-edge-country": "DE"})
            route.fulfill(response=answer)
        elif path == "/package/begin.js":
            texts = {"title": "You choose", "description": "Nothing runs before.", "acceptAllBtn": "Allow all",
                     "acceptNecessaryBtn": "Refuse all", "showPreferencesBtn": "Choose by purpose"}  # fmt: skip
            route.fulfill(body=_BEGIN % json.dumps(texts), content_type="text/javascript")
        elif path.startswith("/package/"):
            route.fulfill(path=str(self.package / "dist" / path.rpartition("/")[2]))
        elif path == "/en":
            html = ordinary({"path": "/en"}, "en").replace(OURS, head).replace("<iframe", "<i hidden").replace("</iframe>", "</i>")
            route.fulfill(body=html, content_type="text/html; charset=utf-8")
        elif path == "/site.css":
            route.fulfill(body=CSS, content_type="text/css")
        else:
            route.fulfill(status=204)


def _times(world: _World, version: str) -> None:
    heads = {"ours": OURS, "alone": ALONE, "adapted": ADAPTED}
    spent: dict[str, list[float]] = {name: [] for name in heads}
    moved = dict.fromkeys(heads, 0.0)
    for _ in range(LOADS):
        for name, head in heads.items():
            page = world.open(head)
            page.wait_for_selector(FIRST[name])
            metrics = {one["name"]: one["value"] for one in page.meter.send("Performance.getMetrics")["metrics"]}
            spent[name].append(metrics["ScriptDuration"] * 1000)
            page.wait_for_load_state("networkidle")
            moved[name] = max(moved[name], page.evaluate("window.shifts"))
            page.context.close()
    dist = world.package / "dist"
    theirs = sum(len(gzip.compress((dist / name).read_bytes(), 9)) for name in ("cookieconsent.umd.js", "cookieconsent.css"))
    own = len(packed("banner.js")) + len(packed("banner.css"))
    sizes = {"ours": own, "alone": theirs, "adapted": theirs + own + len(packed("adapter-cookieconsent.js"))}
    names = {"ours": "upheld banner", "alone": f"vanilla-cookieconsent {version}", "adapted": "the package with our adapter"}
    for name, values in spent.items():
        low, middle, high = statistics.quantiles(values, n=4)
        print(f"{names[name]:32} {sizes[name]:6} B gz  script {middle:5.1f} ms ({low:.1f} to {high:.1f})  shift {moved[name]:.3f}")


def _adapter(world: _World) -> None:
    """Walk through the package with our adapter; raises AssertionError where it does not do what its page says."""
    page = world.open(ADAPTED)
    page.wait_for_selector("#cc-main .cm--box, #cc-main .cm")
    _said("the first layer leaves Tab free", _leaves(page))
    _said("accept and refuse are equal", page.evaluate(
        "(([a, b]) => a.width === b.width && a.height === b.height)(['all', 'necessary'].map((one) => document.querySelector(`#cc-main .cm [data-role=${one}]`).getBoundingClientRect()))"))  # fmt: skip
    page.click("#cc-main .cm [data-role=show]")
    page.wait_for_selector("#cc-main .pm")
    _said("texts are escaped", page.evaluate("document.querySelectorAll('#cc-main .pm b').length") == 0
          and MARKED in page.inner_html("#cc-main .pm").replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&"))  # fmt: skip
    with page.expect_response("**/consent/receipts") as told:
        page.click("#cc-main .pm [data-role=all]")
    _said("allowing writes a receipt", told.value.status == 201 and told.value.json()["granted"] == ["analyse", "announce"])
    page.goto(f"http://{HOST}/en")
    page.wait_for_load_state("networkidle")
    _said("it asks no more", not page.is_visible("#cc-main .cm"))
    _said("its cookie mirrors ours", page.evaluate("CookieConsent.acceptedCategory('analyse') && CookieConsent.acceptedCategory('announce')"))
    with page.expect_response("**/consent/receipts") as told:
        page.evaluate("CookieConsent.acceptCategory([], ['analyse', 'announce'])")
    _said("refusing later withdraws", told.value.status == 201 and json.loads(told.value.request.post_data)["action"] == "withdraw")
    page.wait_for_load_state("networkidle")
    page.context.clear_cookies()
    page.goto(f"http://{HOST}/en")
    page.wait_for_selector("#cc-main .cm")
    page.evaluate("document.documentElement.lang = 'ja'")
    page.wait_for_function("document.querySelector('#cc-main .cm').textContent.includes('すべて拒否')")
    _said("it speaks the page's language", True)


def _leaves(page: Any) -> bool:
    """Press Tab through the page; say whether the focus reached the page's last control."""
    for _ in range(60):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.id") == "last":
            return True
    return False


def _said(what: str, good: bool) -> None:
    print(f"{'ok' if good else 'NOT'}  {what}")
    if not good:
        raise AssertionError(what)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
