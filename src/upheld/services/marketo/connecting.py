"""Opening an instance as `connections/<name>.yaml` of a data folder describes it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from upheld.db import Clock, UpheldError
from upheld.services.marketo.adapter import MarketoService
from upheld.services.marketo.client import RATE, MarketoClient
from upheld.services.marketo.mapping import SHIPPED, read_map
from upheld.services.pace import Pace, Rate, of_process

KEYS = frozenset({"kind", "url", "client_id", "client_secret", "stored_in", "mapping", "partition", "calls_per_day", "calls_per_20_seconds"})
_NEEDED = ("url", "client_id", "client_secret", "stored_in")
_OPERATOR = ".mktorest.com"


class SettingsError(UpheldError):
    """The file of a connection to Marketo does not hold together."""

    code = "connection_invalid"
    clause = "services"
    next_step = "Mend the key that is named; docs/howto/connect-marketo.md shows a whole file."


def connect(
    name: str, settings: Mapping[str, Any], secret: Callable[[str], str], clock: Clock, *, pace: Pace | None = None
) -> MarketoService:
    """Open an instance; nothing is asked of it yet. Raises SettingsError, MapError or SecretError.

    `settings` are the keys of `connections/<name>.yaml`: `kind: marketo`, `url` (the REST address of the instance,
    `https://123-ABC-456.mktorest.com`), `client_id` and `client_secret` (`secret:NAME` each, or the id written out),
    `stored_in` (countries, as the contract says), and if wished `mapping` (a map of one's own), `partition` (where
    new people are put), `calls_per_day` (the instance's quota, else 50000; at most half of what is left is used) and
    `calls_per_20_seconds` (else 95 of the operator's 100: give each its share where several processes call).
    Clause: services
    """
    _check(name, settings)
    told, identity = str(settings["client_secret"]), str(settings["client_id"])

    def credential() -> tuple[str, str]:
        return (secret(identity) if identity.startswith("secret:") else identity), secret(told)

    url, places = str(settings["url"]).rstrip("/"), settings["stored_in"]
    rate = _rate(name, settings)
    client = MarketoClient(
        url, credential, clock, pace or of_process(), f"{url} {told}", rate=rate, per_day=_number(name, settings, "calls_per_day", 50_000)
    )
    path = Path(str(settings["mapping"])) if settings.get("mapping") else SHIPPED
    stored_in = (places,) if isinstance(places, str) else tuple(str(one) for one in places)
    return MarketoService(name, client, read_map(path), stored_in, str(settings.get("partition") or ""))


def _check(name: str, settings: Mapping[str, Any]) -> None:
    if unknown := sorted(settings.keys() - KEYS):
        raise SettingsError(f"{name}: {unknown[0]}: is no key of a connection to Marketo")
    if missing := [key for key in _NEEDED if not settings.get(key)]:
        raise SettingsError(f"{name}: {missing[0]}: is missing")
    if not str(settings["client_secret"]).startswith("secret:"):
        raise SettingsError(f"{name}: client_secret: is named as `secret:NAME` and never written out")
    try:
        parts = urlsplit(str(settings["url"]))
        host = parts.hostname or ""
    except ValueError:
        raise SettingsError(f"{name}: url: cannot be read") from None
    ours = parts.scheme == "https" and host.endswith(_OPERATOR)
    if parts.path.strip("/") or parts.username or not (ours or host in ("127.0.0.1", "localhost")):
        raise SettingsError(f"{name}: url: is https://ID{_OPERATOR} without a path, or a double on loopback")


def _rate(name: str, settings: Mapping[str, Any]) -> Rate:
    calls = _number(name, settings, "calls_per_20_seconds", RATE.calls)
    if not 2 <= calls <= 100:
        raise SettingsError(f"{name}: calls_per_20_seconds: is from 2 to 100")
    return Rate(calls, RATE.seconds, min(RATE.burst, calls - 1), RATE.at_once)


def _number(name: str, settings: Mapping[str, Any], key: str, default: int) -> int:
    text = str(settings.get(key) or default)
    if not text.isdecimal():
        raise SettingsError(f"{name}: {key}: is a whole number")
    return int(text)
