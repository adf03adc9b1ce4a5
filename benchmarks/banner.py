"""Our banner beside vanilla-cookieconsent, and our adapter through that package: `python -m benchmarks.banner [FOLDER]`.

FOLDER holds the installed package; without one, npm installs it into a temporary folder. It stands in no other run: no other
command needs Node. Each load has a fresh browser context with an empty cache; script time is the CPU of the page's main
thread up to the first frame that shows the banner (see `tracing`), and the order is turned with each round.
"""

from __future__ import annotations

import gzip
import json
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import uvicorn
from playwright.sync_api import sync_playwright

from benchmarks.tracing import CATEGORIES, WATCH, Spent, spent
from tests.conftest import ARGS, CHROMIUM
from tests.cookies.company import CSS, HOST, Company, ordinary
from tests.cookies.conftest import EdgeSite, with_counter
from tests.cookies.world import without_lifespan
from tests.support import edit
from upheld.cookies.files import packed

VERSION = "3.1.0"
OURS = '<script src="/consent/banner.js" defer data-lang="en"></script>'
LOADED = '<link rel="stylesheet" href="/package/cookieconsent.css"><script src="/package/cookieconsent.umd.js" defer></script>'
HEADS = {
    "ours": OURS,
    "alone": f'{LOADED}<script src="/package/begin.js" defer></script>',
    "adapted": f'{LOADED}<script src="/consent/adapter-cookieconsent.js" defer></script>{OURS}',
}
FIRST = {"ours": ".upheld-banner", "alone": "#cc-main .cm", "adapted": "#cc-main .cm"}
MARKED = "the <b>pages</b> & a number"
ROUNDS = 40
RESULTS = Path(__file__).parent / "results"
_SHIFTS = "window.shifts = 0; new PerformanceObserver((all) => all.getEntries().forEach((one) => { window.shifts += one.value; })).observe({type: 'layout-shift', buffered: true})"
_BEGIN = """CookieConsent.run({hideFromBots: false, categories: {necessary: {readOnly: true}, analyse: {}, announce: {}},
guiOptions: {consentModal: {equalWeightButtons: true}},
language: {default: "en", translations: {en: {consentModal: %s, preferencesModal: {title: "Choose", sections: []}}}}});"""
_TEXTS = {"title": "You choose", "description": "Nothing runs before.", "acceptAllBtn": "Allow all",
          "acceptNecessaryBtn": "Refuse all", "showPreferencesBtn": "Choose by purpose"}  # fmt: skip


def main(folder: Path | None = None) -> None:
    """Print sizes, script time to the banner and layout shift of each, and what the adapter does in the package."""
    with tempfile.TemporaryDirectory() as made:
        place = folder or _installed(Path(made))
        package = next(path for path in (place, place / "node_modules" / "vanilla-cookieconsent") if (path / "dist").is_dir())
        policy = with_counter(Path(made) / "policy")
        edit(policy, "cookies.yaml", "the pages you view, a number of your browser", MARKED)
        with EdgeSite(policy=policy) as site, sync_playwright() as play, _served(_Shop(site, package)) as address:
            rule = f"--host-resolver-rules=MAP {HOST} {address}"
            browser = play.chromium.launch(executable_path=CHROMIUM, headless=True, args=[*ARGS, rule])
            try:
                _times(browser, package)
                _adapter(browser)
            finally:
                browser.close()


def _installed(folder: Path) -> Path:
    """Install the package by npm; none of its scripts is run."""
    words = ["npm", "install", "--ignore-scripts", "--no-audit", "--no-fund", "--prefix", str(folder), f"vanilla-cookieconsent@{VERSION}"]
    subprocess.run(words, check=True, capture_output=True)
    return folder


class _Shop:
    """The company's page with one of three heads (`/ours`, `/alone`, `/adapted`), the package beside it, and ours."""

    def __init__(self, site: EdgeSite, package: Path) -> None:
        self._company = without_lifespan(Company(site.app, site.house, guarded=False, country="DE"))
        dist = package / "dist"
        files = {f"/package/{path.name}": path.read_bytes() for path in dist.iterdir() if path.suffix in {".js", ".css"}}
        files |= {"/package/begin.js": (_BEGIN % json.dumps(_TEXTS)).encode(), "/site.css": CSS.encode()}
        self._files = {path: gzip.compress(body, 9) for path, body in files.items()}  # as ours is sent

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer a browser."""
        path = scope.get("path", "")
        if path in self._files:
            kind = "text/css" if path.endswith(".css") else "text/javascript"
            await _answer(send, self._files[path], kind, [(b"content-encoding", b"gzip")])
        elif path[1:] in HEADS:
            html = ordinary({"path": "/en"}, "en").replace(OURS, HEADS[path[1:]])
            await _answer(send, html.replace("<iframe", "<i hidden").replace("</iframe>", "</i>").encode(), "text/html; charset=utf-8")
        else:
            await self._company(scope, receive, send)


async def _answer(send: Any, body: bytes, kind: str, more: list[tuple[bytes, bytes]] = []) -> None:  # noqa: B006 - never changed
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", kind.encode()), *more]})
    await send({"type": "http.response.body", "body": body})


@contextmanager
def _served(app: Any) -> Iterator[str]:
    """Serve on a free port of loopback; gives host and port."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", access_log=False, lifespan="on"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield f"127.0.0.1:{listener.getsockname()[1]}"
    server.should_exit = True
    thread.join(timeout=15)


