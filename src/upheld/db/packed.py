"""Columns of many rows as PostgreSQL's own arrays in binary form, so that a thousand rows travel as a handful of joined bytes."""

from __future__ import annotations

import functools
import struct
from collections.abc import Callable, Iterable, Sequence
from datetime import date
from typing import Any, TypeAlias

Column: TypeAlias = Sequence[Any]
_SIZE = struct.Struct(">i")
_BIG = struct.Struct(">q")
_NULL = _SIZE.pack(-1)
_DAY_ZERO = date(2000, 1, 1).toordinal()
"""PostgreSQL counts days from here."""


def _text(value: str) -> bytes:
    return value.encode()


def _day(value: date) -> bytes:
    return _SIZE.pack(value.toordinal() - _DAY_ZERO)


def _flag(value: bool) -> bytes:
    return b"\1" if value else b"\0"


_KINDS: dict[str, tuple[int, int, Callable[[Any], bytes] | None]] = {
    "BYTEA": (17, 1001, None),
    "VARCHAR": (1043, 1015, _text),
    "TEXT": (25, 1009, _text),
    "INTEGER": (23, 1007, _SIZE.pack),
    "BIGINT": (20, 1016, _BIG.pack),
    "BOOLEAN": (16, 1000, _flag),
    "DATE": (1082, 1182, _day),
}
"""By SQL type: numbers of the type and of its array, and how a value is spelled."""


def kind(sql_type: str) -> str:
    """Give the kind of a type's name, without its length; raises ValueError for one that is not packed."""
    name = sql_type.partition("(")[0]
    if name not in _KINDS:
        raise ValueError(f"columns of the type {name} are not packed")
    return name


def columns(kinds: Sequence[str], rows: Iterable[Sequence[Any]]) -> tuple[bytes, ...]:
    """Give the columns of rows as parameters, each for a placeholder cast to the array of its type."""
    return tuple(_array(name, column) for name, column in zip(kinds, zip(*rows, strict=True), strict=True))


def _array(name: str, column: Column) -> bytes:
    number, _, spell = _KINDS[name]
    count, first = len(column), column[0]
    if column.count(first) == count:  # one word of all rows, as most columns of an import are
        body = _one(first if spell is None or first is None else spell(first)) * count
    else:
        spelled = column if spell is None else [one if one is None else spell(one) for one in column]
        body = _joined(spelled)
    head = struct.pack(">iiIii", 1, int(None in column), number, count, 1)
    return parameter_types()[name](head + body)


def _one(value: bytes | None) -> bytes:
    return _NULL if value is None else _SIZE.pack(len(value)) + value


def _joined(values: Sequence[Any]) -> bytes:
    """Join values behind their lengths; those of one length, as ids are, in one go."""
    if None in values or len(set(map(len, values))) > 1:
        return b"".join(map(_one, values))
    size = _SIZE.pack(len(values[0]))
    return size + size.join(values)


@functools.cache
def parameter_types() -> dict[str, type[bytes]]:
    """Give the types of packed parameters, which the driver sends as they are; call it before anything connects."""
    import psycopg
    from psycopg.adapt import Dumper
    from psycopg.pq import Format

    def dump(_self: Dumper, packed: bytes) -> bytes:
        return packed

    made: dict[str, type[bytes]] = {}
    for name, (_, array, _) in _KINDS.items():
        made[name] = type(f"Packed{name.title()}", (bytes,), {})
        how = type(f"Send{name.title()}", (Dumper,), {"format": Format.BINARY, "oid": array, "dump": dump})
        psycopg.adapters.register_dumper(made[name], how)
    return made
