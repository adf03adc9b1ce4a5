"""What a request with a right may cost: allowed by law, asked by the policy, taxed by date."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from functools import lru_cache
from math import floor
from typing import Any

from upheld.policy.law.package import data
from upheld.policy.law.values import InForce

STANDARD_RATE = "jp.consumption_tax.standard"


class NoRateForDateError(LookupError):
    """No tax rate is known for the day of the quote: refuse rather than guess."""

    code = "no_rate_for_date"


@dataclass(frozen=True, slots=True)
class PolicyFee:
    """The fee as the policy promises it: integer yen, before (`excluded`) or with (`included`) tax."""

    regime: str
    rights: frozenset[str]
    amount: int
    tax: str = "excluded"


@dataclass(frozen=True, slots=True)
class Fee:
    """A fee for one request, integer yen. `rate` is percent as written in the law data, empty if free."""

    net: int
    tax: int
    total: int
    rate: str
    reference: str


@dataclass(frozen=True, slots=True)
class Rate:
    """A tax rate in percent between two days."""

    id: str
    percent: str
    in_force: InForce
    reference: str


@dataclass(frozen=True, slots=True)
class Chargeable:
    """Whether a right (`*`: every right) of a regime may cost something, and where that is written."""

    regime: str
    right: str
    may_charge: bool
    reference: str


@dataclass(frozen=True, slots=True)
class FeeTable:
    """All rates and all rights that the law speaks of."""

    rates: tuple[Rate, ...]
    rights: tuple[Chargeable, ...]


@lru_cache(maxsize=1)
def fee_table() -> FeeTable:
    """Give the shipped table."""
    raw = data("fees")
    return FeeTable(tuple(_rates(raw["tax"])), tuple(_rights(raw["chargeable"])))


def _rates(items: Iterable[Mapping[str, Any]]) -> Iterable[Rate]:
    return (Rate(item["id"], item["rate_percent"], InForce.of(item), item["reference"]) for item in items)


def _rights(items: Iterable[Mapping[str, Any]]) -> Iterable[Chargeable]:
    return (
        Chargeable(item["regime"], item["right"], item["may_charge"], item["reference"]) for item in items
    )


def fee(
    regime: str, right: str, policy_fee: PolicyFee | None, on: date, *, table: FeeTable | None = None
) -> Fee:
    """Give the fee of one request accepted on that day, in integer yen.

    It is 0 unless the law allows a fee for this right under this regime and the policy asks for one.
    Raises NoRateForDateError where the tax rate of the day is not known.
    Clause: rights.fee (APPI 38, GDPR 12(5))
    """
    table = table or fee_table()
    rule = _chargeable(regime, right, table)
    allowed = rule is not None and rule.may_charge
    if not allowed or policy_fee is None or policy_fee.regime != regime or right not in policy_fee.rights:
        return Fee(0, 0, 0, "", rule.reference if rule else "")
    return quote(policy_fee.amount, on, included=policy_fee.tax == "included", table=table)


def quote(amount: int, on: date, *, included: bool = False, table: FeeTable | None = None) -> Fee:
    """Split or add the consumption tax of the day: integer yen, a fraction of a yen of tax is dropped.

    Raises NoRateForDateError for a day without a rate, ValueError for a negative amount.
    """
    if amount < 0:
        raise ValueError("a fee is never negative")
    table = table or fee_table()
    rate = next((item for item in table.rates if item.id == STANDARD_RATE and item.in_force.holds(on)), None)
    if rate is None:
        raise NoRateForDateError(f"no tax rate is known for {on}")
    percent = Fraction(rate.percent)
    if included:
        tax = floor(amount * percent / (100 + percent))
        return Fee(amount - tax, tax, amount, rate.percent, rate.reference)
    tax = floor(amount * percent / 100)
    return Fee(amount, tax, amount + tax, rate.percent, rate.reference)


def _chargeable(regime: str, right: str, table: FeeTable) -> Chargeable | None:
    """Find what the law says of a right; the right by name goes before all rights."""
    found = [item for item in table.rights if item.regime == regime and item.right in (right, "*")]
    return min(found, key=lambda item: item.right == "*", default=None)
