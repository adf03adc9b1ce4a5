"""A store as a stream: every row of one still picture as compressed JSON lines, read back into either engine."""

from __future__ import annotations

import base64
import hashlib
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec
import sqlalchemy as sa

from upheld.db import Store, UtcMs
from upheld.db.store import SCHEMA
from upheld.db.types import from_ms, to_ms
from upheld.records.model import RecordsError

FORM = "upheld-store/1"
ROWS = 1000
"""How many rows are held in memory at once."""

PIECE = 1 << 16
"""How many bytes of a file are read at once."""

_GZIP = 31
_BLOCK = 64 * 1024
_DECODER: msgspec.json.Decoder[Any] = msgspec.json.Decoder()


class BackupUnreadableError(RecordsError):
    """The backup is not whole: a part is missing, changed, or written by another release."""

    code = "backup_unreadable"
    clause = "security.technical"
    next_step = "Take another copy of the backup; `manifest.json` says what belongs to it."


@dataclass(slots=True)
class Loaded:
    """What a dump held: rows by table."""

    counts: dict[str, int] = field(default_factory=dict)


def tables_of(store: Store) -> list[sa.Table]:
    """List the tables of a store that a dump holds, in an order in which they can be filled."""
    return list(store.metadata.sorted_tables)


def dump(store: Store, counts: dict[str, int]) -> Iterator[bytes]:
    """Stream a store as it stands at one moment, compressed; `counts` is filled with the rows of each table.

    The rows are counted by the engine in the same still picture, and again on the way; raises
    BackupUnreadableError when the two differ. Memory does not grow with the store.
    """
    packer = zlib.compressobj(wbits=_GZIP)
    with store.read() as tx:
        _knows_all(tx, store)
        for table in tables_of(store):
            counts[str(table.name)] = tx.execute(sa.select(sa.func.count()).select_from(table)).scalar_one()
        for block in _blocks(_lines(tx, store, counts)):
            if packed := packer.compress(block):
                yield packed
    yield packer.flush()


def _blocks(lines: Iterable[bytes]) -> Iterator[bytes]:
    """Join lines, so that the packer is not called for each."""
    block = bytearray()
    for line in lines:
        block += line
        if len(block) >= _BLOCK:
            yield bytes(block)
            block.clear()
    yield bytes(block)


def _knows_all(tx: sa.Connection, store: Store) -> None:
    """Refuse to leave out a table whose room is not loaded in this process."""
    there = {name for name in sa.inspect(tx).get_table_names() if not name.startswith("schema_")}
    if there - set(store.metadata.tables):
        raise BackupUnreadableError("The store has tables that this process does not know.")


def _lines(tx: sa.Connection, store: Store, counts: dict[str, int]) -> Iterator[bytes]:
    yield _line({"format": FORM, "store": store.name, "schema": SCHEMA[store.name]})
    for table in tables_of(store):
        yield _line({"table": str(table.name), "columns": [str(column.name) for column in table.c]})
        writers = [_writer(column) for column in table.c]
        query = sa.select(table).order_by(*table.primary_key).execution_options(yield_per=ROWS)
        seen = 0
        for row in tx.execute(query):
            seen += 1
            yield _line([None if cell is None else write(cell) for write, cell in zip(writers, row, strict=True)])
        if seen != counts[table.name]:
            raise BackupUnreadableError("The store changed while it was read.")
    yield _line({"end": counts})


def _line(value: Any) -> bytes:
    return msgspec.json.encode(value) + b"\n"


def _writer(column: sa.Column[Any]) -> Callable[[Any], Any]:
    """Give how a cell is spelled; bytes as base64, which the encoder does by itself."""
    if isinstance(column.type, UtcMs):
        return to_ms
    if isinstance(column.type, sa.Date):
        return date.isoformat
    return lambda cell: cell


def _reader(column: sa.Column[Any]) -> Callable[[Any], Any]:
    if isinstance(column.type, sa.LargeBinary):
        return lambda cell: base64.b64decode(cell, validate=True)
    if isinstance(column.type, UtcMs):
        return from_ms
    if isinstance(column.type, sa.Date):
        return date.fromisoformat
    return lambda cell: cell


