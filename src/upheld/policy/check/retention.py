"""5xx: retention."""

from __future__ import annotations

from collections.abc import Iterator

from upheld.policy.check.context import Context
from upheld.policy.findings import Finding


def clocks_start(ctx: Context) -> Iterator[Finding]:
    """Find kinds of person whose clock never starts or never ends (PP501)."""
    for kind in ctx.policy.retention.kinds.values():
        if kind.ends:
            continue
        written = ctx.value("retention", "subjects", kind.id) or {}
        path = ("retention", "subjects", kind.id)
        lacks = "`starts`" if "period" in written else "`period`"
        at = (*path, "period") if "period" in written else path
        yield from ctx.say("PP501", at, at_key="period" not in written, clause=f"retention.{kind.id}", kind=kind.id, key=lacks)


def ceiling(ctx: Context) -> Iterator[Finding]:
    """Find periods beyond the ceiling without a statute (PP502)."""
    top = ctx.policy.retention.ceiling
    if top is None:
        return
    for kind in ctx.policy.retention.kinds.values():
        if kind.ends and min(end.period.rough_days() for end in kind.ends) > top.period.rough_days():
            path = ("retention", "subjects", kind.id, "period")
            yield from ctx.say("PP502", path, clause=f"retention.{kind.id}", kind=kind.id, value=str(top.period))
    for place, rule in enumerate(ctx.policy.retention.rules):
        if rule.floor is None and any(end.period.rough_days() > top.period.rough_days() for end in rule.ends):
            path = ("retention", "rules", place, "period")
            yield from ctx.say("PP502", path, kind=rule.id, value=str(top.period))


def connectors(ctx: Context) -> Iterator[Finding]:
    """Find services that cannot erase by themselves (PP503)."""
    for service in ctx.policy.services.values():
        connector = ctx.policy.evidence.of(f"services.{service.id}").get("connector", {})
        if connector.get("erase") is False:
            path = ("evidence", "clauses", f"services.{service.id}", "connector", "erase")
            yield from ctx.say("PP503", path, clause=f"services.{service.id}", service=service.id)


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
            items = ", ".join(f"`{name}`" for name in missing)
            path = ("retention", "longer_by_law", place)
            yield from ctx.say("PP504", path, at_key=True, key=rule.id, items=items)


CHECKS = (clocks_start, ceiling, connectors, longer_by_law)
