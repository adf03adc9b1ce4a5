"""Deliveries: what was taken goes to the services its purposes name, and what a person decides follows it there.

The ledger is the outbox: the entry of the change is what is read here, in its order, so nothing is sent that was not
written down first, and nothing that was written down is left out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import sqlalchemy as sa

from upheld.basis.model import EVERY
from upheld.db import b64, retried, unb64
from upheld.ledger import Entry
from upheld.ledger.model import BodyErasedError
from upheld.notice import House
from upheld.policy.model import CompiledPolicy, Frozen
from upheld.records import KeyGoneError, Record, RecordUnknownError
from upheld.security.judging import version_of
from upheld.security.model import Reader
from upheld.services import cases, store
from upheld.services.model import Delivery, Identities, Op, Ref
from upheld.services.port import Service, ServiceError
from upheld.transfers.actions import transfer
from upheld.transfers.model import Hop
from upheld.transfers.regions import country_of
from upheld.web.refusals import Refusal

TAKEN = ("collect.accepted", "record.imported")
FOLLOWED = (
    *TAKEN, "record.corrected", "consent.given", "consent.withdrawn", "consent.expired", "consent.revoked", "objection.raised",
    "restriction.set", "restriction.lifted",
)  # fmt: skip
STOPPING = ("consent.withdrawn", "consent.expired", "consent.revoked", "objection.raised")
PAGE = 200
DELIVERER = Reader("svc:delivery", None, staff=False)


@dataclass(frozen=True, slots=True)
class Delivered:
    """What came of a delivery: the record it made, or why the gate refused it, by purpose."""

    ref: Ref | None = field(repr=False)
    word: str = ""
    code: str = ""
    purposes: tuple[str, ...] = ()
    fields: tuple[str, ...] = ()
    decisions: tuple[str, ...] = ()
    refused: Mapping[str, str] = field(default_factory=Frozen, hash=False)


def dispatch(house: House) -> int:
    """Read on in the ledger and enter what follows from it for each service; gives how many cases are new.

    Each service reads by itself, so one that is connected later gets what was taken before.
    Clause: services (APPI 25, 27, 28; GDPR 28)
    """
    if house.shelf.in_force() is None:
        return 0
    ours = house.in_force().policy.services
    return sum(_read_on(house, name) for name in cases.reach(house).of if name in ours)


def _read_on(house: House, service: str) -> int:
    made, more = 0, True
    while more:
        new, more = _page(house, service)
        made += new
    return made


@retried
def _page(house: House, service: str) -> tuple[int, bool]:
    """Enter what follows from one page of the ledger, and how far it was read, in one transaction."""
    name, made = f"deliver:{service}", 0
    with house.store.read() as tx:
        before = store.position(tx, name)
        entries = house.ledger.entries_since(before, PAGE, kinds=FOLLOWED, tx=tx)
    if not entries:
        return 0, False
    last = entries[-1].n
    with house.store.write() as tx:
        if last is None or not store.move(tx, name, before, last + 1):
            return 0, False
        for entry in entries:
            made += _follow(house, tx, service, entry)
    return made, len(entries) == PAGE


def _follow(house: House, tx: sa.Connection, service: str, entry: Entry) -> int:
    """Enter what one entry asks of a service; nothing of a person whose key is gone."""
    if entry.subject is None:
        return 0
    held = house.vault.subject(tx, entry.subject)
    if held is None or held.state != "live":
        return 0
    try:
        body = house.ledger.body(entry, tx=tx)
    except BodyErasedError:
        return 0
    policy = house.in_force().policy
    purpose = str(body.get("purpose", "")).partition(".")[0]
    record = unb64(body["record"]) if "record" in body else None
    kind, made = entry.kind.name, 0
    if kind in TAKEN and record is not None and _serves(policy, service, str(body.get("situation", ""))):
        made += _open(house, tx, service, entry, "write", record)
    elif kind == "consent.given" and not _with_form(body) and purpose in policy.services[service].purposes:
        for number, one in enumerate(cases.about(house, tx, entry.subject)):
            made += _open(house, tx, service, entry, "write", one.id, number)
    if not store.known(tx, [entry.subject], service):
        return made
    op = _op(policy, service, kind, purpose)
    if op is not None:
        made += _open(house, tx, service, entry, op, record)
    return made


def _serves(policy: CompiledPolicy, service: str, situation: str) -> bool:
    """Say whether a service takes part in any purpose of a situation; what it takes no part in is not even asked."""
    stated = policy.situations.get(situation)
    return stated is not None and not set(stated.purpose_ids).isdisjoint(policy.services[service].purposes)


def _with_form(body: Mapping[str, object]) -> bool:
    """Say whether a consent was ticked in the form that took the record: its own entry asks for the delivery."""
    return ":" in str(body.get("how", ""))


def _op(policy: CompiledPolicy, service: str, kind: str, purpose: str) -> Op | None:
    """Say what a decision of the person means for a service that holds their data.

    What stops marketing suppresses, at once and durably; what stops anything else restricts.
    Clause: rights.objection (GDPR 7(3), 18, 19, 21(3); APPI 35)
    """
    if kind == "record.corrected":
        return "correct"
    served = policy.services[service].purposes
    if purpose != EVERY and purpose not in served:
        return None
    if kind == "restriction.set":
        return "restrict"
    if kind == "restriction.lifted":
        return "release"
    markets = purpose in policy.purposes and policy.purposes[purpose].act == "send_marketing"
    if kind in STOPPING:
        return "suppress" if markets else "restrict"
    return "unsuppress" if kind == "consent.given" and markets else None


def _open(
    house: House, tx: sa.Connection, service: str, entry: Entry, op: Op, record: bytes | None, number: int = 0
) -> bool:
    reference = f"{entry.ref}.{service}" + (f".{number}" if number else "")
    return entry.subject is not None and cases.open_for(house, tx, reference, op, entry.subject, (service,), record)


# one delivery


def deliver(
    house: House, service: Service, case: store.Case, who: Identities, known: Sequence[Ref], idem: str, now: datetime
) -> Delivered:
    """Ask the gate for each purpose of the service that the situation states, and write what it lets through, no more.

    Asked at the moment of sending: who withdrew meanwhile is not sent. Raises ServiceError.
    Clause: services (APPI 23, 25, 28; GDPR 28, 44)
    """
    record = _record(house, case)
    row = house.in_force().policy.services.get(service.name)
    if record is None or row is None:
        return Delivered(None, code="record_gone" if record is None else "service_unknown")
    region = _region(service)
    fields, decisions, allowed, refused = dict[str, None](), list[str](), list[str](), dict[str, str]()
    stated = version_of(house, record).situations[record.situation].purpose_ids
    for purpose in (one for one in row.purposes if one in stated):
        try:
            leave = transfer(
                house, DELIVERER, Hop(service.name, purpose, b64(record.subject), record=record.ref, region=region)
            ).leaves[0]
        except Refusal as error:
            refused[purpose] = error.diagnostic.code
            continue
        fields.update(dict.fromkeys(leave.fields))
        decisions.append(leave.entry)
        allowed.append(purpose)
    if not allowed:
        return Delivered(None, code=next(iter(refused.values()), "purpose_not_declared"), refused=Frozen(refused))
    taken = service.takes()
    with house.store.read() as tx:
        values = _values(house, tx, record, [name for name in fields if name in taken])
    ref, outcome = service.write(Delivery(who, values, tuple(allowed), decisions[0], idem, tuple(known)))
    if outcome.word not in {"done", "already"}:
        raise ServiceError("throttle" if outcome.word == "retry_at" else "tenant", outcome.code, retry_at=outcome.until)
    return Delivered(ref, outcome.word, "", tuple(allowed), tuple(values), tuple(decisions), Frozen(refused))


def _region(service: Service) -> str | None:
    """Give where what is written would lie, for the gate to compare with the policy."""
    writable = {one.store for one in service.capabilities() if one.op == "write" and one.level != "none"}
    for place in service.locations():
        if place.store in writable:
            return place.region if country_of(place.region) else place.country
    return None


def _record(house: House, case: store.Case) -> Record | None:
    if case.record is None:
        return None
    try:
        with house.store.read() as tx:
            return house.vault.record(tx, case.record)
    except RecordUnknownError:
        return None


def _values(house: House, tx: sa.Connection, record: Record, names: Sequence[str]) -> Mapping[str, str]:
    opened = house.vault.open_fields(tx, record)
    return Frozen({name: _written(opened[name]) for name in names if opened.get(name) not in (None, "", [])})


def _written(value: object) -> str:
    """Write a value as other systems take it: a text; of a list its parts, one a line."""
    return "\n".join(map(str, value)) if isinstance(value, list) else str(value)


def values_now(house: House, tx: sa.Connection, case: store.Case) -> Mapping[str, str]:
    """Give the values of a record as they stand, for a correction; raises KeyGoneError where it is gone."""
    record = _record(house, case)
    if record is None:
        raise KeyGoneError
    opened = house.vault.open_fields(tx, record)
    return Frozen({name: _written(value) for name, value in opened.items() if value not in (None, "", [])})
