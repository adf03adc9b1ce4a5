"""The package of an access request: data, what is done with them, a page for people; signed, checked offline."""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from cryptography.exceptions import InvalidSignature

from upheld.db import b64, retried
from upheld.ledger import note_key
from upheld.notice import House
from upheld.policy.law.authorities import authorities
from upheld.policy.law.countries import country_name
from upheld.policy.model import CompiledPolicy
from upheld.records import Record
from upheld.retention.actions import kept_of
from upheld.retention.certificate import paper_signer
from upheld.rights import actions
from upheld.rights.model import Request
from upheld.security.finding import records_about
from upheld.security.judging import version_of
from upheld.web.pages import Frame, Pages

MANIFEST, SIGNATURE = "manifest.json", "SIGNATURE"
_FORMULA = ("=", "@", "\t")
_SIGNED_NUMBER = re.compile(r"[+-][\d .()/-]+")


class PackageError(actions.RequestError):
    """The package is not what was signed."""

    code = "package_changed"
    clause = "rights.access"
    next_step = "Ask for the package again."


@dataclass(frozen=True, slots=True)
class Verified:
    """What a package proves: whose key signed it, for which request, and over how many files."""

    number: str
    key: str
    files: int


def build(house: House, number: str, folder: Path, *, by: int) -> Path:
    """Write the package of an approved access request into a new folder, and the entry that says so.

    Raises RequestError where the request is not ready, FileExistsError where the folder holds something.
    Clause: rights.access (GDPR 15, APPI 33)
    """
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    if any(folder.iterdir()):
        raise FileExistsError(folder)
    for name, raw in pack(house, number, actor=f"staff:{by}").items():
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(raw)
        path.chmod(0o600)
    return folder


@retried
def pack(house: House, number: str, *, actor: str) -> dict[str, bytes]:
    """Make the files of the package of an approved access request, and the entry that says so.

    Raises RequestError where the request is not ready. Clause: rights.access (GDPR 15, APPI 33)
    """
    request = actions.get(house, number)
    if request.right != "access" or request.state != "ready":
        raise actions.RequestError("There is a package for an approved access request only.")
    with house.store.write() as tx:
        files, escaped = _files(house, tx, request)
        manifest = _manifest(house, request, files, escaped)
        text = json.dumps(manifest, ensure_ascii=False, indent=1, sort_keys=True) + "\n"
        digest = b64(hashlib.sha256(text.encode()).digest())
        actions.note_export(house, tx, request, actor=actor, manifest=digest)
    house.stirred.set()
    return {**files, MANIFEST: text.encode(), SIGNATURE: _signature(house, text)}


def _files(house: House, tx: sa.Connection, request: Request) -> tuple[dict[str, bytes], list[str]]:
    subject = request.subject
    members = house.vault.members(tx, subject) if subject is not None else ()
    records = records_about(house, tx, subject)
    rows = [_record(house, tx, record) for record in records]
    data: dict[str, Any] = {
        "number": request.number,
        "records": rows,
        "standings": [
            {"purpose": one.purpose, "state": one.state, "since": one.since.isoformat(timespec="seconds")}
            for member in members
            for one in house.vault.standings_of(tx, member)
        ],
    }
    about = _about(house, tx, request, records)
    tables, escaped = _tables(rows)
    report = _report(house, request, data, about)
    files = {"data.json": _json(data), "about.json": _json(about), f"report.{request.lang}.html": report.encode()}
    return {**files, **tables}, escaped


def _record(house: House, tx: sa.Connection, record: Record) -> dict[str, Any]:
    return {
        "record": record.ref,
        "situation": record.situation,
        "collected_at": record.collected_at.isoformat(timespec="seconds"),
        "origin": record.origin,
        "channel": record.channel,
        "policy_version": record.policy_version,
        "fields": house.vault.open_fields(tx, record),
    }


def _about(
    house: House, tx: sa.Connection, request: Request, records: list[Record]
) -> dict[str, Any]:
    """Gather the items a person is told besides the data: purposes, recipients, countries, periods, rights.

    Clause: rights.access (GDPR 15(1)(2), APPI 33)
    """
    policy, lang = house.in_force().policy, request.lang
    return {
        "controller": {
            "name": _say(policy.controller.name, lang),
            "address": _say(policy.controller.address, lang),
            "mailbox": policy.contact.mailbox,
        },
        "situations": [_situation(house, tx, record, lang) for record in records],
        "recipients": [
            {"id": one.id, "text": _say(one.text, lang), "countries": list(one.country)}
            for one in policy.recipients.values()
        ],
        "rights": [
            {"right": kind.id, "law": kind.regimes.get(request.regime, "")}
            for kind in policy.rights.kinds.values()
            if request.regime in kind.regimes
        ],
        "authorities": [
            {"name": one.name_in(lang), "url": one.url} for one in authorities(request.residence)
        ],
        "automated_decisions": [
            {"purpose": one.id, "text": _say(one.text, lang)} for one in policy.purposes.values() if one.decides
        ],
    }


