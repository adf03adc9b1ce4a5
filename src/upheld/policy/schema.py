"""Give every written word its type by the key table, and collect what does not fit.

Typing never stops at the first finding: what cannot be typed is left out, so that every later
check works on what is sound. Values come out as plain frozen data: str, int, bool, date, Period,
tuples, and dicts in the order written.
"""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import yaml

from upheld.policy import keys
from upheld.policy.findings import Finding, KeyPath, clause_id
from upheld.policy.keys import Spec
from upheld.policy.period import Period
from upheld.policy.source import Folder, Map, Node, Scalar, Seq, key_span, value_span

LONGEST_ID = 40
ID = re.compile(r"[a-z][a-z0-9_]{0,39}")
_LANG = re.compile(r"[a-z]{2,3}(-[A-Z][a-z]{3})?(-[A-Z]{2})?")
_CC = re.compile(r"[A-Z]{2}")
_AREA = re.compile(r"[A-Z]{2,3}(-[A-Z0-9]{1,3})?")
_URL = re.compile(r"https?://[^\s]+")
UNREAD = frozenset({"PP001", "PP013", "PP015"})
_FREE_WILDCARDS = {"regime", "anyregime", "clause", "cc"}
_ABSENT: Any = object()


@dataclass(slots=True)
class Reference:
    """A word that names something declared elsewhere; checked when all sections are typed."""

    kind: str
    id: str
    path: KeyPath
    also: tuple[str, ...] = ()


@dataclass(slots=True)
class Typed:
    """A folder whose words have types."""

    folder: Folder
    languages: tuple[str, ...]
    regimes: tuple[str, ...]
    sections: dict[str, dict[str, Any]] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    references: list[Reference] = field(default_factory=list)

    def add(self, code: str, path: KeyPath, *, at_key: bool = False, **params: Any) -> None:
        """Note a finding at a key path."""
        locate = key_span if at_key else value_span
        self.findings.append(Finding(code, path, locate(self.folder.sections, path), params))


def type_folder(folder: Folder, known_regimes: tuple[str, ...]) -> Typed:
    """Type every section of a folder by the key table.

    `known_regimes` are the regimes that the law's packs know; `law.reach` may name these only.
    """
    typed = Typed(folder, _languages(folder), ())
    typed.regimes = _reached(folder, known_regimes)
    for section, tree in folder.sections.items():
        if section not in keys.SECTIONS:
            suggestion = _closest(section, keys.SECTIONS)
            typed.add("PP004", (section,), key=section, suggestion=suggestion)
            continue
        walker = _Walker(typed, known_regimes)
        value = walker.mapping((section,), tree, keys.tree(section))
        typed.sections[section] = value if isinstance(value, dict) else {}
    unread = any(finding.code in UNREAD for finding in folder.findings)
    for section in keys.REQUIRED_SECTIONS:
        # a file that cannot be read is told once; what it held does not count as missing
        if section not in folder.sections and not unread:
            typed.findings.append(Finding("PP014", (section,), None, {"section": section}))
    return typed


def _languages(folder: Folder) -> tuple[str, ...]:
    tree = folder.sections.get("policy")
    node = tree.get("languages") if tree else None
    if not isinstance(node, Seq):
        return ()
    words = [item.value for item in node.items if isinstance(item, Scalar)]
    return tuple(word for word in words if _LANG.fullmatch(word))


def _reached(folder: Folder, known: tuple[str, ...]) -> tuple[str, ...]:
    tree = folder.sections.get("policy")
    law = tree.get("law") if tree else None
    reach = law.get("reach") if isinstance(law, Map) else None
    return tuple(key for key in reach.entries if key in known) if isinstance(reach, Map) else ()


def _closest(word: str, words: Any) -> str:
    if len(word) > LONGEST_ID:  # no id is longer; comparing would only cost
        return ""
    found = difflib.get_close_matches(word, sorted(words), n=1, cutoff=0.6)
    return found[0] if found else ""


