"""links: do the links to the operators' own texts still lead somewhere."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from upheld.cli_rooms.common import data_option, format_option, house, say_json

if TYPE_CHECKING:
    from upheld.services.links import Link


@click.group()
def links() -> None:
    """Watch the links of the policy to the operators' own texts: check."""


@links.command()
@click.option("--last", "only_last", is_flag=True, help="Print what was found last; ask nobody.")
@data_option
@format_option
def check(only_last: bool, data: Path, kind: str) -> None:
    """Fetch every link and print service, address, status and the last good day; a server does the same each night.

    Leaves with 1 when a link leads nowhere. The published page stays as it is.
    """
    from upheld.services import links as watching

    with house(data) as opened:
        found = watching.last(opened.folder) if only_last else watching.check(opened)
    if kind == "json":
        say_json([_said(one) for one in found])
    else:
        for one in found:
            click.echo(_line(one))
    raise click.exceptions.Exit(int(any(not one.good for one in found)))


def _said(one: Link) -> dict[str, object]:
    good = one.last_good.isoformat() if one.last_good else None
    return {
        "service": one.service, "url": one.url, "status": one.status, "good": one.good,
        "looked_at": one.day.isoformat(), "last_good": good,
    }  # fmt: skip


def _line(one: Link) -> str:
    state = "good" if one.good else "BROKEN"
    status = str(one.status) if one.status else "no answer"
    seen = f"last good {one.last_good.isoformat()}" if one.last_good else "never seen good"
    return f"{state:<7} {one.service:<14} {status:<10} {seen:<22} {one.url}"
