"""Two numbers found to be one person: one member of staff says so, another confirms it, and either takes it back.

A program cannot: a wrong merge shows one person's data to whoever answers another.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

import sqlalchemy as sa

from upheld.db import b64, retried, unb64
from upheld.notice import House
from upheld.records import Proposal, RecordsError
from upheld.records.persons import REASONS
from upheld.security import staff
from upheld.security.judging import now_of, refusal, version_of
from upheld.security.rules import check_worker
from upheld.web.refusals import Refusal

T = TypeVar("T")
CLAUSE = "security.organisational"
_REFUSED = {"merge_alone": "approval_missing", "merge_unknown": "not_found"}


@dataclass(frozen=True, slots=True)
class Waiting:
    """A proposal that waits for a second person, with the situations in which each of both gave data. Times are UTC."""

    id: str
    subjects: tuple[str, str]
    situations: tuple[tuple[str, ...], tuple[str, ...]]
    reason: str
    by: str
    at: datetime


@retried
def propose(house: House, one: bytes, other: bytes, *, reason: str, by: int) -> str:
    """Say that two numbers are one person and give the proposal's id; nothing changes until another one confirms it.

    Raises Refusal `role_not_allowed` for whoever does not work with all of both's data.
    Clause: security.organisational (GDPR 5(1)(d), 32; APPI 22, 23)
    """
    if reason not in REASONS or one == other:
        raise Refusal("value_invalid", CLAUSE, fields=("reason" if one != other else "other",))
    with house.store.write() as tx:
        words = _words(house, tx, by, (one, other))
        made = _done(lambda: house.vault.propose_merge(tx, one, other, reason=reason, words=words))
    house.stirred.set()
    return made.ref


@retried
def confirm(house: House, proposal: str, *, by: int) -> tuple[str, str]:
    """Make them one person, and give both numbers; raises Refusal `approval_missing` for whoever proposed it.

    From then on a read, an audience, an answer and an erasure of one mean both; a no under one counts for both, a yes
    stays with the records it was given for.
    Clause: security.organisational (GDPR 5(1)(d), 32; APPI 22, 23)
    """
    with house.store.write() as tx:
        found = _found(house, tx, proposal)
        words = _words(house, tx, by, (found.one, found.other))
        done = _done(lambda: house.vault.confirm_merge(tx, found.id, words))
    house.stirred.set()
    return b64(done.one), b64(done.other)


@retried
def decline(house: House, proposal: str, *, by: int) -> None:
    """Put a proposal aside.

    Clause: security.organisational (GDPR 5(1)(d), APPI 22)
    """
    with house.store.write() as tx:
        found = _found(house, tx, proposal)
        words = _words(house, tx, by, (found.one, found.other))
        _done(lambda: house.vault.decline_merge(tx, found.id, words))
    house.stirred.set()


@retried
def split(house: House, subject: bytes, *, by: int) -> tuple[str, ...]:
    """Take a number out of the person it was merged into, and give those it was one with; one person is enough.

    Clause: security.organisational (GDPR 5(1)(d), APPI 22)
    """
    with house.store.write() as tx:
        words = _words(house, tx, by, house.vault.members(tx, subject))
        others = _done(lambda: house.vault.split(tx, subject, words))
    house.stirred.set()
    return tuple(b64(one) for one in others)


def waiting(house: House) -> list[Waiting]:
    """List what waits for a second person, the oldest first."""
    with house.store.read() as tx:
        return [
            Waiting(
                one.ref, (b64(one.one), b64(one.other)), (_situations(house, tx, one.one), _situations(house, tx, one.other)),
                one.reason, one.proposed_by, one.proposed_at,
            )
            for one in house.vault.proposals(tx)
        ]  # fmt: skip


def _situations(house: House, tx: sa.Connection, subject: bytes) -> tuple[str, ...]:
    return tuple(dict.fromkeys(one.situation for one in house.vault.records_of(tx, subject)))


def _words(house: House, tx: sa.Connection, by: int, subjects: Collection[bytes]) -> dict[str, str]:
    """Say who acts under which version; raises Refusal where their roles do not work with all data of these numbers.

    Clause: security.technical.access (APPI 23, 24)
    """
    now = now_of(house)
    found = staff.reader(house, tx, by)
    shut = check_worker(now, found)
    if shut is not None:
        raise refusal(shut.refused, now.policy)
    for record in (one for subject in subjects for one in house.vault.records_of(tx, subject)):
        uses = version_of(house, record).situations[record.situation].purpose_ids
        if not any(found.covers(purpose) for purpose in uses):
            raise Refusal("role_not_allowed", "security.technical.access", policy_version=now.policy.version)
    return {"clause": CLAUSE, "policy_version": now.policy.version, "actor": found.actor}


def _found(house: House, tx: sa.Connection, proposal: str) -> Proposal:
    try:
        number = unb64(proposal)
    except ValueError:
        raise Refusal("not_found", CLAUSE) from None
    return _done(lambda: house.vault.proposal(tx, number))


def _done(act: Callable[[], T]) -> T:
    """Do it; what the vault does not do is a refusal."""
    try:
        return act()
    except RecordsError as error:
        raise Refusal(_REFUSED.get(error.diagnostic.code, "changed_meanwhile"), CLAUSE) from None
