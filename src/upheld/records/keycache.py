"""Unwrapped keys at hand: so many at most, and none for longer than a minute."""

from __future__ import annotations

from collections.abc import Iterable

from upheld.records.cipher import DataKey

SECONDS = 60.0
SIZE = 10_000


class KeyCache:
    """Keys by shred class and subject, in two halves, so that keys go together and a look costs one or two look-ups.

    The young half takes keys for half of the time, or until it holds half of all; then it becomes the old one, which
    goes as a whole when its oldest key has reached its time. Not for threads beside each other.
    """

    __slots__ = ("_begun", "_count", "_of", "_old", "_young")

    def __init__(self) -> None:
        """Begin empty."""
        self.clear()

    def clear(self) -> None:
        """Forget all keys."""
        self._young: dict[str, dict[bytes, DataKey]] = {}
        self._old: dict[str, dict[bytes, DataKey]] = {}
        self._count, self._begun, self._of = 0, 0.0, 0.0

    def find(self, shred_class: str, subjects: Iterable[bytes], now: float) -> list[DataKey | None]:
        """Give the keys of subjects in their order, None for those not at hand; `now` in seconds."""
        self._turn(now)
        young, old = self._young.get(shred_class, {}).get, self._old.get(shred_class, {}).get
        return [young(subject) or old(subject) for subject in subjects]

    def put(self, shred_class: str, subject: bytes, key: DataKey, now: float) -> None:
        """Keep a key that was opened now."""
        self._turn(now, full=self._count >= SIZE // 2)
        if not self._count:
            self._begun = now
        self._young.setdefault(shred_class, {})[subject] = key
        self._count += 1

    def _turn(self, now: float, *, full: bool = False) -> None:
        """Let the young half become the old one, and the old one go, where it is time; also when the clock went back."""
        if self._count and (full or not 0 <= now - self._begun < SECONDS / 2):
            self._old, self._of, self._young, self._count = self._young, self._begun, {}, 0
        if self._old and not 0 <= now - self._of < SECONDS:
            self._old = {}
