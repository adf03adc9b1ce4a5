"""The root key: 32 bytes that open all other keys, kept apart from both stores and from their backups."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal, Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from upheld.db import Clock
from upheld.records.model import RecordsError

_FORM = b"\x01"
WORTH = "overwriting is not guaranteed on SSD, copy-on-write or snapshotted disks"


@dataclass(frozen=True, slots=True)
class Destroyed:
    """What a provider says of a destroyed root: done or scheduled, from when (UTC), and what that is worth."""

    status: Literal["done", "scheduled"]
    effective_at: datetime
    guarantee: str


class RootError(RecordsError):
    """The root key is missing, open to others, or does not fit the store."""

    code = "root_key"
    next_step = "Put the root key back with mode 0600 in its own folder; without it no record opens."


class RootProvider(Protocol):
    """Keeps roots; the stores hold only what a root wrapped."""

    def current(self) -> str:
        """Give the id of the living root; raises RootError when there is none."""
        ...

    def create_next(self) -> str:
        """Make a root, read it back, and give its id."""
        ...

    def wrap(self, root: str, plain: bytes, aad: bytes) -> bytes:
        """Seal bytes under a root."""
        ...

    def unwrap(self, root: str, wrapped: bytes, aad: bytes) -> bytes:
        """Open bytes sealed by `wrap`; raises RootError when they do not open."""
        ...

    def destroy(self, root: str) -> Destroyed:
        """Destroy a root."""
        ...

    def forget(self, root: str) -> None:
        """Drop from memory what is known of a root that is no longer in use."""
        ...

    def list(self) -> list[str]:
        """List the ids of the roots there are, oldest first."""
        ...


class FileRoot:
    """Roots as files of mode 0600 in a folder of their own."""

    def __init__(self, folder: Path, clock: Clock, random: Callable[[int], bytes] = os.urandom) -> None:
        """Use `folder`, made with mode 0700 if it is missing."""
        self._folder = folder
        self._clock = clock
        self._random = random
        self._cache: dict[str, AESGCM] = {}
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)

    def list(self) -> list[str]:
        """List the ids of the roots there are, oldest first."""
        found = [path.stem for path in self._folder.glob("root-*.key")]
        return sorted(found, key=lambda name: int(name.removeprefix("root-")))

    def current(self) -> str:
        """Give the id of the newest root."""
        roots = self.list()
        if not roots:
            raise RootError
        return roots[-1]

    def create_next(self) -> str:
        """Write 32 random bytes to a new file, on the disk before this returns."""
        roots = self.list()
        number = int(roots[-1].removeprefix("root-")) + 1 if roots else 1
        name = f"root-{number}"
        write_new(self._path(name), self._random(32))
        self._cipher(name)
        return name

    def wrap(self, root: str, plain: bytes, aad: bytes) -> bytes:
        """Seal bytes under a root."""
        nonce = self._random(12)
        return _FORM + nonce + self._cipher(root).encrypt(nonce, plain, aad)

    def unwrap(self, root: str, wrapped: bytes, aad: bytes) -> bytes:
        """Open bytes sealed by `wrap`."""
        try:
            return self._cipher(root).decrypt(wrapped[1:13], wrapped[13:], aad)
        except InvalidTag:
            raise RootError("The root key does not open this store's keys.") from None

    def destroy(self, root: str) -> Destroyed:
        """Overwrite and remove the file; says plainly what that is worth."""
        path = self._path(root)
        self._cache.pop(root, None)
        if path.exists():
            with path.open("r+b") as file:
                file.write(bytes(32))
                file.flush()
                os.fsync(file.fileno())
            path.unlink()
            sync_folder(self._folder)
        return Destroyed("done", self._clock.now(), WORTH)

    def forget(self, root: str) -> None:
        """Drop a root from memory."""
        self._cache.pop(root, None)

    def _path(self, root: str) -> Path:
        return self._folder / f"{root}.key"

    def _cipher(self, root: str) -> AESGCM:
        cached = self._cache.get(root)
        if cached is not None:
            return cached
        path = self._path(root)
        if not path.is_file():
            raise RootError(f"The root key {root} is not there.")
        if path.stat().st_mode & 0o077:
            raise RootError("The root key may be read by others; its mode must be 0600.")
        raw = path.read_bytes()
        if len(raw) != 32:
            raise RootError("The root key is not 32 bytes long.")
        cipher = self._cache[root] = AESGCM(raw)
        return cipher


def write_new(path: Path, content: bytes) -> None:
    """Write a file of mode 0600 that is there whole, and on the disk, or not at all; raises RootError when it is there."""
    draft = path.with_name(f".{path.name}.{os.getpid()}-{threading.get_ident()}")
    fd = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(fd, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    try:
        os.link(draft, path)
    except FileExistsError:
        raise RootError("Another process made the same root key.", permanent=False) from None
    finally:
        draft.unlink()
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Let the names in a folder be on the disk."""
    fd = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
