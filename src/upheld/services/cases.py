"""Cases: one thing to be done for one person in every service that may hold them, entered with the change that asks for it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import msgspec
import sqlalchemy as sa

from upheld.db import b64
from upheld.notice import House
from upheld.policy.model import Frozen
from upheld.records import CLASS_IDENTITY, KeyGoneError
from upheld.security.finding import records_about
from upheld.security.judging import version_of
from upheld.services import store
from upheld.services.connections import Connections, connections_of
from upheld.services.model import Identities, Op, Outcome, Ref
from upheld.services.rules import order
from upheld.services.store import Case, Target

NAMING = ("email", "phone", "visitor")
"""Formats of fields by which a person is known outside."""

OF_ENTRUSTED = ("transfer.made", "service.sent")
Settled = Callable[[House, str], None]
_settled: list[Settled] = []


def subscribe(house: House) -> None:
    """Forget what was known of whoever is erased, and keep the key of a case until it is over."""
    house.vault.on_erased(store.forget)
    house.vault.on_orphans(store.keyed)


def when_settled(tell: Settled) -> None:
    """Let a room above know when every service has answered for one of its references; it may be told twice."""
    if tell not in _settled:
        _settled.append(tell)


def reach(house: House) -> Connections:
    """Give the services that this installation can reach."""
    return connections_of(house.folder, house.clock)


def identities_of(house: House, tx: sa.Connection, members: Sequence[bytes]) -> Identities:
    """Collect by what a person is known outside, from everything that is held about them here."""
    found: dict[str, dict[str, None]] = {}
    for record in (one for member in members for one in house.vault.records_of(tx, member)):
        fields = version_of(house, record).fields
        for name, value in house.vault.open_fields(tx, record).items():
            declared = fields.get(name)
            if declared is not None and declared.format in NAMING:
                found.setdefault(declared.format, {})[str(value)] = None
    return Frozen({kind: tuple(values) for kind, values in found.items()})


def sent_to(house: House, members: Iterable[bytes]) -> tuple[str, ...]:
    """Name the services to which entries about a person say that data went or was let go."""
    found: dict[str, None] = {}
    for member in members:
        for entry in house.ledger.about(member):
            if entry.kind.name in OF_ENTRUSTED:
                body = house.ledger.body(entry)
                found[str(body.get("service") or body.get("to"))] = None
    return tuple(name for name in house.in_force().policy.services if name in found)


@dataclass(frozen=True, slots=True)
class Wanted:
    """An erasure that is to be carried into services: who it is, under the number whose key will seal that.

    `missing` are services that may hold the person and cannot be reached from here: somebody has to look.
    """

    key: bytes
    who: Identities
    names: tuple[str, ...]
    missing: tuple[str, ...]


def prepare(house: House, members: Sequence[bytes], sent: Collection[str]) -> Wanted | None:
    """Say what an erasure has to do in services, and make the key of its case; None where there is nothing to do.

    Call it before the transaction that begins the erasure: keys are durable first. One that is left over is swept.
    """
    reached = reach(house)
    names = order(tuple(reached.of), reached.feeds)
    missing = tuple(name for name in sent if name not in reached.of)
    if not names and not missing:
        return None
    with house.store.read() as tx:
        who = identities_of(house, tx, members)
    key = house.ids.uuid7()
    house.holdings.ring.ensure(key, ())
    return Wanted(key, who, names, missing)


def open_erasure(
    house: House, tx: sa.Connection, wanted: Wanted, reference: str, members: Sequence[bytes], *, actor: str, held: bool = False
) -> None:
    """Enter the erasure of a person in all services, in the transaction that begins it here.

    Under a legal hold (`held`) nothing is touched outside either, and each service stands as held.
    Clause: services (APPI 35; GDPR 17, 19)
    """
    now = house.clock.now()
    secret = {"who": dict(wanted.who), "known": _known(house, tx, members)}
    sealed = house.holdings.ring.seal(wanted.key, CLASS_IDENTITY, _aad(wanted.key), msgspec.msgpack.encode(secret))
    made = Case(
        wanted.key, reference, "erase", wanted.key, members[0], None, sealed, house.in_force().version, actor, now
    )
    targets = [Target(made.id, name, rank, due=now, at=now) for rank, name in enumerate(wanted.names)]
    if held:
        targets = [replace(one, state="held", code="legal_hold", due=None) for one in targets]
    targets += [
        Target(made.id, name, len(targets), "manual", "not_connected", at=now) for name in wanted.missing
    ]
    store.put(tx, made, targets)


def open_for(
    house: House, tx: sa.Connection, reference: str, op: Op, subject: bytes, names: Sequence[str], record: bytes | None = None
) -> bool:
    """Enter something to be done for a person who stays; says whether it is new."""
    if not names:
        return False
    now = house.clock.now()
    made = Case(house.ids.uuid7(), reference, op, subject, subject, record, None, house.in_force().version, "svc:services", now)
    ranked = order(tuple(names), {name: to for name, to in reach(house).feeds.items() if name in names})
    return store.put(tx, made, [Target(made.id, name, rank, due=now, at=now) for rank, name in enumerate(ranked)])


def secrets_of(house: House, tx: sa.Connection, case: Case) -> tuple[Identities, Mapping[str, list[Ref]]]:
    """Give who a case is about and which records services are known to hold; raises KeyGoneError when it is over."""
    if case.sealed is None:
        if case.subject is None or case.op == "erase":
            raise KeyGoneError
        members = house.vault.members(tx, case.subject)
        return identities_of(house, tx, members), _refs_known(_known(house, tx, members))
    plain = house.holdings.ring.unseal(case.keyed, CLASS_IDENTITY, _aad(case.id), case.sealed)
    told = msgspec.msgpack.decode(plain)
    return Frozen({kind: tuple(values) for kind, values in told["who"].items()}), _refs_known(told["known"])


def remember(house: House, tx: sa.Connection, subject: bytes, service: str, ref: Ref, at: datetime) -> None:
    """Keep which record a service holds of a person because we wrote it there; nothing where it is known already."""
    for row in store.known(tx, [subject], service):
        if _unsealed(house, row) == (ref.store, ref.key):
            return
    number = house.ids.uuid7()
    plain = msgspec.msgpack.encode([ref.store, list(ref.key)])
    sealed = house.holdings.ring.seal(subject, CLASS_IDENTITY, _aad(number), plain)
    store.put_known(tx, {"id": number, "subject": subject, "service": service, "sealed": sealed, "at": at})


def _unsealed(house: House, row: Any) -> tuple[str, tuple[object, ...]]:
    plain = house.holdings.ring.unseal(row.subject, CLASS_IDENTITY, _aad(row.id), row.sealed)
    name, key = msgspec.msgpack.decode(plain)
    return str(name), tuple(key)


def _known(house: House, tx: sa.Connection, members: Sequence[bytes]) -> dict[str, list[Any]]:
    told: dict[str, list[Any]] = {}
    for row in store.known(tx, members):
        name, key = _unsealed(house, row)
        told.setdefault(row.service, []).append([name, list(key)])
    return told


def _refs_known(told: Mapping[str, Any]) -> Mapping[str, list[Ref]]:
    return {service: [Ref(name, tuple(key), b"") for name, key in refs] for service, refs in told.items()}


@dataclass(frozen=True, slots=True)
class End:
    """How far a case has come: whether every service has answered, and whether nothing more of it is needed."""

    answered: bool
    over: bool


def end_of(house: House, tx: sa.Connection, case: Case) -> End:
    """Close a case whose targets have ended, and delete what is sealed of one that is over, inside a transaction."""
    of_case = store.targets(tx, case.id)
    if all(one.closed for one in of_case):
        store.close(tx, case.id, house.clock.now())
    over = case.sealed is not None and all(one.closed and one.due is None for one in of_case)
    if over:
        store.unseal_nothing_more(tx, case.id)
    return End(all(one.answered for one in of_case), over)


def after(house: House, case: Case, end: End) -> None:
    """Destroy the key of a case that is over, and tell the rooms above once every service has answered."""
    if end.over and case.keyed == case.id:
        house.holdings.ring.destroy(case.id, None)
    if end.answered:
        for tell in _settled:
            tell(house, case.reference)


# what is frozen of a target: records found, and what came of each


def freeze(house: House, case: Case, service: str, found: Mapping[Ref, Outcome | None]) -> bytes:
    """Seal the records of a target with what came of each so far."""
    rows = [
        [ref.store, list(ref.key), ref.version, ref.owner, _told(outcome)] for ref, outcome in found.items()
    ]
    return house.holdings.ring.seal(case.keyed, CLASS_IDENTITY, _aad(case.id, service), msgspec.msgpack.encode(rows))


def frozen(house: House, case: Case, target: Target) -> dict[Ref, Outcome | None]:
    """Open what `freeze` sealed; empty before anything was found."""
    if target.sealed is None:
        return {}
    plain = house.holdings.ring.unseal(case.keyed, CLASS_IDENTITY, _aad(case.id, target.service), target.sealed)
    return {Ref(row[0], tuple(row[1]), row[2], row[3]): _outcome(row[4]) for row in msgspec.msgpack.decode(plain)}


def _told(outcome: Outcome | None) -> list[Any] | None:
    return None if outcome is None else [outcome.word, outcome.code, outcome.until, outcome.evidence]


def _outcome(told: Sequence[Any] | None) -> Outcome | None:
    if told is None:
        return None
    word, code, until, evidence = told
    return Outcome(word, code, datetime.fromisoformat(until) if isinstance(until, str) else until, evidence)


def _aad(number: bytes, service: str = "") -> bytes:
    return b"upheld/service/" + number + service.encode()


def reference_of(entry_id: bytes) -> str:
    """Give the reference of what an entry of the ledger asks for."""
    return b64(entry_id)


def about(house: House, tx: sa.Connection, subject: bytes) -> list[Any]:
    """List the records of a person, of all their numbers."""
    return records_about(house, tx, subject)
