"""consent and basis: what people said of a purpose, and what staff decide about it."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from upheld.cli_rooms.common import by_option, data_option, day, format_option, house, person, say_json

if TYPE_CHECKING:
    from collections.abc import Callable

    from upheld.notice import House


def person_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add `--email` and `--subject` to a command."""
    command = click.option("--subject", default="", help="The person, by the number that collecting answered with.")(command)
    return click.option("--email", default="", help="The person, by e-mail address.")(command)


def who(opened: House, email: str, subject: str) -> bytes:
    """Find the person that the options name; raises Refusal `not_found`."""
    from upheld.security.finding import person_of
    from upheld.web.refusals import Refusal

    number, identifier = person(email, subject)
    found = person_of(opened, number, identifier or {})
    if found is None:
        raise Refusal("not_found", "security.technical.access")
    return found


def _actor(opened: House, by: int) -> str:
    from upheld.security.actions import acting

    return acting(opened, by)


@click.group()
def consent() -> None:
    """Show, export, request and end consents: show, export, say, link, expire."""


@consent.command()
@person_options
@by_option
@data_option
@format_option
def show(email: str, subject: str, by: int, data: Path, kind: str) -> None:
    """Show every statement a person ever made, oldest first, and how each purpose stands."""
    from upheld.basis.actions import standings_of
    from upheld.basis.history import lines_of

    with house(data) as opened:
        _actor(opened, by)
        found = who(opened, email, subject)
        with opened.store.read() as tx:
            lines, states = lines_of(opened, tx, found), standings_of(opened, tx, found)
    events = sorted((one for line in lines for one in line.events), key=lambda one: one.entry_id)
    if kind == "json":
        said = [{"at": one.at.isoformat(timespec="milliseconds"), "purpose": one.purpose, "state": one.state,
                 "policy_version": one.policy_version, "language": one.lang, "how": one.how} for one in events]  # fmt: skip
        say_json({"standing": dict(states), "events": said})
        return
    for one in events:
        click.echo(f"{one.at:%Y-%m-%d %H:%M:%S}Z  {one.purpose:<28} {one.state:<16} version {one.policy_version}  {one.how}")
    for name, state in states.items():
        click.echo(f"stands  {name:<34} {state}")


@consent.command()
@person_options
@by_option
@data_option
@click.option("--format", "form", type=click.Choice(["json", "jsonld", "kantara"]), default="json", show_default=True,
              help="ISO/IEC TS 27560 as JSON or JSON-LD, or a Kantara receipt.")  # fmt: skip
def export(email: str, subject: str, by: int, data: Path, form: str) -> None:
    """Print a person's consents as a record that other systems read."""
    from upheld.basis.export import as_format
    from upheld.security.bases import consents_of

    with house(data) as opened:
        _actor(opened, by)
        told = as_format(consents_of(opened, who(opened, email, subject)), form)
    say_json(told)


@consent.command()
@click.argument("purpose")
@click.argument("action", type=click.Choice(["refuse", "defer", "withdraw", "object", "request", "revoke", "invalidate"]))
@person_options
@by_option
@data_option
def say(purpose: str, action: str, email: str, subject: str, by: int, data: Path) -> None:
    """Write down what a person said of PURPOSE, or what we say of their consent; a yes needs the notice, on a page."""
    from upheld.basis.actions import state_choice

    with house(data) as opened:
        actor = _actor(opened, by)
        done = state_choice(opened, who(opened, email, subject), purpose, action, how="staff", actor=actor)
    click.echo(f"{done.purpose} {done.state}{'' if done.changed else ' (as before)'}")


@consent.command()
@click.argument("purpose")
@person_options
@click.option("--url", default="http://127.0.0.1:8000", show_default=True, help="Address of the server.")
@by_option
@data_option
def link(purpose: str, email: str, subject: str, url: str, by: int, data: Path) -> None:
    """Print the withdrawal link of a person for PURPOSE, as the foot of a mail carries it."""
    from upheld.basis import tickets

    with house(data) as opened:
        _actor(opened, by)
        word = tickets.make(opened, who(opened, email, subject), purpose)
    click.echo(f"{url.rstrip('/')}/consent/withdraw/{word}")


@consent.command()
@data_option
def expire(data: Path) -> None:
    """Write down each consent whose own last day is past."""
    from upheld.basis.actions import expire_ended

    with house(data) as opened:
        click.echo(f"{expire_ended(opened)} consents expired")


