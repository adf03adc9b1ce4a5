"""An audience: everybody who may be met for a purpose, with only the fields that it needs; or totals, never small ones."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from upheld.basis.actions import KINDS
from upheld.basis.model import Refused, whole_of
from upheld.db import Spool, b64, retried
from upheld.notice import House
from upheld.policy.model import CompiledPolicy, Purpose
from upheld.records import Record
from upheld.records.numbers import Numbers
from upheld.records.views import View
from upheld.security.actions import shown
from upheld.security.candidates import Wanted, asked, needed_in, people
from upheld.security.finding import in_front, surroundings
from upheld.security.judging import judge, now_of, refusal, version_of
from upheld.security.model import Ask, Now, Permit, Reader, Shut
from upheld.security.rules import check_reader
from upheld.web.refusals import Refusal

BLOCK = 64 * 1024
TRIES = 3
DECIDING = (
    *KINDS.values(), "objection.decided", "interest.assessed", "obligation.named", "restriction.set",
    "restriction.lifted", "relation.ended", "record.moved", "erase.fenced", "hold.placed", "hold.lifted",
    "subject.merged", "subject.split",
)  # fmt: skip
"""Kinds of entry after which somebody may be in an audience who was not, or the other way round."""

_ABOUT = "basis.purposes."
GROUPS = ("month", "situation", "origin")


@dataclass(slots=True)
class _Found:
    """What the walk over the records found: counts, the numbers of the records, and the lines in a spool."""

    spool: Spool
    count: int = 0
    cells: Counter[str] = field(default_factory=Counter)
    excluded: Counter[str] = field(default_factory=Counter)
    gap: Refused | None = None
    records: Numbers = field(default_factory=Numbers)

    @property
    def shut(self) -> Refused | None:
        """Give why nobody at all is in: the purpose cannot be met in any situation."""
        return self.gap if self.gap and not self.count and set(self.excluded) == {self.gap.code} else None


class Audience:
    """An audience whose entry is durable: iterating gives the summary, then its lines; closed at the end."""

    def __init__(self, summary: dict[str, Any], columns: tuple[str, ...], spool: Spool) -> None:
        """Hold the summary; `columns` are what a table of it has, `spool` the lines as JSON."""
        self.summary = summary
        self.columns = columns
        self._spool = spool

    def lines(self) -> Iterator[dict[str, Any]]:
        """Give one line a person, or one a group of totals."""
        for raw in self._spool.reader():
            line: dict[str, Any] = json.loads(raw)
            yield line

    def raw(self) -> Iterator[bytes]:
        """Give the lines as they lie in the spool, in blocks."""
        self._spool.rewind()
        while block := self._spool.read(BLOCK):
            yield block

    def __iter__(self) -> Iterator[dict[str, Any]]:
        yield self.summary
        yield from self.lines()

    def close(self) -> None:
        """Forget the lines."""
        self._spool.close()


def audience(house: House, reader: Reader, wanted: Wanted) -> Audience:
    """Give an audience: a summary, then one line a person, or one a group of totals.

    Out are objections, withdrawals, missing consent, restrictions, ended periods; the summary counts them by code.
    One entry tells purpose, filter, count and records, and is durable before a line is given. However many people:
    lines lie sealed on disk meanwhile, and only the numbers of the records are held. Raises Refusal when the reader
    may not, or nobody's situation states the purpose.
    Clause: security.technical.access (APPI 18, 23; GDPR 5(1)(b)(c))
    """
    now = now_of(house)
    stated = _stated(house, now, wanted)
    early = check_reader(now, reader, wanted.purpose)
    if early is not None:
        _refused(house, reader, early.refused, now)
        raise refusal(early.refused, now.policy, purpose=wanted.purpose)
    for attempt in range(TRIES):
        done = _try(house, reader, now, wanted, stated, alone=attempt == TRIES - 1)
        if isinstance(done, Audience):
            return done
        if done is not None:
            _refused(house, reader, done, now)
            raise refusal(done, now.policy, purpose=wanted.purpose)
    raise Refusal("busy", "security.technical.access")


@retried
def _try(
    house: House, reader: Reader, now: Now, wanted: Wanted, stated: Sequence[tuple[str, str]], *, alone: bool
) -> Audience | Refused | None:
    """Walk over one state of the store, then write the entry; nothing where people changed their mind meanwhile.

    With `alone` the walk holds the store's write transaction, so that nobody can.
    """
    found = _Found(Spool())
    try:
        done = _entered(house, reader, now, wanted, stated, found, alone=alone)
    except BaseException:
        found.spool.close()
        raise
    if not isinstance(done, Audience):
        found.spool.close()
    return done


def _entered(
    house: House, reader: Reader, now: Now, wanted: Wanted, stated: Sequence[tuple[str, str]], found: _Found,
    *, alone: bool,
) -> Audience | Refused | None:  # fmt: skip
    if not alone:
        with house.store.read() as tx:
            mark = house.ledger.mark(tx, DECIDING)
            _walk(house, tx, now, reader, wanted, stated, found)
    with house.store.write() as tx:
        if alone:
            _walk(house, tx, now, reader, wanted, stated, found)
        elif any(decides(wanted.purpose, *one) for one in house.ledger.moved(tx, mark, DECIDING)):
            return None
        if found.shut is not None:
            return found.shut
        lines = _grouped(found, now.policy.purposes[wanted.purpose]) if _totals(now.policy, wanted) else []
        for line in lines:
            _keep(found.spool, line)
        entry = _note(house, tx, reader, now, wanted, found)
    house.stirred.set()
    return Audience(_summary(wanted, found, now, entry, lines), _columns(house, now, wanted, stated), found.spool)


def decides(purpose: str, kind: str, clause: str) -> bool:
    """Say whether an entry can change who is in: what people say of another purpose cannot, and that is most of it."""
    about = clause.removeprefix(_ABOUT)
    return kind not in KINDS.values() or about == clause or whole_of(about) == purpose


def _columns(house: House, now: Now, wanted: Wanted, stated: Sequence[tuple[str, str]]) -> tuple[str, ...]:
    """Name what a table of the audience has: the person and every field the purpose needs somewhere."""
    if _totals(now.policy, wanted):
        return ("group", "count", "suppressed")
    names: dict[str, None] = {}
    for situation, version in stated:
        published = house.shelf.version(version)
        if published is not None:
            names |= dict.fromkeys(needed_in(published.policy, situation, wanted.purpose))
    return ("subject", *names)


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
    house: House,
    tx: sa.Connection,
    now: Now,
    reader: Reader,
    wanted: Wanted,
    stated: Sequence[tuple[str, str]],
    found: _Found,
) -> None:
    """Put every record of those situations before the gate, person by person, and keep the lines."""
    totals = _totals(now.policy, wanted)
    for records, members in people(house, tx, wanted, stated):
        numbers = dict.fromkeys(one.subject for one in records)
        around = {one: surroundings(house, tx, one, members=in_front(one, members)) for one in numbers}
        permitted: list[tuple[Record, Ask]] = []
        furthest_shut: Shut | None = None
        for record in records:
            ask = asked(house, tx, record, wanted, around[record.subject].standings, totals=totals)
            if ask is None:
                continue
            outcome = judge(house, tx, now, reader, record, around[record.subject], ask, totals=totals)
            if isinstance(outcome, Permit):
                permitted.append((record, ask))
            elif furthest_shut is None or outcome.step > furthest_shut.step:
                furthest_shut = outcome
        if permitted:
            _include(house, tx, wanted, permitted, found, reader.views.get(wanted.purpose, "raw"), totals=totals)
        elif furthest_shut is not None:
            found.excluded[furthest_shut.refused.code] += 1
            if furthest_shut.refused.code == "purpose_gap":
                found.gap = found.gap or furthest_shut.refused


def _include(
    house: House, tx: sa.Connection, wanted: Wanted, permitted: Sequence[tuple[Record, Ask]], found: _Found, how: View,
    *, totals: bool,
) -> None:  # fmt: skip
    found.count += 1
    for record, _ in permitted:
        found.records.add(record.id)
        if totals:
            found.cells[_cell(record, wanted.group)] += 1
    if not totals:
        _keep(found.spool, _person(house, tx, permitted, how))


def _keep(spool: Spool, line: dict[str, Any]) -> None:
    spool.write(json.dumps(line, ensure_ascii=False, separators=(",", ":")).encode() + b"\n")


def _person(
    house: House, tx: sa.Connection, permitted: Sequence[tuple[Record, Ask]], how: View
) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for record, ask in permitted:
        opened = house.vault.open_fields(tx, record)
        values.update(shown({name: opened[name] for name in ask.fields if name in opened}, how, version_of(house, record)))
    return {"subject": b64(permitted[0][0].subject), "fields": values}


def _grouped(found: _Found, purpose: Purpose) -> list[dict[str, Any]]:
    """Count records by group; a cell under the smallest that the policy allows is not shown.

    Clause: collection.purposes (min_cell)
    """
    smallest = purpose.min_cell or 0
    return [
        {"group": name, "count": count} if count >= smallest else {"group": name, "suppressed": True}
        for name, count in sorted(found.cells.items())
    ]


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
        return {**said, "count": found.count, "excluded": dict(sorted(found.excluded.items()))}
    smallest = now.policy.purposes[wanted.purpose].min_cell or 0
    said["min_cell"] = smallest
    if not any("suppressed" in line for line in lines):
        said["count"] = sum(line["count"] for line in lines)
    return said


def _note(
    house: House, tx: sa.Connection, reader: Reader, now: Now, wanted: Wanted, found: _Found
) -> bytes:
    body = {
        "purpose": wanted.purpose,
        "situations": list(wanted.situations),
        "channel": wanted.channel,
        "group": wanted.group,
        "count": found.count,
        "excluded": dict(found.excluded),
        "records": found.records.text(),
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
