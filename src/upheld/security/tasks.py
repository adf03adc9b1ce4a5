"""What waits for a person: texts that may tell more than was asked for, and people who must be told of an import.

Only a reviewer opens such a text, through the gate of every read; clearing, blanking and telling are entries.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

import sqlalchemy as sa

from upheld.collection import store as collection
from upheld.db import b64, retried, unb64
from upheld.notice import House
from upheld.policy.model import CompiledPolicy
from upheld.records import Record, RecordUnknownError
from upheld.security.actions import read
from upheld.security.judging import now_of, refusal, version_of
from upheld.security.model import Now, Reader, Reading
from upheld.security.rules import check_reader
from upheld.web.refusals import Refusal

REVIEW, INFORM = "review", "inform"
_CLAUSE = "collection.fields"


@dataclass(frozen=True, slots=True)
class Task:
    """One thing to do about a record: `review` a text, or `inform` the person by the last day."""

    kind: str
    record: str
    situation: str
    reason: str
    since: datetime | None = None
    due: date | None = None

    def said(self) -> dict[str, str]:
        """Give the members that say something."""
        told = {
            "kind": self.kind,
            "record": self.record,
            "situation": self.situation,
            "reason": self.reason,
            "since": self.since.isoformat(timespec="seconds") if self.since else "",
            "due": self.due.isoformat() if self.due else "",
        }
        return {name: value for name, value in told.items() if value}


def waiting(house: House, limit: int = 200) -> list[Task]:
    """List what waits, people to be told first, then texts to be looked at, the most urgent first.

    Clause: collection.fields (APPI 20(2), GDPR 9, 14)
    """
    with house.store.read() as tx:
        owed = collection.owed(tx)
        texts = house.vault.in_review(tx, limit=limit)
    told = [Task(INFORM, one.ref, one.situation, one.regime, due=one.due) for one in owed[:limit]]
    return told + [Task(REVIEW, one.ref, one.situation, one.review, since=one.collected_at) for one in texts]


def look(house: House, reader: Reader, record: str) -> Reading:
    """Open the screened texts of a record for a reviewer; the read is an entry as any other."""
    now, found, policy = _for_review(house, record)
    _only_reviewers(now, reader, policy, found)
    purpose = _purpose(reader, policy, found)
    texts = _texts(policy, found)
    return read(
        house, reader, subject=b64(found.subject), purpose=purpose, fields=texts, record=found.ref
    )


def clear(house: House, reader: Reader, record: str) -> None:
    """Say that the texts of a record tell nothing that was not asked for: from now on it is read as any other.

    Clause: collection.fields (APPI 20(2), GDPR 9)
    """
    _decide(house, reader, record, "cleared")


def blank(house: House, reader: Reader, record: str) -> None:
    """Take the screened texts out of a record for good; everything else of it stays.

    Clause: collection.fields (APPI 20(2), GDPR 9)
    """
    _decide(house, reader, record, "blanked")


@retried
def informed(house: House, actor: str, record: str, lang: str = "") -> None:
    """Write down that a person was told of the data that came from somebody else; raises Refusal `not_found`.

    Clause: notice.channels.import (GDPR 14)
    """
    published = house.in_force()
    with house.store.write() as tx:
        found = _record(house, tx, record)
        if not collection.paid(tx, found.id):
            raise Refusal("not_found", "notice.channels", policy_version=published.version)
        house.ledger.append(
            tx,
            "notice.shown",
            clause="notice.channels",
            policy_version=published.version,
            actor=actor,
            body={
                "surface": f"import:{found.situation}",
                "language": lang or published.policy.languages[0],
                "record": found.ref,
                "told": "not_from_subject",
            },
            subject=found.subject,
        )
    house.stirred.set()


@retried
def _decide(house: House, reader: Reader, record: str, act: str) -> None:
    now, looked, policy = _for_review(house, record)
    _only_reviewers(now, reader, policy, looked)
    texts = _texts(policy, looked)
    with house.store.write() as tx:
        house.vault.ensure_subject(tx, looked.subject)
        found = _record(house, tx, record)
        if not found.review:
            raise Refusal("changed_meanwhile", _CLAUSE, policy_version=policy.version)
        if act == "blanked":
            kept = {name: value for name, value in house.vault.open_fields(tx, found).items() if name not in texts}
            found = house.vault.replace_fields(tx, found, kept)
        house.vault.set_review(tx, found, "")
        house.ledger.append(
            tx,
            "record.corrected",
            clause=f"collection.fields.{texts[0]}" if texts else _CLAUSE,
            policy_version=policy.version,
            actor=reader.actor,
            body={"record": found.ref, "act": act, "fields": list(texts), "review": looked.review},
            subject=found.subject,
        )
    house.stirred.set()


def _for_review(house: House, record: str) -> tuple[Now, Record, CompiledPolicy]:
    with house.store.read() as tx:
        found = _record(house, tx, record)
    if not found.review:
        raise Refusal("not_found", _CLAUSE)
    return now_of(house), found, version_of(house, found)


def _record(house: House, tx: sa.Connection, record: str) -> Record:
    try:
        return house.vault.record(tx, unb64(record))
    except (RecordUnknownError, ValueError):
        raise Refusal("not_found", _CLAUSE) from None


def _only_reviewers(now: Now, reader: Reader, policy: CompiledPolicy, record: Record) -> None:
    """Refuse whoever is no reviewer, lacks training, or has not accepted the rules.

    Clause: security.technical.access (APPI 23, 24)
    """
    purpose = _purpose(reader, policy, record)
    shut = check_reader(now, reader, purpose)
    if shut is not None:
        raise refusal(shut.refused, policy, purpose=purpose)
    if not reader.reviewer:
        raise Refusal("role_not_allowed", "security.technical.access", policy_version=policy.version)


def _purpose(reader: Reader, policy: CompiledPolicy, record: Record) -> str:
    """Give the purpose under which the texts are looked at: the first that uses them and that the reader's roles cover."""
    bits = sum(policy.field_bits[name] for name in _texts(policy, record))
    uses = [name for name, mask in policy.use_masks[record.situation].items() if mask & bits]
    return next((name for name in uses if reader.covers(name)), uses[0] if uses else "")


def _texts(policy: CompiledPolicy, record: Record) -> tuple[str, ...]:
    situation = policy.situations[record.situation]
    return tuple(name for name in situation.fields if policy.fields[name].screen is not None)
