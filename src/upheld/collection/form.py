"""The form of a situation: entries from declared fields, what was entered, and what is wrong with it, as values."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, TypeAlias

from upheld.collection.model import Fault as Wrong
from upheld.collection.model import Submission
from upheld.collection.tell import in_lang
from upheld.notice import Sheet
from upheld.policy.law import Law, country_name
from upheld.policy.model import CompiledPolicy, Field
from upheld.web.forms import Entry, Fault, Form, Option, entry_for
from upheld.web.words import words

COUNTRY, SUBTYPE, CONSENT, NOTICE, KEY, SWITCH = "_country", "_subtype", "_consent", "_notice", "_key", "_lang"
TRAP = "_website"
"""An entry that people neither see nor reach; whoever fills it in is a program."""
ROWS = 3
"""Empty rows offered for an itemised field."""

@dataclass(frozen=True, slots=True)
class Row:
    """The entries of one row of an itemised field."""

    id: str
    field: str
    label: str
    number: int
    entries: tuple[Entry, ...]


Part: TypeAlias = Entry | Row
_ITEM = re.compile(r"([a-z][a-z0-9_]*)\.(\d{1,2})\.([a-z][a-z0-9_]*)")


def submission(form: Form, lang: str) -> Submission:
    """Read a posted form; members that begin with an underscore are the form's own, all others are fields."""
    fields: dict[str, Any] = {}
    rows: dict[str, dict[int, dict[str, str]]] = {}
    for name in dict.fromkeys(key for key, _ in form.members):
        item = _ITEM.fullmatch(name)
        if item:
            if value := form.one(name):
                rows.setdefault(item[1], {}).setdefault(int(item[2]), {})[item[3]] = value
        elif not name.startswith("_"):
            fields[name] = form.one(name)
    for name, found in rows.items():
        fields[name] = [found[place] for place in sorted(found)]
    return Submission(
        fields=fields,
        country=form.one(COUNTRY),
        subtype=form.one(SUBTYPE),
        consents=form.many(CONSENT),
        lang=lang,
    )


def entries(
    policy: CompiledPolicy, law: Law, sheet: Sheet, lang: str, handed: Submission, wrong: Sequence[Wrong]
) -> list[Part]:
    """Give the entries in the order of the form: residence, kind of situation, then the declared fields."""
    faults = {fault.field: fault for fault in reversed(wrong)}
    made: list[Part] = [_country(policy, law, lang, handed)]
    if sheet.situation.subtypes:
        made.append(_subtype(sheet, lang, handed))
    for name in sheet.situation.fields:
        field, required = policy.fields[name], name in sheet.situation.required
        if field.kind == "itemised":
            made.extend(_items(field, lang, handed.fields.get(name)))
        else:
            value = handed.fields.get(name, "")
            made.append(entry_for(field, lang, required=required, value=value if isinstance(value, str) else ""))
    return [_marked(entry, faults, lang) if isinstance(entry, Entry) else entry for entry in made]


def _marked(entry: Entry, faults: Mapping[str, Wrong], lang: str) -> Entry:
    fault = faults.get({COUNTRY: "country", SUBTYPE: "subtype"}.get(entry.name, entry.name))
    if fault is None:
        return entry
    return entry.with_error(_said(fault, entry.label, entry.max, lang))


def _said(fault: Wrong, label: str, most: int, lang: str) -> str:
    text = words(lang)["form"].get(fault.said) or words(lang)["form"]["not_accepted"]
    return text.replace("{label}", label).replace("{max}", str(most))


def summary(
    policy: CompiledPolicy, made: Sequence[Part], wrong: Sequence[Wrong], lang: str
) -> tuple[Fault, ...]:
    """Give the lines of the error summary: entries first, then what has no entry of its own."""
    single = [entry for entry in made if isinstance(entry, Entry)]
    lines = [Fault(entry.target, entry.error) for entry in single if entry.error]
    shown = {entry.name for entry in single} | {"country", "subtype"}
    for fault in wrong:
        if fault.field not in shown:
            field = policy.fields.get(fault.field)
            label = in_lang(field.text, lang) if field else ""
            said = words(lang)[f"refusal.{fault.code}"]["about"]
            target = f"f-{fault.field}.0" if field and field.kind == "itemised" else "main"
            lines.append(Fault(target, f"{label}: {said}" if label else said))
    return tuple(dict.fromkeys(lines))


def _country(policy: CompiledPolicy, law: Law, lang: str, handed: Submission) -> Entry:
    """Ask where the person lives; nothing else decides it.

    Clause: policy.law (GDPR 3)
    """
    said = words(lang)["form"]
    options = tuple(Option(code, name) for code, name in _countries(law, lang, policy.controller.country))
    return Entry(
        name=COUNTRY,
        label=said["country"],
        kind="select",
        picked=(handed.country,),
        options=options,
        hint=said["country_hint"],
        autocomplete="country",
    )


@lru_cache(maxsize=32)
def _names(codes: tuple[str, ...], lang: str) -> tuple[tuple[str, str], ...]:
    named = [(code, _name(code, lang)) for code in codes]
    return tuple(sorted(named, key=lambda pair: pair[1]))


def _name(code: str, lang: str) -> str:
    try:
        return country_name(code, lang)
    except LookupError:
        return code


def _countries(law: Law, lang: str, first: str) -> list[tuple[str, str]]:
    """List all countries by name, the controller's own on top."""
    named = _names(tuple(law.countries), lang)
    return sorted(named, key=lambda pair: pair[0] != first)


def _subtype(sheet: Sheet, lang: str, handed: Submission) -> Entry:
    options = tuple(Option(name, in_lang(text, lang)) for name, text in sheet.situation.subtypes.items())
    label = words(lang, "collection")["form"]["subtype"]
    return Entry(name=SUBTYPE, label=label, kind="select", picked=(handed.subtype,), options=options)


def _items(field: Field, lang: str, value: Any) -> list[Row]:
    """Give rows of entries for an itemised field, one entry a listed item."""
    rows = [row for row in value if isinstance(row, dict)] if isinstance(value, list) else []
    label = in_lang(field.text, lang)
    return [
        Row(
            id=f"f-{field.id}.{place}",
            field=field.id if place == 0 else "",
            label=label,
            number=place + 1,
            entries=_cells(field, lang, place, rows[place] if place < len(rows) else {}),
        )
        for place in range(max(ROWS, len(rows)))
    ]


def _cells(field: Field, lang: str, place: int, row: Mapping[str, Any]) -> tuple[Entry, ...]:
    said = words(lang, "collection")["item"]
    return tuple(
        Entry(
            name=f"{field.id}.{place}.{item}",
            label=said.get(item, item.replace("_", " ")),
            value=str(row.get(item, "")),
            max=field.max,
            attrs={"data-item": item},
        )
        for item in field.items
    )


def without(handed: Submission, purposes: Sequence[str]) -> Submission:
    """Give what was entered with the ticks of some purposes cleared."""
    return replace(handed, consents=tuple(name for name in handed.consents if name not in purposes))
