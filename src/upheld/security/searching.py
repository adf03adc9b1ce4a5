"""Looking for a person by name: no index has names, so records are opened for a purpose, up to a bound, and it is an entry."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from upheld.db import b64, retried
from upheld.notice import House
from upheld.records import Record
from upheld.records.search import SUBJECTS, people_in, plain, search_field
from upheld.records.views import View
from upheld.security.actions import acting, shown
from upheld.security.finding import person_of, surroundings
from upheld.security.judging import ask_of, judge, now_of, refusal, version_of
from upheld.security.model import Now, Permit, Reader
from upheld.security.rules import check_reader
from upheld.web.refusals import Refusal

SHOWN = 50
"""How many records one search shows at most."""

_SHORTEST = 2
_CLAUSE = "security.technical.access"


@dataclass(frozen=True, slots=True)
class Hit:
    """One record that was found: whose, where it was taken, and the name as it may be shown without a read."""

    subject: str
    record: str
    situation: str
    shown: str


@dataclass(frozen=True, slots=True)
class Found:
    """What a search found; `more` when not all is shown, `people` is how many were looked at."""

    hits: tuple[Hit, ...]
    people: int
    more: bool
    entry: str


def find_name(
    house: House, reader: Reader, text: str, purpose: str, *, field: str = "name", bound: int = SUBJECTS
) -> Found:
    """Look for people whose name holds a text, among the records that may be read for a purpose.

    Only what the gate of every read lets through is shown, and masked. The entry, which does not hold the text, is
    durable before anything is given. Raises Refusal `search_too_wide` beyond `bound` people, `value_invalid` for a text
    of fewer than two signs, and as a read does.
    Clause: security.technical.access (APPI 18, 23; GDPR 5(1)(b), 32)
    """
    now = now_of(house)
    if len(plain(text)) < _SHORTEST:
        raise Refusal("value_invalid", _CLAUSE, fields=("name",))
    shut = check_reader(now, reader, purpose)
    if shut is not None:
        raise refusal(shut.refused, now.policy, purpose=purpose)
    stated = _stated(house, purpose, field)
    if not stated:
        raise Refusal("purpose_not_declared", "collection.purposes", policy_version=now.policy.version)
    with house.store.read() as tx:
        if people_in(tx, stated, bound) > bound:
            raise Refusal("search_too_wide", _CLAUSE, policy_version=now.policy.version)
        found = search_field(house.vault, tx, field, text, stated, limit=bound)
        allowed = [one for one in found.found if _allowed(house, tx, now, reader, one, purpose, field)]
        narrow = reader.views.get(purpose) == "redacted"
        hits = tuple(_hit(house, tx, one, field, "redacted" if narrow else "masked") for one in allowed[:SHOWN])
    told = {"purpose": purpose, "search": field, "people": found.people, "count": len(hits)}
    entry = _tell(house, reader.actor, now, {**told, "records": [one.record for one in hits]})
    return Found(hits, found.people, len(allowed) > SHOWN, entry)


def find_identifier(house: House, by: int, kind: str, value: str) -> str:
    """Look a person up by one identifier for a member of staff, and give the number; the entry holds neither.

    Raises Refusal `not_found` for nobody, `value_invalid` where several people carry it.
    Clause: security.technical.access (APPI 23; GDPR 32)
    """
    actor, now = acting(house, by), now_of(house)
    subject = person_of(house, value, {}) if kind == "subject" else person_of(house, "", {kind: value})
    if subject is not None:
        with house.store.read() as tx:
            there = house.vault.subject(tx, subject)
        subject = subject if there is not None and there.state == "live" else None
    if kind != "subject":
        _tell(house, actor, now, {"search": kind, "count": int(subject is not None)})
    if subject is None:
        raise Refusal("not_found", _CLAUSE)
    return b64(subject)


def _stated(house: House, purpose: str, field: str) -> list[tuple[str, str]]:
    """List the (situation, version) pairs in which the purpose may use the field."""
    return [
        (situation, published.version)
        for published in house.shelf.versions()
        for situation, row in published.policy.use_masks.items()
        if row.get(purpose, 0) & published.policy.field_bits.get(field, 0)
    ]


def _allowed(
    house: House, tx: sa.Connection, now: Now, reader: Reader, record: Record, purpose: str, field: str
) -> bool:
    around = surroundings(house, tx, record.subject)
    return isinstance(judge(house, tx, now, reader, record, around, ask_of(record, purpose, (field,))), Permit)


def _hit(house: House, tx: sa.Connection, record: Record, field: str, how: View) -> Hit:
    opened = house.vault.open_fields(tx, record)
    seen = shown({field: opened.get(field, "")}, how, version_of(house, record))[field]
    return Hit(b64(record.subject), record.ref, record.situation, str(seen))


@retried
def _tell(house: House, actor: str, now: Now, body: dict[str, Any]) -> str:
    with house.store.write() as tx:
        version = now.policy.version
        entry = house.ledger.append(tx, "access.bulk", clause=_CLAUSE, policy_version=version, actor=actor, body=body)
    house.stirred.set()
    return b64(entry)
