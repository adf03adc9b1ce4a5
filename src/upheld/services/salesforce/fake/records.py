"""The records of the fake organisation: their lives from living to gone, their rules, and what goes with what."""

from __future__ import annotations

import re
import string
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from upheld.db import Clock
from upheld.services.salesforce.fake.schema import HISTORY, READ_ONLY, ObjectOf, schema

BIN, TAIL = timedelta(days=15), timedelta(hours=24)
"""How long a deleted record lies in the bin, and how long it can still be asked for behind it."""

Life = Literal["live", "recycled", "tail", "gone"]
_LETTERS = string.ascii_uppercase + string.digits[:6]
_DIGITS = string.digits + string.ascii_uppercase + string.ascii_lowercase
_EMAIL = re.compile(r"[^@\s,;]+@[^@\s,;]+\.[^@\s,;]+")


class ApiError(Exception):
    """What the fake answers instead of doing something, as the API's own body says it."""

    def __init__(self, status: int, code: str, message: str = "", fields: tuple[str, ...] = ()) -> None:
        """Keep the status line, the code of the published list, and the fields it is about."""
        super().__init__(code)
        self.status, self.code, self.message, self.fields = status, code, message or code, fields


@dataclass(slots=True)
class Record:
    """One record, and what stands in its way: an approval's lock, rights that are missing, or not being visible."""

    id: str
    kind: str
    values: dict[str, Any] = field(repr=False)
    created: datetime
    changed: datetime
    deleted: datetime | None = None
    hard: bool = False
    locked: bool = False
    forbidden: bool = False
    hidden: bool = False
    words: str = field(default="", repr=False)
    """Every text of the record in one, for searches."""

    def life(self, now: datetime) -> Life:
        """Say where the record stands in its life."""
        if self.deleted is None:
            return "live"
        bin_end = self.deleted if self.hard else self.deleted + BIN
        return "recycled" if now < bin_end else "tail" if now < bin_end + TAIL else "gone"


@dataclass(frozen=True, slots=True)
class Rule:
    """A validation rule of the company: `wrong` says of the values to be saved whether they break it."""

    kind: str
    wrong: Callable[[Mapping[str, Any]], bool]
    fields: tuple[str, ...] = ()


def long_id(short: str) -> str:
    """Give the id of 18 characters for one of 15: the last three tell which letters are capitals."""
    bits = (sum(1 << at for at, char in enumerate(short[five : five + 5]) if char in string.ascii_uppercase) for five in (0, 5, 10))
    return short + "".join(_LETTERS[one] for one in bits)


