"""Links to others: watched by a real fetch, reported with the last good day, and never a reason to change a page."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from click.testing import CliRunner

from tests.support import REFERENCE, Site, copy_policy, edit
from upheld.app_schedule import Steward
from upheld.cli import cli
from upheld.services import links


class Operator(BaseHTTPRequestHandler):
    """The website of an operator; `gone` are the paths that answer 404."""

    gone: set[str] = set()  # noqa: RUF012 - one website for the module

    def do_GET(self) -> None:
        """Answer a page, a way to another page, or that there is none."""
        self.send_response(404 if self.path in self.gone else 302 if self.path == "/moved" else 200)
        if self.path == "/moved":
            self.send_header("Location", "/privacy")
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """Stay quiet."""


@pytest.fixture
def operator() -> Iterator[str]:
    """Serve the operator's website."""
    Operator.gone.clear()
    server = ThreadingHTTPServer(("127.0.0.1", 0), Operator)
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def to_operator(operator: str, url: str) -> str:
    """Give where an operator's page lies in this test."""
    return f"{operator}/{url.partition('://')[2].replace('/', '-')}"


@pytest.fixture
def site(tmp_path: Path, operator: str) -> Iterator[Site]:
    """A site whose policy links the operator's website, and that watches its links."""
    folder = copy_policy(tmp_path / "policy", REFERENCE)
    text = (folder / "05-services.yaml").read_text("utf-8")
    for line in text.splitlines():
        if "policy_url:" in line:
            url = line.partition("policy_url:")[2].strip()
            edit(folder, "05-services.yaml", line, line.replace(url, to_operator(operator, url)))
    data = tmp_path / "data"
    data.mkdir()
    (data / "serving.toml").write_text("watch_links = true\n", "utf-8")
    with Site(policy=folder, folder=data) as running:
        yield running


def first(site: Site) -> links.Link:
    """Give what was kept of the first link."""
    return links.last(site.house.folder)[0]


@pytest.mark.row("M61")
def test_m61_a_link_that_breaks_is_reported_and_the_page_stays(site: Site) -> None:
    """After a good night one link answers 404: service, URL, status and last good day are reported, the page is the same."""
    page = site.http.get("/privacy/en")
    good = links.check(site.house)
    assert [one.service for one in good] == list(site.house.in_force().policy.services)
    assert all(one.good and one.last_good == site.house.today() for one in good)
    Operator.gone.add("/" + good[0].url.rpartition("/")[2])
    site.clock.advance(timedelta(days=1))
    broken = [one for one in links.check(site.house) if not one.good]
    (one,) = broken
    assert (one.service, one.url, one.status) == (good[0].service, good[0].url, 404)
    assert one.last_good == site.house.today() - timedelta(days=1)
    again = site.http.get("/privacy/en")
    assert (again.text, again.headers["etag"]) == (page.text, page.headers["etag"])


@pytest.mark.row("M61")
def test_m61_a_server_looks_by_itself_each_night(site: Site) -> None:
    """The schedule of a house that watches its links has them; the night's run keeps what it found."""
    steward = Steward(site.house)
    steward.look()
    assert links.last(site.house.folder) == []
    site.clock.advance(timedelta(days=1))
    assert "links" in steward.look()
    assert first(site).day == site.house.today()


@pytest.mark.row("M61")
def test_m61_the_command_prints_the_report_and_leaves_with_1(site: Site) -> None:
    """`upheld links check` names each link; with a broken one it leaves with 1, and `--last` asks nobody again."""
    folder, found = site.house.folder, links.check(site.house)
    run = lambda *more: CliRunner().invoke(cli, ["links", "check", "--data", str(folder), *more])  # noqa: E731
    Operator.gone.add("/" + found[1].url.rpartition("/")[2])
    told = run("--format", "json")
    assert told.exit_code == 1, told.output
    rows = json.loads(told.stdout)
    assert [(one["service"], one["status"], one["good"]) for one in rows][:2] == [
        (found[0].service, 200, True), (found[1].service, 404, False),
    ]  # fmt: skip
    Operator.gone.clear()
    assert "BROKEN" in run("--last").output
    healed = run()
    assert (healed.exit_code, "BROKEN" in healed.output) == (0, False)


def test_a_way_to_another_page_is_followed_and_silence_is_told(operator: str) -> None:
    """A moved page counts by where it leads; a server that does not answer, and what is no web address, by no status."""
    assert links.status_of(f"{operator}/moved") == 200
    assert links.status_of("http://127.0.0.1:9/privacy") == links.UNREACHABLE
    assert links.status_of("file:///etc/hostname") == links.UNREACHABLE


def test_nobody_is_asked_unless_the_house_watches() -> None:
    """Without the setting a server calls no stranger."""
    with Site() as site:
        site.clock.advance(timedelta(days=2))
        Steward(site.house).look()
        assert links.last(site.house.folder) == []
