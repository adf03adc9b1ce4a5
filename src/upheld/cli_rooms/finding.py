"""records: looking somebody up, by identifier or by name, and two numbers that are one person."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from upheld.cli_rooms.common import by_option, data_option, format_option, house, reader_of, say_json

if TYPE_CHECKING:
    from upheld.notice import House


@click.group()
def records() -> None:
    """Find people and keep their numbers in order: find, persons, merge, confirm, decline, split."""


@records.command()
@click.option("--name", default="", help="A name or a part of it, for --purpose; `-` reads it from standard input.")
@click.option("--purpose", default="", help="For what a name is looked for.")
@click.option("--kind", "of", default="", help="The kind of an identifier, as email, phone or user_id; with --value.")
@click.option("--value", default="", help="The identifier; `-` reads it from standard input.")
@by_option
@data_option
@format_option
def find(name: str, purpose: str, of: str, value: str, by: int, data: Path, kind: str) -> None:
    """Find people by one identifier, or by name among the records that may be read for a purpose; an entry says so."""
    from upheld.security.searching import find_identifier, find_name

    if bool(name) == bool(of) or bool(name) != bool(purpose) or bool(of) != bool(value):
        raise click.UsageError("look by --name with --purpose, or by --kind with --value")
    told = name or value
    text = sys.stdin.readline().strip() if told == "-" else told
    with house(data) as opened:
        if of:
            subject = find_identifier(opened, by, of, text)
            if kind == "json":
                say_json({"subject": subject})
            else:
                click.echo(subject)
            return
        found = find_name(opened, reader_of(opened, by), text, purpose)
    if kind == "json":
        hits = [{"subject": one.subject, "record": one.record, "situation": one.situation, "name": one.shown} for one in found.hits]
        say_json({"found": hits, "people": found.people, "more": found.more, "entry": found.entry})
        return
    for one in found.hits:
        click.echo(f"{one.subject}  {one.situation:<16} {one.shown}")
    rest = "; more than these, type more of it" if found.more else ""
    click.echo(f"{len(found.hits)} found among {found.people} people{rest}")


@records.command()
@data_option
@format_option
def persons(data: Path, kind: str) -> None:
    """List proposals that two numbers are one person, which wait for somebody else."""
    from upheld.security.persons import waiting

    with house(data) as opened:
        found = waiting(opened)
    if kind == "json":
        say_json([
            {"id": one.id, "subjects": list(one.subjects), "reason": one.reason, "by": one.by,
             "at": one.at.isoformat(timespec="seconds")}
            for one in found
        ])  # fmt: skip
        return
    for one in found:
        click.echo(f"{one.id}  {one.subjects[0]}  {one.subjects[1]}  {one.reason}  {one.by}")
    if not found:
        click.echo("nothing waits")


@records.command()
@click.option("--subject", required=True, help="One number of the person.")
@click.option("--other", required=True, help="The other number.")
@click.option("--reason", required=True, help="person_said, identifier_changed, same_contract or entered_twice.")
@by_option
@data_option
def merge(subject: str, other: str, reason: str, by: int, data: Path) -> None:
    """Propose that two numbers are one person; somebody else confirms it."""
    from upheld.security.persons import propose

    with house(data) as opened:
        click.echo(propose(opened, _number(opened, subject), _number(opened, other), reason=reason, by=by))


@records.command()
@click.argument("proposal", metavar="ID")
@by_option
@data_option
def confirm(proposal: str, by: int, data: Path) -> None:
    """Make the two of a proposal one person; not by whoever proposed it."""
    from upheld.security import persons as room

    with house(data) as opened:
        one, other = room.confirm(opened, proposal, by=by)
    click.echo(f"{one} and {other} are one person")


@records.command()
@click.argument("proposal", metavar="ID")
@by_option
@data_option
def decline(proposal: str, by: int, data: Path) -> None:
    """Put a proposal aside."""
    from upheld.security import persons as room

    with house(data) as opened:
        room.decline(opened, proposal, by=by)
    click.echo(f"declined {proposal}")


@records.command()
@click.option("--subject", required=True, help="The number to take out.")
@by_option
@data_option
def split(subject: str, by: int, data: Path) -> None:
    """Take a number out of the person it was merged into; each has again what was its own."""
    from upheld.security import persons as room

    with house(data) as opened:
        others = room.split(opened, _number(opened, subject), by=by)
    click.echo(f"{subject} is no longer one with {', '.join(others)}")


def _number(opened: House, told: str) -> bytes:
    from upheld.security.finding import person_of
    from upheld.web.refusals import Refusal

    found = person_of(opened, told, {})
    if found is None:
        raise Refusal("not_found", "security.organisational")
    return found
