"""Which tags may run in a browser, what its choice covers, and what the page may load; pure."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterable, Mapping
from datetime import date, datetime
from typing import Any
from urllib.parse import urlsplit

from upheld.cookies.agreed import agreed, digest
from upheld.cookies.model import (
    AT_ONCE,
    CONSENT,
    GRANTED,
    NONE,
    NOTICE,
    OBJECTED,
    REFUSED,
    VALID,
    WHEN,
    Browser,
    Choice,
    Judged,
    Offer,
    Offered,
    Visitor,
)
from upheld.policy.check.cookies import declares
from upheld.policy.law import EEA, UNKNOWN, Law, regimes
from upheld.policy.model import CompiledPolicy, Frozen, Situation, Tag


def area_of(code: str, law: Law) -> str:
    """Give the area of a country code that a trusted edge wrote: `EEA`, a country, or `unknown` for anything else."""
    code = code.strip().upper()
    if not law.country_exists(code):
        return UNKNOWN
    return EEA if law.in_eea(code) else code


def browsing(policy: CompiledPolicy) -> Situation | None:
    """Give the situation of visits: the first that is met in a browser."""
    for situation in policy.situations.values():
        channel = policy.channels.get(situation.channel)
        if channel is not None and channel.how == "browser":
            return situation
    return None


def when(policy: CompiledPolicy, law: Law, tag: Tag, area: str, on: date) -> str:
    """Say when a tag may run for people of an area: the strictest of the regimes that hold, by policy and by law.

    What is always on waits for nobody; an area that is not known gets the strictest rule.
    Clause: cookies.tags (ePrivacy 5(3), PECR 6, APPI 31)
    """
    if _always(policy, tag):
        return AT_ONCE
    held = regimes(policy.reach, policy.packs, area, on, law)
    found = [_in_regime(policy, law, tag, regime, on) for regime in held]
    return max(found, key=WHEN.index, default=CONSENT)


def _in_regime(policy: CompiledPolicy, law: Law, tag: Tag, regime: str, on: date) -> str:
    stated = tag.fires.get(regime, CONSENT)
    asked = [rule.value for rule in law.rule(policy.packs, "tags.consent", on) if rule.regime == regime]
    if asked and not _exempt(policy, law, tag, regime, on):
        return max(stated, *(str(value["fires"]) for value in asked), key=WHEN.index)
    if asked:
        stated = max(stated, NOTICE, key=WHEN.index)
    for rule in law.rule(policy.packs, "tags.linking", on):
        if rule.regime == regime and tag.links_to_person in rule.value["counts_as_yes"]:
            stated = max(stated, str(rule.value["fires"]), key=WHEN.index)
    return stated


def _exempt(policy: CompiledPolicy, law: Law, tag: Tag, regime: str, on: date) -> bool:
    """Say whether a law in force that day lets this kind of tag run without consent, and its conditions are met.

    Clause: cookies.tags (PECR Sch. A1)
    """
    for rule in law.rule(policy.packs, "tags.exemption", on):
        kind = rule.value["kinds"].get(tag.uk_exemption) if rule.regime == regime else None
        if kind is not None and (tag.opt_out or not kind["opt_out"]) and (tag.content or not kind["tell"]):
            return True
    return False


def _always(policy: CompiledPolicy, tag: Tag) -> bool:
    category = policy.cookies.categories.get(tag.category, {}) if policy.cookies else {}
    return bool(category.get("always"))


def offered(
    policy: CompiledPolicy, law: Law, area: str, on: date, epochs: Mapping[str, int] | None = None
) -> Offered:
    """Give what people of an area are offered on a day; `epochs` counts how often a purpose changed beyond its aim.

    Clause: cookies.categories
    """
    tags = tuple(policy.cookies.tags.values()) if policy.cookies else ()
    chosen = [tag for tag in tags if not _always(policy, tag)]
    times = {tag.id: when(policy, law, tag, area, on) for tag in tags}
    offers: dict[str, Offer] = {}
    visits = browsing(policy)
    for purpose in dict.fromkeys(name for tag in chosen for name in tag.purposes):
        own = tuple(tag for tag in chosen if purpose in tag.purposes)
        offers[purpose] = Offer(
            purpose=purpose,
            tags=own,
            when=max((times[tag.id] for tag in own), key=WHEN.index),
            agreed=agreed(policy, law, area, on, purpose, own, (epochs or {}).get(purpose, 0), visits),
            signal=honours_signal(policy) and any(tag.gpc == "stops" for tag in own),
        )
    whole = digest(sorted((name, offer.print) for name, offer in offers.items()))
    always = tuple(tag for tag in tags if _always(policy, tag))
    return Offered(area, always, Frozen(offers), Frozen(times), whole)


def honours_signal(policy: CompiledPolicy) -> bool:
    """Say whether the browser's signal GPC is acted on: it is promised, and some tag reacts where there are any.

    Clause: cookies.gpc
    """
    own = policy.cookies
    return own is not None and own.gpc == "honoured" and not (own.tags and all(t.gpc == "runs" for t in own.tags.values()))


def holds(visitor: Visitor | None, now: datetime) -> bool:
    """Say whether a browser's choices are still young enough to count."""
    return visitor is not None and now < visitor.at + VALID


