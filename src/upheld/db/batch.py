"""Rows written together: a transaction's notebook of what it has seen and of what it still has to write.

A row given to `later` is written with all others of its kind by one statement, when the transaction ends or before
anything is read, whichever comes first. So whoever has many acts to do in one transaction reads for all of them
first, and remembers what was seen.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence
from datetime import date
from typing import Any, TypeAlias, TypeVar

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from sqlalchemy.exc import DBAPIError

from upheld.db import packed
from upheld.db.postgres import placeholders
from upheld.db.types import UtcMs, from_ms

T = TypeVar("T")
Write: TypeAlias = Callable[[sa.Connection, list[Any]], None]
_POSTGRES: sa.engine.Dialect = postgresql.dialect()  # type: ignore[no-untyped-call]  # the library left it without types
_NAME = "upheld.notebook"
_STEPS = (1, 4, 16, 64, 256)
"""Lengths of lists that SQLite compiles a statement for; longer ones are asked in pieces."""


class Notebook:
    """What one transaction has seen (`seen`, for whoever holds the rows in question) and has yet to write."""

    __slots__ = ("_rows", "seen", "still")

    def __init__(self, *, still: bool = False) -> None:
        """Begin empty; `still` says that the transaction sees one state to its end, so that what it saw stays true."""
        self.still = still
        self.seen: dict[Hashable, Any] = {}
        self._rows: dict[Write, list[Any]] = {}

    def add(self, write: Write, row: Any) -> None:
        """Remember a row for `write`."""
        self._rows.setdefault(write, []).append(row)

    def add_all(self, write: Write, rows_: Iterable[Any]) -> None:
        """Remember rows for `write`."""
        self._rows.setdefault(write, []).extend(rows_)

    def settle(self, tx: sa.Connection) -> None:
        """Write what waits, the kinds in the order in which they first came."""
        while self._rows:
            waiting, self._rows = self._rows, {}
            for write, rows_ in waiting.items():
                write(tx, rows_)


def begin(tx: sa.Connection, *, still: bool = False) -> Notebook:
    """Give a transaction an empty notebook."""
    made = tx.info[_NAME] = Notebook(still=still)
    return made


def end(tx: sa.Connection) -> None:
    """Take the notebook away; the connection serves other transactions next."""
    tx.info.pop(_NAME, None)


def notebook(tx: sa.Connection) -> Notebook:
    """Give the notebook of a transaction; one that keeps none gets an empty one each time."""
    found: Notebook | None = tx.info.get(_NAME)
    return Notebook() if found is None else found


def later(tx: sa.Connection, write: Write, row: Any) -> None:
    """Have a row written with the others of its kind; at once where the transaction keeps no notebook."""
    found: Notebook | None = tx.info.get(_NAME)
    if found is None:
        write(tx, [row])
    else:
        found.add(write, row)


def later_all(tx: sa.Connection, write: Write, rows_: Sequence[Any]) -> None:
    """Have rows written with the others of their kind, as `later` does."""
    found: Notebook | None = tx.info.get(_NAME)
    if found is None:
        write(tx, list(rows_))
    else:
        found.add_all(write, rows_)


def settle_first(connection: sa.Connection, *_: Any) -> None:
    """Write what waits before a statement that might read it; listens to `before_cursor_execute`."""
    found: Notebook | None = connection.info.get(_NAME)
    if found is not None:
        found.settle(connection)


class Select:
    """Reads whole rows of one table by one of its columns, straight at the driver."""

    def __init__(self, table: sa.Table, by: str) -> None:
        """Spell the statement; `by` is the column's name."""
        names = ", ".join(f'"{column.name}"' for column in table.c)
        self._sql = f'SELECT {names} FROM "{table.name}" WHERE "{by}"'  # noqa: S608 - names of our own tables
        self.keys = tuple(column.key for column in table.c)
        self._by = next(at for at, column in enumerate(table.c) if column.name == by)
        turned = ((at, _out(column)) for at, column in enumerate(table.c))
        self._turned = tuple((at, turn) for at, turn in turned if turn is not None)

    def __call__(self, tx: sa.Connection, values: Iterable[Any]) -> dict[Any, list[tuple[Any, ...]]]:
        """Give the rows of each value, in no order, as the columns' own types."""
        found: dict[Any, list[tuple[Any, ...]]] = {value: [] for value in values}
        for row in rows_among(tx, self._sql, found):
            told = list(row)
            for at, turn in self._turned:
                if told[at] is not None:
                    told[at] = turn(told[at])
            found[row[self._by]].append(tuple(told))
        return found

    def look(self, tx: sa.Connection, values: Iterable[Any]) -> None:
        """Take the rows of many values into the notebook of a still transaction, for `of`."""
        notes = notebook(tx)
        if notes.still:
            notes.seen.update(((self, value), found) for value, found in self(tx, values).items())

    def of(self, tx: sa.Connection, value: Any) -> list[tuple[Any, ...]]:
        """Give the rows of one value, read once where the transaction is still."""
        notes = notebook(tx)
        found: list[tuple[Any, ...]] | None = notes.seen.get((self, value))
        if found is None:
            found = self(tx, [value])[value]
            if notes.still:
                notes.seen[self, value] = found
        return found


