"""Who answers for it and how: controller, rights, contact, amendment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from upheld.policy.model.frozen import Text
from upheld.policy.period import Period


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
