"""keys status, keys rotate, backup, restore: the root and what lies outside the running stores."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from upheld.cli_rooms.common import FOLDER, CouldNotRunError, data_option, format_option, house, say_json

if TYPE_CHECKING:
    from upheld.records.rotation import KeysStatus


@click.command()
@data_option
@format_option
def status(data: Path, kind: str) -> None:
    """Show the root key's id and age, the erasures that wait for its change, when that is due, and in how many buckets keys lie."""
    with house(data) as opened:
        now = opened.clock.now()
        found = opened.holdings.rotations.status()
        ring = opened.holdings.ring
        roots, buckets, people = ring.root.list(), ring.buckets, ring.people()
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
        "buckets": buckets,
        "people": people,
    }
    if kind == "json":
        say_json(told)
        return
    for name, line in (*_lines(found, now), ("buckets", f"{buckets:,}, for the keys of {people:,} people")):
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
    click.echo(f"{before.waiting} erasures gone from older backups, from {_time(done.effective_at)}; {done.guarantee}")


@click.command()
@click.option("--out", type=FOLDER, required=True, help="A new folder for the backup.")
@click.option("--by", type=int, help="Staff number in whose name it is done.")
@data_option
@format_option
def backup(out: Path, by: int | None, data: Path, kind: str) -> None:
    """Write both stores into a new folder, data first, then the keys, sealed; then open it again whole.

    Root and erasure journal are in neither part: keep them apart, see the guide on backups.
    """
    from upheld.app import keeping_words
    from upheld.records import make_backup

    with house(data) as opened:
        actor = f"staff:{by}" if by is not None else "svc:records"
        try:
            made = make_backup(opened.holdings, out, lambda: keeping_words(opened, actor))
        except OSError as error:
            raise CouldNotRunError(f"{out} cannot be written: {error.strerror}") from None
    told = made.said()
    if kind == "json":
        say_json(told)
        return
    click.echo(f"data  {sum(made.counts.values())} rows, ledger {made.origin} of {made.size} entries")
    click.echo(f"keys  sealed under {made.root}; they open until that root is changed")
    click.echo(f"also  the journal, at least {_lines_said(made.journal)}, and the root: they are not in {out}")


@click.command()
@click.option("--from", "source", type=FOLDER, required=True, help="The folder of the backup.")
@click.option("--keys", type=click.Path(path_type=Path), help="A newer sealed copy of the keys, or a folder of them.")
@click.option("--root", type=FOLDER, help="Take the root from this folder, if it does not lie in the data folder yet.")
@click.option("--journal", type=FOLDER, help="Take the erasure journal from this folder, if it does not lie there yet.")
@click.option("--accept-gap", default="", metavar="REASON", help="Go on without the whole journal; the reason is recorded.")
@click.option("--by", type=int, help="Staff number in whose name it is done.")
@data_option
@format_option
def restore(
    source: Path, keys: Path | None, root: Path | None, journal: Path | None, accept_gap: str, by: int | None,
    data: Path, kind: str,
) -> None:  # fmt: skip
    """Put a backup into a new data folder, erase again everybody whom the journal names, and let the ledger go on.

    The folder opens only after that. Its `stores.toml` may name empty databases of either engine.
    """
    from upheld.app import keeping_words, open_house
    from upheld.cli_rooms.common import clock_of
    from upheld.db import Ids, SystemClock
    from upheld.records import fill, finish

    if not source.is_dir():
        raise CouldNotRunError(f"there is no folder {source}")
    clock = clock_of() or SystemClock()
    manifest = fill(
        source, data, clock, Ids(clock), keys=keys, root=root, journal=journal, accept_gap=bool(accept_gap)
    )
    opened = open_house(data, clock, restoring=True)
    try:
        actor = f"staff:{by}" if by is not None else "svc:records"
        done = finish(opened.holdings, data, manifest, keeping_words(opened, actor), accept_gap)
    finally:
        opened.close()
    told = {
        "rows": done.rows,
        "journal_lines": done.lines,
        "erased_again": done.replayed,
        "ledger": done.origin,
        "gap_accepted": done.gap,
    }
    if kind == "json":
        say_json(told)
        return
    click.echo(f"restored {done.rows} rows as of {_time(manifest.made_at)}")
    click.echo(f"journal  {_lines_said(done.lines)} followed, {done.replayed} people or classes erased again")
    click.echo(f"ledger   goes on as {done.origin}")


def _lines_said(count: int) -> str:
    return "1 line" if count == 1 else f"{count} lines"


@click.command()
@data_option
@format_option
def migrate(data: Path, kind: str) -> None:
    """Bring both stores of a data folder to the tables of this release; no server may run meanwhile.

    Nothing is done where they are there already. The change is written into the ledger.
    """
    from upheld.records import is_begun, migrate_stores

    if not is_begun(data):
        raise CouldNotRunError(f"{data} holds no stores; `upheld serve` begins them")
    done = {name: {"from": before, "to": after} for name, (before, after) in migrate_stores(data).items()}
    changed = {name: step for name, step in done.items() if step["from"] != step["to"]}
    if changed:
        with house(data) as opened, opened.store.write() as tx:
            opened.ledger.append(
                tx, "schema.migrated", clause="security.technical", policy_version="-", actor="svc:db", body=changed
            )
    if kind == "json":
        say_json(done)
        return
    for name, step in done.items():
        click.echo(f"{name:<5} {step['from']} -> {step['to']}" if name in changed else f"{name:<5} {step['to']}, nothing to do")


def _time(moment: datetime | None) -> str:
    return moment.isoformat(timespec="seconds") if moment is not None else ""
