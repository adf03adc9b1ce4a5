"""Connections: which services of the policy this installation can reach, each described by a file of the data folder."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from upheld.db import Clock, UpheldError
from upheld.policy.model import Frozen
from upheld.services.model import Identities
from upheld.services.port import Service
from upheld.services.secrets import resolve
from upheld.services.written import MapError, Trouble, tree_of

FOLDER = "connections"
KINDS: Mapping[str, str] = {
    "aws": "boto3", "salesforce": "simple-salesforce", "marketo": "httpx", "slack": "slack_sdk",
    "sql": "",
}  # fmt: skip
"""Kinds of service with the package each needs on top; `pip install upheld[KIND]` brings it."""

COMMON = ("feeds", "control")


class ClientMissingError(UpheldError):
    """The vendor's client is not installed."""

    code = "client_missing"
    clause = "services"
    next_step = "Install it: pip install 'upheld[KIND]'."


@dataclass(frozen=True, slots=True)
class Connection:
    """One service that can be reached: `feeds` names those that it writes to, `control` somebody who is always there.

    `map` of the settings is a path; in the file it is written from the data folder.
    """

    name: str
    kind: str
    settings: Mapping[str, Any]
    feeds: tuple[str, ...]
    control: Identities
    data: Path

    def open(self, clock: Clock) -> Service:
        """Open the service; raises ClientMissingError, MapError, SecretError, ServiceError."""
        try:
            module = importlib.import_module(f"upheld.services.{self.kind}")
        except ImportError:
            raise ClientMissingError(
                f"{self.name} needs the package {KINDS[self.kind]}",
                next_step=f"Install it: pip install 'upheld[{self.kind}]'.",
            ) from None
        connect: Callable[..., Service] = module.connect
        return connect(self.name, self.settings, lambda reference: resolve(reference, self.data), clock)


@dataclass(frozen=True, slots=True)
class Connections:
    """All connections of a data folder, by name."""

    of: Mapping[str, Connection]
    clock: Clock

    @property
    def feeds(self) -> Mapping[str, tuple[str, ...]]:
        """Give which service writes to which."""
        return {name: one.feeds for name, one in self.of.items()}

    @contextmanager
    def opened(self, name: str) -> Iterator[Service]:
        """Open a service for as long as the block takes."""
        service = self.of[name].open(self.clock)
        try:
            yield service
        finally:
            service.close()


def connections_of(data: Path, clock: Clock) -> Connections:
    """Read `connections/NAME.yaml` and the maps in `databases/` of a data folder; raises MapError with file and key."""
    found = {file.stem: _read(file, data) for file in sorted((data / FOLDER).glob("*.yaml"))}
    troubles = [
        Trouble("feeds", f"{one.name}.yaml", f"feeds names {other}, which has no connection")
        for one in found.values()
        for other in one.feeds
        if other not in found
    ]
    if troubles:
        raise MapError(tuple(troubles))
    return Connections(Frozen(found), clock)


def _read(file: Path, data: Path) -> Connection:
    tree = tree_of(file)
    if not isinstance(tree, dict) or tree.get("kind") not in KINDS:
        raise MapError((Trouble("kind", file.name, f"kind is one of {', '.join(KINDS)}"),))
    feeds, control = tree.get("feeds", []), tree.get("control", {})
    if not isinstance(feeds, list) or not isinstance(control, dict):
        raise MapError((Trouble("form", file.name, "feeds is a list of names, control a mapping such as email: canary@example.com"),))
    told = {name: (value,) if isinstance(value, str) else tuple(value) for name, value in control.items()}
    settings = {name: value for name, value in tree.items() if name not in COMMON}
    if "map" in settings:
        settings["map"] = str(data / str(settings["map"]))
    return Connection(file.stem, str(tree["kind"]), Frozen(settings), tuple(map(str, feeds)), Frozen(told), data)
