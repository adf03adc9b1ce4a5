"""Rows of the data store as values."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable
from dataclasses import fields
from typing import Any

from upheld.db import b64, to_ms
from upheld.records import store
from upheld.records.model import Erasure, Record

COLUMNS = tuple(field.name for field in fields(Record))
"""Fields of a record; the table's columns carry the same keys."""

_KEYS = tuple(column.key for column in store.record.c)


def read_record(row: Iterable[Any]) -> Record:
    """Turn a row that begins with the record's columns into a record."""
    return Record(**dict(zip(_KEYS, row, strict=False)))


def read_erasure(row: store.AnyRow) -> Erasure:
    """Turn a row into an erasure."""
    return Erasure(
        id=row.id,
        subject=row.subject,
        classes=tuple(json.loads(row.classes)),
        total=row.total,
        step=row.step,
        reason=row.reason,
        begun_at=row.begun_at,
        words=json.loads(row.words),
        journal_seq=row.journal_seq,
        live_erased_at=row.live_erased_at,
        backups_unreadable_at=row.backups_unreadable_at,
        counts=json.loads(row.counts),
        awaits=row.awaits,
    )


def stored_erasure(one: Erasure, tags: Collection[bytes]) -> tuple[object, ...]:
    """Turn an erasure that begins, with its suppression tags, into the values of its row."""
    words, told = json.dumps(dict(one.words)), json.dumps([b64(tag) for tag in tags])
    begun = (one.id, one.subject, json.dumps(one.classes), one.total, one.step, one.reason, words, told)
    return (*begun, to_ms(one.begun_at), None, None, None, "{}", None)
