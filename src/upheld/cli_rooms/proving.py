"""ledger: verify and prove what happened."""

from __future__ import annotations

import json
from pathlib import Path

import click

from upheld.cli_rooms.common import FILE, data_option, format_option, house, load_json, say_json


@click.group()
def ledger() -> None:
    """Verify and prove what happened: verify, proof, checkpoint, receipt."""


@ledger.command()
@click.option("--since", type=int, default=0, help="Open bodies from this position on only.")
@click.option("--receipt", type=FILE, help="Check one receipt offline instead; needs --key.")
@click.option("--key", help="The ledger's key, as `upheld keys show` prints it.")
@data_option
@format_option
def verify(since: int, receipt: Path | None, key: str | None, data: Path, kind: str) -> None:
    """Check the whole ledger against itself and its signatures; leaves with 1 and the first bad position.

    With --receipt nothing but the receipt and the key is looked at.
    """
    if receipt is not None:
        _receipt(receipt, key, kind)
        return
    with house(data) as opened:
        size = opened.ledger.health().size
        found = opened.ledger.verify(since)
    if kind == "json":
        rows = [{"position": one.position, "code": one.code, "detail": one.detail} for one in found]
        say_json({"size": size, "good": not found, "findings": rows})
    elif found:
        click.echo(f"bad  first bad position {found[0].position}")
        for one in found:
            click.echo(f"  {one.position:>8}  {one.code:<20} {one.detail}")
    else:
        click.echo(f"good  {size} entries")
    raise click.exceptions.Exit(1 if found else 0)


def _receipt(file: Path, key: str | None, kind: str) -> None:
    from upheld.ledger import verify_receipt

    if not key:
        raise click.UsageError("a receipt is checked against --key")
    proven = verify_receipt(load_json(str(file)), key)
    told = {
        "n": proven.n,
        "kind": proven.kind,
        "clause": proven.clause,
        "policy_version": proven.policy_version,
        "at": proven.at.isoformat(timespec="milliseconds"),
        "origin": proven.origin,
        "size": proven.size,
        "body": dict(proven.body),
    }
    if kind == "json":
        say_json(told)
    else:
        click.echo(f"good  {proven.kind}  {told['at']}  entry {proven.n} of {proven.size}  {proven.origin}")


@ledger.command()
@click.argument("n", type=int)
@data_option
def proof(n: int, data: Path) -> None:
    """Print entry N with the proof that the newest checkpoint holds it, as JSON."""
    from upheld.ledger.reading import leaf_of
    from upheld.web.refusals import Refusal

    with house(data) as opened:
        signed = opened.ledger.checkpoint()
        if not 0 <= n < signed.size:
            raise Refusal("not_found", "security.technical")
        (entry,) = opened.ledger.entries_since(n, 1)
        steps = opened.ledger.prove_inclusion(n, signed.size)
        leaf = leaf_of(entry).decode()
    say_json({"n": n, "leaf": leaf, "proof": [one.hex() for one in steps], "checkpoint": signed.note})


@ledger.command()
@data_option
def checkpoint(data: Path) -> None:
    """Print the newest signed checkpoint."""
    with house(data) as opened:
        opened.settle()
        note = opened.ledger.checkpoint().note
    click.echo(note, nl=False)


@ledger.command()
@click.argument("entry")
@data_option
def receipt(entry: str, data: Path) -> None:
    """Print the receipt of ENTRY: all a person needs to check it offline."""
    from upheld.cli_rooms.common import CouldNotRunError
    from upheld.db import unb64

    try:
        wanted = unb64(entry)
    except ValueError:
        raise CouldNotRunError("an entry is named by its id, as answers give it") from None
    with house(data) as opened:
        opened.settle()
        told = opened.ledger.receipt(wanted)
    click.echo(json.dumps(told, ensure_ascii=False, indent=1))
