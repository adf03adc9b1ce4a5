"""Whether rows and entries say the same: what `upheld ledger verify` asks beyond the ledger itself.

A finding names columns and codes, never a value of a person. Rows that an erasure or a sweep deleted are no finding;
rows that contradict an entry, or have none, are.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import sqlalchemy as sa

from upheld.basis import store as basis
from upheld.db import b64, data_metadata, unb64
from upheld.ledger import Entry, LedgerFinding, leaves
from upheld.ledger import store as ledger
from upheld.notice import House
from upheld.records import store as records

_PAGE = 500
_COLLECTED = ("collect.accepted", "record.imported")
_STATED = ("consent.given", "consent.refused", "consent.withdrawn")


def listen(house: House) -> None:
    """Let `verify` compare rows with entries as well.

    Clause: security.technical
    """
    house.ledger.check_also(lambda tx, since: check(house, tx, since))


def check(house: House, tx: sa.Connection, since: int) -> Iterator[LedgerFinding]:
    """Give what rows, keys and journal contradict; with `since`, entries before that position are not opened."""
    yield from _records(house, tx, since)
    yield from _statements(house, tx, since)
    yield from _without_entry(tx)
    yield from _erased(house, tx)
    yield from _journal(house, tx)


def _records(house: House, tx: sa.Connection, since: int) -> Iterator[LedgerFinding]:
    """Compare each record with the entry of its collection, and look for records that no entry tells of."""
    table = records.record
    told: set[bytes] = set()
    for page in _pages(house, tx, _COLLECTED, since):
        of = {unb64(body["record"]): (entry, body) for entry, body in page if "record" in body}
        told |= of.keys()
        for row in tx.execute(sa.select(table).where(table.c.id.in_(of))):
            entry, body = of[row.id]
            ours = {"situation": row.situation, "origin": row.origin, "channel": row.channel, "receipt": row.receipt_id}
            wrong = [name for name, value in ours.items() if name in body and body[name] != value]
            wrong += ["version"] if row.policy_version != entry.policy_version else []
            wrong += ["subject"] if entry.subject is not None and row.subject != entry.subject else []
            if wrong:
                yield _at(tx, entry, "record_differs", f"record and entry differ in {', '.join(wrong)}")
    if since:
        return  # entries before it were not opened, so nobody can tell which record has none
    loose = sum(row.id not in told for row in tx.execute(sa.select(table.c.id)))
    if loose:
        yield LedgerFinding(_size(tx), "record_without_entry", f"{loose} records are told by no entry")


def _statements(house: House, tx: sa.Connection, since: int) -> Iterator[LedgerFinding]:
    """Compare each statement about a purpose, and where the purpose stands now, with the entry that says so."""
    table, standing = basis.consent_table, records.standing
    for page in _pages(house, tx, _STATED, since):
        of = {entry.id: (entry, body) for entry, body in page}
        missing = dict(of)
        for row in tx.execute(sa.select(table).where(table.c.entry.in_(of))):
            entry, body = missing.pop(row.entry, of[row.entry])
            ours = (row.subject, row.purpose, row.state, row.version)
            if ours != (entry.subject, body.get("purpose"), entry.kind.name.partition(".")[2], entry.policy_version):
                yield _at(tx, entry, "statement_differs", "the statement and its entry differ")
        for entry, _ in missing.values():
            yield _at(tx, entry, "statement_missing", "an entry tells of a statement that is not kept")
        for row in tx.execute(sa.select(standing).where(standing.c.entry_id.in_(of))):
            entry, body = of[row.entry_id]
            if (row.subject, row.purpose) != (entry.subject, body.get("purpose")) or row.state not in _stands(entry):
                yield _at(tx, entry, "standing_differs", "where the purpose stands is not what its entry says")


def _stands(entry: Entry) -> tuple[str, ...]:
    state = entry.kind.name.partition(".")[2]
    return (state, "expired", "renewed") if state == "given" else (state,)


def _without_entry(tx: sa.Connection) -> Iterator[LedgerFinding]:
    """Find statements and standings whose entry does not exist."""
    for name, column in (("statement", basis.consent_table.c.entry), ("standing", records.standing.c.entry_id)):
        loose = leaves.missing(tx, tx.execute(sa.select(column).order_by(column)).scalars())
        if loose:
            yield LedgerFinding(_size(tx), f"{name}_without_entry", f"{loose} rows name an entry that does not exist")


def _erased(house: House, tx: sa.Connection) -> Iterator[LedgerFinding]:
    """Find what is still there of erased people: rows, open bodies, keys."""
    subject = records.subject
    gone = sa.select(subject.c.id).where(subject.c.state == "erased")
    for name, table in data_metadata.tables.items():
        if "subject" in table.c and name not in _LASTING:
            query = sa.select(sa.func.count()).select_from(table).where(table.c.subject.in_(gone))
            if count := tx.execute(query).scalar_one():
                yield LedgerFinding(_size(tx), "erased_not_gone", f"{count} rows of erased people in `{name}`")
    ids, keys = list(tx.execute(gone).scalars()), records.key_dek
    with house.holdings.ring.store.read() as reading:
        for at in range(0, len(ids), _PAGE):
            query = sa.select(sa.func.count()).select_from(keys).where(keys.c.subject.in_(ids[at : at + _PAGE]))
            if count := reading.execute(query).scalar_one():
                yield LedgerFinding(_size(tx), "erased_with_key", f"{count} keys of erased people")


_LASTING = frozenset({"erasure"})
"""Tables that keep the number of an erased person: that the erasure itself is known."""


def _journal(house: House, tx: sa.Connection) -> Iterator[LedgerFinding]:
    """Find erasures of the journal that the ledger does not tell of; a restore tells of all lines carried out again."""
    lines: set[str] = set()
    covered = 0
    for page in _pages(house, tx, ("erase.live", "restore.replayed"), 0):
        for entry, body in page:
            if entry.kind.name == "erase.live":
                lines.add(str(body.get("line")))
            else:
                covered = max(covered, int(body.get("lines", 0)))
    for line in house.holdings.journal.erasures():
        if line.seq > covered and line.hash() not in lines:
            yield LedgerFinding(_size(tx), "journal_without_entry", f"line {line.seq} of the erasure journal has no entry")


def _pages(
    house: House, tx: sa.Connection, kinds: Sequence[str], since: int
) -> Iterator[list[tuple[Entry, dict[str, Any]]]]:
    """Give entries of some kinds whose body is open, in pages; those without a position come last."""
    page: list[tuple[Entry, dict[str, Any]]] = []
    for one in house.ledger.told(kinds, since, tx=tx):
        page.append(one)
        if len(page) == _PAGE:
            yield page
            page = []
    if page:
        yield page


def _at(tx: sa.Connection, entry: Entry, code: str, told: str) -> LedgerFinding:
    at = _size(tx) if entry.n is None else entry.n
    return LedgerFinding(at, code, f"{told} ({b64(entry.id)})")


def _size(tx: sa.Connection) -> int:
    return int(tx.execute(sa.select(ledger.head.c.size)).scalar_one())
