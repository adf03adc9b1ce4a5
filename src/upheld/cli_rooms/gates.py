"""transfers: leave for one hop, on the command line."""

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
