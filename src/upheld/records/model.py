"""Values of the vault: subject, record, relation, standing, erasure; and the errors of the room."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Literal, NamedTuple

from upheld.db import UpheldError, b64
from upheld.ledger.model import IDENTITY_CLASS

CLASS_IDENTITY = IDENTITY_CLASS
"""Shred class every subject has: the blind index belongs to it, and ledger bodies unless told otherwise."""

State = Literal["live", "erasing", "erased"]
RelationKind = Literal["contract", "account", "application"]


@dataclass(frozen=True, slots=True)
class Subject:
    """A person as the data store knows them: a random number, a state, a generation raised by every fence.

    `person` is a number that subjects share who were found to be one person; it tells when that was.
    """

    id: bytes
    state: State
    generation: int
    person: bytes | None = None

    @property
    def ref(self) -> str:
        """The number as base64url."""
        return b64(self.id)


@dataclass(frozen=True, slots=True)
class Record:
    """What was taken from one person at one time in one situation; the fields are sealed.

    `origin` is the declared area of residence, `collected_at` UTC, `review` empty or why a person must look first.
    """

    id: bytes
    subject: bytes
    situation: str
    policy_version: str
    origin: str
    shred_class: str
    collected_at: datetime
    channel: str = ""
    subtype: str = ""
    relation: bytes | None = None
    receipt_id: str = ""
    review: str = ""
    sealed: bytes = field(default=b"", repr=False)

    @property
    def ref(self) -> str:
        """The id as base64url."""
        return b64(self.id)


class Put(NamedTuple):
    """One record that is to be stored, with what may differ among records of one taking."""

    subject: bytes
    origin: str
    fields: Mapping[str, Any]
    subtype: str = ""
    relation: bytes | None = None
    review: str = ""


@dataclass(frozen=True, slots=True)
class Relation:
    """A contract, account or application of a subject; days are legal days. Its outside id is sealed."""

    id: bytes
    subject: bytes
    kind: str
    opened: date
    ended: date | None


@dataclass(frozen=True, slots=True)
class Standing:
    """How a purpose stands for a subject: written by the rooms of bases, with the entry that made it so."""

    subject: bytes
    purpose: str
    state: str
    generation: int
    since: datetime
    entry_id: bytes
    until: date | None = None


@dataclass(frozen=True, slots=True)
class Due:
    """A record and the moment its clock began; the rooms above decide whether its period is over."""

    record: Record
    started: datetime | date


@dataclass(frozen=True, slots=True)
class Erasure:
    """One erasure and how far it is: fenced, released, journaled, keyed, live.

    `classes` is empty when everything goes. `live_erased_at` is when no living path answered any more;
    `backups_unreadable_at` stays empty until the root that opens older backups is destroyed; `awaits` is that change.
    """

    id: bytes
    subject: bytes
    classes: tuple[str, ...]
    total: bool
    step: str
    reason: str
    begun_at: datetime
    words: Mapping[str, str]
    journal_seq: int | None = None
    live_erased_at: datetime | None = None
    backups_unreadable_at: datetime | None = None
    counts: Mapping[str, Any] = field(default_factory=dict)
    awaits: bytes | None = None

    @property
    def ref(self) -> str:
        """The id as base64url."""
        return b64(self.id)


@dataclass(frozen=True, slots=True)
class Gone:
    """What a shred of single records took: rows deleted, and the erasure that took whole classes, if any emptied."""

    deleted: int
    erasure: Erasure | None = None


@dataclass(frozen=True, slots=True)
class Proposal:
    """That two subjects are one person, said by one member of staff and waiting for another. Times are UTC."""

    id: bytes
    one: bytes
    other: bytes
    reason: str
    proposed_by: str
    proposed_at: datetime

    @property
    def ref(self) -> str:
        """The id as base64url."""
        return b64(self.id)


class RecordsError(UpheldError):
    """The vault refused."""

    code = "records_error"
    clause = "security.technical"


class SubjectErasingError(RecordsError):
    """This subject is being erased; nothing about them is read or written meanwhile."""

    code = "subject_erasing"
    clause = "rights.erasure"
    next_step = "Wait for the erasure to finish; a new act of the person then begins anew."
    permanent = False


class SubjectErasedError(RecordsError):
    """This subject was erased."""

    code = "subject_erased"
    clause = "rights.erasure"
    next_step = "Look the person up again; a new act of theirs makes a new subject."


class RecordUnknownError(RecordsError):
    """There is no such record."""

    code = "record_unknown"
    next_step = "Check the id; it may have been erased."


class RecordChangedError(RecordsError):
    """The stored record is not the one that was sealed, and is not opened."""

    code = "record_changed"
    next_step = "Run `upheld ledger verify` and restore the record from a backup."


class MergeError(RecordsError):
    """The two are not made one person, or not taken apart."""

    code = "merge_unknown"
    clause = "security.organisational"
    next_step = "`upheld records persons` lists the proposals that wait; whoever made one cannot confirm it."


class IdentifierSharedError(RecordsError):
    """Several subjects carry this identifier."""

    code = "identifier_shared"
    next_step = "Ask for an identifier that only one person has, such as the e-mail address."
