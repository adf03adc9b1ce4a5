"""The people of an instance: leads `live -> deleted -> pruned`, their lists, and the synchronisation that brings them back."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Protocol

from upheld.db import Clock
from upheld.services.marketo.fake.refusals import reason

PRUNED = timedelta(days=14)
"""How long the list of deleted people names them."""
EVERY = timedelta(minutes=5)
"""How often the synchronisation looks into its source."""
BATCH = 300
LENGTH = 255
_COPIED = {"Email": "email", "FirstName": "firstName", "LastName": "lastName", "Phone": "phone", "Company": "company", "Title": "title"}


class Changed(Protocol):
    """A record of the source that was written since it was last looked into."""

    @property
    def id(self) -> str:
        """Give its id there."""

    @property
    def kind(self) -> str:
        """Say whether it is a Lead or a Contact."""

    @property
    def fields(self) -> Mapping[str, Any]:
        """Give what it holds, by the source's names of fields."""


class Source(Protocol):
    """What the instance copies people from: a Salesforce organisation, or what stands for one."""

    def changed_since(self, moment: datetime) -> Iterable[Changed]:
        """Give the living records that were written after a moment."""


@dataclass(frozen=True, slots=True)
class Kind:
    """One field of a person."""

    name: str
    type: str
    writable: bool
    searchable: bool


@dataclass(slots=True)
class Lead:
    """One living person."""

    id: int
    partition: int
    created: datetime
    updated: datetime
    values: dict[str, Any] = field(repr=False)
    forbidden: bool = False


TYPES = {
    1: "Visit Webpage", 2: "Fill Out Form", 3: "Click Link", 6: "Send Email", 7: "Email Delivered", 8: "Email Bounced",
    9: "Unsubscribe Email", 10: "Open Email", 11: "Click Email", 12: "New Lead", 13: "Change Data Value", 22: "Change Score",
    24: "Add to List", 25: "Remove from List",
}  # fmt: skip
"""Kinds of activities by number; that of a deletion is read by a method of its own."""


@dataclass(frozen=True, slots=True)
class Activity:
    """Something that a person did or that was done with them, with the values of that moment."""

    number: int
    lead: int
    type: int
    at: datetime
    what: str = field(default="", repr=False)
    attributes: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class Gone:
    """What is left of a deleted person until it is pruned: the operator's list shows the name."""

    number: int
    lead: int
    name: str = field(repr=False)
    at: datetime


def standard() -> dict[str, Kind]:
    """Read the standard fields."""
    kinds = {}
    for line in Path(__file__).with_name("fields.txt").read_text("utf-8").splitlines():
        if line and not line.startswith("#"):
            name, type_, *marks = line.split()
            told = "".join(marks)
            kinds[name] = Kind(name, type_, "!" not in told, "?" in told)
    return kinds