def _open(browser: Any, kind: str) -> Any:
    """Open the company's page in a fresh browser, with one of the heads."""
    context = browser.new_context()
    context.add_init_script(_SHIFTS)
    page = context.new_page()
    page.goto(f"http://{HOST}/{kind}")
    return page


def _load(browser: Any, kind: str) -> tuple[Spent, float]:
    """Load once with an empty cache; gives what it cost until the banner was seen, and the layout shift after all is quiet."""
    context = browser.new_context()
    context.add_init_script(WATCH % json.dumps(FIRST[kind]))
    context.add_init_script(_SHIFTS)
    page = context.new_page()
    browser.start_tracing(page=page, categories=list(CATEGORIES))
    page.goto(f"http://{HOST}/{kind}")
    page.wait_for_function("performance.getEntriesByName('upheld-visible').length > 0", polling=200)
    trace = json.loads(browser.stop_tracing())["traceEvents"]
    page.wait_for_load_state("networkidle")
    shift = float(page.evaluate("window.shifts"))
    context.close()
    return spent(trace), shift


def _times(browser: Any, package: Path) -> None:
    taken: dict[str, list[Spent]] = {name: [] for name in HEADS}
    moved = dict.fromkeys(HEADS, 0.0)
    for kind in HEADS:  # the first of each warms the server
        _load(browser, kind)
    for turn in range(ROUNDS):
        names = list(HEADS)
        order = names[turn % 3 :] + names[: turn % 3]
        for kind in order if turn % 2 else order[::-1]:
            cost, shift = _load(browser, kind)
            taken[kind].append(cost)
            moved[kind] = max(moved[kind], shift)
    version = json.loads((package / "package.json").read_text("utf-8"))["version"]
    names = {"ours": "upheld banner", "alone": f"vanilla-cookieconsent {version}", "adapted": "the package with our adapter"}
    sizes = _sizes(package / "dist")
    for kind, costs in taken.items():
        told = "  ".join(f"{part} {_middle([getattr(one, part) for one in costs])}" for part in ("script", "thread", "wall"))
        print(f"{names[kind]:32} {sizes[kind]:6} B gz  {told}  shift {moved[kind]:.3f}")
    ratios = [ours.script / theirs.script for ours, theirs in zip(taken["ours"], taken["alone"], strict=True)]
    print(f"script time of ours to that of the package, {ROUNDS} pairs: {_middle(ratios)}")
    _keep({"package": version, "bytes": sizes, "shift": moved, "loads": {
        kind: [[round(getattr(one, part), 3) for part in ("script", "thread", "wall")] for one in costs] for kind, costs in taken.items()
    }})  # fmt: skip


def _sizes(dist: Path) -> dict[str, int]:
    theirs = sum(len(gzip.compress((dist / name).read_bytes(), 9)) for name in ("cookieconsent.umd.js", "cookieconsent.css"))
    own = len(packed("banner.js")) + len(packed("banner.css"))
    return {"ours": own, "alone": theirs, "adapted": theirs + own + len(packed("adapter-cookieconsent.js"))}


def _middle(values: list[float]) -> str:
    """Write the median, and between which values the middle half lies."""
    low, middle, high = statistics.quantiles(values, n=4)
    return f"{middle:.2f} ({low:.2f} to {high:.2f})"


def _keep(told: dict[str, Any]) -> None:
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{datetime.now(UTC):%Y-%m-%d-%H%M}-banner.json"
    path.write_text(json.dumps({"rounds": ROUNDS, "columns": ["script", "thread", "wall"], **told}, indent=1), "utf-8")
    print(f"kept every load in {path.name}")


def _adapter(browser: Any) -> None:
    """Walk through the package with our adapter; raises AssertionError where it does not do what its page says."""
    page = _open(browser, "adapted")
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
    page.goto(f"http://{HOST}/adapted")
    page.wait_for_load_state("networkidle")
    _said("it asks no more", not page.is_visible("#cc-main .cm"))
    _said("its cookie mirrors ours", page.evaluate("CookieConsent.acceptedCategory('analyse') && CookieConsent.acceptedCategory('announce')"))
    with page.expect_response("**/consent/receipts") as told:
        page.evaluate("CookieConsent.acceptCategory([], ['analyse', 'announce'])")
    _said("refusing later withdraws", told.value.status == 201 and json.loads(told.value.request.post_data)["action"] == "withdraw")
    page.wait_for_load_state("networkidle")
    page.context.clear_cookies()
    page.goto(f"http://{HOST}/adapted")
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
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else None)
