"""The whole: one version of one policy, with the tables that decisions look up."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from typing import Any

from upheld.policy.findings import Finding
from upheld.policy.model.answers import Amendment, Contact, Controller, Rights
from upheld.policy.model.collection import Channel, Field, LegalBasis, Never, Purpose, PurposeBasis, Situation
from upheld.policy.model.evidence import Evidence
from upheld.policy.model.frozen import Frozen, Text
from upheld.policy.model.handling import Cookies, Country, Measure, Mechanism, Recipient, Service
from upheld.policy.model.keeping import Retention


@dataclass(frozen=True, eq=False)
class CompiledPolicy:
    """One version of one policy, compiled. Equal and hashable by content."""

    id: str
    version: str
    languages: tuple[str, ...]
    timezone: str
    title: Text
    controller: Controller
    packs: tuple[str, ...]
    reach: Mapping[str, Any]
    section_texts: Mapping[str, Text]
    channels: Mapping[str, Channel]
    scripts: Mapping[str, Text]
    fields: Mapping[str, Field]
    purposes: Mapping[str, Purpose]
    situations: Mapping[str, Situation]
    never: tuple[Never, ...]
    bases: Mapping[str, LegalBasis]
    purpose_bases: Mapping[str, PurposeBasis]
    measures: Mapping[str, Measure]
    countries: Mapping[str, Country]
    services: Mapping[str, Service]
    recipients: Mapping[str, Recipient]
    mechanisms: Mapping[str, Mechanism]
    transfers_apply_to: tuple[str, ...] | None
    details_on_request: bool
    retention: Retention
    rights: Rights
    contact: Contact
    amendment: Amendment
    cookies: Cookies | None
    statements: Mapping[str, Text]
    evidence: Evidence
    mappings: Mapping[str, Any]
    sections: tuple[str, ...]
    promise_hash: str
    evidence_hash: str
    values: Mapping[str, Any] = field(repr=False)
    accepted: tuple[Finding, ...] = ()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, CompiledPolicy) and self.content_hash == other.content_hash

    def __hash__(self) -> int:
        return hash(self.content_hash)

    @property
    def content_hash(self) -> str:
        """Give the hash of promise and evidence together."""
        return f"{self.promise_hash}.{self.evidence_hash}"

    @property
    def label(self) -> str:
        """Give version and hash as the `Upheld-Policy` header carries them."""
        return f"{self.version}; sha256={self.promise_hash}"

    @cached_property
    def decided(self) -> dict[Any, Any]:
        """Keep answers that hang on this policy alone, or on the law and the day that their key names."""
        return {}

    @cached_property
    def field_bits(self) -> Mapping[str, int]:
        """Give each field its bit, in the order of the folder."""
        return Frozen({name: 1 << place for place, name in enumerate(self.fields)})

    @cached_property
    def collect_masks(self) -> Mapping[str, int]:
        """Give the mask of declared fields for each situation."""
        bits = self.field_bits
        return Frozen({s.id: sum(bits[f] for f in set(s.fields) if f in bits) for s in self.situations.values()})

    @cached_property
    def use_masks(self) -> Mapping[str, Mapping[str, int]]:
        """Give, for each situation and stated purpose, the mask of fields that may be used."""
        bits = self.field_bits
        table: dict[str, Mapping[str, int]] = {}
        for situation in self.situations.values():
            row: dict[str, int] = {}
            for stated in situation.purposes:
                purpose = self.purposes.get(stated.purpose)
                uses = purpose.uses if purpose else ()
                allowed = sum(bits[f] for f in set(uses) if f in bits) if uses is not None else -1
                row[stated.purpose] = self.collect_masks[situation.id] & allowed
            table[situation.id] = Frozen(row)
        return Frozen(table)

    @cached_property
    def gaps(self) -> Mapping[tuple[str, str], tuple[str, ...]]:
        """Give the stated purposes that need a field their situation does not collect (PP107)."""
        found: dict[tuple[str, str], tuple[str, ...]] = {}
        for situation in self.situations.values():
            collected = set(situation.fields)
            for stated in situation.purposes:
                purpose = self.purposes.get(stated.purpose)
                if purpose is None or stated.act in {"on_page", "link"}:
                    continue
                missing = tuple(name for name in purpose.needs if name not in collected)
                if missing:
                    found[situation.id, stated.purpose] = missing
        return Frozen(found)

    def triples(self) -> Iterator[tuple[str, str, str]]:
        """Walk every (situation, field, purpose), stated or not, in the order of the folder."""
        for situation in self.situations:
            for name in self.fields:
                for purpose in self.purposes:
                    yield situation, name, purpose

    def evidence_review(self, service: str) -> date | None:
        """Give the day on which a service's next review is due."""
        review = self.evidence.of(f"services.{service}").get("review", {})
        due = review.get("next")
        return due if isinstance(due, date) else None
