"""ledger witness: cosign somebody's log, or have the own one cosigned."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from upheld.cli_rooms.common import FOLDER, CouldNotRunError, data_option, house

if TYPE_CHECKING:
    from upheld.ledger.witness import Cosigner

_HOME = click.option("--home", type=FOLDER, required=True, help="The folder of the witness: its key, and what it saw.")
_NAME = click.option("--name", required=True, help="The name of the witness, as `auditor.example/witness`.")


@click.group()
def witness() -> None:
    """Let other hands hold what the log signed: serve, key, ask."""


def _cosigner(home: Path, name: str) -> Cosigner:
    from upheld.ledger.witness import Cosigner

    if not name or any(sign.isspace() or sign == "+" for sign in name):
        raise CouldNotRunError("the name of a witness has no blank and no plus sign")
    file = home / "key"
    if not file.exists():
        home.mkdir(parents=True, exist_ok=True, mode=0o700)
        with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out:
            out.write(os.urandom(32))
            out.flush()
            os.fsync(out.fileno())
    return Cosigner(name, file.read_bytes())


@witness.command()
@_HOME
@_NAME
def key(home: Path, name: str) -> None:
    """Print the key of the witness, made when it is first asked for; whoever checks cosignatures needs it."""
    click.echo(_cosigner(home, name).vkey())


@witness.command()
@_HOME
@_NAME
@click.option("--log", "logs", multiple=True, required=True, help="Key of a log to watch, as `upheld keys show` prints it.")
@click.option("--port", type=int, default=8766, show_default=True, help="Port on loopback.")
def serve(home: Path, name: str, logs: tuple[str, ...], port: int) -> None:
    """Cosign checkpoints of the named logs at `POST /add-checkpoint`; run it where the company has no hand."""
    import uvicorn

    from upheld.app_witness import witness_app
    from upheld.db import SystemClock
    from upheld.ledger.witness import Witness

    try:
        watching = Witness(home / "seen.json", _cosigner(home, name), logs, SystemClock())
    except ValueError as error:
        raise CouldNotRunError(str(error)) from None
    uvicorn.run(witness_app(watching), host="127.0.0.1", port=port, log_level="warning", access_log=False)


@witness.command()
@click.argument("url")
@click.option("--key", "vkey", required=True, help="The key of the witness.")
@data_option
def ask(url: str, vkey: str, data: Path) -> None:
    """Have the newest checkpoint cosigned by the witness at URL, keep the cosignature, and print both."""
    from upheld.ledger.witness import asked

    with house(data) as opened:
        opened.settle()
        signed, old = opened.ledger.checkpoint(), 0
        for _ in range(2):
            proof = opened.ledger.prove_consistency(old, signed.size)
            status, told = _post(f"{url.rstrip('/')}/add-checkpoint", asked(old, proof, signed.note))
            if status != 409:
                break
            old = int(told)
            if old > signed.size:
                raise click.ClickException(f"the witness saw {old} entries, more than the log has: it was cut back")
        if status != 200:
            raise click.ClickException(f"the witness refused with {status}: {told.strip()}")
        try:
            opened.ledger.keep_cosignature(signed, vkey, told.splitlines()[0])
        except (ValueError, IndexError):
            raise click.ClickException("the answer is no cosignature of this witness") from None
        click.echo(opened.ledger.noted(signed).note, nl=False)


def _post(url: str, text: str) -> tuple[int, str]:
    import urllib.error
    import urllib.request

    if not url.startswith(("http://", "https://")):
        raise CouldNotRunError("a witness has an address that begins with https:// or http://")
    request = urllib.request.Request(url, text.encode(), {"Content-Type": "text/plain"})  # noqa: S310 - the scheme was checked above
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:  # noqa: S310 - the scheme was checked above
            return int(answer.status), answer.read(65536).decode("utf-8", "replace")
    except urllib.error.HTTPError as error:
        return error.code, error.read(65536).decode("utf-8", "replace")
    except OSError:
        raise CouldNotRunError("the witness does not answer") from None
