"""Commands that work with a data folder: each goes through the same gates as page and API.

A command is an attribute of this package, loaded with the part it stands in.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

_PARTS = {
    "migrate": "vaulting",
    "publish": "flow",
    "collect": "flow",
    "read": "flow",
    "audience": "flow",
    "transfers": "gates",
    "tasks": "gates",
    "mail": "mailing",
    "plan": "keeping",
    "apply": "keeping",
    "relation": "keeping",
    "hold": "holding",
    "schedule": "scheduling",
    "links": "linking",
    "records": "finding",
    "database": "databases",
    "services": "reaching",
    "request": "asking",
    "consent": "bases",
    "basis": "bases",
    "ledger": "proving",
    "staff": "people",
    "keys": "people",
    "backup": "vaulting",
    "restore": "vaulting",
}


def __getattr__(name: str) -> Any:
    """Load a command with its part."""
    if name not in _PARTS:
        raise AttributeError(name)
    return getattr(import_module(f"upheld.cli_rooms.{_PARTS[name]}"), name)
