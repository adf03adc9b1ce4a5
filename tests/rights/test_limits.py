"""What a right costs, when its clock ends, which one comes nearest, and where a contract stands in the way."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from tests.rights.test_rules import DAY, LAW, POLICY
from upheld.policy.law.fees import PolicyFee
from upheld.policy.model import CompiledPolicy, Frozen
from upheld.policy.period import Period
from upheld.records import Relation
from upheld.rights.rules import (
    check_digit,
    erasure_refused,
    leading_regimes,
    level_of,
    nearest,
    number_fits,
    number_of,
    policy_fee,
    terms,
)


def with_rights(**changes: Any) -> CompiledPolicy:
    frozen = {name: Frozen(value) if isinstance(value, dict) else value for name, value in changes.items()}
    return replace(POLICY, rights=replace(POLICY.rights, **frozen))


def test_regimes_that_reach_for_a_place_decide() -> None:
    """policy.law: the law of where a person lives decides; who lives elsewhere has the company's own; of nobody known all that lead."""
    assert [leading_regimes(POLICY, LAW, place, DAY) for place in ("DE", "GB", "BR", "unknown")] == [
        ("eea",), ("uk",), ("jp",), ("eea", "uk"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("right", "residence", "other"),
    [
        ("portability", "JP", "access"), ("restriction", "JP", "cease_use"), ("objection", "JP", "cease_use"),
        ("cease_use", "DE", "restriction"), ("stop_provision", "DE", "objection"), ("purpose_notice", "DE", "access"),
        ("provision_records", "GB", "access"), ("erasure", "JP", ""), ("nothing", "DE", ""),
    ],
)  # fmt: skip
def test_who_asks_for_another_places_right_learns_of_their_own(right: str, residence: str, other: str) -> None:
    """rights.kinds (APPI 32-35, GDPR 15-21): the right that comes nearest, if that place gives it."""
    assert nearest(POLICY, LAW, right, residence, DAY) == other
    bare = with_rights(kinds={name: one for name, one in POLICY.rights.kinds.items() if name == "erasure"})
    assert nearest(bare, LAW, right, residence, DAY) == ""


def test_terms_say_regime_citation_clock_and_fee() -> None:
    """rights.fee (APPI 38, 39; GDPR 12(3)(5)): net, tax and total in yen; a right not given there has no terms."""
    found = terms(POLICY, LAW, "access", "JP", DAY)
    assert found is not None
    assert (found.regime, found.citation, found.net, found.tax, found.total) == ("jp", "APPI 33(1)", 1000, 100, 1100)
    assert found.suit_from == date(2026, 12, 7)
    european = terms(POLICY, LAW, "access", "DE", DAY)
    assert european is not None
    assert (european.regime, european.citation, european.suit_from, european.net) == ("eea", "A15", None, 0)
    assert terms(POLICY, LAW, "restriction", "JP", DAY) is None
    assert terms(POLICY, LAW, "nothing", "JP", DAY) is None


@pytest.mark.parametrize(
    ("residence", "clocks", "due"),
    [
        ("JP", {}, date(2026, 12, 6)),
        ("JP", {"jp": {"target": Period(10, "D")}}, date(2026, 12, 2)),
        ("JP", {"jp": {"target": Period(30, "D")}}, date(2026, 12, 6)),
        ("JP", {"eea": {"target": Period(10, "D")}}, date(2026, 12, 6)),
        ("JP", {"jp": {"acknowledge": Period(1, "D")}}, date(2026, 12, 6)),
        ("DE", {"eea": {"target": Period(10, "D")}}, date(2026, 12, 2)),
    ],
)
def test_the_earlier_of_law_and_promise_is_the_last_day(residence: str, clocks: dict[str, Any], due: date) -> None:
    """rights.clocks (APPI 39, GDPR 12(3)): the company may promise less than the law allows, never more."""
    policy = with_rights(clocks={name: Frozen(parts) for name, parts in clocks.items()})
    found = terms(policy, LAW, "access", residence, DAY)
    assert found is not None
    assert found.due == due


def test_without_a_clock_in_law_only_the_promise_counts() -> None:
    """rights.clocks: where no listed law names a day, the company's own target is the day, and without one there is none."""
    reach = replace(POLICY, packs=("jp-tax",), reach=Frozen({"jp": "everyone"}))
    promised = replace(reach, rights=replace(POLICY.rights, clocks=Frozen({"jp": Frozen({"target": Period(10, "D")})})))
    for policy, due in ((reach, None), (promised, date(2026, 12, 2))):
        found = terms(policy, LAW, "access", "JP", DAY)
        assert found is not None
        assert (found.due, found.suit_from) == (due, None)


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        (None, None),
        ({"regime": "jp", "amount": "500"}, PolicyFee("jp", frozenset(), 500, "excluded")),
        ({"regime": "jp", "rights": ("access",), "amount": "500", "tax": "included"}, PolicyFee("jp", frozenset({"access"}), 500, "included")),
    ],
)
def test_a_fee_is_what_the_policy_promises(told: dict[str, Any] | None, expected: PolicyFee | None) -> None:
    """rights.fee (APPI 38): amount in yen, before tax unless it says otherwise, for the rights it names."""
    assert policy_fee(with_rights(fee=told)) == expected


def test_each_right_asks_for_its_level_of_identity() -> None:
    """rights.identity (GDPR 12(6), APPI 37): the level the policy names; of a right that it forgot the strictest."""
    assert [level_of(POLICY, right) for right in ("objection", "access", "erasure", "provision_records", "nothing")] == [
        "ticket", "mailbox", "match", "document", "document",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "ended", "ground"),
    [
        ("contract", None, "contract_in_force"),
        ("contract", DAY, "contract_in_force"),
        ("contract", date(2026, 11, 23), "contract_in_force"),
        ("contract", date(2026, 11, 21), ""),
        ("account", None, ""),
    ],
)
def test_a_contract_in_force_stands_in_the_way_of_erasure(kind: str, ended: date | None, ground: str) -> None:
    """rights.refusals.contract_in_force (GDPR 17(1)(a), APPI 35(5)): to its last day, and no other relationship."""
    assert erasure_refused([Relation(b"r", b"s", kind, date(2026, 1, 1), ended)], DAY) == ground
    assert erasure_refused([], DAY) == ""


def test_a_number_is_read_before_it_is_looked_up() -> None:
    """A request number has the two last digits of its year, four places or more, and a check digit that fits."""
    assert (number_of(2107, 12_345), check_digit("")) == ("R-07-12345-" + check_digit("0712345"), "0")
    assert number_fits(number_of(2107, 12_345))
    assert not any(map(number_fits, ("", "R-26-0001-8", "R-26-001-7", "R-26-0001-7 ", "x")))
