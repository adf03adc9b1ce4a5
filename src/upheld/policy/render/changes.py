"""Changes: what is printed differently in two versions, clause by clause, with the class of each change.

Two pages are made in one language and compared as a reader would: what a clause says, not how the folder spells it.
Numbers that only count purposes or situations are said as what they count, so that one more moves nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from difflib import SequenceMatcher

from upheld.policy.diff import CLASSES, Change, diff, leading
from upheld.policy.law import Law
from upheld.policy.model import CompiledPolicy
from upheld.policy.render.page import page
from upheld.policy.render.view import Block, Item, PageView, Part, Prose, Row, Runs, Table, text_of

_TOKEN = re.compile(r"[A-Za-z0-9@./:_'-]+|\s+|.", re.DOTALL)
_SAME_ENOUGH = 0.5
"""Two texts less alike than this are shown as one gone and one new, not as a patchwork."""
_ISLAND = 3
"""Characters of agreement between two differences that are too few to be worth reading apart."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """A stretch of text that is the same, gone, or new."""

    kind: str
    text: str


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a clause that is printed differently; `head` is the column or label it stands under."""

    head: str
    stretches: tuple[Stretch, ...]


@dataclass(frozen=True, slots=True)
class Moved:
    """A clause that is printed differently; `state` is changed, added or gone. `classes` are diff classes, strictest first."""

    clause: str
    title: str
    state: str
    classes: tuple[str, ...]
    lines: tuple[Line, ...]


@dataclass(frozen=True, slots=True)
class MovedSection:
    """A section with the clauses in it that are printed differently."""

    id: str
    title: str
    clauses: tuple[Moved, ...]


@dataclass(frozen=True, slots=True)
class ChangesView:
    """Two versions compared in one language; `unprinted` are changes of clauses whose words on the page stay the same."""

    old: str
    new: str
    lang: str
    leading: str | None
    sections: tuple[MovedSection, ...]
    unprinted: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class _Clause:
    """A clause as it is printed: where it stands, its heading, and labelled lines of text."""

    section: str
    title: str
    lines: tuple[tuple[str, str], ...]


def changes(old: CompiledPolicy, new: CompiledPolicy, lang: str, law: Law, on: date) -> ChangesView:
    """Compare what two versions print in a language; raises KeyError for a language that either does not speak.

    Clause: amendment (APPI 17(2), 21(3); GDPR 12(1), 13(3))
    """
    before, after = page(old, lang, law, on), page(new, lang, law, on)
    was, now = _clauses(before), _clauses(after)
    found = diff(old, new)
    moved: dict[str, list[Moved]] = {}
    for clause in _order(was, now):
        one = _moved(clause, was.get(clause), now.get(clause), found)
        if one is not None:
            moved.setdefault((now.get(clause) or was[clause]).section, []).append(one)
    titles = {section.id: section.title for section in (*before.sections, *after.sections)}
    sections = tuple(
        MovedSection(name, titles[name], tuple(moved[name])) for name in titles if moved.get(name)
    )
    shown = [one.clause for members in moved.values() for one in members]
    return ChangesView(old.version, new.version, lang, leading(found), sections, _unprinted(found, shown))


def _order(was: Mapping[str, _Clause], now: Mapping[str, _Clause]) -> Iterator[str]:
    """Give the clauses as the new version prints them, what is gone behind what it stood behind."""
    gone_after: dict[str, list[str]] = {}
    last = ""  # what stood first and is gone comes first
    for clause in was:
        if clause in now:
            last = clause
        else:
            gone_after.setdefault(last, []).append(clause)
    yield from gone_after.get("", ())
    for clause in now:
        yield clause
        yield from gone_after.get(clause, ())


def _moved(clause: str, was: _Clause | None, now: _Clause | None, found: Iterable[Change]) -> Moved | None:
    if was is not None and now is not None and (was.title, was.lines) == (now.title, now.lines):
        return None
    title = now.title if now else was.title if was else ""
    state = "changed" if was and now else "added" if now else "gone"
    names = {change.diff_class for change in found if _within(change.clause, clause)}
    classes = tuple(sorted(names, key=CLASSES.index, reverse=True))
    return Moved(clause, title, state, classes, tuple(_lines(was, now)))


def _within(inner: str, outer: str) -> bool:
    return inner == outer or inner.startswith(f"{outer}.")


def _unprinted(found: Iterable[Change], shown: Iterable[str]) -> tuple[tuple[str, str], ...]:
    """List (clause, class) of what no printed difference tells: rules behind the page, or words of another language."""
    told = tuple(shown)
    rest = {
        (change.clause, change.diff_class): None
        for change in found
        if not any(_within(change.clause, clause) or _within(clause, change.clause) for clause in told)
    }
    return tuple(rest)


def _lines(was: _Clause | None, now: _Clause | None) -> Iterator[Line]:
    before, after = (was.lines if was else ()), (now.lines if now else ())
    old: dict[str, str] = {}
    for head, text in before:
        old[head] = f"{old[head]}\n{text}" if head in old else text
    new: dict[str, str] = {}
    for head, text in after:
        new[head] = f"{new[head]}\n{text}" if head in new else text
    if was and now and was.title != now.title:
        yield Line("", stretches(was.title, now.title))
    for head in dict.fromkeys((*old, *new)):
        if old.get(head) != new.get(head):
            yield from _several(head, old.get(head, ""), new.get(head, ""))


