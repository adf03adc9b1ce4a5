"""What is due, the plan of it, and carrying it out; ends of relationships; each with its ledger entry."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from itertools import groupby
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from upheld.db import b64, canonical, retried
from upheld.notice import House
from upheld.policy.model import CompiledPolicy, Frozen
from upheld.records import Record, RecordUnknownError, Relation, SubjectErasedError, SubjectErasingError
from upheld.retention import holds, store
from upheld.retention.model import (
    Overdue,
    Plan,
    PlanCountError,
    PlanError,
    PlanStaleError,
    Starts,
    Swept,
    unhashed,
)
from upheld.retention.rules import HELD, overdue, retained_until, shortest_days, summary
from upheld.retention.sweeping import Sweeper
from upheld.security import keep_by
from upheld.security.model import Kept
from upheld.web.refusals import Refusal

ALL = 10**9
_DECLARED_EVENTS = ("collect.accepted", "contact.received", "contact.answered")


def subscribe(house: House) -> None:
    """Let the gate of the reads ask this room how long a record may be read, and keep holds in step with the ledger."""
    keep_by(kept_of)
    holds.subscribe(house)


def kept_of(
    house: House, tx: sa.Connection, record: Record, policy: CompiledPolicy, *, held: bool | None = None
) -> Kept:
    """Give the periods of a record under its own version, the stricter of it and a newer one that reaches back.

    Legal holds keep it besides; `held` says whether any is on the person, where the caller knows.
    Clause: retention.ceiling (APPI 22)
    """
    current = house.in_force().policy
    newer = current if current.version != policy.version else None
    kept = retained_until(policy, record.situation, starts_of(house, tx, record, policy), current=newer)
    kept = replace(kept, locks=(*kept.locks, *holds.locks_of(house, tx, record.subject, frozenset(kept.ends), held=held)))
    if record.shred_class.startswith(HELD):  # only the statute or the hold keeps it, however young it is
        return replace(kept, ends=Frozen(dict.fromkeys(kept.ends, date.min)))
    return kept


def starts_of(house: House, tx: sa.Connection, record: Record, policy: CompiledPolicy) -> Starts:
    """Find when the clocks of a record began, as legal days of the company.

    Clause: retention.starts
    """
    zone = ZoneInfo(policy.timezone)
    members = house.vault.members(tx, record.subject)

    began: dict[str, datetime] = {}
    for member in members:
        for word, at in house.vault.starts_of(tx, member, record.relation).items():
            began[word] = max(at, began.get(word, at))
    days = {word: at.astimezone(zone).date() for word, at in began.items()}
    relations = [relation for one in members for relation in house.vault.relations_of(tx, one)]
    own = [one for one in relations if one.id == record.relation]
    # The relationship named at the taking counts alone for its kind; other kinds are the person's.
    counted = own + [one for one in relations if one.kind not in {named.kind for named in own}]
    still = frozenset(one.kind for one in counted if one.ended is None)
    ended: dict[str, date] = {}
    for one in counted:
        if one.ended is not None:
            ended[one.kind] = max(one.ended, ended.get(one.kind, one.ended))
    declared = {word: days[word] for word in policy.retention.starts if word in days}
    recorded = record.collected_at.astimezone(zone).date()
    return Starts(recorded, days.get("last_contact"), days.get("last_visit"), ended, still, declared)


def due(house: House, on: date | None = None) -> list[Overdue]:
    """List the records of which something is due on a legal day (default: today), by subject.

    Clause: retention.ceiling (APPI 22)
    """
    with house.store.read() as tx:
        return _due(house, tx, on or house.today())


def _due(house: House, tx: sa.Connection, on: date) -> list[Overdue]:
    policies = {published.version: published.policy for published in house.shelf.versions()}
    latest = on - timedelta(days=shortest_days(policies.values()))
    until = datetime.combine(latest + timedelta(days=1), time.max, tzinfo=UTC)
    candidates = {
        found.record.id: found.record
        for word, end in (("recorded", until), ("relation_ended", latest))
        for found in house.vault.due(tx, word, until=end, limit=ALL)
    }
    # Where a hold ended, what was asked to be erased under it is due however young it is.
    held = (one for subject in store.released_from(tx, on) for one in house.vault.records_of(tx, subject))
    candidates |= {record.id: record for record in held if record.shred_class.startswith(HELD)}
    found: list[Overdue] = []
    for record in sorted(candidates.values(), key=lambda one: (one.subject, one.id)):
        one = look(house, tx, record, policies[record.policy_version], on)
        if one is not None:
            found.append(one)
    return found


def look(house: House, tx: sa.Connection, record: Record, policy: CompiledPolicy, on: date) -> Overdue | None:
    """Say what of one record is due; it is opened only where some of its fields may stay."""
    kept = kept_of(house, tx, record, policy)
    if not any(kept.over(name, on) for name in kept.ends):
        return None
    names: Iterable[str] = kept.ends
    whole = all(kept.over(name, on) for name in kept.ends)
    if not whole or any(on <= lock.until for lock in kept.locks):
        names = house.vault.open_fields(tx, record)
    cut = overdue(kept, names, record.shred_class, on)
    return None if cut is None else Overdue(record, cut)


# plans


def plan(house: House) -> Plan:
    """Say what would be erased today, and on what it was made; nothing is changed.

    Clause: retention.ceiling (APPI 22)
    """
    policy = house.in_force().policy
    return _plan(house, policy, due(house, house.today(policy)))


def _plan(house: House, policy: CompiledPolicy, found: list[Overdue]) -> Plan:
    health = house.ledger.health()
    bare = Plan(
        policy=policy.label,
        on=house.today(policy),
        size=health.size + health.pending,
        due_index=_index(found),
        actions=summary(found),
        deletes=len({one.record.id for one in found}),
        hash="",
    )
    return Plan(bare.policy, bare.on, bare.size, bare.due_index, bare.actions, bare.deletes, _hash(bare))


def read_plan(said: object) -> Plan:
    """Read a plan as `plan` said it; raises PlanError where it was changed or is none."""
    try:
        members = dict(said)  # type: ignore[call-overload]
        mark = members["watermark"]
        made = Plan(
            policy=str(members["policy"]),
            on=date.fromisoformat(members["on"]),
            size=int(mark["ledger"]),
            due_index=str(mark["due"]),
            actions=tuple(members["actions"]),
            deletes=int(members["deletes"]),
            hash=str(members["hash"]),
        )
    except (KeyError, TypeError, ValueError):
        raise PlanError("This is no plan.") from None
    if made.said() != members or made.hash != _hash(made):
        raise PlanError("The plan was changed after it was made.")
    return made


def apply(house: House, made: Plan, approve_deletes: int, *, actor: str = "svc:retention") -> Swept:
    """Carry a plan out, exactly as it was shown.

    Raises PlanStaleError when policy, watermark or what is due has moved, PlanCountError when the approved number
    is not the plan's; nothing is erased then.
    Clause: retention.ceiling (APPI 22)
    """
    if made.hash != _hash(made):
        raise PlanError("The plan was changed after it was made.")
    policy = house.in_force().policy
    found = due(house, house.today(policy))
    anew = _plan(house, policy, found)
    if made.policy != anew.policy:
        raise PlanStaleError("Another policy is in force than the plan was made under.")
    if (made.size, made.due_index) != (anew.size, anew.due_index):
        more = anew.deletes - made.deletes
        raise PlanStaleError(f"Policy matches, watermark moved {made.size} -> {anew.size} ({more:+d} due).")
    if approve_deletes != made.deletes:
        raise PlanCountError(f"The plan erases {made.deletes}, approved were {approve_deletes}.")
    return _carry_out(house, found, made.on, actor)


def sweep(house: House, *, on: date | None = None, actor: str = "svc:retention") -> Swept:
    """Erase what is due today, person by person, and write down what was done with its certificate.

    Clause: retention.ceiling (APPI 22, GDPR 5(1)(e), 17)
    """
    today = on or house.today()
    return _carry_out(house, due(house, today), today, actor)


def _carry_out(house: House, found: list[Overdue], on: date, actor: str) -> Swept:
    """Erase what was found, as far as it is still due when its person's turn comes."""
    policies = {published.version: published.policy for published in house.shelf.versions()}

    def still(tx: sa.Connection, one: Overdue) -> bool:
        try:
            now = house.vault.record(tx, one.record.id)
        except RecordUnknownError:
            return False
        return look(house, tx, now, policies[now.policy_version], on) == one

    sweeper = Sweeper(house, actor, on, still)
    for subject, group in groupby(found, key=lambda one: one.record.subject):
        try:
            sweeper.person(subject, list(group))
        except (SubjectErasedError, SubjectErasingError):
            continue  # somebody else's erasure of the person is under way or done
    done = sweeper.finish()
    house.stirred.set()
    return done


def _index(found: Iterable[Overdue]) -> str:
    lines = [lined for one in found for lined in (one.record.ref, *one.cut.gone, one.cut.shred_class)]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def _hash(made: Plan) -> str:
    return hashlib.sha256(canonical(unhashed(made))).hexdigest()


# relationships


@retried
def end_relation(house: House, kind: str, outside_id: str, on: date, *, actor: str) -> list[Relation]:
    """Note the last day of a contract, account or application, for everybody who is part of it.

    Raises Refusal `not_found` where nobody has such a relationship.
    Clause: retention.ceiling (APPI 22)
    """
    policy = house.in_force().policy
    with house.store.write() as tx:
        found = house.vault.relations_with(tx, kind, outside_id)
        if not found:
            raise Refusal("not_found", "retention")
        done = [house.vault.relation_end(tx, one.id, on) for one in found]
        for one in done:
            house.ledger.append(
                tx,
                "relation.ended",
                clause="retention.ceiling",
                policy_version=policy.version,
                actor=actor,
                body={"kind": kind, "relation": b64(one.id), "on": on.isoformat()},
                subject=one.subject,
            )
    house.stirred.set()
    return done
