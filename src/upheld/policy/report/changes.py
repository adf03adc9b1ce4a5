"""What changed between two versions, what is due before it takes effect, and who is asked again."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from upheld.policy.check.publication import DONE_BY_PUBLISHING, amendment_table, open_steps
from upheld.policy.diff import Change, diff, leading
from upheld.policy.law import Law
from upheld.policy.model import CompiledPolicy
from upheld.policy.period import Period
from upheld.policy.report.style import Style
from upheld.policy.report.width import clip, columns, pad, wrap
from upheld.policy.report.words import CLASS_TITLES, counted

_VALUE = 48  # columns of one value
_ASKING = "ask_consent"


@dataclass(frozen=True, slots=True)
class Due:
    """One change with the steps of its class, those still open, and the situations whose people are asked again.

    `unreachable` are situations with no purpose under which their people may be written to.
    """

    change: Change
    steps: tuple[str, ...]
    open: tuple[str, ...]
    asked: tuple[str, ...]
    unreachable: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two versions and everything between them, the strictest class first."""

    old: CompiledPolicy
    new: CompiledPolicy
    due: tuple[Due, ...]

    @property
    def leading(self) -> str | None:
        """Give the strictest class, None where nothing changed."""
        return leading(tuple(due.change for due in self.due))

    @property
    def cookie_choice_again(self) -> bool:
        """Tell whether visitors choose again: never for wording alone."""
        return any(d.change.path[0] == "cookies" and d.change.diff_class != "wording" for d in self.due)


def compare(old: CompiledPolicy, new: CompiledPolicy, law: Law, on: date) -> Comparison:
    """Compare two versions under the law of a day.

    Clause: amendment (APPI 17(2), 18(1), 21(3))
    """
    table = amendment_table(new, law, on)
    missing = {(change.diff_class, change.clause): steps for change, steps in open_steps(new, old, table)}
    return Comparison(old, new, tuple(_due(change, old, table, missing) for change in diff(old, new)))


def _due(
    change: Change,
    old: CompiledPolicy,
    table: Mapping[str, tuple[str, ...]],
    missing: Mapping[Any, tuple[str, ...]],
) -> Due:
    steps = table.get(change.diff_class, ())
    left = missing.get((change.diff_class, change.clause), ())
    met = tuple(_concerned(change, old)) if _ASKING in steps else ()
    reachable = tuple(name for name in met if _may_be_asked(old, name))
    return Due(change, steps, left, reachable, tuple(name for name in met if name not in reachable))


def _concerned(change: Change, old: CompiledPolicy) -> Iterable[str]:
    """Give the situations of the old version whose people a change concerns."""
    section, *rest = [str(step) for step in change.path]
    name = rest[1] if len(rest) > 1 else ""
    if section == "collection" and rest[:1] == ["situations"]:
        return [name] if name in old.situations else []
    if rest[:1] == ["purposes"]:
        return [s.id for s in old.situations.values() if name in s.purpose_ids]
    if section == "collection" and rest[:1] == ["fields"]:
        return [s.id for s in old.situations.values() if name in s.fields]
    if section == "services" and name in old.services:
        served = set(old.services[name].purposes)
        return [s.id for s in old.situations.values() if served & set(s.purpose_ids)]
    return list(old.situations)


def _may_be_asked(old: CompiledPolicy, situation: str) -> bool:
    """People may be written to about consent where a purpose of their record announces anything."""
    return any(stated.act == "send_marketing" for stated in old.situations[situation].purposes)


# --- text ---------------------------------------------------------------------------------------------------


def changes_text(found: Comparison, lang: str, style: Style) -> str:
    """Print a comparison: one block for each class, with what is due and who is asked."""
    lines = [_head(found, lang)]
    for name in dict.fromkeys(due.change.diff_class for due in found.due):
        members = [due for due in found.due if due.change.diff_class == name]
        title = f"{name}（{CLASS_TITLES[name]}）" if lang == "ja" else name.replace("_", " ")
        lines += ["", style.paint(title, "bold")]
        lines += [_line(due.change, lang, style) for due in members]
        lines += [f"    {label}{wrap(text, style.width, 12)}" for label, text in _duties(members, lang)]
    if found.cookie_choice_again:
        again = (
            "Cookieの選択は改めて求められる"
            if lang == "ja"
            else "visitors are asked for their cookie choice again"
        )
        lines += ["", again]
    return "\n".join(lines) + "\n"


