"""Read a policy folder into trees that remember where every word stands.

Every scalar stays the string that was written; the key table of `schema` gives it a type.
Parsing works on libyaml's events, never on composed values, so that depth, size and number of
nodes are bounded before anything is built: a bomb costs no more than its first thousand bytes.
"""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

import yaml

from upheld.policy.findings import Finding, KeyPath, Span

MAX_BYTES = 1024 * 1024
MAX_DEPTH = 12
MAX_NODES = 50_000
MAX_FILES = 400

_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(slots=True)
class Scalar:
    """One written value, always a string."""

    value: str
    span: Span
    plain: bool = False
    """Written without quotation marks: other tools may guess a type."""


@dataclass(slots=True)
class Seq:
    """A list, in the order written."""

    items: list[Node]
    span: Span


@dataclass(slots=True)
class Map:
    """A mapping; each entry keeps the span of its key."""

    entries: dict[str, tuple[Span, Node]]
    span: Span

    def get(self, key: str) -> Node | None:
        """Give the node under a key, or None."""
        entry = self.entries.get(key)
        return entry[1] if entry else None


Node: TypeAlias = Scalar | Seq | Map


@dataclass(slots=True)
class Folder:
    """The sections of one policy folder as trees, with what could not be read."""

    root: Path
    sections: dict[str, Map] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    texts: dict[str, str] = field(default_factory=dict)

    def document(self, relative: str) -> bytes | None:
        """Give the bytes of a document that evidence cites, or None when it is not there."""
        try:
            target = (self.root / relative).resolve()
            inside = target.is_relative_to(self.root.resolve())
            return target.read_bytes() if inside and target.is_file() else None
        except (OSError, ValueError, RuntimeError):  # a name no file system takes, a ring of links, no permission
            return None


class _Unreadable(Exception):  # noqa: N818 - never leaves this module; it carries a finding, not an error
    def __init__(self, code: str, span: Span, **params: str) -> None:
        super().__init__(code)
        self.code, self.span, self.params = code, span, params


def read_folder(root: Path) -> Folder:
    """Read every YAML file below a folder, except documents, and sort it by its `section:` word.

    Raises NotADirectoryError where there is no folder; everything wrong inside is a finding.
    """
    if not root.is_dir():
        raise NotADirectoryError(str(root))
    folder = Folder(root)
    for count, path in enumerate(_yaml_files(root)):
        name = _shown(path.relative_to(root).as_posix())
        if count == MAX_FILES:
            folder.findings.append(Finding("PP001", (), Span(name, 1, 1, 1, 2), {"detail": "too_many"}))
            break
        try:
            tree = read_text(name, _decode(name, path), folder)
        except _Unreadable as stop:
            folder.findings.append(Finding(stop.code, (), stop.span, stop.params))
            continue
        _file_section(folder, name, tree)
    return folder


def _yaml_files(root: Path) -> list[Path]:
    """Give what is named like a policy file, readable or not; documents and hidden folders are not searched."""
    paths = sorted(path for path in root.rglob("*") if path.suffix in {".yaml", ".yml"})
    return [path for path in paths if not _set_apart(path.relative_to(root).parts)]


def _set_apart(parts: tuple[str, ...]) -> bool:
    return parts[0] == "documents" or any(part.startswith(".") for part in parts)


def _shown(name: str) -> str:
    """Give a file's name so that it can be printed anywhere, whatever bytes it is made of."""
    text = name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    return "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text)


def _decode(name: str, path: Path) -> str:
    start = Span(name, 1, 1, 1, 2)
    if not path.is_file():  # a folder, a link to nowhere, a pipe that would never end
        raise _Unreadable("PP001", start, detail="missing")
    try:
        with path.open("rb") as stream:
            data = stream.read(MAX_BYTES + 1)
    except OSError:
        raise _Unreadable("PP001", start, detail="missing") from None
    if len(data) > MAX_BYTES:
        raise _Unreadable("PP001", start, detail="too_large")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = data[: error.start].decode("utf-8", "replace")
        line, column = before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1
        raise _Unreadable("PP001", Span(name, line, column, line, column + 1), detail="not_utf8") from None


def read_text(name: str, text: str, folder: Folder) -> Node:
    """Parse one file's text into a tree; duplicate keys become findings and the first one stands."""
    folder.texts[name] = text
    _refuse_invisible(name, text)
    reader = _Reader(name, folder.findings)
    try:
        return reader.read(text)
    except yaml.YAMLError as error:
        raise _trouble(name, text, error, reader.quoted) from None


def _refuse_invisible(name: str, text: str) -> None:
    """Refuse characters that a reader cannot see but a machine obeys."""
    if text.isascii() and text.isprintable():
        return
    for number, line in enumerate(text.split("\n"), 1):
        stripped = line.rstrip("\r")
        if stripped.isprintable():
            continue
        for column, char in enumerate(stripped, 1):
            if char != "\t" and unicodedata.category(char) in _UNSEEN:
                raise _unseen(char, Span(name, number, column, number, column + 1))


_UNSEEN = {"Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp"}


