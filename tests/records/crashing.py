"""An act on a data folder, run in a process of its own that may end at a crash point: `crashing.py FOLDER ACT [SUBJECT]`."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path

from upheld.db import FixedClock, Ids, unb64
from upheld.records import open_holdings

if __name__ == "__main__":
    clock = FixedClock(datetime(2026, 11, 22, 4, 0, tzinfo=UTC))
    held = open_holdings(Path(sys.argv[1]), clock, Ids(clock))
    words = {"clause": "rights.erasure", "policy_version": "1", "actor": "svc:rights"}
    match sys.argv[2]:
        case "open":
            pass
        case "rotate":
            held.rotations.rotate()
        case "erase":
            held.vault.erase(unb64(sys.argv[3]), reason="request", **words)
    held.close()
