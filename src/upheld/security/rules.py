"""The gate before every read, in the order that the public page and the law give it; pure.

What the record's own version states comes first, then who reads, then what stands about the person, then time.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import date
from typing import cast

from upheld.basis.model import Ground, Refused
from upheld.basis.rules import check_basis, check_standing, consents, keys_of
from upheld.policy.decide import state
from upheld.policy.model import CompiledPolicy, Frozen
from upheld.policy.period import Period
from upheld.records.views import WIDTHS, View
from upheld.security.model import Ask, Kept, Lock, Now, Permit, Person, Reader, Rules, Shut

STEPS = (
    "situation_unknown", "field_not_declared", "purpose_not_declared", "role_not_allowed", "training_expired",
    "rules_not_accepted", "approval_missing", "purpose_gap", "aggregate_only", "review_pending", "standing", "basis", "retention_expired",
)  # fmt: skip
"""The steps of the gate in order; where records of a person differ, the refusal that got furthest is told."""

LEGAL_CLAIMS = "legal_claims"
"""The one use of restricted data that needs no purpose of the policy, only a second person (GDPR 18(2))."""


def rules_of(today: CompiledPolicy, documents: Mapping[str, str]) -> Rules | None:
    """Give the rules for handling that readers must have accepted; None where the policy asks for none.

    Version and hash are of today's evidence, so a new edition asks everybody again and makes no new policy version.
    Clause: security.organisational (APPI 23, 24)
    """
    for measure in today.measures.values():
        if measure.rules_accepted:
            cited = today.evidence.of(f"security.{measure.id}").get("rules", {})
            path = str(cited.get("document", ""))
            return Rules(str(cited.get("version", "")), documents.get(path) or str(cited.get("hash", "")))
    return None


def training_asked(today: CompiledPolicy) -> tuple[str, Period | None] | None:
    """Give the course that readers must have taken and how long it counts; None where none is asked.

    Clause: security.personnel.training (APPI 24)
    """
    for measure in today.measures.values():
        if measure.training and measure.training.get("required_for", "any_access") == "any_access":
            every = measure.training.get("every")
            return str(measure.training.get("course", "")), every if isinstance(every, Period) else None
    return None


def purposes_of(today: CompiledPolicy, roles: Iterable[str]) -> tuple[frozenset[str] | None, bool]:
    """Give what roles cover (None: every purpose) and whether one of them may clear special-care text.

    Clause: security.technical.access (APPI 23)
    """
    held = [today.evidence.roles[name] for name in roles if name in today.evidence.roles]
    everything = any(role.purposes is None for role in held)
    covered = frozenset(purpose for role in held for purpose in role.purposes or ())
    return (None if everything else covered), any(role.reviewer for role in held)


def views_of(today: CompiledPolicy, roles: Iterable[str]) -> Mapping[str, View]:
    """Give how much of a value is seen for each purpose that a role limits; of two roles the wider counts.

    Clause: security.technical.access (APPI 23; GDPR 5(1)(c), 32)
    """
    held = [today.evidence.roles[name] for name in roles if name in today.evidence.roles]
    seen: dict[str, View] = {}
    for role in held:
        limit = cast("View", role.view)
        for purpose in (*(today.purposes if role.purposes is None else role.purposes), LEGAL_CLAIMS):
            seen[purpose] = max(seen.get(purpose, limit), limit, key=WIDTHS.index)
    return Frozen({purpose: limit for purpose, limit in seen.items() if limit != "raw"})


def check_view(reader: Reader, purpose: str, asked: View | None) -> View | Shut:
    """Give how much is shown: what was asked for, else all that the reader may see.

    Clause: security.technical.access (APPI 23; GDPR 5(1)(c), 32)
    """
    limit = reader.views.get(purpose, "raw")
    if asked is not None and WIDTHS.index(asked) > WIDTHS.index(limit):
        return _shut("role_not_allowed", "security.technical.access")
    return asked or limit


def check_reader(now: Now, reader: Reader, purpose: str) -> Shut | None:
    """Say what of the reader stops a read: role, training, rules.

    Clause: security.technical.access (APPI 23, 24)
    """
    if not reader.covers(purpose):
        return _shut("role_not_allowed", "security.technical.access")
    if not reader.staff:
        return None
    untrained = reader.trained_until is None or reader.trained_until < now.on
    if training_asked(now.policy) is not None and untrained:
        return _shut("training_expired", "security.personnel.training")
    if now.rules is not None and reader.accepted != now.rules:
        return _shut("rules_not_accepted", "security.organisational.rules")
    return None


def check_worker(now: Now, reader: Reader) -> Shut | None:
    """Say what stops a member of staff from deciding about people's data: no role, no training, rules not accepted.

    Clause: security.technical.access (APPI 23, 24)
    """
    covered = next((name for name in now.policy.purposes if reader.covers(name)), "")
    return check_reader(now, reader, covered) if covered else _shut("role_not_allowed", "security.technical.access")


def may_read(
    policy: CompiledPolicy, now: Now, ask: Ask, reader: Reader, person: Person, *, totals: bool = False
) -> Permit | Shut:
    """Decide one read of one record.

    `policy` is the record's own version, `now` has the one in force, whose roles and evidence count. `totals` says
    that only figures leave, so that `aggregate_only` does not stop it.
    Clause: security.technical.access (APPI 18, 23; GDPR 5(1)(b), 6, 32)
    """
    if ask.purpose == LEGAL_CLAIMS:
        return _claims(policy, now, ask, reader, person)
    lock = _lock(person.kept, ask, now.on)
    shut = None if lock else _stated(policy, ask, person.kept, now.on)
    shut = shut or check_reader(now, reader, ask.purpose)
    if shut is not None:
        return shut
    if lock is not None:
        return Permit(Ground(bases=Frozen(), statute=lock.statute), lock.clause, lock)
    return _kept_shut(policy, ask, reader, totals) or _stands(policy, now, ask, person)


def _claims(policy: CompiledPolicy, now: Now, ask: Ask, reader: Reader, person: Person) -> Permit | Shut:
    """Open restricted or held data for legal claims: to who works with the situation, approved by somebody else.

    Data that nobody restricted and no hold is on are read under their own purposes.
    Clause: rights.restriction (GDPR 17(3)(e), 18(2))
    """
    row = policy.use_masks.get(ask.situation)
    if row is None:
        return _shut("situation_unknown", "collection")
    declared = policy.situations[ask.situation].fields
    if any(name not in declared for name in ask.fields):
        return _shut("field_not_declared", f"collection.{ask.situation}.collect")
    lock = _lock(person.kept, ask, now.on)
    if lock is None and not any(state == "set" and key.endswith("#restricted") for key, state in person.standings.items()):
        return _shut("purpose_not_declared", f"collection.{ask.situation}.purposes")
    worked = next((name for name in row if reader.covers(name)), "") if reader.staff else ""
    shut = check_reader(now, reader, worked) if worked else _shut("role_not_allowed", "security.technical.access")
    if shut is not None:
        return shut
    if not ask.approver or ask.approver == reader.actor:
        return _shut("approval_missing", "rights.restriction")
    if lock is not None:
        return Permit(Ground(bases=Frozen(), statute=lock.statute, claims=True), lock.clause, lock)
    if any(person.kept.over(name, now.on) for name in ask.fields or tuple(person.kept.ends)):
        return _shut("retention_expired", person.kept.clause)
    return Permit(Ground(bases=Frozen(), claims=True), "rights.restriction", usable=tuple(declared))


def may_read_as_told(
    policy: CompiledPolicy,
    later: CompiledPolicy,
    now: Now,
    ask: Ask,
    reader: Reader,
    person: Person,
    *,
    totals: bool = False,
) -> Permit | Shut:
    """Decide a read that the record's own version does not state, for somebody who consented to it later.

    `later` is the version under whose notice the person said yes. It must state the purpose for the situation, and
    only fields that the record's own version declares are opened; periods stay those of the record.
    Clause: basis.consent (APPI 17(2), 18(1); GDPR 6(1)(a), 7)
    """
    stated = _stated(policy, ask, person.kept, now.on)
    if stated is None or stated.refused.code != "purpose_not_declared":
        return may_read(policy, now, ask, reader, person, totals=totals)
    if not consents(person.standings, keys_of(later, ask.purpose, ask.part)):
        return stated
    outcome = may_read(later, now, ask, reader, person, totals=totals)
    if isinstance(outcome, Shut):
        return stated if outcome.refused.code in {"situation_unknown", "purpose_not_declared"} else outcome
    mask = later.use_masks[ask.situation].get(ask.purpose, 0) & _declared(policy, later, ask.situation)
    usable = tuple(name for name, bit in later.field_bits.items() if mask & bit)
    return replace(outcome, usable=usable, told=later.version)


def _declared(policy: CompiledPolicy, later: CompiledPolicy, situation: str) -> int:
    """Give the bits, in a later version, of the fields that a record's own version declares for its situation."""
    return sum(later.field_bits.get(name, 0) for name in policy.situations[situation].fields)


