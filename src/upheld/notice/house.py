"""The house: what every room above works with, opened once and passed down."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from zoneinfo import ZoneInfo

from upheld.db import Clock, Ids, Store, Writer
from upheld.ledger import Ledger
from upheld.notice.actions import Notices
from upheld.notice.model import Published
from upheld.notice.once import Once
from upheld.notice.store import Shelf
from upheld.policy.law import Law
from upheld.policy.model import CompiledPolicy
from upheld.records import Holdings, Vault
from upheld.web.refusals import Refusal
from upheld.web.serving import Serving


@dataclass(frozen=True, slots=True)
class House:
    """One data folder with law, clock and published versions. Safe to share between threads.

    `writer` does many acts in one transaction, `looker` answers many reads from one state.
    `stirred` is set after every write, so that whoever gives out ledger positions wakes up.
    """

    folder: Path
    law: Law
    clock: Clock
    ids: Ids
    holdings: Holdings
    shelf: Shelf
    notices: Notices
    once: Once
    writer: Writer
    looker: Writer
    stirred: threading.Event = field(default_factory=threading.Event, compare=False)
    serving: Serving = field(default_factory=Serving)

    @property
    def store(self) -> Store:
        """The data store."""
        return self.holdings.data

    @property
    def ledger(self) -> Ledger:
        """The log of the data store."""
        return self.holdings.ledger

    @property
    def vault(self) -> Vault:
        """What is held about people."""
        return self.holdings.vault

    def in_force(self) -> Published:
        """Give the version in force now; raises Refusal `not_in_force` before the first.

        One answer to a request asks this once.
        """
        found = self.shelf.in_force()
        if found is None:
            raise Refusal("not_in_force")
        return found

    def today(self, policy: CompiledPolicy | None = None) -> date:
        """Give the legal day: of the company, as its policy sets the time zone; in UTC before there is one."""
        if policy is None:
            found = self.shelf.in_force()
            policy = found.policy if found else None
        now = self.clock.now()
        return now.astimezone(ZoneInfo(policy.timezone)).date() if policy else now.date()

    def settle(self) -> int:
        """Give ledger positions to what was written; gives how many entries were placed."""
        return self.ledger.integrate()

    def close(self) -> None:
        """Finish what waits to be written, then close everything."""
        self.looker.stop()
        self.writer.stop()
        self.shelf.close()
        self.holdings.close()