def judge(whole: Offered, browser: Browser) -> Judged:
    """Say how everything stands for a browser: a later choice beats the signal, the signal beats an earlier grant.

    A grant counts for what was agreed and no more; a refusal stands until the visitor says otherwise.
    Clause: cookies.gpc (ePrivacy 5(3), GDPR 7(3), 21)
    """
    states = {name: _state(offer, browser) for name, offer in whole.offers.items()}
    chosen = {tag.id: tag for offer in whole.offers.values() for tag in offer.tags}
    running = [tag.id for tag in whole.always]
    running += [tag.id for tag in chosen.values() if _runs(whole, tag, browser)]
    open_ = tuple(name for name, state in states.items() if state != OBJECTED and _unanswered(whole, name, browser))
    again = tuple(name for name in open_ if name in browser.choices)
    return Judged(Frozen(states), tuple(running), open_, again)


def _unanswered(whole: Offered, purpose: str, browser: Browser) -> bool:
    choice = browser.choices.get(purpose)
    return choice is None or choice.print != whole.offers[purpose].print


def _state(offer: Offer, browser: Browser, *, heeds: bool = True) -> str:
    choice = browser.choices.get(offer.purpose)
    valid = choice is not None and choice.state == GRANTED and choice.print == offer.print
    if browser.signal and offer.signal and heeds and not (valid and choice is not None and choice.signal):
        return REFUSED if choice is not None and choice.state == REFUSED else OBJECTED
    if choice is not None and choice.state == REFUSED:
        return REFUSED
    return GRANTED if valid else NONE


def _runs(whole: Offered, tag: Tag, browser: Browser) -> bool:
    """Let a tag run when every purpose it serves stands; without a choice, only where the law asks for none."""
    ready = whole.when[tag.id] != CONSENT
    states = {_state(whole.offers[name], browser, heeds=tag.gpc == "stops") for name in tag.purposes}
    return (states <= {GRANTED, NONE}) and (ready or states == {GRANTED})


def decided(whole: Offered, action: str, wanted: Mapping[str, bool], browser: Browser, signal: bool) -> dict[str, Choice]:
    """Give what each purpose is from a choice on; purposes that were not spoken of stay as they are.

    `wanted` names purposes of `whole` only. Withdrawing turns grants into refusals.
    """
    before = {name: choice for name, choice in browser.choices.items() if name in whole.offers}
    if action in {"accept_all", "reject_all"}:
        wanted = dict.fromkeys(whole.offers, action == "accept_all")
    elif action == "withdraw":
        names = [name for name in wanted or before if name in before and before[name].state == GRANTED]
        wanted = dict.fromkeys(names, False)
    said = {
        name: Choice(GRANTED if yes else REFUSED, whole.offers[name].print, signal) for name, yes in wanted.items()
    }
    return {**before, **said}


