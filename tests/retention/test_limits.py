"""Which clock counts where several could: versions, ceiling and floor, narrow and wide, open and ended, period and statute."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from tests.retention.test_rules import DAY, POLICY, rule, ruled
from upheld.policy.model import CompiledPolicy, End, Frozen, Kind, LongerByLaw, RetentionRule
from upheld.policy.period import Period
from upheld.retention.model import Cut, Starts
from upheld.retention.rules import overdue, retained_until, shortest_days, summary
from upheld.security.model import Kept, Lock

MONTH, YEAR, TEN_YEARS = Period(1, "M"), Period(1, "Y"), Period(10, "Y")


def with_retention(**changes: Any) -> CompiledPolicy:
    frozen = {name: Frozen(value) if isinstance(value, dict) else value for name, value in changes.items()}
    return replace(POLICY, retention=replace(POLICY.retention, **frozen))


def kept_as(*ends: End, **changes: Any) -> CompiledPolicy:
    """Keep prospects by these ends."""
    return with_retention(kinds={**POLICY.retention.kinds, "prospect": Kind("prospect", None, ends)}, **changes)


def after(word: str, period: Period = YEAR, count: str = "from_event") -> End:
    return End(word, period, count)


def last(policy: CompiledPolicy, starts: Starts, situation: str = "event", **more: Any) -> date | None:
    return retained_until(policy, situation, starts, **more).ends["email"]


@pytest.mark.parametrize(
    ("held", "period", "expected"),
    [
        (True, MONTH, date(2024, 2, 10)),
        (False, MONTH, date(2025, 1, 10)),
        (True, Period(2, "Y"), date(2025, 1, 10)),
    ],
)
def test_a_stricter_version_reaches_held_records_where_it_says_so(held: bool, period: Period, expected: date) -> None:
    """retention.ceiling (APPI 22, GDPR 5(1)(e)): of two versions the stricter day, if the new one narrows what is held."""
    own, new = kept_as(after("last_contact")), kept_as(after("last_contact", period))
    new = replace(new, amendment=replace(new.amendment, applies_to_held=held))
    assert last(own, Starts(DAY), current=new) == expected
    gone = replace(new, situations=Frozen({name: one for name, one in new.situations.items() if name != "event"}))
    assert last(own, Starts(DAY), current=gone) == date(2025, 1, 10)


def test_an_open_clock_of_a_new_version_takes_nothing_away() -> None:
    """retention.ceiling: where the new version's clock has not begun, the record's own day stays."""
    own, new = kept_as(after("last_contact")), kept_as(after("contract_end"))
    new = replace(new, amendment=replace(new.amendment, applies_to_held=True))
    assert last(own, Starts(DAY, open=frozenset({"contract"})), current=new) == date(2025, 1, 10)


@pytest.mark.parametrize(
    ("floor", "ceiling", "expected"),
    [
        (None, after("recorded", YEAR), date(2025, 1, 10)),
        ("jp-employment", after("recorded", YEAR), date(2034, 1, 10)),
        (None, None, date(2034, 1, 10)),
        (None, after("recorded", Period(20, "Y")), date(2034, 1, 10)),
    ],
)
def test_the_ceiling_ends_all_but_what_a_statute_must_keep(floor: str | None, ceiling: End | None, expected: date) -> None:
    """retention.ceiling (APPI 22): nothing outlives the ceiling, unless the rule is a floor of the law."""
    long = RetentionRule("long", ("event",), None, (after("recorded", TEN_YEARS),), floor)
    assert last(ruled(with_retention(ceiling=ceiling), long), Starts(DAY)) == expected
    assert last(kept_as(after("recorded", TEN_YEARS), ceiling=ceiling), Starts(DAY)) == (
        date(2025, 1, 10) if ceiling and ceiling.period == YEAR else date(2034, 1, 10)
    )


def test_without_a_kind_the_ceiling_alone_counts() -> None:
    """retention.ceiling: people of no kind are kept to the ceiling; without one no clock has begun."""
    assert last(with_retention(kinds={}, ceiling=after("recorded")), Starts(DAY)) == date(2025, 1, 10)
    assert last(with_retention(kinds={}, ceiling=None), Starts(DAY)) is None


@pytest.mark.parametrize(
    ("rules", "expected"),
    [
        ([rule("both", MONTH, ("event",), ("email",)), rule("field", Period(2, "M"), None, ("email",))], date(2024, 2, 10)),
        ([rule("field", Period(2, "M"), None, ("email",)), rule("both", MONTH, ("event",), ("email",))], date(2024, 2, 10)),
        ([rule("situation", MONTH, ("event",), None), rule("field", Period(2, "M"), None, ("email",))], date(2024, 3, 10)),
        ([rule("elsewhere", MONTH, ("materials",), None), rule("other", MONTH, None, ("phone",))], date(2027, 1, 10)),
        ([rule("elsewhere", MONTH, ("materials",), ("email",))], date(2027, 1, 10)),
        ([rule("everything", MONTH, None, None)], date(2027, 1, 10)),
        ([RetentionRule("no end", ("event",), None, (), None)], date(2027, 1, 10)),
    ],
)
def test_the_rule_that_speaks_most_closely_counts(rules: list[RetentionRule], expected: date) -> None:
    """retention.rules: field and situation before field before situation; a rule of another place or of everything is none."""
    assert last(ruled(POLICY, *rules), Starts(DAY)) == expected


EARLIER, LATER = DAY - timedelta(days=9), DAY + timedelta(days=9)


@pytest.mark.parametrize(
    ("word", "starts", "begun"),
    [
        ("last_contact", Starts(DAY, last_contact=LATER), LATER),
        ("last_contact", Starts(DAY, last_contact=EARLIER), DAY),
        ("last_contact", Starts(DAY, last_visit=LATER), DAY),
        ("last_visit", Starts(DAY, last_visit=LATER), LATER),
        ("last_visit", Starts(DAY, last_visit=EARLIER), DAY),
        ("last_visit", Starts(DAY, last_contact=LATER), DAY),
        ("recorded", Starts(DAY), DAY),
        ("contract_end", Starts(DAY, ended={"contract": EARLIER, "account": LATER}), EARLIER),
        ("account_closed", Starts(DAY, ended={"account": LATER}), LATER),
        ("decision", Starts(DAY, ended={"application": LATER}), LATER),
        ("decision", Starts(DAY, ended={"contract": LATER}), DAY),
        ("contract_end", Starts(DAY, open=frozenset({"contract"}), ended={"contract": LATER}), None),
        ("lease_end", Starts(DAY, ended={"contract": LATER}), LATER),
        ("lease_end", Starts(DAY, open=frozenset({"contract"})), None),
        ("order", Starts(DAY, declared={"order": LATER}), LATER),
        ("order", Starts(DAY), DAY),
        ("order", Starts(DAY, open=frozenset({"contract"})), DAY),
    ],
)
def test_each_word_starts_its_clock(word: str, starts: Starts, begun: date | None) -> None:
    """retention.starts: the latest contact or visit, the end of its own relationship, what the folder declares, else the taking."""
    declared = {"lease_end": Frozen({"event": "relation.ended"}), "order": Frozen({"event": "collect.accepted"})}
    policy = kept_as(after(word), starts=declared, ceiling=None)
    assert last(policy, starts) == (YEAR.after(begun) if begun else None)


def test_the_end_of_a_relationship_is_the_earliest_clock_of_its_kind() -> None:
    """retention.ceiling: three years after the relationship's end, counted as the period says."""
    ends = (after("contract_end", TEN_YEARS), after("account_closed", TEN_YEARS))
    policy = kept_as(*ends, ceiling=after("relationship_end", Period(3, "Y"), "from_year_end"))
    starts = Starts(DAY, ended={"contract": date(2025, 3, 1), "account": date(2026, 3, 1)})
    assert last(policy, starts) == date(2028, 12, 31)
    assert last(policy, replace(starts, open=frozenset({"contract"}))) == date(2029, 12, 31)
    assert last(policy, Starts(DAY, open=frozenset({"contract", "account"}))) is None


