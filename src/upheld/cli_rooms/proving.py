"""ledger: verify and prove what happened."""

from __future__ import annotations

import json
from pathlib import Path

import click

from upheld.cli_rooms.common import FILE, data_option, format_option, house, load_json, say_json
from upheld.cli_rooms.witnessing import witness


@click.group()
def ledger() -> None:
    """Verify, prove and explain what happened: verify, explain, proof, consistency, checkpoint, receipt, witness."""


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
@click.argument("named", metavar="N")
@data_option
@format_option
def explain(named: str, data: Path, kind: str) -> None:
    """Say what entry N is and on what it rested at that moment; N is its number, or its id as answers give it."""
    from upheld.security.explain import explain as explained
    from upheld.security.explain import in_lines

    with house(data) as opened:
        told = explained(opened, int(named) if named.isdecimal() else named)
    if kind == "json":
        say_json(told)
    else:
        click.echo("\n".join(in_lines(told)))


@ledger.command()
@click.argument("n", type=int)
@data_option
def proof(n: int, data: Path) -> None:
    """Print entry N with the proof that the newest checkpoint holds it, as JSON."""
    from upheld.db import b64
    from upheld.ledger.model import EntryUnknownError
    from upheld.ledger.reading import leaf_of

    with house(data) as opened:
        opened.settle()
        signed = opened.ledger.checkpoint()
        if not 0 <= n < signed.size:
            raise EntryUnknownError
        (entry,) = opened.ledger.entries_since(n, 1)
        steps = opened.ledger.prove_inclusion(n, signed.size)
    told = {"n": n, "leaf": leaf_of(entry).decode(), "proof": [b64(one) for one in steps]}
    say_json({**told, "checkpoint": signed.note})


@ledger.command()
@click.argument("old", type=int)
@click.argument("new", type=int, required=False)
@data_option
def consistency(old: int, new: int | None, data: Path) -> None:
    """Print the proof that the first OLD entries stand unchanged in the first NEW (default: all signed), as JSON."""
    from upheld.db import b64

    with house(data) as opened:
        opened.settle()
        signed = opened.ledger.checkpoint() if new is None else opened.ledger.checkpoint_of(new)
        size = signed.size if new is None and signed else new
        steps = opened.ledger.prove_consistency(old, size)
    told = {"old": old, "new": size, "proof": [b64(one) for one in steps]}
    say_json({**told, **({"checkpoint": signed.note} if signed else {})})


@ledger.command()
@data_option
def checkpoint(data: Path) -> None:
    """Print the newest signed checkpoint."""
    with house(data) as opened:
        opened.settle()
        note = opened.ledger.checkpoint().note
    click.echo(note, nl=False)


@ledger.command()
@click.argument("number")
@data_option
def receipt(number: str, data: Path) -> None:
    """Print the ledger receipt of NUMBER, an entry's id or a person's receipt number: all that checks it offline."""
    from upheld.basis import receipts
    from upheld.cli_rooms.common import CouldNotRunError
    from upheld.db import unb64
    from upheld.ledger.model import EntryUnknownError

    try:
        wanted = unb64(number)
    except ValueError:
        raise CouldNotRunError("an entry or a receipt is named by its number, as answers give it") from None
    with house(data) as opened:
        opened.settle()
        try:
            told = opened.ledger.receipt(wanted)
        except EntryUnknownError:
            told = opened.ledger.receipt(receipts.find(opened, number, "en").entry.id)
    click.echo(json.dumps(told, ensure_ascii=False, indent=1))


ledger.add_command(witness)
