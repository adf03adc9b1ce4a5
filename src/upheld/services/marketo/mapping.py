"""The map of an instance: which field there is which of the policy's, how people are known, and which flags stop their use."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from upheld.db import UpheldError
from upheld.policy.model import Frozen
from upheld.policy.source import Folder, plain, read_text

SHIPPED = Path(__file__).with_name("mapping.yaml")


@dataclass(frozen=True, slots=True)
class Target:
    """Where a field of the policy stands there; what it stands `with` is emptied when the field is written."""

    field: str
    emptied: tuple[str, ...] = ()

    @property
    def parts(self) -> tuple[str, ...]:
        """Give all fields that together say the value."""
        return (*self.emptied, self.field)


@dataclass(frozen=True, slots=True)
class MarketoMap:
    """An instance as it is described. `suppress` and `restrict` name for each flag the field that says whose it is."""

    identity: Mapping[str, str]
    fields: Mapping[str, Target]
    personal: tuple[str, ...]
    free_text: tuple[str, ...]
    suppress: Mapping[str, str]
    restrict: Mapping[str, str]
    not_personal: tuple[str, ...]
    custom_objects: tuple[str, ...]

    @property
    def flags(self) -> tuple[str, ...]:
        """Give the flags and the fields that say whose they are."""
        return tuple(name for pair in (*self.suppress.items(), *self.restrict.items()) for name in pair)

    @property
    def told(self) -> tuple[str, ...]:
        """Give every field that is the person's, each once."""
        mapped = (part for one in self.fields.values() for part in one.parts)
        return tuple(dict.fromkeys((*mapped, *self.personal, *self.free_text)))

    @property
    def known(self) -> frozenset[str]:
        """Give every field that the map says anything about."""
        return frozenset((*self.told, *self.flags, *self.not_personal, *self.identity.values()))


class MapError(UpheldError):
    """The map of a Marketo instance does not hold together."""

    code = "map_invalid"
    clause = "services"
    next_step = "Mend what is listed; docs/howto/connect-marketo.md shows what a map says."


class _Target(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    field: str
    emptied: list[str] = msgspec.field(default_factory=list, name="with")


class _Map(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    identity: dict[str, str]
    fields: dict[str, _Target]
    suppress: dict[str, str]
    restrict: dict[str, str]
    not_personal: list[str]
    personal: list[str] = []
    free_text: list[str] = []
    custom_objects: list[str] = []


def read_map(path: Path = SHIPPED) -> MarketoMap:
    """Read a map, the shipped one unless another is named; raises MapError with the file and the place of what is wrong.

    Clause: services
    """
    try:
        written = msgspec.convert(_tree(path), _Map)
    except msgspec.ValidationError as error:
        text, _, place = str(error).partition(" - at ")
        raise MapError(f"{path.name}: {place.strip('`$.') or 'whole'}: {text}") from None
    fields = {name: Target(one.field, tuple(one.emptied)) for name, one in written.fields.items()}
    found = MarketoMap(
        Frozen(written.identity), Frozen(fields), tuple(written.personal), tuple(written.free_text), Frozen(written.suppress),
        Frozen(written.restrict), tuple(written.not_personal), tuple(written.custom_objects),
    )  # fmt: skip
    troubles = list(_troubles(found))
    if troubles:
        raise MapError(f"{path.name}: {'; '.join(troubles[:5])}")
    return found


def _tree(path: Path) -> Any:
    folder = Folder(path.parent)
    try:
        tree = plain(read_text(path.name, path.read_text("utf-8"), folder))
    except OSError:
        raise MapError(f"{path.name}: cannot be read") from None
    except Exception as error:  # the reader's own word for text that is no YAML, or UnicodeDecodeError
        raise MapError(f"{path.name}: is no readable YAML ({type(error).__name__})") from None
    if folder.findings:
        twice = folder.findings[0].params
        raise MapError(f"{path.name}: {twice.get('key', '')}: stands there already ({twice.get('line', '')})")
    return tree


def _troubles(found: MarketoMap) -> Iterator[str]:
    if not found.identity:
        yield "identity: nobody can be found without one"
    mapped = [part for one in found.fields.values() for part in one.parts]
    places = Counter((*mapped, *found.personal, *found.free_text, *found.flags, *found.not_personal))
    for name, count in places.items():
        if count > 1:
            yield f"{name}: stands in {count} places, and is in one of them only"
