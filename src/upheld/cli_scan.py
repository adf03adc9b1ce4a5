"""cookies: compare a live site with the list of tags."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from upheld.cli_check import day, lang_option, policy_option, read, style, today
from upheld.cli_kit import CouldNotRunError
from upheld.cli_rooms.common import data_option

if TYPE_CHECKING:
    from upheld.cookies.scan import Scan
    from upheld.policy.compile import Compiled
    from upheld.policy.findings import Finding


_kind_option = click.option(
    "--format", "kind", type=click.Choice(["full", "concise", "json", "github", "sarif"]), default="full",
    show_default=True, help="How findings are printed.",
)  # fmt: skip


@click.group()
def cookies() -> None:
    """Compare live pages with the list of tags: scan, reports."""


@cookies.command()
@click.argument("url")
@policy_option
@click.option("--pages", type=click.IntRange(1, 500), default=20, show_default=True, help="How many pages are visited at most.")
@click.option("--area", default="unknown", show_default=True, help="Where the site takes the scan to be: EEA, JP, GB …")
@click.option("--header", "headers", multiple=True, metavar="NAME=VALUE", help="Sent to the site itself, such as the edge's country.")
@click.option("--browser-argument", "arguments", multiple=True, help="Handed on to Chromium.")
@click.option("--as-of", type=day, metavar="YYYY-MM-DD", help="The day to check for; today if left out.")
@_kind_option
@lang_option
def scan(
    url: str, root: Path, pages: int, area: str, headers: tuple[str, ...], arguments: tuple[str, ...],
    as_of: date | None, kind: str, lang: str,
) -> None:  # fmt: skip
    """Visit URL in a headless browser and compare every host, cookie and storage key with the list of tags.

    The site is walked twice: without a choice, and with everything allowed. Leaves with 0 where all is declared,
    1 where something is not, 2 where it could not run.
    """
    from upheld.cookies import scan as scanning
    from upheld.policy.compile import compile_folder
    from upheld.policy.law import load_law

    folder, law = read(root), load_law()
    on = as_of or today(folder)
    if not law.is_area(area):
        raise click.BadParameter(f"{area!r} is no country and no area", param_hint="--area")
    sent = dict(one.split("=", 1) for one in headers if "=" in one)
    try:
        seen = scanning.scan(url, most=pages, headers=sent, arguments=arguments, say=lambda page: click.echo(page, err=True))
    except scanning.ScanError as error:
        raise CouldNotRunError(f"{error} {error.next_step}") from None
    draft = compile_folder(folder, law, on).draft
    outcome = compile_folder(folder, law, on, live=scanning.live(seen, draft, law, area, on))
    found = tuple(one for one in outcome.findings if one.code in scanning.CODES)
    raise click.exceptions.Exit(_told(outcome, found, kind, lang, on, root, partial(_places, seen, found)))


def _told(
    outcome: Compiled, found: tuple[Finding, ...], kind: str, lang: str, on: date, root: Path, more: Callable[[], None]
) -> int:
    """Print findings, and for people what `more` prints; gives how the command leaves."""
    from upheld.policy.report import Report, closing, render

    report = Report(outcome.draft, found, (), outcome.texts, on, root.as_posix())
    click.echo(render(kind, report, lang, style()), nl=False)
    if kind == "full":
        more()
        click.echo(closing(report, lang))
    return 1 if found else 0


@cookies.command()
@data_option
@policy_option
@click.option("--times", type=click.IntRange(1), default=1, show_default=True, help="Leave out hosts reported more rarely.")
@click.option("--as-of", type=day, metavar="YYYY-MM-DD", help="The day to check for; today if left out.")
@_kind_option
@lang_option
def reports(data: Path, root: Path, times: int, as_of: date | None, kind: str, lang: str) -> None:
    """Compare what visitors' browsers reported as stopped by a page's header with the list of tags.

    Browsers send such reports to `/consent/csp-reports`; the host is kept and nothing else, for 30 days. What a visitor's own
    additions to the browser call is among them: `--times` leaves out what few reported. Leaves with 0 where all is
    declared, 1 where something is not, 2 where it could not run.
    """
    from upheld.cli_rooms.common import house
    from upheld.cookies.store import reports as kept
    from upheld.policy.check.context import Live
    from upheld.policy.compile import compile_folder
    from upheld.policy.law import load_law

    folder, law = read(root), load_law()
    on = as_of or today(folder)
    with house(data) as opened, opened.store.read() as tx:
        known = {one.host: one for one in kept(tx) if one.times >= times}
    outcome = compile_folder(folder, law, on, live=Live(hosts=tuple(known)))
    found = tuple(one for one in outcome.findings if one.code == "PP908")

    def days() -> None:
        for one in (known[str(finding.params["host"])] for finding in found):
            click.echo(f"reported in {one.times} minutes from {one.first.date()} to {one.last.date()} (UTC): {one.host}")

    raise click.exceptions.Exit(_told(outcome, found, kind, lang, on, root, days))


def _places(seen: Scan, found: tuple[Finding, ...]) -> None:
    """Say where each thing was met first."""
    for one in found:
        name = str(one.params.get("host") or one.params.get("name") or "")
        if name:
            click.echo(f"met on {seen.where(name)}: {name}")
    click.echo(f"{len(seen.pages)} pages; everything was allowed once" if seen.allowed else f"{len(seen.pages)} pages; nothing asked")
