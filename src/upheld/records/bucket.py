"""A bucket of the keys store: one key that wraps keys of persons, one that says where tags of the blind index stand.

Both are replaced when a person of the bucket is erased, each without the other: a copy of the store made before then
holds them under a root that is destroyed, so it opens no key of that person, and no address can be tried on it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from upheld.records.model import RecordsError

DEFAULT, MOST = 4096, 65_536
"""Buckets of a store that was told no number, and the most a store can have."""

EACH = 25
"""People for whom a bucket is meant: so many keys are wrapped anew when one of them is erased."""

KEY = 32
"""Bytes of each of the two keys; they are wrapped as one."""

_NUMBER = 2
_TAG = 16


class Bucket:
    """One bucket, opened. Safe to share between threads."""

    __slots__ = ("_index", "keys", "number")

    def __init__(self, number: int, raw: bytes) -> None:
        """Take the two keys apart."""
        self.number = number.to_bytes(_NUMBER, "big")
        self.keys = AESGCM(raw[:KEY])
        # One block, which is a keyed hash of its own: there is nothing for a mode to chain, and a place is to be equal
        # for equal tags.
        self._index = Cipher(algorithms.AES(raw[KEY:]), modes.ECB())  # noqa: S305

    def place(self, tag: bytes) -> bytes:
        """Say where a tag of this bucket stands in the index."""
        return self.number + self._index.encryptor().update(tag)

    def places(self, tags: Iterable[bytes]) -> list[bytes]:
        """Say where many tags of this bucket stand."""
        return [self.number + block for block in _blocks(self._index.encryptor().update(b"".join(tags)))]

    def tags(self, places: Sequence[bytes]) -> list[bytes]:
        """Give the tags that stand at these places."""
        return _blocks(self._index.decryptor().update(b"".join(place[_NUMBER:] for place in places)))

    def span(self) -> tuple[bytes, bytes]:
        """Give the first and the last place that a tag of this bucket can have."""
        return self.number + bytes(_TAG), self.number + b"\xff" * _TAG


class BucketsError(RecordsError):
    """The number of key buckets is not a power of two up to 65,536."""

    code = "key_buckets"
    next_step = (
        "Put the number that the store has under [keys] in `keeping.toml`, or take the line out: it is chosen before the stores"
        " are begun, see `docs/howto/back-up.md`. Where a bucket is missing, restore a backup."
    )


def counted(number: int) -> int:
    """Give a number of buckets back; raises BucketsError when a store cannot have so many."""
    if not 1 <= number <= MOST or number & (number - 1):
        raise BucketsError
    return number


def fitting(people: int) -> int:
    """Give the number of buckets with which an erasure costs the same whether people are few or as many as these."""
    number = DEFAULT
    while number < MOST and number * EACH < people:
        number *= 2
    return number


def number_of(place: bytes) -> int:
    """Give the number of the bucket that a place belongs to."""
    return int.from_bytes(place[:_NUMBER], "big")


def _blocks(joined: bytes) -> list[bytes]:
    return [joined[at : at + _TAG] for at in range(0, len(joined), _TAG)]
