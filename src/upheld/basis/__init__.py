"""Legal bases: why a purpose may be followed. Promises that consent is given and withdrawn with equal ease, and that a withdrawal binds the next decision."""

from upheld.basis.actions import object_to, record_consent, standing_of, standings_of, state_choice, withdraw
from upheld.basis.model import CONSENT_STATES, MARKS, Ground, Refused, Standings, mark_key
from upheld.basis.rules import check_basis, check_standing

__all__ = [
    "CONSENT_STATES",
    "MARKS",
    "Ground",
    "Refused",
    "Standings",
    "check_basis",
    "check_standing",
    "mark_key",
    "object_to",
    "record_consent",
    "standing_of",
    "standings_of",
    "state_choice",
    "withdraw",
]