def unpacked(chunks: Iterable[bytes]) -> Iterator[Any]:
    """Read the lines of a compressed stream as JSON; raises BackupUnreadableError on anything else."""
    opener, rest = zlib.decompressobj(wbits=_GZIP), b""
    try:
        for chunk in chunks:
            while chunk:
                rest += opener.decompress(chunk, 1 << 20)
                chunk = opener.unconsumed_tail  # noqa: PLW2901 - the same chunk, a mebibyte of its content at a time
                *lines, rest = rest.split(b"\n")
                for line in lines:
                    yield _DECODER.decode(line)
    except (zlib.error, ValueError, msgspec.MsgspecError):
        raise BackupUnreadableError from None
    if rest or not opener.eof:
        raise BackupUnreadableError


def rows_in(lines: Iterator[Any], name: str) -> Iterator[tuple[str, list[str], list[Any] | None]]:
    """Read a dump as (table, columns, row), each table first with None, and check its own counts at the end."""
    head = next(lines, None)
    if not isinstance(head, dict) or (head.get("format"), head.get("store")) != (FORM, name):
        raise BackupUnreadableError
    if head.get("schema") != SCHEMA[name]:
        raise BackupUnreadableError(
            f"The backup has schema {head.get('schema')} of the {name} store; this release restores {SCHEMA[name]}.",
            next_step="Restore it with the release that made it, then let the newer one migrate.",
        )
    table, columns = "", list[str]()
    counts: dict[str, int] = {}
    for line in lines:
        if isinstance(line, list):
            counts[table] += 1
            yield table, columns, line
        elif "table" in line:
            table, columns = line["table"], line["columns"]
            counts[table] = 0
            yield table, columns, None
        elif line.get("end") == counts:
            return
        else:
            break
    raise BackupUnreadableError


def load(store: Store, chunks: Iterable[bytes]) -> Loaded:
    """Fill a store with a dump, in one transaction, in place of whatever it held; raises BackupUnreadableError."""
    loaded, known = Loaded(), {table.name: table for table in tables_of(store)}
    rows = rows_in(unpacked(chunks), store.name)
    with store.write() as tx:
        for table in reversed(tables_of(store)):
            tx.execute(sa.delete(table))
        while batch := list(islice(rows, ROWS)):
            _insert(tx, known, batch, loaded)
        for table in tables_of(store):
            _count_on(tx, table)
            found = tx.execute(sa.select(sa.func.count()).select_from(table)).scalar_one()
            if found != loaded.counts.get(table.name, 0):
                raise BackupUnreadableError
    return loaded


def _insert(
    tx: sa.Connection, known: dict[str, sa.Table], batch: list[tuple[str, list[str], list[Any] | None]], loaded: Loaded
) -> None:
    ready: dict[str, list[dict[str, Any]]] = {}
    for name, columns, row in batch:
        if name not in known:
            raise BackupUnreadableError
        loaded.counts.setdefault(name, 0)
        if row is not None:
            ready.setdefault(name, []).append(_values(known[name], columns, row))
    for name, values in ready.items():
        tx.execute(sa.insert(known[name]), values)
        loaded.counts[name] += len(values)


def _values(table: sa.Table, columns: list[str], row: list[Any]) -> dict[str, Any]:
    by_name = {column.name: column for column in table.c}
    try:
        cells = dict(zip(columns, row, strict=True))
        return {
            by_name[name].key: None if cell is None else _reader(by_name[name])(cell) for name, cell in cells.items()
        }
    except (KeyError, ValueError, TypeError):
        raise BackupUnreadableError from None


def _count_on(tx: sa.Connection, table: sa.Table) -> None:
    """Let numbers that PostgreSQL gives out go on behind the highest that was restored."""
    column = table.autoincrement_column
    if column is None or tx.dialect.name != "postgresql":
        return
    highest = tx.execute(sa.select(sa.func.max(column))).scalar()
    sequence = tx.execute(sa.select(sa.func.pg_get_serial_sequence(table.name, column.name))).scalar()
    if sequence and highest:
        tx.execute(sa.select(sa.func.setval(sequence, highest)))


def pieces_of(file: Path) -> Iterator[bytes]:
    """Stream a file."""
    with file.open("rb") as source:
        while piece := source.read(PIECE):
            yield piece


def intact(file: Path, sha256: str) -> None:
    """Raise BackupUnreadableError unless a file is there and has this hash."""
    hashed = hashlib.sha256()
    try:
        for piece in pieces_of(file):
            hashed.update(piece)
    except OSError:
        raise BackupUnreadableError from None
    if hashed.hexdigest() != sha256:
        raise BackupUnreadableError("A part of the backup was changed.")


def moment(text: str) -> datetime:
    """Read a time written in a manifest; raises BackupUnreadableError."""
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        raise BackupUnreadableError from None
