"""Tables of the ledger in the data store, and the small writes on them; `leaves.py` reads entries."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, TypeAlias

import sqlalchemy as sa

from upheld.db import Hot, Insert, UtcMs, data_metadata, done, packed, rows, rows_among
from upheld.ledger.tree import Fetch

AnyRow: TypeAlias = sa.Row[*tuple[Any, ...]]

pending = sa.Table(
    "ledger_pending",
    data_metadata,
    sa.Column("id", sa.LargeBinary(16), primary_key=True),
    sa.Column("leaf", sa.LargeBinary, nullable=False),
    comment="entries without a position, each as its leaf; the integrator moves them into bundles",
)

bundle = sa.Table(
    "ledger_bundle",
    data_metadata,
    sa.Column("number", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("lowest", sa.LargeBinary(16), nullable=False),
    sa.Column("highest", sa.LargeBinary(16), nullable=False, index=True),
    sa.Column("leaves", sa.LargeBinary, nullable=False),
    comment="256 leaves each, from position 256 x number on, in the form of C2SP entry bundles; the last one grows",
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

cosignature = sa.Table(
    "ledger_cosignature",
    data_metadata,
    sa.Column("origin", sa.String(200), primary_key=True),
    sa.Column("size", sa.BigInteger, primary_key=True),
    sa.Column("witness", sa.String(200), primary_key=True),
    sa.Column("vkey", sa.Text, nullable=False),
    sa.Column("line", sa.Text, nullable=False),
    comment="what witnesses wrote under a checkpoint",
)

SealedEntry: TypeAlias = tuple[bytes, bytes, bytes | None, str, bytes]
"""An entry that waits to be written: id, leaf; subject, shred class and sealed bytes of its body."""

ENTRY_VALUES = "INSERT INTO ledger_pending (id, leaf) SELECT ?, ?"
BODY_VALUES = "INSERT INTO ledger_body (entry, subject, class, sealed) SELECT ?, ?, ?, ?"
"""For a statement that changes something and tells it at once: what must hold follows as WHERE."""

_SQLITE_ENTRY = "INSERT INTO ledger_pending (id, leaf) VALUES (?, ?)"
_SQLITE_BODY = "INSERT INTO ledger_body (entry, subject, class, sealed) VALUES (?, ?, ?, ?)"
_POSTGRES_BOTH = """
WITH told AS (
  SELECT * FROM unnest(?::bytea[], ?::bytea[], ?::bytea[], ?::varchar[], ?::bytea[])
    AS t (id, leaf, subject, class, sealed)
), entries AS (
  INSERT INTO ledger_pending (id, leaf) SELECT id, leaf FROM told
)
INSERT INTO ledger_body (entry, subject, class, sealed) SELECT id, subject, class, sealed FROM told
"""
_BOTH = ("BYTEA", "BYTEA", "BYTEA", "VARCHAR", "BYTEA")


_MOVE_HEAD = "UPDATE ledger_head SET size = ?, root = ? WHERE size = ? AND root = ? AND epoch = ?"
_GROW_TILES = Insert(tile, "ON CONFLICT (level, number) DO UPDATE SET hashes = excluded.hashes")
_GROW_BUNDLES = Insert(
    bundle,
    "ON CONFLICT (number) DO UPDATE SET lowest = excluded.lowest, highest = excluded.highest, leaves = excluded.leaves",
)


def put_all(tx: sa.Connection, sealed: Sequence[SealedEntry]) -> None:
    """Insert entries without position and their sealed bodies, in one statement where the engine can.

    Written for the driver: this is the hottest statement there is, and every change pays for it.
    """
    if tx.dialect.name == "postgresql":
        done(tx, _POSTGRES_BOTH, packed.columns(_BOTH, sealed))
        return
    done(tx, _SQLITE_ENTRY, [one[:2] for one in sealed], each=True)
    done(tx, _SQLITE_BODY, [(one[0], *one[2:]) for one in sealed], each=True)


def put_sealed(hot: Hot, sealed: Sequence[SealedEntry], engine: str) -> None:
    """Write sealed entries inside the transaction of a hot path; they have no position yet."""
    if engine == "postgresql":
        hot.rows(_POSTGRES_BOTH, packed.columns(_BOTH, sealed))
        return
    hot.many(_SQLITE_ENTRY, [one[:2] for one in sealed])
    hot.many(_SQLITE_BODY, [(one[0], *one[2:]) for one in sealed])


# bodies


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


def drop_bodies_of(tx: sa.Connection, subjects: Collection[bytes]) -> Counter[bytes]:
    """Delete all sealed bodies about subjects; gives their number by subject."""
    gone = rows_among(tx, "DELETE FROM ledger_body WHERE subject", subjects, then="RETURNING subject")
    return Counter(subject for (subject,) in gone)


def body_classes(tx: sa.Connection, subjects: Collection[bytes]) -> list[tuple[bytes, str]]:
    """List the shred classes under which bodies about subjects are kept, as (subject, class)."""
    found = rows_among(tx, "SELECT DISTINCT subject, class FROM ledger_body WHERE subject", subjects)
    return [(subject, shred_class) for subject, shred_class in found]


def count_bodies(tx: sa.Connection, lowest: bytes | None) -> int:
    """Count the sealed bodies, those of entries from an id on if one is named."""
    query = sa.select(sa.func.count()).select_from(body)
    return int(tx.execute(query if lowest is None else query.where(body.c.entry >= lowest)).scalar_one())


def body_ids(tx: sa.Connection, lowest: bytes) -> Iterator[bytes]:
    """Stream the ids of entries whose body is kept, from an id on."""
    yield from tx.execute(sa.select(body.c.entry).where(body.c.entry >= lowest).order_by(body.c.entry)).scalars()


# tree and head


def put_bundles(tx: sa.Connection, changed: Mapping[int, tuple[bytes, bytes, bytes]]) -> None:
    """Write bundles, new or grown: (lowest id, highest id, leaves) by number."""
    _GROW_BUNDLES(tx, [(number, *told) for number, told in changed.items()])


def unqueue(tx: sa.Connection, ids: Sequence[bytes]) -> int:
    """Delete waiting entries that were placed; gives how many there were."""
    if tx.dialect.name == "postgresql":
        return done(tx, "DELETE FROM ledger_pending WHERE id = ANY(?)", (list(ids),))
    return done(tx, "DELETE FROM ledger_pending WHERE id = ?", [(one,) for one in ids], each=True)


def tiles(tx: sa.Connection) -> Fetch:
    """Give a reader of tiles inside this transaction; a missing tile is empty."""

    def fetch(level: int, number: int) -> bytes:
        found = rows(tx, "SELECT hashes FROM ledger_tile WHERE level = ? AND number = ?", (level, number), large=True)
        return found[0][0] if found else b""

    return fetch


def put_tiles(tx: sa.Connection, changed: Mapping[tuple[int, int], bytes]) -> None:
    """Write tiles, new or grown."""
    _GROW_TILES(tx, [(*place, hashes) for place, hashes in changed.items()])


def other_tiles(tx: sa.Connection, leaves_to: int) -> Iterator[tuple[int, int, bytes]]:
    """Stream stored tiles as (level, number, hashes) but those of the leaves below a tile number."""
    other = sa.or_(tile.c.level != 0, tile.c.number < 0, tile.c.number >= leaves_to)
    for row in tx.execute(sa.select(tile).where(other).order_by(tile.c.level, tile.c.number)):
        yield row.level, row.number, row.hashes


def move_head(tx: sa.Connection, old: AnyRow, size: int, root: bytes) -> bool:
    """Swap the head if it is still the one that was read; false when another process was first."""
    return done(tx, _MOVE_HEAD, (size, root, old.size, old.root, old.epoch)) == 1


def begin_origin(tx: sa.Connection, origin: str, epoch: int) -> None:
    """Let the log go on under another origin; whoever opened it before may not place entries any more."""
    tx.execute(sa.update(head).values(origin=origin, epoch=epoch))


def log_origin(tx: sa.Connection) -> str | None:
    """Give the origin under which the store's log was begun; None before that."""
    found: str | None = tx.execute(sa.select(head.c.origin)).scalar()
    return found
