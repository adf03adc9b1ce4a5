"""The tree of RFC 9162: hashes, proofs and their verification; no storage, no clock."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence

TILE = 256
HASH = 32
EMPTY_ROOT = hashlib.sha256(b"").digest()

Fetch = Callable[[int, int], bytes]
"""Gives the bytes of tile (level, number): up to 256 hashes of complete subtrees of 256**level leaves."""


def leaf_hash(leaf: bytes) -> bytes:
    """Hash a leaf; the prefix keeps a leaf from passing as a node."""
    return hashlib.sha256(b"\x00" + leaf).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Hash two subtrees into their parent."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def split(tile: bytes) -> list[bytes]:
    """Cut a tile into its hashes."""
    return [tile[at : at + HASH] for at in range(0, len(tile), HASH)]


def full_root(row: bytes) -> bytes:
    """Give the root over a power of two of hashes, which stand one behind the other as in a tile."""
    sha, pair = hashlib.sha256, 2 * HASH
    while len(row) > HASH:
        row = b"".join([sha(b"\x01" + row[at : at + pair]).digest() for at in range(0, len(row), pair)])
    return row


def leaf_hashes(leaves: Iterable[bytes]) -> bytes:
    """Hash leaves into a row of hashes, one behind the other."""
    sha = hashlib.sha256
    return b"".join([sha(b"\x00" + leaf).digest() for leaf in leaves])


class Frontier:
    """Grows a tree leaf by leaf and knows its root; keeps one hash per set bit of the size."""

    __slots__ = ("_peaks", "size")

    def __init__(self) -> None:
        """Start with the empty tree."""
        self._peaks: list[bytes] = []
        self.size = 0

    @classmethod
    def over(cls, tree: TileTree, size: int) -> Frontier:
        """Go on behind the first `size` leaves of a stored tree; raises LookupError when a tile is short."""
        made = cls()
        made.size, made._peaks = size, tree.peaks(size)
        return made

    def add(self, hashed: bytes, power: int = 0) -> None:
        """Append one leaf hash, or the root of 2**power leaves behind a multiple of as many."""
        size = self.size >> power
        while size & 1:
            hashed = node_hash(self._peaks.pop(), hashed)
            size >>= 1
        self._peaks.append(hashed)
        self.size += 1 << power

    def root(self) -> bytes:
        """Give the root of all leaves so far."""
        if not self._peaks:
            return EMPTY_ROOT
        root = self._peaks[-1]
        for peak in reversed(self._peaks[:-1]):
            root = node_hash(peak, root)
        return root


class TileTree:
    """Answers questions about a tree of `size` leaves from its tiles; raises LookupError when a tile is short."""

    def __init__(self, fetch: Fetch, size: int) -> None:
        """Read tiles through `fetch`, each at most once."""
        self._fetch = fetch
        self._tiles: dict[tuple[int, int], bytes] = {}
        self.size = size

    def root(self, size: int | None = None) -> bytes:
        """Give the root of the first `size` leaves (default: all)."""
        size = self.size if size is None else size
        return self._range(0, size) if size else EMPTY_ROOT

    def peaks(self, size: int) -> list[bytes]:
        """Give the roots of the complete subtrees that the first `size` leaves fall into, largest first."""
        found, at = [], 0
        for power in range(size.bit_length() - 1, -1, -1):
            if size >> power & 1:
                found.append(self._node(power, at >> power))
                at += 1 << power
        return found

    def inclusion(self, n: int, size: int) -> list[bytes]:
        """Give the hashes that lead from leaf `n` to the root of the first `size` leaves."""
        if not 0 <= n < size <= self.size:
            raise LookupError("no such leaf in a tree of this size")
        return self._path(n, 0, size)

    def consistency(self, old: int, new: int) -> list[bytes]:
        """Give the hashes that show the first `old` leaves unchanged within the first `new`."""
        if not 0 <= old <= new <= self.size:
            raise LookupError("no such pair of sizes")
        if old in (0, new):
            return []
        return self._subproof(old, 0, new, whole=True)

    def _range(self, low: int, high: int) -> bytes:
        count = high - low
        if count & (count - 1) == 0:
            power = count.bit_length() - 1
            return self._node(power, low >> power)
        cut = low + _left(count)
        return node_hash(self._range(low, cut), self._range(cut, high))

    def _node(self, power: int, index: int) -> bytes:
        """Hash of the complete subtree of 2**power leaves at `index`, from the tile level just below it."""
        level, rest = divmod(power, 8)
        number, offset = divmod(index << rest, TILE)
        tile = self._tiles.get((level, number))
        if tile is None:
            tile = self._tiles[level, number] = self._fetch(level, number)
        part = tile[offset * HASH : (offset + (1 << rest)) * HASH]
        if len(part) != HASH << rest:
            raise LookupError(f"tile {level}/{number} is short")
        return full_root(part)

    def _path(self, n: int, low: int, high: int) -> list[bytes]:
        if high - low == 1:
            return []
        cut = low + _left(high - low)
        if n < cut:
            return [*self._path(n, low, cut), self._range(cut, high)]
        return [*self._path(n, cut, high), self._range(low, cut)]

    def _subproof(self, old: int, low: int, high: int, *, whole: bool) -> list[bytes]:
        if old == high:
            return [] if whole else [self._range(low, high)]
        cut = low + _left(high - low)
        if old <= cut:
            return [*self._subproof(old, low, cut, whole=whole), self._range(cut, high)]
        return [*self._subproof(old, cut, high, whole=False), self._range(low, cut)]


def _left(count: int) -> int:
    """Give the largest power of two smaller than `count`."""
    return 1 << ((count - 1).bit_length() - 1)


def verify_inclusion(hashed: bytes, n: int, size: int, proof: Sequence[bytes], root: bytes) -> bool:
    """Say whether `proof` leads from the leaf hash at `n` to `root` (RFC 9162, 2.1.3.2)."""
    if not 0 <= n < size:  # step 1
        return False
    fn, sn, result = n, size - 1, hashed  # steps 2, 3
    for step in proof:  # step 4
        if sn == 0:  # 4.1
            return False
        if fn & 1 or fn == sn:  # 4.2
            result = node_hash(step, result)
            while fn and not fn & 1:
                fn, sn = fn >> 1, sn >> 1
        else:  # 4.3
            result = node_hash(result, step)
        fn, sn = fn >> 1, sn >> 1  # 4.4
    return sn == 0 and result == root  # step 5


def verify_consistency(old: int, new: int, old_root: bytes, new_root: bytes, proof: Sequence[bytes]) -> bool:
    """Say whether `proof` shows the tree of `old` leaves inside the one of `new` (RFC 9162, 2.1.4.2)."""
    if not 0 <= old <= new:
        return False
    if old == new:
        return not proof and old_root == new_root
    if old == 0:
        return not proof and old_root == EMPTY_ROOT
    path = list(proof)
    if not path:  # step 1
        return False
    if old & (old - 1) == 0:  # step 2
        path.insert(0, old_root)
    fn, sn = old - 1, new - 1  # step 3
    while fn & 1:  # step 4
        fn, sn = fn >> 1, sn >> 1
    first = second = path[0]  # step 5
    for step in path[1:]:  # step 6
        if sn == 0:  # 6.1
            return False
        if fn & 1 or fn == sn:  # 6.2
            first, second = node_hash(step, first), node_hash(step, second)
            while fn and not fn & 1:
                fn, sn = fn >> 1, sn >> 1
        else:  # 6.3
            second = node_hash(second, step)
        fn, sn = fn >> 1, sn >> 1  # 6.4
    return sn == 0 and first == old_root and second == new_root  # step 7


def grow_tiles(size: int, row: bytes, fetch: Fetch) -> dict[tuple[int, int], bytes]:
    """Give the tiles that change when a row of leaf hashes follows a tree of `size`; raises LookupError on a short tile."""
    changed: dict[tuple[int, int], bytes] = {}
    level, start = 0, size
    while row:
        number, used = divmod(start, TILE)
        begun = fetch(level, number)[: used * HASH] if used else b""
        if len(begun) != used * HASH:
            raise LookupError(f"tile {level}/{number} is short")
        whole = begun + row
        row = b""
        for at in range(0, len(whole), TILE * HASH):
            tile = whole[at : at + TILE * HASH]
            changed[level, number] = tile
            number += 1
            if len(tile) == TILE * HASH:
                row += full_root(tile)
        level, start = level + 1, start // TILE
    return changed
