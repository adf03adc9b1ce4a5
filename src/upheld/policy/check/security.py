"""3xx: security measures and the foreign environment."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from upheld.policy.check.context import Context
from upheld.policy.findings import Finding, KeyPath


def responsible(ctx: Context) -> Iterator[Finding]:
    """Ask for one person who answers for handling (PP301)."""
    named = [m for m in ctx.policy.measures.values() if m.responsible_role]
    if len(named) == 1:
        return
    if named:
        second: KeyPath = ("security", "measures", named[1].id, "responsible_person")
        yield from ctx.say("PP301", second, at_key=True)
        return
    first = next(iter(ctx.policy.measures), None)
    path: KeyPath = ("security", "measures", first) if first else ("security",)
    yield from ctx.say("PP301", path, at_key=True)


def country_sheets(ctx: Context) -> Iterator[Finding]:
    """Ask for a sheet, not past its next review, for every foreign country that a measure or service reaches (PP303)."""
    for country, path in foreign_countries(ctx).items():
        sheet = ctx.policy.countries.get(country)
        due = ctx.policy.evidence.of(f"country.{country}").get("next")
        if sheet is None:
            yield from ctx.say("PP303", path, clause=f"country.{country}", country=country, detail="no_sheet")
        elif not isinstance(due, date):
            yield from ctx.say("PP303", path, clause=f"country.{country}", country=country, detail="no_assessment")
        elif due < ctx.as_of:
            where = ("evidence", "clauses", f"country.{country}", "next")
            yield from ctx.say("PP303", where, clause=f"country.{country}", country=country, detail="overdue")


def foreign_countries(ctx: Context) -> dict[str, KeyPath]:
    """Give each foreign country reached, with the first place that names it."""
    home = ctx.policy.controller.country
    found: dict[str, KeyPath] = {}
    for measure in ctx.policy.measures.values():
        for place, country in enumerate(measure.countries):
            found.setdefault(country, ("security", "measures", measure.id, "countries", place))
    for service in ctx.policy.services.values():
        for country in service.countries:
            found.setdefault(country, ("services", "services", service.id))
    found.pop(home, None)
    return found


CHECKS = (responsible, country_sheets)
