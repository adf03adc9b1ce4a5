"""Who comes into question for a purpose: the records whose version states it, and those that a later consent opened."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from heapq import merge
from itertools import groupby

import sqlalchemy as sa

from upheld.basis.model import PERMITTING, Standings
from upheld.notice import House
from upheld.policy.model import CompiledPolicy
from upheld.records import Record
from upheld.security.judging import ask_of, consented_under, version_of
from upheld.security.model import Ask
from upheld.security.rules import act_of

PAGE = 500


@dataclass(frozen=True, slots=True)
class Wanted:
    """What an audience is asked for: purpose, situations (empty: all that state it), channel, grouping of totals.

    With `channel` `email` only those whose record may be written to for the purpose are in.
    """

    purpose: str
    situations: tuple[str, ...] = ()
    channel: str = ""
    group: str = ""


def people(
    house: House, tx: sa.Connection, wanted: Wanted, stated: Sequence[tuple[str, str]]
) -> Iterator[tuple[list[Record], tuple[bytes, ...]]]:
    """Give the records of each person, with all numbers the person has; a merged person comes once.

    Clause: security.organisational (GDPR 5(1)(d), APPI 22)
    """
    older = _older(house, stated)
    among, merged, done = {*stated, *older}, house.vault.persons_in(tx), set[bytes]()
    for subject, records in groupby(_records(house, tx, wanted.purpose, stated, older), key=lambda one: one.subject):
        members = merged.get(subject, (subject,))
        if subject in done:
            continue
        if len(members) == 1:
            found = list(records)
        else:
            done.update(members)
            every = (one for member in members for one in house.vault.records_of(tx, member))
            found = [one for one in every if (one.situation, one.policy_version) in among]
        met = [one for one in found if _may_be_met(house, one, wanted)]
        if met:
            yield met, members


def asked(
    house: House, tx: sa.Connection, record: Record, wanted: Wanted, standings: Standings, *, totals: bool
) -> Ask | None:
    """Say what is asked of a record: the fields that the purpose needs; None where it does not come into question.

    Where the record's own version does not state the purpose, the version counts under whose notice the person
    consented to it later, and only fields that the record's own declares.
    Clause: collection.purposes (APPI 17(2), 18(1); GDPR 5(1)(c), 6(1)(a))
    """
    policy = own = version_of(house, record)
    if not _states(own, record, wanted.purpose):
        later = consented_under(house, tx, record.subject, standings, wanted.purpose)
        if later is None or not _states(later, record, wanted.purpose) or not _reachable(later, record, wanted):
            return None
        policy = later
    declared = own.situations[record.situation].fields
    return ask_of(record, wanted.purpose, () if totals else needed_in(policy, record.situation, wanted.purpose, declared))


def _states(policy: CompiledPolicy, record: Record, purpose: str) -> bool:
    return purpose in policy.use_masks.get(record.situation, {})


def _may_be_met(house: House, record: Record, wanted: Wanted) -> bool:
    """Say whether a record is worth a look at its person: one of an older version always is."""
    own = version_of(house, record)
    return not _states(own, record, wanted.purpose) or _reachable(own, record, wanted)


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
    """Give the fields of a record that a purpose needs; where it names none, every field it may use.

    Clause: collection.purposes (GDPR 5(1)(c))
    """
    return needed_in(policy, record.situation, purpose)


def needed_in(
    policy: CompiledPolicy, situation: str, purpose: str, declared: Iterable[str] | None = None
) -> tuple[str, ...]:
    """Give the fields that a purpose needs in a situation; of those `declared`, where an older version declared fewer."""
    mask = policy.use_masks[situation].get(purpose, 0)
    among = policy.field_bits if declared is None else set(declared)
    usable = [name for name, bit in policy.field_bits.items() if mask & bit and name in among]
    needs = [name for name in policy.purposes[purpose].needs if name in usable]
    return tuple(needs or usable)


def _older(house: House, stated: Sequence[tuple[str, str]]) -> set[tuple[str, str]]:
    """List the (situation, version) pairs that do not state the purpose, of situations that state it in another version."""
    wide = {situation for situation, _ in stated}
    versions = [published.policy for published in house.shelf.versions()]
    return {(name, one.version) for one in versions for name in one.situations if name in wide} - set(stated)


def _records(
    house: House, tx: sa.Connection, purpose: str, stated: Sequence[tuple[str, str]], older: Collection[tuple[str, str]]
) -> Iterator[Record]:
    """Give the records whose own version states the purpose, and those that a later consent may have opened, in order."""
    own = _stated_records(house, tx, stated)
    return merge(own, _opened(house, tx, purpose, older), key=_place) if older else own


def _place(record: Record) -> tuple[bytes, bytes]:
    return record.subject, record.id


def _stated_records(house: House, tx: sa.Connection, stated: Sequence[tuple[str, str]]) -> Iterator[Record]:
    after: tuple[bytes, bytes] | None = None
    while page := house.vault.iter_records(tx, stated, after=after, limit=PAGE):
        after = _place(page[-1])
        house.vault.look_only_at(tx, {one.subject for one in page})
        yield from page


def _opened(
    house: House, tx: sa.Connection, purpose: str, older: Collection[tuple[str, str]]
) -> Iterator[Record]:
    """Give the records of older versions of those who consented to the purpose, in order."""
    after = b""
    while page := house.vault.standings_for(tx, purpose, after=after, limit=PAGE):
        after = page[-1].subject
        house.vault.look_only_at(tx, {one.subject for one in page})
        for one in page:
            if one.state in PERMITTING:
                records = house.vault.records_of(tx, one.subject)
                yield from (record for record in records if (record.situation, record.policy_version) in older)
