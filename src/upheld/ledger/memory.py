"""A sealer that keeps its keys in memory: for trying rooms out and for tests, never for people's data."""

from __future__ import annotations

import hmac
from collections.abc import Sequence

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from upheld.ledger.model import Body


class KeysInMemory:
    """Seals bodies under one key per (subject, shred class); `destroy` is final."""

    def __init__(self) -> None:
        """Start without a key."""
        self._keys: dict[tuple[bytes | None, str], bytes] = {}

    def seal_body(
        self, entry_id: bytes, subject: bytes | None, shred_class: str, body: bytes
    ) -> tuple[bytes, bytes]:
        """Give (salt, sealed body)."""
        key = self._keys.setdefault((subject, shred_class), AESGCM.generate_key(256))
        salt, nonce = _derived(key, entry_id)
        return salt, AESGCM(key).encrypt(nonce, body, entry_id)

    def seal_bodies(self, bodies: Sequence[Body]) -> list[tuple[bytes, bytes]]:
        """Do as `seal_body` for many."""
        return [self.seal_body(*one) for one in bodies]

    def open_body(
        self, entry_id: bytes, subject: bytes | None, shred_class: str, sealed: bytes
    ) -> tuple[bytes, bytes] | None:
        """Give (salt, body), None when the key was destroyed; raises ValueError when the bytes were changed."""
        key = self._keys.get((subject, shred_class))
        if key is None:
            return None
        salt, nonce = _derived(key, entry_id)
        try:
            return salt, AESGCM(key).decrypt(nonce, sealed, entry_id)
        except InvalidTag:
            raise ValueError("the sealed body was changed") from None

    def destroy(self, subject: bytes) -> None:
        """Destroy all keys of a subject."""
        self._keys = {at: key for at, key in self._keys.items() if at[0] != subject}


def _derived(key: bytes, entry_id: bytes) -> tuple[bytes, bytes]:
    salt = hmac.digest(key, b"salt" + entry_id, "sha256")[:16]
    return salt, hmac.digest(key, b"nonce" + entry_id, "sha256")[:12]
