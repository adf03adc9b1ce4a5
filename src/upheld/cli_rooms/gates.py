"""transfers and tasks: leave for one hop, and what waits for a person, on the command line."""

from __future__ import annotations

from pathlib import Path

import click

from upheld.cli_rooms.common import by_option, data_option, format_option, house, person, reader_of, say_json


@click.command()
@click.option("--service", required=True, help="The service, or a recipient by id or name.")
@click.option("--purpose", required=True, help="Purpose the data is sent for.")
@click.option("--field", "fields", multiple=True, help="A field; several times. What the purpose needs if left out.")
@click.option("--region", default=None, help="Where the object would lie, as the operator names it.")
@click.option("--email", default="", help="E-mail address of the person.")
@click.option("--subject", default="", help="Number of the person in the store.")
@click.option("--record", default="", help="One record only.")
@click.option("--contract", default="", help="The contract the use is for.")
@by_option
@data_option
@format_option
def transfers(
    service: str, purpose: str, fields: tuple[str, ...], region: str | None, email: str, subject: str, record: str,
    contract: str, by: int, data: Path, kind: str,
) -> None:  # fmt: skip
    """Ask whether fields of one person may go to a service; sends nothing, and is an entry of the ledger.

    Leaves with 1 and the first step that stops it.
    """
    from upheld.policy.model import Frozen
    from upheld.transfers.actions import transfer
    from upheld.transfers.model import Hop
    from upheld.transfers.web import allowed_said

    ref, identifier = person(email, subject)
    hop = Hop(service, purpose, ref, Frozen(identifier or {}), fields, region, record, contract)
    with house(data) as opened:
        found = allowed_said(transfer(opened, reader_of(opened, by), hop))
    if kind == "json":
        say_json(found)
        return
    for one in found["records"]:
        click.echo(f"allow    {', '.join(one['fields'])}  of {one['situation']}  to {found['service']} ({found['kind']})")
        told = {"position": one["positions"], **one["mechanisms"]}
        for word, countries in told.items():
            click.echo(f"  {word:<9} " + "  ".join(f"{country} {ground}" for country, ground in countries.items()))


@click.group()
def tasks() -> None:
    """Do what waits for a person: list, look, clear, blank, informed."""


@tasks.command("list")
@data_option
@format_option
def list_(data: Path, kind: str) -> None:
    """List people to be told of an import, and records whose text a reviewer must look at."""
    from upheld.security import tasks as room

    with house(data) as opened:
        found = [task.said() for task in room.waiting(opened)]
    if kind == "json":
        say_json(found)
        return
    for one in found:
        until = f"by {one['due']}" if "due" in one else f"since {one['since']}"
        click.echo(f"{one['kind']:<7} {one['record']}  {one['situation']:<14} {one['reason']:<13} {until}")


@tasks.command()
@click.argument("record")
@by_option
@data_option
def look(record: str, by: int, data: Path) -> None:
    """Show the text of RECORD to a reviewer; the look is an entry of the ledger."""
    from upheld.security import tasks as room

    with house(data) as opened:
        found = room.look(opened, reader_of(opened, by), record)
    for name, value in found.fields.items():
        click.echo(f"{name:<14} {value}")


@tasks.command()
@click.argument("record")
@by_option
@data_option
def clear(record: str, by: int, data: Path) -> None:
    """Let the text of RECORD be read as any other: it tells nothing that was not asked for."""
    from upheld.security import tasks as room

    with house(data) as opened:
        room.clear(opened, reader_of(opened, by), record)
    click.echo(f"cleared {record}")


@tasks.command()
@click.argument("record")
@by_option
@data_option
def blank(record: str, by: int, data: Path) -> None:
    """Take the text out of RECORD for good; the rest stays."""
    from upheld.security import tasks as room

    with house(data) as opened:
        room.blank(opened, reader_of(opened, by), record)
    click.echo(f"blanked {record}")


@tasks.command()
@click.argument("record")
@click.option("--language", default="", help="Language in which the person was told.")
@by_option
@data_option
def informed(record: str, language: str, by: int, data: Path) -> None:
    """Write down that the person of RECORD was told of the data that came from somebody else."""
    from upheld.security import tasks as room

    with house(data) as opened:
        room.informed(opened, reader_of(opened, by).actor, record, language)
    click.echo(f"told {record}")
