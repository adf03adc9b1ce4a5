"""1xx: notice and collection."""

from __future__ import annotations

from collections.abc import Iterator

from upheld.policy.check.context import Context
from upheld.policy.findings import Finding
from upheld.policy.law import area_contains, denied_to_ask
from upheld.policy.model import Field, Situation


def representative(ctx: Context) -> Iterator[Finding]:
    """Ask for the name of the representative of the company (PP101)."""
    if not ctx.policy.controller.representative:
        yield from ctx.say("PP101", ("policy", "controller"), at_key=True)


def local_representatives(ctx: Context) -> Iterator[Finding]:
    """Ask for a representative in each regime that wants one, or an exemption in evidence (PP102)."""
    evidence = ctx.policy.evidence.of("policy.controller.representatives")
    for regime in ctx.asking("representative.local"):
        if _home(ctx, regime):
            continue
        if regime not in ctx.policy.controller.representatives and regime not in evidence.get("exempt", {}):
            path = ("policy", "controller", "representatives")
            yield from ctx.say("PP102", path, at_key=True, clause="policy.controller.representatives", regimes=regime)


def _home(ctx: Context, regime: str) -> bool:
    """A controller established in the area of the regime needs no representative there."""
    country = ctx.policy.controller.country
    places = [str(rule.value["place"]) for rule in ctx.rules("representative.local") if rule.regime == regime]
    return any(area_contains(place, country, ctx.law) for place in places)


def notice_points(ctx: Context) -> Iterator[Finding]:
    """Find points of the notice that a form could not fill (PP103)."""
    for situation in ctx.policy.situations.values():
        path = ("collection", "situations", situation.id)
        kind = ctx.policy.retention.kinds.get(situation.subject)
        if kind is not None and not kind.ends and ctx.value("retention", "subjects", kind.id, "starts") and not _period(ctx, kind.id):
            yield from ctx.say("PP103", (*path, "subject"), situation=situation.id, detail="period")
        if not ctx.policy.contact.mailbox:
            yield from ctx.say("PP103", path, at_key=True, situation=situation.id, detail="rights")


def _period(ctx: Context, kind: str) -> bool:
    """Tell whether a period stands there; one that cannot be read is PP005, a clock that nothing starts PP501."""
    return ctx.written("retention", "subjects", kind, "period")


def scripts(ctx: Context) -> Iterator[Finding]:
    """Ask for words that staff can read aloud (PP104)."""
    for situation in ctx.policy.situations.values():
        channel = ctx.policy.channels.get(situation.channel)
        if channel and channel.how == "staff" and not situation.obvious and situation.id not in ctx.policy.scripts:
            path = ("collection", "situations", situation.id, "channel")
            yield from ctx.say("PP104", path, situation=situation.id)


def open_fields(ctx: Context) -> Iterator[Finding]:
    """Find fields that may hold anything: itemised without items (PP106), free text unscreened (PP114)."""
    for item in ctx.policy.fields.values():
        path = ("collection", "fields", item.id)
        if item.kind == "itemised" and not item.items:
            yield from ctx.say("PP106", (*path, "kind"), field=item.id)
        if item.kind == "free_text" and not item.screen:
            yield from ctx.say("PP114", (*path, "kind"), field=item.id)


def gaps(ctx: Context) -> Iterator[Finding]:
    """Find purposes that need what their situation does not collect (PP107)."""
    for (situation, purpose), missing in ctx.policy.gaps.items():
        place = ctx.policy.situations[situation].purpose_ids.index(purpose)
        path = ("collection", "situations", situation, "purposes", place)
        yield from ctx.say("PP107", path, purpose=purpose, situation=situation, field=missing)


def special_fields(ctx: Context) -> Iterator[Finding]:
    """Ask for a ground for each purpose that reaches special-care data (PP109)."""
    for situation in ctx.policy.situations.values():
        for name in situation.fields:
            item = ctx.policy.fields.get(name)
            if item is not None and item.special:
                yield from _grounds(ctx, situation, item)


def _grounds(ctx: Context, situation: Situation, item: Field) -> Iterator[Finding]:
    for purpose in situation.purpose_ids:
        if not ctx.policy.use_masks[situation.id].get(purpose, 0) & ctx.policy.field_bits[item.id]:
            continue
        line = ctx.policy.purpose_bases.get(purpose)
        lacking = [r for r in ctx.asking("special.ground") if line is None or r not in line.special]
        if lacking:
            group = "required" if item.id in situation.required else "optional"
            place = getattr(situation, group).index(item.id)
            path = ("collection", "situations", situation.id, "collect", group, place)
            yield from ctx.say("PP109", path, field=item.id, purpose=purpose, regimes=lacking)


