"""publish, collect, read, audience: the walk of a datum, on the command line."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

import click

from upheld.cli_rooms.common import (
    FILE,
    FOLDER,
    CouldNotRunError,
    by_option,
    data_option,
    day,
    format_option,
    house,
    load_json,
    person,
    reader_of,
    say_json,
)


@click.command()
@click.option("--policy", type=FOLDER, default=Path(), envvar="UPHELD_POLICY", help="The policy folder.")
@click.option("--as-of", type=day, metavar="YYYY-MM-DD", help="The day to check for; today if left out.")
@data_option
@format_option
def publish(policy: Path, as_of: date | None, data: Path, kind: str) -> None:
    """Put a checked policy folder in force: page, forms and gates switch at one instant.

    Leaves with 1 and the findings where something stops it.
    """
    from upheld.amendment import publish as put

    if not policy.is_dir():
        raise CouldNotRunError(f"there is no folder {policy}")
    with house(data, begin=True) as opened:
        done = put(opened, policy, as_of=as_of)
        published = done.published
    if kind == "json":
        say_json({
            "version": published.version,
            "promise": published.policy.promise_hash,
            "kind": done.kind,
            "class": done.diff_class,
            "effective_from": published.effective_from.isoformat(timespec="seconds"),
        })  # fmt: skip
        return
    what = {"version": "published", "evidence": "evidence renewed for", "nothing": "unchanged"}[done.kind]
    click.echo(f"{what} version {published.version} sha256={published.policy.promise_hash}")
    if done.diff_class:
        click.echo(f"class    {done.diff_class}")
    click.echo(f"in force since {published.effective_from.isoformat(timespec='seconds')}")


@click.command()
@click.argument("situation")
@click.option("--json", "source", metavar="FILE", help="What one person hands in, as for the API; - for stdin.")
@click.option("--language", default="", help="Language of the act.")
@click.option("--shown", is_flag=True, help="You showed the person the notice of the situation just now.")
@click.option("--script", type=int, metavar="NUMBER", help="Staff number of who told the purposes aloud.")
@click.option("--csv", type=FILE, help="Many people from a CSV file; its first line names the columns.")
@click.option("--parquet", type=FILE, help="Many people from a Parquet file (extra `bulk`).")
@click.option("--encoding", type=click.Choice(["utf-8", "cp932", "euc_jp"]), default="utf-8", help="Of the CSV file.")
@click.option("--source", "giver", default="", help="Who gave the file: the name.")
@click.option("--source-address", "address", default="", help="Their address.")
@click.option("--source-representative", "representative", default="", help="Who represents them.")
@click.option("--source-acquired", "acquired", default="", help="How they came by the data.")
@click.option("--by", type=int, help="Staff number in whose name a file is taken in.")
@click.option("--stop", is_flag=True, help="Look at nothing behind the first faulty row.")
@click.option("--dry-run", "dry", is_flag=True, help="Judge every row of a file and store nothing.")
@click.option("--report", type=FILE, help="Write row, code and field of each fault here: .json, or .csv.")
@data_option
@format_option
def collect(
    situation: str, source: str | None, csv: Path | None, parquet: Path | None, data: Path, kind: str, **more: Any
) -> None:
    """Store what people gave in SITUATION, through the same gate as the form: one person, or a file of many.

    The JSON has `fields` and may have `country`, `consents`, `subtype`, `relation`, `visitor`, `notice_receipt`. A
    file has a column for each field, and may have `country`, `subtype`, `relation`, `visitor`; whoever gave it is
    confirmed with --source and the options after it. Leaves with 1 where a row was not stored.
    """
    from upheld.cli_rooms.bulk import take_file

    given = [one for one in (source, csv, parquet) if one is not None]
    if len(given) != 1:
        raise click.UsageError("give one of --json, --csv, --parquet")
    if source is None:
        take_file(situation, csv or parquet or Path(), "csv" if csv else "parquet", data, kind, **more)
    else:
        _one(situation, source, more["language"], more["shown"], more["script"], data, kind)


def _one(
    situation: str, source: str, language: str, shown: bool, script: int | None, data: Path, kind: str
) -> None:
    from upheld.collection import actions
    from upheld.collection.model import Script, Submission

    told = load_json(source)
    if not isinstance(told, dict) or not isinstance(told.get("fields"), dict):
        raise CouldNotRunError(f"{source} has no member `fields`")
    with house(data) as opened:
        policy = opened.in_force().policy
        handed = Submission(
            fields=told["fields"],
            country=str(told.get("country", "")),
            subtype=str(told.get("subtype", "")),
            consents=tuple(told.get("consents", ())),
            lang=language or told.get("language"),
            visitor=str(told.get("visitor", "")),
            relation=str(told.get("relation", "")),
        )
        receipt = told.get("notice_receipt")
        if shown and receipt is None and situation in policy.situations:
            receipt = _show(opened, situation, handed.lang)
        if script is not None:
            reader_of(opened, script)
        spoken = Script(policy.version, f"staff:{script}") if script is not None else None
        done = actions.collect(
            opened, situation, handed, notice_receipt=receipt, script=spoken, idempotency_key=told.get("idempotency_key")
        )
    answer = done.answer()
    say_json(answer) if kind == "json" else _lines(answer)


def _show(opened: Any, situation: str, lang: str | None) -> str:
    """Make the receipt of a notice that the caller says was shown now; printed on stderr, so that it can be shown."""
    published = opened.in_force()
    policy = published.policy
    spoken = lang if lang in policy.languages else policy.languages[0]
    found = policy.situations[situation]
    for stated in found.purposes:
        click.echo(f"{stated.purpose}  {policy.purposes[stated.purpose].text.get(spoken, '')}", err=True)
    return str(opened.notices.receipt(opened.notices.snapshot_of(published, opened.law, found, spoken)))


def _lines(answer: dict[str, Any]) -> None:
    for name, value in answer.items():
        click.echo(f"{name:<15} {value}")


@click.command()
@click.option("--purpose", required=True, help="Purpose the data is read for.")
@click.option("--field", "fields", multiple=True, help="A field; several times. All the purpose may use if left out.")
@click.option("--email", default="", help="E-mail address of the person.")
@click.option("--subject", default="", help="Number of the person in the store.")
@click.option("--record", default="", help="One record only.")
@click.option("--contract", default="", help="The contract the use is for.")
@click.option("--part", default="", help="One part of the purpose.")
@click.option("--approver", type=int, help="Staff number of who approved a read of restricted data for legal claims.")
@click.option("--view", type=click.Choice(["raw", "masked", "redacted"]), help="How much of each value; all you may see if left out.")
@by_option
@data_option
@format_option
def read(
    purpose: str, fields: tuple[str, ...], email: str, subject: str, record: str, contract: str, part: str,
    approver: int | None, view: str | None, by: int, data: Path, kind: str,
) -> None:  # fmt: skip
    """Read fields of one person for a purpose, as a member of staff; each read is an entry of the ledger."""
    from upheld.security import actions
    from upheld.security.web import reading_said

    ref, identifier = person(email, subject)
    with house(data) as opened:
        found = actions.read(
            opened,
            reader_of(opened, by),
            subject=ref,
            identifier=identifier,
            purpose=purpose,
            fields=fields,
            record=record,
            contract_id=contract,
            part=part,
            approver=approver,
            view=view,
        )
    if kind == "json":
        say_json(reading_said(found))
        return
    for one in found.records:
        click.echo(f"{one.situation}  version {one.policy_version}  {one.collected_at.isoformat(timespec='seconds')}")
        for name, value in one.fields.items():
            click.echo(f"  {name:<14} {value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)}")


@click.command()
@click.option("--purpose", required=True, help="Purpose of the audience.")
@click.option("--situation", "situations", multiple=True, help="Only these situations; several times.")
@click.option("--channel", type=click.Choice(["email"]), default=None, help="Only who can be met this way.")
@click.option("--group", type=click.Choice(["month", "situation", "origin"]), default=None, help="Totals by this.")
@click.option(
    "--format", "kind", type=click.Choice(["ndjson", "csv", "parquet"]), default="ndjson", show_default=True,
    help="How lines are written.",
)  # fmt: skip
@click.option("--out", type=FILE, help="Write here instead of to stdout; needed for Parquet.")
@by_option
@data_option
def audience(
    purpose: str, situations: tuple[str, ...], channel: str | None, group: str | None, kind: str, out: Path | None,
    by: int, data: Path,
) -> None:  # fmt: skip
    """List who may be met for a purpose: one JSON object a line, the first the summary; or CSV, or Parquet."""
    from upheld.security.audience import audience as ask
    from upheld.security.candidates import Wanted
    from upheld.security.lines import written

    if kind == "parquet" and out is None:
        raise click.UsageError("--format parquet needs --out")
    with house(data) as opened:
        found = ask(opened, reader_of(opened, by), Wanted(purpose, situations, channel or "", group or ""))
        if out is None:
            for piece in written(found, kind):
                click.echo(piece, nl=False)
            return
        with out.open("wb") as stream:
            stream.writelines(written(found, kind))
        click.echo(json.dumps(found.summary, ensure_ascii=False))
