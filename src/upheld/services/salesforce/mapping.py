"""The map of an organisation: which field is whose, what belongs to what, and what an erasure does with each object."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any, Literal

import msgspec

from upheld.db import UpheldError
from upheld.policy.source import Folder, plain, read_text

SYSTEM = frozenset(
    {
        "Id", "IsDeleted", "Name", "CreatedDate", "CreatedById", "LastModifiedDate", "LastModifiedById", "SystemModstamp", "OwnerId",
        "LastActivityDate", "LastViewedDate", "LastReferencedDate", "MasterRecordId", "RecordTypeId",
    }
)  # fmt: skip
"""Fields that the operator keeps on every object and that tell nothing of a person by themselves."""


_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,79}")


class Keep(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a law keeps: under which id of the law, and what is written over it (`~`: no value)."""

    keep: str
    mask: dict[str, str] = {}


class Through(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The object that says what hangs on which record: its field for the record, and its field for what hangs there."""

    object: str
    record: str
    item: str


class Kind(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One object; the keys are told at the head of `mapping.yaml`."""

    identity: dict[str, list[str]] = {}
    of: dict[str, list[str]] = {}
    same: dict[str, str] = {}
    above: dict[str, str] = {}
    through: Through | None = None
    limits: dict[Literal["find", "fetch", "correct", "restrict", "release", "suppress", "unsuppress", "erase"], str] = {}
    fields: dict[str, str] = {}
    parts: list[str] = []
    personal: list[str] = []
    free_text: list[str] = []
    not_personal: list[str] = []
    suppress: list[str] = []
    history: bool = False
    erase: Literal["delete"] | Keep = "delete"

    def links(self) -> tuple[str, ...]:
        """Give the fields that name other records."""
        return (*self.of, *self.same, *self.above)

    def shown(self) -> tuple[str, ...]:
        """Give the fields that hold what is a person's, each once."""
        found = (*self.fields.values(), *self.parts, *self.personal, *self.free_text, *self.suppress)
        return tuple(dict.fromkeys((*(name for names in self.identity.values() for name in names), *found)))

    def known(self) -> frozenset[str]:
        """Give every field that the map says anything about."""
        return frozenset((*self.shown(), *self.links(), *self.not_personal)) | SYSTEM


class Write(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where a delivery goes: the object, the external id that keeps it one record, and what fills fields that may not be empty."""

    object: str
    external_id: str
    filled: dict[str, str] = {}


class Restrict(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The switch that says that a person's data must not be used, and the object that has it."""

    object: str
    switch: str


class OrgMap(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An organisation as it is described."""

    write: Write
    restrict: Restrict
    objects: dict[str, Kind]

    def order(self) -> tuple[str, ...]:
        """Give the objects in the order of an erasure: what names another before what is named."""
        waiting, done = list(self.objects), list[str]()
        while waiting:
            named = {to for name in waiting for to in _named(self.objects[name]) if to != name}
            free = [name for name in waiting if name not in named] or waiting[:1]
            done += free
            waiting = [name for name in waiting if name not in free]
        return tuple(done)


@dataclass(frozen=True, slots=True)
class Trouble:
    """One thing a map says wrongly, with its place: `objects.Lead.fields.name`."""

    place: str
    text: str


class MapError(UpheldError):
    """The map of an organisation does not hold together."""

    code = "map_invalid"
    clause = "services"
    next_step = "Mend what is listed; docs/howto/connect-salesforce.md says what each key means."

    def __init__(self, file: str, troubles: tuple[Trouble, ...]) -> None:
        """Keep what is wrong; the message has the file and the first places."""
        self.troubles = troubles
        super().__init__(f"{file}: " + "; ".join(f"{one.place}: {one.text}" for one in troubles[:5]))


@cache
def shipped() -> OrgMap:
    """Give the map of an organisation as it comes out of the box."""
    file = resources.files(__package__) / "mapping.yaml"
    return _read("mapping.yaml", plain(read_text("mapping.yaml", file.read_text("utf-8"), Folder(Path()))))


def with_own(file: str, own: Mapping[str, Any]) -> OrgMap:
    """Give the shipped map with what a connection says otherwise: whole objects, `write`, `restrict`.

    An object that is set to `~` is left out. Raises MapError, with the file and each place, for unknown keys and
    for what does not fit together.
    """
    base: dict[str, Any] = msgspec.to_builtins(shipped())
    objects = {**base["objects"], **(own.get("objects") or {})}
    told = {name: own.get(name, base[name]) for name in ("write", "restrict")}
    return _read(file, {**told, "objects": {name: one for name, one in objects.items() if one not in (None, "~")}})


def _read(file: str, tree: Any) -> OrgMap:
    try:
        found = msgspec.convert(tree, OrgMap, strict=False)
    except msgspec.ValidationError as error:
        text, _, place = str(error).partition(" - at ")
        raise MapError(file, (Trouble(place.strip("`$.") or file, text),)) from None
    if troubles := tuple(_troubles(found)):
        raise MapError(file, troubles)
    return found


def _troubles(found: OrgMap) -> Iterator[Trouble]:
    if not any(kind.identity for kind in found.objects.values()):
        yield Trouble("objects", "no object says by what a person is known in it")
    if found.write.object not in found.objects:
        yield Trouble("write.object", f"`{found.write.object}` is not among the objects")
    for name, kind in found.objects.items():
        written = (name, *kind.known(), *(msgspec.structs.astuple(kind.through) if kind.through else ()))
        for bad in sorted(one for one in written if not _NAME.fullmatch(one)):
            yield Trouble(f"objects.{name}", f"`{bad}` is no name of an object or a field")
        for to in _named(kind):
            if to not in found.objects:
                yield Trouble(f"objects.{name}", f"names records of `{to}`, which is not among the objects")
        for both in sorted(set(kind.shown()) & set(kind.not_personal)):
            yield Trouble(f"objects.{name}.{both}", "is called personal and not personal")
        if not (kind.identity or kind.of or kind.through or _is_above(found, name)):
            yield Trouble(f"objects.{name}", "nothing leads from a person to it")


def _named(kind: Kind) -> tuple[str, ...]:
    return (*(to for many in kind.of.values() for to in many), *kind.same.values(), *kind.above.values())


def _is_above(found: OrgMap, name: str) -> bool:
    return any(name in (*kind.above.values(), *kind.same.values()) for kind in found.objects.values())