@pytest.mark.parametrize(
    ("law", "starts", "until"),
    [
        ({"end": after("recorded")}, Starts(DAY), date(2025, 1, 10)),
        ({"end": after("contract_end")}, Starts(DAY, ended={"contract": LATER}), date(2025, 1, 19)),
        ({"end": after("contract_end")}, Starts(DAY), date(2025, 1, 10)),
        ({"end": after("recorded", YEAR, "from_year_end")}, Starts(DAY, ended={"contract": LATER}), date(2025, 12, 31)),
        ({"end": None}, Starts(DAY), None),
        ({"end": after("recorded"), "situations": ("event",)}, Starts(DAY), None),
    ],
)
def test_a_statute_keeps_from_its_own_day(law: dict[str, Any], starts: Starts, until: date | None) -> None:
    """retention.longer_by_law: from the taking or from the end the statute names, of the situations it names."""
    books: LongerByLaw = replace(POLICY.retention.longer_by_law[0], **law)
    kept = retained_until(with_retention(longer_by_law=(books,)), "contract", starts)
    expected = Lock("tax_books", "jp-corporation-tax", "tax_audit", frozenset({"name", "company"}), until) if until else None
    assert kept.locks == ((expected,) if expected else ())
    assert kept.clause == "retention.customer"


ON = date(2030, 1, 1)
PAST, AHEAD = ON - timedelta(days=1), ON


