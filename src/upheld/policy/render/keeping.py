"""How long data are kept: the ceiling, a clock for each kind of person, periods of their own, what a law keeps longer."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from upheld.policy.model import CompiledPolicy, End, Kind, LongerByLaw, RetentionRule, Situation
from upheld.policy.period import Period
from upheld.policy.render.handling import kind_name
from upheld.policy.render.ink import Ink, cell, line
from upheld.policy.render.view import Block, Cell, Fact, Facts, Part, Row, Table


def blocks(ink: Ink) -> tuple[Block, ...]:
    """Give the tables of the section.

    Clause: retention (APPI 22, GDPR 13(2)(a))
    """
    held = ink.policy.retention
    found: list[Block] = []
    if held.ceiling:
        said = line(ink.words.end(held.ceiling))
        found.append(Facts("", (Fact(ink.words.say("retention", "ceiling"), (said,), "retention.ceiling"),)))
    found.append(_kinds(ink))
    if held.rules:
        found.append(_rules(ink))
    if held.longer_by_law:
        found.append(_longer(ink))
    if held.proof:
        found.append(_proof(ink))
    return tuple(found)


def _heads(ink: Ink, *keys: str) -> tuple[str, ...]:
    return tuple(ink.words.say("retention", key) for key in keys)


def _kinds(ink: Ink) -> Table:
    rows = tuple(_kind(ink, kind) for kind in ink.policy.retention.kinds.values())
    return Table(
        ink.words.say("retention", "caption"),
        _heads(ink, "kind", "situations", "period"),
        rows,
        "retention.subjects",
    )


def _kind(ink: Ink, kind: Kind) -> Row:
    met = [s.id for s in ink.policy.situations.values() if s.subject == kind.id]
    period = ink.words.ends(kind.ends) if kind.ends else ink.words.say("kit", "dash")
    return Row((cell(kind_name(ink, kind.id)), _situations(ink, met), cell(period)), f"retention.{kind.id}")


def _situations(ink: Ink, ids: Iterable[str]) -> Cell:
    runs = ink.situation_numbers(ids)
    return Cell((Part(runs) if runs else line(ink.words.say("kit", "none")),))


def ends_of(policy: CompiledPolicy, situation: Situation, field: str) -> tuple[End, ...]:
    """Give the clocks of one field of a situation: the narrowest rule, else those of the kind of person.

    Clause: retention (GDPR 13(2)(a))
    """
    best: tuple[int, tuple[End, ...]] | None = None
    for rule in policy.retention.rules:
        meets = (rule.situations is None or situation.id in rule.situations) and (
            rule.fields is None or field in rule.fields
        )
        rank = (2 if rule.fields is not None else 0) + (1 if rule.situations is not None else 0)
        if meets and rule.ends and (best is None or rank > best[0]):
            best = (rank, rule.ends)
    kind = policy.retention.kinds.get(situation.subject)
    return best[1] if best else kind.ends if kind else ()


def kept(ink: Ink, situation: Situation) -> list[str]:
    """Say how long the details of a situation are kept; details with a period of their own are named."""
    groups: dict[tuple[End, ...], list[str]] = {}
    for name in situation.fields:
        ends = ends_of(ink.policy, situation, name)
        if ends:
            groups.setdefault(ends, []).append(name)
    if not groups:
        return []
    most = max(groups, key=lambda ends: len(groups[ends]))
    said = [ink.words.say("collection", "kept", period=ink.words.ends(most))]
    for ends, names in groups.items():
        if ends != most:
            fields = ink.field_names(names)
            said.append(ink.words.say("collection", "kept_apart", fields=fields, period=ink.words.ends(ends)))
    return said


def _rules(ink: Ink) -> Table:
    written = {item.get("id"): item for item in ink.policy.values.get("retention", {}).get("rules", ())}
    rows = tuple(_rule(ink, rule, written.get(rule.id, {})) for rule in ink.policy.retention.rules)
    return Table(
        ink.words.say("retention", "rules"),
        _heads(ink, "what", "situations", "period"),
        rows,
        "retention.rules",
    )


def _rule(ink: Ink, rule: RetentionRule, written: Mapping[str, Any]) -> Row:
    what = ink.field_names(rule.fields) if rule.fields else ink.words.say("retention", "everything")
    notes: tuple[str, ...] = ()
    if rule.floor:
        text = ink.text(written.get("floor", {}).get("statute", {}).get("text")) or statute_title(
            ink, rule.floor
        )
        notes = (ink.words.say("retention", "floor", text=text),)
    period = line(ink.words.ends(rule.ends) if rule.ends else ink.words.say("kit", "dash"), notes=notes)
    met = rule.situations if rule.situations is not None else _taking(ink, rule.fields or ())
    return Row((cell(what), _situations(ink, met), Cell((period,))), f"retention.rules.{rule.id}")


def _taking(ink: Ink, fields: Iterable[str]) -> list[str]:
    wanted = set(fields)
    return [s.id for s in ink.policy.situations.values() if wanted & set(s.fields)]


def statute_title(ink: Ink, statute: str) -> str:
    """Give the title of a statute, else its id."""
    found = ink.law.statute(statute)
    return found.title_in(ink.lang) if found else statute


def _longer(ink: Ink) -> Table:
    rows = tuple(_one_longer(ink, item) for item in ink.policy.retention.longer_by_law)
    heads = _heads(ink, "law", "what", "situations", "period")
    return Table(ink.words.say("retention", "longer"), heads, rows, "retention.longer_by_law")


def _one_longer(ink: Ink, item: LongerByLaw) -> Row:
    title = ink.text(item.text) or statute_title(ink, item.statute)
    aim = item.purpose if ink.words.has("retention", item.purpose) else "that_law"
    only = ink.words.say("retention", "only_for", purpose=ink.words.say("retention", aim))
    period = ink.words.end(item.end) if item.end else ink.words.say("retention", "by_law")
    cells = (
        Cell((line(title, notes=(only,)),)),
        cell(ink.field_names(item.fields)),
        _situations(ink, item.situations),
        cell(period),
    )
    return Row(cells, f"retention.longer_by_law.{item.id}")


def _proof(ink: Ink) -> Facts:
    say, facts = ink.words.say, []
    for name, kept in ink.policy.retention.proof.items():
        facts.append(Fact(say("retention", name), (line(_kept(ink, kept)),)))
    return Facts(say("retention", "proof"), tuple(facts), "retention.proof")


def _kept(ink: Ink, kept: Any) -> str:
    if isinstance(kept, Period):
        return ink.words.period(kept)
    if isinstance(kept, Mapping):
        period, after = kept.get("period"), kept.get("after", "last_use")
        if not isinstance(period, Period):
            return ink.words.say("retention", "by_law")
        return ink.words.say("period", "after", period=ink.words.period(period), start=ink.words.start(after))
    return ink.words.say("retention", "by_law" if kept == "law" else str(kept))
