"""The company's own databases: finds, erases and looks again in tables that a map describes, whole or not at all."""

from upheld.services.sql.adapter import Erased, SqlService
from upheld.services.sql.live import DatabaseError, Finding
from upheld.services.sql.mapping import MapError, SqlMap, Trouble, read_map
from upheld.services.sql.planning import Act, Plan

__all__ = ["Act", "DatabaseError", "Erased", "Finding", "MapError", "Plan", "SqlMap", "SqlService", "Trouble", "read_map"]
