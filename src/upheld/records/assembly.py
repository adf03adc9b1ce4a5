"""One data folder opened as a whole: both stores, root, keyring, journal, ledger and vault, mended after a crash."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa

from upheld.db import Clock, Ids, Store, data_metadata, keys_metadata
from upheld.ledger import Ledger, Signer
from upheld.ledger.store import log_origin
from upheld.records import store
from upheld.records.journal import Journal, JournalGapError
from upheld.records.keyring import KeyRing
from upheld.records.root import FileRoot, RootProvider
from upheld.records.vault import Vault

DEFAULT_ORIGIN = "localhost/upheld/ledger/1"


@dataclass(frozen=True, slots=True)
class Holdings:
    """Everything a data folder holds, opened; close it at the end."""

    data: Store
    ring: KeyRing
    journal: Journal
    ledger: Ledger
    vault: Vault

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
) -> Holdings:
    """Open or begin the data folder and finish erasures that a crash interrupted.

    `origin` names the ledger when it is begun and is kept from then on. Below the folder lie `data/`, `keys/`,
    `root/` (unless another root provider is given) and two copies of the erasure journal.
    Raises RootError, JournalGapError, StoreTooNewError.
    """
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    data = Store(folder / "data" / "data.db", data_metadata)
    keys = Store(folder / "keys" / "keys.db", keys_metadata)
    ring = KeyRing(keys, root or FileRoot(folder / "root", clock, ids.random), clock, ids)
    journal = Journal([folder / "journal" / name / "erasure.jsonl" for name in ("a", "b")])
    _journal_reaches(data, journal)
    with data.read() as tx:
        known = log_origin(tx)
    signer = Signer(known or origin or DEFAULT_ORIGIN, ring.meta("signing"))
    ledger = Ledger(data, signer, ring, clock, ids)
    vault = Vault(data, ring, ledger, journal, clock, ids)
    vault.resume_erasures()
    return Holdings(data, ring, journal, ledger, vault)


def _journal_reaches(data: Store, journal: Journal) -> None:
    """Refuse to serve when the journal lacks an erasure that the data store knows."""
    with data.read() as tx:
        known = tx.execute(sa.select(sa.func.max(store.erasure.c.journal_seq))).scalar() or 0
    if len(journal.lines()) < known:
        raise JournalGapError
