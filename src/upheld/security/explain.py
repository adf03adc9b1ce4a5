"""Explaining an entry: what was done and on what it rested at that moment, whatever was said afterwards."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from upheld.basis.model import PERMITTING
from upheld.db import b64, unb64
from upheld.ledger import BodyErasedError, Entry
from upheld.ledger.model import EntryUnknownError
from upheld.notice import House
from upheld.web.refusals import Refusal

_USES = frozenset({"access.read", "transfer.made"})
_REFUSED = frozenset({"access.refused", "transfer.refused", "collect.refused"})


def explain(house: House, named: int | str) -> dict[str, Any]:
    """Say of an entry, named by position or id, what it is and on what it rested; raises Refusal `not_found`.

    `lawful` is True for a use that the gate opened, with the consent, decision, interest or contract behind it as they
    stood at that moment; None for what is no use of data. What was said later is told apart and changes nothing.
    Clause: security.technical (GDPR 5(2), 7(3))
    """
    house.settle()
    with house.store.read() as tx:
        entry = _entry(house, tx, named)
        told: dict[str, Any] = {
            "n": entry.n,
            "entry": entry.ref,
            "at": entry.at.isoformat(timespec="milliseconds"),
            "kind": entry.kind.name,
            "clause": entry.clause,
            "policy_version": entry.policy_version,
            "actor": entry.actor,
            "lawful": None,
        }
        try:
            body = house.ledger.body(entry, tx=tx)
        except BodyErasedError:
            return {**told, "erased": True}
        shown = {name: value for name, value in body.items() if name not in {"subject", "reason"}}
        if entry.kind.name in _USES:
            told |= {"lawful": True, "rests_on": _rests_on(house, tx, entry, body)}
        elif entry.kind.name in _REFUSED:
            told |= {"lawful": None, "refused": str(body.get("code", ""))}
        return {**told, "body": shown}


def _entry(house: House, tx: sa.Connection, named: int | str) -> Entry:
    if isinstance(named, int):
        found = house.ledger.entries_since(named, 1, tx=tx) if named >= 0 else []
        if not found or found[0].n != named:
            raise Refusal("not_found", "security.technical")
        return found[0]
    try:
        return house.ledger.entry(unb64(named), tx=tx)
    except (ValueError, EntryUnknownError):
        raise Refusal("not_found", "security.technical") from None


def _rests_on(house: House, tx: sa.Connection, entry: Entry, body: dict[str, Any]) -> dict[str, Any]:
    """Say on what a use rested: bases, and the statement of the person or the decision as it stood then."""
    rests: dict[str, Any] = {"bases": body.get("bases", {})}
    rests |= {name: body[name] for name in ("interest", "assessment", "statute", "approver", "told") if name in body}
    standing = body.get("standing")
    if not standing:
        return rests
    said = house.ledger.entry(unb64(standing["entry"]), tx=tx)
    what = {"entry": said.ref, "state": standing["state"], "at": said.at.isoformat(timespec="milliseconds"),
            "policy_version": said.policy_version}  # fmt: skip
    rests["consent" if standing["state"] in PERMITTING else "decision"] = what
    later = _since(house, tx, entry, str(body.get("purpose", "")))
    return {**rests, "later": later} if later else rests


def _since(house: House, tx: sa.Connection, entry: Entry, purpose: str) -> dict[str, Any] | None:
    """Say how the purpose stands now, if something was said of it after the use."""
    if entry.subject is None:
        return None
    now = house.vault.standing(tx, entry.subject, purpose)
    if now is None or now.entry_id <= entry.id:
        return None
    return {"state": now.state, "entry": b64(now.entry_id), "at": now.since.isoformat(timespec="milliseconds")}


def in_lines(told: dict[str, Any]) -> list[str]:
    """Put an explanation into lines for people."""
    lines = [f"{told['kind']}  {told['at']}  by {told['actor']}  version {told['policy_version']}  {told['clause']}"]
    if told.get("erased"):
        return [*lines, "erased  the body is gone with the person; place and proof remain"]
    if told.get("refused"):
        return [*lines, f"refused  {told['refused']}: nothing left"]
    if told["lawful"] is None:
        return lines
    rests = told["rests_on"]
    bases = " ".join(f"{regime}={basis}" for regime, basis in rests["bases"].items()) or "-"
    lines.append(f"lawful  bases {bases}")
    said = [(name, rests[name]) for name in ("consent", "decision") if name in rests]
    lines += [f"{name:<7} {one['entry']}  {one['state']} {one['at']}" for name, one in said]
    lines += [f"{name:<7} {rests[name]}" for name in ("interest", "assessment", "statute", "approver") if name in rests]
    if "later" in rests:
        lines.append(f"later   {rests['later']['state']} {rests['later']['at']}: that does not reach back")
    return lines
