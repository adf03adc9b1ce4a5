"""mail: mailings to the people who may be met for a purpose, planned, sent and listed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from upheld.cli_rooms.common import (
    FILE,
    CouldNotRunError,
    by_option,
    data_option,
    format_option,
    house,
    say_json,
)

if TYPE_CHECKING:
    from upheld.services.mail import Mailing


@click.group()
def mail() -> None:
    """Write to the people who may be met for a purpose: plan, send, list."""


@mail.command("plan")
@click.option("--purpose", required=True, help="Purpose of the mailing; one that announces.")
@click.option("--text", "files", type=FILE, multiple=True, required=True,
              help="Text in one language, named NAME.LANG.txt: subject, empty line, body. One for each language.")  # fmt: skip
@click.option("--situation", "situations", multiple=True, help="Only people met in this situation; several times.")
@by_option
@data_option
@format_option
def plan_(
    purpose: str, files: tuple[Path, ...], situations: tuple[str, ...], by: int, data: Path, kind: str
) -> None:
    """Plan a mailing and say how many people it would reach; nothing is sent yet."""
    from upheld.services.mail import plan, read_text

    texts = {}
    for path in files:
        if not path.is_file():
            raise CouldNotRunError(f"there is no file {path}")
        texts[path.name.removesuffix(".txt").rpartition(".")[2]] = read_text(path.read_bytes())
    with house(data) as opened:
        _say(plan(opened, purpose, texts, by=by, situations=situations), kind)


@mail.command()
@click.argument("number")
@click.option("--most", type=int, default=0, help="At most so many letters in this run; all if left out.")
@data_option
@format_option
def send(number: str, most: int, data: Path, kind: str) -> None:
    """Send the waiting letters of mailing NUMBER; each is decided again at its moment."""
    from upheld.services.mail import Smtp, send_due
    from upheld.services.mail.transport import MailNotSetError

    with house(data) as opened:
        settings = opened.serving.mail
        if settings is None:
            raise MailNotSetError
        done = send_due(opened, number, Smtp.of(settings.smtp), most=most)
    told = {"sent": done.sent, "refused": dict(done.refused), "bounced": done.bounced}
    if kind == "json":
        say_json(told)
        return
    click.echo(f"sent      {done.sent}")
    for code, count in sorted(done.refused.items()):
        click.echo(f"refused   {count}  {code}")
    if done.bounced:
        click.echo(f"bounced   {done.bounced}")


@mail.command("list")
@data_option
@format_option
def list_(data: Path, kind: str) -> None:
    """List the mailings, the newest first."""
    from upheld.services.mail import mailings

    with house(data) as opened:
        found = mailings(opened)
    if kind == "json":
        say_json([_told(one) for one in found])
        return
    for one in found:
        _say(one, kind)


def _say(one: Mailing, kind: str) -> None:
    if kind == "json":
        say_json(_told(one))
        return
    states = "  ".join(f"{state} {count}" for state, count in sorted(one.states.items())) or "nobody"
    click.echo(f"{one.id}  {one.purpose}  {one.planned_at:%Y-%m-%d %H:%M}  by {one.staff}  {states}")


def _told(one: Mailing) -> dict[str, object]:
    return {
        "mailing": one.id, "purpose": one.purpose, "planned_at": one.planned_at.isoformat(timespec="milliseconds"),
        "by": one.staff, "states": dict(one.states), "refused": dict(one.refused),
    }  # fmt: skip
