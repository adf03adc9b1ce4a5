"""hold: legal holds, under which nothing of a person goes; placed and released by two members of staff."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import click

from upheld.cli_rooms.bases import person_options, who
from upheld.cli_rooms.common import by_option, data_option, day, format_option, house, say_json

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from upheld.notice import House
    from upheld.retention.model import Hold


def _two_options(command: Callable[..., Any]) -> Callable[..., Any]:
    command = click.option("--approver", type=int, required=True, help="Staff number of who approves it; another one.")(command)
    return click.option("--reason", required=True, help="Why; kept in the ledger, under the person's own key.")(command)


@click.group()
def hold() -> None:
    """Keep all data of a person for a statute or a matter, and end that: place, release, list."""


@hold.command()
@person_options
@click.option("--statute", default="", help="The statute, by its id in the law data, as jp-corporation-tax.")
@click.option("--matter", default="", help="Or the number of the matter in your own files; no name.")
@click.option("--until", type=day, required=True, metavar="YYYY-MM-DD", help="Its last day.")
@click.option("--purpose", default="legal_claims", show_default=True, help="What held data may be read for.")
@_two_options
@by_option
@data_option
@format_option
def place(
    email: str, subject: str, statute: str, matter: str, until: date, purpose: str, reason: str, approver: int,
    by: int, data: Path, kind: str,
) -> None:  # fmt: skip
    """Place a hold on a person: until it ends no sweep and no request erases their data, and its last day starts no clock."""
    from upheld.retention import holds

    with house(data) as opened:
        made = holds.place(
            opened, who(opened, email, subject), until=until, reason=reason, by=by, approver=approver,
            statute=statute, matter=matter, purpose=purpose,
        )  # fmt: skip
        _tell(opened, [made], kind)


@hold.command()
@click.argument("number", metavar="HOLD")
@_two_options
@by_option
@data_option
@format_option
def release(number: str, reason: str, approver: int, by: int, data: Path, kind: str) -> None:
    """End HOLD; what is over, or was asked to be erased meanwhile, goes with the next sweep."""
    from upheld.retention import holds

    with house(data) as opened:
        _tell(opened, [holds.release(opened, number, reason=reason, by=by, approver=approver)], kind)


@hold.command("list")
@click.option("--all", "every", is_flag=True, help="Ended ones too.")
@data_option
@format_option
def list_(every: bool, data: Path, kind: str) -> None:
    """List the holds that stand, the oldest first."""
    from upheld.retention import holds

    with house(data) as opened:
        _tell(opened, holds.listed(opened, only_standing=not every), kind)


def _tell(opened: House, found: list[Hold], kind: str) -> None:
    from upheld.db import b64
    from upheld.retention import holds

    today = opened.today()
    if kind == "json":
        say_json([holds.said(one, today) for one in found])
        return
    for one in found:
        stands = f"until {one.until}" if one.stands(today) else "ended"
        click.echo(f"{b64(one.id)}  {stands:<16}  {one.kind} {one.named}  for {one.purpose}  by {one.placed_by}, {one.approved_by}")
        for subject in one.subjects:
            click.echo(f"  on {b64(subject)}")
    if not found:
        click.echo("no hold stands")
