"""Erasing in one database of the company, told in the ledger: what was found, done, and seen afterwards."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from upheld.db import UpheldError, retried
from upheld.notice import House
from upheld.policy.model import Frozen
from upheld.records import IdentifierSharedError
from upheld.security import staff
from upheld.services.model import Identities, Verdict
from upheld.services.secrets import resolve
from upheld.services.sql.adapter import Erased, SqlService
from upheld.services.sql.live import Finding
from upheld.services.sql.mapping import SqlMap, read_map
from upheld.services.sql.planning import Plan
from upheld.services.written import MapError, Trouble

FOLDER = "databases"


@dataclass(frozen=True, slots=True)
class Told:
    """What an erasure in one database came to; `erased` is None where nothing was done."""

    plan: Plan
    erased: Erased | None = None
    verdict: Verdict | None = None


def map_of(data: Path, name: str) -> SqlMap:
    """Read the map of a database from the data folder; raises MapError, also for a name that has none."""
    file = data / FOLDER / f"{name}.yaml"
    if not name.replace("_", "").isalnum() or not file.is_file():
        known = ", ".join(sorted(one.stem for one in (data / FOLDER).glob("*.yaml"))) or "none"
        raise MapError((Trouble("map_missing", FOLDER, f"has no map of that name; there are: {known}"),))
    return read_map(file)


def check(data: Path, name: str) -> tuple[Finding, ...]:
    """Say in what a map and its database differ.

    Clause: services
    """
    mapping = map_of(data, name)
    return SqlService.look(mapping, resolve(mapping.url, data))


def look_up(house: House, data: Path, name: str, who: Identities) -> Told:
    """Give what an erasure would do, tried and taken back; nothing is changed and nothing written down."""
    service = _service(data, name)
    try:
        return Told(service.plan(who))
    finally:
        service.close()


def erase(house: House, data: Path, name: str, who: Identities, control: Identities, *, by: int) -> Told:
    """Erase a person's rows and look again; what was found, done and seen is in the ledger, in counts.

    Raises DatabaseError with nothing changed; what stopped it is in the ledger, too. A cut between the database's
    own commit and the last entries leaves `service.found` without an end: run it again, and it says `already`.
    Clause: services (APPI 35; GDPR 17, 19)
    """
    with house.store.read() as tx:
        staff.account(house, tx, by)
    service = _service(data, name)
    known = _known(house, who)
    try:
        plan = service.plan(who)
        _note(house, known, "service.found", by, {"service": name, "rows": len(plan.acts), "plan": plan.digest})
        erased = service.erase(plan, who)
        _note(house, known, "service.erased", by, {"service": name, "plan": plan.digest, **erased.counts()})
        verdict = service.verify(plan, who, control, on=house.today())
    except UpheldError as error:
        _note(house, known, "service.failed", by, {"service": name, "code": error.diagnostic.code})
        raise
    finally:
        service.close()
    seen = {"state": verdict.state, "before": verdict.before, "after": verdict.after, "control": verdict.control}
    _note(house, known, "service.verified", by, {"service": name, "plan": plan.digest, **seen})
    house.stirred.set()
    return Told(plan, erased, verdict)


def _service(data: Path, name: str) -> SqlService:
    mapping = map_of(data, name)
    return SqlService(mapping, resolve(mapping.url, data))


def _known(house: House, who: Identities) -> bytes | None:
    """Find whose erasure it is in our own store, so that the entries stand with the person; None for nobody there."""
    region = house.in_force().policy.controller.country
    for kind, values in who.items():
        for value in values:
            try:
                found = house.vault.find(kind, value, region=region)
            except (IdentifierSharedError, ValueError):
                continue
            if found is not None:
                return found
    return None


@retried
def _note(house: House, subject: bytes | None, kind: str, by: int, body: dict[str, object]) -> None:
    with house.store.write() as tx:
        house.ledger.append(
            tx, kind, clause="services", policy_version=house.in_force().version, actor=f"staff:{by}",
            body=Frozen(body), subject=subject,
        )  # fmt: skip