@click.group()
def basis() -> None:
    """Weigh objections, stop use, prove a basis: tasks, decide, stop, lift, assess, oblige."""


@basis.command()
@data_option
@format_option
def tasks(data: Path, kind: str) -> None:
    """List the objections that wait to be weighed."""
    from upheld.basis.stops import open_tasks
    from upheld.db import b64

    with house(data) as opened:
        rows = [{"subject": b64(one.subject), "purpose": one.purpose, "since": one.since.isoformat(timespec="seconds")}
                for one in open_tasks(opened)]  # fmt: skip
    if kind == "json":
        say_json(rows)
        return
    for row in rows:
        click.echo(f"{row['since']}  {row['subject']}  {row['purpose']}")
    if not rows:
        click.echo("no objection waits")


@basis.command()
@click.argument("purpose")
@click.argument("result", type=click.Choice(["compelling_grounds", "upheld"]))
@click.option("--reason", required=True, help="Why; kept with the decision, under the person's own key.")
@person_options
@by_option
@data_option
def decide(purpose: str, result: str, reason: str, email: str, subject: str, by: int, data: Path) -> None:
    """Decide the objection of a person to PURPOSE, and print the id of the decision."""
    from upheld.basis.stops import decide_objection
    from upheld.db import b64

    with house(data) as opened:
        actor = _actor(opened, by)
        entry = decide_objection(opened, who(opened, email, subject), purpose, result, reason=reason, by=actor)
    click.echo(f"decision {b64(entry)}")


_STOPS = click.Choice(["restricted", "use_ceased", "provision_stopped"])
_PURPOSE = click.option("--purpose", default="*", help="One purpose or part; all of them if left out.")


@basis.command()
@click.argument("mark", metavar="STOP", type=_STOPS)
@click.option("--ground", required=True, help="The ground in law, as accuracy_contested or no_longer_needed.")
@_PURPOSE
@person_options
@by_option
@data_option
def stop(mark: str, ground: str, purpose: str, email: str, subject: str, by: int, data: Path) -> None:
    """Set STOP for a person: restricted, use_ceased or provision_stopped."""
    from upheld.basis import stops

    with house(data) as opened:
        actor = _actor(opened, by)
        done = stops.stop(opened, who(opened, email, subject), mark, ground=ground, by=actor, purpose=purpose)
    click.echo(f"{mark} {'set' if done else 'was set before'}")


@basis.command()
@click.argument("mark", metavar="STOP", type=_STOPS)
@click.option("--told", type=day, metavar="YYYY-MM-DD", help="The day on which the person was told.")
@_PURPOSE
@person_options
@by_option
@data_option
def lift(mark: str, told: date | None, purpose: str, email: str, subject: str, by: int, data: Path) -> None:
    """Lift STOP, after the person was told."""
    from upheld.basis import stops

    with house(data) as opened:
        actor = _actor(opened, by)
        done = stops.lift(opened, who(opened, email, subject), mark, told=told, by=actor, purpose=purpose)
    click.echo(f"{mark} {'lifted' if done else 'was not set'}")


@basis.command()
@click.argument("purpose")
@click.argument("interest")
@click.option("--reference", required=True, help="Where the document lies.")
@click.option("--sha256", default="", help="Hash of the document.")
@by_option
@data_option
def assess(purpose: str, interest: str, reference: str, sha256: str, by: int, data: Path) -> None:
    """Put a balancing test for PURPOSE on file, of one of the policy's INTERESTs."""
    from upheld.basis.grounds import record_assessment
    from upheld.db import b64

    with house(data) as opened:
        actor = _actor(opened, by)
        entry = record_assessment(opened, purpose, interest, reference=reference, sha256=sha256, by=actor)
    click.echo(f"assessment {b64(entry)}")


@basis.command()
@click.argument("purpose")
@click.argument("statute")
@person_options
@by_option
@data_option
def oblige(purpose: str, statute: str, email: str, subject: str, by: int, data: Path) -> None:
    """Name the STATUTE on which a person's data rest for PURPOSE."""
    from upheld.basis.grounds import name_statute
    from upheld.db import b64

    with house(data) as opened:
        actor = _actor(opened, by)
        entry = name_statute(opened, who(opened, email, subject), purpose, statute, by=actor)
    click.echo(f"obligation {b64(entry)}")
