"""Page: the whole policy in one language, section by section in the order of the folder.

What is printed is what the compiled policy holds; nothing of the evidence is, so no draft and no accepted finding.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from typing import Any

from upheld.policy.keys import UNPROMISED
from upheld.policy.law import Law
from upheld.policy.model import CompiledPolicy, Tag
from upheld.policy.period import Period
from upheld.policy.render import asking, collection, handling, keeping, receiving, summary
from upheld.policy.render.ink import Ink, cell, line, mark
from upheld.policy.render.view import (
    Block,
    Cell,
    Fact,
    Facts,
    Item,
    Items,
    PageView,
    Part,
    Row,
    Section,
    Table,
)


def page(policy: CompiledPolicy, lang: str, law: Law, on: date) -> PageView:
    """Give everything the page prints in a language of the policy on a day (tax rates and law are dated).

    Raises KeyError for a language the policy does not speak.
    Clause: notice (APPI 21(1), 32(1), GDPR 12(1), 13)
    """
    ink = _ink(policy, lang, law, on)
    return PageView(
        id=policy.id,
        lang=lang,
        languages=policy.languages,
        version=policy.version,
        promise_hash=policy.promise_hash,
        title=ink.text(policy.title),
        controller=ink.text(policy.controller.name),
        cards=summary.cards(ink),
        sections=tuple(_section(ink, name, number) for number, name in enumerate(printed(policy), 1)),
    )


def situation(policy: CompiledPolicy, lang: str, law: Law, on: date, name: str) -> tuple[Block, ...]:
    """Give all that concerns one situation: its row, the bases of its purposes, the services behind them.

    Raises KeyError for an unknown one.
    Clause: collection (GDPR 13(1), APPI 21(2))
    """
    ink = _ink(policy, lang, law, on)
    wanted = policy.situations[name].purpose_ids
    bases = (handling.purposes(ink, wanted),) if ink.asking else ()
    behind = any(set(service.purposes) & set(wanted) for service in policy.services.values())
    return (
        collection.situations(ink, only=name),
        *bases,
        *(receiving.services(ink, wanted) if behind else ()),
    )


def part(policy: CompiledPolicy, lang: str, law: Law, on: date, name: str) -> Section:
    """Give one section alone; raises KeyError for one the page does not print."""
    names = printed(policy)
    if name not in names:
        raise KeyError(name)
    return _section(_ink(policy, lang, law, on), name, names.index(name) + 1)


def printed(policy: CompiledPolicy) -> tuple[str, ...]:
    """Name the sections that the page prints, in their order."""
    return tuple(name for name in policy.sections if name not in UNPROMISED)


def _ink(policy: CompiledPolicy, lang: str, law: Law, on: date) -> Ink:
    if lang not in policy.languages:
        raise KeyError(lang)
    return Ink(policy, lang, law, on)


def _section(ink: Ink, name: str, number: int) -> Section:
    make = _BLOCKS.get(name, _nothing)
    return Section(name, number, ink.words.say("section", name), ink.section_text(name), make(ink))


def _nothing(_: Ink) -> tuple[Block, ...]:
    return ()


def _policy(ink: Ink) -> tuple[Block, ...]:
    """Say whom which law protects.

    Clause: policy.law
    """
    facts = tuple(
        Fact(ink.words.regime(name), (line(_reach(ink, reach)),)) for name, reach in ink.policy.reach.items()
    )
    return (Facts(ink.words.say("reach", "caption"), facts, "policy.law"),)


def _reach(ink: Ink, reach: Any) -> str:
    if not isinstance(reach, Mapping):
        return ink.words.say("reach", "everyone")
    said = []
    if "area" in reach:
        said.append(
            ink.words.say("reach", "area", areas=ink.words.comma(map(ink.words.place, reach["area"])))
        )
    if "age_below" in reach:
        said.append(ink.words.say("reach", "age_below", age=str(reach["age_below"])))
    return ink.words.comma(said) or ink.words.say("reach", "everyone")


def _cookies(ink: Ink) -> tuple[Block, ...]:
    """Give categories and tags.

    Clause: cookies (ePrivacy 5(3), Telecommunications Business Act 27-12)
    """
    own = ink.policy.cookies
    if own is None:
        return ()
    say = ink.words.say
    kinds = tuple(
        Item(
            ink.prose(item.get("text")),
            f"cookies.categories.{name}",
            None,
            "",
            (say("cookies", "always" if item.get("always") else "choice"),),
        )
        for name, item in own.categories.items()
    )
    gpc = Facts("", (Fact(say("cookies", "gpc"), (line(say("cookies", own.gpc)),), "cookies.gpc"),))
    heads = tuple(say("cookies", key) for key in ("tag", "sends", "recipient", "ours", "theirs", "when"))
    tags = Table(
        say("cookies", "caption"), heads, tuple(_tag(ink, tag) for tag in own.tags.values()), "cookies.tags"
    )
    return (
        Items(say("cookies", "categories"), kinds, "cookies.categories"),
        gpc,
        *((tags,) if own.tags else ()),
    )


def _tag(ink: Ink, tag: Tag) -> Row:
    say = ink.words.say
    title = line(
        ink.words.comma(tag.hosts),
        notes=(say("cookies", "cookies", names=ink.words.comma(tag.cookies)),) if tag.cookies else (),
    )
    sends = ink.text(tag.content) or ink.field_names(tag.sends)
    lifetime = (
        (say("cookies", "lifetime", period=ink.words.period(tag.lifetime)),)
        if isinstance(tag.lifetime, Period)
        else ()
    )
    stops = (say("cookies", "stops"),) if tag.gpc == "stops" else ()
    fires = tuple(
        Part(line(say("cookies", tag.fires.get(name, "after_consent"))).runs, badge=ink.words.regime(name))
        for name in ink.regimes
    )
    when = Cell((*fires, *(line(text) for text in (*lifetime, *stops))))
    cells = (
        Cell((title,)),
        cell(sends),
        cell(_recipient(ink, tag.recipient)),
        receiving.purpose_cell(ink, tag.purposes),
        cell(ink.text(tag.their_purpose)),
        when,
    )
    return Row(cells, f"cookies.{tag.id}", mark("tag", tag.id))


def _recipient(ink: Ink, name: str) -> str:
    service = ink.policy.services.get(name)
    if service:
        return receiving.operator(ink, service)
    found = ink.policy.recipients.get(name)
    return ink.text(found.name or found.text) if found else name


def _statements(ink: Ink) -> tuple[Block, ...]:
    items = tuple(Item(ink.prose(text), f"statements.{name}") for name, text in ink.policy.statements.items())
    return (Items("", items),)


_BLOCKS: Mapping[str, Callable[[Ink], tuple[Block, ...]]] = {
    "policy": _policy,
    "collection": collection.blocks,
    "basis": handling.basis,
    "security": handling.security,
    "country": receiving.country,
    "services": receiving.services,
    "recipients": receiving.recipients,
    "retention": keeping.blocks,
    "rights": asking.rights,
    "contact": asking.contact,
    "amendment": asking.amendment,
    "transfers": receiving.transfers,
    "cookies": _cookies,
    "statements": _statements,
}
