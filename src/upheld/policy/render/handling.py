"""What allows the handling and how data are kept safe: bases, interests, the basis of each purpose, measures."""

from __future__ import annotations

from upheld.policy.decide import asks_basis
from upheld.policy.model import LegalBasis, Measure, Purpose, PurposeBasis
from upheld.policy.period import Period
from upheld.policy.render.ink import Ink, line, mark
from upheld.policy.render.view import Block, Cell, Item, Items, Part, Prose, Row, Run, Table

_GDPR_REGIMES = frozenset({"eea", "uk"})


def basis(ink: Ink) -> tuple[Block, ...]:
    """Give the bases with their interests, and the purposes with the basis of each regime."""
    return (_bases(ink), purposes(ink))


def _bases(ink: Ink) -> Items:
    """List the bases, each with its closed list of interests.

    Clause: basis (GDPR 13(1)(c), 13(1)(d))
    """
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
    notes = [ink.words.cite("eea", item.gdpr)] if item.gdpr and _GDPR_REGIMES & set(ink.regimes) else []
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

    Clause: security (APPI 23, 32(1), GDPR 32)
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
