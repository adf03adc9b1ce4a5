"""Looking again: the same for every service, with a control that must be found by the same look-up."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Literal

from upheld.policy.model import Frozen
from upheld.services.model import Identities, Outcome, Ref, Verdict
from upheld.services.port import Service
from upheld.services.rules import window_end

GONE = ("done", "already", "pending_window")
"""Outcomes after which a record must not be readable under its own key."""


def look_again(
    service: Service,
    refs: Sequence[Ref],
    outcomes: Mapping[Ref, Outcome],
    who: Identities,
    control: Identities,
    now: datetime,
) -> Verdict:
    """Look for a person after an erasure: by the same look-up, and for each record by its own key.

    `control` names somebody made up who is always there: the look-up must find them, or finding nobody proves
    nothing and the verdict is void. A record that is found by its key although it should be gone counts once.

    Clause: rights.erasure (APPI 35; GDPR 17)
    """
    seen = _count(service.find(control)) if control else 0
    left = {ref for ref in service.find(who) if ref.owner == "subject"}
    gone = [ref for ref in refs if ref.owner == "subject" and (one := outcomes.get(ref)) is not None and one.word in GONE]
    if seen:  # whoever does not see the control may not even ask for single records
        left.update(service.there(gone))
    stores = Counter(ref.store for ref in left)
    state: Literal["verified", "left", "void"] = "void" if not seen else "left" if left else "verified"
    end = window_end(outcomes.values(), now)
    return Verdict(state, len(refs), len(left), seen, Frozen(sorted(stores.items())), end.date() if end else None)


def _count(found: Iterable[Ref]) -> int:
    return sum(ref.owner == "subject" for ref in found)
