"""collect --csv, --parquet: many people from one file, on the command line."""

from __future__ import annotations

import contextlib
import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from upheld.cli_rooms.common import CouldNotRunError, house, reader_of

if TYPE_CHECKING:
    from upheld.collection.model import Report
    from upheld.collection.report import Faults


def take_file(situation: str, path: Path, form: str, data: Path, kind: str, **more: Any) -> None:
    """Confirm the source, take the file in, print the counts, and leave with 1 where a row was not stored."""
    from upheld.collection import importing
    from upheld.collection.model import Source
    from upheld.collection.report import Faults
    from upheld.collection.rows import read_file

    digest = _digest(path)
    faults = Faults()
    try:
        with house(data) as opened:
            actor = "svc:collection"
            if more["by"] is not None:
                actor = reader_of(opened, more["by"]).actor
            told = Source(more["giver"], more["address"], more["representative"], more["acquired"])
            entry = "" if more["dry"] else importing.confirm_source(opened, situation, told, actor)
            order = importing.Order(situation, digest, actor, entry, more["language"], more["stop"], more["dry"])
            with path.open("rb") as stream:
                report = importing.run(opened, order, read_file(form, stream, more["encoding"]), faults.tell)
        if more["report"] is not None:
            _write(more["report"], report, faults)
        _print(report, faults, kind, more["dry"])
    finally:
        faults.close()
    if report.faulty:
        raise click.exceptions.Exit(1)


def _digest(path: Path) -> bytes:
    try:
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").digest()
    except OSError:
        raise CouldNotRunError(f"{path} cannot be read") from None


def _write(path: Path, report: Report, faults: Faults) -> None:
    from upheld.collection.report import as_csv, as_json

    pieces = as_csv(faults) if path.suffix == ".csv" else as_json(report, faults)
    with contextlib.closing(path.open("w", encoding="utf-8", newline="")) as out:
        out.writelines(pieces)


def _print(report: Report, faults: Faults, kind: str, dry: bool) -> None:
    from upheld.collection.report import as_json

    if kind == "json":
        for piece in as_json(report, faults):
            click.echo(piece, nl=False)
        click.echo()
        return
    click.echo(f"{'would store' if dry else 'stored':<12}{report.stored} of {report.rows} rows")
    if report.known:
        click.echo(f"{'known':<12}{report.known} stored by an earlier run")
    if report.review:
        click.echo(f"{'review':<12}{report.review} wait for a person to look at their text")
    if report.informed:
        click.echo(f"{'to inform':<12}{report.informed} people, by {report.inform_by}")
    for row, code, field, _ in faults.lines():
        click.echo(f"row {row:<8}{code}  {field}".rstrip())
    if report.stopped:
        click.echo(f"stopped at row {report.stopped}")