def _situation(house: House, tx: sa.Connection, record: Record, lang: str) -> dict[str, Any]:
    policy = version_of(house, record)
    situation = policy.situations[record.situation]
    kept = kept_of(house, tx, record, policy)
    purposes = set(situation.purpose_ids)
    services = [one for one in house.in_force().policy.services.values() if purposes & set(one.purposes)]
    last = kept.last_day
    return {
        "record": record.ref,
        "situation": {"id": situation.id, "text": _say(situation.text, lang)},
        "categories": [_say(policy.fields[name].text, lang) for name in situation.fields],
        "purposes": [{"id": name, "text": _say(policy.purposes[name].text, lang)} for name in situation.purpose_ids],
        "services": [
            {
                "service": one.service,
                "operator": one.operator,
                "countries": [country_name(code, lang) for code in one.countries],
                "safeguards": dict(one.transfer),
            }
            for one in services
        ],
        "kept_until": last.isoformat() if last else "",
        "kept_by_law": [
            {"statute": one.statute, "fields": sorted(one.fields), "until": one.until.isoformat()} for one in kept.locks
        ],
        "source": "you" if situation.given_by is None else situation.given_by,
    }


def _tables(records: list[dict[str, Any]]) -> tuple[dict[str, bytes], list[str]]:
    """Give one CSV a situation, UTF-8 with BOM; cells that a spreadsheet would run get an apostrophe."""
    by_situation: dict[str, list[dict[str, Any]]] = {}
    for one in records:
        by_situation.setdefault(one["situation"], []).append(one)
    tables: dict[str, bytes] = {}
    escaped: list[str] = []
    for situation, rows in by_situation.items():
        names = list(dict.fromkeys(name for row in rows for name in row["fields"]))
        out = io.StringIO()
        writer = csv.writer(out)
        writer.writerow(["record", "collected_at", *names])
        for row in rows:
            cells = [_cell(row["fields"].get(name, "")) for name in names]
            escaped += [f"csv/{situation}.csv {row['record']} {name}" for name, (_, hit) in zip(names, cells, strict=True) if hit]
            writer.writerow([row["record"], row["collected_at"], *(cell for cell, _ in cells)])
        tables[f"csv/{situation}.csv"] = b"\xef\xbb\xbf" + out.getvalue().encode()
    return tables, escaped


def _cell(value: Any) -> tuple[str, bool]:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    runs = text.startswith(_FORMULA) or (text.startswith(("+", "-")) and not _SIGNED_NUMBER.fullmatch(text))
    return (f"'{text}" if runs else text), runs


def _report(house: House, request: Request, data: Mapping[str, Any], about: Mapping[str, Any]) -> str:
    published = house.in_force()
    frame = Frame.of(published.policy, published.effective_from)
    pages = Pages(lambda: frame, ("rights",))
    labels = {name: _say(field.text, request.lang) for name, field in published.policy.fields.items()}
    return pages.text(
        "rights/report.html", request.lang, frame, request=request, data=data, about=about, labels=labels
    )


def _manifest(
    house: House, request: Request, files: Mapping[str, bytes], escaped: list[str]
) -> dict[str, Any]:
    policy = house.in_force().policy
    health = house.ledger.health()
    return {
        "format": "upheld-access/1",
        "number": request.number,
        "right": request.right,
        "law": _law(policy, request),
        "created": house.clock.now().isoformat(timespec="seconds"),
        "policy": policy.label,
        "files": {name: {"sha256": hashlib.sha256(raw).hexdigest(), "bytes": len(raw)} for name, raw in files.items()},
        "sources": [
            {"source": "store", "answer": "complete" if request.subject else "nothing found"},
            *({"source": one, "answer": "nothing was sent there"} for one in policy.services),
        ],
        "left_out": [{"what": "entries about who read the data", "why": "they tell of other people's work"}],
        "escaped_cells": escaped,
        "ledger": {"origin": house.ledger.vkey.partition("+")[0], "size": health.size + health.pending},
        "key": paper_signer(house).vkey(),
    }


def _law(policy: CompiledPolicy, request: Request) -> str:
    return policy.rights.kinds[request.right].regimes.get(request.regime, "")


def _signature(house: House, text: str) -> bytes:
    return paper_signer(house).line(text).encode()


def verify(folder: Path, vkey: str | None = None) -> Verified:
    """Check a package offline: the signature over the manifest, and every file against it.

    Without `vkey` the key that the manifest names is used, which proves only that nothing changed since. Raises
    PackageError with what is wrong.
    Clause: rights.access
    """
    try:
        text = (folder / MANIFEST).read_text("utf-8")
        manifest = json.loads(text)
        line = (folder / SIGNATURE).read_text("utf-8")
        key = vkey or str(manifest["key"])
        name, hinted, public = note_key(key)
        signed_name, _, encoded = line.rstrip("\n").removeprefix("\u2014 ").rpartition(" ")
        raw = base64.b64decode(encoded, validate=True)
        if signed_name != name or raw[:4] != hinted:
            raise PackageError("The package was signed by another key.")
        public.verify(raw[4:], text.encode())
        listed = dict(manifest["files"])
    except (OSError, KeyError, TypeError, ValueError):
        raise PackageError("The package lacks its manifest or its signature.") from None
    except InvalidSignature:
        raise PackageError("The signature does not fit the manifest.") from None
    found = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    for extra in sorted(found - set(listed) - {MANIFEST, SIGNATURE}):
        raise PackageError(f"{extra} is not part of the package.")
    for name, told in listed.items():
        path = folder / name
        if name not in found or hashlib.sha256(path.read_bytes()).hexdigest() != told["sha256"]:
            raise PackageError(f"{name} is missing or was changed.")
    return Verified(str(manifest["number"]), key, len(listed))


def _say(text: Mapping[str, str], lang: str) -> str:
    return text.get(lang) or next(iter(text.values()), "")


def _json(value: Any) -> bytes:
    return (json.dumps(value, ensure_ascii=False, indent=1, sort_keys=True) + "\n").encode()
