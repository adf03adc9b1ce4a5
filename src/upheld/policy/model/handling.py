"""Who handles it, where, how it is protected, and what a browser sends: security, services, transfers, cookies."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from upheld.policy.model.frozen import Text
from upheld.policy.period import Period


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
