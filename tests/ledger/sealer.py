"""A sealer for ledger tests: one random-looking key per (subject, class), which a test can destroy."""

from __future__ import annotations

import hmac
from dataclasses import dataclass, field

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM


@dataclass
class KeysInMemory:
    keys: dict[tuple[bytes | None, str], bytes] = field(default_factory=dict)
    made: int = 0

    def seal_body(self, entry_id, subject, shred_class, body):
        self.made += 1
        key = self.keys.setdefault((subject, shred_class), self.made.to_bytes(32, "big"))
        salt, nonce = self._derived(key, entry_id)
        return salt, AESGCM(key).encrypt(nonce, body, entry_id)

    def open_body(self, entry_id, subject, shred_class, sealed):
        key = self.keys.get((subject, shred_class))
        if key is None:
            return None
        salt, nonce = self._derived(key, entry_id)
        try:
            return salt, AESGCM(key).decrypt(nonce, sealed, entry_id)
        except InvalidTag:
            raise ValueError("changed") from None

    @staticmethod
    def _derived(key, entry_id):
        return (
            hmac.digest(key, b"s" + entry_id, "sha256")[:16],
            hmac.digest(key, b"n" + entry_id, "sha256")[:12],
        )
