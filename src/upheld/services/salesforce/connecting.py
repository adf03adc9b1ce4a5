"""Reading a connection's settings and opening it."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from typing import Any, Literal

import msgspec

from upheld.db import Clock, UpheldError
from upheld.services.pace import Pace, of_process
from upheld.services.port import Service
from upheld.services.salesforce.adapter import SalesforceService
from upheld.services.salesforce.client import AddressError, Client, Login
from upheld.services.salesforce.mapping import with_own

VERSION = "62.0"
"""The version of the interface that calls are made under: a newer one of the operator changes nothing by itself."""


class ConnectionFileError(UpheldError):
    """The settings of a connection do not hold together."""

    code = "connection_invalid"
    clause = "services"
    next_step = "Mend what is named; docs/howto/connect-salesforce.md shows a whole file."


class _Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    kind: Literal["salesforce"]
    url: str
    login: dict[str, str]
    stored_in: list[str] | str
    stated: date
    region: str = ""
    version: str = VERSION
    hard_delete: bool = True
    write: dict[str, Any] | None = None
    restrict: dict[str, str] | None = None
    objects: dict[str, Any] = {}


def connect(
    name: str,
    settings: Mapping[str, Any],
    secret: Callable[[str], str],
    clock: Clock,
    *,
    pace: Pace | None = None,
    sleep: Callable[[float], None] = time.sleep,
) -> Service:
    """Open the organisation that `connections/NAME.yaml` describes; nothing is called before the first question.

    `url` is the organisation's own address, `login` has `client_id` and `client_secret` of a connected app, or
    `session`, all by `secret:NAME`. `stored_in` and `region` are what the contract says, `stated` the day it said so.
    `hard_delete: false` where the credential may not delete past the bin. `objects`, `write` and `restrict` replace
    parts of the shipped map. Raises ConnectionFileError or MapError, with the file and the key.

    Clause: services
    """
    file = f"connections/{name}.yaml"
    try:
        told = msgspec.convert(dict(settings), _Settings, strict=False)
    except msgspec.ValidationError as error:
        text, _, place = str(error).partition(" - at ")
        raise ConnectionFileError(f"{file}: {place.strip('`$.') or 'settings'}: {text}") from None
    own = {key: value for key in ("objects", "write", "restrict") if (value := getattr(told, key))}
    mapping = with_own(file, msgspec.to_builtins(own))
    try:
        client = Client(told.url, told.version, _login(file, name, told.login, secret), clock, pace or of_process(), sleep)
    except AddressError as error:
        raise ConnectionFileError(f"{file}: url: {error}") from None
    seen = datetime.combine(told.stated, datetime.min.time(), UTC)
    countries = (told.stored_in,) if isinstance(told.stored_in, str) else tuple(told.stored_in)
    places = [(country, told.region, seen) for country in countries]
    return SalesforceService(name, mapping, client, clock, places, hard=told.hard_delete)


def _login(file: str, name: str, told: Mapping[str, str], secret: Callable[[str], str]) -> Login:
    """Look the credential up; it stays in the client and is never printed."""
    match told:
        case {"session": session, **more} if not more:
            return Login(name, session=secret(session))
        case {"client_id": key, "client_secret": hidden, **more} if not more:
            return Login(name, secret(key), secret(hidden))
        case _:
            raise ConnectionFileError(f"{file}: login: has `client_id` and `client_secret`, or `session`")
