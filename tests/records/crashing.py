"""An act on a data folder, run in a process of its own that may end at a crash point: `crashing.py FOLDER ACT [MORE]`."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path

import upheld.app  # noqa: F401 - every room declares its tables
from upheld.db import FixedClock, Ids, unb64
from upheld.records import fill, finish, make_backup, open_holdings

WORDS = {"clause": "security.technical", "policy_version": "1", "actor": "svc:records"}

if __name__ == "__main__":
    clock = FixedClock(datetime(2026, 11, 22, 4, 0, tzinfo=UTC))
    if sys.argv[2] == "restore":
        source, target = Path(sys.argv[3]), Path(sys.argv[1])
        manifest = fill(source, target, clock, Ids(clock))
        held = open_holdings(target, clock, Ids(clock), restoring=True)
        finish(held, target, manifest, WORDS)
        held.close()
        sys.exit()
    held = open_holdings(Path(sys.argv[1]), clock, Ids(clock))
    words = {"clause": "rights.erasure", "policy_version": "1", "actor": "svc:rights"}
    match sys.argv[2]:
        case "open":
            pass
        case "backup":
            make_backup(held, Path(sys.argv[3]), lambda: WORDS)
        case "rotate":
            held.rotations.rotate()
        case "erase":
            held.vault.erase(unb64(sys.argv[3]), reason="request", **words)
    held.close()