class People:
    """Leads by id. `hidden` are the partitions that no client sees."""

    def __init__(self, clock: Clock, source: Source | None = None) -> None:
        """Begin with nobody and the one partition that every instance has."""
        self._clock, self.source = clock, source
        self.kinds = standard()
        self.leads: dict[int, Lead] = {}
        self.gone: list[Gone] = []
        self.activities: dict[int, list[Activity]] = {}
        self.partitions: dict[int, str] = {1: "Default"}
        self.hidden: set[int] = set()
        self.lists: dict[int, str] = {}
        self.members: dict[int, set[int]] = {}
        self.unsubscribed: set[str] = set()
        """Addresses that are never written to again, whoever holds them."""
        self._next, self._synced = 1000, clock.now()

    @property
    def now(self) -> datetime:
        """Give the present moment."""
        return self._clock.now()

    def visible(self) -> Iterator[Lead]:
        """Give the living people that a client sees, by id."""
        return (one for _, one in sorted(self.leads.items()) if one.partition not in self.hidden)

    def seen(self, lead: int) -> Lead | None:
        """Give a living person that a client sees, or None."""
        one = self.leads.get(lead)
        return one if one is not None and one.partition not in self.hidden else None

    def create(self, values: Mapping[str, Any], partition: int = 1) -> int:
        """Make a person and give the id; an address that once unsubscribed stays so, whoever comes with it."""
        self._next += 1
        self.leads[self._next] = Lead(self._next, partition, self.now, self.now, dict(values))
        self.act(self._next, 12)
        self.update(self._next, values)
        return self._next

    def update(self, lead: int, values: Mapping[str, Any]) -> None:
        """Write fields of a person. To be unsubscribed is a matter of the address and not of the record.

        Whoever takes or gives up the flag does so for every record of the address; who changes to another address
        has the flag that this one has, unless the flag is written with it.
        """
        one = self.leads[lead]
        for name, new in values.items():
            if (old := one.values.get(name)) != new:
                self.act(lead, 13, name, {"Old Value": str(old or ""), "New Value": str(new or "")})
        one.values.update(values)
        one.updated = self.now
        address = _address(one)
        if address and "unsubscribed" in values:
            (self.unsubscribed.add if values["unsubscribed"] else self.unsubscribed.discard)(address)
            for other in self.leads.values():
                if _address(other) == address:
                    other.values["unsubscribed"] = bool(values["unsubscribed"])
        elif "email" in values:
            one.values["unsubscribed"] = address in self.unsubscribed

    def act(self, lead: int, type_: int, what: str = "", attributes: Mapping[str, str] | None = None) -> None:
        """Note something that a person did, or that was done with them."""
        log = self.activities.setdefault(lead, [])
        log.append(Activity(lead * 1000 + len(log), lead, type_, self.now, what, attributes or {}))

    def delete(self, lead: int) -> None:
        """Delete a person: out of every list with all activities at once, by name in the list of deletions for a while."""
        one = self.leads.pop(lead)
        self.activities.pop(lead, None)
        for members in self.members.values():
            members.discard(lead)
        name = " ".join(str(one.values[key]) for key in ("firstName", "lastName") if one.values.get(key))
        self.gone.append(Gone(len(self.gone) + 1, lead, name, self.now))

    def deleted_since(self, moment: datetime) -> list[Gone]:
        """Give who was deleted after a moment, oldest first; what is older than its time is pruned."""
        self.gone = [one for one in self.gone if one.at > self.now - PRUNED]
        return [one for one in self.gone if one.at >= moment]

    def shown(self, one: Lead, fields: Iterable[str]) -> dict[str, Any]:
        """Give a person as answers show them."""
        made = {
            "id": one.id, "leadPartitionId": one.partition, "createdAt": stamp(one.created), "updatedAt": stamp(one.updated),
            "mktoName": " ".join(str(one.values[key]) for key in ("firstName", "lastName") if one.values.get(key)) or None,
        }  # fmt: skip
        default = {name: False for name, kind in self.kinds.items() if kind.type == "boolean"}
        return {name: made.get(name, one.values.get(name, default.get(name))) for name in dict.fromkeys(("id", *fields))}

    def synchronise(self) -> None:
        """Look into the source where it is time: what changed there is written here, and made anew where it was deleted."""
        if self.source is None or self.now < self._synced + EVERY:
            return
        since, self._synced = self._synced, self.now
        for record in self.source.changed_since(since):
            values = {ours: record.fields.get(theirs) for theirs, ours in _COPIED.items()}
            key = f"sfdc{record.kind}Id"
            same = [one.id for one in self.leads.values() if one.values.get(key) == record.id]
            if same:
                self.update(same[0], values)
            else:
                self.create({**values, key: record.id, "sfdcId": record.id, "sfdcType": record.kind})

    def wrong(self, values: Mapping[str, Any]) -> dict[str, str] | None:
        """Say why values cannot be written; None where they can."""
        for name, value in values.items():
            kind = self.kinds.get(name)
            if kind is None or not kind.writable:
                return reason("1006")
            if kind.type in {"string", "email", "phone", "url"} and len(str(value or "")) > LENGTH:
                return reason("1001")
            if kind.type == "boolean" and value not in (True, False, "true", "false", None):
                return reason("1001")
        return None


def _address(one: Lead) -> str:
    return str(one.values.get("email") or "").casefold()


def stamp(moment: datetime) -> str:
    """Write a moment as the operator does."""
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
