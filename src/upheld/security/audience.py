"""An audience: everybody who may be met for a purpose, with only the fields that it needs; or totals, never small ones."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from upheld.basis.model import Refused
from upheld.db import b64, retried
from upheld.notice import House
from upheld.policy.model import CompiledPolicy
from upheld.records import Record
from upheld.security.actions import ask_of, judge, now_of, refusal, surroundings, version_of
from upheld.security.model import Now, Permit, Reader, Shut
from upheld.security.rules import act_of, check_reader
from upheld.web.refusals import Refusal

PAGE = 500
GROUPS = ("month", "situation", "origin")


@dataclass(frozen=True, slots=True)
class Wanted:
    """What an audience is asked for: purpose, situations (empty: all that state it), channel, grouping of totals.

    With `channel` `email` only those whose record may be written to for the purpose are in.
    """

    purpose: str
    situations: tuple[str, ...] = ()
    channel: str = ""
    group: str = ""


@dataclass(slots=True)
class _Found:
    """What the walk over the records found."""

    people: dict[bytes, list[tuple[Record, Permit]]] = field(default_factory=dict)
    excluded: Counter[str] = field(default_factory=Counter)
    shut: Refused | None = None


@retried
def audience(house: House, reader: Reader, wanted: Wanted) -> Iterator[dict[str, Any]]:
    """Give the lines of an audience: first a summary, then one line a person, or one a group of totals.

    Out are objections, withdrawals, missing consent, restrictions, ended periods; the summary counts them by code.
    One entry tells purpose, filter, count and records. Raises Refusal when the reader may not, or nobody's
    situation states the purpose.
    Clause: security.technical.access (APPI 18, 23; GDPR 5(1)(b)(c))
    """
    now = now_of(house)
    stated = _stated(house, now, wanted)
    early = check_reader(now, reader, wanted.purpose)
    if early is not None:
        _refused(house, reader, early.refused, now)
        raise refusal(early.refused, now.policy, purpose=wanted.purpose)
    with house.store.write() as tx:
        found = _walk(house, tx, now, reader, wanted, stated)
        if found.shut is not None:
            lines = None
        elif _totals(now.policy, wanted):
            lines = _grouped(found, wanted, now.policy.purposes[wanted.purpose].min_cell or 0)
        else:
            lines = [_person(house, tx, people, wanted) for people in found.people.values()]
        if lines is not None:
            entry = _note(house, tx, reader, now, wanted, found)
            lines[:0] = [_summary(wanted, found, now, entry, lines)]
    house.stirred.set()
    if lines is None and found.shut is not None:
        _refused(house, reader, found.shut, now)
        raise refusal(found.shut, now.policy, purpose=wanted.purpose)
    return iter(lines or ())


def _totals(policy: CompiledPolicy, wanted: Wanted) -> bool:
    purpose = policy.purposes.get(wanted.purpose)
    return purpose is not None and purpose.output == "aggregate"


def _stated(house: House, now: Now, wanted: Wanted) -> list[tuple[str, str]]:
    """List (situation, version) pairs that state the purpose, as every published version says of itself.

    Clause: collection.purposes (APPI 18)
    """
    if wanted.group and (wanted.group not in GROUPS or not _totals(now.policy, wanted)):
        raise Refusal("value_invalid", "collection.purposes", fields=("group",))
    if wanted.channel not in {"", "email"}:
        raise Refusal("value_invalid", "collection.purposes", fields=("channel",))
    unknown = next((one for one in wanted.situations if one not in now.policy.situations), None)
    if unknown is not None:
        raise Refusal("situation_unknown", "collection", policy_version=now.policy.version)
    pairs = [
        (situation.id, published.version)
        for published in house.shelf.versions()
        for situation in published.policy.situations.values()
        if wanted.purpose in situation.purpose_ids
        and (not wanted.situations or situation.id in wanted.situations)
    ]
    if not pairs:
        refused = Refused("purpose_not_declared", "collection.purposes")
        raise refusal(refused, now.policy, purpose=wanted.purpose)
    return pairs


def _walk(
    house: House, tx: sa.Connection, now: Now, reader: Reader, wanted: Wanted, stated: Sequence[tuple[str, str]]
) -> _Found:
    """Put every record of those situations before the gate, person by person."""
    found = _Found()
    after: tuple[bytes, bytes] | None = None
    reasons: dict[bytes, Shut] = {}
    while page := house.vault.iter_records(tx, stated, after=after, limit=PAGE):
        after = (page[-1].subject, page[-1].id)
        for record in page:
            policy = version_of(house, record)
            if not _reachable(policy, record, wanted):
                continue
            around = surroundings(house, tx, record.subject)
            fields = needed(policy, record, wanted.purpose)
            totals = _totals(now.policy, wanted)
            ask = ask_of(record, wanted.purpose, () if totals else fields)
            outcome = judge(house, tx, now, reader, record, around, ask, totals=totals)
            if isinstance(outcome, Permit):
                found.people.setdefault(record.subject, []).append((record, outcome))
            else:
                before = reasons.get(record.subject)
                reasons[record.subject] = max(before or outcome, outcome, key=lambda one: one.step)
    out = {subject: shut for subject, shut in reasons.items() if subject not in found.people}
    found.excluded.update(shut.refused.code for shut in out.values())
    gaps = [shut.refused for shut in out.values() if shut.refused.code == "purpose_gap"]
    found.shut = gaps[0] if gaps and not found.people and len(gaps) == len(out) else None
    return found


def _reachable(policy: CompiledPolicy, record: Record, wanted: Wanted) -> bool:
    """Say whether a record lets a person be written to for the purpose: an act of mail and an address taken.

    Clause: collection.purposes (APPI 18)
    """
    if not wanted.channel:
        return True
    if act_of(policy, record.situation, wanted.purpose) not in {"send_marketing", "none"}:
        return False
    situation = policy.situations[record.situation]
    return any(policy.fields[name].format == wanted.channel for name in situation.fields if name in policy.fields)


def needed(policy: CompiledPolicy, record: Record, purpose: str) -> tuple[str, ...]:
    """Give the fields that a purpose needs; where it names none, every field it may use.

    Clause: collection.purposes (GDPR 5(1)(c))
    """
    mask = policy.use_masks[record.situation].get(purpose, 0)
    usable = [name for name, bit in policy.field_bits.items() if mask & bit]
    needs = [name for name in policy.purposes[purpose].needs if name in usable]
    return tuple(needs or usable)


def _person(
    house: House, tx: sa.Connection, records: Sequence[tuple[Record, Permit]], wanted: Wanted
) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for record, _ in records:
        names = needed(version_of(house, record), record, wanted.purpose)
        opened = house.vault.open_fields(tx, record)
        values.update({name: opened[name] for name in names if name in opened})
    return {"subject": b64(records[0][0].subject), "fields": values}


def _grouped(found: _Found, wanted: Wanted, smallest: int) -> list[dict[str, Any]]:
    """Count records by group; a cell under the smallest that the policy allows is not shown.

    Clause: collection.purposes (min_cell)
    """
    cells: Counter[str] = Counter()
    for records in found.people.values():
        cells.update(_cell(record, wanted.group) for record, _ in records)
    shown = [
        {"group": name, "count": count} if count >= smallest else {"group": name, "suppressed": True}
        for name, count in sorted(cells.items())
    ]
    return list[dict[str, Any]](shown)


def _cell(record: Record, group: str) -> str:
    if group == "month":
        return f"{record.collected_at:%Y-%m}"
    return {"situation": record.situation, "origin": record.origin}.get(group, "all")


def _summary(
    wanted: Wanted, found: _Found, now: Now, entry: bytes, lines: Sequence[dict[str, Any]]
) -> dict[str, Any]:
    """Say what the lines are; a total is left out where it would tell a suppressed cell."""
    said: dict[str, Any] = {"purpose": wanted.purpose, "policy_version": now.policy.version, "entry": b64(entry)}
    if not _totals(now.policy, wanted):
        return {**said, "count": len(found.people), "excluded": dict(sorted(found.excluded.items()))}
    smallest = now.policy.purposes[wanted.purpose].min_cell or 0
    said["min_cell"] = smallest
    if not any("suppressed" in line for line in lines):
        said["count"] = sum(line["count"] for line in lines)
    return said


def _note(
    house: House, tx: sa.Connection, reader: Reader, now: Now, wanted: Wanted, found: _Found
) -> bytes:
    records = [record.ref for people in found.people.values() for record, _ in people]
    body = {
        "purpose": wanted.purpose,
        "situations": list(wanted.situations),
        "channel": wanted.channel,
        "group": wanted.group,
        "count": len(found.people),
        "excluded": dict(found.excluded),
        "records": records,
    }
    return house.ledger.append(
        tx,
        "access.bulk",
        clause="security.technical.access",
        policy_version=now.policy.version,
        actor=reader.actor,
        body=body,
    )


@retried
def _refused(house: House, reader: Reader, refused: Refused, now: Now) -> None:
    with house.store.write() as tx:
        house.ledger.append(
            tx,
            "access.refused",
            clause=refused.clause,
            policy_version=now.policy.version,
            actor=reader.actor,
            body={"code": refused.code},
        )
