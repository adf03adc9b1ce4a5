"""Once: an act sent twice under one key is done once and answered twice the same."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import sqlalchemy as sa

from upheld.db import Clock, UtcMs, data_metadata
from upheld.web.refusals import Refusal

KEPT = timedelta(hours=24)
MAX_KEY = 255

once_table = sa.Table(
    "once",
    data_metadata,
    sa.Column("key", sa.LargeBinary(32), primary_key=True),
    sa.Column("body", sa.LargeBinary(32), nullable=False),
    sa.Column("answer", sa.Text, nullable=False),
    sa.Column("until", UtcMs, nullable=False, index=True),
    comment="answers to acts by idempotency key; keys and bodies as keyed hashes, for a day",
)


@dataclass(frozen=True, slots=True)
class Act:
    """One act under an idempotency key: keyed hashes of the key and of what was asked."""

    key: bytes
    body: bytes


class Once:
    """Remembers answers for a day. Safe to share between threads.

    The caller asks `known` and writes with `keep` inside the transaction of the act, so that an answer is kept
    exactly when the act was done.
    """

    def __init__(self, key: bytes, clock: Clock) -> None:
        """Hash with `key`, so that the store tells neither keys nor bodies."""
        self._key = key
        self._clock = clock

    def act(self, scope: str, key: str | None, body: Any) -> Act:
        """Name an act; raises Refusal `idempotency_missing` for no key or one that is too long.

        `scope` keeps acts of different kinds apart; `body` is anything that has a JSON form.
        """
        if not key or len(key) > MAX_KEY:
            raise Refusal("idempotency_missing")
        text = json.dumps(body, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
        return Act(self._hash(f"{scope}|{key}"), self._hash(f"{scope}|{text}"))

    def known(self, tx: sa.Connection, act: Act) -> dict[str, Any] | None:
        """Give the answer of an act that was done already; raises Refusal `idempotency_mismatch` for another body."""
        query = sa.select(once_table.c.body, once_table.c.answer).where(
            once_table.c.key == act.key, once_table.c.until > self._clock.now()
        )
        row = tx.execute(query).first()
        if row is None:
            return None
        if not hmac.compare_digest(row.body, act.body):
            raise Refusal("idempotency_mismatch")
        answer: dict[str, Any] = json.loads(row.answer)
        return answer

    def keep(self, tx: sa.Connection, act: Act, answer: Mapping[str, Any]) -> None:
        """Keep the answer of an act with the act itself; forgets what is older than a day."""
        now = self._clock.now()
        tx.execute(sa.delete(once_table).where(once_table.c.until <= now))
        text = json.dumps(answer, ensure_ascii=False)
        tx.execute(sa.insert(once_table).values(key=act.key, body=act.body, answer=text, until=now + KEPT))

    def _hash(self, text: str) -> bytes:
        return hmac.digest(self._key, text.encode(), hashlib.sha256)
