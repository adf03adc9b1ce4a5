"""Ink: what every section of the page is written with: the words, the policy's own texts, the numbers on the page."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import Any

from upheld.policy.law import Law, amendment_steps
from upheld.policy.law.fees import Fee, PolicyFee, fee
from upheld.policy.law.procedure import CLASSES
from upheld.policy.model import CompiledPolicy, Text
from upheld.policy.render import prose
from upheld.policy.render.view import Cell, Mark, Part, Prose, Run, Runs
from upheld.policy.render.wording import Wording

_CASES = ("special", "third_party", "position_consent")


@dataclass(frozen=True)
class Ink:
    """One policy, one language, one day."""

    policy: CompiledPolicy
    lang: str
    law: Law
    on: date

    @cached_property
    def words(self) -> Wording:
        """Give the fixed words."""
        return Wording(self.policy, self.lang, self.law, self.on)

    @cached_property
    def regimes(self) -> tuple[str, ...]:
        """Give the regimes of the policy in the order of the folder."""
        return tuple(self.policy.reach)

    @cached_property
    def asking(self) -> tuple[str, ...]:
        """Give the regimes that stand in some line of the bases, in the order of the folder."""
        lines = self.policy.purpose_bases.values()
        named = {regime for line in lines for regime in line.bases}
        return tuple(regime for regime in self.regimes if regime in named)

    @cached_property
    def purpose_numbers(self) -> Mapping[str, int]:
        """Count the purposes as the page does."""
        return {name: place for place, name in enumerate(self.policy.purposes, 1)}

    def situation_numbers(self, ids: Iterable[str]) -> Runs:
        """Name situations by their numbers on the page, each a link to its row."""
        places = {name: number for number, name in enumerate(self.policy.situations, 1)}
        return self._numbered(ids, "collection", places)

    def _numbered(self, ids: Iterable[str], prefix: str, places: Mapping[str, int]) -> Runs:
        found: list[Run] = []
        for name in ids:
            if name in places:
                found += [Run(self.words.say("kit", "comma"))] if found else []
                found.append(Run(str(places[name]), f"#{prefix}.{name}"))
        return tuple(found)

    def purpose_label(self, purpose: str) -> str:
        """Name a purpose by its number on the page."""
        return self.words.say("services", "purpose_n", n=str(self.purpose_numbers[purpose]))

    @cached_property
    def values(self) -> dict[str, str]:
        """Give the compiled values that texts may name in braces, said in this language."""
        found = {"steps": self.words.comma(self.steps())}
        ceiling = self.policy.retention.ceiling
        if ceiling:
            found["ceiling"] = found["period"] = self.words.period(ceiling.period)
        if self.fee_rights:
            found["fee_total"] = self.fee_total()
        return found

    @cached_property
    def fees(self) -> Mapping[str, Fee]:
        """Give what each right costs in the regime of the fee, integer yen, tax of the day; free ones left out.

        Clause: rights.fee (APPI 38)
        """
        asked = self.policy.rights.fee
        if not asked or not str(asked.get("amount", "")).isdigit():
            return {}
        promise = PolicyFee(
            asked.get("regime", ""),
            frozenset(asked.get("rights", ())),
            int(asked["amount"]),
            asked.get("tax", "excluded"),
        )
        costs = {right: fee(promise.regime, right, promise, self.on) for right in asked.get("rights", ())}
        return {right: cost for right, cost in costs.items() if cost.total}

    @cached_property
    def fee_rights(self) -> tuple[str, ...]:
        """Name the rights that cost something."""
        return tuple(self.fees)

    def fee_amounts(self) -> tuple[str, str]:
        """Say the total that people pay, and the amount before tax."""
        cost = self.fees[self.fee_rights[0]]
        currency = (self.policy.rights.fee or {}).get("currency", "JPY")
        total = self.words.say("rights", "fee_total", total=self.words.money(cost.total, currency))
        return total, self.words.say("rights", "fee_net", net=self.words.money(cost.net, currency))

    def fee_total(self) -> str:
        """Say the total that people pay."""
        return self.fee_amounts()[0]

    def steps(self, change: str | None = None) -> tuple[str, ...]:
        """Say what comes before a class of change takes effect, or before any; each phrase once.

        Clause: amendment.default (APPI 21(3), GDPR 13(3))
        """
        classes = CLASSES if change is None else (change,)
        own = self.policy.amendment.classes
        cases = _CASES if change is None else ()
        asked = [
            step
            for name in classes
            for step in (
                *amendment_steps(self.law, self.policy.packs, name, self.on, cases),
                *own.get(name, ()),
            )
        ]
        said = (self.words.say("step", step) for step in asked if self.words.has("step", step))
        return tuple(dict.fromkeys(said))

    def text(self, text: Text | None, **more: str) -> str:
        """Give a text of the policy in this language as one line, placeholders filled."""
        return prose.flat(prose.fill((text or {}).get(self.lang, ""), {**self.values, **more}))

    def runs(self, text: Text | None, **more: str) -> Runs:
        """Give a text of the policy as a line with links."""
        return prose.runs(prose.fill((text or {}).get(self.lang, ""), {**self.values, **more}))

    def prose(self, text: Text | None) -> tuple[Prose, ...]:
        """Give a text of the policy as paragraphs and lists."""
        return prose.prose(prose.fill((text or {}).get(self.lang, ""), self.values))

    def section_text(self, section: str) -> tuple[Prose, ...]:
        """Give the text printed above a section."""
        return self.prose(self.policy.section_texts.get(section))

    def purpose_links(self, purposes: Iterable[str]) -> Runs:
        """Name purposes by their numbers on the page, each a link to its line."""
        return self._numbered(purposes, "collection.purposes", self.purpose_numbers)

    def field_names(self, fields: Iterable[str]) -> str:
        """Name fields, joined."""
        return self.words.comma(
            self.text(self.policy.fields[name].text) for name in fields if name in self.policy.fields
        )

    def basis_name(self, basis: str) -> str:
        """Say a basis in a word or two."""
        found = self.policy.bases.get(basis)
        if found is None:
            return self.words.say("basis", basis)
        return (
            self.words.say("basis", found.gdpr)
            if self.words.has("basis", found.gdpr)
            else self.text(found.text)
        )


def line(text: str, **more: Any) -> Part:
    """Make a part of plain text."""
    return Part((Run(text),), **more)


def cell(*texts: str) -> Cell:
    """Make a cell of plain texts; empty ones are left out."""
    return Cell(tuple(line(text) for text in texts if text))


def mark(name: str, value: str) -> Mark:
    """Name what a printed thing is."""
    return (name, value)
