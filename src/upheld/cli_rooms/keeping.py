"""plan, apply, relation: what is due, looked at before it goes."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import click

from upheld.cli_rooms.common import (
    FILE,
    CouldNotRunError,
    data_option,
    day,
    format_option,
    house,
    load_json,
    say_json,
)

REFUSED = 4
CHANGES = 3


@click.command()
@click.option("--out", type=FILE, help="Keep the plan in this file, for `upheld apply`.")
@click.option("--detailed-exitcode", is_flag=True, help="Leave with 3 when something would be erased.")
@data_option
@format_option
def plan(out: Path | None, detailed_exitcode: bool, data: Path, kind: str) -> None:
    """Show what would be erased today, by situation, and on what the plan rests; nothing is changed."""
    from upheld.db import canonical
    from upheld.retention import plan as make

    with house(data) as opened:
        opened.settle()
        made = make(opened)
    if out is not None:
        out.write_bytes(canonical(made.said()))
    if kind == "json":
        say_json(made.said())
    else:
        click.echo(f"policy {made.policy[:24]}…  day {made.on}  data as of ledger {made.size}")
        for action in made.actions:
            click.echo(f"  - {action['count']:>5}  {action['situation']:<16} {action['action']:<6} {action['clause']}")
        click.echo("nothing was changed." if made.deletes else "nothing is due.")
        if made.deletes and out is not None:
            click.echo(f"next: upheld apply {out} --approve-deletes {made.deletes}")
    raise click.exceptions.Exit(CHANGES if detailed_exitcode and made.deletes else 0)


@click.command()
@click.argument("file", type=FILE)
@click.option("--approve-deletes", type=int, required=True, help="The number of deletes the plan says.")
@click.option("--by", type=int, help="Staff number of who approves.")
@click.option("--certificate", type=FILE, help="Write the certificate here, as JSON.")
@data_option
@format_option
def apply(file: Path, approve_deletes: int, by: int | None, certificate: Path | None, data: Path, kind: str) -> None:
    """Carry out the plan in FILE, exactly as it was shown; leaves with 4 where anything has moved."""
    from upheld.retention import PlanError, read_plan
    from upheld.retention import apply as carry_out
    from upheld.retention.certificate import text_of
    from upheld.security import staff

    said = load_json(str(file))
    with house(data) as opened:
        if by is not None:
            with opened.store.read() as tx:
                staff.account(opened, tx, by)
        actor = f"staff:{by}" if by is not None else "svc:retention"
        try:
            done = carry_out(opened, read_plan(said), approve_deletes, actor=actor)
        except PlanError as error:
            told = error.diagnostic
            click.echo(f"refuse  {told.code}: {told.message}\nnext    {told.next}", err=True)
            raise click.exceptions.Exit(REFUSED) from None
    if certificate is not None:
        certificate.write_text(_json(done.certificate), "utf-8")
    counts = {"people": done.people, "records": done.records, "kept_by_law": done.kept_by_law}
    if kind == "json":
        say_json({**counts, "certificate": done.certificate})
    else:
        click.echo("  ".join(f"{name} {count}" for name, count in counts.items()))
        click.echo(text_of(done.certificate), nl=False)


def _json(value: object) -> str:
    import json

    return json.dumps(value, ensure_ascii=False, indent=1, sort_keys=True) + "\n"


@click.group()
def relation() -> None:
    """Tell how long contracts, accounts and applications run."""


@relation.command("end")
@click.argument("outside_id", metavar="ID")
@click.option("--kind", "kind_", type=click.Choice(["contract", "account", "application"]), default="contract",
              show_default=True, help="What ends.")  # fmt: skip
@click.option("--on", "last", type=day, required=True, metavar="YYYY-MM-DD", help="Its last day.")
@click.option("--by", type=int, help="Staff number of who says so.")
@data_option
def end(outside_id: str, kind_: str, last: date, by: int | None, data: Path) -> None:
    """Note the last day of the contract (or account, application) with this ID; its retention clock starts then."""
    from upheld.retention import end_relation
    from upheld.security import staff
    from upheld.web.refusals import Refusal

    with house(data) as opened:
        if by is not None:
            with opened.store.read() as tx:
                staff.account(opened, tx, by)
        try:
            done = end_relation(opened, kind_, outside_id, last, actor=f"staff:{by}" if by else "svc:retention")
        except Refusal:
            raise CouldNotRunError(f"nobody has this {kind_}") from None
    click.echo(f"{kind_} ends {last}  people {len(done)}")
