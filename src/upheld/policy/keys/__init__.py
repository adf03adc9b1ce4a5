"""The key table: every key a policy folder may carry, as data.

Everything that knows keys reads this one table: the typing of the folder, unknown-key findings,
clause ids, the JSON Schema for editors, diff classes and the reference page.

A row of `table.txt` is `path | type | absent | asked | worse`, below a `## section` line:

- path: `<x>` is an id chosen by the company, `<regime>` a regime of `law.reach`, `[]` list items.
- type: `T` text per language, `str`, `id`, `int`, `yn`, `date`, `P` period, `cc`, `ccs`, `areas`, `url`,
  `path`, `start` (start word), `strs`, `ids:<list>`, `id:<list>`, `a/b/c` one of these words,
  `X or word` the type or that word, `map` a mapping whose keys follow in other rows.
- absent: `required`, a code (that finding), or a meaning in words.
- asked: regimes whose pack asks for the key, or `all`, `-`.
- worse: letters of the diff class of a change towards less protection: w wording, x within relevance or
  beyond, b beyond, f new field, r new recipient, c new country, l longer period, p less protection, `-`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from importlib import resources

SECTIONS = (
    "policy", "notice", "collection", "basis", "security", "country", "services", "recipients",
    "retention", "rights", "contact", "amendment", "transfers", "cookies", "statements",
    "evidence", "mappings",
)  # fmt: skip
REQUIRED_SECTIONS = (
    "policy", "notice", "collection", "basis", "retention", "rights", "contact", "amendment", "evidence",
)  # fmt: skip
UNPROMISED = ("evidence", "mappings")


@dataclass(frozen=True, slots=True)
class Key:
    """One row of the key table."""

    section: str
    path: str
    type: str
    absent: str
    asked: tuple[str, ...]
    worse: str

    @property
    def required(self) -> bool:
        """Tell whether absence is PP006."""
        return self.absent == "required"


@dataclass(slots=True)
class Spec:
    """A node of the key tree: its own row, fixed children, the wildcard child, the item of a list."""

    key: Key | None = None
    children: dict[str, Spec] = field(default_factory=dict)
    wildcard: tuple[str, Spec] | None = None
    item: Spec | None = None

    @property
    def required_children(self) -> list[str]:
        """Name the children that must be written."""
        return [name for name, child in self.children.items() if child.key and child.key.required]


@cache
def table() -> tuple[Key, ...]:
    """Give the key table in the order of the reference page."""
    text = resources.files(__package__).joinpath("table.txt").read_text(encoding="utf-8")
    rows: list[Key] = []
    section = ""
    for line in text.splitlines():
        if line.startswith("## "):
            section = line[3:].strip()
        elif line.strip() and not line.startswith("#"):
            path, kind, absent, asked, worse = (cell.strip() for cell in line.split("|"))
            regimes = tuple(word.strip() for word in asked.split(",")) if asked != "-" else ()
            rows.append(Key(section, path, kind, absent, regimes, worse))
    return tuple(rows)


@cache
def tree(section: str) -> Spec:
    """Give the key tree of a section."""
    root = Spec()
    for row in table():
        if row.section != section:
            continue
        node = root
        for step in _steps(row.path):
            node = _child(node, step)
        node.key = row
    root.children.setdefault("text", Spec(Key(section, "text", "T", "nothing printed", (), "w")))
    return root


def _steps(path: str) -> list[str]:
    steps: list[str] = []
    for part in path.split("."):
        name, _, tail = part.partition("[")
        steps.append(name)
        if tail:
            steps.append("[]")
    return steps


def _child(node: Spec, step: str) -> Spec:
    if step == "[]":
        node.item = node.item or Spec()
        return node.item
    if step.startswith("<"):
        if node.wildcard is None:
            node.wildcard = (step.strip("<>"), Spec())
        return node.wildcard[1]
    return node.children.setdefault(step, Spec())