def _out(column: sa.Column[Any]) -> Callable[[Any], Any] | None:
    if isinstance(column.type, UtcMs):
        return from_ms
    if isinstance(column.type, sa.Date):  # SQLite keeps a day as its text
        return lambda value: date.fromisoformat(value) if isinstance(value, str) else value
    return bool if isinstance(column.type, sa.Boolean) else None


class Insert:
    """Inserts many rows of one table with one statement; a row is a tuple of the columns' stored values.

    `also` is what follows the rows, such as an ON CONFLICT clause that both engines take.
    """

    def __init__(self, table: sa.Table, also: str = "") -> None:
        """Spell the statement for both engines."""
        names = ", ".join(f'"{column.name}"' for column in table.c)
        marks = ", ".join("?" for _ in table.c)
        into = f'INSERT INTO "{table.name}" ({names})'
        self._one = f"{into} VALUES ({marks}) {also}".strip()
        types = [str(column.type.compile(_POSTGRES)) for column in table.c]
        self._kinds = tuple(map(packed.kind, types))
        kinds = ", ".join(f"?::{one}[]" for one in types)
        # Selected from a table with names, or ON CONFLICT would be read as the condition of a join.
        self._many = f"{into} SELECT * FROM unnest({kinds}) AS told WHERE true {also}".strip()  # noqa: S608 - names of our own tables
        self._days = tuple(at for at, column in enumerate(table.c) if isinstance(column.type, sa.Date))

    def __call__(self, tx: sa.Connection, rows_: Sequence[tuple[Any, ...]]) -> None:
        """Insert the rows."""
        if not rows_:
            return
        if tx.dialect.name == "postgresql":
            done(tx, self._many, packed.columns(self._kinds, rows_))
        else:
            done(tx, self._one, [self._told(row) for row in rows_] if self._days else rows_, each=True)

    def _told(self, row: tuple[Any, ...]) -> tuple[Any, ...]:
        """SQLite keeps a day as its text."""
        return tuple(
            value.isoformat() if at in self._days and value is not None else value for at, value in enumerate(row)
        )