class _Walker:
    def __init__(self, typed: Typed, known_regimes: tuple[str, ...]) -> None:
        self.typed = typed
        self.known_regimes = known_regimes

    def value(self, path: KeyPath, node: Node, spec: Spec) -> Any:
        kind = spec.key.type if spec.key else "map"
        if kind.endswith((" or everyone", " or none", " or all", " or data", " or law", " or on_posting",
                          " or same_as_controller")):  # fmt: skip
            kind, _, word = kind.partition(" or ")
            if isinstance(node, Scalar) and node.value == word:
                return word
        if kind == "map":
            if spec.item and not spec.children and not spec.wildcard:
                return self.sequence(path, node, spec)
            if spec.item and isinstance(node, Seq):
                return self.sequence(path, node, spec)
            return self.mapping(path, node, spec)
        return self.leaf(path, node, kind)

    def mapping(self, path: KeyPath, node: Node, spec: Spec) -> Any:
        if not isinstance(node, Map):
            self.wrong(path, "map", node)
            return _ABSENT
        value: dict[str, Any] = {}
        for name, (_, child) in node.entries.items():
            if not name:
                continue
            child_spec = self.child(path, name, spec)
            if child_spec is not None:
                typed = self.value((*path, name), child, child_spec)
                if typed is not _ABSENT:
                    value[name] = typed
        for name in spec.required_children:
            if name not in node.entries:
                # a list item or an id'd thing lacks a key: point at its name
                self.typed.add("PP006", path, at_key=True, key=name, clause=clause_id(path))
        return value

    def child(self, path: KeyPath, name: str, spec: Spec) -> Spec | None:
        if name in spec.children and not (spec.wildcard and spec.wildcard[0] == "clause"):
            return spec.children[name]
        if spec.wildcard is not None and self.fits(path, name, spec.wildcard[0]):
            return spec.wildcard[1]
        if name == "was" and (spec.key is None or "id" in spec.children or spec.children):
            return _WAS
        if spec.wildcard is None or spec.wildcard[0] in _FREE_WILDCARDS:
            words = [*spec.children, *(self.typed.regimes if spec.wildcard else ())]
            self.typed.add("PP004", (*path, name), at_key=True, key=name, suggestion=_closest(name, words))
        else:
            self.typed.add("PP008", (*path, name), at_key=True, value=name, detail="not_an_id")
        return None

    def fits(self, path: KeyPath, name: str, wildcard: str) -> bool:
        if wildcard == "regime":
            return name in self.typed.regimes
        if wildcard == "anyregime":
            return name in self.known_regimes
        if wildcard == "cc":
            return bool(_CC.fullmatch(name))
        if wildcard == "clause":
            return True
        return bool(ID.fullmatch(name))

    def sequence(self, path: KeyPath, node: Node, spec: Spec) -> Any:
        if not isinstance(node, Seq):
            self.wrong(path, "list", node)
            return _ABSENT
        item = spec.item or Spec()
        values = [self.mapping((*path, place), child, item) for place, child in enumerate(node.items)]
        told: set[str] = set()
        for place, child in enumerate(node.items):
            name = child.get("id") if isinstance(child, Map) else None
            if isinstance(name, Scalar):
                self.once((*path, place, "id"), name.value, told)
        return tuple(value for value in values if value is not _ABSENT)

    def once(self, path: KeyPath, word: str, told: set[str]) -> None:
        """Tell a word that stands twice in its list (PP008)."""
        if word in told:
            self.typed.add("PP008", path, value=word, detail="twice")
        told.add(word)

    def wrong(self, path: KeyPath, expected: str | tuple[str, ...], node: Node) -> None:
        words = [str(step) for step in path if not isinstance(step, int)]
        suggestion = f"[{node.value}]" if isinstance(node, Scalar) and expected in {"ids", "list"} else ""
        self.typed.add("PP005", path, key=words[-1], expected=expected, suggestion=suggestion)

    def leaf(self, path: KeyPath, node: Node, kind: str) -> Any:
        if kind == "T":
            return self.text(path, node)
        if kind == "stated:purposes":
            return self.stated(path, node)
        base, _, target = kind.partition(":")
        if target.startswith("bases") and path[:2] == ("basis", "purposes") and _several(node):
            node = _first(node)  # told as PP202, by the law that wants one basis at a time
        if base in {"ids", "strs", "ccs", "areas", "strs1"}:
            return self.words(path, node, base, target)
        if not isinstance(node, Scalar):
            self.wrong(path, _EXPECTED.get(base, "value"), node)
            return _ABSENT
        if base == "id" and target:
            return self.reference(path, node.value, target)
        read = _SCALARS.get(base)
        value = read(node.value) if read else node.value if node.value in kind.split("/") else None
        special = _SPECIAL.get((str(path[0]), str(path[-1])))
        if value is not None and special is not None and not special[0](value):
            self.wrong(path, special[1], node)
            return _ABSENT
        if value is None:
            self.wrong(path, _EXPECTED.get(base) or tuple(kind.split("/")), node)
            return _ABSENT
        if base in _TEXTUAL:
            self.guessed(path, node)
        return value

    def guessed(self, path: KeyPath, node: Scalar) -> None:
        """Warn of a word without quotation marks that other tools read as something else (PP003)."""
        kind = _GUESSES.get(_resolve(node.value)) if node.plain and node.value else None
        if kind is not None:
            self.typed.add("PP003", path, value=node.value, kind=kind)

    def reference(self, path: KeyPath, word: str, target: str) -> str:
        kind, _, also = target.partition(" or ")
        self.typed.references.append(Reference(kind, word, path, tuple(also.split(" or ")) if also else ()))
        return word

    def words(self, path: KeyPath, node: Node, base: str, target: str) -> Any:
        if base == "strs1" and isinstance(node, Scalar):
            return (node.value,)
        if not isinstance(node, Seq):
            self.wrong(path, _LISTS.get(base, "ids"), node)
            return _ABSENT
        found: list[str] = []
        told: set[str] = set()
        if not node.items and path == ("policy", "languages"):
            self.wrong(path, "list", node)
        for place, item in enumerate(node.items):
            at = (*path, place)
            if not isinstance(item, Scalar) or not item.value:
                self.wrong(at, "id", item)
            elif (base == "ccs" and not _CC.fullmatch(item.value)) or (
                base == "areas" and not _AREA.fullmatch(item.value)
            ):
                self.wrong(at, "country" if base == "ccs" else "areas", item)
            elif path == ("policy", "languages") and not _LANG.fullmatch(item.value):
                self.wrong(at, "language", item)
            else:
                self.once(at, item.value, told)
                self.guessed(at, item)
                found.append(self.reference(at, item.value, target) if target else _nfc(item.value))
        return tuple(found)

    def stated(self, path: KeyPath, node: Node) -> Any:
        """Read the purposes of a situation: ids, or `<id>: {act}`."""
        if not isinstance(node, Seq):
            self.wrong(path, "ids", node)
            return _ABSENT
        found: list[tuple[str, str | None]] = []
        told: set[str] = set()
        for place, item in enumerate(node.items):
            at = (*path, place)
            named = item.value if isinstance(item, Scalar) else next(iter(item.entries), "") if isinstance(item, Map) else ""
            self.once(at, named, told)
            if isinstance(item, Scalar):
                found.append((self.reference(at, item.value, "purposes"), None))
            elif isinstance(item, Map) and len(item.entries) == 1:
                name = next(iter(item.entries))
                act = self.act((*at, name), item.entries[name][1])
                found.append((self.reference(at, name, "purposes"), act))
            else:
                self.wrong(at, "id", item)
        return tuple(found)

    def act(self, path: KeyPath, node: Node) -> str | None:
        if not isinstance(node, Map):
            self.wrong(path, "map", node)
            return None
        for name in node.entries:
            if name != "act":
                self.typed.add("PP004", (*path, name), at_key=True, key=name, suggestion="act")
        act = node.get("act")
        if act is None:
            return None
        value = self.leaf((*path, "act"), act, "none/send_marketing/on_page/link")
        return value if isinstance(value, str) else None

    def text(self, path: KeyPath, node: Node) -> Any:
        if not isinstance(node, Map):
            self.wrong(path, "text", node)
            return _ABSENT
        texts: dict[str, str] = {}
        wanted = self.typed.languages or tuple(node.entries)
        for language, (_, child) in node.entries.items():
            if language not in wanted:
                closest = _closest(language, wanted)
                self.typed.add("PP004", (*path, language), at_key=True, key=language, suggestion=closest)
            elif isinstance(child, Scalar):
                self.guessed((*path, language), child)
                texts[language] = _nfc(child.value).strip()
            else:
                self.wrong((*path, language), "string", child)
        for language in wanted:
            if not texts.get(language) and (language not in node.entries or language in texts):
                self.typed.add("PP802", path, clause=clause_id(path), language=language)
        return texts


