"""The objects and fields of the fake organisation: the standard ones that hold people, written small."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import resources
from typing import Any

from upheld.policy.model import Frozen

SYSTEM = "IsDeleted:boolean CreatedDate:datetime CreatedById:id LastModifiedDate:datetime LastModifiedById:id SystemModstamp:datetime"
"""What every object has and nobody writes."""

_LENGTHS = {"email": 80, "phone": 40, "url": 255, "textarea": 255, "string": 255, "picklist": 40, "id": 18, "reference": 18}

READ_ONLY = frozenset({"LeadHistory", "ContactHistory", "CaseHistory", "Organization", "User"})
BY_LINK = {"ContentDocumentLink": ("ContentDocumentId", "LinkedEntityId")}
"""Objects that a query may ask for only by one of these fields, with `=` or IN."""

HISTORY: Mapping[str, tuple[str, str]] = Frozen(
    {"Lead": ("LeadHistory", "LeadId"), "Contact": ("ContactHistory", "ContactId"), "Case": ("CaseHistory", "CaseId")}
)
"""Where an object keeps the old values of its fields, and the field that names the record."""


@dataclass(frozen=True, slots=True)
class FieldOf:
    """One field of an object, as `describe` tells it."""

    name: str
    type: str
    length: int = 0
    required: bool = False
    external: bool = False
    to: tuple[str, ...] = ()
    relation: str = ""
    on_delete: str = "null"

    @property
    def custom(self) -> bool:
        """Say whether the company made it."""
        return self.name.endswith("__c")

    @property
    def filterable(self) -> bool:
        """Say whether a query may test it; long text may not be."""
        return not (self.type == "textarea" and self.length > 255)

    def described(self, *, system: bool) -> dict[str, Any]:
        """Give the part of a description that clients read."""
        fixed = system or self.type == "id"
        return {
            "name": self.name, "label": self.name, "type": self.type, "length": self.length, "custom": self.custom,
            "nillable": not self.required, "externalId": self.external, "unique": self.external, "idLookup": self.external,
            "createable": not fixed, "updateable": not fixed, "filterable": self.filterable, "referenceTo": list(self.to),
            "relationshipName": self.relation or None, "deprecatedAndHidden": False, "calculated": False,
        }  # fmt: skip


@dataclass(slots=True)
class ObjectOf:
    """One object of the organisation."""

    name: str
    prefix: str
    fields: dict[str, FieldOf] = field(default_factory=dict)

    def add(self, written: str) -> None:
        """Add fields from their short form."""
        for one in written.split():
            made = _field(one)
            self.fields[made.name] = made

    @property
    def switches(self) -> tuple[str, ...]:
        """Name the fields that are yes or no; a new record has no in all of them."""
        return tuple(name for name, one in self.fields.items() if one.type == "boolean" and name != "IsDeleted")

    def relation(self, name: str) -> FieldOf | None:
        """Give the field behind a parent's name in a query."""
        return next((one for one in self.fields.values() if one.relation == name), None)

    def described(self) -> dict[str, Any]:
        """Give what `sobjects/X/describe` answers."""
        system = {one.split(":")[0] for one in SYSTEM.split()}
        fields = [one.described(system=one.name in system) for one in self.fields.values()]
        return {**self.summary(), "fields": fields}

    def summary(self) -> dict[str, Any]:
        """Give what the list of all objects says of it."""
        writable = self.name not in READ_ONLY
        return {
            "name": self.name, "label": self.name, "keyPrefix": self.prefix, "custom": self.name.endswith("__c"),
            "queryable": True, "createable": writable, "updateable": writable, "deletable": writable, "retrieveable": True,
        }  # fmt: skip


def schema() -> dict[str, ObjectOf]:
    """Give a fresh set of objects, as `objects.txt` tells them."""
    told: dict[str, ObjectOf] = {}
    name = ""
    for line in (resources.files(__package__) / "objects.txt").read_text("utf-8").splitlines():
        if line.startswith("  "):
            told[name].add(line)
        elif line and not line.startswith("#"):
            name, prefix = line.split()
            told[name] = make(name, prefix, "")
    return told


def make(name: str, prefix: str, fields: str) -> ObjectOf:
    """Make an object with the fields that every object has."""
    made = ObjectOf(name, prefix)
    made.add(f"Id:id:18 {fields} {SYSTEM}")
    return made


def _field(written: str) -> FieldOf:
    told, _, target = written.partition(">")
    required, external = "!" in told, "#" in told
    name, kind, *length = told.strip("!#").split(":")
    objects, _, rest = target.partition("/")
    relation, _, on_delete = rest.partition("/")
    size = int(length[0]) if length else _LENGTHS.get(kind, 0)
    return FieldOf(name, kind, size, required, external, tuple(filter(None, objects.split("+"))), relation, on_delete or "null")
