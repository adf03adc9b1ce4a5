"""Who handles data and where: services, recipients, countries, and what protects each way abroad."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from upheld.policy.law.adequacy import SAME_AREA, adequate
from upheld.policy.model import Recipient, Service, Text
from upheld.policy.render.ink import Ink, cell, line, mark
from upheld.policy.render.view import Block, Cell, Fact, Facts, Item, Items, Part, Row, Run, Table

_AREAS = {"eea": "EEA", "uk": "GB"}


def country(ink: Ink) -> tuple[Block, ...]:
    """Give the sheet of each foreign country.

    Clause: country (APPI 23, 28(2))
    """
    items = tuple(
        Item(
            ink.prose(sheet.system),
            f"country.{code}",
            None,
            ink.words.country(code),
            (ink.words.say("country", "sheet", number=sheet.sheet),),
        )
        for code, sheet in ink.policy.countries.items()
    )
    return (Items(ink.words.say("country", "caption"), items),)


def services(ink: Ink, purposes: tuple[str, ...] | None = None) -> tuple[Block, ...]:
    """Give one row for each service, or for those that work for some of the purposes.

    Clause: services (APPI 32(1), GDPR 13(1)(e), 13(1)(f))
    """
    say = ink.words.say
    heads = [say("services", key) for key in ("service", "operator", "storage", "purposes")]
    guarded = bool(ink.policy.mechanisms) or "jp" in ink.regimes
    if guarded:
        heads.append(say("services", "protection"))
    chosen = [s for s in ink.policy.services.values() if purposes is None or set(s.purposes) & set(purposes)]
    rows = tuple(_service(ink, item, guarded) for item in chosen)
    return (Table(say("services", "caption"), tuple(heads), rows, "services.services"),)


def _service(ink: Ink, item: Service, guarded: bool) -> Row:
    name = Part((Run(item.service),))
    link = (
        Part((Run(ink.words.say("services", "policy", name=operator(ink, item)), item.policy_url),))
        if item.policy_url
        else None
    )
    reach = [code for code in item.support_access or () if code != item.operator_country]
    support = (ink.words.say("services", "support", names=ink.words.countries(reach)),) if reach else ()
    by = Part((Run(operator(ink, item)),), notes=(ink.words.country(item.operator_country), *support))
    stored = tuple(line(ink.words.country(code), mark=mark("country", code)) for code in item.storage)
    used = purpose_cell(ink, item.purposes)
    cells = [Cell((name,)), Cell((by, link) if link else (by,)), Cell(stored), used]
    if guarded:
        cells.append(Cell(safeguards(ink, item)))
    return Row(tuple(cells), f"services.{item.id}", mark("service", item.id))


def purpose_cell(ink: Ink, purpose_ids: Iterable[str]) -> Cell:
    """Name purposes by their numbers."""
    numbers = ink.purpose_links(purpose_ids)
    return Cell((Part(numbers) if numbers else line(ink.words.say("services", "every")),))


def operator(ink: Ink, item: Service) -> str:
    """Name who runs a service; our own name where we do."""
    if item.operator != "self":
        return item.operator
    return ink.words.say("services", "self", name=ink.text(ink.policy.controller.name))


def safeguards(ink: Ink, item: Service) -> tuple[Part, ...]:
    """Say for each regime what protects data in each country the service reaches.

    Clause: services (APPI 28(1), GDPR 13(1)(f), 44)
    """
    parts = []
    for regime in ink.regimes:
        means = _position(ink, item) if regime == "jp" else _mechanisms(ink, item, regime)
        if means:
            parts.append(Part((Run(means),), badge=ink.words.regime(regime)))
    return tuple(parts)


def _position(ink: Ink, item: Service) -> str:
    """Give the Japanese position: nothing stated means that nothing leaves Japan."""
    return ink.words.say("safeguard", item.transfer.get("jp", "domestic"))


def _mechanisms(ink: Ink, item: Service, regime: str) -> str:
    area = _AREAS.get(regime)
    if area is None:
        return ""
    by_means: dict[str, list[str]] = {}
    for code in item.countries:
        decision = adequate(area, code, ink.on)
        kind = (
            "same_area"
            if decision == SAME_AREA
            else "adequacy"
            if decision
            else item.transfer.get(regime, "")
        )
        if kind:
            by_means.setdefault(kind, []).append(code)
    if set(by_means) <= {"same_area"}:
        return ink.words.say("safeguard", "inside")
    said = (
        ink.words.say(
            "safeguard", "line", country=ink.words.countries(codes), means=ink.words.say("safeguard", kind)
        )
        for kind, codes in by_means.items()
    )
    return ink.words.say("kit", "semicolon").join(said)


def recipients(ink: Ink) -> tuple[Block, ...]:
    """Give one row for each recipient that gets data for ends of its own, or jointly.

    Clause: recipients (APPI 27(1), 27(5)(iii), GDPR 13(1)(e))
    """
    say = ink.words.say
    heads = tuple(say("recipients", key) for key in ("recipient", "role", "what", "purposes", "ground"))
    rows = tuple(_recipient(ink, item) for item in ink.policy.recipients.values())
    return (Table(say("recipients", "caption"), heads, rows, "recipients.recipients"),)


def _recipient(ink: Ink, item: Recipient) -> Row:
    say = ink.words.say
    notes = [ink.text(item.name)] if item.name else []
    notes.append(say("recipients", "countries", names=ink.words.countries(item.country)))
    role = [say("recipients", item.role)]
    if item.range:
        role.append(say("recipients", "range", text=ink.text(item.range)))
    if item.responsible:
        role.append(say("recipients", "responsible", text=_responsible(ink, item.responsible)))
    if item.filing:
        role.append(say("recipients", "filing", number=item.filing))
    given = item.fields if item.fields is not None else _used(ink, item.purposes)
    grounds = [
        say("recipients", "ground_line", regime=ink.words.regime(regime), basis=ink.basis_name(basis_id))
        for regime, basis_id in item.ground.items()
    ]
    cells = (
        Cell((Part(ink.runs(item.text), notes=tuple(notes)),)), cell(*role), cell(ink.field_names(given)),
        purpose_cell(ink, item.purposes), cell(*grounds),
    )  # fmt: skip
    return Row(cells, f"recipients.{item.id}", mark("recipient", item.id))


def _used(ink: Ink, purpose_ids: Iterable[str]) -> tuple[str, ...]:
    """Give the fields that the purposes use somewhere."""
    found: dict[str, None] = {}
    for situation in ink.policy.situations.values():
        for name in purpose_ids:
            if name in situation.purpose_ids:
                uses = ink.policy.purposes[name].uses
                found.update(dict.fromkeys(f for f in situation.fields if uses is None or f in uses))
    return tuple(name for name in ink.policy.fields if name in found)


def _responsible(ink: Ink, part: Mapping[str, Any]) -> str:
    """Name who answers for joint use: name, address, representative."""
    ours: Mapping[str, Text] = {
        key: getattr(ink.policy.controller, key) for key in ("name", "address", "representative")
    }
    texts = (ours[key] if part.get(key) == "same_as_controller" else part.get(key) for key in ours)
    return ink.words.comma(filter(None, (ink.text(text) for text in texts)))


def transfers(ink: Ink) -> tuple[Block, ...]:
    """Give the mechanisms and where to ask.

    Clause: transfers (GDPR 13(1)(f), 46)
    """
    say = ink.words.say
    items = tuple(
        Item(ink.prose(item.text), f"transfers.{item.id}", mark("mechanism", item.id))
        for item in ink.policy.mechanisms.values()
    )
    applies = ink.policy.transfers_apply_to
    who = ink.words.comma(ink.words.regime(name) for name in applies) if applies else say("transfers", "all")
    facts = [Fact(say("transfers", "applies"), (line(who),), "transfers.applies_to")]
    if ink.policy.details_on_request:
        facts.append(
            Fact(
                say("transfers", "details"),
                (line(say("transfers", "details_text")),),
                "transfers.details_on_request",
            )
        )
    return (Items(say("transfers", "caption"), items), Facts("", tuple(facts)))