def sources(tags: Iterable[Tag], running: Iterable[str]) -> tuple[str, ...]:
    """Give the hosts a page may load from: those of the tags that run, each once.

    Clause: cookies.tags (Telecommunications Business Act 27-12)
    """
    alive = set(running)
    return tuple(dict.fromkeys(host for tag in tags if tag.id in alive for host in tag.hosts))


REPORTS = "/consent/csp-reports"
"""Where browsers say what a page's header stopped. The older directive, for every browser knows it and no delay is in it."""

_WITH_HOSTS = ("script-src", "img-src", "frame-src", "connect-src")
BASE: Mapping[str, str] = Frozen(
    {
        "default-src": "'none'",
        "script-src": "'self'",
        "style-src": "'self'",
        "img-src": "'self'",
        "font-src": "'self'",
        "connect-src": "'self'",
        "frame-src": "'self'",
        "form-action": "'self'",
        "base-uri": "'none'",
        "object-src": "'none'",
        "frame-ancestors": "'self'",
        "report-uri": REPORTS,
    }
)
"""What a page of the company's own may do before any tag; a site widens it with its own sources."""


def content_policy(hosts: Iterable[str], base: Mapping[str, str] = BASE) -> str:
    """Write a Content-Security-Policy in which scripts, pictures, frames and calls reach these hosts beside the base."""
    allowed = " ".join(hosts)
    parts = {name: base.get(name, "'self'") for name in dict.fromkeys((*base, *_WITH_HOSTS))}
    return "; ".join(
        f"{name} {own} {allowed}".rstrip() if name in _WITH_HOSTS and allowed else f"{name} {own}"
        for name, own in parts.items()
    )


_HOST = re.compile(r"(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\.)+[a-z0-9-]{2,63}")
_MOST_HOSTS = 20


def reported(told: Any, own: str) -> tuple[str, ...]:
    """Give the hosts that a browser's report names, each once; of an address nothing but the host is looked at.

    Both shapes are read: one report under `csp-report`, or a list of them with a `body`. What has no host (inline code,
    `data:`), our own host and whatever is no name of a host stays out.
    """
    many = told if isinstance(told, list) else [told]
    bodies = [one.get("csp-report", one.get("body")) for one in many[:_MOST_HOSTS] if isinstance(one, dict)]
    found = [str(body.get("blocked-uri") or body.get("blockedURL") or "") for body in bodies if isinstance(body, dict)]
    hosts = dict.fromkeys(_host(address) for address in found)
    return tuple(host for host in hosts if host != own and _HOST.fullmatch(host) and len(host) <= 253)


def _host(address: str) -> str:
    try:
        parts = urlsplit(address)
    except ValueError:
        return ""
    return (parts.hostname or "") if parts.scheme in {"https", "http", "wss", "ws"} else ""


def undeclared(policy: CompiledPolicy, hosts: Iterable[str]) -> tuple[str, ...]:
    """Give those hosts that no tag of the policy declares.

    Clause: cookies.tags (Telecommunications Business Act 27-12)
    """
    tags = policy.cookies.tags.values() if policy.cookies else ()
    known = [name for tag in tags for name in tag.hosts]
    return tuple(host for host in hosts if not any(declares(name, host) for name in known))


def matching(tags: Iterable[Tag], names: Iterable[str]) -> tuple[str, ...]:
    """Give those cookie names that belong to these tags by the policy's patterns (`_ga*`)."""
    patterns = [pattern for tag in tags for pattern in tag.cookies]
    return tuple(name for name in dict.fromkeys(names) if any(fnmatch.fnmatchcase(name, one) for one in patterns))


def ended(whole: Offered, before: Judged, after: Judged) -> tuple[Tag, ...]:
    """Give the tags that may no longer run."""
    gone = set(before.running) - set(after.running)
    found = {tag.id: tag for offer in whole.offers.values() for tag in offer.tags if tag.id in gone}
    return tuple(found.values())


def may_measure(policy: CompiledPolicy, judged: Judged) -> bool:
    """Say whether a page view may be kept: every purpose that visits are taken for was allowed and stands.

    Clause: cookies.categories (ePrivacy 5(3))
    """
    situation = browsing(policy)
    return situation is not None and all(judged.states.get(name) == GRANTED for name in situation.purpose_ids)
