"""By when the law wants something done."""

import json
from dataclasses import fields
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from upheld.policy.law.clocks import ClockNotInForceError, Due, Facts, clock_table, due

EXAMPLES = json.loads((Path(__file__).parent / "data" / "clocks.json").read_text("utf-8"))["examples"]
STARTS = (
    "known", "aware", "arrived", "obtained", "checked", "relationship_end", "last_visit", "decision",
)  # fmt: skip
ON = {"due", "target", "overdue_after", "fresh_until", "keep_until", "last_readable"}
FACTS = {field.name for field in fields(Facts)}


def _start(raw: dict[str, Any]) -> date | datetime | None:
    if "case" in raw:
        return date.fromisoformat(raw["record_made"] if raw["case"] == "each_time" else raw["last_provision"])
    text = next(raw[name] for name in STARTS if name in raw)
    if text is None:
        return None
    return datetime.fromisoformat(text) if "T" in text else date.fromisoformat(text)


def _fact(name: str, value: Any) -> Any:
    if name == "holidays":
        return frozenset(date.fromisoformat(text) for text in value)
    return value if name in {"right", "case", "period", "count"} else date.fromisoformat(value)


def _shown(found: Due, name: str, zone: str | None) -> Any:
    if zone and name == "due":
        assert found.at is not None
        return found.at.astimezone(ZoneInfo(zone)).isoformat(timespec="minutes")
    value = found.on if name in ON else getattr(found, {"erased_by": "erase_by"}.get(name, name))
    return value.isoformat() if isinstance(value, date) else value


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda e: f"{e['clock']}-{next(iter(e['input'].values()))}")
def test_worked_example(example: dict[str, Any]) -> None:
    """Each worked example gives exactly its days."""
    raw = example["input"]
    facts = Facts(**{name: _fact(name, value) for name, value in raw.items() if name in FACTS})
    found = due(example["clock"], _start(raw), facts)
    assert {name: _shown(found, name, raw.get("show_in")) for name in example["expect"]} == example["expect"]
    assert found.needs_review is None


def test_every_clock_has_an_example_or_names_no_days() -> None:
    """No clock ships untried."""
    tried = {example["clock"] for example in EXAMPLES} | {"uk.breach.authority"}
    open_ended = {clock.id for clock in clock_table().clocks.values() if clock.rule.get("promptly")}
    assert set(clock_table().clocks) == tried | open_ended


def test_a_year_without_holidays_is_left_to_a_person() -> None:
    """Where the holidays are not known the day is not moved and asks for review."""
    found = due("jp.breach.final", date(2028, 2, 1))
    assert (found.on, found.needs_review) == (date(2028, 3, 1), "no_holiday_table")
    over_new_year = due("jp.breach.final", date(2027, 12, 2))
    assert (over_new_year.on, over_new_year.needs_review) == (date(2027, 12, 31), "no_holiday_table")


def test_promptly_is_no_number_of_days() -> None:
    """Telling people of a leak has no day: nothing is made up."""
    found = due("jp.breach.persons", date(2026, 11, 22))
    assert found.promptly
    assert found.on is None


def test_the_british_clock_waits_for_what_was_asked() -> None:
    """Identity material asked for and not come leaves no day; so does a clarification of an access request."""
    asked = date(2026, 11, 24)
    found = due("uk.request", date(2026, 11, 22), Facts(identity_asked=asked))
    assert (found.on, found.waits_for) == (None, "identity")
    found = due("uk.request", date(2026, 11, 22), Facts(right="access", clarification_asked=asked))
    assert (found.on, found.waits_for) == (None, "clarification")
    found = due("gdpr.request", date(2026, 11, 22), Facts(right="access", identity_asked=asked))
    assert found.on == date(2026, 12, 22), "in the EEA nothing waits"


def test_a_clarification_before_the_clock_starts_costs_no_days() -> None:
    """Days before identity is proven are not counted twice."""
    facts = Facts(
        right="access",
        identity_asked=date(2026, 11, 23),
        identity_arrived=date(2026, 11, 30),
        clarification_asked=date(2026, 11, 24),
        clarification_arrived=date(2026, 11, 26),
    )
    found = due("uk.request", date(2026, 11, 22), facts)
    assert (found.on, found.uncounted_days) == (date(2026, 12, 30), 0)


def test_a_clock_decides_only_while_it_is_law() -> None:
    """Asked for a day before its law, or for an unknown name, a clock refuses to answer."""
    with pytest.raises(ClockNotInForceError):
        due("uk.complaint.acknowledge", date(2026, 6, 1), on=date(2026, 6, 18))
    assert due("uk.complaint.acknowledge", date(2026, 6, 19), on=date(2026, 6, 19)).on == date(2026, 7, 18)
    with pytest.raises(ClockNotInForceError):
        due("eea.no_such_clock", date(2026, 11, 22))


def test_hours_need_an_instant_and_days_a_day() -> None:
    """A clock of 72 hours refuses a bare date or a naive time; a clock of days refuses an instant."""
    for start in (date(2026, 11, 22), datetime(2026, 11, 22, 9, 0)):  # noqa: DTZ001
        with pytest.raises(TypeError, match="aware instant"):
            due("gdpr.breach.authority", start)
    with pytest.raises(TypeError, match="legal days"):
        due("gdpr.request", datetime(2026, 11, 22, tzinfo=UTC))
    with pytest.raises(ValueError, match="P3Y"):
        due("retention.ceiling", date(2026, 11, 22))
    with pytest.raises(ValueError, match="bulk"):
        due("jp.provision_record", date(2026, 11, 22))


@given(st.dates(date(2026, 1, 1), date(2027, 11, 1)), st.integers(0, 60))
def test_a_later_start_is_never_due_earlier(start: date, days: int) -> None:
    """Whoever asks later is answered no earlier; every due day lies after its start."""
    later = start + timedelta(days=days)
    for clock in ("jp.request", "gdpr.request", "gdpr.request.extended", "uk.request", "jp.breach.final"):
        first, second = due(clock, start).on, due(clock, later).on
        assert first is not None
        assert second is not None
        assert start < first <= second


@given(
    st.dates(date(2026, 1, 1), date(2027, 10, 1)),
    st.frozensets(st.dates(date(2026, 1, 1), date(2027, 12, 31)), max_size=9),
)
def test_a_month_never_ends_on_a_closed_day(start: date, holidays: frozenset[date]) -> None:
    """In the EEA the last day is a working day, and no working day was skipped on the way."""
    found = due("gdpr.request", start, Facts(holidays=holidays)).on
    plain = due("gdpr.notice.not_from_subject", start).on
    assert found is not None
    assert plain is not None
    assert found.weekday() < 5
    assert found not in holidays
    between = [plain + timedelta(days=n) for n in range((found - plain).days)]
    assert all(day.weekday() >= 5 or day in holidays for day in between)
