"""Compare two compiled versions clause by clause and say, for each change, what kind of change it is.

Classes follow the key table: column `worse` names the class of a change towards less protection, the
opposite direction is narrowing. Where judgement is needed (the text of a purpose) a person signs.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from upheld.policy import keys
from upheld.policy.findings import KeyPath, clause_id
from upheld.policy.keys import Key, Spec
from upheld.policy.model import CompiledPolicy
from upheld.policy.weigh import ACTS, default, is_worse, only_dropping_counts, worse_when_fewer

CLASSES = (
    "wording", "narrowing", "within_relevance", "longer_period", "less_protection", "new_field", "new_country",
    "new_recipient", "beyond",
)  # fmt: skip
"""Diff classes from the mildest to the strictest; the strictest of a version leads."""

_CLASS_OF = {
    "w": "wording", "x": "within_relevance", "b": "beyond", "f": "new_field", "r": "new_recipient",
    "c": "new_country", "l": "longer_period", "p": "less_protection",
}  # fmt: skip

_ADDED = {
    "collection.fields": "f", "collection.purposes": "b", "collection.situations": "f", "collection.never": "narrowing",
    "services.services": "r", "recipients.recipients": "r", "cookies.tags": "r", "cookies.categories": "w",
    "security.measures": "narrowing", "rights.kinds": "narrowing", "rights.refusals": "p",
    "retention.subjects": "w", "retention.rules": "l", "retention.longer_by_law": "l", "retention.starts": "w",
    "transfers.mechanisms": "w", "basis.bases": "w", "basis.purposes": "b", "notice.channels": "w",
    "notice.scripts": "w", "statements.statements": "w", "policy.joint_controllers": "r", "country": "narrowing",
    "amendment.classes": "narrowing", "evidence.roles": "p",
}  # fmt: skip
_DROPPED = {
    "collection.never": "b", "security.measures": "p", "rights.kinds": "p", "rights.refusals": "narrowing",
    "statements.statements": "x", "transfers.mechanisms": "w", "cookies.categories": "w", "basis.bases": "w",
    "basis.purposes": "b", "notice.channels": "w", "notice.scripts": "w", "retention.starts": "w",
    "retention.subjects": "l", "retention.rules": "l", "amendment.classes": "p", "country": "c",
}  # fmt: skip

_WHOLE = {("rights", "fee"): ("p", "narrowing"), ("retention", "ceiling"): ("narrowing", "l")}
"""Blocks that come or go as one: the class of adding, the class of dropping."""

_LEVELS = ("ticket", "mailbox", "match", "account", "document")


@dataclass(frozen=True, slots=True)
class Change:
    """One change: where, of which class, and what stood there before and after (None: nothing)."""

    path: KeyPath
    clause: str
    diff_class: str
    before: Any
    after: Any

    @property
    def rank(self) -> int:
        """Give the place of the class among the classes, the strictest highest."""
        return CLASSES.index(self.diff_class)


def diff(old: CompiledPolicy, new: CompiledPolicy) -> tuple[Change, ...]:
    """Compare two versions; the strictest changes come first, then the order of the folder."""
    found: list[Change] = []
    for section in keys.SECTIONS:
        if section == "mappings":
            continue
        before, after = old.values.get(section, {}), new.values.get(section, {})
        if section == "evidence":
            before, after = ({"roles": part.get("roles", {})} for part in (before, after))
        found.extend(_compare((section,), before, after, keys.tree(section)))
    return tuple(sorted(found, key=lambda change: -change.rank))


def leading(changes: tuple[Change, ...]) -> str | None:
    """Give the strictest class of a list of changes, None where nothing changed."""
    return max(changes, key=lambda change: change.rank).diff_class if changes else None


def _compare(path: KeyPath, old: Any, new: Any, spec: Spec) -> Iterator[Change]:
    if old == new:
        return
    if path in _WHOLE and (old is None or new is None):
        letter = _WHOLE[path][0 if old is None else 1]
        yield Change(path, clause_id(path), _CLASS_OF.get(letter, letter), old, new)
        return
    if path[1:3] == ("law", "reach") and len(path) == 4:
        yield from _reach(path, old, new)
        return
    if path[-2:] == ("identity", "levels"):
        yield from _levels(path, old or {}, new or {})
        return
    if path[0] == "collection" and path[-1] == "collect":
        yield from _collected(path, old or {}, new or {})
        return
    if spec.key is not None and spec.key.type != "map" and not (isinstance(old, Mapping) and spec.wildcard):
        yield from _leaf(path, old, new, spec.key)
        return
    before, after = _named(_filled(path, old)), _named(_filled(path, new))
    for name in dict.fromkeys((*before, *after)):
        child = _child(spec, name)
        if child is None:
            continue
        at = (*path, name)
        a, b = before.get(name), after.get(name)
        group = ".".join(str(step) for step in path)
        whole = name not in spec.children and (a is None or b is None)
        if whole and path[-1] == "ends":  # the earliest end wins: one more only ever shortens
            yield Change(at, clause_id(at), "narrowing" if a is None else "longer_period", a, b)
        elif whole and group in (_ADDED if a is None else _DROPPED | dict.fromkeys(_ADDED, "narrowing")):
            letter = _ADDED[group] if a is None else _DROPPED.get(group, "narrowing")
            yield Change(at, clause_id(at), _CLASS_OF.get(letter, letter), a, b)
        else:
            yield from _compare(at, a, b, child)


def _filled(path: KeyPath, value: Any) -> Any:
    """Write out who reaches the data for support where a service leaves it unsaid: its operator."""
    service = path[:2] == ("services", "services") and len(path) == 3 and isinstance(value, Mapping)
    if service and "support_access" not in value and "operator_country" in value:
        return {**value, "support_access": (value["operator_country"],)}
    return value


def _named(value: Any) -> Mapping[str, Any]:
    """See a list of things with ids as a mapping, so that order alone is no change."""
    if isinstance(value, Mapping):
        return value
    if isinstance(value, tuple) and all(isinstance(item, Mapping) for item in value):
        return {str(item.get("id", place)): item for place, item in enumerate(value)}
    return {}


def _child(spec: Spec, name: str) -> Spec | None:
    if name in spec.children:
        return spec.children[name]
    if spec.wildcard:
        return spec.wildcard[1]
    return spec.item


def _leaf(path: KeyPath, old: Any, new: Any, key: Key) -> Iterator[Change]:
    letter = key.worse
    if letter == "-" or path[-1] == "was":
        return
    clause = clause_id(path)
    old, new = (default(key) if value is None or _nobody(key, value) else value for value in (old, new))
    if old == new:
        yield Change(path, clause, "wording", old, new)
        return
    if key.type == "stated:purposes":
        yield from _stated(path, old or (), new or ())
        return
    if isinstance(old, tuple) or isinstance(new, tuple):
        yield from _lists(path, key, old, new)
        return
    if letter in "wx":
        yield Change(path, clause, _CLASS_OF[letter], old, new)
        return
    if old is not None and new is not None and only_dropping_counts(path, key):
        yield Change(path, clause, "wording", old, new)
        return
    worse = is_worse(path, old, new, letter)
    yield Change(path, clause, _CLASS_OF[letter] if worse else "narrowing", old, new)


def _stated(path: KeyPath, old: tuple[Any, ...], new: tuple[Any, ...]) -> Iterator[Change]:
    """Compare the purposes of a situation; an act that reaches further is beyond."""
    before, after = dict(old), dict(new)
    order = ACTS
    for name in dict.fromkeys((*before, *after)):
        at = (*path, name)
        if name not in before:
            yield Change(at, clause_id(at), "beyond", None, name)
        elif name not in after:
            yield Change(at, clause_id(at), "narrowing", name, None)
        elif before[name] != after[name]:
            a, b = before[name] or order[-1], after[name] or order[-1]
            worse = order.index(b) > order.index(a)
            yield Change((*at, "act"), clause_id(at), "beyond" if worse else "narrowing", a, b)


def _reach(path: KeyPath, old: Any, new: Any) -> Iterator[Change]:
    """Compare whom a regime protects: one person less is less protection, one condition less is narrowing."""
    if old is None or new is None:
        yield Change(path, clause_id(path), "less_protection" if new is None else "narrowing", old, new)
        return
    before, after = ({} if part == "everyone" else part for part in (old, new))
    for name in dict.fromkeys((*before, *after)):
        a, b = before.get(name), after.get(name)
        at = (*path, name)
        if isinstance(a, tuple) and isinstance(b, tuple):
            for item in dict.fromkeys((*a, *b)):
                if (item in a) != (item in b):
                    worse = item in a
                    yield Change((*at, item), clause_id(at), "less_protection" if worse else "narrowing", a, b)
        elif a != b:
            worse = a is None or (b is not None and b < a)
            yield Change(at, clause_id(at), "less_protection" if worse else "narrowing", a, b)


def _levels(path: KeyPath, old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[Change]:
    """Compare the proof asked for each right; a stricter proof is less protection."""
    before = {right: place for place, level in enumerate(_LEVELS) for right in old.get(level, ())}
    after = {right: place for place, level in enumerate(_LEVELS) for right in new.get(level, ())}
    for right in dict.fromkeys((*before, *after)):
        a, b = before.get(right), after.get(right)
        if a != b:
            worse = b is None or (a is not None and b > a)
            words = tuple(None if place is None else _LEVELS[place] for place in (a, b))
            yield Change((*path, right), clause_id(path), "less_protection" if worse else "narrowing", *words)


def _collected(path: KeyPath, old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[Change]:
    """Compare the fields of a situation; what was free to leave out and is asked for now is less protection."""
    before = {name: part for part in ("required", "optional") for name in old.get(part, ())}
    after = {name: part for part in ("required", "optional") for name in new.get(part, ())}
    for name in dict.fromkeys((*before, *after)):
        a, b = before.get(name), after.get(name)
        if a == b:
            continue
        diff_class = "new_field" if a is None else "less_protection" if b == "required" else "narrowing"
        at = (*path, b or a or "", name)
        yield Change(at, clause_id(at), diff_class, a, b)


def _nobody(key: Key, value: Any) -> bool:
    return key.type.endswith(" or none") and value == "none"


def _lists(path: KeyPath, key: Key, old: Any, new: Any) -> Iterator[Change]:
    name, clause, worst = str(path[-1]), clause_id(path), _CLASS_OF[key.worse]
    if old is None or new is None:
        unbounded = name == "uses" or (path[0] == "recipients" and name == "fields")
        if unbounded or (path[0] == "retention" and path[1] == "rules"):
            # left out it means everything; for a rule of retention nothing tells which of the two keeps longer
            worse = new is None or path[0] == "retention"
            yield Change(path, clause, worst if worse else "narrowing", old, new)
            return
    old, new = (() if value is None else value for value in (old, new))
    if not isinstance(old, tuple) or not isinstance(new, tuple):
        wider = not isinstance(new, tuple)
        worse = not wider if worse_when_fewer(path) else wider
        yield Change(path, clause, worst if worse else "narrowing", old, new)
        return
    gained = [item for item in new if item not in old]
    lost = [item for item in old if item not in new]
    worse_ones = lost if worse_when_fewer(path) else gained
    for item in sorted((*gained, *lost), key=lambda item: item not in worse_ones):
        at = (*path, str(item))
        values = (None, item) if item in gained else (item, None)
        yield Change(at, clause_id(at), worst if item in worse_ones else "narrowing", *values)
    if not gained and not lost:
        yield Change(path, clause, "wording", old, new)
