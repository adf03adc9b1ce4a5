"""The thread in which a server carries into services what was decided here."""

from __future__ import annotations

from upheld.notice import House
from upheld.services import cases
from upheld.services.actions import carry_out
from upheld.workflows import Watch

LOOKING_SECONDS = 1.0
"""How often a server looks whether something is due in a service."""


class Courier(Watch):
    """A thread that delivers, corrects, restricts and erases in services; of several servers one talks to each service."""

    name = "courier"
    failed = "services were not asked"
    patience = 30.0  # a call under way is answered first

    def __init__(self, house: House, seconds: float = LOOKING_SECONDS) -> None:
        """Watch a house; `seconds` is how often it looks."""
        super().__init__(seconds)
        self._house = house

    def look(self) -> int:
        """Do what is due, once a policy is in force and something is connected; gives how many steps were taken."""
        return self._tried(self._carry, otherwise=0)

    def _carry(self) -> int:
        if self._house.shelf.in_force() is None or not cases.reach(self._house).of:
            return 0
        return carry_out(self._house)["steps"]
