"""9xx: cookies and tags."""

from __future__ import annotations

from collections.abc import Iterator
from fnmatch import fnmatchcase

from upheld.policy.check.context import Context
from upheld.policy.findings import Finding


def tags_told(ctx: Context) -> Iterator[Finding]:
    """Ask for a tag list where a browser is a channel (PP901)."""
    if ctx.policy.cookies is not None:
        return
    for situation in ctx.policy.situations.values():
        channel = ctx.policy.channels.get(situation.channel)
        if channel is not None and channel.how == "browser":
            path = ("collection", "situations", situation.id, "channel")
            yield from ctx.say("PP901", path, situation=situation.id)


def tags(ctx: Context) -> Iterator[Finding]:
    """Ask what each tag sends and why (PP902), when it may fire (PP903, PP904), to whom (PP905), exempt how (PP906)."""
    for tag in ctx.policy.cookies.tags.values() if ctx.policy.cookies else ():
        path = ("cookies", "tags", tag.id)
        asked = {word for rule in ctx.rules("tags.tell") for word in rule.words("items")}
        told = {"content": tag.content, "their_purpose": tag.their_purpose}
        missing = [name for name, value in told.items() if name in asked and not value]
        if missing:
            yield from ctx.say("PP902", path, at_key=True, tag=tag.id, items=missing)
        category = ctx.policy.cookies.categories.get(tag.category, {}) if ctx.policy.cookies else {}
        for regime in ctx.asking("tags.consent"):
            exempt = category.get("always") or (regime == "uk" and tag.uk_exemption)
            if tag.fires.get(regime, "after_consent") != "after_consent" and not exempt:
                yield from ctx.say("PP903", (*path, "fires", regime), tag=tag.id, regimes=[regime])
        for regime in ctx.asking("tags.linking"):
            if tag.links_to_person != "no" and tag.fires.get(regime, "after_consent") != "after_consent":
                written = "recipient_links_to_person" in (ctx.value("cookies", "tags", tag.id) or {})
                at = (*path, "recipient_links_to_person") if written else (*path, "fires", regime)
                yield from ctx.say("PP904", at, tag=tag.id, regimes=[regime])
        if tag.recipient and tag.recipient not in ctx.policy.services and tag.recipient not in ctx.policy.recipients:
            yield from ctx.say("PP905", (*path, "recipient"), tag=tag.id, value=tag.recipient)
        if tag.uk_exemption == "statistics" and not tag.opt_out:
            yield from ctx.say("PP906", (*path, "uk_exemption"), tag=tag.id, value="statistics")


def live_pages(ctx: Context) -> Iterator[Finding]:
    """Find what live pages call (PP908) or keep (PP910) without a tag that declares it, and tags that ran unasked (PP911)."""
    tags = tuple(ctx.policy.cookies.tags.values()) if ctx.policy.cookies else ()
    path = ("cookies", "tags") if ctx.policy.cookies else ("cookies",)
    for host in ctx.live.hosts:
        if not any(declares(known, host) for tag in tags for known in tag.hosts):
            yield from ctx.say("PP908", path, at_key=True, clause="cookies", host=host)
    for name in ctx.live.kept:
        if not any(fnmatchcase(name, pattern) for tag in tags for pattern in tag.cookies):
            yield from ctx.say("PP910", path, at_key=True, clause="cookies", names={"name": name})
    for tag in tags:
        if tag.id in ctx.live.early:
            yield from ctx.say("PP911", ("cookies", "tags", tag.id), at_key=True, tag=tag.id)


def declares(known: str, host: str) -> bool:
    """Say whether a declared host (`tags.example.net`, `*.example.net`) is this one."""
    return host == known or (known.startswith("*.") and host.endswith(known[1:]))


def signal(ctx: Context) -> Iterator[Finding]:
    """Find a promise to honour the browser's signal that no tag keeps (PP909)."""
    cookies = ctx.policy.cookies
    if cookies is None or cookies.gpc != "honoured" or not cookies.tags:
        return
    if all(tag.gpc == "runs" for tag in cookies.tags.values()):
        yield from ctx.say("PP909", ("cookies", "gpc"))


CHECKS = (tags_told, tags, live_pages, signal)
