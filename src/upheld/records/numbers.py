"""Numbers of many records in few bytes: in blocks, sorted inside, each told by its distance from the one before; pure."""

from __future__ import annotations

from collections.abc import Iterator

from upheld.db import b64, unb64

_WIDTH = 16
BLOCK = 4096


class Numbers:
    """Takes record ids one by one, in any order, and keeps about twelve bytes of each."""

    def __init__(self) -> None:
        """Begin empty."""
        self._open: list[int] = []
        self._packed = bytearray()

    def add(self, record: bytes) -> None:
        """Take one record id (16 bytes)."""
        self._open.append(int.from_bytes(record, "big"))
        if len(self._open) == BLOCK:
            self._close()

    def text(self) -> str:
        """Give all numbers as one text; their order is not kept."""
        if self._open:
            self._close()
        return b64(bytes(self._packed))

    def _close(self) -> None:
        _tell(self._packed, len(self._open))
        before = 0
        for number in sorted(self._open):
            _tell(self._packed, number - before)
            before = number
        self._open.clear()


def unpack(text: str) -> Iterator[bytes]:
    """Give the record ids of a packed text; raises ValueError for text that is none."""
    numbers = _told(unb64(text))
    for length in numbers:
        number = 0
        for _ in range(length):
            step = next(numbers, None)
            if step is None:
                raise ValueError("a block of record numbers is cut off")
            number += step
            if number >> 8 * _WIDTH:
                raise ValueError("a record number is too large")
            yield number.to_bytes(_WIDTH, "big")


def _tell(out: bytearray, number: int) -> None:
    """Add a number, seven bits a byte, the lowest first; the highest bit says that more follow."""
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)


def _told(raw: bytes) -> Iterator[int]:
    number = shift = 0
    for byte in raw:
        number |= (byte & 0x7F) << shift
        shift += 7
        if not byte & 0x80:
            yield number
            number = shift = 0
    if shift:
        raise ValueError("the last number is cut off")
