"""The root under a key management service: 32 random bytes, wrapped by a version of its key that belongs to them alone."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from upheld.db import Clock, lp
from upheld.records.kms.client import KmsClient
from upheld.records.root import Destroyed, RootError, sync_folder, write_new

_FORM = b"\x01"
PREFIX = "kms-"


class KmsRoot:
    """Roots as wrapped files beside a key management service: the file opens only while its version of the key lives.

    The service is asked once per root and start. An old copy of a file opens nothing once the version is gone.
    """

    def __init__(
        self, client: KmsClient, folder: Path, clock: Clock, random: Callable[[int], bytes] = os.urandom
    ) -> None:
        """Keep wrapped roots in `folder`, made with mode 0700 if it is missing."""
        self._client = client
        self._folder = folder
        self._clock = clock
        self._random = random
        self._cache: dict[str, AESGCM] = {}
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)

    def list(self) -> list[str]:
        """List the ids of the roots there are, oldest first; ids are the numbers of the key's versions."""
        found = [path.stem for path in self._folder.glob(f"{PREFIX}*.wrapped")]
        return sorted(found, key=_number)

    def current(self) -> str:
        """Give the id of the newest root."""
        roots = self.list()
        if not roots:
            raise RootError
        return roots[-1]

    def create_next(self) -> str:
        """Make a version of the key, wrap 32 random bytes under it, and open them again before this returns."""
        number = self._client.make()
        root, plain = f"{PREFIX}{number}", self._random(32)
        wrapped = self._client.wrap(number, plain, _aad(root))
        if self._client.unwrap(wrapped, _aad(root)) != plain:
            raise RootError("The key management service gave back another root.")
        write_new(self._path(root), wrapped)
        return root

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
        """Let the version open nothing from now on, then remove the wrapped file; says when the service is done with it."""
        version = self._client.destroy(_number(root))
        self.forget(root)
        self._path(root).unlink(missing_ok=True)
        sync_folder(self._folder)
        gone_at = version.gone_at or self._clock.now()
        if gone_at <= self._clock.now():
            return Destroyed("done", gone_at, "the version of the wrapping key is destroyed")
        worth = "disabled at once; until then an administrator of the service may take the destruction back"
        return Destroyed("scheduled", gone_at, worth)

    def forget(self, root: str) -> None:
        """Drop a root from memory."""
        self._cache.pop(root, None)

    def _path(self, root: str) -> Path:
        return self._folder / f"{root}.wrapped"

    def _cipher(self, root: str) -> AESGCM:
        cached = self._cache.get(root)
        if cached is None:
            path = self._path(root)
            if not path.is_file():
                raise RootError(f"The root key {root} is not there.")
            cached = self._cache[root] = AESGCM(self._client.unwrap(path.read_bytes(), _aad(root)))
        return cached


def _number(root: str) -> int:
    return int(root.removeprefix(PREFIX))


def _aad(root: str) -> bytes:
    return lp("root", root)
