"""What a request costs."""

import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from upheld.policy.law import load_law
from upheld.policy.law.fees import NoRateForDateError, PolicyFee, fee, fee_table, quote

EXAMPLES = json.loads((Path(__file__).parent / "data" / "fees.json").read_text("utf-8"))["examples"]
ASKED = PolicyFee("jp", frozenset({"access", "provision_records"}), 1000)
DAY = date(2026, 11, 22)


def _name(example: dict[str, Any]) -> str:
    return "-".join(
        str(example[key]) for key in ("net", "regime", "right", "requests", "date") if key in example
    )


@pytest.mark.parametrize("example", EXAMPLES, ids=_name)
def test_worked_example(example: dict[str, Any]) -> None:
    """Each worked example gives exactly its yen."""
    on, expect = date.fromisoformat(example["date"]), example["expect"]
    if "refuse" in expect:
        with pytest.raises(NoRateForDateError) as refused:
            quote(example["net"], on)
        assert refused.value.code == expect["refuse"]
    elif "regime" in example:
        found = fee(example["regime"], example["right"], ASKED, on)
        assert found.total * example["requests"] == expect["total"]
    else:
        found = quote(example["net"], on)
        shown = {"net": found.net, "tax": found.tax, "total": found.total, "rate_percent": found.rate}
        assert shown == expect


def test_a_policy_cannot_charge_what_the_law_makes_free() -> None:
    """A policy that names correction or a European request for a fee still gets none."""
    greedy = PolicyFee("jp", frozenset({"rectification", "access"}), 1000)
    assert fee("jp", "rectification", greedy, DAY).total == 0
    assert fee("eea", "access", PolicyFee("eea", frozenset({"access"}), 1000), DAY).total == 0
    assert fee("us_ca", "access", PolicyFee("us_ca", frozenset({"access"}), 1000), DAY).total == 0


def test_no_fee_in_the_policy_is_no_fee() -> None:
    """Where the policy asks for nothing, nothing is asked, and the place in the law is still named."""
    found = fee("jp", "access", None, DAY)
    assert found.total == 0
    assert found.reference == "APPI 38(1), 33(1)"


def test_the_packs_and_the_table_agree_on_what_may_cost() -> None:
    """The rights that a pack lets a policy charge are those of the fee table, regime by regime."""
    for rule in load_law().rule(["jp-appi", "eu-gdpr", "uk-gdpr"], "fee.allowed", DAY):
        table = {item.right for item in fee_table().rights if item.regime == rule.regime and item.may_charge}
        assert set(rule.words("rights")) == table


@given(st.integers(0, 10**9), st.booleans(), st.dates(date(1989, 4, 1), date(2040, 1, 1)))
def test_net_and_tax_make_the_total(amount: int, included: bool, on: date) -> None:
    """Net and tax always add up, and tax is never more than the rate."""
    found = quote(amount, on, included=included)
    assert found.net + found.tax == found.total
    assert (found.total if included else found.net) == amount
    assert 0 <= found.tax * 100 <= found.net * int(found.rate) + 100 * included


def test_a_negative_fee_is_refused() -> None:
    """Nobody is paid for asking."""
    with pytest.raises(ValueError, match="negative"):
        quote(-1, DAY)
