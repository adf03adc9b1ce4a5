"""The certificate of an erasure: each place with what it answered, nothing said that is not proven."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from upheld.db import b64, unb64
from upheld.ledger import Signer
from upheld.notice import House
from upheld.records import Erasure, RecordUnknownError
from upheld.records.cipher import derive
from upheld.services.store import Target, answers

OUTSIDE = (
    "copies already sent to others, mails, exports and whole-host copies made before are not covered; once backups are "
    "unreadable, a raw copy of the keys store from before confirms no guessed address: it shows at most the one of its "
    "groups of identifiers, as a rule one in 4,096, in which somebody was"
)


def paper_signer(house: House) -> Signer:
    """Give the key that signs certificates and packages; it follows from the ledger's key and is not the same.

    Clause: rights.erasure
    """
    origin = house.ledger.vkey.partition("+")[0]
    return Signer(f"{origin}/papers", derive(house.holdings.ring.meta("signing"), "upheld/papers/v1"))


def places(
    house: House, reference: str, erasures: Iterable[Erasure], sent: Iterable[str], *, seen_before: int, seen_after: int
) -> list[dict[str, Any]]:
    """Say of each place what was done there.

    The store is `done` when the same look-up that found `seen_before` records finds none. A service that could be
    asked says what it answered; any other is `already_absent` only because no entry says that anything was ever sent
    there, otherwise it is unanswered.
    """
    done = list(erasures)
    finished = [one.live_erased_at for one in done if one.live_erased_at is not None]
    counts = {"found_before": seen_before, "found_after": seen_after}
    store = {
        "place": "store",
        "state": "done" if finished and len(finished) == len(done) and not seen_after else "unanswered",
        "at": _time(max(finished, default=None)),
        **counts,
    }
    return [store, *_services(house, reference, sent), _backups(house, done)]


def _services(house: House, reference: str, sent: Iterable[str]) -> list[dict[str, Any]]:
    """Say of each service what it answered, those of the policy first.

    Clause: services (APPI 35; GDPR 17, 19)
    """
    with house.store.read() as tx:
        targets = {one.service: one for one in answers(tx, reference)}
    reached = set(sent)
    names = dict.fromkeys((*house.in_force().policy.services, *targets))
    return [_answer(targets[name]) if name in targets else _unasked(name, name in reached) for name in names]


def _unasked(name: str, reached: bool) -> dict[str, Any]:
    why = "data was sent there" if reached else "no ledger entry says that anything was sent there"
    return {"place": name, "state": "unanswered" if reached else "already_absent", "why": why}


def _answer(target: Target) -> dict[str, Any]:
    """Say what one service answered, with what was counted and the control seen."""
    told: dict[str, Any] = {"place": target.service, "state": _SAID.get(target.state, "unanswered"), "at": _time(target.at)}
    if target.state in {"verified", "pending"}:
        told |= {"found_before": target.records, "found_after": 0, "outcomes": dict(target.told)}
    if target.state == "pending":
        told["why"] = f"gone for its users; the operator's own copies go by {_time(target.until)}"
    elif target.state == "not_found":
        told["why"] = "searched, and the control was found"
    elif target.state == "exception":
        told["why"] = target.code
    elif target.state != "verified":
        told["why"] = f"{target.state}: {target.code}" if target.code else target.state
    return told


_SAID = {"verified": "done", "pending": "pending", "not_found": "already_absent", "exception": "exception"}


def _backups(house: House, erasures: Iterable[Erasure]) -> dict[str, Any]:
    """Say when no key we hold opens an older backup: after the root key has changed, and not before.

    A root that a key management service only scheduled for destruction leaves the place pending until that day.
    """
    found = list(erasures)
    ends = [one.backups_unreadable_at for one in found if one.backups_unreadable_at is not None]
    if not ends or len(ends) < len(found):
        why = "older backups open until the next change of the root key"
        return {"place": "backups", "state": "pending", "at": "", "why": why, "medium": ""}
    with house.store.read() as tx:
        changes = [house.holdings.rotations.of(tx, one.awaits) for one in found if one.awaits]
    worth = "; ".join(dict.fromkeys(one.guarantee for one in changes if one is not None and one.guarantee))
    state = "done" if max(ends) <= house.clock.now() else "pending"
    return {"place": "backups", "state": state, "at": _time(max(ends)), "why": "", "medium": worth}


def as_of_now(house: House, told: Mapping[str, Any]) -> dict[str, Any]:
    """Give a certificate with its second half as it stands now: what became of older backups since it was made.

    Clause: rights.erasure
    """
    if "erasures" not in told:
        return dict(told)
    try:
        with house.store.read() as tx:
            done = [house.vault.erasure(tx, unb64(one)) for one in told["erasures"]]
    except RecordUnknownError:  # a restore that went on without part of the journal
        return dict(told)
    with house.store.read() as tx:
        targets = {one.service: _answer(one) for one in answers(tx, told["reference"])}
    anew = [_backups(house, done) if place["place"] == "backups" and done else place for place in told["places"]]
    return {**told, "places": [targets.get(place["place"], place) for place in anew]}


def certificate(
    house: House, reference: str, erasures: Iterable[Erasure], found: Iterable[Mapping[str, Any]]
) -> dict[str, Any]:
    """Give the certificate as data, with the ledger as it stands; it names no person."""
    done = list(erasures)
    health = house.ledger.health()
    return {
        "format": "upheld-erasure-certificate/1",
        "reference": reference,
        "policy": house.in_force().policy.label,
        "made_at": _time(house.clock.now()),
        "ledger": {"origin": house.ledger.vkey.partition("+")[0], "size": health.size + health.pending},
        "journal": [one.journal_seq or 0 for one in done],
        "erasures": [b64(one.id) for one in done],
        "places": [dict(place) for place in found],
        "outside": OUTSIDE,
    }


def text_of(told: Mapping[str, Any]) -> str:
    """Write a certificate as lines for people."""
    lines = [f"Certificate of erasure {told['reference']}", f"made {told['made_at']}, policy {told['policy']}", ""]
    for place in told["places"]:
        parts = [f"{place['place']}: {place['state'].replace('_', ' ')}"]
        parts += [str(place[name]) for name in ("at", "why", "medium") if place.get(name)]
        if "found_before" in place:
            parts.append(f"{place['found_before']} records before, {place['found_after']} after")
        lines.append(", ".join(parts))
    lines += ["", f"Not covered: {told['outside']}."]
    return "\n".join(lines) + "\n"


def _time(moment: datetime | None) -> str:
    return moment.isoformat(timespec="seconds") if moment is not None else ""
