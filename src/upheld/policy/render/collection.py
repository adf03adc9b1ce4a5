"""The table of situations: which details are taken in each, and what for. What stands here is what is stated."""

from __future__ import annotations

from upheld.policy.model import Field, Situation, Stated
from upheld.policy.render import keeping
from upheld.policy.render.ink import Ink, cell, mark
from upheld.policy.render.view import Block, Cell, Fact, Facts, Item, Items, Part, Row, Run, Table


def blocks(ink: Ink) -> tuple[Block, ...]:
    """Give the tables of the section."""
    found: list[Block] = [situations(ink), fields(ink)]
    if ink.policy.never:
        promises = tuple(
            Item(ink.prose(item.text), f"collection.never.{item.id}") for item in ink.policy.never
        )
        found.append(Items(ink.words.say("collection", "never"), promises, "collection.never"))
    return tuple(found)


def situations(ink: Ink, only: str | None = None) -> Table:
    """Give one row for each situation, or for one.

    Clause: collection (APPI 17(1), GDPR 13(1)(c))
    """
    say = ink.words.say
    heads = tuple(say("collection", key) for key in ("situation", "fields", "purposes", "more"))
    rows = [_row(ink, item) for item in ink.policy.situations.values() if only in (None, item.id)]
    return Table(say("collection", "caption"), heads, tuple(rows), "collection.situations")


def _row(ink: Ink, situation: Situation) -> Row:
    number = list(ink.policy.situations).index(situation.id) + 1
    title = Part(ink.runs(situation.text), badge=str(number), href=f"situations/{situation.id}")
    given = tuple(_field(ink, situation, name) for name in situation.fields if name in ink.policy.fields)
    wanted = tuple(
        _purpose(ink, situation, stated)
        for stated in situation.purposes
        if stated.purpose in ink.policy.purposes
    )
    cells = (Cell((title,)), Cell(given), Cell(wanted), cell(*_more(ink, situation)))
    return Row(cells, f"collection.{situation.id}", mark("situation", situation.id))


def _field(ink: Ink, situation: Situation, name: str) -> Part:
    badge = ink.words.say("kit", "required") if name in situation.required else ""
    notes = (ink.words.say("collection", "sensitive"),) if ink.policy.fields[name].special else ()
    return Part(
        ink.runs(ink.policy.fields[name].text),
        mark("field", name),
        f"collection.{situation.id}.{name}",
        badge,
        notes,
    )


def _purpose(ink: Ink, situation: Situation, stated: Stated) -> Part:
    """Print a purpose; where it may use only some of the situation's details, these are named."""
    say = ink.words.say
    purpose = ink.policy.purposes[stated.purpose]
    uses = None
    notes: list[str] = []
    if purpose.uses is not None:
        allowed = tuple(name for name in situation.fields if name in purpose.uses)
        if len(allowed) < len(situation.fields):
            uses = allowed
            notes.append(say("collection", "uses", fields=ink.field_names(allowed) or say("kit", "none")))
    if stated.act != purpose.act and stated.act in {"on_page", "link"}:
        notes.append(say("collection", stated.act))
    if stated.purpose in situation.obvious:
        notes.append(say("collection", "obvious"))
    return Part(
        ink.runs(purpose.text), mark("purpose", purpose.id), f"collection.{situation.id}.{purpose.id}",
        ink.purpose_label(purpose.id), tuple(notes), f"#collection.purposes.{purpose.id}", uses,
    )  # fmt: skip


def _more(ink: Ink, situation: Situation) -> list[str]:
    """Say what else a person should know of a situation: who else is there, what happens without the details."""
    say = ink.words.say
    notes: list[str] = []
    if situation.subtypes:
        notes.append(
            say("collection", "subtypes", types=ink.words.comma(map(ink.text, situation.subtypes.values())))
        )
    if situation.held_with:
        notes.append(say("collection", "held_with", who=ink.text(situation.held_with)))
    if situation.recipients:
        who = (
            ink.text(ink.policy.recipients[name].text)
            for name in situation.recipients
            if name in ink.policy.recipients
        )
        notes.append(say("collection", "recipients", who=ink.words.comma(who)))
    elif situation.recipients is not None:
        notes.append(say("collection", "no_recipients"))
    if situation.source_category:
        notes.append(say("collection", "source", who=ink.text(situation.source_category)))
    notes += keeping.kept(ink, situation)
    notes.append(ink.text(situation.if_not_given))
    return notes


def fields(ink: Ink) -> Facts:
    """List every detail once, with the situations (by number) that take it."""
    facts = []
    for item in ink.policy.fields.values():
        found = ink.situation_numbers(s.id for s in ink.policy.situations.values() if item.id in s.fields)
        where = Part(found or (Run(ink.words.say("kit", "none")),), notes=_about(ink, item))
        facts.append(Fact(ink.text(item.text), (where,), f"collection.fields.{item.id}"))
    return Facts(ink.words.say("collection", "all_fields"), tuple(facts), "collection.fields")


def _about(ink: Ink, item: Field) -> tuple[str, ...]:
    notes = []
    if item.special:
        notes.append(ink.words.say("collection", "sensitive"))
    if item.screen:
        notes.append(ink.words.say("collection", "screened"))
    return tuple(notes)
