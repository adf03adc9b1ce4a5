"""Ours, the faithful mapping: the nine columns as given and the same seven indices; data sealed under each person's own key.

USR is the subject: the column holds the subject's random number, which the blind index finds by the user's name. Every
operation passes the gate, meets only persons who are live and not restricted, and leaves one entry in the ledger: a
change in its own commit, a read within the window of grouped audit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from benchmarks.gdpr.operations import Operation
from benchmarks.gdpr.oracle import Answer, newest_first
from benchmarks.gdpr.records import METADATA, Record
from upheld.db import Hot
from upheld.ledger import NewEntry
from upheld.ledger.grouped import Grouped
from upheld.ledger.leaves import last
from upheld.ledger.store import BODY_VALUES, ENTRY_VALUES, SealedEntry, put_sealed
from upheld.records import Holdings
from upheld.records.cipher import Binding
from upheld.security.table import Sheet

CLASS = "identity"
TABLE = """CREATE TABLE gdpr_record (key TEXT PRIMARY KEY, pur TEXT NOT NULL, ttl TEXT NOT NULL, usr {0} NOT NULL,
 obj TEXT NOT NULL, dec TEXT NOT NULL, acl TEXT NOT NULL, shr TEXT NOT NULL, src TEXT NOT NULL, cat TEXT NOT NULL,
 data {0} NOT NULL)"""
SPARSE = (
    "CREATE INDEX subject_shut ON subject (id) WHERE state <> 'live'",
    "CREATE INDEX standing_stops ON standing (subject, purpose) WHERE state IN ('objected', 'withdrawn', 'set')",
)
"""Who is not live, and what stops a use, are few: two small indices answer for all others."""

_OPEN = (
    " AND NOT EXISTS (SELECT 1 FROM subject s WHERE s.id = r.usr AND s.state <> 'live')"
    " AND NOT EXISTS (SELECT 1 FROM standing t WHERE t.subject = r.usr AND t.state IN ('objected', 'withdrawn', 'set')"
    " AND t.purpose IN (r.pur, '*#restricted'))"
)
_JOINED = (
    " LEFT JOIN subject s ON s.id = r.usr AND s.state <> 'live'"
    " LEFT JOIN standing t ON t.subject = r.usr AND t.state IN ('objected', 'withdrawn', 'set')"
    " AND t.purpose IN (r.pur, '*#restricted')"
)
_HINTS = (
    ("subject s ", "subject s INDEXED BY subject_shut "), ("standing t ", "standing t INDEXED BY standing_stops "),
    (" t.purpose IN", " +t.purpose IN"),
)  # fmt: skip


def _hinted(text: str) -> str:
    """Name the small indices to SQLite, whose planner would take the large ones."""
    for plain, hint in _HINTS:
        text = text.replace(plain, hint)
    return text


_META = ", ".join(f"r.{name}" for name in ("key", *METADATA))
_FROM = f"FROM gdpr_record r{_JOINED} WHERE s.id IS NULL AND t.subject IS NULL AND r."
_READ = {by: f"SELECT r.key, r.usr, r.data {_FROM}{by} = ?" for by in ("key", "pur", "usr")}
_READ_META = {by: f"SELECT {_META} {_FROM}{by} = ?" for by in ("key", "usr")}
_THERE = "SELECT count(*) FROM gdpr_record WHERE key = ?"
_WHOSE = f"SELECT r.usr {_FROM}key = ?"
_LIVE = "SELECT 1 FROM subject s WHERE s.id = ? AND s.state = 'live'"
_INSERT = "INSERT INTO gdpr_record (key, pur, ttl, usr, obj, dec, acl, shr, src, cat, data)"
_COUNT = "SELECT count(*) FROM changed"


def _told(change: str) -> str:
    """Let one statement of PostgreSQL take the person's row, change, and tell it, all or nothing."""
    there = " WHERE EXISTS (SELECT FROM changed)"
    return (
        f"WITH ok AS ({_LIVE} FOR SHARE), changed AS ({change} RETURNING 1), "
        f"entry AS ({ENTRY_VALUES}{there}), body AS ({BODY_VALUES}{there}) {_COUNT}"
    )


