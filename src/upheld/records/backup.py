"""A backup of both stores: the data as they stand, then the keys, sealed; root and erasure journal are in neither."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from upheld.db import canonical, crash_point, retried
from upheld.db.store import SCHEMA
from upheld.records.dump import BackupUnreadableError, dump, intact, moment, pieces_of, rows_in, unpacked
from upheld.records.model import RecordsError
from upheld.records.sealed import Hashed, SealedKeys, check, private, read_note, seal_keys

if TYPE_CHECKING:
    from upheld.records.assembly import Holdings

FORM = "upheld-backup/1"
MANIFEST = "manifest.json"
DATA = "data.jsonl.gz"
KEYS = "keys.age"


class BackupThereError(RecordsError):
    """The folder holds something already."""

    code = "backup_there"
    next_step = "Name a new folder for each backup."


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a whole backup consists of; it is written last, so a folder without it is no backup.

    `journal` is how many lines the erasure journal had, and the hash of the last: a restore needs at least these.
    """

    made_at: datetime
    sha256: str
    counts: Mapping[str, int]
    keys_sha256: str
    root: str
    origin: str
    size: int
    journal: int
    last_line: str

    def said(self) -> dict[str, Any]:
        """Give it as JSON values."""
        return {
            "format": FORM,
            "made_at": self.made_at.isoformat(timespec="milliseconds"),
            "schema": dict(SCHEMA),
            "data": {"file": DATA, "sha256": self.sha256, "rows": dict(self.counts)},
            "keys": {"file": KEYS, "sha256": self.keys_sha256, "root": self.root},
            "ledger": {"origin": self.origin, "size": self.size},
            "journal": {"lines": self.journal, "last": self.last_line},
        }


def make_backup(holdings: Holdings, out: Path, words: Callable[[], Mapping[str, str]]) -> Manifest:
    """Write a backup into a new folder, open it again whole, and note it in the ledger; memory does not grow with the stores.

    The data go first: the keys are then at least those of every record. `words` gives clause, policy version and
    actor of the entry. Raises BackupThereError, BackupUnreadableError when what was written is not what was read,
    OSError when the folder cannot be written.
    Clause: security.technical
    """
    if out.exists() and ((out / MANIFEST).exists() or any(one.name not in _PARTS for one in out.iterdir())):
        raise BackupThereError
    out.mkdir(parents=True, exist_ok=True, mode=0o700)
    canary = holdings.vault.any_record()
    counts: dict[str, int] = {}
    with private(out / DATA) as file:
        hashed = Hashed(file)
        for piece in dump(holdings.data, counts):
            hashed.write(piece)
    crash_point("backup.data")
    keys = seal_keys(holdings.ring, out / KEYS)
    crash_point("backup.keys")
    _look(out, hashed.hexdigest(), counts)
    seen = check(keys, holdings.ring.root, (canary.subject, canary.shred_class) if canary else None)
    if canary is not None and not holdings.vault.opens(canary, seen.key):
        raise BackupUnreadableError("The sealed keys do not open a record.")
    lines = holdings.journal.lines()
    made = Manifest(
        made_at=holdings.ring.now(),
        sha256=hashed.hexdigest(),
        counts=counts,
        keys_sha256=keys.sha256,
        root=keys.root,
        origin=holdings.ledger.vkey.partition("+")[0],
        size=holdings.ledger.health().size,
        journal=len(lines),
        last_line=lines[-1].hash() if lines else "",
    )
    with private(out / f".{MANIFEST}") as file:
        file.write(json.dumps({**made.said(), "check": _sum(made.said())}, indent=1).encode() + b"\n")
    (out / f".{MANIFEST}").rename(out / MANIFEST)
    crash_point("backup.manifest")
    _tell(holdings, made, words())
    return made


_PARTS = frozenset({DATA, KEYS, "keys.json", "keys.part", f".{MANIFEST}"})
"""What a backup that was cut off may have left: it is written over."""


@retried
def _tell(holdings: Holdings, made: Manifest, words: Mapping[str, str]) -> None:
    body = {name: told for name, told in made.said().items() if name != "format"}
    with holdings.data.write() as tx:
        holdings.ledger.append(
            tx,
            "backup.made",
            clause=words["clause"],
            policy_version=words["policy_version"],
            actor=words["actor"],
            body=body,
        )


def _look(folder: Path, sha256: str, counts: Mapping[str, int]) -> None:
    """Read the data part again: its hash, its form and its rows."""
    intact(folder / DATA, sha256)
    found = dict.fromkeys(counts, 0)
    for table, _, row in rows_in(unpacked(pieces_of(folder / DATA)), "data"):
        found[table] = found.get(table, 0) + (row is not None)
    if found != counts:
        raise BackupUnreadableError


def _sum(told: Mapping[str, Any]) -> str:
    return hashlib.sha256(canonical(told)).hexdigest()


def keys_of(folder: Path, manifest: Manifest) -> SealedKeys:
    """Give the sealed keys of a backup; raises BackupUnreadableError when they are not those of the manifest."""
    found = read_note(folder / KEYS)
    if found.sha256 != manifest.keys_sha256:
        raise BackupUnreadableError
    return found


def read_manifest(folder: Path) -> Manifest:
    """Read the manifest of a backup; raises BackupUnreadableError when the folder is no whole backup."""
    try:
        told = json.loads((folder / MANIFEST).read_bytes())
        if told.pop("check") != _sum(told) or told["format"] != FORM or told["schema"] != SCHEMA:
            raise BackupUnreadableError
        return Manifest(
            made_at=moment(told["made_at"]),
            sha256=told["data"]["sha256"],
            counts=dict(told["data"]["rows"]),
            keys_sha256=told["keys"]["sha256"],
            root=told["keys"]["root"],
            origin=told["ledger"]["origin"],
            size=told["ledger"]["size"],
            journal=told["journal"]["lines"],
            last_line=told["journal"]["last"],
        )
    except (OSError, ValueError, KeyError, TypeError):
        raise BackupUnreadableError from None
