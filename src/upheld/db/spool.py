"""A spool: bytes too many for memory, kept on disk sealed under a key that lives only as long as the spool."""

from __future__ import annotations

import io
import tempfile
from collections import OrderedDict
from pathlib import Path

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

BLOCK = 64 * 1024
_TAG = 16
_KEPT = 2
"""How many opened blocks are kept at hand, for readers that jump."""


class Spool(io.RawIOBase):
    """A file without a name that is written once and then read, also from the middle; nobody else can read it.

    The key is random and never stored, so what lies on the disk tells nothing, also after a crash.
    """

    def __init__(self, folder: Path | None = None) -> None:
        """Begin empty; `folder` is where the sealed bytes lie, the system's own folder if left out."""
        self._file = tempfile.TemporaryFile(dir=folder, buffering=0)  # noqa: SIM115 - closed with the spool
        self._cipher = AESGCM(AESGCM.generate_key(256))
        self._open = bytearray()
        self._blocks = 0
        self._size = 0
        self._at = 0
        self._done = False
        self._seen: OrderedDict[int, bytes] = OrderedDict()

    @property
    def size(self) -> int:
        """Give how many bytes were written."""
        return self._size

    def write(self, data: bytes) -> int:  # type: ignore[override]
        """Add bytes at the end; not possible once reading has begun."""
        if self._done:
            raise io.UnsupportedOperation("the spool is being read")
        self._open += data
        self._size += len(data)
        while len(self._open) >= BLOCK:
            self._seal(bytes(self._open[:BLOCK]))
            del self._open[:BLOCK]
        return len(data)

    def rewind(self) -> Spool:
        """End the writing and go to the beginning."""
        if not self._done:
            self._done = True
            if self._open:
                self._seal(bytes(self._open))
            self._open.clear()
        self._at = 0
        return self

    def _seal(self, plain: bytes) -> None:
        # Each block is written once under a key of this spool alone, so its number is nonce enough.
        sealed = self._cipher.encrypt(self._blocks.to_bytes(12, "big"), plain, None)
        self._file.seek(self._blocks * (BLOCK + _TAG))
        self._file.write(sealed)
        self._blocks += 1

    def _block(self, number: int) -> bytes:
        known = self._seen.get(number)
        if known is None:
            self._file.seek(number * (BLOCK + _TAG))
            sealed = self._file.read(BLOCK + _TAG)
            known = self._seen[number] = self._cipher.decrypt(number.to_bytes(12, "big"), sealed, None)
            if len(self._seen) > _KEPT:
                self._seen.popitem(last=False)
        return known

    # what readers of files ask for

    def readable(self) -> bool:
        """Say that it can be read."""
        return True

    def writable(self) -> bool:
        """Say whether more can be written: until reading has begun."""
        return not self._done

    def seekable(self) -> bool:
        """Say that readers may jump."""
        return True

    def tell(self) -> int:
        """Give the place of the next byte read."""
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go to a place; ends the writing."""
        if not self._done:
            self.rewind()
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        self._at = max(0, base + offset)
        return self._at

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        """Fill a buffer with the next bytes, at most to the end of a block; 0 at the end."""
        if not self._done:
            self.rewind()
        number, start = divmod(self._at, BLOCK)
        if self._at >= self._size:
            return 0
        part = self._block(number)[start : start + len(buffer)]
        buffer[: len(part)] = part
        self._at += len(part)
        return len(part)

    def reader(self) -> io.BufferedReader:
        """Give a buffered reader from the beginning; the spool outlives it, however often it is read."""
        self.rewind()
        return io.BufferedReader(_View(self), BLOCK)

    def close(self) -> None:
        """Forget key and bytes."""
        self._seen.clear()
        self._file.close()
        super().close()


class _View(io.RawIOBase):
    """Reads a spool and does not close it: a buffered reader closes what it reads when it goes."""

    def __init__(self, spool: Spool) -> None:
        self._spool = spool

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._spool.tell()

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        return self._spool.seek(offset, whence)

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        return self._spool.readinto(buffer)
