"""Keeping: where everything else stands. Promises that what was committed is durable and that errors name a clause, not a person.

Two stores lie apart, `data` and `keys`; no transaction spans both, so the order of writes
(keys first, then data; for an erasure the other way round) makes every crash harmless.
"""

from upheld.db.batch import Change, Insert, Select, done, later, later_all, notebook, rows, rows_among
from upheld.db.bytesafe import b64, canonical, lp, parse_canonical, unb64
from upheld.db.clock import Clock, FixedClock, Ids, SystemClock, uuid7_time
from upheld.db.crash import crash_point
from upheld.db.errors import (
    Diagnostic,
    StoreBusyError,
    StoreConflictError,
    StoreTooNewError,
    StoreTooOldError,
    UpheldError,
)
from upheld.db.hot import Hot
from upheld.db.spool import Spool
from upheld.db.store import Store, data_metadata, keys_metadata, retried
from upheld.db.types import UtcMs, from_ms, to_ms
from upheld.db.writer import Command, Writer, WriterFullError, WriterStoppedError

__all__ = [
    "Change",
    "Clock",
    "Command",
    "Diagnostic",
    "FixedClock",
    "Hot",
    "Ids",
    "Insert",
    "Select",
    "Spool",
    "Store",
    "StoreBusyError",
    "StoreConflictError",
    "StoreTooNewError",
    "StoreTooOldError",
    "SystemClock",
    "UpheldError",
    "UtcMs",
    "Writer",
    "WriterFullError",
    "WriterStoppedError",
    "b64",
    "canonical",
    "crash_point",
    "data_metadata",
    "done",
    "from_ms",
    "keys_metadata",
    "later",
    "later_all",
    "lp",
    "notebook",
    "parse_canonical",
    "retried",
    "rows",
    "rows_among",
    "to_ms",
    "unb64",
    "uuid7_time",
]
