"""Which findings stop a publication, and the day from which a version counts: rules without a store."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from tests.support import NOW, REFERENCE
from upheld.amendment.rules import effective_from, stopping
from upheld.policy.compile import compile_policy
from upheld.policy.findings import Finding
from upheld.policy.law import load_law
from upheld.policy.model import Frozen
from upheld.policy.period import Period

OUTCOME = compile_policy(REFERENCE, load_law(), NOW.date())
POLICY = OUTCOME.draft
EVENING = datetime(2026, 11, 22, 16, tzinfo=UTC)
"""One in the morning of the next day in Tokyo."""


@pytest.mark.parametrize(
    ("promised", "periods", "now", "begins"),
    [
        ("on_posting", {}, NOW, NOW),
        ("P0D", {}, NOW, NOW),
        ("P30D", {}, NOW, datetime(2026, 12, 22, 15, tzinfo=UTC)),
        ("P30D", {}, EVENING, datetime(2026, 12, 23, 15, tzinfo=UTC)),
        ("on_posting", {"eea": Period(1, "M")}, NOW, datetime(2026, 12, 22, 15, tzinfo=UTC)),
        ("P1D", {"eea": Period(2, "W"), "uk": Period(1, "W")}, NOW, datetime(2026, 12, 6, 15, tzinfo=UTC)),
        ("P30D", {"eea": Period(2, "W")}, NOW, datetime(2026, 12, 22, 15, tzinfo=UTC)),
    ],
)
def test_a_version_counts_as_the_one_before_it_promised(
    promised: str, periods: dict[str, Period], now: datetime, begins: datetime
) -> None:
    """amendment.default (APPI 21(3)): the longest notice passes whole, in days of the company; then a new day begins."""
    before = replace(POLICY, amendment=replace(POLICY.amendment, effective=promised, notice_period=Frozen(periods)))
    assert effective_from(before, now) == begins


def test_the_first_version_waits_for_nothing() -> None:
    """amendment.default: nobody was promised a notice before there was a policy."""
    assert effective_from(None, NOW) == NOW


def test_errors_and_dates_that_passed_stop_a_publication() -> None:
    """An error stops, and so does a warning that a date has passed; another warning is only told."""
    told = [("PP016", "warning"), ("PP107", "warning"), ("PP101", "error")]
    found = tuple(Finding(code, (), severity=severity) for code, severity in told)
    assert [one.code for one in stopping(replace(OUTCOME, findings=found))] == ["PP016", "PP101"]
