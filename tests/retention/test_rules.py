"""How long data may be kept: starts, periods, ceiling, statute."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from upheld.policy.compile import compile_policy
from upheld.policy.law import load_law
from upheld.policy.model import CompiledPolicy, End, Frozen, RetentionRule
from upheld.policy.period import Period
from upheld.retention.model import Starts
from upheld.retention.rules import overdue, retained_until

ROOT = Path(__file__).parents[2] / "policies" / "primenumber"
POLICY = compile_policy(ROOT, load_law(), date(2026, 11, 22)).draft
DAY = date(2024, 1, 10)


def ruled(policy: CompiledPolicy, *rules: RetentionRule) -> CompiledPolicy:
    return replace(policy, retention=replace(policy.retention, rules=rules))


def rule(name: str, period: Period, situations: tuple[str, ...] | None, fields: tuple[str, ...] | None) -> RetentionRule:
    return RetentionRule(name, situations, fields, (End("recorded", period, "from_event"),), None)


@pytest.mark.parametrize(
    ("ended", "last"),
    [(date(2024, 3, 31), date(2027, 3, 31)), (date(2024, 2, 29), date(2027, 2, 28))],
)
def test_three_years_after_the_contract(ended: date, last: date) -> None:
    """A customer's data are kept three calendar years after the contract; 29 February ends on the 28th."""
    kept = retained_until(POLICY, "contract", Starts(DAY, ended={"contract": ended}))
    assert kept.last_day == last
    assert not kept.over("name", last)
    assert kept.over("name", last + timedelta(days=1))


def test_nothing_is_due_while_the_contract_runs() -> None:
    """An open contract starts no clock."""
    kept = retained_until(POLICY, "contract", Starts(date(2001, 1, 1), open=frozenset({"contract"})))
    assert kept.last_day is None
    assert not kept.over("name", date(2100, 1, 1))


def test_without_any_relationship_the_taking_counts() -> None:
    """A customer's record whose contract nobody named is not kept for ever."""
    assert retained_until(POLICY, "contract", Starts(DAY)).last_day == date(2027, 1, 10)


def test_the_latest_contact_counts() -> None:
    """A prospect who came back last year is kept from then on."""
    kept = retained_until(POLICY, "event", Starts(DAY, last_contact=date(2025, 6, 1)))
    assert kept.last_day == date(2028, 6, 1)


def test_visitors_are_kept_thirteen_months() -> None:
    """Browsing data of 1 October 2025 are there on 1 November 2026 and not on the 2nd."""
    kept = retained_until(POLICY, "browsing", Starts(date(2025, 10, 1)))
    assert kept.last_day == date(2026, 11, 1)


def test_a_narrower_rule_goes_before_a_wider_one() -> None:
    """A rule of a field goes before one of a situation, and both before the kind of person."""
    policy = ruled(
        POLICY,
        rule("events", Period(6, "M"), ("event",), None),
        rule("phones", Period(30, "D"), None, ("phone",)),
    )
    kept = retained_until(policy, "event", Starts(DAY))
    assert kept.ends["phone"] == DAY + timedelta(days=30)
    assert kept.ends["email"] == date(2024, 7, 10)
    assert retained_until(policy, "materials", Starts(DAY)).ends["email"] == date(2027, 1, 10)


def test_the_earliest_end_wins() -> None:
    """Of two ends of a kind of person the earlier one counts."""
    kind = POLICY.retention.kinds["prospect"]
    two = replace(kind, ends=(*kind.ends, End("recorded", Period(1, "Y"), "from_year_end")))
    kinds = Frozen({**POLICY.retention.kinds, "prospect": two})
    policy = replace(POLICY, retention=replace(POLICY.retention, kinds=kinds))
    kept = retained_until(policy, "event", Starts(DAY, last_contact=date(2026, 1, 1)))
    assert kept.last_day == date(2025, 12, 31)


def test_a_statute_keeps_named_fields_for_one_purpose() -> None:
    """Tax law keeps name and company seven years from the end of the year; the e-mail goes with the period."""
    kept = retained_until(POLICY, "contract", Starts(date(2024, 2, 1), ended={"contract": date(2024, 6, 30)}))
    (lock,) = kept.locks
    assert (lock.purpose, lock.until) == ("tax_audit", date(2031, 12, 31))
    cut = overdue(kept, ("name", "company", "email"), "customer", date(2028, 2, 1))
    assert cut is not None
    assert (cut.gone, cut.kept, cut.shred_class) == (("email",), ("name", "company"), "law.tax_books")
    assert overdue(kept, ("name", "company"), "law.tax_books", date(2031, 12, 31)) is None
    last = overdue(kept, ("name", "company"), "law.tax_books", date(2032, 1, 1))
    assert last is not None
    assert last.whole


@given(
    situation=st.sampled_from(sorted(POLICY.situations)),
    recorded=st.dates(date(2015, 1, 1), date(2030, 1, 1)),
    later=st.integers(0, 900),
    ended=st.one_of(st.none(), st.integers(0, 2000)),
)
def test_nothing_outlives_the_ceiling(situation: str, recorded: date, later: int, ended: int | None) -> None:
    """No field is kept longer than three years after the relationship's end, whatever began its clock."""
    contact = recorded + timedelta(days=later)
    over = {} if ended is None else dict.fromkeys(("contract", "account", "application"), recorded + timedelta(days=ended))
    starts = Starts(recorded, last_contact=contact, last_visit=contact, ended=over)
    latest = max([recorded, contact, *over.values()])
    kept = retained_until(POLICY, situation, starts)
    assert all(end is not None and end <= Period(3, "Y").after(latest) for end in kept.ends.values())


@given(
    recorded=st.dates(date(2015, 1, 1), date(2030, 1, 1)),
    days=st.integers(0, 4000),
    names=st.sets(st.sampled_from(POLICY.situations["contract"].fields)),
)
def test_a_cut_takes_what_is_over_and_nothing_else(recorded: date, days: int, names: set[str]) -> None:
    """Every field is gone, kept by law or still running; none is both and none is lost."""
    kept = retained_until(POLICY, "contract", Starts(recorded, ended={"contract": recorded}))
    on = recorded + timedelta(days=days)
    cut = overdue(kept, sorted(names), "customer", on)
    if cut is None:
        assert not any(kept.over(name, on) for name in names)
        return
    assert set(cut.gone) | set(cut.kept) == names
    assert not set(cut.gone) & set(cut.kept)
    assert all(kept.over(name, on) for name in cut.gone)
