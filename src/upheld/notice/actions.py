"""Notice receipts: signed proof of what was shown, for one act, kept as a hash once it was used."""

from __future__ import annotations

import hashlib
from collections.abc import Hashable, Iterable
from typing import Any

import sqlalchemy as sa
from itsdangerous import BadSignature, Signer, URLSafeSerializer

from upheld.db import (
    Clock,
    Ids,
    Insert,
    UtcMs,
    b64,
    data_metadata,
    from_ms,
    later,
    notebook,
    rows_among,
    to_ms,
)
from upheld.ledger import Ledger
from upheld.notice.model import Published, Shown, Snapshot
from upheld.notice.once import FORGET_EVERY
from upheld.notice.rules import RECEIPT_LIFE, fingerprint, surface_of
from upheld.policy.law import Law
from upheld.policy.model import Situation
from upheld.web.refusals import Refusal

used_table = sa.Table(
    "notice_used",
    data_metadata,
    sa.Column("digest", sa.String(64), primary_key=True),
    sa.Column("until", UtcMs, nullable=False, index=True),
    comment="receipts that were used, as hashes, until they would have ended by themselves",
)

_USE = Insert(used_table)
CLAUSE = "notice.channels"


class _Tokens(URLSafeSerializer):
    """Signs and reads tokens of one kind; the kind's key is derived once and not for each of them."""

    def __init__(self, key: bytes, kind: str) -> None:
        """Derive the key of a kind from `key`."""
        super().__init__(key, salt=kind)
        derived = Signer(key, kind, key_derivation="hmac", digest_method=hashlib.sha256).derive_key()
        self._signer = Signer(derived, kind, key_derivation="none", digest_method=hashlib.sha256)

    def make_signer(self, salt: str | bytes | None = None) -> Signer:
        """Give the one signer; `salt` is always the kind's."""
        return self._signer


