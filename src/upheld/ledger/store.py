"""Tables of the ledger in the data store, and the small reads and writes on them."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, TypeAlias

import sqlalchemy as sa

from upheld.db import Hot, UtcMs, data_metadata, packed
from upheld.ledger.model import Entry, EntryId
from upheld.ledger.rules import leaf_bytes
from upheld.ledger.tree import Fetch
from upheld.ledger.vocabulary import KIND_NUMBERS, Kind

AnyRow: TypeAlias = sa.Row[*tuple[Any, ...]]

word = sa.Table(
    "ledger_word",
    data_metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("text", sa.LargeBinary, nullable=False, unique=True),
    comment="clauses, policy versions and actors, each spelled once",
)

entry = sa.Table(
    "ledger_entry",
    data_metadata,
    sa.Column("id", sa.LargeBinary(16), primary_key=True),
    sa.Column("n", sa.BigInteger, unique=True),
    sa.Column("kind", sa.Integer, nullable=False),
    sa.Column("clause", sa.Integer, nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("actor", sa.Integer, nullable=False),
    sa.Column("b", sa.LargeBinary(32), nullable=False),
)
sa.Index(
    "ledger_entry_pending",
    entry.c.id,
    sqlite_where=entry.c.n.is_(None),
    postgresql_where=entry.c.n.is_(None),
)

body = sa.Table(
    "ledger_body",
    data_metadata,
    sa.Column("entry", sa.LargeBinary(16), primary_key=True),
    sa.Column("subject", sa.LargeBinary(16), index=True),
    sa.Column("class", sa.String(64), nullable=False, key="shred_class"),
    sa.Column("sealed", sa.LargeBinary, nullable=False),
)

tile = sa.Table(
    "ledger_tile",
    data_metadata,
    sa.Column("level", sa.Integer, primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("hashes", sa.LargeBinary, nullable=False),
)

head = sa.Table(
    "ledger_head",
    data_metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("origin", sa.String(200), nullable=False),
    sa.Column("epoch", sa.Integer, nullable=False),
    sa.Column("size", sa.BigInteger, nullable=False),
    sa.Column("root", sa.LargeBinary(32), nullable=False),
)

checkpoint = sa.Table(
    "ledger_checkpoint",
    data_metadata,
    sa.Column("origin", sa.String(200), primary_key=True),
    sa.Column("size", sa.BigInteger, primary_key=True),
    sa.Column("root", sa.LargeBinary(32), nullable=False),
    sa.Column("note", sa.Text, nullable=False),
    sa.Column("signed_at", UtcMs, nullable=False),
)


_clause, _version, _actor = word.alias("w_clause"), word.alias("w_version"), word.alias("w_actor")
_entries = (
    sa.select(
        entry.c.id,
        entry.c.n,
        entry.c.kind,
        _clause.c.text.label("clause_text"),
        _version.c.text.label("version_text"),
        _actor.c.text.label("actor_text"),
        entry.c.b,
        body.c.subject,
        body.c.shred_class,
    )
    .outerjoin(_clause, _clause.c.id == entry.c.clause)
    .outerjoin(_version, _version.c.id == entry.c.version)
    .outerjoin(_actor, _actor.c.id == entry.c.actor)
    .outerjoin(body, body.c.entry == entry.c.id)
)
_whole = _entries.add_columns(body.c.sealed)


def read_entry(row: AnyRow) -> Entry:
    """Turn a row into an entry; raises ValueError when a stored word or kind cannot be read."""
    known = KIND_NUMBERS.get(row.kind)
    if known is None or None in (row.clause_text, row.version_text, row.actor_text):
        raise ValueError("a stored word is missing")
    return Entry(
        id=EntryId(row.id),
        n=row.n,
        kind=known,
        clause=row.clause_text.decode(),
        policy_version=row.version_text.decode(),
        actor=row.actor_text.decode(),
        b=row.b,
        subject=row.subject,
        shred_class=row.shred_class,
    )


def one(tx: sa.Connection, entry_id: bytes) -> Entry | None:
    """Find an entry by id."""
    row = tx.execute(_entries.where(entry.c.id == entry_id)).first()
    return None if row is None else read_entry(row)


def since(tx: sa.Connection, n: int, limit: int, kinds: Collection[Kind] = ()) -> list[Entry]:
    """List entries from position `n` on, in order; of `kinds` only, if any are named."""
    query = _entries.where(entry.c.n >= n).order_by(entry.c.n).limit(limit)
    if kinds:
        query = query.where(entry.c.kind.in_([kind.number for kind in kinds]))
    return [read_entry(row) for row in tx.execute(query)]


def raw_since(tx: sa.Connection, n: int, limit: int) -> list[AnyRow]:
    """List stored rows from position `n` on with their sealed bodies, unread, for a check that must not trust them."""
    return list(tx.execute(_whole.where(entry.c.n >= n).order_by(entry.c.n).limit(limit)))


def whole_since(tx: sa.Connection, n: int, limit: int, kinds: Collection[Kind]) -> list[AnyRow]:
    """List stored rows of some kinds from position `n` on with their sealed bodies."""
    numbers = [kind.number for kind in kinds]
    query = _whole.where(entry.c.n >= n, entry.c.kind.in_(numbers)).order_by(entry.c.n).limit(limit)
    return list(tx.execute(query))


def raw_pending(tx: sa.Connection) -> list[AnyRow]:
    """List stored rows without a position with their sealed bodies."""
    return list(tx.execute(_whole.where(entry.c.n.is_(None)).order_by(entry.c.id)))


def loose_bodies(tx: sa.Connection) -> int:
    """Count sealed bodies that belong to no entry."""
    held = sa.select(entry.c.id).where(entry.c.id == body.c.entry).exists()
    return int(tx.execute(sa.select(sa.func.count()).select_from(body).where(~held)).scalar_one())


def count_of(tx: sa.Connection, kind: Kind, below: int) -> int:
    """Count the entries of a kind at positions below one."""
    query = sa.select(sa.func.count()).select_from(entry).where(entry.c.kind == kind.number, entry.c.n < below)
    return int(tx.execute(query).scalar_one())


def newest_of(tx: sa.Connection, kind: Kind) -> bytes | None:
    """Give the id of the newest entry of a kind, read backwards from the end."""
    query = sa.select(entry.c.id).where(entry.c.kind == kind.number).order_by(entry.c.id.desc()).limit(1)
    found: bytes | None = tx.execute(query).scalar()
    return found


def of_subject(tx: sa.Connection, subject: bytes) -> list[Entry]:
    """List the entries whose kept body is about a subject, oldest first."""
    return [
        read_entry(row) for row in tx.execute(_entries.where(body.c.subject == subject).order_by(entry.c.id))
    ]


def told_since(tx: sa.Connection, n: int, kinds: Collection[Kind]) -> list[bytes]:
    """List the ids of entries of these kinds at or behind position `n`, or without a position."""
    late = sa.or_(entry.c.n >= n, entry.c.n.is_(None))
    return list(tx.execute(sa.select(entry.c.id).where(late, entry.c.kind.in_([kind.number for kind in kinds]))).scalars())


def pending(tx: sa.Connection, limit: int) -> list[AnyRow]:
    """List stored rows without a position, oldest first."""
    return list(tx.execute(_entries.where(entry.c.n.is_(None)).order_by(entry.c.id).limit(limit)))


def by_id(tx: sa.Connection, entry_id: bytes) -> list[AnyRow]:
    """Give the stored row of an entry, alone in a list."""
    return list(tx.execute(_entries.where(entry.c.id == entry_id)))


def leaf_of_row(row: AnyRow) -> bytes:
    """Render the leaf of a stored row; raises ValueError when a stored word or kind cannot be read."""
    known = KIND_NUMBERS.get(row.kind)
    if known is None or None in (row.clause_text, row.version_text, row.actor_text):
        raise ValueError("a stored word is missing")
    words = row.clause_text.decode(), row.version_text.decode(), row.actor_text.decode()
    return leaf_bytes(row.id, known.name, *words, row.b)


_SQLITE_ENTRY = "INSERT INTO ledger_entry (id, kind, clause, version, actor, b) VALUES (?, ?, ?, ?, ?, ?)"
_SQLITE_BODY = "INSERT INTO ledger_body (entry, subject, class, sealed) VALUES (?, ?, ?, ?)"
_POSTGRES_BOTH = """
WITH told AS (
  SELECT * FROM unnest(%s::bytea[], %s::int[], %s::int[], %s::int[], %s::int[], %s::bytea[],
    %s::bytea[], %s::varchar[], %s::bytea[]) AS t (id, kind, clause, version, actor, b, subject, class, sealed)
), entries AS (
  INSERT INTO ledger_entry (id, kind, clause, version, actor, b) SELECT id, kind, clause, version, actor, b FROM told
)
INSERT INTO ledger_body (entry, subject, class, sealed) SELECT id, subject, class, sealed FROM told
"""
_BOTH = ("BYTEA", *("INTEGER",) * 4, "BYTEA", "BYTEA", "VARCHAR", "BYTEA")

SealedEntry: TypeAlias = tuple[bytes, int, int, int, int, bytes, bytes | None, str, bytes]
"""A row of an entry and its body: id, kind, clause, version, actor, b; subject, shred class, sealed bytes."""

def put_all(tx: sa.Connection, sealed: Sequence[SealedEntry]) -> None:
    """Insert entries without position and their sealed bodies, in one statement where the engine can.

    Written for the driver: this is the hottest statement there is, and every change pays for it.
    """
    if tx.dialect.name == "postgresql":
        tx.exec_driver_sql(_POSTGRES_BOTH, packed.columns(_BOTH, sealed))
        return
    tx.exec_driver_sql(_SQLITE_ENTRY, [one[:6] for one in sealed])
    tx.exec_driver_sql(_SQLITE_BODY, [(one[0], *one[6:]) for one in sealed])


ENTRY_VALUES = "INSERT INTO ledger_entry (id, kind, clause, version, actor, b) SELECT ?, ?, ?, ?, ?, ?"
BODY_VALUES = "INSERT INTO ledger_body (entry, subject, class, sealed) SELECT ?, ?, ?, ?"
"""For a statement that changes something and tells it at once: what must hold follows as WHERE."""


def put_sealed(hot: Hot, sealed: Sequence[SealedEntry], engine: str) -> None:
    """Write sealed entries inside the transaction of a hot path; they have no position yet."""
    if engine == "postgresql":
        hot.rows(_HOT_BOTH, packed.columns(_BOTH, sealed))
        return
    hot.many(_SQLITE_ENTRY, [one[:6] for one in sealed])
    hot.many(_SQLITE_BODY, [(one[0], *one[6:]) for one in sealed])


_HOT_BOTH = _POSTGRES_BOTH.replace("%s", "?")


def sealed_body(tx: sa.Connection, entry_id: bytes) -> tuple[bytes | None, str, bytes] | None:
    """Give (subject, shred class, sealed bytes) of an entry's body while it is kept."""
    row = tx.execute(
        sa.select(body.c.subject, body.c.shred_class, body.c.sealed).where(body.c.entry == entry_id)
    ).first()
    return None if row is None else (row[0], row[1], row[2])


