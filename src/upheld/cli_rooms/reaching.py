"""services: which systems outside can be reached, what is done in them, and what somebody did there by hand."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from upheld.cli_rooms.common import by_option, data_option, day, format_option, house, say_json

if TYPE_CHECKING:
    from upheld.services.store import Target


@click.group()
def services() -> None:
    """Reach the systems that hold people's data for you: list, check, carry, show, retry, answer."""


@services.command("list")
@data_option
@format_option
def listed(data: Path, kind: str) -> None:
    """List the services of the policy and of `connections/`, whether they can be reached, and what waits in each."""
    from upheld.services.actions import overview

    with house(data) as opened:
        told = overview(opened)
    if kind == "json":
        say_json(told)
        return
    for one in told:
        how = one["connection"] or "not connected"
        waits = ", ".join(f"{state} {count}" for state, count in one["cases"].items())
        click.echo(f"{one['service']:<14} {how:<14} {waits or 'nothing was asked yet'}")


@services.command()
@click.argument("name")
@data_option
@format_option
def check(name: str, data: Path, kind: str) -> None:
    """Ask service NAME what it can do and where it stores, and compare it with its map.

    Leaves with 1 when something is there that the map does not say, or the control cannot be found.
    """
    from upheld.services.checking import look

    with house(data) as opened:
        told = look(opened, name)
    if kind == "json":
        say_json(told.said())
    else:
        for can in told.capabilities:
            limit = f"{can.level}: {can.reason}" if can.reason else can.level
            click.echo(f"{can.store:<24} {can.op:<11} {limit}")
        for place in told.places:
            click.echo(f"{place.store:<24} {'lies in':<11} {place.country} ({place.region}, {place.how})")
        for seen in told.findings:
            click.echo(f"{seen.store:<24} {seen.what:<11} {seen.field}")
        click.echo(f"{'control':<24} {'found' if told.control else 'not found: nothing found here proves nothing'}")
    raise click.exceptions.Exit(int(bool(told.findings) or not told.control))


@services.command()
@data_option
@format_option
def carry(data: Path, kind: str) -> None:
    """Do now what is due in services; a server does it by itself."""
    from upheld.services.actions import carry_out

    with house(data) as opened:
        opened.settle()
        told = carry_out(opened)
    if kind == "json":
        say_json(told)
    else:
        click.echo(f"{told['cases']} new, {told['steps']} steps")


@services.command()
@click.argument("reference", default="")
@data_option
@format_option
def show(reference: str, data: Path, kind: str) -> None:
    """Show how the cases of REFERENCE stand (the number of a request), or the newest ones."""
    from upheld.services import store
    from upheld.services.actions import said

    with house(data) as opened, opened.store.read() as tx:
        found = store.cases(tx, reference) if reference else store.recent(tx, 20)
        told = [said(one, store.targets(tx, one.id)) for one in found]
        lines = [(one, store.targets(tx, one.id)) for one in found]
    if kind == "json":
        say_json(told)
        return
    for one, targets in lines:
        click.echo(f"{one.reference} {one.op}, {one.opened_at:%Y-%m-%d %H:%M} UTC")
        for target in targets:
            click.echo(f"  {target.service:<14} {_line(target)}")
    if not lines:
        click.echo("no such case")


def _line(target: Target) -> str:
    parts = [target.state, target.code, ", ".join(f"{word} {count}" for word, count in target.told.items())]
    if target.until is not None:
        parts.append(f"copies of the operator until {target.until:%Y-%m-%d}")
    return "; ".join(part for part in parts if part)


@services.command()
@click.argument("reference")
@click.argument("name", default="")
@by_option
@data_option
def retry(reference: str, name: str, by: int, data: Path) -> None:
    """Begin REFERENCE anew in service NAME, or in every service where it waits for a person: what was in the way is gone."""
    from upheld.services.manual import begin_anew

    with house(data) as opened:
        count = begin_anew(opened, reference, name, by=by)
    click.echo(f"{count} begin again; a server does it, or `upheld services carry`")


@services.command()
@click.argument("reference")
@click.argument("name")
@click.option("--complete", "result", flag_value="complete", help="It was erased there; say with --where what was done.")
@click.option("--not-found", "result", flag_value="not_found", help="Searched and nobody found; say with --where how.")
@click.option("--exception", "result", flag_value="exception", help="It stays, for the --reason and until the day given.")
@click.option("--where", default="", help="Where was looked, in your own words; no data of the person.")
@click.option("--reason", default="", help="A statute of the policy, or one of: contract, claim, technical.")
@click.option("--until", default="", metavar="DAY", help="Last day of the exception, YYYY-MM-DD.")
@click.option("--evidence", type=click.Path(path_type=Path, exists=True, dir_okay=False), help="A file that shows it; its hash is kept.")
@by_option
@data_option
def answer(
    reference: str, name: str, result: str | None, where: str, reason: str, until: str, evidence: Path | None, by: int, data: Path
) -> None:
    """Say what was done by hand for REFERENCE in service NAME, where no program could do it or prove it."""
    from upheld.services.manual import Answered, answer_by_hand

    if result is None:
        raise click.UsageError("say --complete, --not-found or --exception")
    with house(data) as opened:
        told = Answered(result, where, reason, day(until) if until else None, evidence.read_bytes() if evidence else b"")
        answer_by_hand(opened, reference, name, told, by=by)
    click.echo(f"{name}: {result}")
