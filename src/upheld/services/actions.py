"""Doing what is due in services, and saying how it stands."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from upheld.notice import House
from upheld.services import cases, store
from upheld.services.carrying import Carrier
from upheld.services.delivering import dispatch
from upheld.services.store import Case, Target


def carry_out(house: House) -> dict[str, int]:
    """Read on in the ledger and do what is due, until nothing more is; gives counts of new cases and of steps.

    Safe in several processes at once: each service is talked to by one of them.
    Clause: services
    """
    carrier = Carrier(house, cases.reach(house), holder=house.ids.random(8).hex())
    made = steps = 0
    while True:
        new = dispatch(house)
        done = carrier.look()
        made, steps = made + new, steps + done
        if not new and not done:
            return {"cases": made, "steps": steps}


def overview(house: House) -> list[dict[str, Any]]:
    """Give each service of the policy and of the connections: how it is reached, what it feeds, counts of cases by state."""
    reached = cases.reach(house).of
    with house.store.read() as tx:
        counts = store.counts(tx)
    return [
        {
            "service": name,
            "connection": reached[name].kind if name in reached else "",
            "feeds": list(reached[name].feeds) if name in reached else [],
            "cases": {state: count for (service, state), count in sorted(counts.items()) if service == name},
        }
        for name in dict.fromkeys((*house.in_force().policy.services, *reached))
    ]


def said(case: Case, targets: Sequence[Target]) -> dict[str, Any]:
    """Give a case as data: references, states and counts; nothing of the person."""
    return {
        "reference": case.reference,
        "op": case.op,
        "opened_at": case.opened_at.isoformat(),
        "closed_at": case.closed_at.isoformat() if case.closed_at else None,
        "services": [
            {
                "service": one.service,
                "state": one.state,
                "code": one.code,
                "records": one.records,
                "outcomes": dict(one.told),
                "until": one.until.isoformat() if one.until else None,
                "due": one.due.isoformat() if one.due else None,
            }
            for one in targets
        ],
    }
