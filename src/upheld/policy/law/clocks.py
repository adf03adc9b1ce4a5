"""Legal time: from the day something happened to the day by which the law wants an answer.

Days are legal days of the place; instants are aware and answered in UTC. Nothing here reads a clock.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Any

from upheld.policy.law.package import data
from upheld.policy.law.values import InForce
from upheld.policy.period import Period

IDENTITY, CLARIFICATION = "identity", "clarification"
NO_HOLIDAY_TABLE = "no_holiday_table"


class ClockNotInForceError(LookupError):
    """The clock is unknown, or no law behind it was in force on the day asked about."""


@dataclass(frozen=True, slots=True)
class Clock:
    """One dated rule of time. `rule` says unit, counting and rolling as in the data file."""

    id: str
    regime: str
    starts: str
    rule: Mapping[str, Any] = field(hash=False)
    reference: str
    in_force: InForce
    status: str


@dataclass(frozen=True, slots=True)
class ClosedDays:
    """When government offices are closed, and the years for which the holidays are known."""

    holidays: frozenset[date]
    yearly: frozenset[tuple[int, int]]
    years: frozenset[int]

    def closed(self, on: date) -> bool:
        """Say whether offices are closed; meaningful only in a known year."""
        return on.weekday() >= 5 or on in self.holidays or (on.month, on.day) in self.yearly


@dataclass(frozen=True, slots=True)
class ClockTable:
    """All clocks by id, and the closed days they roll over."""

    clocks: Mapping[str, Clock]
    closed_days: Mapping[str, ClosedDays]


@dataclass(frozen=True, slots=True)
class Facts:
    """What happened since the start, as far as a clock asks for it; all optional.

    `case` chooses a case of a clock that has several; `period` is the policy's own (`P3Y`), `count` how it
    counts; `holidays` are public holidays of the place where the clock rolls over those.
    """

    right: str | None = None
    refused: date | None = None
    identity_asked: date | None = None
    identity_arrived: date | None = None
    clarification_asked: date | None = None
    clarification_arrived: date | None = None
    first_message: date | None = None
    first_disclosure: date | None = None
    case: str | None = None
    period: str | None = None
    count: str = "from_event"
    holidays: frozenset[date] = field(default_factory=frozenset)


@dataclass(frozen=True, slots=True)
class Due:
    """When something is due, and why.

    `on` is the last day that is in time (a target, a day until which evidence is fresh or data readable);
    `at` the last instant, UTC, of a clock that counts hours. Both are empty while the clock waits
    (`waits_for`), has not started, or the law names no number of days (`promptly`). `needs_review` says
    why a person must look at the day; `on` is then the earliest day it can be.
    """

    clock: str
    regime: str
    reference: str
    status: str
    on: date | None = None
    at: datetime | None = None
    promptly: bool = False
    warn_on: date | None = None
    extension_notice_by: date | None = None
    suit_possible_from: date | None = None
    erase_by: date | None = None
    uncounted_days: int = 0
    waits_for: str | None = None
    needs_review: str | None = None


@lru_cache(maxsize=1)
def clock_table() -> ClockTable:
    """Give the shipped clocks."""
    raw = data("clocks")
    clocks = {
        item["id"]: Clock(
            id=item["id"],
            regime=item["regime"],
            starts=item["starts"],
            rule=item["rule"],
            reference=item["reference"],
            in_force=InForce.of(item["in_force"]),
            status=item["status"],
        )
        for item in raw["clocks"]
    }
    closed = {
        name: ClosedDays(
            holidays=frozenset(date.fromisoformat(text) for text in item["national_holidays"]),
            yearly=frozenset((int(text[:2]), int(text[3:])) for text in item["yearly"]),
            years=frozenset(item["years_complete"]),
        )
        for name, item in raw["closed_days"].items()
    }
    return ClockTable(clocks, closed)


def due(
    clock_id: str,
    start: date | datetime | None,
    facts: Facts | None = None,
    *,
    on: date | None = None,
    table: ClockTable | None = None,
) -> Due:
    """Give the day or instant by which a clock that started then wants something done.

    A clock of hours takes an aware instant, any other a legal day; `start` is None while nothing started
    it. With `on`, the clock must be in force that day. Raises ClockNotInForceError for an unknown clock or
    one not in force, TypeError for a start of the wrong kind, ValueError for a missing case or period.
    """
    table = table or clock_table()
    clock = table.clocks.get(clock_id)
    if clock is None or (on is not None and not clock.in_force.holds(on)):
        raise ClockNotInForceError(f"no clock {clock_id} in force" + (f" on {on}" if on else ""))
    facts = facts or Facts()
    bare = Due(clock.id, clock.regime, clock.reference, clock.status)
    if clock.rule.get("promptly"):
        return replace(bare, promptly=True)
    if start is None:
        return bare
    if "hours" in clock.rule:
        return replace(bare, at=_instant(start) + timedelta(hours=clock.rule["hours"]))
    if isinstance(start, datetime):
        raise TypeError(f"{clock_id} counts legal days: give a date in the legal time zone")
    waits = _waits_for(clock.rule, facts)
    return replace(bare, waits_for=waits) if waits else _by_days(bare, clock, start, facts, table)


def _instant(start: date | datetime) -> datetime:
    if not isinstance(start, datetime) or start.tzinfo is None:
        raise TypeError("a clock of hours starts at an aware instant")
    return start.astimezone(UTC)


def _waits_for(rule: Mapping[str, Any], facts: Facts) -> str | None:
    """Name what stops the clock: identity material or a clarification that was asked for and has not come."""
    if rule.get("starts_again_with") == IDENTITY and facts.identity_asked and not facts.identity_arrived:
        return IDENTITY
    if _pauses(rule, facts) and not facts.clarification_arrived:
        return CLARIFICATION
    return None


def _pauses(rule: Mapping[str, Any], facts: Facts) -> bool:
    uncounted = rule.get("uncounted")
    return bool(uncounted and facts.right in uncounted["rights"] and facts.clarification_asked)


def _by_days(bare: Due, clock: Clock, start: date, facts: Facts, table: ClockTable) -> Due:
    rule = clock.rule
    begin = start
    if rule.get("starts_again_with") == IDENTITY and facts.identity_asked and facts.identity_arrived:
        begin = max(start, facts.identity_arrived)
    uncounted = _uncounted(rule, begin, facts)
    last = _end(rule, begin, facts) + timedelta(days=uncounted)
    last, review = _rolled(rule.get("roll", "none"), last, facts.holidays, table)
    for event in rule.get("earlier_of", ()):
        happened = facts.first_message if event.startswith("first message") else facts.first_disclosure
        last = min(last, happened) if happened else last
    return replace(
        bare,
        on=last,
        uncounted_days=uncounted,
        needs_review=review,
        warn_on=_day_n(begin, rule["warn_on_day"]) if "warn_on_day" in rule else None,
        extension_notice_by=due(rule["first"], start, facts, table=table).on if "first" in rule else None,
        suit_possible_from=_suit(rule, last, facts),
        erase_by=last + timedelta(days=1) if "erase_by" in rule else None,
    )


def _uncounted(rule: Mapping[str, Any], begin: date, facts: Facts) -> int:
    """Count the days between asking for a clarification and its arrival, both included, from the start on."""
    asked, arrived = facts.clarification_asked, facts.clarification_arrived
    if not _pauses(rule, facts) or asked is None or arrived is None:
        return 0
    return max(0, (arrived - max(asked, begin)).days + 1)


def _end(rule: Mapping[str, Any], begin: date, facts: Facts) -> date:
    """Count from the start to the last day, before any rolling."""
    if "overdue_after_day" in rule:
        return _day_n(begin, rule["overdue_after_day"])
    if "cases" in rule:
        if facts.case not in rule["cases"]:
            raise ValueError(f"this clock has the cases {', '.join(rule['cases'])}")
        return Period(rule["cases"][facts.case]["years"], "Y").after(begin)
    if "from_policy" in rule:
        period = Period.parse(facts.period or "")
        if period is None:
            raise ValueError("this clock needs the policy's period, for example P3Y")
        return period.after(begin, facts.count)
    if "months" in rule:
        return Period(rule["months"], "M").after(begin)
    days: int = rule["target_days"] if "target_days" in rule else rule["days"]
    return _day_n(begin, days) if rule["count"] == "event_is_day_1" else begin + timedelta(days=days)


def _day_n(begin: date, n: int) -> date:
    """Give day n, the day of the event being day 1."""
    return begin + timedelta(days=n - 1)


def _rolled(roll: str, last: date, holidays: frozenset[date], table: ClockTable) -> tuple[date, str | None]:
    """Move a last day off closed days; a year without a holiday table is never guessed."""
    if roll == "none":
        return last, None
    if roll == "weekend_and_public_holidays":
        while last.weekday() >= 5 or last in holidays:
            last += timedelta(days=1)
        return last, None
    offices, moved = table.closed_days[roll], last
    while moved.year in offices.years and offices.closed(moved):
        moved += timedelta(days=1)
    return (moved, None) if moved.year in offices.years else (last, NO_HOLIDAY_TABLE)


def _suit(rule: Mapping[str, Any], target: date, facts: Facts) -> date | None:
    """Give the first day on which the person may sue: after the target, or on a refusal if that is earlier."""
    if "suit_possible" not in rule or facts.right in rule["no_suit_rule"]:
        return None
    after = target + timedelta(days=1)
    return min(after, facts.refused) if facts.refused else after
