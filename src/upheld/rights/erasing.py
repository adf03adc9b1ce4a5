"""Erasing on request: counted before, carried out by the vault, and told place by place."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

import sqlalchemy as sa

from upheld.db import StoreConflictError, b64, retried, unb64
from upheld.notice import House
from upheld.records import Erasure, Record
from upheld.retention.actions import kept_of
from upheld.retention.certificate import certificate, places
from upheld.retention.holds import standing_on
from upheld.retention.rules import HELD
from upheld.rights import store
from upheld.rights.model import ErasurePlan, Request, Staying
from upheld.rights.rules import erasure_refused
from upheld.security.finding import records_about
from upheld.security.judging import version_of
from upheld.security.model import Lock
from upheld.services import cases

REASON = "request_erasure"
CLAUSE = "rights.erasure"


@dataclass(frozen=True, slots=True)
class _Look:
    """What of one record statutes and legal holds keep, if anything: the fields of each, the one that ends last first."""

    record: Record
    kept: tuple[tuple[Lock, tuple[str, ...]], ...]

    @property
    def shred_class(self) -> str:
        """Give the class under which it stays: of the lock that ends last."""
        return f"{HELD}{self.kept[0][0].id}"


def plan_of(house: House, subject: bytes | None) -> ErasurePlan:
    """Count what an erasure would take and say what stays, before anything is done.

    Clause: rights.erasure (GDPR 17, APPI 35(5))
    """
    if subject is None:
        return ErasurePlan({}, 0, 0, ())
    today = house.today()
    with house.store.read() as tx:
        looks = _looks(house, tx, subject, today)
        members = house.vault.members(tx, subject)
        relations = [relation for one in members for relation in house.vault.relations_of(tx, one)]
        consents = sum(len(house.vault.standings_of(tx, one)) for one in members)
    stays = tuple(
        Staying(one.record.situation, held, lock.id, lock.statute, lock.until) for one in looks for lock, held in one.kept
    )
    return ErasurePlan(
        records=dict(sorted(Counter(one.record.situation for one in looks).items())),
        relations=len(relations),
        consents=consents,
        services=cases.sent_to(house, members),
        stays=stays,
        ground=erasure_refused(relations, today),
    )


def _looks(house: House, tx: sa.Connection, subject: bytes, on: date) -> list[_Look]:
    found: list[_Look] = []
    for record in records_about(house, tx, subject):
        locks = kept_of(house, tx, record, version_of(house, record)).locks
        standing = sorted((one for one in locks if on <= one.until), key=lambda one: one.until, reverse=True)
        opened = house.vault.open_fields(tx, record) if standing else {}
        kept = ((lock, tuple(name for name in opened if name in lock.fields)) for lock in standing)
        found.append(_Look(record, tuple((lock, held) for lock, held in kept if held)))
    return found


def carry_out(house: House, request: Request, *, actor: str) -> dict[str, Any]:
    """Erase the person of a request and give the certificate; safe to repeat after a crash in between.

    What a statute keeps is sealed anew under a key of its own, readable for that statute only; everything else
    loses its key. Raises SubjectErasingError while another erasure of the person is under way.
    Clause: rights.erasure (GDPR 17, APPI 35(5))
    """
    begun = dict(request.certificate) if "begun" in request.certificate else None
    if begun is None:
        if request.subject is None:
            return certificate(house, request.number, (), _nothing(house))
        begun = _begin(house, request, request.subject, actor)
    done = house.vault.complete_all([unb64(one) for one in begun["begun"]])
    left = _left(house, [unb64(one) for one in begun["subjects"]])
    told = places(house, request.number, done, begun["sent"], seen_before=begun["found"], seen_after=left)
    told += [{"place": "store", "state": "held", **held} for held in begun["held"]]
    return certificate(house, request.number, done, told)


@retried
def _begin(house: House, request: Request, subject: bytes, actor: str) -> dict[str, Any]:
    """Fence the person and note with the request what was found, in one transaction: a crash loses neither.

    Of a merged person every number is fenced. What services are to be asked is entered in the same transaction.
    """
    with house.store.read() as tx:
        members = house.vault.members(tx, subject)
    sent = cases.sent_to(house, members)
    wanted = cases.prepare(house, members, sent)
    with house.store.write() as tx:
        now = store.find(tx, request.number, lock=True) or request
        if "begun" in now.certificate:  # somebody resumed it beside us
            return dict(now.certificate)
        house.vault.hold(tx, members)
        if set(house.vault.members(tx, subject)) != set(members):
            raise StoreConflictError
        looks = _looks(house, tx, subject, house.today())
        if wanted is not None:
            held = bool(standing_on(house, tx, subject))
            cases.open_erasure(house, tx, wanted, request.number, members, actor=actor, held=held)
        kept = _keep(house, tx, looks)
        words = {"clause": CLAUSE, "policy_version": house.in_force().version, "actor": actor}
        begun = [one for member in members if (one := _fence(house, tx, member, looks, words)) is not None]
        noted = {
            "begun": [one.ref for one in begun],
            "subjects": [b64(one) for one in members],
            "found": len(looks),
            "sent": list(sent),
            "held": [_held(lock) for lock in kept],
        }
        store.save(tx, replace(now, certificate=noted), now)
    return noted


def _fence(
    house: House, tx: sa.Connection, subject: bytes, looks: list[_Look], words: Mapping[str, str]
) -> Erasure | None:
    """Begin the erasure of one number of the person; nothing where statutes or a hold keep all that stands under it."""
    own = [one for one in looks if one.record.subject == subject]
    stays = any(one.kept for one in own) or bool(standing_on(house, tx, subject))
    classes = {one.record.shred_class for one in own} - {one.shred_class for one in looks if one.kept}
    if stays and not classes:
        return None
    going = classes if stays else None
    return house.vault.fence(
        tx, subject, going, reason=REASON, release=True, clause=words["clause"],
        policy_version=words["policy_version"], actor=words["actor"],
    )  # fmt: skip


def _held(lock: Lock) -> dict[str, Any]:
    why = f"kept by {lock.statute} until {lock.until.isoformat()}, readable for {lock.purpose} only"
    return {"why": why, "fields": sorted(lock.fields)}


def _left(house: House, subjects: Sequence[bytes]) -> int:
    """Look the person up again: how many records are left that no statute keeps."""
    with house.store.read() as tx:
        found = [one for subject in subjects for one in house.vault.records_of(tx, subject)]
    return sum(not one.shred_class.startswith(HELD) for one in found)


def _keep(house: House, tx: sa.Connection, looks: list[_Look]) -> list[Lock]:
    """Seal what statutes and holds keep under a shred class of its own; gives their locks."""
    kept: dict[Lock, None] = {}
    for one in looks:
        if not one.kept:
            continue
        opened = house.vault.open_fields(tx, one.record)
        names = {name for _, held in one.kept for name in held}
        stays = {name: value for name, value in opened.items() if name in names}
        house.vault.replace_fields(tx, one.record, stays, shred_class=one.shred_class)
        kept |= dict.fromkeys(lock for lock, _ in one.kept)
    return list(kept)


def _nothing(house: House) -> list[dict[str, Any]]:
    """Say that nobody was found, which proves nothing about a person written differently."""
    services = [
        {"place": name, "state": "already_absent", "why": "no ledger entry says that anything was sent there"}
        for name in house.in_force().policy.services
    ]
    return [{"place": "store", "state": "nothing_found", "why": "no record under the identifier given"}, *services]
