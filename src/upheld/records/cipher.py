"""Sealing: AES-256-GCM with everything that decides a record's use bound into it; keys are passed in."""

from __future__ import annotations

import hmac
from collections.abc import Callable, Sequence

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from upheld.db import lp

FORM = b"\x01"
SCHEMA = b"\x01"
"""Version of the bound data, the last byte of it."""

SEAL = 29
"""Bytes that sealing adds: form, nonce and tag."""


class BrokenSealError(Exception):
    """Sealed bytes do not open: they, their place or their key were changed."""


def derive(key: bytes, label: str) -> bytes:
    """Derive a subkey by HKDF-SHA256."""
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=label.encode()).derive(key)


def bound(tenant: str, subject: bytes, item: bytes, place: str, situation: str = "", version: str = "") -> bytes:
    """Give the data a seal is bound to: whose, which, where it stands, and for what it was taken."""
    return lp(tenant, subject, item, place, situation, version) + SCHEMA


class Binding:
    """Gives `bound` for many items of one place, situation and version, with most of it spelled once."""

    __slots__ = ("_head", "_tail")

    def __init__(self, tenant: str, place: str, situation: str = "", version: str = "") -> None:
        """Spell what all items share."""
        self._head, self._tail = lp(tenant), lp(place, situation, version) + SCHEMA

    def of(self, subject: bytes, item: bytes) -> bytes:
        """Give the data that the seal of one item is bound to."""
        return b"".join((
            self._head, len(subject).to_bytes(2, "big"), subject, len(item).to_bytes(2, "big"), item, self._tail,
        ))  # fmt: skip

    def unsealed(
        self, ciphers: Sequence[AESGCM], subjects: Sequence[bytes], items: Sequence[bytes], sealed: Sequence[bytes]
    ) -> list[bytes]:
        """Open many of this place, each with its own cipher as `unseal` does; raises BrokenSealError."""
        of, found = self.of, list[bytes]()
        try:
            for cipher, subject, item, one in zip(ciphers, subjects, items, sealed, strict=True):
                if one[:1] != FORM or len(one) < SEAL:
                    raise BrokenSealError
                found.append(cipher.decrypt(one[1:13], one[13:], of(subject, item)))
        except InvalidTag:
            raise BrokenSealError from None
        return found


def seal(cipher: AESGCM, plain: bytes, aad: bytes, random: Callable[[int], bytes]) -> bytes:
    """Give format byte, random nonce, ciphertext and tag: 29 bytes more than `plain`."""
    nonce = random(12)
    return FORM + nonce + cipher.encrypt(nonce, plain, aad)


def seal_many(
    told: Sequence[tuple[AESGCM, bytes, bytes]], random: Callable[[int], bytes]
) -> list[bytes]:
    """Do as `seal` for many, each (cipher, plain, aad), with the random bytes of all drawn at once."""
    drawn = random(12 * len(told))
    nonces = (drawn[at : at + 12] for at in range(0, len(drawn), 12))
    return [
        FORM + nonce + cipher.encrypt(nonce, plain, aad) for nonce, (cipher, plain, aad) in zip(nonces, told, strict=True)
    ]


def unseal(cipher: AESGCM, sealed: bytes, aad: bytes) -> bytes:
    """Open what `seal` made; raises BrokenSealError."""
    if sealed[:1] != FORM or len(sealed) < SEAL:
        raise BrokenSealError
    try:
        return cipher.decrypt(sealed[1:13], sealed[13:], aad)
    except InvalidTag:
        raise BrokenSealError from None


class DataKey:
    """One data key and its four subkeys, each made when first needed: record, body, salt, nonce."""

    __slots__ = ("_body", "_key", "_nonce", "_record", "_salt")

    def __init__(self, key: bytes) -> None:
        """Hold the key."""
        self._key = key
        self._record: AESGCM | None = None
        self._body: AESGCM | None = None
        self._salt = b""
        self._nonce = b""

    def record(self) -> AESGCM:
        """Give the cipher of records."""
        if self._record is None:
            self._record = AESGCM(derive(self._key, "record"))
        return self._record

    def body(self, entry_id: bytes) -> tuple[AESGCM, bytes, bytes]:
        """Give cipher, salt and nonce of the body of one ledger entry; a body is written once, so is its nonce."""
        if self._body is None:
            self._salt, self._nonce = derive(self._key, "salt"), derive(self._key, "nonce")
            self._body = AESGCM(derive(self._key, "body"))
        salt = hmac.digest(self._salt, entry_id, "sha256")[:16]
        return self._body, salt, hmac.digest(self._nonce, entry_id, "sha256")[:12]
