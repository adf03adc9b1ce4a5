"""database: the company's own databases under a map; what an erasure would do there, and doing it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from upheld.cli_rooms.common import by_option, data_option, format_option, house, say_json

if TYPE_CHECKING:
    from upheld.services.sql.actions import Told


@click.group()
def database() -> None:
    """Find and erase people in databases of your own: check, plan, erase."""


@database.command()
@click.argument("name")
@data_option
@format_option
def check(name: str, data: Path, kind: str) -> None:
    """Compare the map `databases/NAME.yaml` of the data folder with the database it describes.

    Leaves with 1 when the map cannot be used as it is.
    """
    from upheld.services.sql.actions import check as look

    found = look(data, name)
    if kind == "json":
        say_json([{"code": one.code, "place": one.place, "severity": one.severity, "text": one.text} for one in found])
    else:
        for one in found:
            click.echo(f"{one.severity:<8} {one.code:<20} {one.place}: {one.text}")
        click.echo(f"{len(found)} findings" if found else "map and database agree")
    raise click.exceptions.Exit(int(any(one.severity == "error" for one in found)))


_who = click.option("--who", "who", multiple=True, required=True, metavar="KIND=VALUE", help="The person, as email=…; several times.")


@database.command()
@click.argument("name")
@_who
@data_option
@format_option
def plan(name: str, who: tuple[str, ...], data: Path, kind: str) -> None:
    """Show what an erasure in database NAME would do, table by table; it is tried and taken back."""
    from upheld.services.sql.actions import look_up

    with house(data) as opened:
        _tell(look_up(opened, data, name, _identities(who)), kind)


@database.command()
@click.argument("name")
@_who
@click.option("--control", multiple=True, required=True, metavar="KIND=VALUE", help="Somebody who must be found by the same look-up.")
@by_option
@data_option
@format_option
def erase(name: str, who: tuple[str, ...], control: tuple[str, ...], by: int, data: Path, kind: str) -> None:
    """Erase a person in database NAME, whole or not at all, and look again.

    Leaves with 1 when something is left, or when the control was not found, so that nothing is proven.
    """
    from upheld.services.sql.actions import erase as carry_out

    with house(data) as opened:
        told = carry_out(opened, data, name, _identities(who), _identities(control), by=by)
    _tell(told, kind)
    raise click.exceptions.Exit(int(told.verdict is None or told.verdict.state != "verified"))


def _identities(written: tuple[str, ...]) -> dict[str, tuple[str, ...]]:
    told: dict[str, tuple[str, ...]] = {}
    for one in written:
        kind, equals, value = one.partition("=")
        if not equals or not kind or not value:
            raise click.BadParameter("write KIND=VALUE, as email=hanako@example.com", param_hint="--who, --control")
        told[kind] = (*told.get(kind, ()), value)
    return told


def _tell(told: Told, kind: str) -> None:
    counts, verdict = told.plan.counts(), told.verdict
    if kind == "json":
        done = {"done": told.erased.counts()} if told.erased else {}
        until = verdict.until.isoformat() if verdict and verdict.until else None
        seen = {"state": verdict.state, "left": dict(verdict.left), "control": verdict.control, "copies_until": until} if verdict else {}
        say_json({"plan": counts, "digest": told.plan.digest, **done, **seen})
        return
    for table, words in counts.items():
        click.echo(f"{table:<20} {', '.join(f'{word} {count}' for word, count in words.items())}")
    if not counts:
        click.echo("nothing found")
    if told.erased is not None:
        click.echo(f"{'done':<20} {', '.join(f'{word} {count}' for word, count in told.erased.counts().items()) or 'nothing'}")
    if verdict is not None:
        left = ", ".join(f"{table} {count}" for table, count in verdict.left.items())
        click.echo(f"{'looked again':<20} {_SEEN[verdict.state]}{f': {left}' if left else ''}")
        if verdict.until is not None:
            click.echo(f"{'copies':<20} backups of the database may hold it until {verdict.until.isoformat()}")


_SEEN = {
    "verified": "nothing of the person, and the control was found",
    "left": "something is left",
    "void": "the control was not found, so nothing is proven",
}
