"""Read the law data that ships beside this file."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import lru_cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any

import msgspec

from upheld.policy.law.values import LawError, freeze


def root() -> Traversable:
    """Give the folder with `packs/` and `data/`."""
    return files("upheld.policy.law")


def decode(name: str, raw: bytes) -> Any:
    """Decode one file into frozen data; raises LawError naming the file."""
    try:
        return freeze(msgspec.json.decode(raw))
    except msgspec.DecodeError as error:
        raise LawError(f"{name}: {error}") from error


@lru_cache(maxsize=16)
def data(name: str) -> Mapping[str, Any]:
    """Give one shipped table, for example `clocks`, as frozen data; raises LawError."""
    found: Mapping[str, Any] = decode(f"data/{name}.json", (root() / "data" / f"{name}.json").read_bytes())
    return found


def read_all(base: Traversable) -> dict[str, bytes]:
    """Give every JSON file of `packs/` and `data/` by its path, sorted."""
    found = {
        f"{folder}/{entry.name}": entry.read_bytes()
        for folder in ("data", "packs")
        for entry in (base / folder).iterdir()
        if entry.name.endswith(".json")
    }
    return dict(sorted(found.items()))


def content_hash(raw: Mapping[str, bytes]) -> str:
    """Give SHA-256 over names and bytes, in the order of the names."""
    digest = hashlib.sha256()
    for name, content in sorted(raw.items()):
        digest.update(f"{name}\0{len(content)}\0".encode())
        digest.update(content)
    return digest.hexdigest()
