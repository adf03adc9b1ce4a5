"""What a person agrees to with one purpose, the fingerprint of it, and what is different from what they agreed to before; pure."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any

from upheld.db import canonical
from upheld.policy.decide import basis_in
from upheld.policy.law import Law, regimes
from upheld.policy.model import CompiledPolicy, Situation, Tag

PRINT = 16
"""Signs of a fingerprint that a choice keeps: 64 bits."""

KINDS = (
    "purpose", "beyond", "recipient", "country", "mechanism", "field", "linked", "lifetime", "period", "basis",
    "recipient_gone", "country_gone", "field_gone", "other",
)  # fmt: skip
"""What can be different. `purpose` is new altogether; `other` was agreed to elsewhere or is no longer known."""


@dataclass(frozen=True, slots=True)
class Hand:
    """Who receives: the id, who stands behind it (None: nobody the policy knows), countries, and by what right data goes there."""

    id: str
    behind: str | None = None
    countries: tuple[str, ...] = ()
    ways: tuple[str, ...] = ()

    @property
    def line(self) -> str:
        """Write it as one comparable line."""
        return self.id if self.behind is None else "|".join([self.id, self.behind, *self.countries, *self.ways])


@dataclass(frozen=True, slots=True)
class Agreed:
    """What is agreed to with one purpose in an area; wording, order, hosts and names of tags stay out."""

    purpose: str
    epoch: int
    fields: tuple[str, ...]
    hands: tuple[Hand, ...]
    linked: tuple[str, ...]
    lifetimes: tuple[str, ...]
    periods: tuple[str, ...]
    bases: tuple[tuple[str, str], ...]

    @property
    def print(self) -> str:
        """Give the beginning of the hash of all of it."""
        told = {
            "purpose": self.purpose,
            "epoch": self.epoch,
            "fields": self.fields,
            "recipients": sorted(hand.line for hand in self.hands),
            "linked": self.linked,
            "lifetimes": self.lifetimes,
            "periods": self.periods,
            "bases": self.bases,
        }
        return digest(told)[:PRINT]


@dataclass(frozen=True, slots=True)
class Change:
    """One difference: its kind, the recipient it is about, and the countries or fields; ids of the policy, nothing of a person."""

    kind: str
    of: str = ""
    names: tuple[str, ...] = ()

    def told(self) -> dict[str, Any]:
        """Give it as the ledger and programs are told it."""
        return {"change": self.kind, **({"of": self.of} if self.of else {}), **({"names": list(self.names)} if self.names else {})}


def agreed(
    policy: CompiledPolicy, law: Law, area: str, on: date, purpose: str, tags: Iterable[Tag], epoch: int, situation: Situation | None
) -> Agreed:
    """Gather what is agreed to with one purpose in an area: fields, recipients with country and mechanism, periods.

    A purpose whose meaning changed beyond its aim has a new epoch. `situation` is that of visits.
    Clause: amendment.default (GDPR 7, APPI 17(2))
    """
    held = regimes(policy.reach, policy.packs, area, on, law)
    kind = policy.retention.kinds.get(situation.subject) if situation else None
    used = tuple(tags)
    hands = {_hand(policy, tag.recipient, held) for tag in used}
    return Agreed(
        purpose=purpose,
        epoch=epoch,
        fields=tuple(sorted({name for tag in used for name in tag.sends})),
        hands=tuple(sorted(hands, key=lambda hand: hand.line)),
        linked=tuple(sorted({tag.links_to_person for tag in used})),
        lifetimes=tuple(sorted({str(tag.lifetime) for tag in used})),
        periods=tuple(sorted(f"{end.after} {end.period} {end.count}" for end in kind.ends)) if kind else (),
        bases=tuple(sorted((r, basis_in(policy, law, purpose, situation.id if situation else "", r, on)) for r in held)),
    )


def _hand(policy: CompiledPolicy, name: str, held: Iterable[str]) -> Hand:
    service = policy.services.get(name)
    if service is not None:
        ways = tuple(f"{regime}:{service.transfer.get(regime, '')}" for regime in sorted(held))
        return Hand(name, service.operator, tuple(sorted(service.countries)), ways)
    recipient = policy.recipients.get(name)
    return Hand(name, recipient.role, tuple(sorted(recipient.country))) if recipient else Hand(name)


def digest(value: Any) -> str:
    """Hash a value by its canonical JSON."""
    return hashlib.sha256(canonical(value)).hexdigest()


def changes(old: Agreed, new: Agreed) -> tuple[Change, ...]:
    """Say what is different, what weighs most first; empty only where nothing is, and then the fingerprints are the same.

    Clause: amendment.default (GDPR 7, APPI 17(2))
    """
    return tuple(sorted(_changes(old, new), key=lambda one: KINDS.index(one.kind)))


def _changes(old: Agreed, new: Agreed) -> Iterator[Change]:
    if old.purpose != new.purpose:
        yield Change("purpose")
    if old.epoch != new.epoch:
        yield Change("beyond")
    before, after = ({hand.id: hand for hand in one.hands} for one in (old, new))
    for name in sorted({*before, *after}):
        yield from _of_hand(before.get(name), after.get(name))
    yield from _more_and_less("field", "", old.fields, new.fields)
    for kind, was, now in (
        ("linked", old.linked, new.linked), ("lifetime", old.lifetimes, new.lifetimes),
        ("period", old.periods, new.periods), ("basis", old.bases, new.bases),
    ):  # fmt: skip
        if was != now:
            yield Change(kind)


def _of_hand(old: Hand | None, new: Hand | None) -> Iterator[Change]:
    if new is None:
        yield Change("recipient_gone", old.id if old else "")
    elif old is None or old.behind != new.behind:
        yield Change("recipient", new.id, new.countries)
    else:
        yield from _more_and_less("country", new.id, old.countries, new.countries)
        if old.ways != new.ways:
            yield Change("mechanism", new.id)


def _more_and_less(kind: str, of: str, old: tuple[str, ...], new: tuple[str, ...]) -> Iterator[Change]:
    more, less = (tuple(sorted({*a} - {*b})) for a, b in ((new, old), (old, new)))
    if more:
        yield Change(kind, of, more)
    if less:
        yield Change(f"{kind}_gone", of, less)