def _head(found: Comparison, lang: str) -> str:
    versions = f"version {found.old.version} -> {found.new.version}"
    if not found.due:
        return f"{versions} · {'変更なし' if lang == 'ja' else 'no change'}"
    size = f"変更{len(found.due)}件" if lang == "ja" else counted(len(found.due), "change", "changes")
    return f"{versions} · {size} · {_led(found, lang)}"


def _led(found: Comparison, lang: str) -> str:
    return f"最も厳しい区分 {found.leading}" if lang == "ja" else f"led by {found.leading}"


def _line(change: Change, lang: str, style: Style) -> str:
    before, after = short(change.before, lang), short(change.after, lang)
    told = f"+ {after}" if not before else f"- {before}" if not after else f"{before} -> {after}"
    return (
        f"  {pad(change.clause, 40)}  {told}"
        if style.width is None
        else _narrow(change.clause, told, style.width)
    )


def _narrow(clause: str, told: str, width: int) -> str:
    line = f"  {pad(clause, 40)}  {told}"
    return line if columns(line) <= width else f"  {clause}\n      {wrap(told, width, 6)}"


def _duties(members: list[Due], lang: str) -> Iterator[tuple[str, str]]:
    words = ("手続", "未了", "再同意", "依頼不可") if lang == "ja" else ("steps", "open", "again", "closed")
    labels = [pad(word, 8) for word in words]
    if members[0].steps:
        yield labels[0], ", ".join(members[0].steps)
    left = {due.change.clause: due.open for due in members if due.open}
    if left:
        yield labels[1], _open(members, left, lang)
    asked = ", ".join(dict.fromkeys(name for due in members for name in due.asked))
    if asked:
        yield (
            labels[2],
            f"{asked}の本人に同意を求める" if lang == "ja" else f"people of {asked} are asked for consent",
        )
    closed = ", ".join(dict.fromkeys(name for due in members for name in due.unreachable))
    if closed:
        why = (
            "：案内の目的がなく連絡できない"
            if lang == "ja"
            else ": no purpose there allows writing to people"
        )
        yield labels[3], closed + why


def _open(members: list[Due], left: Mapping[str, tuple[str, ...]], lang: str) -> str:
    """Name the steps that are not recorded as done; shortly, where it is all of them everywhere."""
    whole = set(members[0].steps) - DONE_BY_PUBLISHING
    if len(left) == len({due.change.clause for due in members}) and all(
        set(s) == whole for s in left.values()
    ):
        return "すべて" if lang == "ja" else "all of them"
    return " · ".join(f"{clause}: {', '.join(steps)}" for clause, steps in left.items())


def short(value: Any, lang: str) -> str:
    """Write a value in one short line; nothing for nothing."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Mapping):
        text = value.get("text")
        words = text if isinstance(text, Mapping) else value
        if words and all(isinstance(word, str) for word in words.values()):
            return clip(" ".join(str(words.get(lang) or next(iter(words.values()))).split()), _VALUE)
        return clip(", ".join(str(name) for name in words), _VALUE)
    if isinstance(value, tuple):
        return clip(", ".join(short(item, lang) for item in value) or "-", _VALUE)
    return clip(" ".join(str(value).split()), _VALUE)


def changes_object(found: Comparison) -> dict[str, Any]:
    """Give a comparison as one object."""
    return {
        "old": {"version": found.old.version, "promise": found.old.promise_hash},
        "new": {"version": found.new.version, "promise": found.new.promise_hash},
        "same": not found.due,
        "leading": found.leading,
        "cookie_choice_again": found.cookie_choice_again,
        "changes": [_change_object(due) for due in found.due],
    }


def _change_object(due: Due) -> dict[str, Any]:
    return {
        "class": due.change.diff_class,
        "clause": due.change.clause,
        "path": list(due.change.path),
        "before": plain(due.change.before),
        "after": plain(due.change.after),
        "steps": list(due.steps),
        "open": list(due.open),
        "asked_again": list(due.asked),
        "unreachable": list(due.unreachable),
    }


def plain(value: Any) -> Any:
    """Turn a compiled value into what JSON can hold."""
    if isinstance(value, Mapping):
        return {str(name): plain(item) for name, item in value.items()}
    if isinstance(value, tuple):
        return [plain(item) for item in value]
    return str(value) if isinstance(value, (Period, date)) else value
