"""Searching names: nothing about a name is indexed, so records are opened one after the other, up to a bound."""

from __future__ import annotations

import unicodedata
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from upheld.records import store
from upheld.records.keyring import KeyGoneError
from upheld.records.model import Record
from upheld.records.vault import Vault

SUBJECTS = 100_000
"""How many people one search opens at most; beyond that a policy would have to declare an index of names."""

_PAGE = 1000


@dataclass(frozen=True, slots=True)
class NameSearch:
    """What a search found; `complete` is false when the bound ended it, and then somebody may have been missed."""

    found: tuple[Record, ...]
    people: int
    complete: bool


def search_field(
    vault: Vault,
    tx: sa.Connection,
    field: str,
    text: str,
    stated: Collection[tuple[str, str]],
    *,
    limit: int = SUBJECTS,
) -> NameSearch:
    """Find records of live people whose `field` holds `text`, among these (situation, policy version) pairs.

    Width, case and blanks do not count. The caller has decided for which purpose the field may be read, and writes
    the entry that says so.
    Clause: security.technical
    """
    wanted = plain(text)
    found: list[Record] = []
    people: set[bytes] = set()
    after: tuple[bytes, bytes] | None = None
    while page := vault.iter_records(tx, stated, after=after, limit=_PAGE):
        for record, fields in zip(page, _opened(vault, tx, page), strict=True):
            if record.subject not in people and len(people) >= limit:
                return NameSearch(tuple(found), len(people), complete=False)
            people.add(record.subject)
            value = fields.get(field)
            if isinstance(value, str) and wanted and wanted in plain(value):
                found.append(record)
        after = (page[-1].subject, page[-1].id)
    return NameSearch(tuple(found), len(people), complete=True)


def _opened(vault: Vault, tx: sa.Connection, page: Sequence[Record]) -> Iterable[Mapping[str, Any]]:
    """Open a page at once; where somebody is being erased this moment, one by one, and nothing of whom is gone."""
    try:
        return vault.open_many(tx, page)
    except KeyGoneError:
        return [_one(vault, tx, record) for record in page]


def _one(vault: Vault, tx: sa.Connection, record: Record) -> Mapping[str, Any]:
    try:
        return vault.open_fields(tx, record)
    except KeyGoneError:
        return {}


def people_in(tx: sa.Connection, stated: Collection[tuple[str, str]], limit: int) -> int:
    """Count the people with a record of these (situation, policy version) pairs, up to one more than `limit`."""
    rec = store.record.c
    pairs = [sa.and_(rec.situation == situation, rec.policy_version == version) for situation, version in stated]
    if not pairs:
        return 0
    among = sa.select(rec.subject).where(sa.or_(*pairs)).distinct().limit(limit + 1)
    return tx.execute(sa.select(sa.func.count()).select_from(among.subquery())).scalar_one()


def plain(text: str) -> str:
    """Give a text without width, case and blanks."""
    return "".join(unicodedata.normalize("NFKC", text).casefold().split())