def _several(node: Node) -> bool:
    return isinstance(node, Seq) and len(node.items) > 1 and all(isinstance(item, Scalar) for item in node.items)


def _first(node: Node) -> Node:
    return node.items[0] if isinstance(node, Seq) else node


_RESOLVER: Any = yaml.resolver.Resolver()
_GUESSES: Mapping[str, str] = {
    "tag:yaml.org,2002:bool": "boolean", "tag:yaml.org,2002:int": "number", "tag:yaml.org,2002:float": "number",
    "tag:yaml.org,2002:timestamp": "date", "tag:yaml.org,2002:null": "null",
}  # fmt: skip
_TEXTUAL = frozenset({"str", "id", "cc", "url", "path", "start"})


def _resolve(word: str) -> str:
    """Give the YAML 1.1 tag that a reader which guesses would take a plain word for."""
    tag: str = _RESOLVER.resolve(yaml.ScalarNode, word, (True, False))
    return tag


def _nfc(text: str) -> str:
    return unicodedata.normalize("NFC", text)


def _date(text: str) -> date | None:
    try:
        return date.fromisoformat(text) if re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text) else None
    except ValueError:
        return None


def _time_zone(text: str) -> bool:
    try:
        ZoneInfo(text)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return True


_MAILBOX = re.compile(r"[^@\s]+@[^@\s]+")
_SPECIAL: Mapping[tuple[str, str], tuple[Callable[[str], object], str | tuple[str, ...]]] = {
    ("policy", "timezone"): (_time_zone, "timezone"),
    ("policy", "format"): ("upheld/1".__eq__, ("upheld/1",)),
    ("policy", "mailbox"): (_MAILBOX.fullmatch, "mailbox"),
    ("contact", "mailbox"): (_MAILBOX.fullmatch, "mailbox"),
    ("rights", "currency"): (re.compile("[A-Z]{3}").fullmatch, "currency"),
}
"""Words with a form of their own, by section and key."""


def _start(text: str) -> str | None:
    return text if ID.fullmatch(text) else None


_SCALARS: Mapping[str, Callable[[str], Any]] = {
    "str": lambda text: _nfc(text).strip() or None,
    "id": lambda text: text if ID.fullmatch(text) else None,
    "int": lambda text: int(text) if re.fullmatch(r"[0-9]{1,9}", text) else None,
    "yn": {"yes": True, "no": False}.get,
    "date": _date,
    "P": Period.parse,
    "cc": lambda text: text if _CC.fullmatch(text) else None,
    "url": lambda text: text if _URL.fullmatch(text) else None,
    "path": lambda text: text if text.startswith("documents/") and ".." not in text else text or None,
    "start": _start,
}
_EXPECTED: Mapping[str, str] = {
    "str": "string", "id": "id", "int": "integer", "yn": "yes_no", "date": "date", "P": "period", "cc": "country",
    "url": "url", "path": "path", "start": "id", "T": "text",
}  # fmt: skip
_LISTS: Mapping[str, str] = {"ids": "ids", "strs": "list", "strs1": "list", "ccs": "countries", "areas": "areas"}
_WAS = Spec(keys.Key("", "was", "strs", "never renamed", (), "-"))
