"""Carrying cases out: what is due in a service is done there, one process at a time, and taken up again where it was left.

A step is: look what is due, ask the service, write down what came of it. Whoever is killed in between does the step
again; every step of a service is one that may be done twice.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Protocol

import sqlalchemy as sa

from upheld.db import UpheldError, crash_point, retried
from upheld.notice import House
from upheld.policy.model import Frozen
from upheld.records import KeyGoneError
from upheld.services import cases, delivering, store
from upheld.services.connections import Connection, Connections
from upheld.services.looking import look_again
from upheld.services.model import Identities, Job, Outcome, Ref
from upheld.services.port import NotCapableError, Service, ServiceError
from upheld.services.rules import (
    LOOK_AGAIN,
    TRIES,
    State,
    feeders,
    not_found_means,
    state_after,
    state_of,
    wait_for,
    walked,
    window_end,
)
from upheld.services.store import Case, Target

log = logging.getLogger("upheld.services")
LEASE = timedelta(minutes=5)
BEHIND = timedelta(seconds=3)
"""How long a target waits for a service that feeds it."""

MOST_LOOKS = 3
"""How often what is left after an erasure is erased again before somebody has to look."""

KINDS: Mapping[str, str] = {
    "erase": "service.erased", "correct": "service.corrected", "restrict": "service.restricted", "write": "service.sent",
    "release": "service.released", "suppress": "service.suppressed", "unsuppress": "service.released",
}  # fmt: skip


class Save(Protocol):
    """How a step is written down: how the target stands then, how it stood, and the entry that tells of it."""

    def __call__(self, one: Target, before: Target, kind: str = "", body: Mapping[str, object] | None = None) -> None:
        """Write it."""


class Carrier:
    """Does what is due in the services that can be reached. Safe to have in several processes; one works on a service."""

    def __init__(self, house: House, connections: Connections, *, holder: str) -> None:
        """Work for a house; `holder` names this process and no other."""
        self._house = house
        self._connections = connections
        self._holder = holder

    def look(self) -> int:
        """Do everything that is due and nobody else is at; gives how many steps were taken."""
        done = 0
        for name in self._connections.of:
            if self._lane(name):
                try:
                    done += self._work(name)
                finally:
                    self._leave(name)
        if done:
            self._house.stirred.set()
        return done

    def _work(self, name: str) -> int:
        done, service = 0, None
        try:
            while found := self._due(name):
                if service is None:
                    service = self._connections.of[name].open(self._house.clock)
                done += sum(self._turn(service, self._connections.of[name], one) for one in found)
                self._lane(name)
        except UpheldError as error:  # it cannot even be opened: everything that is due there waits
            log.error("%s cannot be opened: %s", name, error.diagnostic.code)  # noqa: TRY400 - no traceback: see web.answers
            for one in self._due(name):
                self._trouble(one, error)
        finally:
            if service is not None:
                service.close()
        return done

    def _due(self, name: str) -> list[Target]:
        with self._house.store.read() as tx:
            return store.due(tx, name, self._house.clock.now())

    @retried
    def _lane(self, name: str) -> bool:
        now = self._house.clock.now()
        with self._house.store.read() as tx:
            if not store.due(tx, name, now, 1):
                return False
        with self._house.store.write() as tx:
            return store.take_lane(tx, name, self._holder, now, now + LEASE)

    @retried
    def _leave(self, name: str) -> None:
        with self._house.store.write() as tx:
            store.leave_lane(tx, name, self._holder)

    def _turn(self, service: Service, connection: Connection, target: Target) -> int:
        """Take one target one step further; trouble is written down with it."""
        now = self._house.clock.now()
        with self._house.store.read() as tx:
            case = store.case(tx, target.case)
            behind = store.waits_for(tx, target, feeders(target.service, self._connections.feeds))
        if case is None:
            return 0
        if behind and target.state == "planned":
            self._save(replace(target, due=now + BEHIND, at=now), target)
            return 1
        try:
            _Turn(self._house, service, connection, case, target, now).take(self._save)
        except KeyGoneError:
            self._save(replace(target, state="exception", code="person_erased", due=None, sealed=None, at=now), target)
        except UpheldError as error:
            self._trouble(target, error, case.op)
        except Exception as error:  # a thread that dies would leave every other target undone
            log.error("%s %s failed: %s", target.service, case.op, type(error).__name__)  # noqa: TRY400 - no traceback
            self._failed(target, "failed", type(error).__name__)
        return 1

    def _trouble(self, target: Target, error: UpheldError, op: str = "") -> None:
        """Write down why a step was not taken; a delivery that a service has no place for is refused and waits for nobody."""
        code, now = error.diagnostic.code, self._house.clock.now()
        if isinstance(error, NotCapableError):
            self._failed(target, "denied" if op == "write" else "manual", code)
        elif isinstance(error, ServiceError) and error.trouble in {"throttle", "quota"}:  # it is well, and we wait
            self._save(replace(target, code=code, due=error.retry_at or now + wait_for(1), at=now), target)
        elif error.diagnostic.permanent or target.tries >= TRIES:
            self._failed(target, "denied" if isinstance(error, ServiceError) and error.trouble == "permission" else "failed", code)
        else:
            due = getattr(error, "retry_at", None) or now + wait_for(target.tries + 1)
            self._save(replace(target, code=code, tries=target.tries + 1, due=due, at=now), target)

    def _failed(self, target: Target, state: State, code: str) -> None:
        now = self._house.clock.now()
        self._save(replace(target, state=state, code=code, due=None, at=now), target, "service.failed", {"code": code})

    @retried
    def _save(self, one: Target, before: Target, kind: str = "", body: Mapping[str, object] | None = None) -> None:
        """Write how a target stands with its entry, in one transaction; end the case where it was the last one."""
        house = self._house
        walked(before.state, one.state)
        with house.store.write() as tx:
            case = store.case(tx, one.case)
            if case is None or not store.save(tx, one, before):
                return
            if kind:
                _note(house, tx, case, kind, {"service": one.service, **(body or {})})
            end = cases.end_of(house, tx, case)
        crash_point(f"service.saved.{one.state}")
        cases.after(house, case, end)


def _note(house: House, tx: sa.Connection, case: Case, kind: str, body: Mapping[str, object]) -> None:
    """Write an entry about a case; once the person is erased it is about nobody."""
    subject = case.subject
    if subject is not None:
        held = house.vault.subject(tx, subject)
        subject = subject if held is not None and held.state == "live" else None
    house.ledger.append(
        tx, kind, clause="services", policy_version=case.policy_version, actor="svc:services",
        body=Frozen({"reference": case.reference, **body}), subject=subject,
    )  # fmt: skip


class _Turn:
    """One step of one target."""

    def __init__(
        self, house: House, service: Service, connection: Connection, case: Case, target: Target, now: datetime
    ) -> None:
        self.house, self.service, self.connection = house, service, connection
        self.case, self.target, self.now = case, target, now

    def take(self, save: Save) -> None:
        """Do the step that the state asks for."""
        with self.house.store.read() as tx:
            who, known = cases.secrets_of(self.house, tx, self.case)
        mine = known.get(self.target.service, [])
        if self.case.op == "write":
            self._write(save, who, mine)
        elif self.target.state == "planned":
            self._find(save, who, mine)
        elif self.target.state == "running":
            self._apply(save, who)
        elif self.case.op == "erase":
            self._look(save, who)

    # finding

    def _found(self, who: Identities, mine: list[Ref]) -> dict[Ref, Outcome | None]:
        """Give what is there of the person: by look-up, and by the keys that we were given when we wrote there."""
        able = {one.store for one in self.service.capabilities() if one.op == self.case.op and one.level != "none"}
        found = dict.fromkeys(self.service.find(who)) if any(who.values()) else {}
        unseen = [ref for ref in mine if ref not in found]
        found.update(dict.fromkeys(self.service.there(unseen)))
        return {ref: None for ref in found if self.case.op == "erase" or (ref.store in able and ref.owner == "subject")}

    def _find(self, save: Save, who: Identities, mine: list[Ref]) -> None:
        found = self._found(who, mine)
        crash_point(f"service.found.{self.case.op}")
        if not found:
            control = sum(1 for _ in self.service.find(self.connection.control)) if self.connection.control else 0
            state = not_found_means(0, control, self.service.capabilities()) if self.case.op == "erase" else "not_found"
            code = "" if state == "not_found" else "not_proven"
            save(self._next(state, code=code, due=self._again(0, state)), self.target, "service.found", {"records": 0, "control": control})
            return
        sealed = cases.freeze(self.house, self.case, self.target.service, found)
        done = self._next("running", sealed=sealed, records=len(found), due=self.now, looks=0)
        save(done, self.target, "service.found", {"records": len(found)})

    def _next(self, state: State, **values: object) -> Target:
        return replace(self.target, state=state, at=self.now, **{"code": "", "due": None, **values})  # type: ignore[arg-type]

    # doing

    def _apply(self, save: Save, who: Identities) -> None:
        found = cases.frozen(self.house, self.case, self.target)
        waiting = tuple(ref for ref, one in found.items() if one is None or one.word in {"retry_at", "conflict"})
        change = self._change() if self.case.op == "correct" else Frozen()
        trouble: ServiceError | None = None
        try:
            for ref, outcome in self.service.apply(Job(self.case.op, who, waiting, self._idem(), change)):
                found[ref] = outcome
        except ServiceError as error:
            if error.diagnostic.permanent:
                raise
            trouble = error  # what was answered before it counts
        crash_point(f"service.applied.{self.case.op}")
        told: Mapping[str, int] = Frozen(sorted(Counter(str(one.word) for one in found.values() if one is not None).items()))
        sealed = cases.freeze(self.house, self.case, self.target.service, found)
        here = replace(self.target, sealed=sealed, told=told)
        outcomes = [one for one in found.values() if one is not None]
        if trouble is not None or len(outcomes) < len(found):
            due = (trouble.retry_at if trouble else None) or self.now + wait_for(here.tries + 1)
            code = trouble.diagnostic.code if trouble else "unanswered"
            state: State = "failed" if here.tries >= TRIES else "running"
            save(replace(here, state=state, tries=here.tries + 1, code=code, due=None if state == "failed" else due, at=self.now), self.target)
            return
        if any(one.word == "conflict" for one in outcomes):
            self._anew(save, who, here)
            return
        state = state_after(one for one in outcomes if not self._lawful(one))
        due_at = self._when(state, outcomes)
        code = next((one.code for one in outcomes if one.word in {"failed", "denied", "held"} and not self._lawful(one)), "")
        evidence = sorted({one.evidence for one in outcomes if one.evidence})[:5]
        if state == "applied" and self.case.op != "erase":
            state = self._checked(who, found, change)
        body = {"outcomes": dict(told), "evidence": evidence, "state": state}
        save(replace(here, state=state, code=code, due=due_at, until=window_end(outcomes, self.now), tries=0, at=self.now),
             self.target, KINDS[self.case.op] if state in {"applied", "verified"} else "service.failed", {**body, "code": code})  # fmt: skip

    def _when(self, state: State, outcomes: list[Outcome]) -> datetime | None:
        if state == "applied" and self.case.op == "erase":
            return self.now
        if state == "running":
            return max((one.until for one in outcomes if one.word == "retry_at" and one.until), default=self.now + wait_for(1))
        if state == "held":
            return min((one.until for one in outcomes if one.word == "held" and one.until), default=None)
        return None

    def _lawful(self, one: Outcome) -> bool:
        """Say whether a record stays because a statute that the policy names keeps it, with what is not needed written over."""
        kept = {law.id for law in self.house.in_force().policy.retention.longer_by_law}
        return one.word == "held" and (one.code in kept or one.code.startswith("pinned_by_"))

    def _checked(self, who: Identities, found: dict[Ref, Outcome | None], change: Mapping[str, str]) -> State:
        """Ask for the same once more: what was done answers `already`."""
        again = dict(self.service.apply(Job(self.case.op, who, tuple(found), self._idem(), change)))
        return "verified" if all(one.word == "already" for one in again.values()) else "running"

    def _anew(self, save: Save, who: Identities, here: Target) -> None:
        """Look once more for what changed since it was found; what changes under our hands twice needs a person."""
        if self.target.code == "replanned":
            save(replace(here, state="manual", code="conflict", due=None, at=self.now), self.target, "service.failed", {"code": "conflict"})
            return
        sealed = cases.freeze(self.house, self.case, self.target.service, self._found(who, list(cases.frozen(self.house, self.case, here))))
        save(replace(here, sealed=sealed, code="replanned", due=self.now, at=self.now), self.target)

    # looking again

    def _look(self, save: Save, who: Identities) -> None:
        if self.target.state in {"verified", "not_found"}:
            self._look_for_return(save, who)
            return
        found = cases.frozen(self.house, self.case, self.target)
        outcomes = {ref: one for ref, one in found.items() if one is not None}
        verdict = look_again(self.service, tuple(found), outcomes, who, self.connection.control, self.now)
        state = state_of(verdict, outcomes.values(), self.now)
        body = {
            "state": verdict.state, "before": verdict.before, "after": verdict.after, "control": verdict.control,
            "until": verdict.until.isoformat() if verdict.until else "",
        }  # fmt: skip
        if state == "running" and self.target.looks >= MOST_LOOKS:
            state = "manual"
        if state == "running":
            sealed = cases.freeze(self.house, self.case, self.target.service, self._found(who, list(found)))
            done = self._next("running", sealed=sealed, code="left", looks=self.target.looks + 1, due=self.now)
        elif state == "pending":
            until = window_end(outcomes.values(), self.now)
            done = self._next("pending", due=until, until=until)
        else:
            code = {"void": "control_not_seen", "left": "left"}.get(verdict.state, "")
            done = self._next(state, code=code, looks=0, due=self._again(0, state))
        save(done, self.target, "service.verified", body)

    def _look_for_return(self, save: Save, who: Identities) -> None:
        """Look whether something else has brought the person back."""
        back = {ref: None for ref in self.service.find(who) if ref.owner == "subject"}
        if not back:
            looks = self.target.looks + 1
            save(self._next(self.target.state, looks=looks, due=self._again(looks, self.target.state)), self.target)
            return
        sealed = cases.freeze(self.house, self.case, self.target.service, dict.fromkeys(back))
        feeds = sorted(name for name, to in self._feeds().items() if self.target.service in to)
        done = self._next("running", sealed=sealed, records=len(back), code="resurrected", looks=0, due=self.now)
        save(done, self.target, "service.resurrected", {"records": len(back), "fed_by": feeds})

    def _feeds(self) -> Mapping[str, tuple[str, ...]]:
        return cases.reach(self.house).feeds

    def _again(self, looks: int, state: State) -> datetime | None:
        """Give when to look again: a while after the erasure, a day after, a month after."""
        if self.case.op != "erase" or state not in {"verified", "not_found"} or looks >= len(LOOK_AGAIN):
            return None
        return self.case.opened_at + LOOK_AGAIN[looks] if looks else self.now + LOOK_AGAIN[0]

    # writing

    def _write(self, save: Save, who: Identities, mine: list[Ref]) -> None:
        told = delivering.deliver(self.house, self.service, self.case, who, tuple(mine), self._idem(), self.now)
        crash_point("service.applied.write")
        if told.ref is None:
            save(self._next("denied", code=told.code, told=Frozen({"refused": len(told.refused)})), self.target,
                 "service.failed", {"code": told.code, "refused": dict(told.refused)})  # fmt: skip
            return
        with self.house.store.write() as tx:
            if self.case.subject is not None:
                cases.remember(self.house, tx, self.case.subject, self.target.service, told.ref, self.now)
        body = {"purposes": list(told.purposes), "fields": list(told.fields), "decisions": list(told.decisions), "outcome": told.word}
        save(self._next("verified", records=1, told=Frozen({told.word: 1})), self.target, "service.sent", body)

    def _change(self) -> Mapping[str, str]:
        with self.house.store.read() as tx:
            return delivering.values_now(self.house, tx, self.case)

    def _idem(self) -> str:
        return cases.reference_of(self.case.id) + "." + self.target.service
