"""keys status, keys rotate, backup, restore: the root and what lies outside the running stores."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from upheld.cli_rooms.common import data_option, format_option, house, say_json

if TYPE_CHECKING:
    from upheld.records.rotation import KeysStatus


@click.command()
@data_option
@format_option
def status(data: Path, kind: str) -> None:
    """Show the root key's id and age, the erasures that wait for its change, and when that is due."""
    with house(data) as opened:
        now = opened.clock.now()
        found = opened.holdings.rotations.status()
        roots = opened.holdings.ring.root.list()
    told = {
        "root": found.root,
        "since": _time(found.since),
        "age_days": (now - found.since).days,
        "roots": roots,
        "under_way": found.under_way,
        "erasures_waiting": found.waiting,
        "oldest_waiting": _time(found.oldest),
        "backup_verified_at": _time(found.verified_at),
        "backup_copies": found.copies,
        "due": _time(found.due),
        "overdue": found.due <= now,
    }
    if kind == "json":
        say_json(told)
        return
    for name, line in _lines(found, now):
        click.echo(f"{name:<9} {line}")


def _lines(found: KeysStatus, now: datetime) -> list[tuple[str, str]]:
    age = (now - found.since).days
    waiting = f"{found.waiting} since {_time(found.oldest)}" if found.waiting else "none"
    copies = f"{found.copies} sealed copies, verified {_time(found.verified_at)}" if found.copies else "no sealed copy yet"
    late = "  overdue" if found.due <= now else ""
    lines = [
        ("root", f"{found.root} since {_time(found.since)}, {age} days"),
        ("erasures", f"waiting for its change: {waiting}"),
        ("keys", copies),
        ("due", _time(found.due) + late),
    ]
    return [*lines, ("change", "begun and not finished; `upheld keys rotate` goes on")] if found.under_way else lines


@click.command()
@click.option("--by", type=int, help="Staff number in whose name it is done.")
@data_option
@format_option
def rotate(by: int | None, data: Path, kind: str) -> None:
    """Change the root key now, after sealed copies of the keys were written and opened again.

    Backups of the keys made before open nothing afterwards; what was erased is then gone from every backup.
    """
    from upheld.app import keeping_words

    with house(data) as opened:
        before = opened.holdings.rotations.status()
        actor = f"staff:{by}" if by is not None else "svc:records"
        done = opened.holdings.rotations.rotate(keeping_words(opened, actor))
    told = {
        "old": done.old,
        "new": done.new,
        "copies": done.copies,
        "effective_at": _time(done.effective_at),
        "guarantee": done.guarantee,
        "erasures_sealed": before.waiting,
    }
    if kind == "json":
        say_json(told)
        return
    click.echo(f"{done.old} is destroyed, {done.new} in use, {done.copies} sealed copies of the keys verified")
    click.echo(f"{before.waiting} erasures reach older backups from {_time(done.effective_at)}; {done.guarantee}")


def _time(moment: datetime | None) -> str:
    return moment.isoformat(timespec="seconds") if moment is not None else ""