def held_with_others(ctx: Context) -> Iterator[Finding]:
    """Ask who gets the data of what is run with someone else (PP110)."""
    for situation in ctx.policy.situations.values():
        if situation.held_with is not None and situation.recipients is None:
            path = ("collection", "situations", situation.id, "held_with")
            yield from ctx.say("PP110", path, at_key=True, situation=situation.id)


def joint_items(ctx: Context) -> Iterator[Finding]:
    """Ask for the five items of joint use (PP111) and the filing of opt-out provision (PP112)."""
    for recipient in ctx.policy.recipients.values():
        path = ("recipients", "recipients", recipient.id)
        if recipient.role == "joint":
            wanted = {
                "fields": recipient.fields,
                "range": recipient.range,
                "purposes": recipient.purposes,
                "responsible": recipient.responsible,
                "text": recipient.text,
            }
            missing = [name for name, value in wanted.items() if not value]
            if missing:
                yield from ctx.say("PP111", path, at_key=True, items=missing, recipient=recipient.id)
        if recipient.ground.get("jp") == "opt_out" and not recipient.filing:
            yield from ctx.say("PP112", (*path, "ground", "jp"), recipient=recipient.id)


def applicants(ctx: Context) -> Iterator[Finding]:
    """Find fields that must not be asked of applicants (PP113)."""
    asked = {
        (situation.subject, name): name for situation in ctx.policy.situations.values() for name in situation.fields
    }
    for subject, name in asked:
        item = ctx.policy.fields.get(name)
        if item is not None and denied_to_ask(ctx.rules("hiring.denied"), subject, name, item.special):
            yield from ctx.say("PP113", ("collection", "fields", name), at_key=True, field=name)


def empty_situations(ctx: Context) -> Iterator[Finding]:
    """Find situations without purposes (PP115) and purposes whose needs they may not use (PP117)."""
    for situation in ctx.policy.situations.values():
        if not situation.purposes and ctx.value("collection", "situations", situation.id, "purposes") == ():
            path = ("collection", "situations", situation.id, "purposes")
            yield from ctx.say("PP115", path, at_key=True, situation=situation.id)
    for purpose in ctx.policy.purposes.values():
        outside = [name for name in purpose.needs if purpose.uses is not None and name not in purpose.uses]
        if outside:
            path = ("collection", "purposes", purpose.id, "needs")
            yield from ctx.say("PP117", path, purpose=purpose.id, field=outside)


def never_said(ctx: Context) -> Iterator[Finding]:
    """Find what is declared although the policy says that it never is (PP116)."""
    declared = {
        "fields": {name: ("collection", "fields", name) for name in ctx.policy.fields},
        "purposes": {name: ("collection", "purposes", name) for name in ctx.policy.purposes},
    }
    for promise in ctx.policy.never:
        for group, names in declared.items():
            for word in promise.things.get(group, ()):
                if word in names:
                    yield from ctx.say("PP116", names[word], at_key=True, value=word, clause=f"collection.never.{promise.id}")
        for item in ctx.policy.fields.values():
            for word in set(item.special) & set(promise.things.get("special", ())):
                yield from ctx.say("PP116", ("collection", "fields", item.id), at_key=True, value=word, clause=f"collection.never.{promise.id}")
        for recipient in ctx.policy.recipients.values():
            for regime, ground in recipient.ground.items():
                if ground in promise.things.get("grounds", ()):
                    path = ("recipients", "recipients", recipient.id, "ground", regime)
                    yield from ctx.say("PP116", path, value=ground, clause=f"collection.never.{promise.id}")


def stated_somewhere(ctx: Context) -> Iterator[Finding]:
    """Find fields collected nowhere (PP010) and purposes stated nowhere (PP011)."""
    collected = {name for situation in ctx.policy.situations.values() for name in situation.fields}
    stated = {name for situation in ctx.policy.situations.values() for name in situation.purpose_ids}
    for name in ctx.policy.fields:
        if name not in collected:
            yield from ctx.say("PP010", ("collection", "fields", name), at_key=True, field=name)
    for name in ctx.policy.purposes:
        if name not in stated:
            yield from ctx.say("PP011", ("collection", "purposes", name), at_key=True, purpose=name)


CHECKS = (
    representative, local_representatives, notice_points, scripts, open_fields, gaps, special_fields,
    held_with_others, joint_items, applicants, empty_situations, never_said, stated_somewhere,
)  # fmt: skip
