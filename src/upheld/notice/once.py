"""Once: an act sent twice under one key is done once and answered twice the same."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import msgspec
import sqlalchemy as sa

from upheld.db import Clock, Insert, UtcMs, data_metadata, from_ms, later, notebook, rows_among, to_ms
from upheld.web.refusals import Refusal

KEPT = timedelta(hours=24)
FORGET_EVERY = timedelta(minutes=1)
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

_KNOWN = "SELECT key, body, answer, until FROM once WHERE key"
_KEEP = Insert(once_table)
_SORTED = msgspec.json.Encoder(order="sorted")


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
        self._forgotten = from_ms(0)

    def act(self, scope: str, key: str | None, body: Any) -> Act:
        """Name an act; raises Refusal `idempotency_missing` for no key or one that is too long.

        `scope` keeps acts of different kinds apart; `body` is anything that has a JSON form.
        """
        if not key or len(key) > MAX_KEY:
            raise Refusal("idempotency_missing")
        text = _SORTED.encode(body)
        return Act(self._hash(f"{scope}|{key}".encode()), self._hash(f"{scope}|".encode() + text))

    def known(self, tx: sa.Connection, act: Act) -> dict[str, Any] | None:
        """Give the answer of an act that was done already; raises Refusal `idempotency_mismatch` for another body."""
        seen = notebook(tx).seen
        if ("once", act.key) not in seen:
            self.look(tx, [act], seen)
        found: tuple[bytes, str] | None = seen["once", act.key]
        if found is None:
            return None
        if not hmac.compare_digest(found[0], act.body):
            raise Refusal("idempotency_mismatch")
        answer: dict[str, Any] = msgspec.json.decode(found[1])
        return answer

    def look(self, tx: sa.Connection, acts: Iterable[Act], seen: dict[Hashable, Any] | None = None) -> None:
        """Take what is kept of some acts into the transaction's notebook, with one statement."""
        seen = notebook(tx).seen if seen is None else seen
        keys = [act.key for act in acts]
        seen.update(dict.fromkeys(("once", key) for key in keys))
        now = to_ms(self._clock.now())
        for key, body, answer, until in rows_among(tx, _KNOWN, keys):
            if until > now:
                seen["once", key] = (body, answer)
            else:
                seen["over", key] = True

    def keep(self, tx: sa.Connection, act: Act, answer: Mapping[str, Any]) -> None:
        """Keep the answer of an act with the act itself; forgets now and then what is older than a day."""
        now = self._clock.now()
        if now - self._forgotten > FORGET_EVERY or now < self._forgotten:
            self._forgotten = now
            tx.execute(sa.delete(once_table).where(once_table.c.until <= now))
        text = msgspec.json.encode(answer).decode()
        seen = notebook(tx).seen
        if seen.pop(("over", act.key), False):  # its day is over, so it may be used again
            tx.execute(sa.delete(once_table).where(once_table.c.key == act.key))
        seen["once", act.key] = (act.body, text)
        later(tx, _KEEP, (act.key, act.body, text, to_ms(now + KEPT)))

    def _hash(self, text: bytes) -> bytes:
        return hmac.digest(self._key, text, hashlib.sha256)
