"""What people may ask for and where to write: rights, identity, fee, clocks, complaints, contact, amendment."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from upheld.policy.law.authorities import authorities, ours_first
from upheld.policy.law.procedure import CLASSES
from upheld.policy.model import Right
from upheld.policy.period import Period
from upheld.policy.render.ink import Ink, cell, line, mark
from upheld.policy.render.view import Block, Cell, Fact, Facts, Item, Items, Part, Row, Run, Table

_ONE_AUTHORITY = {"jp": "JP", "uk": "GB"}


def rights(ink: Ink) -> tuple[Block, ...]:
    """Give the rights with the citation of each regime, and everything that asking takes.

    Clause: rights (APPI 32(1)(iii), GDPR 13(2)(b))
    """
    found: list[Block] = [_kinds(ink)]
    if ink.fee_rights:
        found.append(_fee(ink))
    found += [block for block in (_clocks(ink), _identity(ink), _complaints(ink)) if block.items]
    if ink.policy.rights.refusals:
        refusals = tuple(
            Item(ink.prose(text), f"rights.refusals.{name}")
            for name, text in ink.policy.rights.refusals.items()
        )
        found.append(Items(ink.words.say("rights", "refusals"), refusals, "rights.refusals"))
    return tuple(found)


def right_name(ink: Ink, right: str) -> str:
    """Name a right: the policy's words, else the kit's."""
    found = ink.policy.rights.kinds.get(right)
    return ink.text(found.title) if found and found.title else ink.words.say("rights", right)


def say_all(ink: Ink, rights_: Iterable[str]) -> str:
    """Name several rights in one line."""
    return ink.words.say("kit", "semicolon").join(right_name(ink, right) for right in rights_)


def _kinds(ink: Ink) -> Table:
    say = ink.words.say
    given = [
        name for name in ink.regimes if any(name in kind.regimes for kind in ink.policy.rights.kinds.values())
    ]
    heads = (say("rights", "right"), *(ink.words.regime(name) for name in given))
    rows = []
    for kind in ink.policy.rights.kinds.values():
        cells = (Cell((_title(ink, kind),)), *(_offered(ink, kind, regime) for regime in given))
        rows.append(Row(cells, f"rights.{kind.id}", mark("right", kind.id)))
    return Table(say("rights", "caption"), heads, tuple(rows), "rights.kinds")


def _title(ink: Ink, kind: Right) -> Part:
    notes = []
    if kind.id == "objection" and kind.marketing == "at_once":
        notes.append(ink.words.say("rights", "marketing"))
    if kind.direct:
        notes.append(ink.words.say("rights", "direct"))
    return line(right_name(ink, kind.id), notes=tuple(notes))


def _offered(ink: Ink, kind: Right, regime: str) -> Cell:
    citation = kind.regimes.get(regime)
    if citation is None:
        return cell(ink.words.say("rights", "not_there"))
    notes: tuple[str, ...] = ()
    if kind.id in ink.fees and regime == (ink.policy.rights.fee or {}).get("regime"):
        notes = (ink.words.say("rights", "fee", total=ink.fee_total()),)
    return Cell((line(ink.words.cite(regime, citation), notes=notes),))


def _fee(ink: Ink) -> Facts:
    """Say what a request costs: the total people pay, and the amount before tax.

    Clause: rights.fee (APPI 32(1)(iii), 38)
    """
    total, net = ink.fee_amounts()
    regime = ink.words.regime((ink.policy.rights.fee or {}).get("regime", ""))
    names = say_all(ink, ink.fee_rights)
    notes = (net, ink.words.say("rights", "fee_for", rights=names, regime=regime))
    fact = Fact(ink.words.say("rights", "fee_caption"), (line(total, notes=notes),), "rights.fee")
    return Facts("", (fact,))


def _clocks(ink: Ink) -> Facts:
    """Say by when each regime asks for an answer, or the shorter time that the company promises.

    Clause: rights.clocks (GDPR 12(3), APPI 33(2))
    """
    facts = []
    for regime in ink.regimes:
        rule = next(
            (
                rule
                for rule in ink.law.rule(ink.policy.packs, "request.target", ink.on)
                if rule.regime == regime
            ),
            None,
        )
        own = ink.policy.rights.clocks.get(regime, {})
        period = (
            own.get("target")
            or own.get("period")
            or Period.parse((rule.text("period") if rule else None) or "")
        )
        if period is None:
            continue
        months = rule.number("extension_months") if rule else None
        longer = own.get("extension") or (Period(months, "M") if months else None)
        if longer:
            text = ink.words.say(
                "rights", "extended", period=ink.words.period(period), extension=ink.words.period(longer)
            )
        else:
            text = ink.words.say("rights", "target", period=ink.words.period(period))
        facts.append(Fact(ink.words.regime(regime), (line(text),)))
    return Facts(ink.words.say("rights", "clocks"), tuple(facts), "rights.clocks")


def _identity(ink: Ink) -> Facts:
    """Say what proof each right takes: no more than the risk needs.

    Clause: rights.identity (APPI 37(4), GDPR 12(6))
    """
    say, own = ink.words.say, ink.policy.rights
    facts = [
        Fact(say("rights", level), tuple(line(right_name(ink, right)) for right in kinds))
        for level, kinds in own.levels.items()
        if kinds
    ]
    for level, cases in own.raise_to.items():
        said = tuple(line(say("rights", case)) for case in cases)
        facts.append(Fact(say("rights", "raise", level=say("rights", level)), said))
    kept = own.material.get("kept")
    if isinstance(kept, Period):
        when = say(
            "period",
            "after",
            period=ink.words.period(kept),
            start=ink.words.start(own.material.get("after", "closing")),
        )
        key = "material_kept" if own.material.get("keep_verdict", True) else "material_kept_no"
        facts.append(Fact(say("rights", "material"), (line(say("rights", key, period=when)),)))
    return Facts(say("rights", "identity"), tuple(facts), "rights.identity")


def _complaints(ink: Ink) -> Facts:
    """Say where to complain: to us, and to which authority.

    Clause: rights.complaints (APPI 40, GDPR 13(2)(d), DPA 2018 164A)
    """
    say, own = ink.words.say, ink.policy.rights.complaints
    facts = []
    to_us = own.get("to_us", {})
    if to_us.get("offered", True):
        period = to_us.get("acknowledge")
        known = isinstance(period, Period)
        text = (
            say("rights", "to_us_text", period=ink.words.period(period))
            if known
            else say("rights", "to_us_plain")
        )
        facts.append(Fact(say("rights", "to_us"), (line(text),)))
    listed = own.get("authorities")
    if isinstance(listed, tuple):
        parts = tuple(Part((Run(ink.text(item.get("name")), item.get("url", "")),)) for item in listed)
        facts.append(Fact(say("rights", "authority_plain"), parts))
    else:
        facts += [
            Fact(say("rights", "authority", regime=ink.words.regime(name)), _authority(ink, name))
            for name in ink.regimes
        ]
    return Facts(say("rights", "complaints"), tuple(facts), "rights.complaints")


def _authority(ink: Ink, regime: str) -> tuple[Part, ...]:
    residence = _ONE_AUTHORITY.get(regime)
    if residence is None:
        return (line(ink.words.say("rights", "authority_home")),)
    first = (ink.words.say("rights", "first_us"),) if ours_first(residence) else ()
    return tuple(
        Part((Run(item.name_in(ink.lang, ink.on), item.url),), notes=first) for item in authorities(residence)
    )


def contact(ink: Ink) -> tuple[Block, ...]:
    """Give the contact block: every item as the folder writes it.

    Clause: contact (APPI 32(1)(i)(iv), GDPR 13(1)(a)(b))
    """
    own, controller = ink.policy.contact, ink.policy.controller
    items = [
        ("company", own.company.get(ink.lang, ""), "contact.company"),
        ("representative", controller.representative.get(ink.lang, ""), ""),
        ("address", own.address.get(ink.lang, ""), "contact.address"),
        ("department", own.department.get(ink.lang, ""), "contact.department"),
    ]
    facts = [
        Fact(ink.words.say("controller", key), (Part((Run(value),)),), clause, mark("contact", key))
        for key, value, clause in items
        if value
    ]
    if own.mailbox:
        mail = Part((Run(own.mailbox, f"mailto:{own.mailbox}"),))
        facts.append(
            Fact(
                ink.words.say("controller", "mailbox"), (mail,), "contact.mailbox", mark("contact", "mailbox")
            )
        )
    return (Facts("", tuple(facts)), *_others(ink))


def _others(ink: Ink) -> tuple[Facts, ...]:
    """Name the controller where the contact is another address, its officer, its representatives, joint controllers."""
    say, own, controller = ink.words.say, ink.policy.contact, ink.policy.controller
    facts = []
    if own.company != controller.name or own.address != controller.address:
        lines = (line(ink.text(controller.name), notes=(ink.text(controller.address),)),)
        facts.append(Fact(say("controller", "name"), lines))
    if controller.dpo:
        facts.append(Fact(say("controller", "dpo"), (_person(ink, controller.dpo),), "policy.controller.dpo"))
    for regime, person in controller.representatives.items():
        facts.append(
            Fact(say("controller", "local", regime=ink.words.regime(regime)), (_person(ink, person),))
        )
    joints = ink.policy.values.get("policy", {}).get("joint_controllers", ())
    facts += [
        Fact(say("controller", "joint"), (_joint(ink, one),), f"policy.joint_controllers.{one.get('id', '')}")
        for one in joints
    ]
    return (Facts(say("controller", "caption"), tuple(facts), "policy.controller"),) if facts else ()


def _person(ink: Ink, person: Mapping[str, Any]) -> Part:
    name = person.get("name", "")
    notes = [ink.text(person.get("address")), person.get("mailbox", ""), person.get("phone", "")]
    return line(name if isinstance(name, str) else ink.text(name), notes=tuple(filter(None, notes)))


def _joint(ink: Ink, joint: Mapping[str, Any]) -> Part:
    officer = joint.get("dpo")
    said = [ink.text(joint.get("address")), ink.text(joint.get("essence"))]
    if officer:
        found = _person(ink, officer)
        said.append(ink.words.comma([found.runs[0].text, *found.notes]))
    return line(ink.text(joint.get("name")), notes=tuple(filter(None, said)))


def amendment(ink: Ink) -> tuple[Block, ...]:
    """Give how a change is told and what the law asks for first.

    Clause: amendment (APPI 17(2), 18(1), 21(3), GDPR 13(3))
    """
    say, own = ink.words.say, ink.policy.amendment
    effective = Period.parse(own.effective)
    counts = (
        say("amendment", "effective", period=ink.words.period(effective))
        if effective
        else say("amendment", "on_posting")
    )
    notes = (say("amendment", "held"),) if own.applies_to_held else ()
    facts = [
        Fact(
            say("amendment", "default"),
            (line(say("amendment", f"notice_{own.notice}")), line(counts, notes=notes)),
            "amendment.default",
        )
    ]
    facts += [
        Fact(
            say("amendment", "notice_period", regime=ink.words.regime(regime)),
            (line(ink.words.period(period)),),
        )
        for regime, period in own.notice_period.items()
    ]
    rows = tuple(
        Row(
            (cell(say("amendment", name)), cell(*(ink.steps(name) or (say("amendment", "nothing"),)))),
            f"amendment.{name}",
        )
        for name in CLASSES
    )
    heads = (say("amendment", "change"), say("amendment", "steps"))
    return (Facts("", tuple(facts)), Table(say("amendment", "caption"), heads, rows, "amendment.classes"))
