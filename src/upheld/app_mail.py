"""The thread in which a server sends the mails that a person's own act calls for."""

from __future__ import annotations

from upheld.notice import House
from upheld.services.mail import Smtp
from upheld.services.mail.confirming import send_waiting
from upheld.workflows import Watch

LOOKING_SECONDS = 2.0
"""How often a server looks whether a mail waits; after a failure it waits longer."""

LONGEST_SECONDS = 300.0


class Poster(Watch):
    """A thread that sends what waits; several servers over one store share the work and send each mail once."""

    name = "poster"
    failed = "mail was not sent"
    patience = 30.0  # a mail under way leaves first

    def __init__(self, house: House, seconds: float = LOOKING_SECONDS) -> None:
        """Watch a house that has a mail server set; `seconds` is how often it looks."""
        super().__init__(seconds)
        self._house = house

    def _run(self) -> None:
        wait = self._seconds
        while not self._ended.wait(wait):
            wait = self._seconds if self.look() else min(max(wait, 1.0) * 2, LONGEST_SECONDS)

    def look(self) -> bool:
        """Send what waits once a policy is in force; says whether nothing stood in the way."""
        return self._tried(self._send, otherwise=False)

    def _send(self) -> bool:
        settings = self._house.serving.mail
        if settings is not None and self._house.shelf.in_force() is not None:
            send_waiting(self._house, Smtp.of(settings.smtp))
        return True
