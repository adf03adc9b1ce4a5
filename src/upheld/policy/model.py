"""The compiled policy: one frozen value, hashable by content, from which everything follows.

Every class here is what one node of the folder means. Texts are `Text`: one string per language.
Ids are the keys of the folder. Periods are calendar units. Nothing here reads a clock.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from typing import Any, TypeAlias, TypeVar

from upheld.policy.findings import Finding
from upheld.policy.period import Period

K = TypeVar("K")
V = TypeVar("V")


class Frozen(dict[K, V]):
    """A dict that refuses to change after it was made; order is the order of the folder."""

    __slots__ = ()

    def _refuse(self, *_: Any, **__: Any) -> Any:
        raise TypeError("a compiled policy never changes; publish a new version")

    __setitem__ = __delitem__ = _refuse
    clear = pop = popitem = setdefault = update = __ior__ = _refuse

    def __hash__(self) -> int:  # type: ignore[override]
        return hash(tuple(self.items()))

    def __reduce__(self) -> Any:
        return (Frozen, (dict(self),))


Text: TypeAlias = Mapping[str, str]
NO_TEXT: Text = Frozen()


@dataclass(frozen=True, slots=True)
class Controller:
    """Who answers for the data (APPI 32(1)(i), GDPR 13(1)(a))."""

    name: Text
    address: Text
    country: str
    representative: Text
    dpo: Mapping[str, Any] | None
    representatives: Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Channel:
    """How a situation meets the person: what must be shown first, and what counts as proof."""

    id: str
    how: str
    notice: str
    receipt: str


@dataclass(frozen=True, slots=True)
class Field:
    """A datum that may be asked for. `special` names kinds of special-care data."""

    id: str
    text: Text
    kind: str
    special: tuple[str, ...]
    format: str | None
    max: int
    items: tuple[str, ...]
    screen: str | None


@dataclass(frozen=True, slots=True)
class Purpose:
    """What data is wanted for. `uses` is None where every field of the situation may be used."""

    id: str
    text: Text
    act: str
    needs: tuple[str, ...]
    uses: tuple[str, ...] | None
    parts: tuple[str, ...]
    output: str
    min_cell: int | None
    outside: bool
    decides: Mapping[str, Any] | None


@dataclass(frozen=True, slots=True)
class Stated:
    """A purpose as a situation states it; `act` narrows the purpose's own act."""

    purpose: str
    act: str


@dataclass(frozen=True, slots=True)
class Situation:
    """A way in which data comes in, with its fields and purposes: a row of the printed table."""

    id: str
    text: Text
    channel: str
    subject: str
    required: tuple[str, ...]
    optional: tuple[str, ...]
    purposes: tuple[Stated, ...]
    subtypes: Mapping[str, Text]
    obvious: tuple[str, ...]
    held_with: Text | None
    recipients: tuple[str, ...] | None
    source_ask: tuple[str, ...]
    source_category: Text | None
    if_not_given: Text | None
    given_by: str | None

    @property
    def fields(self) -> tuple[str, ...]:
        """Give the declared fields, required ones first."""
        return self.required + self.optional

    @property
    def purpose_ids(self) -> tuple[str, ...]:
        """Give the ids of the stated purposes in the order of the folder."""
        return tuple(stated.purpose for stated in self.purposes)


@dataclass(frozen=True, slots=True)
class LegalBasis:
    """A legal basis: article, what proves it, the closed list of interests if it has one."""

    id: str
    text: Text
    gdpr: str
    proof: str
    interests: Mapping[str, Text]
    as_easy_as_giving: bool
    retroactive: bool


@dataclass(frozen=True, slots=True)
class When:
    """A case in which another basis holds: a situation, or a kind of person with an open relationship."""

    situation: str | None
    standing: str | None
    bases: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class PurposeBasis:
    """The basis of one purpose for each regime."""

    purpose: str
    bases: Mapping[str, str]
    interest: str | None
    statute: str | None
    statute_text: Text | None
    special: Mapping[str, str]
    when: tuple[When, ...]
    confirm: Period | None = None


@dataclass(frozen=True, slots=True)
class Measure:
    """A security measure (APPI 23, GDPR 32)."""

    id: str
    text: Text
    covers: tuple[str, ...]
    responsible_role: Text | None
    rules_accepted: bool
    training: Mapping[str, Any] | None
    access: Mapping[str, Any] | None
    countries: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Country:
    """What is known of a foreign country's system, as a numbered sheet (APPI 28(2))."""

    id: str
    sheet: str
    system: Text


@dataclass(frozen=True, slots=True)
class Service:
    """Someone who handles data for us: a row of the services table."""

    id: str
    service: str
    operator: str
    operator_country: str
    storage: tuple[str, ...]
    support_access: tuple[str, ...] | None
    policy_url: str | None
    purposes: tuple[str, ...]
    transfer: Mapping[str, str]

    @property
    def countries(self) -> tuple[str, ...]:
        """Give every country reached: operator, storage, support, each once."""
        support = self.support_access if self.support_access is not None else ()
        own = (self.operator_country,) if self.operator_country else ()
        return tuple(dict.fromkeys((*own, *self.storage, *support)))


