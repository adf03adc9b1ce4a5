"""schedule: what is done every day by itself, and how it stands."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from upheld.cli_rooms.common import data_option, format_option, house, say_json

if TYPE_CHECKING:
    from datetime import datetime, tzinfo

    from upheld.workflows import Standing


@click.command()
@click.option("--run", "name", metavar="NAME", help="Do this one now, due or not.")
@data_option
@format_option
def schedule(name: str | None, data: Path, kind: str) -> None:
    """Show what a server does by itself: when last, when next, with what result.

    Leaves with 1 when something is long due and not done, or what `--run` names was stopped.
    """
    from zoneinfo import ZoneInfo

    from upheld.app_schedule import schedule_of

    with house(data) as opened:
        zone = ZoneInfo(opened.in_force().policy.timezone)
        plan = schedule_of(opened)
        found = [plan.run(name)] if name else plan.standings()
        now = opened.clock.now()
    if kind == "json":
        say_json([_said(one, now) for one in found])
    else:
        for one in found:
            click.echo(_line(one, now, zone))
    raise click.exceptions.Exit(int(any(one.is_behind(now) or (name and one.failed) for one in found)))


def _said(one: Standing, now: datetime) -> dict[str, Any]:
    times = {"last": one.finished, "began": one.started, "next": one.due}
    told = {word: at.isoformat(timespec="seconds") if at else None for word, at in times.items()}
    state = {"running": one.is_running(now), "behind": one.is_behind(now)}
    return {"name": one.name, **told, "result": dict(one.done), "failed": one.failed, **state}


def _line(one: Standing, now: datetime, zone: tzinfo) -> str:
    def at(time: datetime | None) -> str:
        return time.astimezone(zone).strftime("%Y-%m-%d %H:%M") if time else "-"

    told = [f"{word} {count}" for word, count in one.done.items()]
    told += [f"stopped by {one.failed}, {one.failures} in a row"] if one.failed else []
    told += ["running"] if one.is_running(now) else []
    told += ["behind"] if one.is_behind(now) else []
    return f"{one.name:<10} last {at(one.finished):<16}  next {at(one.due):<16}  {', '.join(told)}".rstrip()
