"""Which findings stop a publication, and when a version takes effect; pure."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from upheld.policy.compile import DATE_FINDINGS, Compiled
from upheld.policy.findings import Finding
from upheld.policy.model import CompiledPolicy
from upheld.policy.period import Period


def stopping(outcome: Compiled) -> tuple[Finding, ...]:
    """Give the open findings that stop publication: every error, and every date that has passed.

    A date that passed never stops what is already served.
    """
    return tuple(
        finding for finding in outcome.findings if finding.severity == "error" or finding.code in DATE_FINDINGS
    )


def effective_from(before: CompiledPolicy | None, now: datetime) -> datetime:
    """Give the moment (UTC) at which a version published now takes effect, as the version in force promised.

    The longest notice counts; a waiting version takes effect as a legal day of the company begins. The first
    version holds at once.
    Clause: amendment.default (APPI 21(3))
    """
    if before is None:
        return now
    waits = [Period.parse(before.amendment.effective), *before.amendment.notice_period.values()]
    zone = ZoneInfo(before.timezone)
    today = now.astimezone(zone).date()
    days = [wait.after(today) for wait in waits if wait is not None]
    return _begin(max(days), zone) if days and max(days) > today else now


def _begin(day: date, zone: ZoneInfo) -> datetime:
    """Give the first moment after a day."""
    following = day + timedelta(days=1)
    return datetime(following.year, following.month, following.day, tzinfo=zone).astimezone(UTC)
