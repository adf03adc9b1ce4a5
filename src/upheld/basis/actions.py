"""Giving, refusing, withdrawing, objecting: one ledger entry each, projected into the standing in the same transaction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import sqlalchemy as sa

from upheld.basis.model import PERMITTING, Standings, part_key, whole_of
from upheld.basis.rules import consent_terms, effective, joined, next_state, pending_terms
from upheld.collection.actions import receipt_digest
from upheld.db import b64, retried
from upheld.notice import Act, House, Shown
from upheld.notice.desk import Work
from upheld.notice.rules import judge, sheet
from upheld.policy.model import CompiledPolicy
from upheld.web.refusals import Refusal

KINDS = {
    "given": "consent.given",
    "renewed": "consent.renewed",
    "refused": "consent.refused",
    "request_deferred": "consent.deferred",
    "withdrawn": "consent.withdrawn",
    "objected": "objection.raised",
    "requested": "consent.requested",
    "revoked": "consent.revoked",
    "invalidated": "consent.invalidated",
    "expired": "consent.expired",
}
"""How a purpose stands after something was said of it, and the kind of the entry that says so."""

OWN_ACTIONS = ("give", "refuse", "defer", "renew", "withdraw", "object")
"""What a person can say of a purpose."""

OUR_ACTIONS = ("request", "revoke", "invalidate")
"""What the company can say of a person's consent: ask for it, end it, or find that it never was valid."""

_AFFIRMING = frozenset({"give", "renew"})


@dataclass(frozen=True, slots=True)
class Said:
    """What is said, where, in which language, by whom, after which showing, and for how long."""

    action: str
    how: str
    lang: str
    actor: str
    shown: Shown | None = None
    until: date | None = None


@dataclass(frozen=True, slots=True)
class Stated:
    """What stands after someone said something; `changed` is false when it stood so already."""

    subject: str
    purpose: str
    state: str
    changed: bool
    receipt: str = ""
    replayed: bool = False

    def answer(self) -> dict[str, Any]:
        """Give the members of the answer."""
        told: dict[str, Any] = {
            "subject": self.subject,
            "purpose": self.purpose,
            "state": self.state,
            "changed": self.changed,
        }
        return {**told, "receipt": self.receipt} if self.receipt else told


def standings_of(
    house: House, tx: sa.Connection, subject: bytes, members: Sequence[bytes] = ()
) -> Standings:
    """Give all standings of a person by key, for the rules; a consent given for a time is expired after it.

    `members` are the numbers the person has, itself first, where the caller knows them already; a no under one of
    them counts under all.
    """
    found = house.vault.standings_of(tx, subject)
    members = members or house.vault.members(tx, subject)
    if len(members) > 1:
        others = [one for member in members[1:] for one in house.vault.standings_of(tx, member)]
        return joined(found, others, house.vault.joined_at(tx, subject), house.today())
    if all(one.until is None for one in found):
        return {one.purpose: one.state for one in found}
    on = house.today()
    return {one.purpose: effective(one.state, one.until, on) for one in found}


def standing_of(house: House, tx: sa.Connection, subject: bytes, purpose: str) -> str | None:
    """Give how one purpose stands for a person today, or None where nothing was ever said."""
    found = house.vault.standing(tx, subject, purpose)
    if found is None or found.until is None:
        return found.state if found else None
    return effective(found.state, found.until, house.today())


@dataclass(slots=True, kw_only=True)
class Stating(Work):
    """One statement that was found in order, as the writer does it; `purpose` is what it is about."""

    house: House
    policy: CompiledPolicy
    said: Said
    known_only: bool = False

    def check(self, tx: sa.Connection) -> Stated | None:
        """Answer as before where it was said already under this key; refuse a person or a showing that is not there."""
        if self.act is not None and (answer := self.house.once.known(tx, self.act)):
            return Stated(**answer, replayed=True)
        there = self.house.vault.subject(tx, self.subject, lock=True)
        if self.known_only and (there is None or there.state != "live"):
            raise Refusal("not_found")
        if self.shown is not None:
            self.house.notices.check_unspent(tx, self.shown)
        return None

    def write(self, tx: sa.Connection) -> Stated:
        """Write entry, standing, spent receipt and kept answer."""
        done = _state(self.house, tx, self.policy, self.subject, self.purpose, self.said)
        if self.act is not None:
            self.house.once.keep(tx, self.act, done.answer())
        return done


