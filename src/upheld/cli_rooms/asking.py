"""request: what people ask for with a right, from arrival to handing over."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from upheld.cli_rooms.common import FOLDER, by_option, data_option, format_option, house, person, say_json

if TYPE_CHECKING:
    from upheld.notice import House
    from upheld.rights.model import Request


@click.group()
def request() -> None:
    """Handle what people ask for: new, list, show, identify, paid, approve, refuse, deliver, verify."""


@request.command()
@click.argument("right")
@click.option("--residence", required=True, help="Country the person lives in, as DE.")
@click.option("--email", default="", help="E-mail address of the person.")
@click.option("--subject", default="", help="Number of the person in the store.")
@click.option("--lang", default="", help="Language of the person.")
@click.option("--purpose", "purposes", multiple=True, help="Purpose withdrawn or objected to; several times.")
@data_option
@format_option
def new(
    right: str, residence: str, email: str, subject: str, lang: str, purposes: tuple[str, ...], data: Path, kind: str
) -> None:
    """Take in a request with RIGHT; it gets a number and a last day."""
    from upheld.rights import receive

    ref, identifier = person(email, subject)
    with house(data) as opened:
        made = receive(
            opened, right=right, residence=residence, subject=ref, identifier=identifier, lang=lang, purposes=purposes
        )
        _tell(opened, made, kind)


@request.command("list")
@click.option("--all", "every", is_flag=True, help="Closed ones too.")
@data_option
@format_option
def list_(every: bool, data: Path, kind: str) -> None:
    """List requests, the one due first first."""
    from upheld.rights import listed
    from upheld.rights.web import request_said

    with house(data) as opened:
        found = listed(opened, only_open=not every)
    if kind == "json":
        say_json([request_said(one, one.lang) for one in found])
        return
    for one in found:
        click.echo(f"{one.number:<14} {one.right:<20} {one.regime:<5} {one.state:<16} {one.due or '-'}")


@request.command()
@click.argument("number")
@data_option
@format_option
def show(number: str, data: Path, kind: str) -> None:
    """Show where request NUMBER stands; for an erasure what it would take, for a refusal its letters."""
    from upheld.rights import get

    with house(data) as opened:
        _tell(opened, get(opened, number), kind, whole=True)


@request.command()
@click.argument("number")
@by_option
@data_option
@format_option
def identify(number: str, by: int, data: Path, kind: str) -> None:
    """Record that it is sure whose request NUMBER is."""
    from upheld.rights import identify as note

    with house(data) as opened:
        _tell(opened, note(opened, number, by=by), kind)


@request.command()
@click.argument("number")
@by_option
@data_option
@format_option
def paid(number: str, by: int, data: Path, kind: str) -> None:
    """Record that the fee of request NUMBER was paid."""
    from upheld.rights import paid as note

    with house(data) as opened:
        _tell(opened, note(opened, number, by=by), kind)


@request.command()
@click.argument("number")
@click.option("--ground", default="", help="Why use stops, as accuracy_contested; for a restriction and its like.")
@by_option
@data_option
@format_option
def approve(number: str, ground: str, by: int, data: Path, kind: str) -> None:
    """Carry out what request NUMBER asks for, approved in the name of a member of staff.

    An erasure is done here and prints its certificate; a restriction is set here; access is then ready to be delivered.
    """
    from upheld.rights import approve as decide
    from upheld.rights import get
    from upheld.rights.actions import resume

    with house(data) as opened:
        if get(opened, number).state == "searching":
            done = resume(opened, number, by=by)
        else:
            done = decide(opened, number, by=by, ground=ground)
        _tell(opened, done, kind, whole=True)


@request.command()
@click.argument("number")
@click.argument("ground")
@by_option
@data_option
@format_option
def refuse(number: str, ground: str, by: int, data: Path, kind: str) -> None:
    """Refuse request NUMBER on a GROUND that the policy names, and print the letters."""
    from upheld.rights import refuse as decide

    with house(data) as opened:
        _tell(opened, decide(opened, number, ground, by=by), kind, whole=True)


@request.command()
@click.argument("number")
@click.option("--out", type=FOLDER, help="A new folder for what is handed over.")
@click.option(
    "--enclose", "enclosed", multiple=True, type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="A copy that goes with the details of safeguards, prices and secrets blacked out; several times.",
)
@by_option
@data_option
@format_option
def deliver(number: str, out: Path | None, enclosed: tuple[Path, ...], by: int, data: Path, kind: str) -> None:
    """Write what request NUMBER asked for into a folder, and close the request."""
    from upheld.rights import get, hand_over

    with house(data) as opened:
        _write(opened, get(opened, number), out, by, enclosed)
        _tell(opened, hand_over(opened, number, by=by), kind)


@request.command()
@click.argument("folder", type=FOLDER)
@click.option("--key", help="The key that must have signed, as `upheld keys show` prints it.")
def verify(folder: Path, key: str | None) -> None:
    """Check a delivered package offline: signature, and every file against the manifest."""
    from upheld.rights.package import verify as check

    found = check(folder, key)
    told = "" if key else "  (key taken from the package itself; give --key to be sure who signed)"
    click.echo(f"good  {found.number}  {found.files} files{told}")


def _write(opened: House, asked: Request, out: Path | None, by: int, enclosed: tuple[Path, ...]) -> None:
    from upheld.retention.certificate import text_of
    from upheld.rights.letters import letters
    from upheld.rights.package import build
    from upheld.rights.protection import RIGHT, hand_out

    if enclosed and asked.right != RIGHT:
        raise click.UsageError(f"only the answer to {RIGHT} has copies enclosed")
    if asked.state == "ready" and asked.right in {"access", RIGHT}:
        if out is None:
            raise click.UsageError(f"{asked.right} is handed over as a folder: --out FOLDER")
        try:
            if asked.right == RIGHT:
                hand_out(opened, asked.number, out, by=by, enclosed=enclosed)
            else:
                build(opened, asked.number, out, by=by)
        except FileExistsError:
            raise click.UsageError(f"{out} holds something; name a new folder") from None
        return
    if out is None:
        return
    out.mkdir(parents=True, exist_ok=True)
    if asked.certificate:
        text = json.dumps(asked.certificate, ensure_ascii=False, indent=1, sort_keys=True) + "\n"
        (out / "certificate.json").write_text(text, "utf-8")
        (out / "certificate.txt").write_text(text_of(asked.certificate), "utf-8")
    if asked.ground:
        for lang, letter in letters(opened, asked).items():
            (out / f"letter.{lang}.txt").write_text(letter, "utf-8")


def _tell(opened: House, asked: Request, kind: str, *, whole: bool = False) -> None:
    """Print a request; `whole` adds plan, letters and certificate."""
    from upheld.retention.certificate import text_of
    from upheld.rights.actions import plan_of
    from upheld.rights.letters import letters
    from upheld.rights.web import request_said

    told: dict[str, Any] = request_said(asked, "en")
    if whole and asked.right == "erasure" and not asked.certificate and asked.open:
        told["plan"] = plan_of(opened, asked.number).said()
    if whole and asked.ground:
        told["letters"] = letters(opened, asked)
    if whole and asked.certificate:
        told["certificate"] = dict(asked.certificate)
    if kind == "json":
        say_json(told)
        return
    fee = f"  fee {asked.total} yen" if asked.total else ""
    click.echo(f"{asked.number}  {asked.right}  {asked.regime}  {asked.state}  answer by {asked.due or '-'}{fee}")
    click.echo(told["said"])
    if "plan" in told:
        plan = told["plan"]
        click.echo("would erase  " + ("  ".join(f"{k} {v}" for k, v in plan["records"].items()) or "nothing found"))
        for one in plan["stays"]:
            click.echo(f"stays        {one['situation']} {', '.join(one['fields'])}: {one['statute']} {one['until']}")
        if plan["refused"]:
            click.echo(f"would be refused: {plan['refused']}")
    for letter in told.get("letters", {}).values():
        click.echo("\n" + letter, nl=False)
    if "certificate" in told:
        click.echo("\n" + text_of(told["certificate"]), nl=False)
