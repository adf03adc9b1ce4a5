"""Values of the schedule: what is done daily, and how it stands."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta

from upheld.db import UpheldError

LEASE = timedelta(minutes=3)
"""How long a run counts as alive after its last sign of life; whoever was killed is followed after that."""

LATE = timedelta(hours=1)
"""How long after its time a job may still be undone before readiness says so."""

FIRST_RETRY, LAST_RETRY = timedelta(minutes=5), timedelta(hours=1)

Done = Mapping[str, int]
"""What a run did, as counts; never anything about a person."""


@dataclass(frozen=True, slots=True)
class Job:
    """Something done every `days` days at a time of the legal day; to do it twice must do no more than once."""

    name: str
    run: Callable[[], Done]
    at: time = time(0, 5)
    days: int = 1


@dataclass(frozen=True, slots=True)
class Standing:
    """How a job stands: when it last began and ended, when it is due, and what the last run did. Times are UTC.

    `failed` is the code of what stopped the last run, `failures` how many runs in a row were stopped. `held_until`
    is until when nobody else begins it: a run is under way, or it waits to be tried again.
    """

    name: str
    due: datetime | None = None
    started: datetime | None = None
    finished: datetime | None = None
    done: Done = field(default_factory=dict, hash=False)
    failed: str = ""
    failures: int = 0
    holder: str = ""
    held_until: datetime | None = None

    def is_running(self, now: datetime) -> bool:
        """Say whether somebody is at it."""
        return bool(self.holder) and self.held_until is not None and self.held_until > now

    def is_behind(self, now: datetime) -> bool:
        """Say whether its time is long past and it is not done."""
        return self.due is not None and self.due + LATE <= now


def retry_after(failures: int) -> timedelta:
    """Give how long to wait after so many failures in a row: five minutes, doubled each time, an hour at most."""
    return min(FIRST_RETRY * (1 << min(failures - 1, 10)), LAST_RETRY)


class JobUnknownError(UpheldError):
    """Nothing of that name is on the schedule."""

    code = "job_unknown"
    clause = "retention"
    next_step = "`upheld schedule` lists the names."


class JobHeldError(UpheldError):
    """Somebody is at it."""

    code = "job_held"
    clause = "retention"
    next_step = "Wait until the run under way has ended; `upheld schedule` tells."
    permanent = False