def state_choice(house: House, subject: bytes, purpose: str, action: str, **said: Any) -> Stated:
    """Write down what is said of a purpose, as `stating` says it; it binds the next decision.

    Clause: basis.consent (GDPR 7, 21; APPI 18, 35)
    """
    return house.writer.run(stating(house, subject, purpose, action, **said))


def stating(
    house: House,
    subject: bytes,
    purpose: str,
    action: str,
    *,
    how: str,
    lang: str | None = None,
    notice_receipt: str | None = None,
    actor: str = "self",
    until: date | None = None,
    idempotency_key: str | None = None,
    known_only: bool = False,
) -> Stating:
    """Judge what is said of a purpose (`OWN_ACTIONS`, `OUR_ACTIONS`) and give what the writer has to do.

    Giving and renewing need a notice receipt of a situation that asks for this consent; `until` is the last legal
    day of a consent given for a time. `purpose` may name a part. What stands already is not written twice.
    `known_only` takes no statement about a number that nobody has. Raises Refusal.
    Clause: basis.consent (GDPR 7, 21; APPI 18, 35)
    """
    published = house.in_force()
    policy = published.policy
    known_purpose(house, policy, purpose)
    if until is not None and (action not in _AFFIRMING or until < house.today(policy)):
        raise Refusal("value_invalid", f"basis.purposes.{whole_of(purpose)}", fields=("valid_until",))
    act: Act | None = None
    if idempotency_key is not None:
        asked = [b64(subject), purpose, action, *([until.isoformat()] if until else [])]
        act = house.once.act("consents", idempotency_key, asked)
    try:
        shown = _shown_for(house, policy, purpose, lang, notice_receipt) if action in _AFFIRMING else None
    except Refusal:
        if act is None or not _said_before(house, act):
            raise
        shown = None
    spoken = lang or (shown.snapshot.lang if shown else None)
    said = Said(action, how, spoken if spoken in policy.languages else policy.languages[0], actor, shown, until)
    return Stating(
        house=house,
        policy=policy,
        said=said,
        act=act,
        shown=shown,
        subject=subject,
        purpose=purpose,
        known_only=known_only,
    )


def _said_before(house: House, act: Act) -> bool:
    """Say whether a statement was answered under its key already, so that its showing counts no more."""
    with house.store.read() as tx:
        return house.once.known(tx, act) is not None


def _state(
    house: House, tx: sa.Connection, policy: CompiledPolicy, subject: bytes, purpose: str, said: Said
) -> Stated:
    house.vault.ensure_subject(tx, subject)
    if said.shown is not None:
        house.notices.spend(tx, house.ledger, said.shown, subject=subject, actor=said.actor)
    before = standing_of(house, tx, subject, purpose)
    asks = said.action in _AFFIRMING and before not in PERMITTING
    pending = pending_terms(policy, purpose, house.clock.now()) if asks else None
    state = next_state(before or "unknown", "sign_up" if pending else said.action)
    if state is None:
        return Stated(b64(subject), purpose, before or "unknown", changed=False)
    receipt = b64(house.ids.random(16))
    situation = said.shown.snapshot.surface.partition(":")[2] if said.shown else ""
    body = {
        **consent_terms(policy, house.law, situation, whole_of(purpose), house.today(policy)),
        "purpose": purpose,
        "language": said.lang,
        "how": said.how,
        "receipt": receipt_digest(receipt),
        **(pending or {}),
    }
    if said.until is not None:
        body["until"] = said.until.isoformat()
    house.ledger.append(
        tx,
        KINDS[state],
        clause=f"basis.purposes.{whole_of(purpose)}",
        policy_version=policy.version,
        actor=said.actor,
        body=body,
        subject=subject,
    )
    return Stated(b64(subject), purpose, state, changed=True, receipt=receipt)


