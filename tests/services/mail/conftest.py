"""A real mail server on loopback that keeps what it gets, and a data folder that sends through it."""

from __future__ import annotations

import email
import socket
from collections.abc import Iterator
from email import policy as email_policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller

from upheld.services.mail import Smtp


class Sink:
    """A mail server that keeps what it gets; `answers` are what it says to a recipient instead."""

    def __init__(self) -> None:
        self.got: list[EmailMessage] = []
        self.answers: dict[str, str] = {}

    async def handle_RCPT(self, _server: Any, _session: Any, envelope: Any, address: str, _options: Any) -> str:
        if address in self.answers:
            return self.answers[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:
        self.got.append(email.message_from_bytes(envelope.content, policy=email_policy.default))  # type: ignore[arg-type]
        return "250 OK"

    def to(self, person: Any) -> list[EmailMessage]:
        return [one for one in self.got if one["To"] == person.email]


@pytest.fixture(scope="module")
def server() -> Iterator[tuple[Sink, Smtp]]:
    sink = Sink()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    controller = Controller(sink, hostname="127.0.0.1", port=port)
    controller.start()
    yield sink, Smtp(f"smtp://127.0.0.1:{port}")
    controller.stop()


@pytest.fixture
def sink(server: tuple[Sink, Smtp]) -> Sink:
    server[0].got.clear()
    server[0].answers.clear()
    return server[0]


@pytest.fixture
def smtp(server: tuple[Sink, Smtp]) -> Smtp:
    return server[1]


def settings_for(folder: Path, smtp: Smtp) -> Path:
    """Make a data folder whose house sends mail through a server."""
    folder.mkdir()
    (folder / "serving.toml").write_text(
        f'[mail]\nsmtp = "{smtp.url}"\nfrom = "news@example.co.jp"\nbase_url = "https://privacy.example.co.jp"\n', "utf-8"
    )
    return folder