def _kept_shut(policy: CompiledPolicy, ask: Ask, reader: Reader, totals: bool) -> Shut | None:
    """Say what keeps a stated purpose shut for everybody, or for all but a reviewer."""
    if (ask.situation, ask.purpose) in policy.gaps:
        return _shut("purpose_gap", f"collection.{ask.situation}.{ask.purpose}")
    if policy.purposes[ask.purpose].output == "aggregate" and not totals:
        return _shut("aggregate_only", f"collection.purposes.{ask.purpose}")
    if ask.review and not reader.reviewer and not totals and _meets_screened(policy, ask):
        return _shut("review_pending", "collection.fields")
    return None


def _meets_screened(policy: CompiledPolicy, ask: Ask) -> bool:
    """Say whether a screened text would leave: one that is asked for, or any the purpose uses where none is named."""
    mask = policy.use_masks[ask.situation][ask.purpose]
    usable = (name for name, bit in policy.field_bits.items() if mask & bit)
    return any(_screened(policy, name) for name in ask.fields or usable)


def _stands(policy: CompiledPolicy, now: Now, ask: Ask, person: Person) -> Permit | Shut:
    """Ask for standing, basis and period."""
    marketing = act_of(policy, ask.situation, ask.purpose) == "send_marketing"
    keys = keys_of(policy, ask.purpose, ask.part)
    stopped = check_standing(ask.purpose, person.standings, direct_marketing=marketing, keys=keys)
    if stopped is not None:
        return Shut(STEPS.index("standing"), stopped)
    ground = check_basis(
        policy, now.law, ask.situation, ask.purpose, ask.origin, now.on, person.standings,
        evidence=now.policy, contract=person.contract, open_kinds=person.open_kinds, part=ask.part,
        recorded=person.recorded,
    )  # fmt: skip
    if isinstance(ground, Refused):
        return Shut(STEPS.index("basis"), ground)
    kept = person.kept
    if any(kept.over(name, now.on) for name in ask.fields or tuple(kept.ends)):
        return _shut("retention_expired", kept.clause)
    return Permit(ground, f"collection.{ask.situation}.{ask.purpose}")


