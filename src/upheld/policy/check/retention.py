"""5xx: retention."""

from __future__ import annotations

from collections.abc import Iterator

from upheld.policy.check.context import Context
from upheld.policy.findings import Finding, KeyPath
from upheld.policy.model import End


def clocks_start(ctx: Context) -> Iterator[Finding]:
    """Find kinds of person whose clock never starts or never ends (PP501).

    A clock that starts and has no period is told where it is missing: in the notice of each situation (PP103).
    """
    noticed = {situation.subject for situation in ctx.policy.situations.values()}
    for kind in ctx.policy.retention.kinds.values():
        at = ("retention", "subjects", kind.id)
        started, lasts = ctx.written(*at, "starts"), ctx.written(*at, "period")
        told_there = started and not lasts and kind.id in noticed and ctx.rules("notice.points")
        if kind.ends or told_there or (started and lasts):  # a word that cannot be read is PP005
            continue
        path = ("retention", "subjects", kind.id)
        yield from ctx.say("PP501", path, at_key=True, clause=f"retention.{kind.id}", subject=kind.id)


def ceiling(ctx: Context) -> Iterator[Finding]:
    """Find periods beyond the ceiling without a statute (PP502)."""
    top = ctx.policy.retention.ceiling
    if top is None:
        return
    for kind in ctx.policy.retention.kinds.values():
        if kind.ends and min(end.period.rough_days() for end in kind.ends) > top.period.rough_days():
            path = ("retention", "subjects", kind.id, "period")
            yield from _over(ctx, path, f"retention.{kind.id}", kind.ends, top)
    for place, rule in enumerate(ctx.policy.retention.rules):
        if rule.floor is None and any(end.period.rough_days() > top.period.rough_days() for end in rule.ends):
            at: KeyPath = ("retention", "rules", place, "period")
            yield from _over(ctx, at, f"retention.rules.{rule.id}", rule.ends, top)


def _over(ctx: Context, path: KeyPath, clause: str, ends: tuple[End, ...], top: End) -> Iterator[Finding]:
    value = str(max(ends, key=lambda end: end.period.rough_days()).period)
    yield from ctx.say("PP502", path, clause=clause, value=value, expected=str(top.period))


def connectors(ctx: Context) -> Iterator[Finding]:
    """Find services that cannot erase by themselves (PP503)."""
    for service in ctx.policy.services.values():
        connector = ctx.policy.evidence.of(f"services.{service.id}").get("connector", {})
        if connector.get("erase") is False:
            path = ("evidence", "clauses", f"services.{service.id}", "connector", "erase")
            yield from ctx.say("PP503", path, clause=f"services.{service.id}", service=service.id, items=["erase"])


def longer_by_law(ctx: Context) -> Iterator[Finding]:
    """Ask for everything that makes a statutory period exact (PP504)."""
    for place, rule in enumerate(ctx.policy.retention.longer_by_law):
        wanted = {
            "statute": rule.statute,
            "situations": rule.situations,
            "fields": rule.fields,
            "purpose": rule.purpose,
            "starts": rule.end,
        }
        missing = [name for name, value in wanted.items() if not value]
        if missing:
            path = ("retention", "longer_by_law", place)
            yield from ctx.say("PP504", path, at_key=True, clause=f"retention.longer_by_law.{rule.id}", items=missing)


CHECKS = (clocks_start, ceiling, connectors, longer_by_law)
