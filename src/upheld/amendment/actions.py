"""Publishing: a checked folder becomes the version in force, or the evidence of the day, with a ledger entry."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from upheld.amendment.model import Publication, PublicationStoppedError, StatutoryProcedureError
from upheld.amendment.rules import effective_from, stopping
from upheld.db import retried
from upheld.notice import House, Published
from upheld.notice import store as shelf_store
from upheld.policy.compile import Compiled, compile_folder, dump
from upheld.policy.diff import Change, diff, leading
from upheld.policy.model import CompiledPolicy
from upheld.policy.source import Folder, plain, read_folder
from upheld.web.refusals import Refusal


@dataclass(frozen=True, slots=True)
class _Draft:
    """A folder found sound, with what it replaces."""

    folder: Folder
    policy: CompiledPolicy
    before: Published | None
    outcome: Compiled
    changes: tuple[Change, ...]


def publish(house: House, root: Path, *, as_of: date | None = None, actor: str = "svc:amendment") -> Publication:
    """Publish a policy folder: page, forms and gates switch at one instant.

    The same promise with other evidence makes no new version; it only becomes today's evidence. `as_of` is the
    legal day of the check (default: today). Raises StatutoryProcedureError (PP703), PublicationStoppedError for
    every other error and for dates that passed, Refusal `changed_meanwhile` when somebody published first.
    Clause: amendment.default (APPI 21(3), 17(2))
    """
    versions = house.shelf.versions()
    before = versions[-1] if versions else None
    draft = _checked(house, read_folder(root), before, as_of or house.today())
    if before is not None and before.policy.promise_hash == draft.policy.promise_hash:
        return _evidence(house, draft, before, actor)
    return _version(house, draft, actor)


def _checked(house: House, folder: Folder, before: Published | None, on: date) -> _Draft:
    old = before.policy if before else None
    outcome = compile_folder(folder, house.law, on, published=old)
    found = stopping(outcome)
    procedures = tuple(finding for finding in found if finding.code == "PP703")
    if procedures and len(procedures) == len(found):
        raise StatutoryProcedureError(procedures)
    if found or outcome.policy is None:
        raise PublicationStoppedError(found)
    changes = diff(old, outcome.policy) if old else ()
    return _Draft(folder, outcome.policy, before, outcome, changes)


@retried
def _evidence(house: House, draft: _Draft, before: Published, actor: str) -> Publication:
    """Put today's evidence beside a promise that stays the same."""
    policy = draft.policy
    if policy.evidence_hash == before.policy.evidence_hash:
        return Publication(before, "nothing", None, (), draft.outcome.findings)
    now = house.clock.now()
    with house.store.write() as tx:
        _still(tx, before)
        shelf_store.put_text(tx, policy, dump(draft.folder), _documents(draft.folder), now)
        _note(house, tx, draft, "evidence", before.effective_from, actor)
    house.stirred.set()
    house.shelf.look_again()
    return Publication(_now(house, policy), "evidence", None, draft.changes, draft.outcome.findings)


@retried
def _version(house: House, draft: _Draft, actor: str) -> Publication:
    policy, before = draft.policy, draft.before
    with house.store.write() as tx:
        _still(tx, before)
        now = house.clock.now()
        effective = effective_from(before.policy if before else None, now)
        shelf_store.put_version(tx, policy, now, effective)
        shelf_store.put_text(tx, policy, dump(draft.folder), _documents(draft.folder), now)
        _note(house, tx, draft, "version", effective, actor)
        for lang in policy.languages:
            house.ledger.append(
                tx,
                "notice.published",
                clause="notice",
                policy_version=policy.version,
                actor=actor,
                body={"version": policy.version, "language": lang, "promise": policy.promise_hash},
            )
        if effective <= now:
            _effective(house, tx, policy.version, effective, actor)
    house.stirred.set()
    house.shelf.look_again()
    return Publication(
        _now(house, policy), "version", leading(draft.changes), draft.changes, draft.outcome.findings
    )


def _note(house: House, tx: sa.Connection, draft: _Draft, kind: str, effective: datetime, actor: str) -> None:
    policy = draft.policy
    body = {
        "change": kind,
        "version": policy.version,
        "promise": policy.promise_hash,
        "evidence": policy.evidence_hash,
        "class": leading(draft.changes) or "",
        "effective_from": effective.isoformat(timespec="milliseconds"),
        "accepted": [f"{finding.code} {finding.clause}" for finding in draft.outcome.accepted],
    }
    house.ledger.append(
        tx,
        "policy.published",
        clause="amendment.default",
        policy_version=policy.version,
        actor=actor,
        body=body,
    )


@retried
def note_effective(house: House) -> int:
    """Write down each version whose day has come since it was published; gives their number."""
    with house.store.read() as tx:
        waiting = shelf_store.not_yet_effective(tx, house.clock.now())
    if not waiting:
        return 0
    with house.store.write() as tx:
        waiting = shelf_store.not_yet_effective(tx, house.clock.now())
        for version, moment in waiting:
            _effective(house, tx, version, moment, "svc:amendment")
    house.stirred.set()
    return len(waiting)


def _effective(house: House, tx: sa.Connection, version: str, moment: datetime, actor: str) -> None:
    if not shelf_store.set_effective(tx, version):
        return  # another process wrote it down first
    house.ledger.append(
        tx,
        "policy.effective",
        clause="amendment.default",
        policy_version=version,
        actor=actor,
        body={"version": version, "effective_from": moment.isoformat(timespec="milliseconds")},
    )


def _documents(folder: Folder) -> dict[str, bytes]:
    """Give the documents that the evidence cites and the folder holds, by path."""
    proof = plain(folder.sections["evidence"]) if "evidence" in folder.sections else {}
    found = {path: folder.document(path) for path in sorted(set(_cited(proof)))}
    return {path: raw for path, raw in found.items() if raw is not None}


def _cited(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value] if value.startswith("documents/") else []
    children = value.values() if isinstance(value, dict) else value
    return [path for child in children for path in _cited(child)]


def _still(tx: sa.Connection, before: Published | None) -> None:
    """Refuse when somebody published between the check and this transaction."""
    if shelf_store.newest(tx) != ((before.version, before.policy.evidence_hash) if before else None):
        raise Refusal("changed_meanwhile", "amendment.default")


def _now(house: House, policy: CompiledPolicy) -> Published:
    found = house.shelf.version(policy.version)
    if found is None:
        raise Refusal("changed_meanwhile", "amendment.default")
    return found
