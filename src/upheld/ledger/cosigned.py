"""What witnesses wrote under checkpoints, kept beside them and served below the log's own signature."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime

import sqlalchemy as sa

from upheld.ledger.model import LedgerFinding
from upheld.ledger.note import Checkpoint
from upheld.ledger.store import checkpoint, cosignature
from upheld.ledger.witness import cosigned_at, told_at


def keep(tx: sa.Connection, signed: Checkpoint, vkey: str, line: str) -> int:
    """Keep the line of a witness under a checkpoint, the newest of each; gives when it was made, in seconds since 1970.

    Raises ValueError unless the witness's key made it.
    """
    line, vkey = line.strip(), vkey.strip()
    at = cosigned_at(signed.note, line, vkey)
    named = {"origin": signed.origin, "size": signed.size, "witness": vkey.partition("+")[0]}
    tx.execute(sa.delete(cosignature).filter_by(**named))
    tx.execute(sa.insert(cosignature).values(**named, vkey=vkey, line=line))
    return at


def noted(tx: sa.Connection, signed: Checkpoint) -> Checkpoint:
    """Give a checkpoint with what witnesses wrote under it below its own signature."""
    c = cosignature.c
    found = sa.select(c.line).where(c.origin == signed.origin, c.size == signed.size).order_by(c.witness)
    return replace(signed, note=signed.note + "".join(f"{line}\n" for line in tx.execute(found).scalars()))


def newest(tx: sa.Connection, origin: str) -> Checkpoint | None:
    """Give the newest checkpoint of a log that a witness cosigned, with all lines; None without one."""
    same = sa.and_(cosignature.c.origin == checkpoint.c.origin, cosignature.c.size == checkpoint.c.size)
    query = sa.select(checkpoint).join(cosignature, same).where(checkpoint.c.origin == origin)
    row = tx.execute(query.order_by(checkpoint.c.size.desc()).limit(1)).first()
    return None if row is None else noted(tx, Checkpoint(row.origin, row.size, row.root, row.note))


def last(tx: sa.Connection, origin: str) -> datetime | None:
    """Give when a witness last cosigned a log, UTC; None where none ever did."""
    found = sa.select(cosignature.c.line).where(cosignature.c.origin == origin)
    return max(map(told_at, tx.execute(found).scalars()), default=None)


def check(tx: sa.Connection) -> Iterator[LedgerFinding]:
    """Find lines that are not what a witness wrote under the checkpoint beside them."""
    same = sa.and_(cosignature.c.origin == checkpoint.c.origin, cosignature.c.size == checkpoint.c.size)
    query = sa.select(cosignature, checkpoint.c.note).outerjoin(checkpoint, same)
    for row in tx.execute(query.order_by(cosignature.c.size)):
        if row.note is None or row.vkey.partition("+")[0] != row.witness:
            yield LedgerFinding(row.size, "cosignature", "a cosignature stands under no checkpoint, or under another name")
            continue
        try:
            cosigned_at(row.note, row.line, row.vkey)
        except ValueError as error:
            yield LedgerFinding(row.size, "cosignature", str(error))
