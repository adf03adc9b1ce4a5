"""Hot paths: a driver connection with prepared statements, the same on both engines."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol


class Hot(Protocol):
    """One driver connection; placeholders are `?` on both engines. Not to be shared between threads without a lock."""

    def rows(self, sql: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Run one statement and give its rows, all of them."""
        ...

    def many(self, sql: str, rows: Sequence[Sequence[Any]]) -> None:
        """Run one statement for each row of values."""
        ...

    def writing(self) -> AbstractContextManager[None]:
        """Run a transaction that changes the store, durable at its end."""
        ...

    def still(self) -> AbstractContextManager[None]:
        """Run a transaction that sees one state."""
        ...

    def news(self) -> int | None:
        """Give a number that changes when another connection wrote; None where the engine tells no such thing."""
        ...

    def close(self) -> None:
        """Close the connection."""
        ...


