"""What somebody did by hand in a service: complete, not found, or an exception with its reason and its end."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta

from upheld.db import UpheldError, b64, retried
from upheld.notice import House
from upheld.policy.model import Frozen
from upheld.security import staff
from upheld.services import cases, store
from upheld.services.rules import WAITING, State, moved
from upheld.services.store import Case, Target
from upheld.services.written import MapError, Trouble
from upheld.web.refusals import Refusal

REASONS = ("contract", "claim", "technical")
"""Why something may stay beside the statutes of the policy: a contract that runs, a claim, or nobody can."""

EVIDENCE_MOST = 5_000_000
MAGIC = (b"%PDF-", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"PK\x03\x04")
RESULTS: dict[str, State] = {"complete": "verified", "not_found": "not_found", "exception": "exception"}


class AnswerError(UpheldError):
    """What was said of a service by hand is not complete."""

    code = "answer_incomplete"
    clause = "services"
    next_step = "`upheld services answer --help` says what each result needs."


@dataclass(frozen=True, slots=True)
class Answered:
    """What somebody says: the result, where they looked, for an exception why and until when, and a file that shows it."""

    result: str
    where: str = ""
    reason: str = ""
    until: date | None = None
    evidence: bytes = field(default=b"", repr=False)


@retried
def answer_by_hand(house: House, reference: str, name: str, told: Answered, *, by: int) -> Target:
    """Write down what a member of staff did or found in a service where no program could do it or prove it.

    Only what waits for a person can be answered. An exception is decided by somebody other than who approved the
    erasure, names a statute of the policy or a reason of the list, and has an end. Of evidence the hash is kept.
    Raises AnswerError, Refusal `not_found`.
    Clause: services (APPI 25, 35; GDPR 12, 17, 19)
    """
    with house.store.read() as tx:
        staff.account(house, tx, by)
        found = [(one, target) for one in store.cases(tx, reference) for target in store.targets(tx, one.id) if target.service == name]
    waiting = [pair for pair in found if pair[1].state in WAITING]
    if not waiting:
        raise Refusal("not_found", "services")
    _check(house, told)
    case, target = waiting[0]
    if told.result == "exception" and case.actor == f"staff:{by}":
        raise AnswerError("Whoever approved the erasure does not decide its exceptions.", code="four_eyes")
    now = house.clock.now()
    until = datetime.combine(told.until + timedelta(days=1), time.min, UTC) if told.until else None
    state: State = target.state if target.state == "manual" else moved(target.state, "manual") if told.result != "exception" else target.state
    done = replace(target, state=moved(state, RESULTS[told.result]), code=told.reason or "by_hand", due=None, until=until, at=now)
    _write(house, case, target, done, told, by)
    house.stirred.set()
    return done


@retried
def begin_anew(house: House, reference: str, name: str = "", *, by: int) -> int:
    """Begin again where a service waits for a person: the reason is gone, a credential mended, a hold lifted.

    Everything is looked for anew; without a name in every service of the reference. Gives how many begin again. Raises
    Refusal `not_found` where nothing waits, MapError where a service still has no connection.
    Clause: services
    """
    now = house.clock.now()
    with house.store.write() as tx:
        staff.account(house, tx, by)
        waiting = [
            target for one in store.cases(tx, reference) for target in store.targets(tx, one.id)
            if target.state in WAITING and name in ("", target.service)
        ]  # fmt: skip
        if not waiting:
            raise Refusal("not_found", "services")
        reached = cases.reach(house).of
        missing = [one.service for one in waiting if one.service not in reached]
        if missing and name:
            raise MapError((Trouble("connection_missing", "connections", f"{name} has none yet"),))
        fresh = [one for one in waiting if one.service in reached]
        for one in fresh:
            again = replace(one, state=moved(one.state, "planned"), code="", sealed=None, told=Frozen(), tries=0, looks=0, due=now, until=None, at=now)
            store.save(tx, again, one)
    house.stirred.set()
    return len(fresh)


def _write(house: House, case: Case, before: Target, done: Target, told: Answered, by: int) -> None:
    body: dict[str, object] = {
        "reference": case.reference, "service": done.service, "result": told.result, "where": told.where, "reason": told.reason,
        "until": told.until.isoformat() if told.until else "", "by_hand": True,
        "evidence": b64(hashlib.sha256(told.evidence).digest()) if told.evidence else "",
    }  # fmt: skip
    kind = "service.exception" if told.result == "exception" else "service.verified"
    with house.store.write() as tx:
        if not store.save(tx, done, before):
            raise AnswerError("Somebody else has answered meanwhile.", code="answer_stale")
        house.ledger.append(
            tx, kind, clause="services", policy_version=case.policy_version, actor=f"staff:{by}", body=Frozen(body)
        )
        end = cases.end_of(house, tx, case)
    cases.after(house, case, end)


def _check(house: House, told: Answered) -> None:
    """Ask for what each result needs; raises AnswerError."""
    if told.result not in RESULTS:
        raise AnswerError("A result is complete, not_found or exception.")
    if told.result != "exception" and not told.where.strip():
        raise AnswerError("Say where you looked and what you did there.", fields=("where",))
    if told.result == "exception":
        statutes = {law.id for law in house.in_force().policy.retention.longer_by_law}
        if told.reason not in statutes | set(REASONS):
            raise AnswerError("An exception names a statute of the policy, or contract, claim or technical.", fields=("reason",))
        if told.until is None or told.until <= house.today():
            raise AnswerError("An exception has a last day, after today.", fields=("until",))
    if told.evidence and (len(told.evidence) > EVIDENCE_MOST or not told.evidence.startswith(MAGIC)):
        raise AnswerError("Evidence is a PDF, PNG, JPEG or ZIP of five megabytes at most.", fields=("evidence",))
