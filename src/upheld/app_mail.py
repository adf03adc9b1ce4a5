"""The thread in which a server sends the mails that a person's own act calls for."""

from __future__ import annotations

import logging
import threading

from upheld.db import UpheldError
from upheld.notice import House
from upheld.services.mail import Smtp
from upheld.services.mail.confirming import send_waiting

log = logging.getLogger("upheld.app")

LOOKING_SECONDS = 2.0
"""How often a server looks whether a mail waits; after a failure it waits longer."""

LONGEST_SECONDS = 300.0


class Poster:
    """A thread that sends what waits; several servers over one store share the work and send each mail once."""

    def __init__(self, house: House, seconds: float = LOOKING_SECONDS) -> None:
        """Watch a house that has a mail server set; `seconds` is how often it looks."""
        self._house = house
        self._seconds = seconds
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="upheld-poster", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End; a mail under way leaves first."""
        self._ended.set()
        self._thread.join(timeout=30)

    def _run(self) -> None:
        wait = self._seconds
        while not self._ended.wait(wait):
            wait = self._seconds if self.look() else min(max(wait, 1.0) * 2, LONGEST_SECONDS)

    def look(self) -> bool:
        """Send what waits once a policy is in force; says whether nothing stood in the way."""
        settings = self._house.serving.mail
        if settings is None or self._house.shelf.in_force() is None:
            return True
        try:
            send_waiting(self._house, Smtp.of(settings.smtp))
        except UpheldError as error:
            log.error("mail was not sent: %s", error.diagnostic.code)  # noqa: TRY400 - no traceback: see web.answers
            return False
        except Exception as error:  # a thread that dies would send nothing any more
            log.error("sending mail failed: %s", type(error).__name__)  # noqa: TRY400 - no traceback: see web.answers
            return False
        return True
