"""Leave for one hop: the gate of the reads, then the gate of the transfers, and the entry, in one transaction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from upheld.basis.model import Refused
from upheld.basis.rules import check_standing, keys_of
from upheld.db import b64, retried
from upheld.notice import House
from upheld.policy.model import Recipient
from upheld.records import Record
from upheld.security import STEPS
from upheld.security.candidates import needed
from upheld.security.finding import Surroundings, person_of, records_about, surroundings
from upheld.security.judging import ask_of, judge, now_of, refusal, version_of
from upheld.security.model import Now, Permit, Reader, Shut
from upheld.security.rules import check_reader
from upheld.transfers.model import Allowed, Hop, Leave, Route, Stop
from upheld.transfers.recipients import may_hand_over, recipient_of
from upheld.transfers.rules import permitted
from upheld.web.refusals import Refusal

_CLAUSE = "services"
_STOPS = (
    "field_not_declared", "provision_stopped", "third_party_no_basis", "service_unknown", "review_overdue",
    "region_mismatch", "country_unassessed", "foreign_no_position", "scc_module", "uk_addendum_missing",
    "approval_missing", "transfer_no_safeguard",
)  # fmt: skip
"""Steps behind the gate of the reads; where records of a person differ, the stop that got furthest is told."""


@dataclass(frozen=True, slots=True)
class _Asked:
    """One question to the gate, with the other side looked up in the version in force."""

    hop: Hop
    now: Now
    reader: Reader
    recipient: Recipient | None

    @property
    def kind(self) -> str:
        """Name what the other side is."""
        if self.recipient is None:
            return "entrusted"
        return "joint" if self.recipient.role == "joint" else "third_party"

    @property
    def outside(self) -> bool:
        """Say whether the data would leave our responsibility: no service, and no word that could name one."""
        named = self.hop.service
        if named in self.now.policy.services:
            return False
        return self.recipient is not None or not (named.isascii() and named.replace("_", "").isalnum())

    @property
    def known(self) -> str:
        """Give the id of the other side, if the policy knows it; what a caller wrote is not repeated."""
        if self.recipient is not None:
            return self.recipient.id
        return self.hop.service if self.hop.service in self.now.policy.services else ""


@retried
def transfer(house: House, reader: Reader, hop: Hop) -> Allowed:
    """Give leave to send fields of a person to a service or recipient, for each record that allows it.

    Nothing is sent here. Leave and refusal are entries that name position and mechanism of each country. Raises
    Refusal: of the records that all refuse, the reason that got furthest; `not_found` for nobody.
    Clause: services (APPI 23, 25, 27, 28; GDPR 28, 44, 46)
    """
    now = now_of(house)
    asked = _Asked(hop, now, reader, recipient_of(now.policy, hop.service))
    early = check_reader(now, reader, hop.purpose)
    subject = person_of(house, hop.subject, hop.identifier)
    with house.store.write() as tx:
        records = records_about(house, tx, subject)
        wanted = [one for one in records if not hop.record or one.ref == hop.record]
        if not wanted:
            if early is not None:
                raise refusal(early.refused, now.policy, purpose=hop.purpose)
            raise Refusal("not_found", _CLAUSE, policy_version=now.policy.version)
        numbers = dict.fromkeys(one.subject for one in wanted)
        around = {one: surroundings(house, tx, one, hop.contract_id) for one in numbers}
        judged = [(one, _gate(house, tx, asked, one, around[one.subject])) for one in wanted]
        leaves = [
            _leave(house, tx, asked, record, outcome)
            for record, outcome in judged
            if isinstance(outcome, _Open)
        ]
        shut = None if leaves else _refuse(house, tx, asked, judged)
    house.stirred.set()
    if shut is not None:
        raise shut
    return Allowed(b64(wanted[0].subject), asked.known, asked.kind, tuple(leaves))


@dataclass(frozen=True, slots=True)
class _Open:
    """The gate is open for one record: what the read rests on, what the hop rests on, and the fields."""

    permit: Permit
    route: Route
    fields: tuple[str, ...]


def _gate(
    house: House, tx: sa.Connection, asked: _Asked, record: Record, around: Surroundings
) -> _Open | Shut | Stop:
    """Put one record before both gates, in the order that the law gives them."""
    hop, now = asked.hop, asked.now
    permit = judge(house, tx, now, asked.reader, record, around, ask_of(record, hop.purpose, hop.fields))
    if isinstance(permit, Shut):
        return permit
    own = version_of(house, record)
    usable = permit.usable if permit.usable is not None else needed(own, record, hop.purpose)
    fields = hop.fields or _default(asked, usable)
    if not asked.outside:
        route = permitted(
            now.policy, house.law, hop.service, record.origin, hop.purpose, fields, now.on, hop.region,
            situation=record.situation,
        )  # fmt: skip
        return _Open(permit, route, fields) if isinstance(route, Route) else route
    stopped = check_standing(hop.purpose, around.standings, third_party=True, keys=keys_of(own, hop.purpose))
    if stopped is not None:
        return Stop(stopped.code, stopped.clause)
    handed = may_hand_over(
        own, now.policy, house.law, asked.known, record.situation, record.origin, hop.purpose, fields, now.on,
        around.standings,
    )  # fmt: skip
    return _Open(permit, handed, fields) if isinstance(handed, Route) else handed


def _default(asked: _Asked, fields: tuple[str, ...]) -> tuple[str, ...]:
    """Give the fields that go where none is named: what the purpose needs, of that what the recipient may have."""
    limit = asked.recipient.fields if asked.recipient else None
    return fields if limit is None else tuple(name for name in fields if name in limit)


def _leave(house: House, tx: sa.Connection, asked: _Asked, record: Record, found: _Open) -> Leave:
    route, ground = found.route, found.permit.ground
    body: dict[str, object] = {
        "to": asked.known,
        "kind": asked.kind,
        "record": record.ref,
        "situation": record.situation,
        "purpose": asked.hop.purpose,
        "fields": list(found.fields),
        "positions": dict(route.positions),
        "mechanisms": {regime: dict(carried) for regime, carried in route.mechanisms.items()},
        "bases": dict(ground.bases),
    }
    if asked.hop.region:
        body["region"] = asked.hop.region
    room = "recipients" if asked.recipient is not None else "services"
    entry = house.ledger.append(
        tx,
        "transfer.made",
        clause=f"{room}.{asked.known}",
        policy_version=record.policy_version,
        actor=asked.reader.actor,
        body=body,
        subject=record.subject,
    )
    return Leave(record.ref, record.situation, record.policy_version, found.fields, route, b64(entry))


def _refuse(
    house: House,
    tx: sa.Connection,
    asked: _Asked,
    judged: Sequence[tuple[Record, _Open | Shut | Stop]],
) -> Refusal:
    """Write the refusal's own entry and give the refusal: of several the one that got furthest."""
    shut = [(record, one) for record, one in judged if not isinstance(one, _Open)]
    record, furthest = max(shut, key=lambda pair: _step(pair[1]))
    told = furthest.refused if isinstance(furthest, Shut) else Refused(furthest.code, furthest.clause)
    house.ledger.append(
        tx,
        "transfer.refused",
        clause=told.clause,
        policy_version=record.policy_version,
        actor=asked.reader.actor,
        body={"code": told.code, "to": asked.known, "purpose": _known_purpose(asked)},
        subject=record.subject,
    )
    own = version_of(house, record)
    if isinstance(furthest, Shut):
        return refusal(told, own, situation=record.situation, purpose=asked.hop.purpose)
    params = {"service": asked.known, "country": furthest.country or ""}
    return Refusal(
        told.code,
        told.clause,
        fields=(furthest.field,) if furthest.field and furthest.field in own.fields else (),
        policy_version=asked.now.policy.version,
        params={name: value for name, value in params.items() if value},
        status=422 if told.code == "field_not_declared" else 403,
    )


def _known_purpose(asked: _Asked) -> str:
    return asked.hop.purpose if asked.hop.purpose in asked.now.policy.purposes else ""


def _step(outcome: Shut | Stop | _Open) -> int:
    if isinstance(outcome, Shut):
        return outcome.step
    return len(STEPS) + (_STOPS.index(outcome.code) if isinstance(outcome, Stop) else len(_STOPS))
