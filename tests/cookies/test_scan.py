"""The scan of a live site, as a company would run it: on a site that does all wrong, and on ours."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.cookies.company import (
    COUNTER_HOST,
    HOST,
    MAILER,
    STRANGER,
    TAG_HOST,
    Company,
    Strangers,
    careless,
    noncompliant,
)
from tests.cookies.conftest import AREA, EdgeSite, with_counter
from tests.cookies.world import without_lifespan

pytestmark = [pytest.mark.browser, pytest.mark.slow]
PLANTED = {
    ("PP908", STRANGER), ("PP908", MAILER), ("PP910", "tracking"), ("PP910", "visitor_id"), ("PP911", "marketo_munchkin"),
}  # fmt: skip


class Scanned:
    """A company's site and the command that scans it."""

    def __init__(self, company: Company, folder: Path, rules: str) -> None:
        self.company, self.folder, self.rules = company, folder, rules

    def scan(self, *more: str, country: str = "DE", page: Any = None, guarded: bool = True) -> subprocess.CompletedProcess[str]:
        """Run `upheld cookies scan` against the site as it is told to be."""
        self.company.page, self.company.guarded = page, guarded
        self.company.__post_init__()
        command = [
            sys.executable, "-W", "ignore", "-m", "upheld", "cookies", "scan", f"http://{HOST}/en", "--policy", str(self.folder),
            "--as-of", "2026-11-22", "--header", f"{AREA}={country}", "--browser-argument", f"--host-resolver-rules={self.rules}", *more,
        ]  # fmt: skip
        return subprocess.run(command, capture_output=True, text=True, timeout=200, check=False)


@pytest.fixture(scope="module")
def scanned(serve: Callable[[Any], str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scanned]:
    """A site that can be made to behave and to misbehave."""
    folder = with_counter(tmp_path_factory.mktemp("scanned") / "policy")
    with EdgeSite(policy=folder) as site:
        company, strangers = Company(site.app, site.house), Strangers()
        ours, theirs = serve(without_lifespan(company)), serve(strangers)
        names = [TAG_HOST, COUNTER_HOST, STRANGER, MAILER]
        rules = ", ".join([f"MAP {HOST} {ours[7:]}", *(f"MAP {name} {theirs[7:]}" for name in names)])
        yield Scanned(company, folder, rules)


def found(done: subprocess.CompletedProcess[str]) -> set[tuple[str, str]]:
    """Give (code, what it is about) of every finding of a scan printed as JSON."""
    told = json.loads(done.stdout)["findings"]
    return {(one["code"], _about(one["message"])) for one in told}


def _about(message: str) -> str:
    match = re.search(r"calls (\S+),|`([^`]+)`", message)
    assert match, message
    return match[1] or match[2]


def test_a_site_that_keeps_its_word_has_no_finding(scanned: Scanned) -> None:
    """On a careful company's pages, and on all of ours that they link to, nothing is found, allowed or not."""
    done = scanned.scan("--format", "json", "--pages", "16")
    assert (done.returncode, done.stderr.count("Traceback")) == (0, 0), done.stdout + done.stderr
    assert found(done) == set()
    for page in ("/en/more", "/consent/choices"):
        assert page in done.stderr.split()


def test_every_planted_problem_is_found_and_no_other(scanned: Scanned) -> None:
    """A tag before consent, an undeclared host, an undeclared cookie, an id in local storage, a pixel in a mail's preview."""
    done = scanned.scan("--format", "json", "--pages", "3", page=noncompliant, guarded=False)
    assert done.returncode == 1, done.stderr
    assert found(done) == PLANTED


def test_the_findings_are_printed_for_people_and_machines(scanned: Scanned) -> None:
    """All formats name code and host; people are told on which page it was met."""
    full = scanned.scan("--pages", "3", page=noncompliant, guarded=False)
    assert full.returncode == 1
    assert f"met on /en/mail: {MAILER}" in full.stdout
    assert "PP908 error" in full.stdout
    for kind, mark in (("concise", "PP910"), ("github", "::error title=upheld (PP911)"), ("sarif", '"ruleId": "PP908"')):
        done = scanned.scan("--format", kind, "--pages", "1", page=noncompliant, guarded=False)
        assert mark in done.stdout, done.stdout


@pytest.mark.row("M08")
def test_m08_an_undeclared_host_is_blocked_and_named(scanned: Scanned, serve: Callable[[Any], str]) -> None:
    """A page that asks for an undeclared host is stopped by its header, and the scan leaves with 1 and PP908; every declared
    host stands on both pages with content, recipient and both sides' purposes, in both languages."""
    done = scanned.scan("--format", "json", "--pages", "2", page=careless)
    assert done.returncode == 1
    assert found(done) == {("PP908", STRANGER)}
    address = "http://" + scanned.rules.split(",")[0].split()[-1]
    for path in ("/cookies", "/external-transmission"):
        for lang in ("en", "ja"):
            page = httpx.get(f"{address}{path}?lang={lang}").text
            for host in (TAG_HOST, COUNTER_HOST):
                assert f'data-host="{host}"' in page
            for part in ("content", "recipient", "country", "ours", "theirs"):
                assert page.count(f'data-part="{part}"') == 2
            assert 'data-purpose="analyse"' in page
            assert 'data-purpose="announce"' in page


def test_a_scan_that_cannot_run_says_so(scanned: Scanned) -> None:
    """An address where nobody answers is no clean site: the command leaves with 2 and the next step."""
    done = scanned.scan("--browser-argument", "--proxy-server=127.0.0.1:9")
    assert done.returncode == 2, done.stdout + done.stderr
    assert done.stdout == ""
    assert "upheld[scan]" in done.stderr