@retried
def expire_ended(house: House) -> int:
    """Write down each consent whose own last day is past; gives how many. They carried nothing since that day.

    Clause: basis.consent
    """
    policy = house.in_force().policy
    done = 0
    with house.store.write() as tx:
        for one in house.vault.standings_over(tx, house.today(policy)):
            if one.state in PERMITTING:
                said = Said("expire", "schedule", policy.languages[0], "svc:basis")
                done += _expire(house, tx, policy, one.subject, one.purpose, said)
    house.stirred.set()
    return done


def _expire(
    house: House, tx: sa.Connection, policy: CompiledPolicy, subject: bytes, purpose: str, said: Said
) -> int:
    """Write one expiry, unless something else was said or the person is being erased meanwhile."""
    state = house.vault.subject(tx, subject)
    if state is None or state.state != "live":
        return 0
    house.vault.ensure_subject(tx, subject)
    now = house.vault.standing(tx, subject, purpose)
    if now is None or now.state not in PERMITTING or effective(now.state, now.until, house.today(policy)) != "expired":
        return 0
    body = {"purpose": purpose, "notice": policy.promise_hash, "situation": "", "language": said.lang, "how": said.how}
    house.ledger.append(
        tx,
        "consent.expired",
        clause=f"basis.purposes.{whole_of(purpose)}",
        policy_version=policy.version,
        actor=said.actor,
        body=body,
        subject=subject,
    )
    return 1


def record_consent(house: House, subject: bytes, purpose: str, **how: Any) -> Stated:
    """Write down that a person gives consent; as `state_choice` with `give`."""
    return state_choice(house, subject, purpose, "give", **how)


def withdraw(house: House, subject: bytes, purpose: str, **how: Any) -> Stated:
    """Withdraw consent: once, for every record of the person. What was done until then stays lawful.

    Clause: basis.consent (GDPR 7(3))
    """
    return state_choice(house, subject, purpose, "withdraw", **how)


def object_to(house: House, subject: bytes, purpose: str, **how: Any) -> Stated:
    """Note an objection; the purpose stops at once.

    Clause: rights.objection (GDPR 21)
    """
    return state_choice(house, subject, purpose, "object", **how)


def known_purpose(house: House, policy: CompiledPolicy, purpose: str) -> None:
    """Take statements about any purpose, or part of one, that some published version states; raises Refusal."""
    if _states(policy, purpose) or any(_states(one.policy, purpose) for one in house.shelf.versions()):
        return
    raise Refusal("purpose_not_declared", "collection.purposes", policy_version=policy.version)


def _states(policy: CompiledPolicy, purpose: str) -> bool:
    whole, _, part = purpose.partition(".")
    found = policy.purposes.get(whole)
    return found is not None and (not part or part in found.parts) and purpose == part_key(whole, part)


def _shown_for(
    house: House, policy: CompiledPolicy, purpose: str, lang: str | None, token: str | None
) -> Shown:
    shown = house.notices.read(token) if token else None
    surface = shown.snapshot.surface if shown else ""
    code = judge(shown, surface=surface, policy=policy, lang=lang, now=house.clock.now())
    situation = policy.situations.get(surface.partition(":")[2])
    if code is None and (situation is None or whole_of(purpose) not in _asked(house, policy, situation.id)):
        code = "notice_not_shown"
    if code is not None or shown is None:
        raise Refusal(code or "notice_not_shown", f"basis.purposes.{whole_of(purpose)}", policy_version=policy.version)
    return shown


def _asked(house: House, policy: CompiledPolicy, situation: str) -> tuple[str, ...]:
    return sheet(policy, house.law, policy.situations[situation], house.today(policy)).consents