def _several(head: str, old: str, new: str) -> Iterator[Line]:
    """Pair the lines of two lists: what is in both is left out, what resembles is compared, the rest is gone or new."""
    before, after = [line for line in old.split("\n") if line], [line for line in new.split("\n") if line]
    gone, added = [one for one in before if one not in after], [one for one in after if one not in before]
    for text in gone:
        near = max(added, key=lambda one: _alike(text, one), default="")
        if near and _alike(text, near) >= _SAME_ENOUGH:
            added.remove(near)
            yield Line(head, stretches(text, near))
        else:
            yield Line(head, (Stretch("gone", text),))
    for text in added:
        yield Line(head, (Stretch("new", text),))


def _alike(a: str, b: str) -> float:
    return SequenceMatcher(None, a, b, autojunk=False).ratio()


def stretches(old: str, new: str) -> tuple[Stretch, ...]:
    """Compare two texts word by word, Japanese sign by sign; joined again they give both texts."""
    if not old or not new or _alike(old, new) < _SAME_ENOUGH:
        pair = (Stretch("gone", old), Stretch("new", new))
        return tuple(one for one in pair if one.text)
    a, b = _TOKEN.findall(old), _TOKEN.findall(new)
    found: list[Stretch] = []
    for tag, a1, a2, b1, b2 in SequenceMatcher(None, a, b, autojunk=False).get_opcodes():
        if tag == "equal":
            found.append(Stretch("same", "".join(a[a1:a2])))
        else:
            found += [Stretch("gone", "".join(a[a1:a2])), Stretch("new", "".join(b[b1:b2]))]
    return tuple(_joined([one for one in found if one.text]))


def _joined(found: list[Stretch]) -> Iterator[Stretch]:
    """Take short agreements between two differences into them, and order each difference as gone, then new."""
    gone = new = ""
    for place, one in enumerate(found):
        inside = 0 < place < len(found) - 1 and (gone or new)
        if one.kind == "gone":
            gone += one.text
        elif one.kind == "new":
            new += one.text
        elif inside and len(one.text) < _ISLAND:
            gone, new = gone + one.text, new + one.text
        else:
            yield from _pair(gone, new)
            gone = new = ""
            yield one
    yield from _pair(gone, new)


def _pair(gone: str, new: str) -> Iterator[Stretch]:
    if gone:
        yield Stretch("gone", gone)
    if new:
        yield Stretch("new", new)


# --- a page as clauses ---------------------------------------------------------------------------------------


def _clauses(view: PageView) -> dict[str, _Clause]:
    found: dict[str, _Clause] = {}
    names = _names(view)
    for section in view.sections:
        lines = tuple(_prose(section.prose, names))
        found[section.id] = _Clause(section.id, section.title, lines)
        for block in section.blocks:
            for clause, title, told in _block(block, names):
                known = found.get(clause)
                if clause and known is None:
                    found[clause] = _Clause(section.id, title, told)
                elif known is not None:
                    found[clause] = _Clause(known.section, known.title or title, (*known.lines, *told))
    return found


def _names(view: PageView) -> dict[str, str]:
    """Give what the numbered rows say, by the address that a number links to."""
    found: dict[str, str] = {}
    for section in view.sections:
        for block in section.blocks:
            if isinstance(block, Table):
                found.update({f"#{row.id}": _said(row.cells[0].parts, {}) for row in block.rows if row.id})
            else:
                for item in block.items:
                    text = " ".join(text for _, text in _prose(item.prose, {})) if isinstance(item, Item) else ""
                    if item.id and text:
                        found[f"#{item.id}"] = text
    return found


_Told = tuple[str, str, tuple[tuple[str, str], ...]]


def _block(block: Block, names: Mapping[str, str]) -> Iterator[_Told]:
    if isinstance(block, Table):
        for row in block.rows:
            yield row.id or block.id, _said(row.cells[0].parts, names), tuple(_cells(block, row, names))
        return
    for one in block.items:
        if isinstance(one, Item):
            yield from _item(one, block.id, names)
        else:
            head = "" if one.id else one.label
            lines = tuple((head, _part(part, names)) for part in one.parts)
            yield one.id or block.id, one.label if one.id else block.caption, lines


def _cells(table: Table, row: Row, names: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    for head, cell in zip(table.heads[1:], row.cells[1:], strict=False):
        for part in cell.parts:
            yield head, _part(part, names)


def _item(item: Item, above: str, names: Mapping[str, str]) -> Iterator[_Told]:
    lines = (*_prose(item.prose, names), *(("", note) for note in item.notes))
    yield item.id or above, item.title, tuple(lines)
    for inner in item.items:
        yield from _item(inner, item.id or above, names)


def _prose(blocks: Iterable[Prose], names: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    for block in blocks:
        for runs in block.items:
            yield "", _runs(runs, names)


def _said(parts: Iterable[Part], names: Mapping[str, str]) -> str:
    return " ".join(_runs(part.runs, names) for part in parts)


def _part(part: Part, names: Mapping[str, str]) -> str:
    return " · ".join((_runs(part.runs, names), *part.notes))


def _runs(runs: Runs, names: Mapping[str, str]) -> str:
    """Give runs as text; a number that is a link is said as what it counts."""
    if not any(run.text.isdigit() and run.href in names for run in runs):
        return text_of(runs)
    return "".join(names[run.href] if run.text.isdigit() and run.href in names else run.text for run in runs)
