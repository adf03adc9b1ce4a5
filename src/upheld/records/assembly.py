"""One data folder opened as a whole: both stores, root, keyring, journal, ledger and vault, mended after a crash."""

from __future__ import annotations

import contextlib
import os
import tomllib
from dataclasses import dataclass, fields
from pathlib import Path

import sqlalchemy as sa

from upheld.db import Clock, Ids, Store, data_metadata, keys_metadata
from upheld.db.postgres import PLAIN, Settings
from upheld.db.store import SCHEMA
from upheld.ledger import KeptCheckpoint, Ledger, Signer
from upheld.ledger.store import log_origin
from upheld.records import store
from upheld.records.journal import Journal, JournalGapError
from upheld.records.keeping import keeping_of, root_of
from upheld.records.keyring import KeyRing
from upheld.records.model import RecordsError
from upheld.records.restore import MARK, RestoreUnfinishedError
from upheld.records.root import RootProvider
from upheld.records.rotation import KeysBackupError, RotationRunningError, Rotations
from upheld.records.vault import Vault

DEFAULT_ORIGIN = "localhost/upheld/ledger/1"
PLACES = "stores.toml"
_VARIABLES = {"data": "UPHELD_DATA_URL", "keys": "UPHELD_KEYS_URL"}


@dataclass(frozen=True, slots=True)
class Places:
    """Where the two stores of a data folder lie: files below it, or PostgreSQL databases."""

    data: Path | str
    keys: Path | str
    settings: Settings = PLAIN

    def open(self, name: str, *, migrating: bool = False) -> Store:
        """Open one of the two, `data` or `keys`."""
        where, metadata = (self.keys, keys_metadata) if name == "keys" else (self.data, data_metadata)
        return Store(where, metadata, settings=self.settings, migrating=migrating)


class PlacesError(RecordsError):
    """The file stores.toml of the data folder does not say where both stores lie."""

    code = "stores_unreadable"
    next_step = 'Write data = "postgresql://…" and keys = "postgresql://…", two different databases, or remove the file.'


def places_of(folder: Path) -> Places:
    """Read where the stores of a data folder lie; without `stores.toml` they are files below it.

    The addresses in `stores.toml` give way to UPHELD_DATA_URL and UPHELD_KEYS_URL, so that a password need not
    stand in a file. Raises PlacesError.
    """
    written = folder / PLACES
    told: dict[str, object] = {}
    if written.exists():
        try:
            told = tomllib.loads(written.read_text("utf-8"))
        except (tomllib.TOMLDecodeError, UnicodeDecodeError):
            raise PlacesError from None
    told |= {name: os.environ[key] for name, key in _VARIABLES.items() if os.environ.get(key)}
    if not told:
        return Places(folder / "data" / "data.db", folder / "keys" / "keys.db")
    data, keys = told.get("data"), told.get("keys")
    if not (isinstance(data, str) and isinstance(keys, str)) or data == keys:
        raise PlacesError
    return Places(data, keys, _settings(told.get("postgresql", {})))


def _settings(told: object) -> Settings:
    """Read the table [postgresql]; an unknown key or a value of another kind is refused, for a typing error in it is silent."""
    kinds = {one.name: type(one.default) for one in fields(Settings)}
    if not isinstance(told, dict):
        raise PlacesError
    for name, value in told.items():
        kind = kinds.get(name)
        if kind is None or not (type(value) is kind or (kind is float and type(value) is int)):
            raise PlacesError(f"stores.toml: {name} under [postgresql] is none of {', '.join(kinds)}, or of another kind.")
    return Settings(**told)


def is_begun(folder: Path) -> bool:
    """Say whether a data folder was begun there."""
    places = places_of(folder)
    return places.data.exists() if isinstance(places.data, Path) else (folder / "journal").exists()


def migrate_stores(folder: Path) -> dict[str, tuple[str, str]]:
    """Bring both stores of a data folder to the tables of this release, keys first; gives (before, after) of each.

    Raises PlacesError, StoreTooNewError, StoreBusyError while somebody works with a table.
    """
    places = places_of(folder)
    done: dict[str, tuple[str, str]] = {}
    for name in ("keys", "data"):
        store = places.open(name, migrating=True)
        done[name] = (store.found, SCHEMA[name])
        store.close()
    return done


@dataclass(frozen=True, slots=True)
class Holdings:
    """Everything a data folder holds, opened; close it at the end."""

    data: Store
    ring: KeyRing
    journal: Journal
    ledger: Ledger
    vault: Vault
    rotations: Rotations

    def close(self) -> None:
        """Close both stores and forget the keys."""
        self.ring.close()
        self.ring.store.close()
        self.data.close()


def open_holdings(
    folder: Path,
    clock: Clock,
    ids: Ids,
    *,
    origin: str | None = None,
    root: RootProvider | None = None,
    restoring: bool = False,
) -> Holdings:
    """Open or begin the data folder; finish erasures and a change of the root that a crash interrupted.

    `origin` names the ledger when it is begun and is kept from then on. Below the folder lie `data/`, `keys/`,
    `root/` (unless another root provider is given) and two copies of the erasure journal with the ledger's newest
    checkpoint; `stores.toml` may put the two stores into PostgreSQL instead, `keeping.toml` the root and the sealed
    copies of the keys elsewhere. Raises PlacesError, KeepingError, RootError, JournalGapError, StoreTooNewError,
    RestoreUnfinishedError unless the caller is the one who is `restoring`: then nothing is finished here.
    """
    if (folder / MARK).exists() and not restoring:
        raise RestoreUnfinishedError
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    places = places_of(folder)
    data, keys = places.open("data"), places.open("keys")
    keeping = keeping_of(folder)
    ring = KeyRing(keys, root or root_of(keeping, folder, clock, ids), clock, ids, buckets=keeping.buckets)
    journal = Journal([folder / "journal" / name / "erasure.jsonl" for name in ("a", "b")])
    if not restoring:
        _journal_reaches(data, journal)
    with data.read() as tx:
        known = log_origin(tx)
    signer = Signer(known or origin or DEFAULT_ORIGIN, ring.meta("signing"))
    kept = KeptCheckpoint([folder / "journal" / name / "checkpoint.txt" for name in ("a", "b")])
    ledger = Ledger(data, signer, ring, clock, ids, kept)
    vault = Vault(data, ring, ledger, journal, clock, ids)
    rotations = Rotations(ring, vault, ledger, journal, keeping.copies, folder / "root" / ".rotating", clock, ids)
    if not restoring:
        vault.resume_erasures()
        with contextlib.suppress(KeysBackupError, RotationRunningError):  # told by the status; nothing is destroyed
            rotations.resume()
    return Holdings(data, ring, journal, ledger, vault, rotations)


def _journal_reaches(data: Store, journal: Journal) -> None:
    """Refuse to serve when the journal lacks an erasure that the data store knows."""
    with data.read() as tx:
        known = tx.execute(sa.select(sa.func.max(store.erasure.c.journal_seq))).scalar() or 0
    if len(journal.lines()) < known:
        raise JournalGapError
