"""6xx: rights."""

from __future__ import annotations

from collections.abc import Iterator

from upheld.policy.check.context import Context
from upheld.policy.findings import Finding
from upheld.policy.law.adequacy import adequacy_table
from upheld.policy.law.fees import quote
from upheld.policy.period import Period


def fee_shown(ctx: Context) -> Iterator[Finding]:
    """Ask that people see what they pay, tax included (PP601)."""
    fee_ = ctx.policy.rights.fee
    if fee_ is None or fee_.get("show", "total") != "net" or fee_.get("tax") != "excluded":
        return
    amount = int(fee_.get("amount", 0))
    due = quote(amount, ctx.as_of)
    yield from ctx.say("PP601", ("rights", "fee", "show"), clause="rights.fee", value=f"{amount:,}", total=f"{due.total:,}")


def fee_allowed(ctx: Context) -> Iterator[Finding]:
    """Find fees for rights that have none (PP602)."""
    fee_ = ctx.policy.rights.fee or {}
    regime = fee_.get("regime")
    allowed = {word for rule in ctx.rules("fee.allowed") if rule.regime == regime for word in rule.words("rights")}
    for place, right in enumerate(fee_.get("rights", ())):
        if right not in allowed:
            yield from ctx.say("PP602", ("rights", "fee", "rights", place), clause="rights.fee", right=right, regimes=regime)


def clocks(ctx: Context) -> Iterator[Finding]:
    """Find promises that are slower than the law (PP603)."""
    for rule in ctx.rules("request.target"):
        own = ctx.policy.rights.clocks.get(rule.regime, {})
        limit = Period.parse(rule.text("period") or "")
        for key in ("target", "period"):
            period = own.get(key)
            if isinstance(period, Period) and limit is not None and period.rough_days() > limit.rough_days():
                path = ("rights", "clocks", rule.regime, key)
                yield from ctx.say("PP603", path, clause="rights.clocks", value=str(period), expected=str(limit))


def kinds_given(ctx: Context) -> Iterator[Finding]:
    """Find rights that a regime gives and the policy leaves out (PP604)."""
    for rule in ctx.rules("rights.kinds"):
        if rule.regime not in ctx.policy.reach:
            continue
        for name in rule.words("kinds"):
            if name in rule.words("only_with_transfers") and not _reaches_abroad(ctx):
                continue
            right = ctx.policy.rights.kinds.get(name)
            if right is None or (rule.regime not in right.regimes and "all" not in right.regimes.values()):
                path = ("rights", "kinds", name) if right else ("rights", "kinds")
                yield from ctx.say("PP604", path, at_key=True, clause=f"rights.{name}", right=name, regimes=rule.regime)


def _reaches_abroad(ctx: Context) -> bool:
    """Safeguards can be asked for only where something leaves the controller's own area."""
    home = adequacy_table().area_of(ctx.policy.controller.country)
    places = [*(c for s in ctx.policy.services.values() for c in s.countries),
              *(c for r in ctx.policy.recipients.values() for c in r.country)]  # fmt: skip
    return any(adequacy_table().area_of(place) != home for place in places)


def one_level(ctx: Context) -> Iterator[Finding]:
    """Ask that each right stands at exactly one level of identity (PP610)."""
    levels = ctx.policy.rights.levels
    if not levels:
        return
    for name in ctx.policy.rights.kinds:
        where = [level for level, names in levels.items() if level != "was" and name in names]
        if len(where) != 1:
            path = ("rights", "identity", "levels")
            detail = "several" if where else "none"
            yield from ctx.say("PP610", path, at_key=True, clause="rights.identity", right=name, detail=detail)


CHECKS = (fee_shown, fee_allowed, clocks, kinds_given, one_level)
