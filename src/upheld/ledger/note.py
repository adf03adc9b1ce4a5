"""Signed checkpoints as C2SP notes: a short text that commits to the whole log, with Ed25519 signatures below it."""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

_ED25519 = b"\x01"
_DASH = "\u2014 "


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A log `origin` held `size` entries with this tree root; `note` is the signed text, empty when unsigned."""

    origin: str
    size: int
    root: bytes
    note: str = field(default="", compare=False)

    def text(self) -> str:
        """Give the three lines that are signed."""
        return f"{self.origin}\n{self.size}\n{base64.b64encode(self.root).decode('ascii')}\n"


@dataclass(frozen=True, slots=True)
class Signer:
    """The signing key of a log; its name is the log's origin."""

    origin: str
    seed: bytes = field(repr=False)

    def public(self) -> bytes:
        """Give the 32 bytes of the public key."""
        return Ed25519PrivateKey.from_private_bytes(self.seed).public_key().public_bytes_raw()

    def vkey(self) -> str:
        """Give the verifier key as one line: name, key id, algorithm and public key."""
        public = self.public()
        tail = base64.b64encode(_ED25519 + public).decode("ascii")
        return f"{self.origin}+{key_id(self.origin, public).hex()}+{tail}"

    def line(self, text: str) -> str:
        """Give the signature line under `text`."""
        signature = Ed25519PrivateKey.from_private_bytes(self.seed).sign(text.encode())
        marked = base64.b64encode(key_id(self.origin, self.public()) + signature).decode("ascii")
        return f"{_DASH}{self.origin} {marked}\n"


def key_id(name: str, public: bytes, kind: bytes = _ED25519) -> bytes:
    """Give the four bytes by which a note names its key."""
    return hashlib.sha256(name.encode() + b"\n" + kind + public).digest()[:4]


def sign_checkpoint(checkpoint: Checkpoint, signers: Sequence[Signer]) -> str:
    """Give the note of a checkpoint, one signature line per signer (two while a key is being changed)."""
    text = checkpoint.text()
    return text + "\n" + "".join(signer.line(text) for signer in signers)


def note_key(vkey: str) -> tuple[str, bytes, Ed25519PublicKey]:
    """Read a verifier key into (name, key id, public key); raises ValueError when it contradicts itself."""
    name, _, rest = vkey.strip().partition("+")
    hex_id, _, tail = rest.partition("+")
    try:
        raw = base64.b64decode(tail, validate=True)
        found = bytes.fromhex(hex_id)
    except (ValueError, binascii.Error):
        raise ValueError("this is no verifier key") from None
    if raw[:1] != _ED25519 or len(raw) != 33 or found != key_id(name, raw[1:]):
        raise ValueError("this is no Ed25519 verifier key")
    return name, found, Ed25519PublicKey.from_public_bytes(raw[1:])


def open_note(note: str, vkeys: Iterable[str]) -> Checkpoint:
    """Read a note and check that a known key signed it; raises ValueError with the reason when not."""
    text, checkpoint, lines = _parse(note)
    keys = [note_key(vkey) for vkey in vkeys]
    verified = 0
    for line in lines:
        name, raw = _signature(line)
        for known, found, public in keys:
            if (known, found) == (name, raw[:4]):
                try:
                    public.verify(raw[4:], text.encode())
                except InvalidSignature:
                    raise ValueError("a signature of a known key does not match") from None
                verified += 1
    if not verified:
        raise ValueError("no known key signed this checkpoint")
    return checkpoint


def read_note(note: str) -> Checkpoint:
    """Read a note without looking at its signatures; raises ValueError when it is no checkpoint."""
    return _parse(note)[1]


def _parse(note: str) -> tuple[str, Checkpoint, list[str]]:
    head, gap, tail = note.rpartition("\n\n")
    lines = head.split("\n")
    if not gap or len(lines) != 3 or not tail.endswith("\n") or not lines[0]:
        raise ValueError("this is no checkpoint of three lines")
    origin, size, root = lines
    if not (size.isascii() and size.isdigit()) or (size != "0" and size.startswith("0")):
        raise ValueError("the size is no plain number")
    try:
        raw = base64.b64decode(root, validate=True)
    except binascii.Error:
        raise ValueError("the root is no base64") from None
    if len(raw) != 32 or base64.b64encode(raw).decode("ascii") != root:
        raise ValueError("the root is no SHA-256 hash")
    return head + "\n", Checkpoint(origin, int(size), raw, note), tail[:-1].split("\n")


def _signature(line: str) -> tuple[str, bytes]:
    name, gap, encoded = line.removeprefix(_DASH).rpartition(" ")
    if not line.startswith(_DASH) or not gap or not name:
        raise ValueError("a signature line is malformed")
    try:
        raw = base64.b64decode(encoded, validate=True)
    except binascii.Error:
        raise ValueError("a signature is no base64") from None
    if len(raw) < 5 or base64.b64encode(raw).decode("ascii") != encoded:
        raise ValueError("a signature is too short or loosely spelled")
    return name, raw
