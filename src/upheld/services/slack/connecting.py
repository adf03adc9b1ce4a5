"""Opening a workspace as `connections/<name>.yaml` of a data folder describes it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal
from urllib.parse import urlsplit

import msgspec

from upheld.db import Clock, UpheldError
from upheld.services.pace import Pace, of_process
from upheld.services.slack.adapter import SlackService
from upheld.services.slack.client import Workspace


class SettingsError(UpheldError):
    """The file of a connection to Slack does not hold together."""

    code = "connection_invalid"
    clause = "services"
    next_step = "Mend the key that is named; docs/howto/connect-slack.md shows a whole file."


class _Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    kind: Literal["slack"]
    bot_token: str
    stored_in: list[str] | str
    post_to: str
    channels: list[str]
    user_token: str = ""
    link: str = ""
    url: str = "https://slack.com/api/"


def connect(
    name: str, settings: Mapping[str, Any], secret: Callable[[str], str], clock: Clock, *, pace: Pace | None = None
) -> SlackService:
    """Open a workspace; nothing is asked of it yet. Raises SettingsError, SecretError.

    `settings` are the keys of `connections/<name>.yaml`: `kind: slack`; `bot_token` and, if wished, `user_token`, by
    `secret:NAME`; `stored_in`, countries as the contract says; `channels`, ids of the channels where people are
    talked about; `post_to`, the id of the channel for notices; `link`, an address of the company's own before the reference
    in a notice; `url`, only for a double.
    Clause: services
    """
    try:
        told = msgspec.convert(dict(settings), _Settings, strict=False)
    except msgspec.ValidationError as error:
        text, _, place = str(error).partition(" - at ")
        raise SettingsError(f"{name}: {place.strip('`$.') or 'settings'}: {text}") from None
    parts = urlsplit(told.url)
    if parts.hostname not in {"slack.com", "127.0.0.1", "localhost"} or (parts.hostname == "slack.com" and parts.scheme != "https"):
        raise SettingsError(f"{name}: url: is https://slack.com/api/, or a double on loopback")
    for key, value in (("bot_token", told.bot_token), ("user_token", told.user_token)):
        if value and not value.startswith("secret:"):
            raise SettingsError(f"{name}: {key}: is named as `secret:NAME` and never written out")
    paced, url = pace or of_process(), told.url.rstrip("/") + "/"
    bot = Workspace(url, secret(told.bot_token), clock, paced, told.bot_token)
    user = Workspace(url, secret(told.user_token), clock, paced, told.user_token) if told.user_token else None
    places = (told.stored_in,) if isinstance(told.stored_in, str) else tuple(told.stored_in)
    return SlackService(name, bot, user, clock, places, told.post_to, tuple(told.channels), told.link)
