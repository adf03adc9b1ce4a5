"""What is done every day without anybody asking, and the thread in which a server does it."""

from __future__ import annotations

import logging
import threading
from datetime import time

from upheld.basis.actions import expire_ended
from upheld.basis.confirming import forget_late
from upheld.db import StoreBusyError, UpheldError
from upheld.notice import House
from upheld.retention import sweep
from upheld.services import links
from upheld.workflows import Job, Schedule
from upheld.workflows.model import Done

log = logging.getLogger("upheld.app")

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


class Steward:
    """A thread that does what is due; several servers over one store share the work and do each thing once."""

    def __init__(self, house: House, seconds: float = LOOKING_SECONDS) -> None:
        """Watch a house; `seconds` is how often it looks."""
        self._house = house
        self._seconds = seconds
        self._schedule = schedule_of(house)
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="upheld-steward", daemon=True)

    def start(self) -> None:
        """Begin with a look: something may have come due while no server ran."""
        self._thread.start()

    def stop(self) -> None:
        """End; what is under way goes on for a moment, and what it leaves the next look takes up."""
        self._ended.set()
        self._thread.join(timeout=10)

    def _run(self) -> None:
        while not self._ended.is_set():
            self.look()
            self._ended.wait(self._seconds)

    def look(self) -> list[str]:
        """Do what is due, once a policy is in force; gives the names of what was done here."""
        try:
            return self._schedule.look() if self._house.shelf.in_force() is not None else []
        except UpheldError as error:
            log.error("the schedule was not looked at: %s", error.diagnostic.code)  # noqa: TRY400 - no traceback: see web.answers
        except Exception as error:  # a thread that dies would leave everything undone
            log.error("looking at the schedule failed: %s", type(error).__name__)  # noqa: TRY400 - no traceback: see web.answers
        return []
