"""What browsers report as stopped: the host is kept, the rest of the address never, and the list of tags is compared with it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.cookies.conftest import Browsing, EdgeSite, refusal, with_counter
from tests.support import Site
from upheld.cookies.model import Reported
from upheld.cookies.reports import MOST, note
from upheld.cookies.rules import reported
from upheld.cookies.store import reports

Browse = Callable[..., Browsing]
ADDRESS = "https://cdn.stranger.example/t.js?mail=hanako@example.co.jp#who"


def one(address: str) -> dict[str, Any]:
    """Give a report as browsers have sent it since the first version of the header."""
    page = "https://www.company.example/en?mail=hanako@example.co.jp"
    return {"csp-report": {"document-uri": page, "blocked-uri": address, "effective-directive": "img-src"}}


def sent(browser: Browsing, told: Any, kind: str = "application/csp-report", **headers: str) -> httpx.Response:
    """Send a report as a browser does."""
    body = told if isinstance(told, str) else json.dumps(told)
    return browser.http.post("/consent/csp-reports", content=body, headers={"Content-Type": kind, "Accept": "application/json", **headers})


def kept(site: Site) -> list[Reported]:
    """Give what the store has of it."""
    with site.house.store.read() as tx:
        return reports(tx)


def test_of_a_report_the_undeclared_host_is_kept_and_nothing_else(site: Site, browse: Browse) -> None:
    """Both shapes of a report leave the host; path, query, page, declared hosts and inline code leave nothing."""
    browser = browse()
    assert sent(browser, one(ADDRESS)).status_code == 204
    many = [{"type": "csp-violation", "body": {"blockedURL": address}}
            for address in ("wss://live.stranger.example/x", "inline", "data", "https://munchkin.marketo.net/x.js",
                            "chrome-extension://abc/x", "https://127.0.0.1/x", "https://[::1", "https://localhost/")]  # fmt: skip
    assert sent(browser, many, "application/reports+json").status_code == 204
    assert [one.host for one in kept(site)] == ["cdn.stranger.example", "live.stranger.example"]
    assert b"hanako" not in b"".join(path.read_bytes() for path in site.house.folder.rglob("*") if path.is_file())
    assert not browser.http.cookies


def test_a_host_is_counted_once_a_minute_and_forgotten_after_a_month(site: Site, browse: Browse) -> None:
    """A busy page is no load on the store; a host that nobody reports any more goes."""
    browser = browse()
    for _ in range(3):
        sent(browser, one(ADDRESS))
    assert [(one.host, one.times) for one in kept(site)] == [("cdn.stranger.example", 1)]
    site.clock.advance(minutes=1)
    sent(browser, one(ADDRESS))
    assert [one.times for one in kept(site)] == [2]
    site.clock.advance(days=31)
    sent(browser, one("https://other.example/"))
    assert [one.host for one in kept(site)] == ["other.example"]


def test_whoever_floods_us_with_names_fills_no_store(site: Site) -> None:
    """No more than a thousand hosts are kept, and those known already are still counted."""
    for start in range(0, MOST + 200, 100):
        note(site.house, tuple(f"h{n}.example" for n in range(start, start + 100)))
    assert len(kept(site)) == MOST
    site.clock.advance(minutes=2)
    note(site.house, ("h1.example", "new.example"))
    assert {one.host: one.times for one in kept(site)}["h1.example"] == 2
    assert len(kept(site)) == MOST


@pytest.mark.parametrize(
    ("told", "headers", "status", "code"),
    [
        ("nonsense", {}, 400, "malformed"),
        (one(ADDRESS), {"Sec-Fetch-Site": "cross-site"}, 403, "cross_site"),
        (one(ADDRESS), {"Origin": "https://elsewhere.example"}, 403, "cross_site"),
    ],
)
def test_what_is_no_report_of_ours_is_refused(
    site: Site, browse: Browse, told: Any, headers: dict[str, str], status: int, code: str
) -> None:
    """Broken JSON and pages of other sites are refused, and nothing is kept."""
    assert refusal(sent(browse(), told, **headers)) == (status, code)
    assert kept(site) == []


def test_reports_of_one_address_are_slowed_down_without_slowing_its_choices() -> None:
    """After sixty reports in a minute an address waits; the same visitor may still choose."""
    with Site() as site:
        browser = Browsing(site)
        assert {sent(browser, one(ADDRESS)).status_code for _ in range(60)} == {204}
        assert refusal(sent(browser, one(ADDRESS))) == (429, "too_many")
        assert browser.choose("reject_all").status_code == 201


@settings(max_examples=60, deadline=None)
@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(max_size=20), lambda inner: st.lists(inner, max_size=4)
       | st.dictionaries(st.sampled_from(["csp-report", "body", "blocked-uri", "blockedURL", "x"]), inner, max_size=4), max_leaves=12))  # fmt: skip
def test_any_json_gives_hosts_or_nothing(told: Any) -> None:
    """Whatever is sent, what is read from it is a tuple of names of hosts."""
    assert all("/" not in host and "@" not in host and "." in host for host in reported(told, "own.example"))


def upheld(*words: str) -> subprocess.CompletedProcess[str]:
    """Run the command."""
    command = [sys.executable, "-W", "ignore", "-m", "upheld", "cookies", "reports", *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def test_reported_hosts_become_findings_of_the_policy(tmp_path: Path) -> None:
    """`upheld cookies reports` names each undeclared host with PP908 and leaves with 1; once it is declared, with 0."""
    folder = with_counter(tmp_path / "policy")
    with EdgeSite(policy=folder) as site:
        browser = Browsing(site)
        sent(browser, one(ADDRESS))
        site.clock.advance(minutes=2)
        sent(browser, one(ADDRESS))
        sent(browser, one("https://rare.example/"))
        asked = ("--data", str(site.folder), "--policy", str(folder), "--as-of", "2026-11-22")
        told = upheld(*asked)
        assert told.returncode == 1, told.stderr
        assert told.stdout.count("PP908 error") == 2
        assert "reported in 2 minutes from 2026-11-22 to 2026-11-22 (UTC): cdn.stranger.example" in told.stdout
        often = upheld(*asked, "--times", "2", "--format", "json")
        assert [found["code"] for found in json.loads(often.stdout)["findings"]] == ["PP908"]
        path = folder / "cookies.yaml"
        path.write_text(path.read_text("utf-8").replace("[counter.example.net]", "[counter.example.net, cdn.stranger.example]"), "utf-8")
        done = upheld(*asked, "--times", "2")
        assert (done.returncode, "PP908" in done.stdout) == (0, False)
