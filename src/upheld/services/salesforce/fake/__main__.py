"""Serves an empty fake organisation on loopback until it is stopped: `python -m upheld.services.salesforce.fake --port 8441`."""

from __future__ import annotations

import click
import uvicorn

from upheld.db import SystemClock
from upheld.services.salesforce.fake import fake_app


@click.command()
@click.option("--port", type=click.IntRange(1, 65535), required=True, help="Port of loopback to listen on.")
@click.option("--limit", type=int, default=100_000, show_default=True, help="Calls that it allows in 24 hours.")
def main(port: int, limit: int) -> None:
    """Serve an empty Salesforce organisation; client id `upheld`, client secret `example`."""
    click.echo(f"http://127.0.0.1:{port}")
    uvicorn.run(fake_app(SystemClock(), limit=limit), host="127.0.0.1", port=port, log_level="warning", access_log=False)


if __name__ == "__main__":
    main()
