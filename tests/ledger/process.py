"""A process of its own that appends to a ledger and gives out positions; tests start several, and kill some."""

from __future__ import annotations

import contextlib
import hashlib
import os
import sys
from pathlib import Path

from upheld.db import Ids, Store, SystemClock, retried
from upheld.ledger import KeptCheckpoint, Ledger, NewEntry, Signer
from upheld.ledger.memory import KeysInMemory
from upheld.ledger.model import HeadMovedError

ORIGIN = "example.com/upheld/ledger/1"


class SharedKeys(KeysInMemory):
    """Keys that every process of a test knows: each follows from what it is for."""

    def key(self, subject: bytes | None, shred_class: str) -> bytes:
        return hashlib.sha256((subject or b"") + shred_class.encode()).digest()

    def seal_body(self, entry_id, subject, shred_class, body):
        self._keys[subject, shred_class] = self.key(subject, shred_class)
        return super().seal_body(entry_id, subject, shred_class, body)

    def open_body(self, entry_id, subject, shred_class, sealed):
        self._keys[subject, shred_class] = self.key(subject, shred_class)
        return super().open_body(entry_id, subject, shred_class, sealed)


def opened(where: Path | str, kept: Path | None = None) -> Ledger:
    """Open the ledger of a place."""
    clock = SystemClock()
    copy = KeptCheckpoint([kept]) if kept else None
    return Ledger(Store(where), Signer(ORIGIN, bytes(range(32))), SharedKeys(), clock, Ids(clock), copy)


def run(where: Path | str, name: str, count: int, acknowledged: Path) -> None:
    """Append `count` entries one by one and in small batches, placing now and then; write down what was acknowledged.

    Every process thinks of the same words, each in an order of its own.
    """
    ledger = opened(where, acknowledged.parent / "kept.txt")
    done = 0
    with acknowledged.open("a", encoding="ascii") as out:
        while done < count:
            size = min(1 + done % 4, count - done)
            entries = [
                NewEntry(
                    "collect.refused",
                    clause=f"c.{(done + step) * (3 if name == 'b' else 7) % 20}",
                    policy_version=f"v{done // 10}",
                    actor="self",
                    body={"by": name, "n": done + step},
                    subject=bytes([step]) * 16,
                )
                for step in range(size)
            ]
            ids = _appended(ledger, entries)
            out.write("".join(one.hex() + "\n" for one in ids))
            out.flush()
            os.fsync(out.fileno())
            done += size
            if done % 5 == 0:
                with contextlib.suppress(HeadMovedError):
                    ledger.integrate()


@retried
def _appended(ledger: Ledger, entries: list[NewEntry]) -> list[bytes]:
    with ledger._store.write() as tx:
        return list(ledger.append_many(tx, entries))


def main() -> None:
    """Run as a program: PLACE NAME COUNT FILE."""
    place, name, count, file = sys.argv[1:]
    run(place if "://" in place else Path(place), name, int(count), Path(file))


if __name__ == "__main__":
    main()