def lock(name: str, *fields: str, until: date = ON) -> Lock:
    return Lock(name, "statute", "audit", frozenset(fields), until)


@pytest.mark.parametrize(
    ("ends", "locks", "shred_class", "expected"),
    [
        ({"a": AHEAD, "b": None}, (), "customer", None),
        ({"a": PAST, "b": AHEAD}, (), "customer", (("a",), ("b",), "customer")),
        ({"a": PAST, "b": PAST}, (), "customer", (("a", "b"), (), "customer")),
        ({"a": PAST, "b": AHEAD}, (lock("x", "a"),), "customer", None),
        ({"a": PAST, "b": PAST}, (lock("x", "a"),), "customer", (("b",), ("a",), "law.x")),
        ({"a": PAST, "b": PAST}, (lock("x", "a", "b"),), "customer", ((), ("a", "b"), "law.x")),
        ({"a": PAST, "b": PAST}, (lock("x", "a", "b"),), "law.x", None),
        ({"a": PAST, "b": PAST}, (lock("x", "a", until=PAST),), "law.x", (("a", "b"), (), "law.x")),
        ({"a": PAST, "b": PAST}, (lock("x", "c"),), "customer", (("a", "b"), (), "customer")),
        ({"a": PAST, "b": AHEAD, "c": PAST}, (lock("x", "a"),), "customer", (("c",), ("b", "a"), "customer")),
        ({"a": PAST, "b": PAST}, (lock("x", "a"), lock("y", "b", until=date(2031, 1, 1))), "customer", ((), ("a", "b"), "law.y")),
    ],
)
def test_a_cut_takes_what_is_past_and_leaves_what_the_law_names(
    ends: dict[str, date | None], locks: tuple[Lock, ...], shred_class: str, expected: tuple[Any, ...] | None
) -> None:
    """retention.ceiling (APPI 22, GDPR 5(1)(e)): past fields go; what any statute names stays, once nothing else runs under the key of the longest."""
    found = overdue(Kept(Frozen(ends), locks, "retention.customer"), tuple(ends), shred_class, ON)
    assert found == (None if expected is None else Cut(*expected, PAST, "retention.customer"))


def test_the_last_day_of_a_cut_is_the_latest_that_is_past() -> None:
    """Of several fields that go, the latest last day is told."""
    kept = Kept(Frozen({"a": date(2028, 1, 1), "b": date(2029, 1, 1), "c": AHEAD}), (), "x")
    found = overdue(kept, ("a", "b", "c"), "customer", ON)
    assert found is not None
    assert found.last_day == date(2029, 1, 1)


def test_a_plan_counts_by_situation_and_names_nobody() -> None:
    """A plan's lines: how many records of a situation go whole or in part, by which clause, sorted."""
    whole, part = Cut(("a",), (), "x", PAST, "retention.customer"), Cut(("a",), ("b",), "x", PAST, "retention.customer")
    due: list[Any] = [
        SimpleNamespace(record=SimpleNamespace(situation=name), cut=cut)
        for name, cut in (("event", whole), ("contract", part), ("event", whole), ("contract", whole))
    ]
    assert summary(due) == (
        {"situation": "contract", "action": "cut", "clause": "retention.customer", "count": 1},
        {"situation": "contract", "action": "erase", "clause": "retention.customer", "count": 1},
        {"situation": "event", "action": "erase", "clause": "retention.customer", "count": 2},
    )


def test_no_period_is_shorter_than_what_candidates_are_looked_up_by() -> None:
    """A number of days below every period of kinds, rules and ceiling, for any start; none where there is no period."""
    assert 0 < shortest_days([POLICY]) <= 365
    for policy, days in (
        (ruled(POLICY, rule("short", Period(30, "D"), ("event",), None)), 30),
        (kept_as(after("recorded", Period(20, "D"))), 20),
        (with_retention(ceiling=after("recorded", Period(10, "D"))), 10),
    ):
        assert 0 < shortest_days([POLICY, policy]) < days
    assert shortest_days([with_retention(ceiling=None, kinds={})]) == shortest_days([]) == 0
    assert shortest_days([with_retention(ceiling=after("recorded", Period(1, "D")))]) == 0
