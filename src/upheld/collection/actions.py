"""Collecting: keys first, then record, ledger entries and spent receipt in one transaction; success is durable."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from upheld.collection.model import Admission, Collected, Fault, Script, Submission
from upheld.collection.rules import admit, identifiers, relation_kind, starts
from upheld.db import StoreConflictError, b64
from upheld.notice import Act, House, Published, Shown, Snapshot
from upheld.notice.actions import note_script
from upheld.notice.desk import Work
from upheld.notice.rules import judge, surface_of
from upheld.policy.model import CompiledPolicy, Situation
from upheld.records import Wanted
from upheld.web.refusals import Refusal

_OPENED_BY_TAKING = frozenset({"account", "application"})


@dataclass(slots=True, kw_only=True)
class Taking(Work):
    """One act of collecting that was found in order, as the writer does it."""

    house: House
    published: Published
    situation: Situation
    handed: Submission
    admitted: Admission
    script: Snapshot | None
    actor: str
    receipt: str

    def check(self, tx: sa.Connection) -> Collected | None:
        """Answer as before where it was done already; refuse by what stands at this instant."""
        if self.act is not None and (answer := self.house.once.known(tx, self.act)):
            return Collected(**answer, replayed=True)
        self._still_in_force()
        there = self.house.vault.subject(tx, self.subject, lock=True)
        if there is not None and there.state == "erased":
            raise StoreConflictError  # since the look-up: the next try makes a new subject
        if there is not None and there.state == "erasing":
            raise Refusal("busy", "rights.erasure")
        if self.shown is not None:
            self.house.notices.check_unspent(tx, self.shown)
        return None

    def write(self, tx: sa.Connection) -> Collected:
        """Write record, entries, spent receipt and kept answer."""
        _tell(self.house, tx, self)
        relation, outside = _relation(self.house, tx, self)
        record = _put(self.house, tx, self, relation)
        done = Collected(
            record=b64(record),
            subject=b64(self.subject),
            receipt=self.receipt,
            policy_version=self.published.version,
            review=self.admitted.review,
            relation=outside,
        )
        _enter(self.house, tx, self, record)
        if self.act is not None:
            self.house.once.keep(tx, self.act, done.answer())
        return done

    def _still_in_force(self) -> None:
        """Refuse when another version came into force between the check and this transaction.

        Clause: amendment.default
        """
        now = self.house.in_force()
        if now.version != self.published.version:
            clause = f"notice.channels.{self.situation.channel}"
            raise Refusal("notice_stale", clause, policy_version=now.version)


def receipt_digest(receipt: str) -> str:
    """Give what is stored of a receipt number, so that the store alone opens no receipt page."""
    return hashlib.sha256(b"receipt|" + receipt.encode()).hexdigest()


def collect(house: House, situation_id: str, handed: Submission, **how: Any) -> Collected:
    """Take in what a person hands over, as `taking` says it; returns only after the commit.

    Clause: collection.situations (APPI 17, 18, 20, 21; GDPR 5, 13)
    """
    found = taking(house, situation_id, handed, **how)
    return found if isinstance(found, Collected) else house.writer.run(found)


def taking(
    house: House,
    situation_id: str,
    handed: Submission,
    *,
    notice_receipt: str | None = None,
    script: Script | None = None,
    idempotency_key: str | None = None,
    key_required: bool = False,
) -> Taking | Collected:
    """Judge whether what a person hands over is what the policy in force states, and whether they were told first.

    Either `notice_receipt`, or for a staff channel `script`. Under an idempotency key that was used the answer is
    the first one. Gives what the writer has to do. Raises Refusal with the first thing that is wrong.
    Clause: collection.situations (APPI 17, 18, 20, 21; GDPR 5, 13)
    """
    published = house.in_force()
    act = None
    if idempotency_key is not None:
        asked = [situation_id, dict(handed.fields), handed.country, handed.subtype, list(handed.consents), handed.visitor, handed.relation]
        act = house.once.act(f"collect:{situation_id}", idempotency_key, asked)
    try:
        return _judged(house, published, situation_id, handed, notice_receipt, script, act, key_required)
    except Refusal:
        if act is None:
            raise
        with house.store.read() as tx:  # what was done once is answered, whatever holds today
            answer = house.once.known(tx, act)
        if answer is None:
            raise
        return Collected(**answer, replayed=True)


def _judged(
    house: House,
    published: Published,
    situation_id: str,
    handed: Submission,
    notice_receipt: str | None,
    script: Script | None,
    act: Act | None,
    key_required: bool,
) -> Taking:
    policy = published.policy
    admitted = admit(policy, house.law, situation_id, handed, house.today(policy))
    if admitted.faults:
        raise refusal_of(policy, situation_id, admitted.faults[0])
    situation = policy.situations[situation_id]
    shown = None if script else _shown(house, policy, situation, handed.lang, notice_receipt)
    told = _told(house, published, situation, script, handed.lang) if script else None
    if key_required and act is None:
        raise Refusal("idempotency_missing")
    region = handed.country[:2] or policy.controller.country
    found = identifiers(policy, admitted.values, handed.visitor)
    return Taking(
        act=act,
        shown=shown,
        wanted=Wanted(found, region, (situation.subject,)),
        house=house,
        published=published,
        situation=situation,
        handed=handed,
        admitted=admitted,
        script=told,
        actor=script.staff if script else "self",
        receipt=b64(house.ids.random(16)),
    )


def refusal_of(policy: CompiledPolicy, situation_id: str, fault: Fault) -> Refusal:
    """Turn a fault into the refusal that says it."""
    known = situation_id in policy.situations
    params = {"situation": situation_id} if known else {}
    fields = (fault.field,) if fault.field else ()
    return Refusal(fault.code, fault.clause, fields=fields, policy_version=policy.version, params=params)


def _shown(
    house: House, policy: CompiledPolicy, situation: Situation, lang: str | None, token: str | None
) -> Shown:
    shown = house.notices.read(token) if token else None
    surface = surface_of(policy, situation)
    code = judge(shown, surface=surface, policy=policy, lang=lang, now=house.clock.now())
    if code is not None or shown is None:
        clause = f"notice.channels.{situation.channel}"
        raise Refusal(code or "notice_not_shown", clause, policy_version=policy.version)
    return shown


def _told(
    house: House, published: Published, situation: Situation, script: Script, lang: str | None
) -> Snapshot:
    """Take the word of staff that the purposes of this version were told; only for situations met by staff.

    Clause: notice.scripts (APPI 21)
    """
    policy = published.policy
    channel = policy.channels.get(situation.channel)
    clause = f"notice.scripts.{situation.id}"
    if channel is None or channel.how not in {"staff", "import"}:
        raise Refusal("notice_not_shown", clause, policy_version=policy.version)
    if script.version != policy.version:
        raise Refusal("notice_stale", clause, policy_version=policy.version)
    return house.notices.snapshot_of(published, house.law, situation, lang or policy.languages[0])


def _tell(house: House, tx: sa.Connection, taking: Taking) -> None:
    house.vault.ensure_subject(tx, taking.subject)
    if taking.shown is not None:
        house.notices.spend(tx, house.ledger, taking.shown, subject=taking.subject, actor=taking.actor)
    elif taking.script is not None:
        obvious = bool(taking.situation.obvious)
        note_script(
            tx, house.ledger, taking.script, subject=taking.subject, staff=taking.actor, obvious=obvious
        )


def _relation(house: House, tx: sa.Connection, taking: Taking) -> tuple[bytes | None, str]:
    return relation_of(
        house, tx, taking.published.policy, taking.situation, taking.subject, taking.handed.relation, taking.actor
    )


def relation_of(
    house: House,
    tx: sa.Connection,
    policy: CompiledPolicy,
    situation: Situation,
    subject: bytes,
    outside: str,
    actor: str,
) -> tuple[bytes | None, str]:
    """Open the account or application that the taking itself begins, or the relationship that was named.

    A contract is opened only under its own number.
    """
    kind = relation_kind(policy, situation)
    if not kind or not (outside or kind in _OPENED_BY_TAKING):
        return None, ""
    outside = outside or b64(house.ids.random(9))
    before = house.vault.relation_find(tx, subject, kind, outside)
    if before is not None:
        return before.id, outside
    opened = house.vault.relation_open(tx, subject, kind, outside, house.today(policy))
    house.ledger.append(
        tx,
        "relation.opened",
        clause=f"retention.{situation.subject}",
        policy_version=policy.version,
        actor=actor,
        body={"kind": kind, "relation": b64(opened)},
        subject=subject,
    )
    return opened, outside


def _put(house: House, tx: sa.Connection, taking: Taking, relation: bytes | None) -> bytes:
    policy, situation, admitted = taking.published.policy, taking.situation, taking.admitted
    return house.vault.put_record(
        tx,
        taking.subject,
        situation=situation.id,
        policy_version=policy.version,
        origin=admitted.origin,
        fields=admitted.values,
        shred_class=situation.subject,
        channel=situation.channel,
        subtype=taking.handed.subtype,
        relation=relation,
        receipt_id=receipt_digest(taking.receipt),
        review=admitted.review,
        starts=starts(policy, situation),
    )


def _enter(house: House, tx: sa.Connection, taking: Taking, record: bytes) -> None:
    """Write the entry; its body names fields, never their values."""
    policy, situation, admitted = taking.published.policy, taking.situation, taking.admitted
    snap = taking.shown.snapshot if taking.shown else taking.script
    body: dict[str, Any] = {
        "situation": situation.id,
        "record": b64(record),
        "fields": list(admitted.values),
        "purposes": list(situation.purpose_ids),
        "consents": list(admitted.consents),
        "origin": admitted.origin,
        "channel": situation.channel,
        "subtype": taking.handed.subtype,
        "language": snap.lang if snap else policy.languages[0],
        "fingerprint": snap.fingerprint if snap else "",
        "receipt": receipt_digest(taking.receipt),
        "review": admitted.review,
    }
    house.ledger.append(
        tx,
        "collect.accepted",
        clause=f"collection.{situation.id}",
        policy_version=policy.version,
        actor=taking.actor,
        body=body,
        subject=taking.subject,
    )
