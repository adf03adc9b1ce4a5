"""What must be done before a change of the policy takes effect, and what may not be asked of applicants."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from fnmatch import fnmatchcase

from upheld.policy.law.book import Law
from upheld.policy.law.values import Rule

CLASSES = (
    "wording", "narrowing", "within_relevance", "beyond", "new_field",
    "new_recipient", "new_country", "longer_period", "less_protection",
)  # fmt: skip


def amendment_steps(
    law: Law, packs: Iterable[str], change: str, on: date, cases: Iterable[str] = ()
) -> tuple[str, ...]:
    """Give the steps that the listed packs ask for a class of change, each once.

    `cases` says more of the change: special, entrusted, joint, third_party, position_consent, or role,
    which asks for a signature only. Steps that publishing does by itself are left out.
    Clause: amendment.default (APPI 17(2), 18(1), 21(3), GDPR 13(3))
    """
    told = ("always", *cases)
    found: dict[str, None] = {}
    for rule in law.rule(packs, "amendment.steps", on):
        more = rule.table("cases").get(change, {})
        steps = rule.table("steps").get(change, ())
        if "role" in told and "role" in more:
            steps = ()
        automatic = rule.words("automatic")
        wanted = [*steps, *(step for case in told for step in more.get(case, ()))]
        found.update(dict.fromkeys(step for step in wanted if step not in automatic))
    return tuple(found)


def denied_to_ask(
    rules: Iterable[Rule], subject: str, field_id: str, special: Iterable[str] = ()
) -> Rule | None:
    """Give the rule that forbids asking this kind of person for a field, or None.

    Clause: collection.candidate (Employment Security Act 5-5)
    """
    kinds = frozenset(special)
    for rule in rules:
        if subject not in rule.words("subjects"):
            continue
        named = any(fnmatchcase(field_id, pattern) for pattern in rule.words("fields"))
        if named or kinds & set(rule.words("special")):
            return rule
    return None
