"""staff and keys: who may read, what they were taught, and what programs may do."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import click

from upheld.cli_rooms.common import data_option, day, format_option, house, say_json
from upheld.cli_rooms.vaulting import rotate, status

_BY = click.option("--by", type=int, help="Staff number in whose name it is done.")


def _actor(by: int | None) -> str:
    """Name who acts; whoever holds the data folder may act without an account, as the first account must be made."""
    return f"staff:{by}" if by is not None else "svc:security"


@click.group()
def staff() -> None:
    """Manage who may read: add, grant, revoke, train, accept, link, list."""


@staff.command()
@click.argument("name")
@click.option("--number", type=int, help="A number of your own; the next free one if left out.")
@data_option
def add(name: str, number: int | None, data: Path) -> None:
    """Add an account for NAME; it may read nothing yet."""
    from upheld.security import staff as room

    with house(data) as opened:
        click.echo(f"staff number {room.add(opened, name, number=number).number}")


@staff.command()
@click.argument("number", type=int)
@click.argument("role")
@_BY
@data_option
def grant(number: int, role: str, by: int | None, data: Path) -> None:
    """Give account NUMBER a ROLE that the evidence names."""
    from upheld.security import staff as room

    with house(data) as opened:
        room.grant(opened, number, role, by=_actor(by))
    click.echo(f"granted {role} to {number}")


@staff.command()
@click.argument("number", type=int)
@click.argument("role")
@_BY
@data_option
def revoke(number: int, role: str, by: int | None, data: Path) -> None:
    """Take a ROLE from account NUMBER; the next read sees it."""
    from upheld.security import staff as room

    with house(data) as opened:
        room.revoke(opened, number, role, by=_actor(by))
    click.echo(f"revoked {role} from {number}")


@staff.command()
@click.argument("number", type=int)
@click.option("--on", "taken", type=day, metavar="YYYY-MM-DD", help="Day of the course; today if left out.")
@click.option("--until", type=day, metavar="YYYY-MM-DD", help="Last day it counts, where it is earlier than the policy's.")
@_BY
@data_option
def train(number: int, taken: date | None, until: date | None, by: int | None, data: Path) -> None:
    """Record that account NUMBER took the course the policy asks for."""
    from upheld.security import staff as room

    with house(data) as opened:
        done = room.train(opened, number, on=taken, until=until, by=_actor(by))
    click.echo(f"{done.course} counts until {done.trained_until}")


@staff.command()
@click.argument("number", type=int)
@data_option
def accept(number: int, data: Path) -> None:
    """Record that account NUMBER accepts the rules for handling in force."""
    from upheld.security import staff as room

    with house(data) as opened:
        rules = room.accept_rules(opened, number)
    click.echo(f"accepted rules version {rules.version} sha256={rules.hash}")


@staff.command()
@click.argument("number", type=int)
@click.option("--url", default="http://127.0.0.1:8000", show_default=True, help="Address of the server.")
@data_option
def link(number: int, url: str, data: Path) -> None:
    """Print a link that signs account NUMBER in to the console once, within fifteen minutes."""
    from upheld.security import staff as room

    with house(data) as opened:
        secret = room.make_link(opened, number)
    click.echo(f"{url.rstrip('/')}/console/sign-in/{secret}")


@staff.command("list")
@data_option
@format_option
def list_(data: Path, kind: str) -> None:
    """List accounts with roles, training and accepted rules."""
    from upheld.security import staff as room

    with house(data) as opened:
        rules = room.rules_today(opened.in_force())
        found = room.accounts(opened)
    rows: list[dict[str, Any]] = [
        {
            "number": one.number,
            "name": one.name,
            "roles": list(one.roles),
            "trained_until": one.trained_until.isoformat() if one.trained_until else None,
            "rules_accepted": rules is not None and one.accepted == rules,
        }
        for one in found
    ]
    if kind == "json":
        say_json(rows)
        return
    for row in rows:
        accepted = "accepted" if row["rules_accepted"] else "not accepted"
        roles = ",".join(row["roles"]) or "-"
        click.echo(f"{row['number']:>4}  {row['name']:<20} {roles:<24} {row['trained_until'] or '-':<10}  {accepted}")


@click.group()
def keys() -> None:
    """Manage keys: status, rotate, show, api."""


keys.add_command(status)
keys.add_command(rotate)


@keys.command()
@data_option
def show(data: Path) -> None:
    """Print the public keys that checkpoints and papers are checked with."""
    from upheld.retention.certificate import paper_signer

    with house(data) as opened:
        click.echo(f"ledger  {opened.ledger.vkey}\npapers  {paper_signer(opened).vkey()}")


@keys.group()
def api() -> None:
    """Manage the keys of programs: new, list, revoke."""


@api.command()
@click.option("--label", required=True, help="What the key is for.")
@click.option("--scope", "scopes", multiple=True, help="As read:respond, collect:event; several times.")
@click.option("--staff", "number", type=int, help="Bind the key to this account instead of scopes.")
@click.option("--days", type=int, default=90, show_default=True, help="How long it counts, at most 365.")
@_BY
@data_option
@format_option
def new(
    label: str, scopes: tuple[str, ...], number: int | None, days: int, by: int | None, data: Path, kind: str
) -> None:
    """Make a key and print it; it is shown this once."""
    from upheld.security import keys as room

    with house(data) as opened:
        made, text = room.make(opened, label=label, by=_actor(by), scopes=scopes, number=number, days=days)
    if kind == "json":
        say_json({"id": made.id, "key": text, "expires": made.expires_at.isoformat(timespec="seconds")})
    else:
        click.echo(text)
        click.echo(f"key {made.id} counts until {made.expires_at.date()}; it is not shown again", err=True)


@api.command("list")
@data_option
@format_option
def list_keys(data: Path, kind: str) -> None:
    """List keys without their secrets."""
    from upheld.security import keys as room

    with house(data) as opened:
        found = room.listed(opened)
    rows = [
        {
            "id": one.id,
            "label": one.label,
            "staff": one.staff,
            "scopes": list(one.scopes),
            "expires": one.expires_at.date().isoformat(),
            "revoked": one.revoked,
        }
        for one in found
    ]
    if kind == "json":
        say_json(rows)
        return
    for one in found:
        bound = f"staff {one.staff}" if one.staff is not None else " ".join(one.scopes)
        ends = "revoked" if one.revoked else str(one.expires_at.date())
        click.echo(f"{one.id}  {one.label:<20} {bound:<40} {ends}")


@api.command("revoke")
@click.argument("key_id", metavar="ID")
@_BY
@data_option
def revoke_key(key_id: str, by: int | None, data: Path) -> None:
    """End the key with this ID at once."""
    from upheld.security import keys as room

    with house(data) as opened:
        room.revoke(opened, key_id, by=_actor(by))
    click.echo(f"revoked {key_id}")
