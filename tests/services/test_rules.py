"""Rules over all services: trouble, states, order, and what finding nobody means."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import product
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from upheld.services.model import Can, Outcome, Verdict
from upheld.services.rules import (
    CLOSED,
    TRANSITIONS,
    State,
    TransitionError,
    Trouble,
    coverage,
    feeders,
    moved,
    not_found_means,
    order,
    outcome_of,
    state_after,
    state_of,
    wait_for,
    window_end,
)

NOW = datetime(2026, 11, 22, tzinfo=UTC)
STATES: tuple[State, ...] = get_args(State)


@pytest.mark.parametrize(("now", "then"), list(product(STATES, STATES)))
def test_only_steps_of_the_table_are_taken(now: State, then: State) -> None:
    """Every pair is either in the table or refused."""
    if then in TRANSITIONS[now]:
        assert moved(now, then) == then
    else:
        with pytest.raises(TransitionError):
            moved(now, then)


def test_an_exception_is_the_end_and_nothing_unanswered_closes_a_request() -> None:
    """GDPR 12(3), 19: what is denied, held, failed, by hand or still kept by the operator leaves a request open."""
    assert not TRANSITIONS["exception"]
    assert {"verified", "not_found", "exception"} == CLOSED
    for state in STATES:
        assert state in CLOSED or TRANSITIONS[state], f"{state} would never end"


@pytest.mark.parametrize(
    ("trouble", "frozen", "word"),
    [
        ("absent", True, "already"), ("absent", False, "failed"), ("throttle", True, "retry_at"), ("quota", True, "retry_at"),
        ("token", True, "retry_at"), ("transient", True, "retry_at"), ("permission", True, "denied"), ("tenant", True, "denied"),
        ("held", True, "held"), ("conflict", True, "conflict"), ("bug", True, "failed"), ("unknown", True, "failed"),
    ],
)  # fmt: skip
def test_each_trouble_comes_to_one_outcome(trouble: Trouble, frozen: bool, word: str) -> None:
    """A wrong id never looks like success, and what is unknown is never taken for done."""
    found = outcome_of(trouble, "CODE", NOW, frozen=frozen)
    assert (found.word, found.code) == (word, "CODE")
    assert (found.until is not None) == (word == "retry_at")


def test_an_operator_that_names_a_time_is_heard() -> None:
    later = NOW + timedelta(hours=3)
    assert outcome_of("quota", "607", NOW, frozen=True, retry_at=later).until == later


@given(st.lists(st.sampled_from(["done", "already", "detached", "held", "denied", "conflict", "retry_at", "pending_window", "failed"])))
def test_the_worst_record_decides(words: list[str]) -> None:
    """A single failure, refusal or lock is never averaged away by a thousand successes."""
    state = state_after([Outcome(word) for word in words])  # type: ignore[arg-type]
    if "failed" in words:
        assert state == "failed"
    elif {"conflict", "retry_at"} & set(words):
        assert state == "running"
    elif "denied" in words:
        assert state == "denied"
    else:
        assert state == ("held" if "held" in words else "applied")


@pytest.mark.parametrize(
    ("verdict", "outcomes", "state"),
    [
        (Verdict("verified", 2, 0, 1), [Outcome("done")], "verified"),
        (Verdict("verified", 2, 0, 1), [Outcome("pending_window", until=NOW + timedelta(days=1))], "pending"),
        (Verdict("verified", 2, 0, 1), [Outcome("pending_window", until=NOW)], "verified"),
        (Verdict("void", 2, 0, 0), [Outcome("done")], "manual"),
        (Verdict("left", 2, 1, 1), [Outcome("done")], "running"),
    ],
)
def test_looking_again_decides_how_a_service_stands(verdict: Verdict, outcomes: list[Outcome], state: State) -> None:
    assert state_of(verdict, outcomes, NOW) == state


def test_the_last_copy_sets_the_day() -> None:
    ends = [Outcome("pending_window", until=NOW + timedelta(days=days)) for days in (1, 30, 7)]
    assert window_end([*ends, Outcome("done")], NOW) == NOW + timedelta(days=30)
    assert window_end([Outcome("done")], NOW) is None


@pytest.mark.parametrize(
    ("control", "level", "state"), [(1, "full", "not_found"), (0, "full", "manual"), (1, "partial", "manual")]
)
def test_finding_nobody_counts_only_where_everything_was_searched(control: int, level: str, state: State) -> None:
    """Nothing found proves nothing without the control, and nothing about stores that were not searched."""
    can = Can("leads", "find", level, "" if level == "full" else "not in every channel")  # type: ignore[arg-type]
    assert not_found_means(0, control, (can,)) == state
    with pytest.raises(ValueError, match="found"):
        not_found_means(1, control, (can,))


def test_whoever_feeds_another_is_erased_first() -> None:
    """Else the feed would bring the person back; a ring is refused by name."""
    feeds = {"salesforce": {"marketo"}, "shopdb": {"gcp"}}
    assert order(("marketo", "gcp", "salesforce", "shopdb", "slack"), feeds) == ("salesforce", "marketo", "shopdb", "gcp", "slack")
    with pytest.raises(ValueError, match="a, b"):
        order(("a", "b"), {"a": {"b"}, "b": {"a"}})


def test_only_what_feeds_a_service_is_waited_for() -> None:
    """A system that is away keeps nobody waiting but those it would write to again."""
    feeds = {"shop": {"salesforce"}, "salesforce": {"marketo"}, "slack": set[str]()}
    assert feeders("marketo", feeds) == {"shop", "salesforce"}
    assert feeders("slack", feeds) == frozenset()
    assert feeders("a", {"a": {"b"}, "b": {"a"}}) == {"a", "b"}


def test_waiting_grows_and_has_an_end() -> None:
    waits = [wait_for(failures) for failures in range(1, 30)]
    assert waits == sorted(waits)
    assert (waits[0], waits[1], waits[-1]) == (timedelta(seconds=30), timedelta(minutes=1), timedelta(hours=6))


def test_without_a_time_of_the_operator_the_next_try_is_in_half_a_minute() -> None:
    """services: whoever names no time is asked again half a minute later, and never in the past."""
    assert outcome_of("throttle", "x", NOW, frozen=True).until == NOW + timedelta(seconds=30)


def test_a_window_without_an_end_and_another_word_leave_nothing_to_wait_for() -> None:
    """rights.erasure (APPI 35; GDPR 17): only the operator's own copies have a window, and only where its end is known."""
    later = NOW + timedelta(days=1)
    assert window_end([Outcome("pending_window", "x"), Outcome("held", "x", later)], NOW) is None
    assert window_end([Outcome("pending_window", "x", later), Outcome("pending_window", "x")], NOW) == later
    assert window_end([Outcome("pending_window", "x", NOW)], NOW) is None


def test_a_plan_says_of_an_operation_what_each_store_does() -> None:
    """services: the stores that do it, in their order, and none that does something else only."""
    can = [Can("people", "erase", "full"), Can("people", "find", "full"), Can("logs", "erase", "none", "kept a month by the operator")]
    assert coverage(can, "erase") == (can[0], can[2])
