"""Serves an empty fake instance on loopback until it is stopped: `python -m upheld.services.marketo.fake --port 8442`."""

from __future__ import annotations

import click
import uvicorn

from upheld.db import SystemClock
from upheld.services.marketo.fake import fake_app


@click.command()
@click.option("--port", type=click.IntRange(1, 65535), required=True, help="Port of loopback to listen on.")
@click.option("--per-day", type=int, default=50_000, show_default=True, help="Calls that it allows a day.")
def main(port: int, per_day: int) -> None:
    """Serve an empty Marketo instance; client id `upheld`, client secret `example`."""
    click.echo(f"http://127.0.0.1:{port}")
    uvicorn.run(fake_app(SystemClock(), per_day=per_day), host="127.0.0.1", port=port, log_level="warning", access_log=False)


if __name__ == "__main__":
    main()
