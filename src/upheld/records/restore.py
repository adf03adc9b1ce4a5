"""Putting a backup back: both stores filled, every erasure carried out again, the ledger going on under a new origin.

Until all of that is done the folder does not open; a restore that was cut off begins anew.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from upheld.db import Clock, Ids, crash_point, retried
from upheld.records.backup import DATA, Manifest, keys_of, read_manifest
from upheld.records.bucket import BucketsError
from upheld.records.dump import BackupUnreadableError, intact, load, pieces_of
from upheld.records.journal import Journal, JournalGapError, JournalLine
from upheld.records.keeping import keeping_of, root_of
from upheld.records.model import RecordsError
from upheld.records.root import RootProvider
from upheld.records.sealed import SealedKeys, opened, read_note, sealed_in, under_lost_root

if TYPE_CHECKING:
    from upheld.records.assembly import Holdings, Places

MARK = "restoring.json"
JOURNAL = "erasure.jsonl"
COPIES = ("a", "b")
REASON_LENGTH = 200


class RestoreUnfinishedError(RecordsError):
    """A restore into this folder was cut off; erased people may be in it."""

    code = "restore_unfinished"
    clause = "rights.erasure"
    next_step = "Run `upheld restore` again; it begins anew."


class RestoreThereError(RecordsError):
    """The folder holds data that no restore may write over."""

    code = "restore_there"
    next_step = "Restore into a new folder, or into empty databases named by its stores.toml."


class RootGoneError(RecordsError):
    """The root under which these keys were sealed is gone, so nothing opens them."""

    code = "root_gone"
    next_step = "Give the newest sealed copy of the keys with --keys, and the root in use with --root."


@dataclass(frozen=True, slots=True)
class Restored:
    """What a restore did: rows of the data, lines of the journal, how many of them were in the backup, the new log."""

    rows: int
    lines: int
    replayed: int
    origin: str
    gap: bool


def fill(
    source: Path,
    target: Path,
    clock: Clock,
    ids: Ids,
    *,
    keys: Path | None = None,
    root: Path | None = None,
    journal: Path | None = None,
    provider: RootProvider | None = None,
    accept_gap: bool = False,
) -> Manifest:
    """Verify a backup and fill both stores of a new data folder with it; nothing opens the folder before `finish`.

    `keys` is a newer sealed copy of the keys, or a folder of them; `root` and `journal` are folders to take root and
    journal from when they do not lie in `target` yet. A missing or shorter journal raises JournalGapError before
    anything is written, unless `accept_gap`. Raises BackupUnreadableError, RestoreThereError, RootGoneError, BucketsError.
    """
    from upheld.records.assembly import is_begun, places_of

    manifest = read_manifest(source)
    if is_begun(target) and not (target / MARK).exists() and _holds(target):
        raise RestoreThereError
    target.mkdir(parents=True, exist_ok=True, mode=0o700)
    _take(root, target / "root")
    _take_journal(journal, target)
    _check_journal(target, manifest, accept_gap=accept_gap)
    keeping = keeping_of(target)
    provider = provider or root_of(keeping, target, clock, ids)
    sealed = _newest(keys) if keys is not None else keys_of(source, manifest)
    if sealed.made_at < manifest.made_at and keys is not None:
        raise BackupUnreadableError("The sealed keys are older than the data, so they may lack some of their keys.")
    if keeping.buckets not in {None, sealed.buckets}:
        raise BucketsError(f"The sealed keys lie in {sealed.buckets} buckets, and `keeping.toml` says {keeping.buckets}.")
    if under_lost_root(sealed, provider):
        raise RootGoneError
    intact(source / DATA, manifest.sha256)
    intact(sealed.file, sealed.sha256)
    (target / MARK).write_text(json.dumps({"made_at": manifest.said()["made_at"]}) + "\n", "utf-8")
    crash_point("restore.begun")
    _load(source, sealed, manifest, places_of(target), provider)
    return manifest


def _load(source: Path, sealed: SealedKeys, manifest: Manifest, places: Places, provider: RootProvider) -> None:
    data = places.open("data")
    try:
        loaded = load(data, pieces_of(source / DATA))
        if loaded.counts != manifest.counts:
            raise BackupUnreadableError
    finally:
        data.close()
    crash_point("restore.data")
    keys = places.open("keys")
    try:
        load(keys, opened(sealed, provider))
    finally:
        keys.close()
    crash_point("restore.keys")


def finish(holdings: Holdings, target: Path, manifest: Manifest, words: Mapping[str, str], reason: str = "") -> Restored:
    """Carry out every line of the journal, let the ledger go on under a new origin, and let the folder open again.

    `holdings` were opened with `restoring`, with every room listening. `reason` says why a gap in the journal was
    accepted; it goes to the ledger, at most 200 characters of it.
    Clause: rights.erasure
    """
    lines = holdings.journal.lines()
    vault = holdings.vault
    erasures = [line for line in lines if isinstance(line, JournalLine)]
    again = sum(vault.replay(line, words) for line in erasures)
    vault.renumber()
    vault.resume_erasures()
    holdings.ring.tidy()
    holdings.data.tidy()
    crash_point("restore.replayed")
    holdings.ledger.fork(policy_version=words["policy_version"], actor=words["actor"], clause=words["clause"])
    crash_point("restore.forked")
    gap = len(lines) < manifest.journal or bool(reason)
    body = {
        "made_at": manifest.said()["made_at"],
        "lines": len(lines),
        "erasures": len(erasures),
        "replayed": again,
        "gap": gap,
        "reason": reason[:REASON_LENGTH],
    }

    @retried
    def tell() -> None:
        with holdings.data.write() as tx:
            holdings.ledger.append(
                tx,
                "restore.replayed",
                clause=words["clause"],
                policy_version=words["policy_version"],
                actor=words["actor"],
                body=body,
            )

    tell()
    holdings.ledger.integrate()
    (target / MARK).unlink()
    crash_point("restore.done")
    origin = holdings.ledger.vkey.partition("+")[0]
    return Restored(sum(manifest.counts.values()), len(lines), again, origin, gap)


def _holds(target: Path) -> bool:
    """Say whether the data store of a folder holds anything already; an empty database may be filled."""
    import sqlalchemy as sa

    from upheld.ledger.store import bundle, pending
    from upheld.records.assembly import places_of

    data = places_of(target).open("data")
    try:
        with data.read() as tx:
            return any(tx.execute(sa.select(table).limit(1)).first() for table in (bundle, pending))
    finally:
        data.close()


def _newest(keys: Path) -> SealedKeys:
    if keys.is_file():
        return read_note(keys)
    found = sealed_in(keys) or ([read_note(keys / "keys.age")] if (keys / "keys.age").exists() else [])
    if not found:
        raise BackupUnreadableError("There is no sealed copy of the keys.")
    return found[-1]


def _take(source: Path | None, target: Path) -> None:
    """Copy the files of a folder that are not there yet, for the owner's eyes only."""
    target.mkdir(parents=True, exist_ok=True, mode=0o700)
    for path in sorted(source.iterdir()) if source is not None else []:
        if path.is_file() and not path.name.startswith(".") and not (target / path.name).exists():
            shutil.copyfile(path, target / path.name)
            (target / path.name).chmod(0o600)