def drop_bodies(tx: sa.Connection, subject: bytes, classes: Collection[str] | None) -> int:
    """Delete the sealed bodies about a subject, of some shred classes or of all; gives their number."""
    query = sa.delete(body).where(body.c.subject == subject)
    if classes is not None:
        query = query.where(body.c.shred_class.in_(list(classes)))
    return tx.execute(query).rowcount


def body_classes(tx: sa.Connection, subject: bytes) -> set[str]:
    """List the shred classes under which bodies about a subject are kept."""
    query = sa.select(body.c.shred_class).where(body.c.subject == subject).distinct()
    return set(tx.execute(query).scalars())


_SQLITE_PLACE = "UPDATE ledger_entry SET n = ? WHERE id = ? AND n IS NULL"
_POSTGRES_PLACE = (
    "UPDATE ledger_entry SET n = given.n FROM unnest(%s::bytea[], %s::bigint[]) AS given (id, n)"
    " WHERE ledger_entry.id = given.id AND ledger_entry.n IS NULL"
)


def place(tx: sa.Connection, ids: Sequence[bytes], first: int) -> None:
    """Give positions from `first` on to entries in the order of `ids`; one that has a position keeps it."""
    numbers = range(first, first + len(ids))
    if tx.dialect.name == "postgresql":
        tx.exec_driver_sql(_POSTGRES_PLACE, (list(ids), list(numbers)))
    else:
        tx.exec_driver_sql(_SQLITE_PLACE, list(zip(numbers, ids, strict=True)))


