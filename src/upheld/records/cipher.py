"""Sealing: AES-256-GCM with everything that decides a record's use bound into it; keys are passed in."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from hashlib import sha256

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


_INNER, _OUTER = (bytes(byte ^ pad for byte in range(256)) for pad in (0x36, 0x5C))
_LENGTHS = tuple(length.to_bytes(2, "big") for length in range(1024))
"""How `lp` spells lengths; subjects and items are short, and anything longer is an error of ours."""


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
        return self._head + _LENGTHS[len(subject)] + subject + _LENGTHS[len(item)] + item + self._tail

    def unsealed(
        self, ciphers: Sequence[AESGCM], subjects: Sequence[bytes], items: Sequence[bytes], sealed: Sequence[bytes]
    ) -> list[bytes]:
        """Open many of this place, each with its own cipher as `unseal` does; raises BrokenSealError."""
        found, head, tail = list[bytes](), self._head, self._tail
        try:
            for cipher, subject, item, one in zip(ciphers, subjects, items, sealed, strict=True):
                if one[:1] != FORM or len(one) < SEAL:
                    raise BrokenSealError
                told = head + _LENGTHS[len(subject)] + subject + _LENGTHS[len(item)] + item + tail
                found.append(cipher.decrypt(one[1:13], one[13:], told))
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


class Keyed:
    """HMAC-SHA256 under one key for many short texts: both halves of the key are hashed once, not for each text."""

    __slots__ = ("_inner", "_outer")

    def __init__(self, key: bytes) -> None:
        """Hash the key's halves; `key` has 32 bytes."""
        block = key.ljust(64, b"\0")
        self._inner, self._outer = sha256(block.translate(_INNER)), sha256(block.translate(_OUTER))

    def of(self, text: bytes) -> bytes:
        """Give the 32 bytes of a text."""
        inner, outer = self._inner.copy(), self._outer.copy()
        inner.update(text)
        outer.update(inner.digest())
        return outer.digest()


class DataKey:
    """One data key and its four subkeys, each made when first needed: record, body, salt, nonce."""

    __slots__ = ("_body", "_key", "_nonce", "_record", "_salt")
    _salt: Keyed
    _nonce: Keyed

    def __init__(self, key: bytes) -> None:
        """Hold the key."""
        self._key = key
        self._record: AESGCM | None = None
        self._body: AESGCM | None = None

    def record(self) -> AESGCM:
        """Give the cipher of records."""
        if self._record is None:
            self._record = AESGCM(derive(self._key, "record"))
        return self._record

    def body(self, entry_id: bytes) -> tuple[AESGCM, bytes, bytes]:
        """Give cipher, salt and nonce of the body of one ledger entry; a body is written once, so is its nonce."""
        if self._body is None:
            self._salt, self._nonce = Keyed(derive(self._key, "salt")), Keyed(derive(self._key, "nonce"))
            self._body = AESGCM(derive(self._key, "body"))
        return self._body, self._salt.of(entry_id)[:16], self._nonce.of(entry_id)[:12]
