"""Erasing again: after a restore each line of the journal is carried out on the restored stores before anything serves."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import sqlalchemy as sa

from upheld.db import later, retried
from upheld.records import store
from upheld.records.erase import PUT_ERASURE, Erasing
from upheld.records.journal import JournalLine
from upheld.records.model import Erasure
from upheld.records.rows import read_erasure, stored_erasure

REASON = "restore_replay"


class Replaying(Erasing):
    """What a restored store has to forget again.

    Clause: rights.erasure
    """

    def replay(self, line: JournalLine, words: Mapping[str, str]) -> bool:
        """Erase again what a line of the journal says; gives whether the restored stores still held any of it.

        Keys go and suppression tags come in any case; the rows go through the same steps as at the first time, so
        that every room deletes its own. Safe to repeat.
        """
        found = self._take_up(line, words)
        if found == "again":
            self.complete(line.erasure)
        self._ring.suppress(line.tags)
        if found == "done" and line.classes:
            return False  # a key of the class may be the one of what the person gave anew
        held = self._ring.holds(line.subject, line.classes)
        if held:
            self._ring.destroy(line.subject, line.classes or None, line.tags, tidy=False)
        return held or found == "again"

    @retried
    def _take_up(self, line: JournalLine, words: Mapping[str, str]) -> Literal["done", "again", "unknown"]:
        """Note the erasure of a line as released, unless it is done or the restored data do not know the person.

        The keys are never older than the data: where the data say done, the keys are gone too.
        """
        with self.data.write() as tx:
            known = self._known(tx, line.erasure)
            if known is not None:
                return "done" if known.step == "live" else "again"
            found = self.subject(tx, line.subject, lock=True)
            if found is None or found.state == "erased":
                return "unknown"
            self._raise_generation(tx, line.subject, "erasing")
            again = Erasure(
                line.erasure, line.subject, line.classes, not line.classes, "released", REASON, line.time, words
            )
            later(tx, PUT_ERASURE, stored_erasure(again, line.tags))
            return "again"

    def _known(self, tx: sa.Connection, erasure: bytes) -> Erasure | None:
        row = tx.execute(sa.select(store.erasure).where(store.erasure.c.id == erasure)).first()
        return None if row is None else read_erasure(row)

    @retried
    def renumber(self) -> int:
        """Write a line for every finished erasure that the journal lacks, after a restore without all of it.

        Gives how many lines were missing. Their suppression tags are lost with the lines that held them.
        """
        table, missing = store.erasure, 0
        with self.data.read() as tx:
            rows = tx.execute(sa.select(table).where(table.c.step == "live").order_by(table.c.id)).all()
        before = len(self._journal.lines())
        for one in map(read_erasure, rows):
            line = self._journal.append(
                erasure=one.id,
                subject=one.subject,
                classes=one.classes,
                tags=(),
                time=one.live_erased_at or one.begun_at,
            )
            missing += line.seq > before
            if one.journal_seq != line.seq:
                with self.data.write() as tx:
                    tx.execute(sa.update(table).where(table.c.id == one.id).values(journal_seq=line.seq))
        return missing
