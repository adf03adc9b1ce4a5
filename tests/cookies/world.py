"""A company's site in a real browser: a running site, strangers that listen, and names that lie on loopback."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.conftest import ARGS, CHROMIUM
from tests.cookies.company import (
    COUNTER_HOST,
    ELSEWHERE,
    HOST,
    PRIVACY,
    STRANGER,
    TAG_HOST,
    Company,
    Strangers,
)
from tests.cookies.conftest import EdgeSite
from tests.support import Site

URL = f"http://{HOST}"
BANNER = ".upheld-banner"
ALLOW, REFUSE, CHOOSE = (f"{BANNER} [data-upheld-do={name}]" for name in ("accept_all", "reject_all", "choose"))


class World:
    """A running company site, strangers that listen, and a browser for which their names lie on loopback."""

    def __init__(self, site: Site, strangers: Strangers, browser: Any, company: Company) -> None:
        self.site, self.strangers, self.browser, self.company = site, strangers, browser, company
        self.contexts: list[Any] = []

    def visit(self, country: str = "DE", *, gpc: bool = False, **options: Any) -> Any:
        """Open a fresh browser, and let the edge say its country; gives a page that notes what the browser says."""
        self.company.country = country
        context = self.browser.new_context(
            extra_http_headers={"Sec-GPC": "1"} if gpc else {}, locale=options.pop("locale", "ja-JP"), timezone_id="Asia/Tokyo", **options
        )
        self.contexts.append(context)
        if gpc:
            context.add_init_script("Object.defineProperty(navigator, 'globalPrivacyControl', {value: true})")
        page = context.new_page()
        page.said = []
        page.on("console", lambda one: page.said.append(one.text))
        page.on("pageerror", lambda error: page.said.append(str(error)))
        self.strangers.seen.clear()
        return page

    def write(self, page: Any = None, **settings: Any) -> None:
        """Let the company write its pages another way from now on: see `Company`."""
        plain = {"trusted_types": False, "guarded": True, "base": {}}
        for name, value in {"page": page, **plain, **settings}.items():
            setattr(self.company, name, value)
        self.company.__post_init__()

    def close(self) -> None:
        """Close every context a test opened, and let the company write as it began."""
        self.write()
        for context in self.contexts:
            context.close()
        self.contexts.clear()


@contextmanager
def opened(serve: Callable[[Any], str], playwright: Any, folder: Path) -> Iterator[World]:
    """Serve a company's site with a policy folder, and start a browser that finds it and the strangers on loopback."""
    with EdgeSite(policy=folder, sites=(f"http://{HOST}",), cookie_domain="company.example") as site:
        company, strangers = Company(site.app, site.house), Strangers()
        ours, theirs = (serve(app).removeprefix("http://") for app in (without_lifespan(company), strangers))
        rules = [f"MAP {name} {ours}" for name in (HOST, PRIVACY, ELSEWHERE)]
        rules += [f"MAP {name} {theirs}" for name in (TAG_HOST, COUNTER_HOST, STRANGER)]
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, headless=True, args=[*ARGS, f"--host-resolver-rules={', '.join(rules)}"]
        )
        yield World(site, strangers, browser, company)
        browser.close()


def without_lifespan(company: Company) -> Any:
    """Serve a company's pages beside the site's own server, which holds the lifespan of our application."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            for _ in range(2):
                message = await receive()
                await send({"type": f"{message['type']}.complete"})
            return
        await company(scope, receive, send)

    return app


def ready(page: Any, path: str = "/en") -> Any:
    """Open a page and wait until the banner has read its config."""
    page.goto(URL + path)
    page.wait_for_load_state("networkidle")
    return page


def chosen(page: Any, selector: str) -> None:
    """Click, and wait until the server has the choice."""
    with page.expect_response("**/consent/receipts") as told:
        page.click(selector)
    assert told.value.status == 201


def csp_messages(page: Any) -> list[str]:
    """Give what the browser said of a content policy or an error."""
    return [text for text in page.said if "Content Security" in text or "Trusted" in text or "Error" in text]