def stamp(at: datetime) -> str:
    """Write a time as the API does: whole seconds, in UTC."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.000+0000")


@dataclass(slots=True)
class Org:
    """Every record of the organisation, reached by id."""

    clock: Clock
    objects: dict[str, ObjectOf] = field(default_factory=schema, repr=False)
    records: dict[str, Record] = field(default_factory=dict, repr=False)
    rules: list[Rule] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    _kinds: dict[str, dict[str, Record]] = field(default_factory=dict, repr=False)
    _index: dict[tuple[str, str], dict[Any, set[str]]] = field(default_factory=dict, repr=False)
    _lower: dict[str, set[str]] = field(default_factory=dict, repr=False)
    _named: dict[str, set[tuple[str, str]]] = field(default_factory=dict, repr=False)

    @property
    def now(self) -> datetime:
        """Give the time; what the API tells of it is whole seconds (`stamp`)."""
        return self.clock.now()

    def object(self, name: str) -> ObjectOf:
        """Give an object by its name; raises ApiError `NOT_FOUND`."""
        found = next((one for key, one in self.objects.items() if key.lower() == name.lower()), None)
        if found is None:
            raise ApiError(404, "NOT_FOUND", "The requested resource does not exist")
        return found

    def all(self, kind: str, among: frozenset[str] | None = None, *, deleted: bool = False) -> Iterator[Record]:
        """Give the records of an object that a credential may see; `deleted` adds those in the bin and behind it."""
        mine, wanted = self._kinds.get(kind, {}), ("live", "recycled", "tail") if deleted else ("live",)
        for one in mine.values() if among is None else [mine[key] for key in sorted(among) if key in mine]:
            if not one.hidden and one.life(self.now) in wanted:
                yield one

    def having(self, kind: str, name: str, values: frozenset[Any]) -> frozenset[str] | None:
        """Give the ids whose field may have one of the values, from an index; None where there is no index."""
        if name == "Id":
            return frozenset(one for value in values for one in self._lower.get(value, ()))
        if "." in name or None in values:
            return None
        if (kind, name) not in self._index:
            self._index[kind, name] = {}
            for one in self._kinds.get(kind, {}).values():
                self._indexed(one, one.values)
        return frozenset().union(*(self._index[kind, name].get(value, ()) for value in values))

    def _indexed(self, record: Record, news: Mapping[str, Any]) -> None:
        """Note values where they are looked for; what no longer holds stays in the index and is tested again."""
        record.words = "\n".join(value for value in record.values.values() if isinstance(value, str)).lower()
        for name, value in news.items():
            if (record.kind, name) in self._index:
                self._index[record.kind, name].setdefault(plain(value), set()).add(record.id)
            if self.objects[record.kind].fields[name].to and value:
                self._named.setdefault(value, set()).add((record.id, name))

    def by_id(self, written: str) -> Record:
        """Give a living record by an id of 15 or 18 characters; raises ApiError as the API does."""
        found = self.records.get(self.normal(written))
        if found is None or found.hidden or found.life(self.now) == "gone":
            raise ApiError(404, "NOT_FOUND", "The requested resource does not exist")
        if found.deleted is not None:
            raise ApiError(404, "ENTITY_IS_DELETED", "entity is deleted")
        return found

    @staticmethod
    def normal(written: str) -> str:
        """Give the long form of an id; raises ApiError `MALFORMED_ID`."""
        if not re.fullmatch(r"[A-Za-z0-9]{15}([A-Z0-5]{3})?", written) or (len(written) == 18 and long_id(written[:15]) != written):
            raise ApiError(400, "MALFORMED_ID", f"bad id {written}")
        return long_id(written[:15])

    def create(self, kind: str, values: Mapping[str, Any]) -> str:
        """Make a record and give its id; raises ApiError where a rule of the object or the company forbids it."""
        told = self.object(kind)
        kept = self._checked(told, values, whole=True)
        self._ruled(told.name, kept)
        self.counts[told.prefix] += 1
        new = long_id(f"{told.prefix}5g0000{_number(self.counts[told.prefix])}")
        self.records[new] = self._kinds.setdefault(told.name, {})[new] = Record(new, told.name, kept, self.now, self.now)
        self._lower.setdefault(new.lower(), set()).add(new)
        self._indexed(self.records[new], kept)
        return new

    def update(self, written: str, values: Mapping[str, Any], kind: str = "") -> None:
        """Change fields of a record and keep the old values in its history."""
        record = self.by_id(written)
        if kind and record.kind != self.object(kind).name:
            raise ApiError(404, "NOT_FOUND", "Provided external ID field does not exist or is not accessible")
        self.writable(record)
        if record.values.get("IsConverted"):
            raise ApiError(400, "CANNOT_UPDATE_CONVERTED_LEAD", "cannot reference converted lead")
        kept = self._checked(self.objects[record.kind], values, whole=False, but=record.id)
        self._ruled(record.kind, {**record.values, **kept})
        self._remember(record, kept)
        record.values.update(kept)
        record.changed = self.now
        self._indexed(record, kept)

    def upsert(self, kind: str, name: str, values: dict[str, Any]) -> tuple[str, bool]:
        """Change the record that has an external id, or make it; gives its id and whether it is new."""
        told = self.object(kind)
        if name not in told.fields or not told.fields[name].external:
            raise ApiError(404, "NOT_FOUND", "Provided external ID field does not exist or is not accessible: " + name)
        wanted = values.get(name)
        if not wanted:
            raise ApiError(400, "MISSING_ARGUMENT", f"{name} not specified")
        same = self.having(told.name, name, frozenset({plain(wanted)}))
        there = [one for one in self.all(told.name, same) if plain(one.values.get(name)) == plain(wanted)]
        if not there:
            return self.create(told.name, values), True
        self.update(there[0].id, values)
        return there[0].id, False

    def delete(self, written: str, *, hard: bool = False) -> None:
        """Delete a record and what belongs to it; raises ApiError where something keeps it."""
        record = self.by_id(written)
        self.writable(record)
        below = list(self._below(record))
        if any(how == "restrict" for _, _, how in below):
            raise ApiError(400, "DELETE_FAILED", "Your attempt to delete could not be completed because it is associated with other records")
        for child, name, how in below:
            if how == "cascade":
                self._bury(child, hard)
            else:
                child.values[name] = None
        self._bury(record, hard)

    def writable(self, record: Record) -> None:
        """Refuse what is locked by an approval or not the credential's to write."""
        if record.locked:
            raise ApiError(400, "ENTITY_IS_LOCKED", "the entity is locked for editing")
        if record.forbidden or record.kind in READ_ONLY:
            raise ApiError(403, "INSUFFICIENT_ACCESS_OR_READONLY", "insufficient access rights on object id")

    def _bury(self, record: Record, hard: bool) -> None:
        if record.deleted is not None:
            return
        for child, _, how in list(self._below(record)):
            if how == "cascade":
                self._bury(child, hard)
        record.deleted, record.hard, record.changed = self.now, hard, self.now

    def _below(self, record: Record) -> Iterator[tuple[Record, str, str]]:
        """Give the living records that name this one, the field, and what a deletion does to them."""
        for key, name in sorted(self._named.get(record.id, ())):
            one = self.records[key]
            if one.deleted is None and one.values.get(name) == record.id:
                yield one, name, self.objects[one.kind].fields[name].on_delete

    def _remember(self, record: Record, news: Mapping[str, Any]) -> None:
        if record.kind not in HISTORY:
            return
        kind, name = HISTORY[record.kind]
        for key, value in news.items():
            if (old := record.values.get(key)) != value:
                self.create(kind, {name: record.id, "Field": key, "OldValue": _short(old), "NewValue": _short(value)})

    def _checked(self, told: ObjectOf, values: Mapping[str, Any], *, whole: bool, but: str = "") -> dict[str, Any]:
        kept: dict[str, Any] = dict.fromkeys(told.switches, False) if whole else {}
        for name, value in values.items():
            one = told.fields.get(name)
            if one is None:
                raise ApiError(400, "INVALID_FIELD", f"No such column '{name}' on sobject of type {told.name}")
            if name in ("Id", "IsDeleted", "SystemModstamp", "CreatedDate", "LastModifiedDate"):
                raise ApiError(400, "INVALID_FIELD_FOR_INSERT_UPDATE", f"Unable to create/update fields: {name}", (name,))
            kept[name] = None if value in (None, "") else self._value(told, name, value)
            if one.external and kept[name] is not None and self._taken(told.name, name, kept[name], but):
                raise ApiError(400, "DUPLICATE_VALUE", f"duplicate value found: {name}", (name,))
        missing = tuple(name for name, one in told.fields.items() if one.required and (whole or name in kept) and not kept.get(name))
        if missing:
            raise ApiError(400, "REQUIRED_FIELD_MISSING", f"Required fields are missing: [{', '.join(missing)}]", missing)
        return kept

    def _value(self, told: ObjectOf, name: str, value: Any) -> Any:
        one = told.fields[name]
        if one.type == "boolean" and not isinstance(value, bool):
            raise ApiError(400, "JSON_PARSER_ERROR", f"Cannot deserialize {name}", (name,))
        if one.type == "email" and not _EMAIL.fullmatch(str(value)):
            raise ApiError(400, "INVALID_EMAIL_ADDRESS", f"{name}: invalid email address", (name,))
        if isinstance(value, str) and one.length and len(value) > one.length:
            raise ApiError(400, "STRING_TOO_LONG", f"{name}: data value too large (max length={one.length})", (name,))
        if one.to:
            there = self.records.get(self.normal(str(value)))
            if there is None or there.deleted is not None or there.kind not in one.to:
                raise ApiError(400, "INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id", (name,))
            return there.id
        return value

    def _taken(self, kind: str, name: str, value: Any, but: str) -> bool:
        same = self.having(kind, name, frozenset({plain(value)})) or frozenset()
        return any(one.id != but and plain(one.values.get(name)) == plain(value) for one in self.all(kind, same))

    def _ruled(self, kind: str, values: Mapping[str, Any]) -> None:
        for rule in self.rules:
            if rule.kind == kind and rule.wrong(values):
                raise ApiError(400, "FIELD_CUSTOM_VALIDATION_EXCEPTION", "a rule of the company", rule.fields)


def _number(count: int) -> str:
    """Write a count as the API writes ids: six characters of 62."""
    told = ""
    for _ in range(6):
        count, rest = divmod(count, 62)
        told = _DIGITS[rest] + told
    return told


def plain(value: Any) -> Any:
    """Bring text to one case, as comparisons of the API do."""
    return value.lower() if isinstance(value, str) else value


def _short(value: Any) -> str | None:
    return None if value is None else str(value)[:255]
