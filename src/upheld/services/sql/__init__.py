"""The company's own databases: finds, erases and looks again in tables that a map describes, whole or not at all."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from upheld.db import Clock
from upheld.services.sql.adapter import Erased, SqlService
from upheld.services.sql.database import SqlDatabase
from upheld.services.sql.live import DatabaseError, Finding
from upheld.services.sql.mapping import SqlMap, read_map
from upheld.services.sql.planning import Act, Plan
from upheld.services.written import MapError, Trouble

__all__ = [
    "Act", "DatabaseError", "Erased", "Finding", "MapError", "Plan", "SqlDatabase", "SqlMap", "SqlService", "Trouble", "connect",
    "read_map",
]  # fmt: skip


def connect(name: str, settings: Mapping[str, Any], secret: Callable[[str], str], clock: Clock) -> SqlDatabase:
    """Open a database under the map that `map` of the settings names, a path from the data folder; raises MapError."""
    mapping = read_map(Path(str(settings["map"])), name)
    return SqlDatabase(mapping, secret(mapping.url), clock)
