"""Fixed words of pages, forms and letters, one file a language; what a language lacks is said in English."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib import resources
from types import MappingProxyType
from typing import TypeAlias

Words: TypeAlias = Mapping[str, Mapping[str, str]]
"""Section -> key -> words. Refusals stand in sections named `refusal.<code>`."""

FALLBACK = "en"


@cache
def words(lang: str, room: str = "web") -> Words:
    """Give the words of a room in a language, whatever is missing filled from English.

    A room's files are `upheld/<room>/words/<lang>.toml`; a room without any has no words of its own.
    """
    base = _read(room, FALLBACK)
    own = base if lang == FALLBACK else _read(room, lang)
    names = dict.fromkeys((*base, *own))
    return MappingProxyType(
        {name: MappingProxyType({**base.get(name, {}), **own.get(name, {})}) for name in names}
    )


@cache
def own_words(lang: str, room: str = "web") -> Words:
    """Give only what a language says itself; this is what tests compare."""
    return _read(room, lang)


def _read(room: str, lang: str) -> Words:
    """Read one file; the language was checked against the policy's, yet only plain codes reach the disk."""
    if not lang.replace("-", "").isalnum():
        return {}
    try:
        raw = resources.files(f"upheld.{room}").joinpath("words", f"{lang}.toml").read_text("utf-8")
    except (FileNotFoundError, ModuleNotFoundError):
        return {}
    return dict(_sections("", tomllib.loads(raw)))


def _sections(prefix: str, table: Mapping[str, object]) -> list[tuple[str, Mapping[str, str]]]:
    found: list[tuple[str, Mapping[str, str]]] = []
    leaves = {key: value for key, value in table.items() if isinstance(value, str)}
    if leaves:
        found.append((prefix, MappingProxyType(leaves)))
    for key, value in table.items():
        if isinstance(value, Mapping):
            found += _sections(f"{prefix}.{key}" if prefix else key, value)
    return found
