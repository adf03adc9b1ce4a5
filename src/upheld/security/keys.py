"""API keys: `upheld_<id>_<secret>`, shown once, bound to a staff account or to scopes, never longer than a year."""

from __future__ import annotations

import hashlib
import re
from datetime import timedelta

import sqlalchemy as sa

from upheld.db import Select, b64, notebook, retried
from upheld.notice import House
from upheld.security import staff
from upheld.security.model import ApiKey, Reader
from upheld.security.store import AnyRow, key_table, one_at_a_time
from upheld.web.refusals import Refusal

LONGEST = timedelta(days=365)
SCOPES = ("collect", "read", "audience", "transfer", "consents", "requests", "relations")
AT_ONCE = 2
"""How many keys of one label may count at a time: the old one and its successor."""

_SCOPE = re.compile(rf"({'|'.join(SCOPES)}):([a-z][a-z0-9_]{{0,39}})")
_KEY = re.compile(r"upheld_([a-f0-9]{8})_([A-Za-z0-9_-]{43})")
_KEYS = Select(key_table, "id")
_CLAUSE = "security.technical.access"
_READER = "security.reader"


@retried
def make(
    house: House,
    *,
    label: str,
    by: str,
    scopes: tuple[str, ...] = (),
    number: int | None = None,
    days: int = 90,
) -> tuple[ApiKey, str]:
    """Make a key and give it with its text, which is shown this once; raises Refusal for unfit scopes or times.

    Clause: security.technical.access (APPI 23)
    """
    if bool(scopes) == (number is not None):
        raise Refusal("value_invalid", _CLAUSE, fields=("scopes",))
    if not 1 <= days <= LONGEST.days:
        raise Refusal("value_invalid", _CLAUSE, fields=("days",))
    if not all(_SCOPE.fullmatch(scope) for scope in scopes):
        raise Refusal("value_invalid", _CLAUSE, fields=("scopes",))
    now = house.clock.now()
    key_id, secret = house.ids.random(4).hex(), b64(house.ids.random(32))
    made = ApiKey(key_id, label, number, scopes, now, now + timedelta(days=days), revoked=False)
    with house.store.write() as tx:
        if number is not None:
            staff.account(house, tx, number)
        _room_for(house, tx, label[:80])
        values = {
            "id": key_id,
            "digest": _digest(secret),
            "label": label[:80],
            "number": number,
            "scopes": " ".join(scopes),
            "created_at": now,
            "expires_at": made.expires_at,
        }
        tx.execute(sa.insert(key_table).values(**values))
        body: dict[str, object] = {"key": key_id, "scopes": list(scopes), "until": made.expires_at.date().isoformat()}
        if number is not None:
            body["number"] = number
        _note(house, tx, "access.granted", by, body)
    house.stirred.set()
    return made, f"upheld_{key_id}_{secret}"


def _room_for(house: House, tx: sa.Connection, label: str) -> None:
    """Refuse a third key of a label while two of it count: one is replaced by the next, then revoked."""
    one_at_a_time(tx)  # whoever else makes one waits, and counts ours
    counting = sa.and_(key_table.c.label == label, key_table.c.revoked_at.is_(None))
    counting = sa.and_(counting, key_table.c.expires_at > house.clock.now())
    if len(tx.execute(sa.select(key_table.c.id).where(counting)).all()) >= AT_ONCE:
        raise Refusal("value_invalid", _CLAUSE, fields=("label",))


@retried
def revoke(house: House, key_id: str, *, by: str) -> None:
    """End a key at once; raises Refusal `not_found`."""
    at = sa.and_(key_table.c.id == key_id, key_table.c.revoked_at.is_(None))
    with house.store.write() as tx:
        changed = tx.execute(sa.update(key_table).where(at).values(revoked_at=house.clock.now()))
        if not changed.rowcount:
            raise Refusal("not_found", _CLAUSE)
        _note(house, tx, "access.revoked", by, {"key": key_id})
    house.stirred.set()


def listed(house: House) -> list[ApiKey]:
    """List every key without its secret, oldest first."""
    with house.store.read() as tx:
        rows = tx.execute(sa.select(key_table).order_by(key_table.c.created_at, key_table.c.id))
        return [_key(row) for row in rows]


def authenticate(house: House, header: str | None) -> Reader:
    """Give who sends a request, as `authenticated` does, by a look of its own."""
    with house.store.read() as tx:
        return authenticated(house, tx, header)


def authenticated(house: House, tx: sa.Connection, header: str | None) -> Reader:
    """Give who sends a request by its `Authorization: Bearer` header; raises Refusal `not_signed_in`.

    A key of a staff account reads as that account does; a key with scopes covers those and nothing else. Of several
    requests that are judged by one state of the store, each key is looked at once.
    """
    notes = notebook(tx)
    found: Reader | None = notes.seen.get((_READER, header))
    if found is None:
        found = _authenticated(house, tx, header)
        if notes.still:
            notes.seen[_READER, header] = found
    return found


def _authenticated(house: House, tx: sa.Connection, header: str | None) -> Reader:
    word, _, text = (header or "").partition(" ")
    match = _KEY.fullmatch(text.strip())
    if word.lower() != "bearer" or match is None:
        raise Refusal("not_signed_in", _CLAUSE)
    row = next(iter(_KEYS.of(tx, match[1])), None)
    found = None if row is None else dict(zip(_KEYS.keys, row, strict=True))
    known = found["digest"] if found is not None else _digest("")
    if not staff.same(known, _digest(match[2])) or found is None:
        raise Refusal("not_signed_in", _CLAUSE)
    if found["revoked_at"] is not None or found["expires_at"] <= house.clock.now():
        raise Refusal("not_signed_in", _CLAUSE)
    if found["number"] is not None:
        return staff.reader(house, tx, found["number"])
    scopes = frozenset(found["scopes"].split())
    covered = frozenset(scope.partition(":")[2] for scope in scopes if scope.startswith("read:"))
    return Reader(actor=f"key:{match[1]}", purposes=covered, staff=False, scopes=scopes)


def for_audience(reader: Reader) -> Reader:
    """Give a reader as one who asks for an audience: a program then needs the scope `audience:<purpose>`."""
    if reader.staff:
        return reader
    covered = frozenset(scope.partition(":")[2] for scope in reader.scopes if scope.startswith("audience:"))
    return Reader(actor=reader.actor, purposes=covered, staff=False, scopes=reader.scopes)


def for_transfer(reader: Reader, service: str) -> Reader:
    """Give a reader as one who asks for a hop: a program then needs the scope `transfer:<service>`, and no other."""
    if reader.staff:
        return reader
    covered = None if f"transfer:{service}" in reader.scopes else frozenset[str]()
    return Reader(actor=reader.actor, purposes=covered, staff=False, scopes=reader.scopes)


def _key(row: AnyRow) -> ApiKey:
    scopes = tuple(row.scopes.split())
    revoked = row.revoked_at is not None
    return ApiKey(row.id, row.label, row.number, scopes, row.created_at, row.expires_at, revoked)


def _digest(secret: str) -> str:
    return hashlib.sha256(b"upheld.key|" + secret.encode()).hexdigest()


def _note(house: House, tx: sa.Connection, kind: str, by: str, body: dict[str, object]) -> None:
    version = house.in_force().version
    house.ledger.append(tx, kind, clause=_CLAUSE, policy_version=version, actor=by, body=body)