@dataclass(frozen=True, slots=True)
class Recipient:
    """Someone who gets data for their own ends, or jointly with us."""

    id: str
    text: Text
    role: str
    name: Text | None
    named: bool
    country: tuple[str, ...]
    purposes: tuple[str, ...]
    fields: tuple[str, ...] | None
    ground: Mapping[str, str]
    range: Text | None
    responsible: Mapping[str, Any]
    filing: str | None


@dataclass(frozen=True, slots=True)
class Mechanism:
    """A way to protect data that goes abroad."""

    id: str
    text: Text
    modules: tuple[str, ...]
    approval: bool


@dataclass(frozen=True, slots=True)
class End:
    """A clock: the start word, the period, and how it is counted."""

    after: str
    period: Period
    count: str


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of person and when their data ends; the earliest end wins."""

    id: str
    text: Text | None
    ends: tuple[End, ...]


@dataclass(frozen=True, slots=True)
class RetentionRule:
    """A period narrower than the kind's: for situations, fields, or both; a floor keeps data at least so long."""

    id: str
    situations: tuple[str, ...] | None
    fields: tuple[str, ...] | None
    ends: tuple[End, ...]
    floor: str | None


@dataclass(frozen=True, slots=True)
class LongerByLaw:
    """Fields that a statute keeps beyond the period, readable for one purpose only."""

    id: str
    statute: str
    text: Text
    situations: tuple[str, ...]
    fields: tuple[str, ...]
    purpose: str
    end: End | None


@dataclass(frozen=True, slots=True)
class Retention:
    """How long data is kept."""

    text: Text
    ceiling: End | None
    kinds: Mapping[str, Kind]
    rules: tuple[RetentionRule, ...]
    longer_by_law: tuple[LongerByLaw, ...]
    starts: Mapping[str, Mapping[str, str]]
    proof: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Right:
    """A right and its citation for each regime that gives it."""

    id: str
    title: Text | None
    regimes: Mapping[str, str]
    marketing: str
    direct: bool


@dataclass(frozen=True, slots=True)
class Rights:
    """What people may ask for, how they prove who they are, what it costs."""

    text: Text
    kinds: Mapping[str, Right]
    clocks: Mapping[str, Mapping[str, Period]]
    levels: Mapping[str, tuple[str, ...]]
    raise_to: Mapping[str, tuple[str, ...]]
    contact_data: tuple[str, ...]
    material: Mapping[str, Any]
    fee: Mapping[str, Any] | None
    complaints: Mapping[str, Any]
    refusals: Mapping[str, Text]


@dataclass(frozen=True, slots=True)
class Contact:
    """Where to write."""

    mailbox: str
    company: Text
    address: Text
    department: Text
    cases: Mapping[str, bool]


@dataclass(frozen=True, slots=True)
class Amendment:
    """How the text changes."""

    text: Text
    notice: str
    effective: str
    classes: Mapping[str, tuple[str, ...]]
    notice_period: Mapping[str, Period]
    applies_to_held: bool


@dataclass(frozen=True, slots=True)
class Tag:
    """Something that makes a browser send data elsewhere."""

    id: str
    category: str
    hosts: tuple[str, ...]
    recipient: str
    sends: tuple[str, ...]
    purposes: tuple[str, ...]
    content: Text | None
    their_purpose: Text | None
    fires: Mapping[str, str]
    links_to_person: str
    lifetime: Period | None
    gpc: str
    uk_exemption: str | None
    opt_out: bool
    cookies: tuple[str, ...]
    consent_mode: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Cookies:
    """Categories and tags of the browser channel."""

    text: Text
    gpc: str
    categories: Mapping[str, Mapping[str, Any]]
    tags: Mapping[str, Tag]


@dataclass(frozen=True, slots=True)
class Never:
    """Something the company promises not to do."""

    id: str
    text: Text
    things: Mapping[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Role:
    """What a staff role may read data for (None means every purpose), and how much of a value it sees."""

    id: str
    purposes: tuple[str, ...] | None
    reviewer: bool
    view: str = "raw"


@dataclass(frozen=True, slots=True)
class Evidence:
    """What proves the promise: not part of it, and changing it makes no new version."""

    roles: Mapping[str, Role]
    accept: tuple[Mapping[str, Any], ...]
    drafts: tuple[str, ...]
    procedures: tuple[Mapping[str, Any], ...]
    clauses: Mapping[str, Mapping[str, Any]]

    def of(self, clause: str) -> Mapping[str, Any]:
        """Give the evidence of a clause, empty where there is none."""
        return self.clauses.get(clause, _NOTHING)


_NOTHING: Mapping[str, Any] = Frozen()


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
    def decided(self) -> dict[Any, Mapping[str, str]]:
        """Keep answers that hang on this policy, the law and the day alone, for `decide.bases_for`."""
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
