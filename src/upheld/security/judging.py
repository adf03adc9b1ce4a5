"""Judging one record: what stands about its person is looked up and put before the rules of the gate."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import sqlalchemy as sa

from upheld.basis.grounds import recorded_for
from upheld.basis.model import HELD_KEY, PERMITTING, Refused, Standings, part_key
from upheld.notice import House
from upheld.policy.model import CompiledPolicy
from upheld.records import Record, Relation
from upheld.security.finding import Surroundings
from upheld.security.model import Ask, Keeping, Now, Permit, Person, Reader, Shut
from upheld.security.rules import may_read, may_read_as_told
from upheld.security.staff import rules_today
from upheld.web.refusals import Refusal

OWN_RELATIONS = frozenset({"account", "application"})
_KIND_OF_WORD: Mapping[str, str] = {
    "contract_end": "contract",
    "account_closed": "account",
    "decision": "application",
}
_keeping: list[Keeping] = []


def keep_by(keeping: Keeping) -> None:
    """Let the room of retention answer how long a record may be read; until it does nothing can be read."""
    _keeping[:] = [keeping]


def now_of(house: House) -> Now:
    """Take the version in force, the law and the day once for one answer."""
    published = house.in_force()
    return Now(published.policy, house.law, house.today(published.policy), rules_today(published))


def version_of(house: House, record: Record) -> CompiledPolicy:
    """Give the policy under which a record was taken."""
    published = house.shelf.version(record.policy_version)
    if published is None:
        raise Refusal("internal", "notice")
    return published.policy


def ask_of(
    record: Record, purpose: str, fields: Sequence[str], *, part: str = "", approver: str = ""
) -> Ask:
    """Say what is asked of one record."""
    return Ask(record.situation, purpose, tuple(fields), record.origin, record.review, part, approver)


def judge(
    house: House,
    tx: sa.Connection,
    now: Now,
    reader: Reader,
    record: Record,
    around: Surroundings,
    ask: Ask,
    *,
    totals: bool = False,
) -> Permit | Shut:
    """Put one record before the gate; what only a later consent or a recorded proof opens is looked up when it is shut."""
    if not _keeping:
        raise RuntimeError("nothing tells how long records may be read; `retention.subscribe` does")
    policy = version_of(house, record)
    person = Person(
        kept=_keeping[0](house, tx, record, policy, held=around.standings.get(HELD_KEY) == "set"),
        standings=around.standings,
        contract=around.named or _own(record, around.relations),
        open_kinds=open_kinds(policy, around.relations, now),
    )
    outcome = may_read(policy, now, ask, reader, person, totals=totals)
    if isinstance(outcome, Permit):
        return outcome
    if outcome.refused.code == "no_legal_basis":
        recorded = recorded_for(tx, record.subject, ask.purpose)
        if recorded is None:
            return outcome
        return may_read(policy, now, ask, reader, replace(person, recorded=recorded), totals=totals)
    if outcome.refused.code == "purpose_not_declared":
        later = consented_under(house, tx, record.subject, around.standings, ask.purpose, ask.part)
        return outcome if later is None else may_read_as_told(policy, later, now, ask, reader, person, totals=totals)
    return outcome


def consented_under(
    house: House, tx: sa.Connection, subject: bytes, standings: Standings, purpose: str, part: str = ""
) -> CompiledPolicy | None:
    """Give the version under whose notice a person consented to a purpose, while that consent stands."""
    key = part_key(purpose, part)
    name = key if standings.get(key) in PERMITTING else purpose
    if standings.get(name) not in PERMITTING:
        return None
    found = house.vault.standing(tx, subject, name)
    said = found and house.ledger.entry(found.entry_id, tx=tx)
    published = house.shelf.version(said.policy_version) if said else None
    return published.policy if published else None


def _own(record: Record, relations: Sequence[Relation]) -> Relation | None:
    """Give the account or application a record itself began; a contract counts only where it is named."""
    own = (one for one in relations if one.id == record.relation and one.kind in OWN_RELATIONS)
    return next(own, None)


def open_kinds(policy: CompiledPolicy, relations: Sequence[Relation], now: Now) -> tuple[str, ...]:
    """Name the kinds of person with an open relationship on the day."""
    alive = {one.kind for one in relations if one.ended is None or now.on <= one.ended}
    return tuple(
        kind.id
        for kind in policy.retention.kinds.values()
        if any(_KIND_OF_WORD.get(end.after) in alive for end in kind.ends)
    )


def refusal(refused: Refused, policy: CompiledPolicy, *, situation: str = "", purpose: str = "") -> Refusal:
    """Turn a refused step into the answer; only ids that the policy knows are repeated."""
    params: dict[str, str] = {}
    if situation in policy.situations:
        params["situation"] = situation
        params["purposes"] = ", ".join(policy.situations[situation].purpose_ids)
    if purpose in policy.purposes:
        params["purpose"] = purpose
    return Refusal(refused.code, refused.clause, policy_version=policy.version, params=params)