def _unseen(char: str, span: Span) -> _Unreadable:
    return _Unreadable("PP015", span, kind=_invisible(char), value=f"U+{ord(char):04X}")


def _invisible(char: str) -> str:
    if unicodedata.category(char) in {"Cc", "Zl", "Zp"}:
        return "control"
    return "direction" if unicodedata.bidirectional(char) in _DIRECTIONS else "zero_width"


_DIRECTIONS = {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI", "R", "L", "AL"}


def _trouble(name: str, text: str, error: yaml.YAMLError, quoted: Span | None) -> _Unreadable:
    """Tell where and why parsing broke off.

    A quotation mark that is never closed runs on to the next one, lines below, and breaks the brackets there:
    the last quoted value, if it runs over several lines, is the likelier place.
    """
    detail, span = _error_detail(text, error), _error_span(name, text, error)
    if detail == "bracket_open" and quoted is not None:
        detail, span = "quote_open", Span(name, quoted.line, quoted.col, quoted.line, quoted.col + 1)
    return _Unreadable("PP001", span, detail=detail)


def _error_span(name: str, text: str, error: yaml.YAMLError) -> Span:
    """Point at the problem; at what was opened and never closed, where that is the problem."""
    opened = _error_detail(text, error) in {"quote_open", "bracket_open"}
    names = ("context_mark", "problem_mark") if opened else ("problem_mark", "context_mark")
    mark = getattr(error, names[0], None) or getattr(error, names[1], None)
    line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
    return Span(name, line, column, line, column + 1)


def _error_detail(text: str, error: yaml.YAMLError) -> str:
    """Name what libyaml stumbled over in the catalogue's words."""
    problem, context = (str(getattr(error, name, "") or "") for name in ("problem", "context"))
    if "cannot start any token" in problem:
        return "tab" if _at_tab(text, error) else "syntax"
    if "quoted scalar" in context:
        return "quote_open"
    if "flow" in context:
        return "bracket_open"
    return "indent" if "block" in context else "syntax"


def _at_tab(text: str, error: yaml.YAMLError) -> bool:
    """libyaml calls a tab a character that cannot start a token, and some others as well."""
    mark, lines = getattr(error, "problem_mark", None), text.split("\n")
    return bool(mark and mark.line < len(lines) and "\t" in lines[mark.line][: mark.column + 1])


class _Reader:
    """Builds one tree from libyaml's events, within the bounds."""

    def __init__(self, name: str, findings: list[Finding]) -> None:
        self.name = name
        self.findings = findings
        self.nodes = 0
        self.quoted: Span | None = None
        """The last value read, if it stands in quotation marks and runs over several lines."""

    def read(self, text: str) -> Node:
        events = yaml.parse(text, Loader=_Loader)
        tree: Node | None = None
        for event in events:
            kind = type(event)
            if kind is yaml.DocumentStartEvent and tree is not None:
                raise _Unreadable("PP013", self.span(event), kind="documents")
            if kind in _NODE_EVENTS:
                tree = self.node(event, events, 1)
        if tree is None:
            raise _Unreadable("PP001", Span(self.name, 1, 1, 1, 2), detail="empty")
        return tree

    def span(self, event: Any) -> Span:
        a, b = event.start_mark, event.end_mark
        return Span(self.name, a.line + 1, a.column + 1, b.line + 1, b.column + 1)

    def node(self, event: Any, events: Iterator[yaml.Event], depth: int) -> Node:
        self.nodes += 1
        kind = type(event)
        if kind is yaml.AliasEvent:
            raise _Unreadable("PP013", self.span(event), kind="alias")
        if event.anchor is not None:
            raise _Unreadable("PP013", self.span(event), kind="anchor")
        if event.tag is not None:
            raise _Unreadable("PP013", self.span(event), kind="tag")
        if depth > MAX_DEPTH:
            raise _Unreadable("PP001", self.span(event), detail="too_deep")
        if self.nodes > MAX_NODES:
            raise _Unreadable("PP001", self.span(event), detail="too_many")
        if kind is yaml.ScalarEvent:
            return self.scalar(event)
        if kind is yaml.SequenceStartEvent:
            return self.sequence(event, events, depth)
        return self.mapping(event, events, depth)

    def scalar(self, event: Any) -> Scalar:
        """Read a value; what quotation marks can write in code (`"\\u202e"`) is refused as if it stood there."""
        for char in event.value if not event.value.isprintable() else "":
            if char not in "\t\n" and unicodedata.category(char) in _UNSEEN:
                raise _unseen(char, self.span(event))
        span = self.span(event)
        self.quoted = span if event.style in {"'", '"'} and span.end_line > span.line else None
        return Scalar(event.value, span, event.implicit[0])

    def sequence(self, start: Any, events: Iterator[yaml.Event], depth: int) -> Seq:
        items: list[Node] = []
        for event in events:
            if type(event) is yaml.SequenceEndEvent:
                return Seq(items, self._join(start, event))
            items.append(self.node(event, events, depth + 1))
        raise yaml.YAMLError

    def mapping(self, start: Any, events: Iterator[yaml.Event], depth: int) -> Map:
        entries: dict[str, tuple[Span, Node]] = {}
        for event in events:
            if type(event) is yaml.MappingEndEvent:
                return Map(entries, self._join(start, event))
            key = self.node(event, events, depth + 1)
            if not isinstance(key, Scalar) or not key.value:
                raise _Unreadable("PP013", key.span, kind="key")
            if key.value == "<<":
                raise _Unreadable("PP013", key.span, kind="merge")
            value = self.node(next(events), events, depth + 1)
            if key.value in entries:
                first = entries[key.value][0].line
                self.findings.append(Finding("PP002", (), key.span, {"key": key.value, "line": str(first)}))
            else:
                entries[key.value] = (key.span, value)
        raise yaml.YAMLError

    def _join(self, start: Any, end: Any) -> Span:
        a, b = start.start_mark, end.end_mark
        return Span(self.name, a.line + 1, a.column + 1, b.line + 1, b.column + 1)


_NODE_EVENTS = {yaml.ScalarEvent, yaml.SequenceStartEvent, yaml.MappingStartEvent, yaml.AliasEvent}


def _file_section(folder: Folder, name: str, tree: Node) -> None:
    """Put one file's tree under its section; several files of one section are merged."""
    if not isinstance(tree, Map):
        folder.findings.append(Finding("PP001", (), tree.span, {"detail": "not_keys"}))
        return
    word = tree.entries.pop("section", None)
    if word is None or not isinstance(word[1], Scalar):
        folder.findings.append(Finding("PP006", (), Span(name, 1, 1, 1, 2), {"key": "section", "clause": name}))
        return
    section = word[1].value
    if section == "country":
        code = tree.get("country")
        key = code.value if isinstance(code, Scalar) and code.value else Path(name).stem
        tree = Map({key: (word[1].span, tree)}, tree.span)
    if section not in folder.sections:
        folder.sections[section] = tree
        if section != "country":
            tree.entries = {"": (word[1].span, word[1]), **tree.entries}
        return
    _merge(folder, folder.sections[section], tree)


def _merge(folder: Folder, into: Map, more: Map) -> None:
    """Add a second file of a section; a value written twice is PP002."""
    for key, (span, node) in more.entries.items():
        mine = into.entries.get(key)
        if mine is None:
            into.entries[key] = (span, node)
        elif isinstance(mine[1], Map) and isinstance(node, Map):
            _merge(folder, mine[1], node)
        elif isinstance(mine[1], Seq) and isinstance(node, Seq) and key in {"accept", "drafts", "procedures"}:
            mine[1].items.extend(node.items)
        else:
            line = f"{mine[0].file}:{mine[0].line}"
            folder.findings.append(Finding("PP002", (), span, {"key": key, "line": line}))


def plain(node: Node) -> Any:
    """Give the tree without spans: strings, lists and dicts, texts in NFC, in the order written."""
    if isinstance(node, Scalar):
        return unicodedata.normalize("NFC", node.value)
    if isinstance(node, Seq):
        return [plain(item) for item in node.items]
    return {key: plain(value) for key, (_, value) in node.entries.items() if key}


def digest(value: bytes) -> str:
    """Give the SHA-256 of bytes as hex."""
    return hashlib.sha256(value).hexdigest()


def key_span(tree: Mapping[str, Map], path: KeyPath) -> Span | None:
    """Give the span of the key at a path, of the nearest parent where the path is not written."""
    return _locate(tree, path, key=True)


def value_span(tree: Mapping[str, Map], path: KeyPath) -> Span | None:
    """Give the span of the value at a path, of the nearest parent where the path is not written."""
    return _locate(tree, path, key=False)


def _locate(tree: Mapping[str, Map], path: KeyPath, *, key: bool) -> Span | None:
    if not path or path[0] not in tree:
        return None
    top = tree[str(path[0])]
    node: Node = top
    found = top.entries[""][0] if "" in top.entries else top.span
    for step in path[1:]:
        if isinstance(node, Map) and str(step) in node.entries:
            key_at, node = node.entries[str(step)]
            found = node.span if not key and _on_one_line(node) else key_at
        elif isinstance(node, Seq) and (place := _place(node, step)) is not None:
            node = node.items[place]
            found = _item_span(node)
        else:
            break
    return found


def _on_one_line(node: Node) -> bool:
    return isinstance(node, Scalar) or node.span.line == node.span.end_line


def _place(node: Seq, step: str | int) -> int | None:
    """Find an item of a list by its place, or by the word, key or id that it is known by."""
    if isinstance(step, int):
        return step if step < len(node.items) else None
    for place, item in enumerate(node.items):
        named = item.get("id") if isinstance(item, Map) else item
        if (isinstance(named, Scalar) and named.value == step) or (isinstance(item, Map) and step in item.entries):
            return place
    return None


def _item_span(node: Node) -> Span:
    """Point at a list item: a map item by its first key, so that the caret stays on one line."""
    if isinstance(node, Map) and node.entries:
        return next(iter(node.entries.values()))[0]
    return node.span
