"""Values of the transfers room: a hop that may be made and on what it rests, or the first reason why not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

from upheld.policy.model import Frozen


@dataclass(frozen=True, slots=True)
class Route:
    """A hop that may be made on a day.

    `positions` names the Japanese position of each country reached, `mechanisms` what carries the data of people
    under a regime (`eea`, `uk`) to each country. Both are empty where no law of the policy asks.
    """

    service: str
    purpose: str
    on: date
    positions: Mapping[str, str] = field(default_factory=Frozen, hash=False)
    mechanisms: Mapping[str, Mapping[str, str]] = field(default_factory=Frozen, hash=False)

    @property
    def allow(self) -> bool:
        """Say that the hop may be made."""
        return True


@dataclass(frozen=True, slots=True)
class Stop:
    """The first step of the gate that failed: its code, the clause, and the country or field it is about."""

    code: str
    clause: str
    country: str | None = None
    field: str | None = None

    @property
    def allow(self) -> bool:
        """Say that the hop may not be made."""
        return False


@dataclass(frozen=True, slots=True)
class Hop:
    """What somebody wants to send where: the service, or the recipient outside, by id or name.

    `region` is where the object would lie; `record` narrows it to one record; `contract_id` names the contract the
    use is for. The person is named by `subject` or by an `identifier` (kind to value).
    """

    service: str
    purpose: str
    subject: str = ""
    identifier: Mapping[str, str] = field(default_factory=Frozen, hash=False)
    fields: tuple[str, ...] = ()
    region: str | None = None
    record: str = ""
    contract_id: str = ""


@dataclass(frozen=True, slots=True)
class Leave:
    """Leave to send these fields of one record, on what it rests, and the ledger entry that says so."""

    record: str
    situation: str
    policy_version: str
    fields: tuple[str, ...]
    route: Route
    entry: str


@dataclass(frozen=True, slots=True)
class Allowed:
    """What may be sent of one person; `kind` tells what the other side is: entrusted, joint, third_party."""

    subject: str
    service: str
    kind: str
    leaves: tuple[Leave, ...]
