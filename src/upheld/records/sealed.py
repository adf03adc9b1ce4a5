"""Sealed copies of the keys store: files for one fresh recipient, whose identity only the root opens.

A plain copy of the keys store never leaves the host. When the root is destroyed, every copy made under it is noise.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import io
import json
import os
import queue
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO

import pyrage

from upheld.db import b64, lp, unb64
from upheld.records.bucket import Bucket
from upheld.records.dump import BackupUnreadableError, dump, intact, moment, pieces_of, rows_in, unpacked
from upheld.records.keyring import KeyRing
from upheld.records.keyrows import bucket_aad, bucket_of, dek_aad, meta_aad, unwrap
from upheld.records.root import RootError, RootProvider, sync_folder

FORM = "upheld-keys/1"
PREFIX = "keys-"


@dataclass(frozen=True, slots=True)
class SealedKeys:
    """One sealed copy: its file and what its note beside it says; `identity` is wrapped under `root`."""

    file: Path
    root: str
    made_at: datetime
    identity: bytes = field(repr=False)
    sha256: str
    counts: dict[str, int]
    tenant: str
    buckets: int

    @property
    def note(self) -> Path:
        """The file of the note."""
        return self.file.with_suffix(".json")

    def text(self) -> bytes:
        """Give the note as JSON."""
        told = {
            "format": FORM,
            "root": self.root,
            "made_at": self.made_at.isoformat(timespec="milliseconds"),
            "identity": b64(self.identity),
            "sha256": self.sha256,
            "counts": self.counts,
            "tenant": self.tenant,
            "buckets": self.buckets,
        }
        return json.dumps(told, indent=1).encode() + b"\n"


@dataclass(slots=True)
class Opened:
    """What was seen in a sealed copy: rows by table, meta keys, and the key of one record if it was looked for."""

    counts: dict[str, int]
    meta: dict[str, bytes]
    key: bytes | None = None


def seal_keys(ring: KeyRing, file: Path) -> SealedKeys:
    """Write the keys store, sealed, to a new file with its note beside it; both on the disk before this returns.

    The root is read before the rows: a change of it in between makes a copy that does not open, and `check` says so.
    """
    root, _ = ring.rooted()
    identity = pyrage.x25519.Identity.generate()
    counts: dict[str, int] = {}
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with private(file) as out:
        hashed = Hashed(out)
        pyrage.encrypt_io(Pieces(dump(ring.store, counts)), hashed, [identity.to_public()])
    wrapped = ring.root.wrap(root, str(identity).encode(), _aad(file.stem, root))
    made = SealedKeys(file, root, ring.now(), wrapped, hashed.hexdigest(), counts, ring.tenant, ring.buckets)
    _write_note(made)
    return made


def copy_sealed(made: SealedKeys, folder: Path) -> SealedKeys:
    """Copy a sealed file and its note to another folder."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    there = SealedKeys(
        folder / made.file.name, made.root, made.made_at, made.identity, made.sha256, made.counts, made.tenant, made.buckets
    )
    with private(there.file) as out:
        for piece in pieces_of(made.file):
            out.write(piece)
    _write_note(there)
    return there


def read_note(file: Path) -> SealedKeys:
    """Read the note beside a sealed file; raises BackupUnreadableError."""
    try:
        told = json.loads(file.with_suffix(".json").read_bytes())
        if told["format"] != FORM:
            raise BackupUnreadableError
        made_at, identity = moment(told["made_at"]), unb64(told["identity"])
        counts, buckets = dict(told["counts"]), int(told["buckets"])
        return SealedKeys(file, told["root"], made_at, identity, told["sha256"], counts, told["tenant"], buckets)
    except (OSError, ValueError, KeyError, TypeError):
        raise BackupUnreadableError from None


def sealed_in(folder: Path) -> list[SealedKeys]:
    """List the sealed copies in a folder, oldest first; what is no whole copy is left out."""
    found: list[SealedKeys] = []
    for path in sorted(folder.glob(f"{PREFIX}*.age")):
        try:
            found.append(read_note(path))
        except BackupUnreadableError:
            continue
    return sorted(found, key=lambda one: one.made_at)


def opened(made: SealedKeys, root: RootProvider) -> Iterator[bytes]:
    """Stream the content of a sealed copy; raises RootError when its root is gone, BackupUnreadableError when it changed."""
    secret = root.unwrap(made.root, made.identity, _aad(made.file.stem, made.root))
    identity = pyrage.x25519.Identity.from_str(secret.decode("ascii"))
    intact(made.file, made.sha256)
    with made.file.open("rb") as source:
        yield from _decrypted(source, identity)


def _decrypted(source: BinaryIO, identity: Any) -> Iterator[bytes]:
    """Decrypt beside the reader, through a bounded queue: age pushes what the caller pulls."""
    pieces: queue.Queue[bytes | None] = queue.Queue(maxsize=64)
    ended, failed = threading.Event(), list[bool]()

    class Sink(io.RawIOBase):
        def writable(self) -> bool:
            return True

        def write(self, piece: Any) -> int:
            while not ended.is_set():
                with contextlib.suppress(queue.Full):
                    pieces.put(bytes(piece), timeout=0.1)
                    return len(piece)
            raise OSError("nobody reads")

    def push() -> None:
        try:
            pyrage.decrypt_io(source, Sink(), [identity])
        except Exception:  # age's own errors and those of the file; told to the reader below
            failed.append(True)
        while not ended.is_set():
            with contextlib.suppress(queue.Full):
                pieces.put(None, timeout=0.1)
                break

    thread = threading.Thread(target=push, name="upheld-unseal", daemon=True)
    thread.start()
    try:
        while (piece := pieces.get()) is not None:
            yield piece
    finally:
        ended.set()
        thread.join()
    if failed:
        raise BackupUnreadableError("A sealed copy of the keys does not open.")


