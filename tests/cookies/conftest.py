"""Sites whose policies have more tags than the reference: one that links nobody, one that only counts."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support import Site, add_evidence, copy_policy, edit
from upheld.app import Settings

COUNTER = """
  counter:
    category: marketing
    host: [counter.example.net]
    recipient: gcp
    sends: [cookie, browsing]
    purposes: [analyse]
    content: {en: "the pages you view, a number of your browser", ja: ご覧になったページ、ブラウザーの番号}
    their_purpose: {en: to count for us, ja: 当社のための集計}
    fires: {eea: after_consent, uk: notice_and_opt_out, jp: notice_and_opt_out}
    recipient_links_to_person: no
    uk_exemption: statistics
    opt_out: yes
    lifetime: P30D
    gpc: stops
    cookies: [_count*]
    consent_mode: [analytics_storage]
"""
AREA = "X-Edge-Country"


def with_counter(folder: Path) -> Path:
    """Give the reference policy with a second tag, whose recipient links nobody."""
    copy_policy(folder)
    path = folder / "cookies.yaml"
    path.write_text(path.read_text("utf-8") + COUNTER, "utf-8")
    return folder


@dataclass
class EdgeSite(Site):
    """A site behind an edge that writes the visitor's country."""

    copied: bool = True
    area_header: str | None = AREA
    sites: tuple[str, ...] = ()
    cookie_domain: str = ""

    def start(self) -> Site:
        """Begin a data folder that names the edge's header, and serve."""
        self.folder = Path(tempfile.mkdtemp(prefix="upheld-edge-"))
        if self.area_header:
            told = [f'area_header = "{self.area_header}"', "acts_per_minute = 0", f"sites = {json.dumps(self.sites)}"]
            told += [f'cookie_domain = "{self.cookie_domain}"'] * bool(self.cookie_domain)
            (self.folder / "serving.toml").write_text("\n".join([*told, ""]), "utf-8")
        super().start()
        self._own = True
        return self

    def _settings(self) -> Settings:
        return Settings(self.folder or Path(), self.clock, sample=True, schedule=False)


@dataclass
class Browsing:
    """One browser: its cookies, its country, its signal."""

    site: Site
    country: str = ""
    gpc: bool = False
    lang: str = "en"
    http: httpx.Client = field(init=False)

    def __post_init__(self) -> None:
        self.http = httpx.Client(base_url=self.site.url, timeout=30)

    @property
    def headers(self) -> dict[str, str]:
        """Give what the edge and the browser add to every request."""
        sent = {AREA: self.country} if self.country else {}
        return sent | ({"Sec-GPC": "1"} if self.gpc else {})

    def get(self, path: str, **more: Any) -> httpx.Response:
        """Open an address."""
        return self.http.get(path, headers=self.headers | more.pop("headers", {}), **more)

    def config(self) -> dict[str, Any]:
        """Fetch what the banner would."""
        answer = self.get(f"/consent/config.{self.lang}.json")
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    def choose(self, action: str, snapshot: str | None = None, **members: Any) -> httpx.Response:
        """Choose as the banner would."""
        body = {"snapshot": snapshot or self.config()["snapshot"], "action": action, **members}
        return self.post("/consent/receipts", body)

    def post(self, path: str, body: dict[str, Any], **headers: str) -> httpx.Response:
        """Send JSON, as a script does."""
        sent = {"Accept": "application/json", **self.headers, **{k.replace("_", "-"): v for k, v in headers.items()}}
        return self.http.post(path, json=body, headers=sent)

    def running(self) -> list[str]:
        """Give the tags that a page for this browser may carry."""
        return list(self.get("/consent/csp").json()["tags"])

    def ledger(self, kind: str) -> list[dict[str, Any]]:
        """Give the bodies of all entries of a kind."""
        self.site.house.settle()
        entries = self.site.house.ledger.entries_since(0, 4096, kinds=[kind])
        return [self.site.house.ledger.body(one) for one in entries]


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """A running site with two tags, behind an edge."""
    with EdgeSite(policy=with_counter(tmp_path / "policy")) as running:
        yield running


@pytest.fixture
def browse(site: Site) -> Callable[..., Browsing]:
    """Give a maker of browsers: country, signal, language."""

    def make(country: str = "", gpc: bool = False, lang: str = "en") -> Browsing:
        return Browsing(site, country, gpc, lang)

    return make


@pytest.fixture
def world(running: Any) -> Iterator[Any]:
    """The running world of a module (see `world.opened`), tidied up after each test."""
    yield running
    running.close()


def refusal(answer: httpx.Response) -> tuple[int, str]:
    """Give status and code of a refusal."""
    return answer.status_code, str(answer.json()["code"])


def move_recipient(folder: Path, version: str = "2") -> Path:
    """Let the counter's data go to another company, with the steps that the law asks for done."""
    with_counter(folder)
    edit(folder, "cookies.yaml", "    recipient: gcp\n", "    recipient: slack\n")
    done = "done: [announce, contract, review, ask_consent], who: Head of the Corporate division, on: 2026-11-21"
    add_evidence(folder, "v2", f"procedures:\n  - {{version: '{version}', class: new_recipient, at: cookies.counter, {done}}}\n")
    return folder


def reset(site: Site, folder: Path, version: str) -> None:
    """Publish an edited folder under another version."""
    edit(folder, "00-policy.yaml", 'version: "1"', f'version: "{version}"')
    site.publish(folder)