def tiles(tx: sa.Connection) -> Fetch:
    """Give a reader of tiles inside this transaction; a missing tile is empty."""
    query = sa.select(tile.c.hashes).where(
        tile.c.level == sa.bindparam("level"), tile.c.number == sa.bindparam("number")
    )

    def fetch(level: int, number: int) -> bytes:
        return tx.execute(query, {"level": level, "number": number}).scalar() or b""

    return fetch


def put_tiles(tx: sa.Connection, changed: Mapping[tuple[int, int], bytes]) -> None:
    """Write tiles, new or grown."""
    for (level, number), hashes in changed.items():
        grown = tx.execute(
            sa.update(tile).where(tile.c.level == level, tile.c.number == number).values(hashes=hashes)
        )
        if not grown.rowcount:
            tx.execute(sa.insert(tile).values(level=level, number=number, hashes=hashes))


def all_tiles(tx: sa.Connection, leaves_from: int = 0) -> Iterator[tuple[int, int, bytes]]:
    """Stream stored tiles as (level, number, hashes), those of the leaves from a tile number on."""
    kept = sa.or_(tile.c.level != 0, tile.c.number < 0, tile.c.number >= leaves_from)
    for row in tx.execute(sa.select(tile).where(kept).order_by(tile.c.level, tile.c.number)):
        yield row.level, row.number, row.hashes


def move_head(tx: sa.Connection, old: AnyRow, size: int, root: bytes) -> bool:
    """Swap the head if it is still the one that was read; false when another process was first."""
    query = sa.update(head).where(head.c.size == old.size, head.c.root == old.root, head.c.epoch == old.epoch)
    return tx.execute(query.values(size=size, root=root)).rowcount == 1


def begin_origin(tx: sa.Connection, origin: str, epoch: int) -> None:
    """Let the log go on under another origin; whoever opened it before may not place entries any more."""
    tx.execute(sa.update(head).values(origin=origin, epoch=epoch))


def log_origin(tx: sa.Connection) -> str | None:
    """Give the origin under which the store's log was begun; None before that."""
    found: str | None = tx.execute(sa.select(head.c.origin)).scalar()
    return found
