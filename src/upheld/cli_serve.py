"""Serving: a data folder, or the demonstration with sample people; both on loopback unless told otherwise."""

from __future__ import annotations

import gc
import socket
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from upheld.cli_kit import CouldNotRunError, shipped_policy

if TYPE_CHECKING:
    from upheld.notice import House

_DATA = click.option(
    "--data", type=click.Path(path_type=Path, file_okay=False), default=Path("data"), show_default=True,
    envvar="UPHELD_DATA", help="Data folder; it is begun when it is not there.",
)  # fmt: skip
_PORT = click.option("--port", type=click.IntRange(0, 65535), default=8765, show_default=True, help="0 takes a free one.")
_HOST = click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")

SWITCH_SECONDS = 0.001
"""How long a thread that counts may keep the others from theirs: an act takes several turns, an export counts for seconds."""

GARBAGE = 10_000
"""How many new objects there are when the collector looks for circles among them; nearly all go by themselves before."""


@click.command()
@_DATA
@_PORT
@_HOST
@click.option(
    "--policy", "folder", type=click.Path(path_type=Path, file_okay=False),
    help="Publish this folder first; with an error in it nothing is served.",
)  # fmt: skip
def serve(data: Path, port: int, host: str, folder: Path | None) -> None:
    """Serve pages, forms and the API of a data folder."""
    house = _open(data)
    for store in (house.store, house.holdings.ring.store):
        for line in store.warnings():
            click.echo(f"warning: {line}", err=True)
    if folder is not None:
        _publish(house, folder)
    if house.shelf.in_force() is None:
        house.close()
        raise CouldNotRunError("no policy is published here; `upheld publish` or `serve --policy` does it")
    base, listening = _listen(host, port)

    def told() -> None:
        click.echo(f"{base}/privacy")

    _run(house, listening, told)


@click.command()
@_DATA
@_PORT
def demo(data: Path, port: int) -> None:
    """Serve the reference policy with sample people on loopback, after one walk through every room."""
    from upheld import demo as scene

    _bring_up(data)
    house = _open(data)
    fresh = house.shelf.in_force() is None
    key = ""
    if fresh:
        _publish(house, shipped_policy("primenumber"))
        key = scene.employ(house)
    base, listening = _listen("127.0.0.1", port)

    def told() -> None:
        if fresh:
            scene.walk(base, house, key, click.echo)
            scene.rehearse(shipped_policy("primenumber"), click.echo)
            click.echo(f"\nAPI key   {key}\n          of Sato, role sales; shown this once")
        click.echo("")
        rows = scene.addresses(base, house)
        width = max(len(address) for address, _ in rows)
        for address, what in rows:
            click.echo(f"{address:<{width}}  {what}")
        click.echo("\nserving; Ctrl+C ends it")

    with scene.outside(data):
        _run(house, listening, told, sample=True)


def _open(data: Path) -> House:
    from upheld.app import open_house

    if data.is_file():
        raise CouldNotRunError(f"{data} is a file; --data names a folder")
    return open_house(data)


def _bring_up(data: Path) -> None:
    """Bring the files of a demonstration to this release without being asked; a database is left to its operator."""
    from upheld.records import is_begun, migrate_stores, places_of

    if is_begun(data) and isinstance(places_of(data).data, Path):
        migrate_stores(data)


def _publish(house: House, folder: Path) -> None:
    from upheld.amendment import publish

    done = publish(house, folder)
    policy = done.published.policy
    notes = len(done.findings)
    accepted = len(policy.evidence.accept)
    click.echo(
        f"policy    {policy.title[policy.languages[0]]}, version {policy.version}, {policy.promise_hash[:12]}…  "
        f"({len(policy.situations)} situations, {len(policy.purposes)} purposes, {len(policy.services)} services; "
        f"{notes} notes, {accepted} findings accepted by name)"
    )


def _listen(host: str, port: int) -> tuple[str, socket.socket]:
    """Take the port before anything is started, so that a taken one is told at once."""
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
    except OSError as error:
        raise CouldNotRunError(f"cannot listen on {host}:{port}: {error.strerror}; choose another --port") from None
    return f"http://{host}:{listening.getsockname()[1]}", listening


def _settle_down() -> None:
    """Let what was made by now stay out of the collector's way, and threads take their turns sooner.

    Policies, law and modules live as long as the server: looking through them for garbage stopped every request.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(GARBAGE)
    sys.setswitchinterval(SWITCH_SECONDS)


def _run(house: House, listening: socket.socket, told: Callable[[], None], *, sample: bool = False) -> None:
    """Serve until a signal ends it; `told` runs beside it as soon as it answers."""
    import uvicorn

    from upheld.app import Settings, create_app

    app = create_app(Settings(data=house.folder, sample=sample), house)
    _settle_down()
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", access_log=False))
    failed: list[BaseException] = []

    def beside() -> None:
        while not server.started and not server.should_exit:
            threading.Event().wait(0.02)
        try:
            told()
            sys.stdout.flush()
        except BaseException as error:
            failed.append(error)
            server.should_exit = True

    thread = threading.Thread(target=beside, daemon=True)
    thread.start()
    server.run(sockets=[listening])
    thread.join(timeout=5)
    if failed:
        raise failed[0]
