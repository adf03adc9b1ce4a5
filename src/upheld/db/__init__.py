"""Keeping: where everything else stands. Promises that what was committed is durable and that errors name a clause, not a person.

Two stores lie apart, `data` and `keys`; no transaction spans both, so the order of writes
(keys first, then data; for an erasure the other way round) makes every crash harmless.
"""

from upheld.db.bytesafe import b64, canonical, lp, parse_canonical, unb64
from upheld.db.clock import Clock, FixedClock, Ids, SystemClock, uuid7_time
from upheld.db.crash import crash_point
from upheld.db.errors import Diagnostic, StoreBusyError, StoreConflictError, StoreTooNewError, UpheldError
from upheld.db.hot import Hot
from upheld.db.store import Store, data_metadata, keys_metadata, retried
from upheld.db.types import UtcMs

__all__ = [
    "Clock",
    "Diagnostic",
    "FixedClock",
    "Hot",
    "Ids",
    "Store",
    "StoreBusyError",
    "StoreConflictError",
    "StoreTooNewError",
    "SystemClock",
    "UpheldError",
    "UtcMs",
    "b64",
    "canonical",
    "crash_point",
    "data_metadata",
    "keys_metadata",
    "lp",
    "parse_canonical",
    "retried",
    "unb64",
    "uuid7_time",
]
