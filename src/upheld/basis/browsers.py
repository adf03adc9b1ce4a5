"""Browsers: a choice made in one decides how its purposes stand for that visitor."""

from __future__ import annotations

import sqlalchemy as sa

from upheld.basis.actions import standing_of
from upheld.ledger import Event
from upheld.notice import House


def subscribe(house: House) -> None:
    """Keep standings in step with what visitors choose."""
    house.ledger.subscribe("cookie.chosen", lambda tx, event: _project(house, tx, event))


def _project(house: House, tx: sa.Connection, event: Event) -> None:
    """Set how each purpose stands from this choice on; a later grant beats the signal.

    A refusal of what was never allowed changes nothing that an objection stopped already.
    Clause: cookies.gpc (GDPR 7(3), 21)
    """
    if event.subject is None:
        return
    for purpose, said in event.body["states"].items():
        state = "given" if said == "granted" else str(said)
        if state == "refused" and standing_of(house, tx, event.subject, purpose) == "objected":
            continue
        house.vault.set_standing(tx, event.subject, purpose, state, event.entry_id)