class Notices:
    """Makes and reads the two tokens of a notice. Safe to share between threads.

    The document snapshot is the same for everybody; the notice receipt is one showing of it.
    """

    def __init__(self, key: bytes, clock: Clock, ids: Ids) -> None:
        """Sign with `key`; its id stands before each token, so that a key can be replaced."""
        self._clock = clock
        self._ids = ids
        self._forgotten = from_ms(0)
        self._key_id = hashlib.sha256(b"upheld.notice|" + key).hexdigest()[:8]
        self._snapshots = _Tokens(key, "upheld.notice.snapshot")
        self._receipts = _Tokens(key, "upheld.notice.receipt")

    def snapshot_of(
        self, published: Published, law: Law, situation: Situation, lang: str, area: str = ""
    ) -> Snapshot:
        """Say what the notice of a situation shows today in a language."""
        policy = published.policy
        on = self._clock.now().date()
        return Snapshot(
            surface=surface_of(policy, situation),
            version=policy.version,
            promise_hash=policy.promise_hash,
            lang=lang,
            area=area,
            fingerprint=fingerprint(policy, law, situation, on),
        )

    def snapshot(self, snap: Snapshot) -> str:
        """Sign a document snapshot; the same for everybody while the version is in force."""
        return f"{self._key_id}.{self._snapshots.dumps(_parts(snap))}"

    def read_snapshot(self, token: str) -> Snapshot:
        """Read a document snapshot; raises Refusal `receipt_invalid`."""
        return _snapshot(self._open(self._snapshots, token, 6))

    def receipt(self, snap: Snapshot) -> str:
        """Sign that a snapshot is shown now; the receipt serves one act within 24 hours."""
        parts = [*_parts(snap), b64(self._ids.random(16)), to_ms(self._clock.now())]
        return f"{self._key_id}.{self._receipts.dumps(parts)}"

    def read(self, token: str) -> Shown:
        """Read a notice receipt; raises Refusal `receipt_invalid`."""
        parts = self._open(self._receipts, token, 8)
        return Shown(_snapshot(parts[:6]), str(parts[6]), from_ms(int(parts[7])))

    def _open(self, serializer: URLSafeSerializer, token: str, length: int) -> list[str | int]:
        key_id, _, signed = token.partition(".")
        if key_id != self._key_id:
            raise Refusal("receipt_invalid", CLAUSE)
        try:
            parts: list[str | int] = serializer.loads(signed)
        except BadSignature:
            raise Refusal("receipt_invalid", CLAUSE) from None
        if not isinstance(parts, list) or len(parts) != length:
            raise Refusal("receipt_invalid", CLAUSE)
        return parts

    def check_unspent(self, tx: sa.Connection, shown: Shown) -> None:
        """Raise Refusal `notice_not_shown` when a receipt was used before."""
        seen = notebook(tx).seen
        if ("used", shown.digest) not in seen:
            self.look(tx, [shown], seen)
        if seen["used", shown.digest]:
            raise Refusal("notice_not_shown", CLAUSE, policy_version=shown.snapshot.version)

    def look(self, tx: sa.Connection, shown: Iterable[Shown], seen: dict[Hashable, Any] | None = None) -> None:
        """Take which of these receipts were used into the transaction's notebook, with one statement."""
        seen = notebook(tx).seen if seen is None else seen
        digests = [one.digest for one in shown]
        seen.update(dict.fromkeys((("used", digest) for digest in digests), False))
        for (digest,) in rows_among(tx, "SELECT digest FROM notice_used WHERE digest", digests):
            seen["used", digest] = True

    def _forget(self, tx: sa.Connection) -> None:
        """Forget now and then the receipts that have ended by themselves."""
        now = self._clock.now()
        if now - self._forgotten > FORGET_EVERY or now < self._forgotten:
            self._forgotten = now
            tx.execute(sa.delete(used_table).where(used_table.c.until < now))

    def spend(
        self, tx: sa.Connection, ledger: Ledger, shown: Shown, *, subject: bytes, actor: str = "self"
    ) -> None:
        """Use up a receipt inside the transaction of the act it allows, and write down that it was shown.

        Raises Refusal `notice_not_shown` when it was used before.
        Clause: notice.channels (APPI 20(1))
        """
        self.check_unspent(tx, shown)
        self._forget(tx)
        notebook(tx).seen["used", shown.digest] = True
        later(tx, _USE, (shown.digest, to_ms(shown.at + RECEIPT_LIFE)))
        snap = shown.snapshot
        body = {
            "surface": snap.surface,
            "language": snap.lang,
            "area": snap.area,
            "fingerprint": snap.fingerprint,
            "shown_at": shown.at.isoformat(timespec="milliseconds"),
            "receipt": shown.digest,
        }
        ledger.append(
            tx, "notice.shown", clause=CLAUSE, policy_version=snap.version, actor=actor, body=body, subject=subject
        )


def note_script(
    tx: sa.Connection, ledger: Ledger, snap: Snapshot, *, subject: bytes, staff: str, obvious: bool
) -> None:
    """Write down that staff told the purposes aloud, or that they were obvious from the act itself (APPI 21(4)).

    Clause: notice.channels (APPI 21)
    """
    body = {
        "surface": snap.surface,
        "language": snap.lang,
        "fingerprint": snap.fingerprint,
        "script": snap.version,
        "told": "obvious" if obvious else "script",
    }
    ledger.append(
        tx, "notice.shown", clause=CLAUSE, policy_version=snap.version, actor=staff, body=body, subject=subject
    )


def _parts(snap: Snapshot) -> list[str | int]:
    return [snap.surface, snap.version, snap.promise_hash, snap.lang, snap.area, snap.fingerprint]


def _snapshot(parts: list[str | int]) -> Snapshot:
    surface, version, promise_hash, lang, area, print_ = (str(part) for part in parts)
    return Snapshot(surface, version, promise_hash, lang, area, print_)