_IF_LIVE = " AND EXISTS (SELECT FROM ok)"
_ONE = {
    "insert": _told(f"{_INSERT} SELECT {', '.join('?' * 11)} WHERE EXISTS (SELECT FROM ok)"),
    "delete": _told(f"DELETE FROM gdpr_record WHERE key = ? AND usr = ?{_IF_LIVE}"),
} | {
    name: _told(f"UPDATE gdpr_record SET {name} = ? WHERE key = ? AND usr = ?{_IF_LIVE}") for name in (*METADATA, "data")
}
_MANY = {
    (name, by): f"UPDATE gdpr_record AS r SET {name} = ? WHERE r.{by} = ?{_OPEN} RETURNING key, usr"
    for name in METADATA
    for by in ("pur", "usr")
}
_MOVE = "UPDATE gdpr_record SET usr = ?, data = ? WHERE key = ?"


class RefusedError(Exception):
    """The gate is shut for this role and purpose."""


@dataclass(frozen=True, slots=True)
class Parts:
    """What all connections of a house share: keys and ledger, the gate's sheet, the audit of reads, the engine."""

    held: Holdings
    sheet: Sheet
    audit: Grouped
    binding: Binding
    engine: str
    version: str = "2026-11-01"

    def subject(self, user: str) -> bytes:
        """Find a user's number through the blind index."""
        found = self.held.vault.find("user_id", user)
        if found is None:
            raise RefusedError
        return found


