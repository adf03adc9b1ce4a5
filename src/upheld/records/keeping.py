"""How a data folder keeps its keys, their root and their sealed copies: `keeping.toml`, or the defaults below it."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import NoneType
from typing import Any

from upheld.db import Clock, Ids
from upheld.records.bucket import counted
from upheld.records.model import RecordsError
from upheld.records.root import FileRoot, RootProvider

FILE = "keeping.toml"
_BY_ENVIRONMENT = "env:"


class KeepingError(RecordsError):
    """The file keeping.toml of the data folder cannot be followed."""

    code = "keeping_unreadable"
    next_step = (
        "Write [root] provider = \"file\" or \"kms\", [copies] folders = two or more folders, [keys] buckets = a number;"
        " see `docs/howto/back-up.md`."
    )


@dataclass(frozen=True, slots=True)
class Keeping:
    """Where the root is kept, where sealed copies of the keys go, and how many buckets the keys are to lie in, if it is said."""

    copies: tuple[Path, ...]
    provider: str = "file"
    settings: Mapping[str, str] = field(default_factory=dict)
    buckets: int | None = None


def keeping_of(folder: Path) -> Keeping:
    """Read `keeping.toml`; without it the root is a file below `root/` and copies go to two folders below `copies/`.

    Raises KeepingError, also for fewer than two folders or a secret that is not named by `env:`, and BucketsError for a
    number of buckets that no keys store can have.
    """
    told: dict[str, Any] = {}
    if (folder / FILE).exists():
        try:
            told = tomllib.loads((folder / FILE).read_text("utf-8"))
        except (tomllib.TOMLDecodeError, UnicodeDecodeError):
            raise KeepingError from None
    root = dict(told.get("root", {}))
    provider = root.pop("provider", "file")
    folders = told.get("copies", {}).get("folders", ["copies/a", "copies/b"])
    keys = told.get("keys", {})
    buckets = keys.get("buckets")
    if provider not in {"file", "kms"} or not _words(root) or not isinstance(folders, list):
        raise KeepingError
    copies = tuple(folder / str(one) for one in folders)
    if len(set(copies)) < 2 or set(told) - {"root", "copies", "keys"} or set(keys) - {"buckets"} or type(buckets) not in {int, NoneType}:
        raise KeepingError
    return Keeping(copies, provider, root, None if buckets is None else counted(buckets))


def _words(settings: Mapping[str, Any]) -> bool:
    return all(isinstance(value, str) for value in settings.values())


def root_of(keeping: Keeping, folder: Path, clock: Clock, ids: Ids) -> RootProvider:
    """Give the provider of the root that a data folder names; raises KeepingError when it lacks a setting."""
    if keeping.provider == "file":
        return FileRoot(folder / "root", clock, ids.random)
    from upheld.records.kms import KmsClient, KmsRoot

    settings = keeping.settings
    if set(settings) != {"url", "key", "token"}:
        raise KeepingError
    client = KmsClient(settings["url"], settings["key"], lambda: secret(settings["token"]))
    return KmsRoot(client, folder / "root", clock, ids.random)


def secret(reference: str) -> str:
    """Give the secret that a reference `env:NAME` names; raises KeepingError for anything else: no secret stands in a file."""
    name = reference.removeprefix(_BY_ENVIRONMENT)
    found = os.environ.get(name) if reference.startswith(_BY_ENVIRONMENT) else None
    if not found:
        raise KeepingError("A secret is named as env:NAME, and the variable is set.")
    return found