def _take_journal(source: Path | None, target: Path) -> None:
    """Copy the longest journal of a folder, and the ledger's newest checkpoint beside it, to both places."""
    if source is None:
        return
    found = [path for path in (source / JOURNAL, *(source / name / JOURNAL for name in COPIES)) if path.is_file()]
    if not found:
        return
    longest = max(found, key=lambda path: path.stat().st_size)
    for name in COPIES:
        folder = target / "journal" / name
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        for file in (longest, longest.with_name("checkpoint.txt")):
            if file.is_file() and file.resolve() != (folder / file.name).resolve():
                shutil.copyfile(file, folder / file.name)
                (folder / file.name).chmod(0o600)


def _check_journal(target: Path, manifest: Manifest, *, accept_gap: bool) -> None:
    """Raise JournalGapError unless the journal holds at least what it held when the backup was made.

    An accepted gap sets a journal aside that cannot be read, and goes on with an empty one.
    """
    paths = [target / "journal" / name / JOURNAL for name in COPIES]
    try:
        _reaches(paths, manifest)
    except JournalGapError:
        if not accept_gap:
            raise
        _set_aside(paths)


def _reaches(paths: list[Path], manifest: Manifest) -> None:
    if not any(path.exists() for path in paths):
        raise JournalGapError
    lines = Journal(paths).lines()
    reached = lines[manifest.journal - 1].hash() if 0 < manifest.journal <= len(lines) else ""
    if len(lines) < manifest.journal or reached != manifest.last_line:
        raise JournalGapError


def _set_aside(paths: list[Path]) -> None:
    try:
        Journal(paths).lines()
    except JournalGapError:
        for path in paths:
            if path.exists():
                path.rename(path.with_suffix(".set-aside"))
        Journal(paths)
