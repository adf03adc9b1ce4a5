"""The words of leaves: clauses, policy versions and actors, each spelled once and known by a short number."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

import sqlalchemy as sa

from upheld.db import Store, notebook
from upheld.ledger.store import word


class Words:
    """Short numbers for the words of a leaf. Safe to share between threads.

    A number is remembered only when it was read from committed rows: one that a rolled-back transaction gave out
    would point at nothing. On PostgreSQL a new word is committed by itself at once, so that two processes that
    think of the same word neither wait for each other's long transactions nor lose one; on SQLite there is one
    writer, and the word is written inside its transaction.
    """

    def __init__(self, data: Store) -> None:
        """Start knowing no word."""
        self._store = data
        self._numbers: dict[str, int] = {}
        self._own: set[str] = set()
        self._newest = 0

    def numbers(self, tx: sa.Connection, texts: Iterable[str]) -> Mapping[str, int]:
        """Give the numbers of words, making those that are new."""
        known = self._numbers
        missing = sorted({text for text in texts if text not in known})
        if not missing:
            return known
        here: dict[str, int] = notebook(tx).seen.setdefault("ledger words", {})
        unread = [text for text in missing if text not in here]
        if unread:
            found = _read(tx, unread)
            known.update({text: number for text, number in found.items() if text not in self._own})
            new = [text for text in unread if text not in found]
            here.update(found | self._make(tx, new) if new else found)
        return {**known, **here}

    def known(self, texts: Iterable[str]) -> Mapping[str, int] | None:
        """Give the numbers of words if all of them are remembered, without asking the store; else None."""
        return self._numbers if all(text in self._numbers for text in texts) else None

    def _make(self, tx: sa.Connection, texts: Collection[str]) -> dict[str, int]:
        rows = [{"text": text.encode()} for text in texts]
        if self._store.dialect == "sqlite":
            self._own.update(texts)
            tx.execute(sa.insert(word), rows)
            return _read(tx, texts)
        from sqlalchemy.dialects.postgresql import insert

        with self._store.aside() as alone:
            alone.execute(insert(word).on_conflict_do_nothing(), rows)
        with self._store.read() as later:
            made = _read(later, texts)
        self._numbers.update(made)
        return made

    def learn(self, tx: sa.Connection) -> None:
        """Remember the words committed since the last time; `tx` must not have written any."""
        rows = tx.execute(sa.select(word.c.id, word.c.text).where(word.c.id > self._newest)).all()
        for number, raw in rows:
            text = raw.decode()
            self._numbers[text] = number
            self._own.discard(text)
            self._newest = max(self._newest, number)


def _read(tx: sa.Connection, texts: Collection[str]) -> dict[str, int]:
    wanted = [text.encode() for text in texts]
    rows = tx.execute(sa.select(word.c.text, word.c.id).where(word.c.text.in_(wanted)))
    return {raw.decode(): number for raw, number in rows}
