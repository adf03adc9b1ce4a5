"""What allows the handling, how data are kept safe, and who handles them: bases, measures, countries, services, recipients."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from upheld.policy.decide import asks_basis
from upheld.policy.law.adequacy import SAME_AREA, adequate
from upheld.policy.model import LegalBasis, Measure, Purpose, PurposeBasis, Recipient, Service, Text
from upheld.policy.period import Period
from upheld.policy.render.ink import Ink, cell, line, mark
from upheld.policy.render.view import Block, Cell, Fact, Facts, Item, Items, Part, Prose, Row, Run, Table

_AREAS = {"eea": "EEA", "uk": "GB"}


def basis(ink: Ink) -> tuple[Block, ...]:
    """Give the bases with their interests, and the purposes with the basis of each regime."""
    return (_bases(ink), purposes(ink))


def _bases(ink: Ink) -> Items:
    """Clause: basis.bases (GDPR 13(1)(c), 13(1)(d))."""
    return Items(
        ink.words.say("basis", "caption"),
        tuple(_one_basis(ink, item) for item in ink.policy.bases.values()),
        "basis.bases",
    )


def _one_basis(ink: Ink, item: LegalBasis) -> Item:
    interests = tuple(
        Item(ink.prose(text), f"basis.{item.id}.{name}", mark("interest", name))
        for name, text in item.interests.items()
    )
    notes = [ink.words.cite("eea", item.gdpr)] if item.gdpr and set(ink.regimes) & set(_AREAS) else []
    return Item(ink.prose(item.text), f"basis.{item.id}", mark("basis", item.id), "", tuple(notes), interests)


def purposes(ink: Ink, only: tuple[str, ...] | None = None) -> Table:
    """Give one row for each purpose, or for some: its sentence and, for each regime, the basis it rests on.

    Clause: basis.purposes (GDPR 6(1), 13(1)(c))
    """
    say = ink.words.say
    chosen = [item for item in ink.policy.purposes.values() if only is None or item.id in only]
    columns = _columns(ink, chosen)
    heads = (
        say("basis", "purpose"),
        *(ink.words.comma(map(ink.words.regime, names)) for names, _ in columns),
    )
    rows = tuple(
        Row(
            (Cell((_purpose(ink, item),)), *(column[place] for _, column in columns)),
            f"basis.purposes.{item.id}",
        )
        for place, item in enumerate(chosen)
    )
    return Table(say("basis", "purposes"), heads, rows, "basis.purposes")


def _columns(ink: Ink, chosen: list[Purpose]) -> list[tuple[tuple[str, ...], tuple[Cell, ...]]]:
    """Give a column of bases for each regime; regimes that say the same of every purpose share one."""
    found: dict[tuple[Cell, ...], tuple[str, ...]] = {}
    for regime in ink.asking:
        column = tuple(Cell(_bases_in(ink, item.id, regime)) for item in chosen)
        found[column] = (*found.get(column, ()), regime)
    return [(names, column) for column, names in found.items()]


def _purpose(ink: Ink, purpose: Purpose) -> Part:
    say = ink.words.say
    notes: list[str] = []
    if purpose.outside:
        names = (item.service for item in ink.policy.services.values() if purpose.id in item.purposes)
        notes.append(say("basis", "services", names=ink.words.comma(names)))
    if purpose.output == "aggregate":
        plain = say("collection", "totals_plain")
        notes.append(say("collection", "totals", n=str(purpose.min_cell)) if purpose.min_cell else plain)
    if purpose.output == "pseudonymised":
        notes.append(say("collection", "pseudonymised"))
    badge = ink.purpose_label(purpose.id)
    return Part(ink.runs(purpose.text), None, f"collection.purposes.{purpose.id}", badge, tuple(notes))


def _bases_in(ink: Ink, purpose: str, regime: str) -> tuple[Part, ...]:
    """Name the basis of a purpose in a regime, the cases in which another holds, and what GDPR 13 adds."""
    say, found = ink.words.say, ink.policy.purpose_bases.get(purpose)
    if found is None or regime not in found.bases:
        asked = asks_basis(ink.policy, ink.law, regime, ink.on)
        return (line(say("kit", "dash") if asked else say("basis", "none")),)
    name = found.bases[regime]
    notes = [*_cases(ink, found, regime), *_grounds(ink, found, regime)]
    run = Run(ink.basis_name(name), f"#basis.{name}" if name in ink.policy.bases else "")
    return (Part((run,), notes=tuple(notes)),)


def _cases(ink: Ink, found: PurposeBasis, regime: str) -> list[str]:
    notes = []
    for case in found.when:
        if regime not in case.bases:
            continue
        other = ink.basis_name(case.bases[regime])
        if case.situation:
            text = ink.text(ink.policy.situations[case.situation].text)
            notes.append(ink.words.say("basis", "case_situation", case=text, basis=other))
        else:
            kind = kind_name(ink, case.standing or "")
            notes.append(ink.words.say("basis", "case_standing", case=kind, basis=other))
    return notes


def _grounds(ink: Ink, found: PurposeBasis, regime: str) -> list[str]:
    notes = []
    basis_of = ink.policy.bases.get(found.bases[regime])
    if found.interest and basis_of and found.interest in basis_of.interests:
        notes.append(ink.words.say("basis", "interest", text=ink.text(basis_of.interests[found.interest])))
    if found.statute and basis_of and basis_of.proof == "statute":
        statute = ink.law.statute(found.statute)
        title = ink.text(found.statute_text) or (statute.title_in(ink.lang) if statute else found.statute)
        notes.append(ink.words.say("basis", "statute", text=title))
    if regime in found.special:
        notes.append(ink.words.say("basis", "special", ground=ink.words.cite(regime, found.special[regime])))
    return notes


def kind_name(ink: Ink, kind: str) -> str:
    """Name a kind of person: the policy's words, else the kit's."""
    found = ink.policy.retention.kinds.get(kind)
    return ink.text(found.text) if found and found.text else ink.words.say("kind", kind)


def security(ink: Ink) -> tuple[Block, ...]:
    """Give the measures.

    Clause: security.measures (APPI 23, 32(1), GDPR 32)
    """
    return (
        Items(
            ink.words.say("security", "caption"),
            tuple(_measure(ink, item) for item in ink.policy.measures.values()),
            "security.measures",
        ),
    )


def _measure(ink: Ink, item: Measure) -> Item:
    say, at = ink.words.say, f"security.{item.id}"
    parts: list[Item] = []
    if item.responsible_role:
        parts.append(
            _said(
                say("security", "responsible", role=ink.text(item.responsible_role)),
                f"{at}.responsible_person",
            )
        )
    if item.rules_accepted:
        parts.append(_said(say("security", "rules"), f"{at}.rules"))
    every = (item.training or {}).get("every")
    if isinstance(every, Period):
        parts.append(_said(say("security", "training", period=ink.words.period(every)), f"{at}.training"))
    review = (item.access or {}).get("review_every")
    if isinstance(review, Period):
        parts.append(_said(say("security", "access", period=ink.words.period(review)), f"{at}.access"))
    notes = (
        (say("security", "countries", names=ink.words.countries(item.countries)),) if item.countries else ()
    )
    return Item(ink.prose(item.text), at, mark("measure", item.id), "", notes, tuple(parts))


def _said(text: str, clause: str) -> Item:
    return Item((Prose("p", ((Run(text),),)),), clause)


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
    used = ink.purpose_links(item.purposes) or (line(ink.words.say("services", "every")),)
    cells = [Cell((name,)), Cell((by, link) if link else (by,)), Cell(stored), Cell(used)]
    if guarded:
        cells.append(Cell(safeguards(ink, item)))
    return Row(tuple(cells), f"services.{item.id}", mark("service", item.id))


def operator(ink: Ink, item: Service) -> str:
    """Name who runs a service; our own name where we do."""
    if item.operator != "self":
        return item.operator
    return ink.words.say("services", "self", name=ink.text(ink.policy.controller.name))


def safeguards(ink: Ink, item: Service) -> tuple[Part, ...]:
    """Say for each regime what protects data in each country the service reaches.

    Clause: services.transfer (APPI 28(1), GDPR 13(1)(f), 44)
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
        Cell(ink.purpose_links(item.purposes)), cell(*grounds),
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
