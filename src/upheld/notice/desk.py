"""The desk before the writer: one look for all acts of a batch at what each of them will be judged by."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import sqlalchemy as sa

from upheld.notice.actions import Notices
from upheld.notice.model import Shown
from upheld.notice.once import Act, Once
from upheld.notice.store import Shelf
from upheld.records import Vault, Wanted


@dataclass(slots=True, kw_only=True)
class Work:
    """An act that waits for the writer, as far as the desk must know it.

    `wanted` says by what a person is found who may be new; the desk then sets `subject`. `purpose` is one whose
    standing the act decides by.
    """

    act: Act | None = None
    shown: Shown | None = None
    wanted: Wanted | None = field(default=None, repr=False)
    subject: bytes = b""
    purpose: str = ""
    size: int = 1024

    @property
    def again(self) -> bool:
        """Say whether it may be tried again without knowing what became of it: its idempotency key tells."""
        return self.act is not None


@dataclass(frozen=True, slots=True)
class HouseDesk:
    """Meets the persons of a batch in the keys store, then takes all rows to be judged by, in one order."""

    shelf: Shelf
    vault: Vault
    notices: Notices
    once: Once

    def before(self, commands: Sequence[Work]) -> None:
        """Find the persons, or make them: keys first, then data."""
        meeting = [(one, one.wanted) for one in commands if one.wanted is not None]
        if meeting:
            met = self.vault.subjects_for([wanted for _, wanted in meeting])
            for (one, _), subject in zip(meeting, met, strict=True):
                one.subject = subject

    def look(self, tx: sa.Connection, commands: Sequence[Work]) -> None:
        """Look at versions, persons, answers given before, receipts used, and standings."""
        self.shelf.look(tx)
        self.vault.hold(tx, [one.subject for one in commands if one.subject])
        self.once.look(tx, [one.act for one in commands if one.act is not None])
        self.notices.look(tx, [one.shown for one in commands if one.shown is not None])
        asked = [(one.subject, one.purpose) for one in commands if one.purpose]
        if asked:
            self.vault.look_standings(tx, asked)


@dataclass(frozen=True, slots=True)
class ReadDesk:
    """Takes all that stands about the persons of a batch of reads, one statement a table."""

    vault: Vault

    def before(self, commands: Sequence[Work]) -> None:
        """Nothing is made for a read."""

    def look(self, tx: sa.Connection, commands: Sequence[Work]) -> None:
        """Look at the persons."""
        self.vault.look_around(tx, list(dict.fromkeys(one.subject for one in commands if one.subject)))
