"""What is done every day without anybody asking, and the thread in which a server does it."""

from __future__ import annotations

from datetime import time

from upheld.basis.actions import expire_ended
from upheld.basis.confirming import forget_late
from upheld.db import StoreBusyError
from upheld.notice import House
from upheld.retention import sweep
from upheld.services import links
from upheld.workflows import Job, Schedule, Watch
from upheld.workflows.model import Done

LOOKING_SECONDS = 30.0
"""How often a server looks whether something is due."""

DEEP_NIGHT = time(2, 30)


def schedule_of(house: House) -> Schedule:
    """Give the schedule of a house: consents that ended and links of mails long closed, data whose period is over, keys that nothing belongs to.

    With `watch_links` in `serving.toml` also the links to the operators' own texts.

    Clause: retention.ceiling (APPI 22; GDPR 5(1)(e))
    """
    jobs = (
        Job("consents", lambda: {"expired": expire_ended(house), "links_forgotten": forget_late(house)}),
        Job("retention", lambda: _sweep(house)),
        Job("keys", lambda: {"destroyed": house.vault.orphan_sweep()}, at=DEEP_NIGHT, days=7),
        *([Job("links", lambda: links.counts(links.check(house)), at=DEEP_NIGHT)] if house.serving.watch_links else ()),
    )
    holder = house.ids.random(8).hex()
    return Schedule(house.store, house.clock, jobs, zone=lambda: house.in_force().policy.timezone, holder=holder)


def _sweep(house: House) -> Done:
    """Finish what another process left between fence and end, then erase what is due today."""
    house.vault.resume_erasures()
    done = sweep(house)
    return {"people": done.people, "records": done.records, "kept_by_law": done.kept_by_law}


def behind(house: House) -> list[str]:
    """Name what is long due and not done; while the store is away nobody knows, and readiness says that itself."""
    try:
        return schedule_of(house).behind()
    except StoreBusyError:
        return []


class Steward(Watch):
    """A thread that does what is due; several servers over one store share the work and do each thing once.

    What is under way when it ends goes on for a moment, and what it leaves the next look takes up.
    """

    name = "steward"
    failed = "the schedule was not looked at"

    def __init__(self, house: House, seconds: float = LOOKING_SECONDS) -> None:
        """Watch a house; `seconds` is how often it looks."""
        super().__init__(seconds)
        self._house = house
        self._schedule = schedule_of(house)

    def _run(self) -> None:
        self.look()  # something may have come due while no server ran
        super()._run()

    def look(self) -> list[str]:
        """Do what is due, once a policy is in force; gives the names of what was done here."""
        return self._tried(self._do, [])

    def _do(self) -> list[str]:
        return self._schedule.look() if self._house.shelf.in_force() is not None else []
