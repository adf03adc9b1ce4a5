"""What the commands share: the data folder opened and closed, options, and how answers are printed."""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from upheld.db import Clock
    from upheld.notice import House
    from upheld.security.model import Reader

Command = TypeVar("Command", bound=Callable[..., Any])
FOLDER = click.Path(path_type=Path)
FILE = click.Path(path_type=Path, dir_okay=False)


class CouldNotRunError(click.ClickException):
    """The command could not run: a folder or a file is not what it takes."""

    exit_code = 2


def day(written: str) -> date:
    """Read a legal day, written YYYY-MM-DD; anything else is a usage error."""
    try:
        return date.fromisoformat(written)
    except ValueError:
        raise click.BadParameter(f"{written!r} is not a day written YYYY-MM-DD") from None


def data_option(command: Command) -> Command:
    """Add `--data` to a command."""
    return click.option(
        "--data", type=FOLDER, default=Path("data"), envvar="UPHELD_DATA", show_default=True,
        help="The data folder.",
    )(command)  # fmt: skip


def format_option(command: Command) -> Command:
    """Add `--format` to a command."""
    return click.option(
        "--format", "kind", type=click.Choice(["full", "json"]), default="full", show_default=True,
        help="Lines for people, or JSON.",
    )(command)  # fmt: skip


def by_option(command: Command) -> Command:
    """Add `--by`, the staff number in whose name something is done."""
    return click.option("--by", type=int, required=True, help="Staff number in whose name it is done.")(command)


@contextlib.contextmanager
def house(data: Path, *, begin: bool = False) -> Iterator[House]:
    """Open a data folder, and give ledger positions to what was written before closing it.

    A folder that is none is an error unless `begin` is set. A test passes its clock as the context's object.
    """
    from upheld.app import open_house
    from upheld.ledger import LedgerError
    from upheld.records import is_begun

    if not begin and not is_begun(data):
        raise CouldNotRunError(f"there is no data folder {data}; `upheld publish` begins one")
    opened = open_house(data, clock_of())
    try:
        yield opened
    finally:
        with contextlib.suppress(LedgerError):  # what has no position yet gets one with the next command or server
            opened.settle()
        opened.close()


def clock_of() -> Clock | None:
    """Give the clock that a test passed as the context's object; None for the host's."""
    found: Clock | None = click.get_current_context().obj
    return found


def reader_of(opened: House, number: int) -> Reader:
    """Give a member of staff as a reader."""
    from upheld.security import staff

    with opened.store.read() as tx:
        return staff.reader(opened, tx, number)


def load_json(source: str) -> Any:
    """Read JSON from a file, or from standard input for `-`."""
    try:
        raw = sys.stdin.buffer.read() if source == "-" else Path(source).read_bytes()
        return json.loads(raw)
    except OSError:
        raise CouldNotRunError(f"{source} cannot be read") from None
    except ValueError:
        raise CouldNotRunError(f"{source} is no JSON") from None


def say_json(value: Any) -> None:
    """Print a value as JSON."""
    click.echo(json.dumps(value, ensure_ascii=False, indent=2))


def person(email: str, subject: str) -> tuple[str, dict[str, str] | None]:
    """Read how a person is named: exactly one of both."""
    if bool(email) == bool(subject):
        raise click.UsageError("name the person by --email or by --subject")
    return subject, {"email": email} if email else None