class Ours:
    """Does operations for one role on one connection."""

    def __init__(self, parts: Parts, role: str) -> None:
        """Connect."""
        self._parts = parts
        self._role = role
        self._hot: Hot = parts.held.data.hot()
        self._postgres = parts.engine == "PostgreSQL"
        self._spell = (lambda text: text) if self._postgres else cache(_hinted)
        self._entry("record.corrected", {}, None)  # makes the words of our leaves known before any transaction

    def do(self, one: Operation) -> Any:
        """Do an operation."""
        if one.does in {"read", "read_meta"}:
            return self._read(one)
        if one.does == "logs":
            return self._logs(one)
        if one.does == "verify":
            return self._verify(one)
        if one.record is not None:
            return self._insert(one.record)
        by, _, value = one.at.partition("=")
        if by == "key":
            return self._change_one(one, value)
        return self._change_many(one, by, self._value(by, value))

    # reading

    def _read(self, one: Operation) -> list[tuple[Any, ...]]:
        self._pass(one.value or one.name, "data" if one.does == "read" else "meta")
        by, _, value = one.at.partition("=")
        table = _READ if one.does == "read" else _READ_META
        rows = self._hot.rows(self._spell(table[by]), (self._value(by, value),))
        subject = rows[0][1 if one.does == "read" else 3] if rows and by != "pur" else None
        body = {"purpose": one.name, "records": " ".join([row[0] for row in rows]), "count": len(rows)}
        self._tell("access.read" if subject else "access.bulk", body, subject)
        if one.does == "read_meta":
            return rows
        return self._opened(rows)

    def _opened(self, rows: list[tuple[str, bytes, bytes]]) -> list[tuple[str, bytes]]:
        """Open the data of rows (key, whose, sealed); a row that does not open fails the whole read."""
        if not rows:
            return []
        keys, subjects, sealed = zip(*rows, strict=True)
        items = [key.encode() for key in keys]
        opened = self._parts.held.ring.unseal_many(CLASS, self._parts.binding, subjects, items, sealed)
        return list(zip(keys, opened, strict=True))

    def _logs(self, one: Operation) -> list[tuple[Any, ...]]:
        self._pass("audit", "meta")
        rows = last(self._hot, one.lines)
        self._tell("access.bulk", {"purpose": "audit", "lines": one.lines}, None)
        return rows

    def _verify(self, one: Operation) -> list[tuple[Any, ...]]:
        self._pass("audit", "meta")
        rows = self._hot.rows(_THERE, (one.at.partition("=")[2],))
        self._tell("access.bulk", {"purpose": "audit", "record": one.at}, None)
        return rows

    def _tell(self, kind: str, body: dict[str, Any], subject: bytes | None) -> None:
        version, actor = self._parts.version, f"svc:{self._role}"
        self._parts.audit.tell(NewEntry(kind, "security.technical", version, actor, body, subject))

    def _pass(self, purpose: str, field: str) -> None:
        sheet = self._parts.sheet
        if not sheet.allows(self._role, purpose, sheet.fields[field]):
            raise RefusedError

    def _value(self, by: str, value: str) -> str | bytes:
        return self._parts.subject(value) if by == "usr" else value

    # changing

    def _insert(self, record: Record) -> int:
        self._pass(record.pur, "data")
        subject = self._parts.subject(record.usr)
        row = (*record[:3], subject, *record[4:10], self._sealed(subject, record.key, record.data))
        told = self._entry("collect.accepted", {"record": record.key, "fields": ["data"], "purposes": [record.pur]}, subject)
        return self._one("insert", row, subject, told)

    def _change_one(self, one: Operation, key: str) -> int:
        """Change one record: find whose it is, then change and tell it in one commit, if it still is theirs and they are live."""
        self._pass("keeping", "data")
        found = self._hot.rows(self._spell(_WHOSE), (key,))
        if not found:
            return 0
        subject: bytes = found[0][0]
        if one.does == "delete":
            told = self._entry("retention.swept", {"record": key, "count": 1}, subject)
            return self._one("delete", (key, subject), subject, told)
        value: Any = one.value
        if one.name == "usr":
            return self._change_many(one, "key", key)
        if one.name == "data":
            value = self._sealed(subject, key, one.value)
        told = self._entry("record.corrected", {"record": key, "fields": [one.name]}, subject)
        return self._one(one.name, (value, key, subject), subject, told)

    def _one(self, name: str, row: Sequence[Any], subject: bytes, told: SealedEntry) -> int:
        if self._postgres:
            sides = (*told[:2], told[0], *told[2:])
            return int(self._hot.rows(_ONE[name], (subject, *row, *sides))[0][0])
        with self._hot.writing():
            if not self._hot.rows(_LIVE, (subject,)):
                return 0
            changed = len(self._hot.rows(_PLAIN[name], row))
            if changed:
                put_sealed(self._hot, [told], "sqlite")
        return changed

    def _change_many(self, one: Operation, by: str, value: str | bytes) -> int:
        """Change a column of many records in one commit, with one entry that names them."""
        self._pass("keeping", "data")
        with self._hot.writing():
            if one.name == "usr":
                keys = self._move(by, value, self._parts.subject(one.value))
            else:
                keys = [row[0] for row in self._hot.rows(self._spell(_MANY[one.name, by]), (one.value, value))]
            if keys:
                subject = value if isinstance(value, bytes) else None
                body = {"fields": [one.name], "by": by, "records": " ".join(keys), "count": len(keys)}
                told = self._entry("record.corrected", body, subject)
                put_sealed(self._hot, [told], "postgresql" if self._postgres else "sqlite")
        return len(keys)

    def _move(self, by: str, value: str | bytes, new: bytes) -> list[str]:
        """Give records to another person: each is opened under the old key and sealed under the new one."""
        opened = self._opened(self._hot.rows(self._spell(_READ[by]), (value,)))
        self._hot.many(_MOVE, [(new, self._sealed(new, key, plain), key) for key, plain in opened])
        return [key for key, _ in opened]

    def _sealed(self, subject: bytes, key: str, data: str | bytes) -> bytes:
        plain = data.encode() if isinstance(data, str) else data
        return self._parts.held.ring.seal(subject, CLASS, self._parts.binding.of(subject, key.encode()), plain)

    def _entry(self, kind: str, body: dict[str, Any], subject: bytes | None) -> SealedEntry:
        version, actor = self._parts.version, f"svc:{self._role}"
        return self._parts.held.ledger.seal([NewEntry(kind, "collection.fields", version, actor, body, subject)])[0]

    # comparing

    def touched(self, one: Operation, given: Any) -> int:
        """Count what came back, or what was changed."""
        if one.does == "verify":
            return int(given[0][0])
        return given if isinstance(given, int) else len(given)

    def answer(self, one: Operation, given: Any, users: dict[bytes, str] | None = None) -> Answer:
        """Give rows in order of key, with users by name, or a count."""
        if one.does == "read":
            return sorted((key, data.decode()) for key, data in given)
        if one.does == "read_meta":
            return sorted((*row[:3], (users or {})[row[3]], *row[4:]) for row in given)
        if one.does == "logs" and not newest_first(given):
            return [("not in order",)]
        return [(str(self.touched(one, given)),)]

    def close(self) -> None:
        """Close the connection."""
        self._hot.close()


_PLAIN = {
    "insert": f"{_INSERT} VALUES ({', '.join('?' * 11)}) RETURNING 1",
    "delete": "DELETE FROM gdpr_record WHERE key = ? AND usr = ? RETURNING 1",
} | {name: f"UPDATE gdpr_record SET {name} = ? WHERE key = ? AND usr = ? RETURNING 1" for name in (*METADATA, "data")}
