"""What must be told in a situation, what of it is agreed to, and whether a showing still counts; pure."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Any

from upheld.db import canonical
from upheld.notice.model import Sheet, Shown, Told
from upheld.policy.decide import basis_in
from upheld.policy.law import Law
from upheld.policy.model import CompiledPolicy, Frozen, Situation, Stated

RECEIPT_LIFE = timedelta(hours=24)
CONSENT_GROUNDS = frozenset({"consent", "A9-2-a"})
"""Grounds for special-care data that are the person's own consent (APPI 20(2), GDPR 9(2)(a))."""


def surface_of(policy: CompiledPolicy, situation: Situation) -> str:
    """Name where the notice of a situation is shown: `form:event`, `staff:card`, `browser:browsing`."""
    channel = policy.channels.get(situation.channel)
    return f"{channel.how if channel else situation.channel}:{situation.id}"


def sheet(policy: CompiledPolicy, law: Law, situation: Situation, on: date) -> Sheet:
    """Give what must be told before anything is taken in a situation, for people of every area.

    Clause: notice.channels (APPI 21(2), GDPR 13)
    """
    purposes = tuple(_told(policy, law, situation, stated, on) for stated in situation.purposes)
    wanted = set(situation.purpose_ids)
    services = tuple(service for service in policy.services.values() if wanted & set(service.purposes))
    recipients = tuple(policy.recipients[name] for name in situation.recipients or () if name in policy.recipients)
    places = [code for service in services for code in service.countries]
    places += [code for recipient in recipients for code in recipient.country]
    kind = policy.retention.kinds.get(situation.subject)
    return Sheet(
        situation=situation,
        purposes=purposes,
        services=services,
        recipients=recipients,
        countries=tuple(dict.fromkeys(places)),
        ends=kind.ends if kind else (),
        rights=tuple(policy.rights.kinds.values()),
    )


def _told(policy: CompiledPolicy, law: Law, situation: Situation, stated: Stated, on: date) -> Told:
    name = stated.purpose
    bases = {regime: basis_in(policy, law, name, situation.id, regime, on) for regime in policy.reach}
    line = policy.purpose_bases.get(name)
    interest = line.interest if line and any(_proof(policy, basis) == "assessment" for basis in bases.values()) else None
    return Told(
        purpose=policy.purposes[name],
        act=stated.act,
        bases=Frozen(bases),
        interest=interest,
        consent=any(_proof(policy, basis) == "consent_record" for basis in bases.values())
        or bool(special_consent(policy, situation, name)),
    )


def _proof(policy: CompiledPolicy, basis: str) -> str:
    found = policy.bases.get(basis)
    return found.proof if found else ""


def special_consent(policy: CompiledPolicy, situation: Situation, purpose: str) -> tuple[str, ...]:
    """Give the special-care fields that a purpose may use in a situation only with the person's consent.

    A ground other than consent, stated for each regime, makes consent unneeded there.
    Clause: basis.purposes (APPI 20(2), GDPR 9)
    """
    uses = policy.use_masks[situation.id].get(purpose, 0)
    line = policy.purpose_bases.get(purpose)
    grounds = line.special if line else {}
    if all(grounds.get(regime, "consent") not in CONSENT_GROUNDS for regime in policy.reach):
        return ()
    return tuple(
        name for name in situation.fields if policy.field_bits[name] & uses and policy.fields[name].special
    )


def fingerprints(policy: CompiledPolicy, law: Law, situation: Situation, on: date) -> Mapping[str, str]:
    """Give, for each purpose of a situation, a hash of what was agreed: fields, basis, recipients, countries, periods.

    Wording and order stay out, so an edited sentence keeps it and a new recipient changes it.
    """
    told = sheet(policy, law, situation, on)
    periods = sorted(f"{end.after} {end.period} {end.count}" for end in told.ends)
    recipients = sorted([item.id, item.role, sorted(item.country)] for item in told.recipients)
    found: dict[str, str] = {}
    for item in told.purposes:
        name = item.purpose.id
        uses = policy.use_masks[situation.id][name]
        services = [
            [one.id, one.operator, sorted(one.countries), sorted(one.transfer.items())]
            for one in told.services
            if name in one.purposes
        ]
        agreed = {
            "purpose": name,
            "act": item.act,
            "fields": sorted(field for field in situation.fields if policy.field_bits[field] & uses),
            "bases": sorted(item.bases.items()),
            "services": sorted(services, key=str),
            "recipients": recipients,
            "periods": periods,
        }
        found[name] = _hash(agreed)
    return Frozen(found)


def fingerprint(policy: CompiledPolicy, law: Law, situation: Situation, on: date) -> str:
    """Give one hash over all purposes of a situation."""
    return _hash(sorted(fingerprints(policy, law, situation, on).items()))


def _hash(value: Any) -> str:
    return hashlib.sha256(canonical(value)).hexdigest()


def judge(
    shown: Shown | None, *, surface: str, policy: CompiledPolicy, lang: str | None, now: datetime
) -> str | None:
    """Say why a showing does not count for a write: `notice_not_shown`, `notice_stale`, or None when it counts.

    It counts for its own surface, for the version in force, in the language of the act (None: whichever was
    shown), and for a day.
    Clause: notice.channels (APPI 20(1), 21)
    """
    if shown is None or shown.snapshot.surface != surface:
        return "notice_not_shown"
    snap = shown.snapshot
    same = (snap.version, snap.promise_hash) == (policy.version, policy.promise_hash)
    if not same or (lang is not None and lang != snap.lang) or now - shown.at > RECEIPT_LIFE:
        return "notice_stale"
    return None
