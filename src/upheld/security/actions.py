"""Reading one person's data for a purpose: gate, fields and ledger entry, strict or grouped."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import sqlalchemy as sa

from upheld.basis.model import part_key
from upheld.db import b64, notebook
from upheld.ledger import EntryId, NewEntry
from upheld.notice import House
from upheld.notice.desk import Work
from upheld.policy.model import CompiledPolicy, Frozen
from upheld.records import Record
from upheld.records.views import View, view
from upheld.security import keys, staff
from upheld.security.finding import number_of, person_of, records_about, surroundings
from upheld.security.judging import ask_of, judge, now_of, refusal, version_of
from upheld.security.model import Ask, Now, Permit, Reader, Reading, ReadRecord, Shut
from upheld.security.rules import (
    LEGAL_CLAIMS,
    check_reader,
    check_view,
    check_worker,
    furthest,
)
from upheld.web.refusals import Refusal

_NOW = "security.now"
_REASON = 200
"""How long the reason of a read may be."""

def _now_in(house: House, tx: sa.Connection) -> Now:
    """Take them once for all answers from one state of the store, if the transaction has seen none other."""
    notes = notebook(tx)
    if not notes.still:
        return now_of(house)
    found: Now | None = notes.seen.get(_NOW)
    if found is None:
        found = notes.seen[_NOW] = now_of(house)
    return found


@dataclass(slots=True, kw_only=True)
class Asked(Work):
    """One read, before anybody looked: who asks (`reader`, or the `header` with the key), for whom, for what.

    The person is named by `reference` (as collecting answered) or by an `identifier` (kind to value). Without
    `fields` it is every field the purpose may use. `contract_id` names the contract the use is for, `part` one
    part of the purpose, `approver` the member of staff who approved a read of restricted data for legal claims.
    `view` is how much of each value is asked for (without it all that the reader may see); `reason` goes to the entry.
    """

    house: House
    purpose: str
    reader: Reader | None = None
    header: str | None = None
    reference: str = ""
    identifier: Mapping[str, str] = field(default_factory=Frozen, repr=False)
    fields: Sequence[str] = ()
    record: str = ""
    contract_id: str = ""
    part: str = ""
    approver: int | None = None
    view: View | None = None
    reason: str = ""

    def check(self, tx: sa.Connection) -> Looked:
        """Look, as one of a batch of reads; what needs its entry first is only told who asks."""
        reader = self.reader or keys.authenticated(self.house, tx, self.header)
        if is_strict(self.house, reader):
            return Looked(reader)
        return look(self, reader, tx)

    def write(self, tx: sa.Connection) -> Looked:
        """Look; there is nothing to write."""
        return self.check(tx)


@dataclass(frozen=True, slots=True)
class Looked:
    """What a read found: the reading or the refusal, and the entries that say so."""

    reader: Reader
    reading: Reading | None = None
    refused: Refusal | None = None
    entries: tuple[NewEntry, ...] = ()

    def told(self) -> Reading:
        """Give the reading; raises the refusal."""
        if self.refused is not None:
            raise self.refused
        if self.reading is None:
            raise RuntimeError("nobody looked")
        return self.reading


@dataclass(slots=True, kw_only=True)
class Strict(Work):
    """A read whose entry is durable before anything leaves: both in one transaction of the writer."""

    asked: Asked
    reader: Reader
    looked: Looked | None = None

    def check(self, tx: sa.Connection) -> None:
        """Look; a refusal that has an entry is no refusal here."""
        self.looked = look(self.asked, self.reader, tx)

    def write(self, tx: sa.Connection) -> Looked:
        """Write the entries."""
        if self.looked is None:
            raise RuntimeError("nobody looked")
        self.asked.house.ledger.append_many(tx, self.looked.entries)
        return self.looked


@dataclass(slots=True, kw_only=True)
class Entries(Work):
    """Entries of reads that were answered already; of a person erased meanwhile they name nobody."""

    house: House
    entries: tuple[NewEntry, ...]

    def check(self, tx: sa.Connection) -> None:
        """They are written in any case."""

    def write(self, tx: sa.Connection) -> bool:
        """Write them."""
        there = self.house.vault.subject(tx, self.subject, lock=True)
        entries = self.entries
        if there is None or there.state == "erased":
            entries = tuple(replace(one, subject=None, body={"erased": True}) for one in entries)
        self.house.ledger.append_many(tx, entries)
        return True


def read(house: House, reader: Reader, *, subject: str = "", identifier: Mapping[str, str] | None = None, **asked: Any) -> Reading:
    """Read fields of one person for a purpose, of each record that allows it; see `Asked`.

    Read strictly, what is read and its entry are one transaction, durable before it leaves; read in groups, the entry
    follows in the writer's next batch. Raises Refusal: of the records that all refuse, the
    reason that got furthest; `not_found` for nobody.
    Clause: security.technical.access (APPI 18, 23; GDPR 5(1)(b), 32)
    """
    what = Asked(house=house, reference=subject, identifier=identifier or {}, reader=reader, **asked)
    if is_strict(house, reader):
        return house.writer.run(Strict(asked=what, reader=reader, subject=number_of(subject) or b"")).told()
    with house.store.read() as tx:
        looked = look(what, reader, tx)
    if looked.entries:
        house.writer.note(_entries(house, looked))
    return looked.told()


async def ask(what: Asked) -> Reading:
    """Do as `read` for a coroutine: with other reads from one state, or strictly through the writer."""
    what.subject = number_of(what.reference) or b""
    looked = await what.house.looker.ask(what)
    if is_strict(what.house, looked.reader):
        looked = await what.house.writer.ask(Strict(asked=what, reader=looked.reader, subject=what.subject))
    elif looked.entries:
        await what.house.writer.note_soon(_entries(what.house, looked))
    return looked.told()


def is_strict(house: House, reader: Reader) -> bool:
    """Say whether an entry must be durable before its read leaves: of staff always, of programs unless the house says `grouped`.

    Clause: security.technical.access (GDPR 5(2), 32)
    """
    return reader.staff or house.serving.read_audit != "grouped"


def _entries(house: House, looked: Looked) -> Entries:
    return Entries(house=house, entries=looked.entries, subject=looked.entries[0].subject or b"")


def look(what: Asked, reader: Reader, tx: sa.Connection) -> Looked:
    """Put every record asked for before the gate and open those that it lets through."""
    house, purpose = what.house, what.purpose
    now = _now_in(house, tx)
    early = None if purpose == LEGAL_CLAIMS else check_reader(now, reader, purpose)
    person = person_of(house, what.reference, what.identifier)
    wanted = [one for one in records_about(house, tx, person) if not what.record or one.ref == what.record]
    if not wanted:
        _nobody(now, purpose, early)
    around = {one: surroundings(house, tx, one, what.contract_id) for one in dict.fromkeys(one.subject for one in wanted)}
    approved = approver_of(house, tx, now, what.approver)
    asks = {one.id: ask_of(one, purpose, what.fields, part=what.part, approver=approved) for one in wanted}
    how = check_view(reader, purpose, what.view)
    judged = [
        (one, how if isinstance(how, Shut) else judge(house, tx, now, reader, one, around[one.subject], asks[one.id]))
        for one in wanted
    ]
    opened = [
        _read_one(house, tx, reader, one, permit, asks[one.id], how, what.reason)
        for one, permit in judged
        if isinstance(permit, Permit) and not isinstance(how, Shut)
    ]
    if opened and not isinstance(how, Shut):
        reading = Reading(b64(wanted[0].subject), purpose, tuple(one for one, _ in opened), how)
        return Looked(reader, reading, entries=tuple(entry for _, entry in opened))
    refused, entry = _refuse(house, reader, judged, purpose)
    return Looked(reader, refused=refused, entries=(entry,))


def approver_of(house: House, tx: sa.Connection, now: Now, number: int | None) -> str:
    """Give who approves, if they are trained, have accepted the rules and hold a role; else nobody does.

    Clause: security.technical.access (APPI 23, 24)
    """
    if number is None:
        return ""
    try:
        found = staff.reader(house, tx, number)
    except Refusal:  # no such account
        return ""
    return found.actor if check_worker(now, found) is None else ""


def acting(house: House, number: int) -> str:
    """Give the actor of a member of staff who decides about somebody's data; raises Refusal where they may not.

    Clause: security.technical.access (APPI 23, 24)
    """
    now = now_of(house)
    with house.store.read() as tx:
        found = staff.reader(house, tx, number)
    shut = check_worker(now, found)
    if shut is not None:
        raise refusal(shut.refused, now.policy)
    return found.actor


def _nobody(now: Now, purpose: str, early: Shut | None) -> None:
    """Answer that nobody is there; a reader who may not read for the purpose is told that instead."""
    if early is not None:
        raise refusal(early.refused, now.policy, purpose=purpose)
    raise Refusal("not_found", "security.technical.access", policy_version=now.policy.version)


def _read_one(
    house: House,
    tx: sa.Connection,
    reader: Reader,
    record: Record,
    permit: Permit,
    ask: Ask,
    how: View,
    reason: str,
) -> tuple[ReadRecord, NewEntry]:
    """Open a record, keep the allowed fields as far as they may be seen, and say what the entry says."""
    names = allowed_fields(house, record, permit, ask.purpose, ask.fields)
    opened = house.vault.open_fields(tx, record)
    values = shown({name: opened[name] for name in names if name in opened}, how, version_of(house, record))
    body = {
        "record": record.ref,
        "situation": record.situation,
        "purpose": ask.purpose,
        "fields": list(values),
        **_grounds(house, tx, record, permit, ask),
        **({"view": how} if how != "raw" else {}),
        **({"reason": reason[:_REASON]} if reason else {}),
    }
    entry = NewEntry(
        kind="access.read",
        clause=permit.clause,
        policy_version=record.policy_version,
        actor=reader.actor,
        body=body,
        subject=record.subject,
        entry_id=EntryId(house.ids.uuid7()),
    )
    ref = b64(entry.entry_id or b"")
    found = ReadRecord(record.ref, record.situation, record.policy_version, record.collected_at, values, ref)
    return found, entry


def shown(fields: Mapping[str, Any], how: View, policy: CompiledPolicy) -> Mapping[str, Any]:
    """Give fields as far as they may be seen; what is an address or a number the policy says.

    Clause: security.technical.access (APPI 23; GDPR 5(1)(c), 32)
    """
    if how == "raw":
        return fields
    return view(fields, how, {name: policy.fields[name].format or "" for name in fields if name in policy.fields})


def allowed_fields(
    house: House, record: Record, permit: Permit, purpose: str, fields: Sequence[str]
) -> tuple[str, ...]:
    """Give the fields that leave: those asked for, else every field the purpose may use there."""
    if fields:
        return tuple(dict.fromkeys(fields))
    policy = version_of(house, record)
    if permit.lock is not None:
        return tuple(sorted(permit.lock.fields))
    if permit.usable is not None:
        return permit.usable
    mask = policy.use_masks[record.situation].get(purpose, 0)
    return tuple(name for name, bit in policy.field_bits.items() if mask & bit)


def _grounds(
    house: House, tx: sa.Connection, record: Record, permit: Permit, ask: Ask
) -> dict[str, object]:
    """Say in the entry on what the read rests: bases, interest, statute, approval, and the statement of the person."""
    ground = permit.ground
    told: dict[str, object] = {"bases": dict(ground.bases)}
    named = {
        "interest": ground.interest,
        "assessment": ground.assessment,
        "statute": ground.statute,
        "part": ask.part,
        "told": permit.told,
        "approver": ask.approver if ground.claims else "",
    }
    told |= {name: value for name, value in named.items() if value}
    standing = house.vault.standing(tx, record.subject, part_key(ask.purpose, ask.part))
    if standing is None and ask.part:
        standing = house.vault.standing(tx, record.subject, ask.purpose)
    if standing is not None:
        told["standing"] = {"state": standing.state, "entry": b64(standing.entry_id)}
    return told


def _refuse(
    house: House, reader: Reader, judged: Sequence[tuple[Record, Permit | Shut]], purpose: str
) -> tuple[Refusal, NewEntry]:
    """Give the refusal and its own entry, which holds the code alone and nothing of what was asked."""
    shut = furthest(outcome for _, outcome in judged if isinstance(outcome, Shut))
    if shut is None:
        raise RuntimeError("a refusal needs a record that refused")
    record = next(one for one, outcome in judged if outcome is shut)
    entry = NewEntry(
        kind="access.refused",
        clause=shut.refused.clause,
        policy_version=record.policy_version,
        actor=reader.actor,
        body={"code": shut.refused.code},
        subject=record.subject,
    )
    policy = version_of(house, record)
    return refusal(shut.refused, policy, situation=record.situation, purpose=purpose), entry
