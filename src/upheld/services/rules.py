"""Rules over all services: which trouble means what, what a target may become, who goes first, what closes a request."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Literal

from upheld.services.model import Can, Op, Outcome, Verdict

Trouble = Literal[
    "token", "throttle", "quota", "transient", "absent", "permission", "held", "tenant", "conflict", "bug", "unknown"
]
"""Why a service did not do something, by its answer's body and code and not by its status line.

`token`: the credential ran out; `throttle`: too many calls now; `quota`: too many today; `transient`: try again;
`absent`: the record is gone; `permission`: the credential may not; `held`: the operator's own lock; `tenant`: a rule
that the company set there; `conflict`: changed since we looked; `bug`: our call was wrong; `unknown`: no known answer.
"""

State = Literal[
    "planned", "running", "applied", "pending", "verified", "not_found", "held", "denied", "manual", "failed", "exception"
]
"""How one service stands within one request."""

CLOSED: frozenset[State] = frozenset({"verified", "not_found", "exception"})
"""States in which nothing more is to come; everything else is named in the answer and stays open."""

TRANSITIONS: Mapping[State, frozenset[State]] = {
    "planned": frozenset({"running", "not_found", "manual", "denied", "failed", "held"}),
    "running": frozenset({"running", "applied", "held", "denied", "manual", "failed"}),
    "applied": frozenset({"verified", "pending", "running", "manual", "failed"}),
    "pending": frozenset({"verified", "running", "manual", "failed"}),
    "verified": frozenset({"running"}),  # a feed brought the person back
    "not_found": frozenset({"running"}),  # likewise
    "held": frozenset({"planned", "running", "exception", "manual"}),
    "denied": frozenset({"planned", "running", "manual", "exception"}),
    "manual": frozenset({"planned", "running", "verified", "not_found", "exception"}),
    "failed": frozenset({"planned", "running", "manual", "exception"}),
    "exception": frozenset(),
}

WAITING: frozenset[State] = frozenset({"held", "denied", "manual", "failed"})
"""States out of which only a person leads: by an answer, or by beginning anew once the reason is gone."""

LOOK_AGAIN: tuple[timedelta, ...] = (timedelta(minutes=15), timedelta(days=1), timedelta(days=30))
"""When a verified erasure is looked at again: what another system feeds may bring a person back."""

TRIES = 5
FIRST_WAIT, LAST_WAIT = timedelta(seconds=30), timedelta(hours=6)


class TransitionError(ValueError):
    """A target cannot become that."""


def moved(now: State, then: State) -> State:
    """Give the next state; raises TransitionError for a step that the table does not have."""
    if then not in TRANSITIONS[now]:
        raise TransitionError(f"{now} does not become {then}")
    return then


def walked(now: State, then: State) -> State:
    """Give the next state of a service that does and proves in one turn what takes others several; raises TransitionError."""
    if then == now:
        return now
    path: tuple[State, ...] = ("running", "applied") if then == "verified" else ()
    for between in path:
        if then not in TRANSITIONS[now]:
            now = moved(now, between)
    return moved(now, then)


def outcome_of(trouble: Trouble, code: str, now: datetime, *, frozen: bool, retry_at: datetime | None = None) -> Outcome:
    """Say what trouble with one record comes to.

    An absent record is `already` only where it was found before and frozen: a wrong id must not look like success.
    Clause: services (APPI 25; GDPR 28)
    """
    match trouble:
        case "absent":
            return Outcome("already", code) if frozen else Outcome("failed", code)
        case "token" | "throttle" | "quota" | "transient":
            return Outcome("retry_at", code, retry_at or now + FIRST_WAIT)
        case "permission" | "tenant":
            return Outcome("denied", code)
        case "held":
            return Outcome("held", code, retry_at)
        case "conflict":
            return Outcome("conflict", code)
        case _:
            return Outcome("failed", code)


def wait_for(failures: int) -> timedelta:
    """Give how long to wait after so many failures in a row: half a minute, doubled each time, six hours at most."""
    return min(FIRST_WAIT * (1 << min(max(failures, 1) - 1, 12)), LAST_WAIT)


def state_after(outcomes: Iterable[Outcome]) -> State:
    """Say how a target stands after its records were answered for: the worst of them decides, nothing is averaged.

    Clause: rights.erasure (APPI 35; GDPR 17)
    """
    words = Counter(one.word for one in outcomes)
    if words["failed"]:
        return "failed"
    if words["conflict"] or words["retry_at"]:
        return "running"
    if words["denied"]:
        return "denied"
    return "held" if words["held"] else "applied"


def state_of(verdict: Verdict, outcomes: Iterable[Outcome], now: datetime) -> State:
    """Say how an applied target stands after looking again.

    What is left although every record was answered for goes round once more; a void look proves nothing and needs
    a person. Until the operator's own copies are gone it is pending.
    Clause: rights.erasure (APPI 35; GDPR 17)
    """
    if verdict.state == "void":
        return "manual"
    if verdict.state == "left":
        return "running"
    return "pending" if window_end(outcomes, now) is not None else "verified"


def window_end(outcomes: Iterable[Outcome], now: datetime) -> datetime | None:
    """Give when the last of the operator's own copies is gone; None where none is left."""
    ends = [one.until for one in outcomes if one.word == "pending_window" and one.until is not None]
    later = [end for end in ends if end > now]
    return max(later, default=None)


def order(names: Collection[str], feeds: Mapping[str, Collection[str]]) -> tuple[str, ...]:
    """Put services in the order of an erasure: whoever feeds another comes before it; else in their given order.

    `feeds` names for a service those that it writes to. Raises ValueError for a ring.
    Clause: services
    """
    waiting = list(names)
    done: list[str] = []
    while waiting:
        free = [one for one in waiting if not any(one in feeds.get(other, ()) for other in waiting if other != one)]
        if not free:
            raise ValueError(f"services feed each other in a ring: {', '.join(sorted(waiting))}")
        done.append(free[0])
        waiting.remove(free[0])
    return tuple(done)


def feeders(name: str, feeds: Mapping[str, Collection[str]]) -> frozenset[str]:
    """Give the services that write to one, at first or second hand: an erasure there waits for them, and for no other."""
    found: set[str] = set()
    fresh = {name}
    while fresh:
        fresh = {one for one, to in feeds.items() if set(to) & fresh} - found
        found |= fresh
    return frozenset(found)


def coverage(can: Sequence[Can], op: Op) -> tuple[Can, ...]:
    """Give what a plan says of an operation, store by store: what is less than full is printed with its reason."""
    return tuple(one for one in can if one.op == op)


def not_found_means(before: int, control: int, can: Sequence[Can]) -> State:
    """Say what finding nobody means: `not_found` only where the control was seen and every store was searched.

    Otherwise somebody has to look.
    Clause: rights.erasure (APPI 35; GDPR 17)
    """
    if before:
        raise ValueError("records were found")
    blind = any(one.op == "find" and one.level != "full" for one in can)
    return "not_found" if control and not blind else "manual"