class Change:
    """Changes many rows of one table with one statement; a row is a tuple of the values it is found by, then of new ones."""

    def __init__(self, table: sa.Table, by: Sequence[str], to: Sequence[str]) -> None:
        """Spell the statement for both engines, from the names of columns."""
        self._found_by = len(by)
        changes = ", ".join(f'"{name}" = ?' for name in to)
        found = " AND ".join(f'"{name}" = ?' for name in by)
        self._one = f'UPDATE "{table.name}" SET {changes} WHERE {found}'  # noqa: S608 - names of our own tables
        types = [str(table.columns[_key(table, name)].type.compile(_POSTGRES)) for name in (*by, *to)]
        self._kinds = tuple(map(packed.kind, types))
        told = ", ".join(f"?::{one}[]" for one in types)
        names = ", ".join([*(f'"by_{name}"' for name in by), *(f'"to_{name}"' for name in to)])
        changes = ", ".join(f'"{name}" = told."to_{name}"' for name in to)
        found = " AND ".join(f'"{table.name}"."{name}" = told."by_{name}"' for name in by)
        self._many = f'UPDATE "{table.name}" SET {changes} FROM unnest({told}) AS told ({names}) WHERE {found}'  # noqa: S608 - as above

    def __call__(self, tx: sa.Connection, rows_: Sequence[tuple[Any, ...]]) -> None:
        """Change the rows."""
        if not rows_:
            return
        if tx.dialect.name == "postgresql":
            done(tx, self._many, packed.columns(self._kinds, rows_))
        else:
            at = self._found_by
            done(tx, self._one, [(*row[at:], *row[:at]) for row in rows_], each=True)


def _key(table: sa.Table, name: str) -> str:
    return next(column.key for column in table.c if column.name == name)


def rows(tx: sa.Connection, sql: str, values: Sequence[Any] = (), *, large: bool = False) -> list[tuple[Any, ...]]:
    """Run one statement with `?` placeholders straight at the driver and give its rows as stored.

    `large` says that long columns of bytes come back, which PostgreSQL then sends as they are.
    """
    told = {"binary": large} if tx.dialect.name == "postgresql" else {}
    text = placeholders(sql) if told else sql
    found: list[tuple[Any, ...]] = _run(tx, sql, lambda driver: driver.execute(text, values, **told).fetchall())
    return found


def done(tx: sa.Connection, sql: str, values: Sequence[Any], *, each: bool = False) -> int:
    """Run one statement with `?` placeholders straight at the driver and give how many rows it touched.

    With `each` it is run for every row of `values`.
    """
    text = placeholders(sql) if tx.dialect.name == "postgresql" else sql

    def work(driver: Any) -> int:
        cursor = driver.cursor()
        if each:
            cursor.executemany(text, values)
        else:
            cursor.execute(text, values)
        return int(cursor.rowcount)

    return _run(tx, sql, work)


def _run(tx: sa.Connection, sql: str, work: Callable[[Any], T]) -> T:
    """Let the driver's own connection do something in a transaction; what waits is written first."""
    settle_first(tx)
    try:
        return work(tx.connection.driver_connection)
    except Exception as error:
        raise DBAPIError(sql, None, error) from None  # as SQLAlchemy says it, without the values


def rows_among(
    tx: sa.Connection, sql: str, among: Iterable[Any], values: Sequence[Any] = (), *, locked: bool = False, then: str = ""
) -> list[tuple[Any, ...]]:
    """Run a statement that ends in `… WHERE column` for all of `among`; `values` fill what stands before.

    `locked` takes the rows, in order of the statement's first column, until the end of the transaction; `then` is
    what follows, such as RETURNING.
    """
    wanted = list(among)
    if not wanted:
        return []
    if tx.dialect.name == "postgresql":
        return rows(tx, f"{sql} = ANY(?) {then}" + (" ORDER BY 1 FOR UPDATE" if locked else ""), (*values, wanted))
    found: list[tuple[Any, ...]] = []
    for at in range(0, len(wanted), _STEPS[-1]):
        part = wanted[at : at + _STEPS[-1]]
        size = next(step for step in _STEPS if step >= len(part))
        part += part[-1:] * (size - len(part))
        found += rows(tx, f"{sql} IN ({', '.join('?' * size)}) {then}", (*values, *part))
    return found
