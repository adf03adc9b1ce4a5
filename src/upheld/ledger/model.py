"""Values of the ledger: entries, events, receipts, findings, and the port through which bodies are sealed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NewType, Protocol, TypeAlias, TypedDict

from upheld.db import UpheldError, b64, uuid7_time
from upheld.ledger.vocabulary import Kind

EntryId = NewType("EntryId", bytes)
"""A UUIDv7 as 16 bytes; its first 48 bits are the time of the entry."""

IDENTITY_CLASS = "identity"
"""Shred class whose key seals bodies about a person unless the caller names another."""

INSTANCE_KEY = "instance"
"""Key that seals bodies about nobody."""


Body: TypeAlias = tuple[bytes, bytes | None, str, bytes]
"""What is to be sealed: entry id, subject, shred class, canonical JSON."""


class BodySealer(Protocol):
    """Seals and opens bodies; a higher room that holds the keys implements it."""

    def seal_body(
        self, entry_id: bytes, subject: bytes | None, shred_class: str, body: bytes
    ) -> tuple[bytes, bytes]:
        """Give (salt, sealed body); salt and nonce follow from the key and the entry id and die with the key."""
        ...

    def seal_bodies(self, bodies: Sequence[Body]) -> list[tuple[bytes, bytes]]:
        """Do as `seal_body` for many."""
        ...

    def open_body(
        self, entry_id: bytes, subject: bytes | None, shred_class: str, sealed: bytes
    ) -> tuple[bytes, bytes] | None:
        """Give (salt, body), or None when the key is gone; raises ValueError when the bytes were changed."""
        ...


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry as stored; `n` is None until it has a position. `subject` is known only while its body is kept."""

    id: EntryId
    n: int | None
    kind: Kind
    clause: str
    policy_version: str
    actor: str
    b: bytes
    subject: bytes | None = None
    shred_class: str | None = None

    @property
    def at(self) -> datetime:
        """When it happened, UTC, to the millisecond."""
        return uuid7_time(self.id)

    @property
    def ref(self) -> str:
        """The id as base64url, as it stands in leaf, URL and answer."""
        return b64(self.id)


@dataclass(frozen=True, slots=True)
class NewEntry:
    """What is to be told: the body is sealed under the subject's key of shred class `seal`.

    The default class is the identity class; what is about nobody is sealed under the instance's key.
    `entry_id` was given out before, where the entry follows what it tells of; else one is made.
    """

    kind: str
    clause: str
    policy_version: str
    actor: str
    body: Mapping[str, Any]
    subject: bytes | None = None
    seal: str | None = None
    entry_id: EntryId | None = None


@dataclass(frozen=True, slots=True)
class Event:
    """What a projector is told, inside the transaction of the change."""

    entry_id: EntryId
    kind: str
    clause: str
    policy_version: str
    actor: str
    subject: bytes | None
    body: Mapping[str, Any]

    @property
    def at(self) -> datetime:
        """When it happened, UTC, to the millisecond."""
        return uuid7_time(self.entry_id)


class Receipt(TypedDict):
    """Everything a person needs to check one entry offline; bytes as base64url, the checkpoint as its text."""

    leaf: str
    n: int
    checkpoint: str
    proof: list[str]
    body: str
    salt: str


@dataclass(frozen=True, slots=True)
class VerifiedReceipt:
    """What a receipt proves: this entry with this body stands at `n` of the log `origin` of `size` entries."""

    entry_id: EntryId
    n: int
    kind: str
    clause: str
    policy_version: str
    actor: str
    at: datetime
    body: Mapping[str, Any]
    origin: str
    size: int


@dataclass(frozen=True, slots=True, order=True)
class LedgerFinding:
    """One contradiction in the stored ledger; `position` is the first entry it touches, or the tree size."""

    position: int
    code: str
    detail: str


@dataclass(frozen=True, slots=True)
class LedgerHealth:
    """How the ledger stands: entries with and without position, the newest signed size, and why signing stopped."""

    size: int
    pending: int
    signed_size: int | None
    signed_at: datetime | None
    stopped: str | None


@dataclass(frozen=True, slots=True)
class Mark:
    """How far the log was: entries with a position, and which entries of some kinds still waited for one."""

    size: int
    waiting: frozenset[bytes]


class LedgerError(UpheldError):
    """The ledger cannot do this."""

    code = "ledger_error"
    clause = "security.technical"


class BodyErasedError(LedgerError):
    """The body of this entry was erased; its leaf and its proof remain."""

    code = "ledger_body_erased"
    next_step = "A receipt kept by the person still proves the entry."


class NotIntegratedError(LedgerError):
    """The entry is kept but has no position yet."""

    code = "ledger_pending"
    next_step = "Ask again in one second."
    permanent = False


class EntryUnknownError(LedgerError):
    """The ledger has no such entry or size."""

    code = "ledger_entry_unknown"
    next_step = "Check the id or the number."


class SigningStoppedError(LedgerError):
    """The stored tree contradicts the newest signed checkpoint; entries are kept but nothing is signed."""

    code = "ledger_contradiction"
    next_step = "Run `upheld ledger verify` and restore the ledger under a new origin."


class HeadMovedError(LedgerError):
    """Another process gave out positions at the same time."""

    code = "ledger_head_moved"
    next_step = "Nothing was lost; the next round takes the entries."
    permanent = False


class ReceiptInvalidError(LedgerError):
    """The receipt does not prove what it says."""

    code = "receipt_invalid"
    next_step = "Ask for the receipt again, and compare the checkpoint with a witness."