def check(made: SealedKeys, root: RootProvider, wanted: tuple[bytes, str] | None = None) -> Opened:
    """Open a sealed copy whole: compare its rows with its note, unwrap every bucket and meta key.

    `wanted` names the subject and shred class whose key is given back. Raises RootError or BackupUnreadableError.
    """
    counts, meta, found = dict[str, int](), dict[str, bytes](), b""
    bucket: Bucket | None = None
    number = bucket_of(wanted[0], made.buckets) if wanted else -1
    for table, columns, row in rows_in(unpacked(opened(made, root)), "keys"):
        counts.setdefault(table, 0)
        if row is None:
            continue
        counts[table] += 1
        cells = dict(zip(columns, row, strict=True))
        if table == "key_state" and cells["root"] != made.root:
            raise BackupUnreadableError("The root changed while the keys were copied.")
        if table == "key_bucket":
            opened_key = root.unwrap(made.root, _raw(cells["wrapped"]), bucket_aad(cells["number"], made.root))
            bucket = Bucket(number, opened_key) if cells["number"] == number else bucket
        elif table == "key_meta":
            meta[cells["name"]] = root.unwrap(made.root, _raw(cells["wrapped"]), meta_aad(cells["name"], made.root))
        elif table == "key_dek" and wanted == (_raw(cells["subject"]), cells["class"]):
            found = _raw(cells["wrapped"])
    if counts != made.counts or counts["key_bucket"] != made.buckets:
        raise BackupUnreadableError("A sealed copy of the keys lacks rows.")
    if wanted is None or bucket is None or not found:
        return Opened(counts, meta)
    return Opened(counts, meta, unwrap(bucket.keys, found, dek_aad(made.tenant, *wanted)))


def delete_older(folder: Path, root: str, newest: SealedKeys | None = None) -> int:
    """Delete the sealed copies made under another root, and half-written ones; gives how many files went.

    With `newest` every other copy goes too.
    """
    kept = {one.file for one in sealed_in(folder) if one.root == root and (newest is None or one.file == newest.file)}
    gone = 0
    for path in [*folder.glob(f"{PREFIX}*.age"), *folder.glob(f"{PREFIX}*.json")]:
        if path.with_suffix(".age") not in kept:
            path.unlink(missing_ok=True)
            gone += 1
    if gone:
        sync_folder(folder)
    return gone


def under_lost_root(made: SealedKeys, root: RootProvider) -> bool:
    """Say whether the root of a sealed copy is gone, so that nothing opens it."""
    try:
        root.unwrap(made.root, made.identity, _aad(made.file.stem, made.root))
    except RootError:
        return True
    return False


class Pieces(io.RawIOBase):
    """A generator of bytes as a file to read."""

    def __init__(self, source: Iterable[bytes]) -> None:
        """Read from `source`."""
        self._source = iter(source)
        self._rest = b""

    def readable(self) -> bool:
        """Say yes."""
        return True

    def read(self, size: int = -1) -> bytes:
        """Give up to `size` bytes; empty at the end."""
        while not self._rest:
            piece = next(self._source, None)
            if piece is None:
                return b""
            self._rest = piece
        size = len(self._rest) if size < 0 else size
        given, self._rest = self._rest[:size], self._rest[size:]
        return given


class Hashed(io.RawIOBase):
    """A file to write that knows the SHA-256 of what went through."""

    def __init__(self, out: BinaryIO) -> None:
        """Write to `out`."""
        self._out = out
        self._hash = hashlib.sha256()

    def writable(self) -> bool:
        """Say yes."""
        return True

    def write(self, piece: Any) -> int:
        """Write on."""
        self._hash.update(piece)
        return self._out.write(piece)

    def hexdigest(self) -> str:
        """Give the SHA-256 so far."""
        return self._hash.hexdigest()


class private:  # noqa: N801 - reads as a word in `with`
    """Open a new file of mode 0600 for writing; on the disk at the end."""

    def __init__(self, file: Path) -> None:
        """Name the file."""
        self._file = file

    def __enter__(self) -> BinaryIO:
        fd = os.open(self._file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        self._out = os.fdopen(fd, "wb")
        return self._out

    def __exit__(self, kind: object, *_: object) -> None:
        self._out.flush()
        os.fsync(self._out.fileno())
        self._out.close()
        sync_folder(self._file.parent)


def _write_note(made: SealedKeys) -> None:
    draft = made.note.with_suffix(".part")
    with private(draft) as out:
        out.write(made.text())
    draft.rename(made.note)
    sync_folder(made.note.parent)


def _aad(name: str, root: str) -> bytes:
    return lp("keys-backup", name, root)


def _raw(text: str) -> bytes:
    return base64.b64decode(text)


def name_of(now: datetime, random: Callable[[int], bytes]) -> str:
    """Give the name of a new sealed copy."""
    return f"{PREFIX}{now:%Y%m%dT%H%M%S}-{random(4).hex()}.age"
