"""A witness: cosigns a log's checkpoints as long as each is the continuation of the last one it saw (C2SP tlog-witness).

It runs elsewhere, in other hands, and knows nothing but the log's public key. With it the operator cannot rewrite the
log and sign it again unseen.
"""

from __future__ import annotations

import base64
import fcntl
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from upheld.db import Clock
from upheld.ledger.kept import write_whole
from upheld.ledger.note import Checkpoint, key_id, note_key, open_note, read_note
from upheld.ledger.tree import EMPTY_ROOT, verify_consistency

COSIGNATURE = b"\x04"
"""The key type of a cosignature, first byte of the public key in a note's key line."""

MOST_HASHES = 63
"""The file of a data folder that keeps what a witness signed last."""

_DASH = "\u2014 "


class WitnessRefusal(Exception):  # noqa: N818 - an answer of the protocol, not a failure
    """The witness does not cosign; `status` is the protocol's answer, `size` what it saw last where that is the reason."""

    def __init__(self, status: int, told: str, size: int | None = None) -> None:
        """Keep the parts of the answer."""
        super().__init__(told)
        self.status = status
        self.size = size


@dataclass(frozen=True, slots=True)
class Cosigner:
    """The key of a witness; `name` stands on its signature lines, without blanks and plus signs."""

    name: str
    seed: bytes = field(repr=False)

    def public(self) -> bytes:
        """Give the 32 bytes of the public key."""
        return Ed25519PrivateKey.from_private_bytes(self.seed).public_key().public_bytes_raw()

    def vkey(self) -> str:
        """Give the verifier key as one line."""
        public = self.public()
        tail = base64.b64encode(COSIGNATURE + public).decode("ascii")
        return f"{self.name}+{key_id(self.name, public, COSIGNATURE).hex()}+{tail}"

    def line(self, text: str, at: int) -> str:
        """Give the signature line under a checkpoint's text, made at `at` seconds since 1970."""
        signature = Ed25519PrivateKey.from_private_bytes(self.seed).sign(_message(text, at))
        told = key_id(self.name, self.public(), COSIGNATURE) + at.to_bytes(8, "big") + signature
        return f"{_DASH}{self.name} {base64.b64encode(told).decode('ascii')}\n"


def cosigned_at(note: str, line: str, vkey: str) -> int:
    """Give when a witness cosigned a checkpoint, in seconds since 1970; raises ValueError unless its key did."""
    name, hex_id, tail = vkey.strip().split("+", 2)
    public = base64.b64decode(tail, validate=True)
    head, gap, encoded = line.removeprefix(_DASH).strip().rpartition(" ")
    raw = base64.b64decode(encoded, validate=True)
    plain = base64.b64encode(raw).decode("ascii") == encoded
    if public[:1] != COSIGNATURE or not gap or head != name or raw[:4].hex() != hex_id or len(raw) != 76 or not plain:
        raise ValueError("this is no cosignature of the witness")
    at = int.from_bytes(raw[4:12], "big")
    try:
        Ed25519PublicKey.from_public_bytes(public[1:]).verify(raw[12:], _message(read_note(note).text(), at))
    except InvalidSignature:
        raise ValueError("the cosignature does not match") from None
    return at


def told_at(line: str) -> datetime:
    """Give the time that stands in a cosignature line, UTC, unchecked."""
    raw = base64.b64decode(line.rpartition(" ")[2])
    return datetime.fromtimestamp(int.from_bytes(raw[4:12], "big"), UTC)


def _message(text: str, at: int) -> bytes:
    return f"cosignature/v1\ntime {at}\n{text}".encode()


class Witness:
    """Remembers of each log the last checkpoint it cosigned, in one file. Safe to share between threads and processes."""

    def __init__(self, file: Path, cosigner: Cosigner, vkeys: Sequence[str], clock: Clock) -> None:
        """Watch the logs whose keys are given; what was seen of them stands in `file`."""
        self._file = file
        self._cosigner = cosigner
        self._vkeys = {note_key(vkey)[0]: vkey for vkey in vkeys}
        self._clock = clock

    def add_checkpoint(self, request: str) -> str:
        """Take `old N`, a consistency proof, a blank line and a note, and give the cosignature line.

        What was seen is on the disk before this returns. Raises WitnessRefusal with the protocol's status.
        """
        old, proof, note = _read(request)
        try:
            origin = read_note(note).origin
        except ValueError as error:
            raise WitnessRefusal(400, str(error)) from None
        if origin not in self._vkeys:
            raise WitnessRefusal(404, "no log of this name is watched")
        try:
            new = open_note(note, [self._vkeys[origin]])
        except ValueError as error:
            raise WitnessRefusal(403, str(error)) from None
        if old > new.size:
            raise WitnessRefusal(400, "the old size is above the new one")
        with self._alone():
            self._accept(old, proof, new)
        return self._cosigner.line(new.text(), int(self._clock.now().timestamp()))

    def _accept(self, old: int, proof: Sequence[bytes], new: Checkpoint) -> None:
        seen = self.seen()
        size, root = seen.get(new.origin, (0, EMPTY_ROOT))
        if new.size == 0 and new.root != EMPTY_ROOT:
            raise WitnessRefusal(422, "an empty log has the empty root")
        if old != size or (old == new.size and new.root != root):
            raise WitnessRefusal(409, "another checkpoint was seen last", size)
        if not verify_consistency(old, new.size, root, new.root, proof):
            raise WitnessRefusal(422, "the new log does not begin with the old one")
        seen[new.origin] = (new.size, new.root)
        told = {origin: [at, base64.b64encode(value).decode("ascii")] for origin, (at, value) in seen.items()}
        write_whole(self._file, json.dumps(told, indent=1))

    def seen(self) -> dict[str, tuple[int, bytes]]:
        """Give the last size and root of each log."""
        if not self._file.exists():
            return {}
        told: dict[str, Any] = json.loads(self._file.read_text("utf-8"))
        return {origin: (int(size), base64.b64decode(root)) for origin, (size, root) in told.items()}

    @contextmanager
    def _alone(self) -> Iterator[None]:
        self._file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with self._file.with_name(self._file.name + ".lock").open("w") as held:
            fcntl.flock(held, fcntl.LOCK_EX)
            yield


def asked(old: int, proof: Sequence[bytes], note: str) -> str:
    """Write the request to a witness that saw the first `old` entries last."""
    hashes = "".join(base64.b64encode(step).decode("ascii") + "\n" for step in proof)
    return f"old {old}\n{hashes}\n{note}"


def _read(request: str) -> tuple[int, list[bytes], str]:
    head, gap, note = request.partition("\n\n")
    first, *hashes = head.split("\n")
    word, _, number = first.partition(" ")
    try:
        proof = [base64.b64decode(step, validate=True) for step in hashes]
        old = int(number)
    except ValueError:
        raise WitnessRefusal(400, "the request is not in the protocol's form") from None
    plain = number == str(old) and old >= 0 and word == "old"
    if not gap or not plain or len(proof) > MOST_HASHES or any(len(step) != 32 for step in proof):
        raise WitnessRefusal(400, "the request is not in the protocol's form")
    return old, proof, note