def _stated(policy: CompiledPolicy, ask: Ask, kept: Kept, on: date) -> Shut | None:
    """Ask what the record's own version states of each field, first of all fields, then of the purpose."""
    verdicts = [state(policy, ask.situation, name, ask.purpose) for name in ask.fields]
    for code in ("situation_unknown", "field_not_declared", "purpose_not_declared"):
        found = next((verdict for verdict in verdicts if verdict.code == code), None)
        if found is None:
            continue
        locked = any(lock.purpose == ask.purpose for lock in kept.locks)
        if locked and any(kept.over(name, on) for name in ask.fields):
            return _shut("retention_expired", kept.clause)
        return _shut(code, found.clause)
    if not ask.fields and ask.purpose not in policy.use_masks.get(ask.situation, {}):
        return _shut("purpose_not_declared", f"collection.{ask.situation}.purposes")
    if ask.part and ask.part not in policy.purposes[ask.purpose].parts:
        return _shut("purpose_not_declared", f"collection.purposes.{ask.purpose}")
    return None


def _lock(kept: Kept, ask: Ask, on: date) -> Lock | None:
    """Give the statute under which these fields may be read for this purpose.

    Clause: retention.longer_by_law
    """
    for lock in kept.locks:
        if lock.purpose == ask.purpose and set(ask.fields) <= lock.fields and on <= lock.until:
            return lock
    return None


def _screened(policy: CompiledPolicy, name: str) -> bool:
    found = policy.fields.get(name)
    return found is not None and found.screen is not None


def act_of(policy: CompiledPolicy, situation: str, purpose: str) -> str:
    """Give the act by which a situation's purpose meets people: none, send_marketing, on_page, link."""
    found = policy.situations.get(situation)
    return next((one.act for one in found.purposes if one.purpose == purpose), "none") if found else "none"


def _shut(code: str, clause: str) -> Shut:
    return Shut(STEPS.index(code), Refused(code, clause))


def furthest(shut: Iterable[Shut]) -> Shut | None:
    """Give the refusal that got furthest through the gate; of equals the first."""
    return max(shut, key=lambda one: one.step, default=None)
