"""How long a field of a record may be kept: start, period, ceiling, statute; pure, in legal days.

A period that is narrower goes before a wider one: field, then situation, then kind of person. Of several ends the
earliest counts. A clock that has not begun makes nothing due.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import date

from upheld.policy.model import CompiledPolicy, End, Frozen, LongerByLaw, RetentionRule, Situation
from upheld.retention.model import Cut, Overdue, Starts
from upheld.security.model import Kept, Lock

RELATION_OF = {"contract_end": "contract", "account_closed": "account", "decision": "application"}
HELD = "law."
"""Shred classes of what a statute or a hold keeps begin so; the rest is the id of the rule."""


def retained_until(
    policy: CompiledPolicy, situation: str, starts: Starts, *, current: CompiledPolicy | None = None
) -> Kept:
    """Give the last day of each field of a record, and what a statute keeps beyond it.

    `policy` is the version of the record; where the version in force (`current`) says that what it narrows
    reaches held records, the stricter day counts.
    Clause: retention.ceiling (APPI 22, GDPR 5(1)(e))
    """
    found = policy.situations[situation]
    ends = _last_days(policy, found, found.fields, starts)
    if current is not None and current.amendment.applies_to_held and situation in current.situations:
        newer = _last_days(current, current.situations[situation], found.fields, starts)
        ends = {name: _earliest((end, newer[name])) for name, end in ends.items()}
    locks = tuple(lock for law in policy.retention.longer_by_law if (lock := _lock(law, situation, starts)))
    return Kept(Frozen(ends), locks, f"retention.{found.subject}")


def _last_days(
    policy: CompiledPolicy, situation: Situation, names: Iterable[str], starts: Starts
) -> dict[str, date | None]:
    """Give the last day of each field; fields under one rule share theirs."""
    rules, places = _rules_of(policy, situation.id, tuple(names))
    days = [_last_day(policy, situation, rule, starts) for rule in rules]
    return {name: days[place] for name, place in places}


def _rules_of(
    policy: CompiledPolicy, situation: str, names: tuple[str, ...]
) -> tuple[Sequence[RetentionRule | None], Sequence[tuple[str, int]]]:
    """Give the rules that speak of these fields, each once, and for each field the place of its own."""
    key = "retention.rules", situation, names
    known: tuple[Sequence[RetentionRule | None], Sequence[tuple[str, int]]] | None = policy.decided.get(key)
    if known is not None:
        return known
    rules: list[RetentionRule | None] = []
    places: list[tuple[str, int]] = []
    for name in names:
        rule = _narrowest(policy.retention.rules, situation, name)
        if rule not in rules:
            rules.append(rule)
        places.append((name, rules.index(rule)))
    policy.decided[key] = rules, places
    return rules, places


def _last_day(policy: CompiledPolicy, situation: Situation, rule: RetentionRule | None, starts: Starts) -> date | None:
    kind = policy.retention.kinds.get(situation.subject)
    own = kind.ends if kind else ()
    days = [_after(policy, end, own, starts) for end in (rule.ends if rule is not None else own)]
    ceiling = policy.retention.ceiling
    if ceiling is not None and not (rule is not None and rule.floor):  # a statute that must keep goes before it
        days.append(_after(policy, ceiling, own, starts))
    return _earliest(days)


def _narrowest(rules: Iterable[RetentionRule], situation: str, name: str) -> RetentionRule | None:
    """Give the rule that speaks most closely of a field: of the field, else of the situation.

    Clause: retention.rules
    """
    fitting = [
        rule
        for rule in rules
        if rule.ends
        and (rule.situations is None or situation in rule.situations)
        and (rule.fields is None or name in rule.fields)
        and not (rule.situations is None and rule.fields is None)
    ]
    return max(fitting, key=lambda rule: (rule.fields is not None, rule.situations is not None), default=None)


def _after(policy: CompiledPolicy, end: End, own: tuple[End, ...], starts: Starts) -> date | None:
    if end.after == "relationship_end":
        begun = _earliest(_start(policy, one.after, starts) for one in own)
    else:
        begun = _start(policy, end.after, starts)
    return None if begun is None else end.period.after(begun, end.count)


def _start(policy: CompiledPolicy, word: str, starts: Starts) -> date | None:
    """Give the day a start word names; None while the relationship is open.

    Without any relationship of that kind the taking itself counts: nothing is kept for want of an end.
    Clause: retention.starts
    """
    if word == "last_contact":
        return max(starts.recorded, starts.last_contact or starts.recorded)
    if word == "last_visit":
        return max(starts.recorded, starts.last_visit or starts.recorded)
    declared = policy.retention.starts.get(word, {})
    kind = RELATION_OF.get(word) or ("contract" if declared.get("event") == "relation.ended" else None)
    if kind is not None:
        return None if kind in starts.open else starts.ended.get(kind, starts.recorded)
    return starts.declared.get(word, starts.recorded)


def _earliest(days: Iterable[date | None]) -> date | None:
    return min((day for day in days if day is not None), default=None)


def _lock(law: LongerByLaw, situation: str, starts: Starts) -> Lock | None:
    """Give what a statute keeps of a situation's records.

    Clause: retention.longer_by_law
    """
    if law.end is None or situation not in law.situations:
        return None
    begun = starts.recorded
    if law.end.after in RELATION_OF:
        ended = starts.ended.get(RELATION_OF[law.end.after])
        begun = ended or starts.recorded
    until = law.end.period.after(begun, law.end.count)
    return Lock(law.id, law.statute, law.purpose, frozenset(law.fields), until)


def overdue(kept: Kept, names: Iterable[str], shred_class: str, on: date) -> Cut | None:
    """Say what of a record's fields goes on a day; None when nothing does.

    A field goes when its last day is past, unless a statute or a hold names it: then it stays for that alone, under a
    key of its own once nothing else of the record runs.
    Clause: retention.ceiling (APPI 22, GDPR 5(1)(e))
    """
    past = tuple(name for name in names if kept.over(name, on))
    alive = tuple(name for name in names if name not in past)
    if not past:
        return None
    locks = [one for one in kept.locks if on <= one.until]
    lock = max(locks, key=lambda one: one.until, default=None)
    held = tuple(name for name in past if any(name in one.fields for one in locks))
    gone = tuple(name for name in past if name not in held)
    moved = f"{HELD}{lock.id}" if lock is not None and held and not alive else shred_class
    if not gone and moved == shred_class:
        return None
    last = max(end for name in past if (end := kept.ends[name]) is not None)
    return Cut(gone, (*alive, *held), moved, last, kept.clause)


def summary(found: Iterable[Overdue]) -> tuple[dict[str, object], ...]:
    """Count what is due by situation, for a plan: no number of a person or record."""
    rows = Counter((one.record.situation, "erase" if one.cut.whole else "cut", one.cut.clause) for one in found)
    return tuple(
        {"situation": situation, "action": action, "clause": clause, "count": count}
        for (situation, action, clause), count in sorted(rows.items())
    )


def shortest_days(policies: Iterable[CompiledPolicy]) -> int:
    """Give a number of days no period of these policies is shorter than, for looking up candidates."""
    found = [
        end.period.rough_days()
        for policy in policies
        for ends in (
            *(kind.ends for kind in policy.retention.kinds.values()),
            *(rule.ends for rule in policy.retention.rules),
            *(((policy.retention.ceiling,),) if policy.retention.ceiling else ()),
        )
        for end in ends
    ]
    return max(0, int(min(found, default=0) * 0.9) - 2)
