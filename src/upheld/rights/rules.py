"""Who may ask for what, by when it is answered, what it costs, and through which states a request goes; pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import date
from types import MappingProxyType

from upheld.policy.law import Law, leading, regimes
from upheld.policy.law.clocks import ClockNotInForceError, Facts
from upheld.policy.law.clocks import due as due_by
from upheld.policy.law.fees import PolicyFee
from upheld.policy.law.fees import fee as fee_of
from upheld.policy.model import CompiledPolicy
from upheld.records import Relation
from upheld.rights.model import Terms

TRANSITIONS: Mapping[tuple[str, str], str] = MappingProxyType({
    ("received", "ask_identity"): "identity_needed",
    ("received", "acted"): "closed",
    ("received", "wait"): "review",
    ("identity_needed", "ask_fee"): "fee_due",
    ("identity_needed", "identified"): "review",
    ("identity_needed", "acted"): "closed",
    ("identity_needed", "refused"): "refused",
    ("fee_due", "paid"): "review",
    ("review", "approved"): "ready",
    ("review", "started"): "searching",
    ("review", "refused"): "refused",
    ("searching", "answered"): "ready",
    ("ready", "delivered"): "delivered",
    ("refused", "delivered"): "delivered",
    ("delivered", "closed"): "closed",
    ("identity_needed", "withdrawn"): "withdrawn",
    ("fee_due", "withdrawn"): "withdrawn",
    ("review", "withdrawn"): "withdrawn",
})  # fmt: skip
"""(state, event) -> state. Whatever is not here cannot happen."""

NEAREST: Mapping[str, str] = MappingProxyType({
    "portability": "access", "restriction": "cease_use", "objection": "cease_use", "cease_use": "restriction",
    "stop_provision": "objection", "purpose_notice": "access", "provision_records": "access",
})  # fmt: skip
"""For a right that a place does not give, the one that comes nearest."""

NUMBER = re.compile(r"R-(\d{2})-(\d{4,})-(\d)")
_DAMM = (
    "0317598642", "7092154863", "4206871359", "1750983426", "6123045978", "3674209581", "5869720134", "8945362017",
    "9438617205", "2581436790",
)  # fmt: skip


class NoSuchStepError(ValueError):
    """A request in this state has no such step."""


def step(state: str, event: str) -> str:
    """Give the state after an event; raises NoSuchStepError."""
    try:
        return TRANSITIONS[state, event]
    except KeyError:
        raise NoSuchStepError(f"a request that is {state} has no step {event}") from None


def number_of(year: int, sequence: int) -> str:
    """Give a request number: `R-26-0001-7`, year, sequence, check digit over both (Damm)."""
    digits = f"{year % 100:02d}{sequence:04d}"
    return f"R-{digits[:2]}-{digits[2:]}-{check_digit(digits)}"


def check_digit(digits: str) -> str:
    """Give the check digit that finds every single wrong digit and every swap of neighbours."""
    interim = "0"
    for digit in digits:
        interim = _DAMM[int(interim)][int(digit)]
    return interim


def number_fits(number: str) -> bool:
    """Say whether a number can be one of ours, without looking it up."""
    match = NUMBER.fullmatch(number)
    return match is not None and check_digit(match[1] + match[2]) == match[3]


def leading_regimes(policy: CompiledPolicy, law: Law, residence: str, on: date) -> tuple[str, ...]:
    """Give the regimes that decide rights, clock, fee and authority for a residence.

    Clause: policy.law
    """
    return leading(regimes(policy.reach, policy.packs, residence, on, law), policy.reach)


def offered(policy: CompiledPolicy, law: Law, residence: str, on: date) -> tuple[str, ...]:
    """Give the rights that a residence has, in the order of the folder.

    Clause: rights.kinds (APPI 32-35, GDPR 15-21)
    """
    leads = leading_regimes(policy, law, residence, on)
    return tuple(kind.id for kind in policy.rights.kinds.values() if any(lead in kind.regimes for lead in leads))


def nearest(policy: CompiledPolicy, law: Law, right: str, residence: str, on: date) -> str:
    """Give the offered right that comes nearest to one that is not offered, empty where none does."""
    other = NEAREST.get(right, "")
    return other if other in offered(policy, law, residence, on) else ""


def terms(
    policy: CompiledPolicy,
    law: Law,
    right: str,
    residence: str,
    arrived: date,
    *,
    identified: date | None = None,
) -> Terms | None:
    """Give regime, citation, last day and fee of a right for a residence; None where it is not offered.

    `identified` is the day on which proof of identity that was asked for arrived; some clocks start then.

    Clause: rights.fee (APPI 38, 39; GDPR 12(3)(5))
    """
    leads = leading_regimes(policy, law, residence, arrived)
    kind = policy.rights.kinds.get(right)
    regime = next((lead for lead in leads if kind is not None and lead in kind.regimes), None)
    if kind is None or regime is None:
        return None
    facts = Facts(right=right)
    if identified is not None:
        facts = Facts(right=right, identity_asked=arrived, identity_arrived=identified)
    last, suit = _clock(policy, law, facts, regime, arrived)
    cost = fee_of(regime, right, policy_fee(policy), arrived)
    return Terms(regime, kind.regimes[regime], last, suit, cost.net, cost.tax, cost.total)


def _clock(
    policy: CompiledPolicy, law: Law, facts: Facts, regime: str, arrived: date
) -> tuple[date | None, date | None]:
    """Give the earlier of the law's last day and the company's own target, and the first day of a suit.

    Clause: rights.clocks (APPI 39, GDPR 12(3), UK GDPR 12A)
    """
    days: list[date | None] = []
    suit: date | None = None
    for rule in law.rule(policy.packs, "request.target", arrived):
        clock = rule.text("clock")
        if rule.regime != regime or clock is None:
            continue
        try:
            found = due_by(clock, arrived, facts, on=arrived)
        except ClockNotInForceError:
            continue
        days.append(found.on)
        suit = found.suit_possible_from or suit
    own = policy.rights.clocks.get(regime, {}).get("target")
    if own is not None:
        days.append(own.after(arrived))
    return min((day for day in days if day is not None), default=None), suit


def policy_fee(policy: CompiledPolicy) -> PolicyFee | None:
    """Give the fee as the policy promises it, or None.

    Clause: rights.fee (APPI 38)
    """
    told = policy.rights.fee
    if told is None:
        return None
    rights = frozenset(told.get("rights", ()))
    return PolicyFee(str(told["regime"]), rights, int(told["amount"]), str(told.get("tax", "excluded")))


def level_of(policy: CompiledPolicy, right: str) -> str:
    """Give the level of identity a right asks for.

    Clause: rights.identity (GDPR 12(6), APPI 37)
    """
    return next((level for level, kinds in policy.rights.levels.items() if right in kinds), "document")


def erasure_refused(relations: Iterable[Relation], on: date) -> str:
    """Give the ground on which an erasure is refused, empty where none stands.

    Clause: rights.refusals.contract_in_force (GDPR 17(1)(a), APPI 35(5))
    """
    running = any(one.kind == "contract" and (one.ended is None or on <= one.ended) for one in relations)
    return "contract_in_force" if running else ""
