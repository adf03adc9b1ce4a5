"""Pure rules of the ledger: the leaf's form, the body's commitment, and what a receipt must satisfy."""

from __future__ import annotations

import binascii
import hashlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any

from upheld.db import b64, canonical, unb64, uuid7_time
from upheld.ledger.model import EntryId, ReceiptInvalidError, VerifiedReceipt
from upheld.ledger.note import open_note
from upheld.ledger.tree import leaf_hash, verify_inclusion

FORM = "u1"
_BEGIN = b'["u1","'
_COMMIT = b"upheld/body/v1\n"
_ID, _B = slice(7, 29), slice(-45, -2)
_PLAIN = bytes.maketrans(b"-_", b"+/")
_ACTOR = re.compile(r"self|staff:[0-9]+|key:[A-Za-z0-9_-]+|svc:[a-z_]+")
_CLAUSE = re.compile(r"country\.[A-Z]{2}|[a-z0-9_.-]+")  # a country sheet is named by its code


@lru_cache(maxsize=4096)
def check_words(clause: str, policy_version: str, actor: str) -> None:
    """Refuse words that could carry a person into a leaf; raises ValueError."""
    if not _ACTOR.fullmatch(actor):
        raise ValueError("an actor is self, staff:<number>, key:<id> or svc:<room>")
    if not _CLAUSE.fullmatch(clause):
        raise ValueError("a clause is a dotted path of the policy")
    if "@" in policy_version or len(policy_version) > 80:
        raise ValueError("a policy version is a short name or hash")


def origin_parts(origin: str) -> tuple[str, int]:
    """Give the stem of an origin and its number: a log restored from an older state goes on under the next one."""
    stem, _, number = origin.rpartition("/")
    return (stem, int(number)) if stem and number.isascii() and number.isdigit() else (origin, 1)


def next_origin(*origins: str) -> str:
    """Give the origin after the last of these, so that none that ever signed signs again."""
    stem, number = origin_parts(max(origins, key=origin_parts))
    return f"{stem}/{number + 1}"


def leaf_bytes(entry_id: bytes, kind: str, clause: str, policy_version: str, actor: str, b: bytes) -> bytes:
    """Give the canonical leaf: a JSON array of seven strings without white space."""
    words = _spelled(kind, clause, policy_version, actor)
    return b"".join((_BEGIN, b64(entry_id).encode(), b'",', words, b',"', b64(b).encode(), b'"]'))


@lru_cache(maxsize=4096)
def _spelled(*words: str) -> bytes:
    """Spell the words of a leaf, of which there are few, as they stand in its array."""
    return canonical(words)[1:-1]


def leaf_id(leaf: bytes) -> bytes:
    """Give the entry id that stands in a leaf, without reading the rest; what is no leaf gives some bytes, or none."""
    try:
        return binascii.a2b_base64(leaf[_ID].translate(_PLAIN) + b"==")
    except binascii.Error:
        return b""


def leaf_ids(leaves: Sequence[bytes]) -> list[bytes]:
    """Do as `leaf_id` for many leaves, all at once."""
    # Two letters more make each id end at a whole byte, so that one call reads all.
    spelled = b"".join([leaf[_ID] + b"AA" for leaf in leaves]).translate(_PLAIN)
    try:
        raw = binascii.a2b_base64(spelled)
    except binascii.Error:
        raw = b""
    if len(raw) != 18 * len(leaves):
        return [leaf_id(leaf) for leaf in leaves]
    return [raw[at : at + 16] for at in range(0, len(raw), 18)]


def leaf_b(leaf: bytes) -> bytes:
    """Give the commitment that stands in a leaf, without reading the rest."""
    try:
        return binascii.a2b_base64(leaf[_B].translate(_PLAIN) + b"=")
    except binascii.Error:
        return b""


def read_leaf(leaf: bytes) -> tuple[bytes, str, str, str, str, bytes]:
    """Read a leaf into id, kind, clause, policy version, actor and commitment; raises ValueError when it is none."""
    try:
        form, entry_id, kind, clause, version, actor, b = json.loads(leaf)
        read = unb64(entry_id), kind, clause, version, actor, unb64(b)
    except (TypeError, ValueError):
        raise ValueError("a stored leaf cannot be read") from None
    if form != FORM or len(read[0]) != 16:
        raise ValueError("a stored leaf cannot be read")
    return read


def pack(leaves: Iterable[bytes]) -> bytes:
    """Give leaves as one entry bundle (C2SP tlog-tiles): each behind its length in two bytes, big-endian."""
    return b"".join([len(leaf).to_bytes(2, "big") + leaf for leaf in leaves])


def unpack(bundle: bytes) -> list[bytes]:
    """Cut an entry bundle into its leaves; where it does not end with a leaf, the last one is empty."""
    found, at, end = [], 0, len(bundle)
    while at < end:
        begin = at + 2
        at = begin + (bundle[at] << 8 | bundle[at + 1]) if begin <= end else begin
        found.append(bundle[begin:at])
    if at != end:
        found[-1] = b""
    return found


def commitment(salt: bytes, body: bytes) -> bytes:
    """Give `b`, the hash that binds a body without showing it; the salt stops guessing."""
    return hashlib.sha256(_COMMIT + salt + body).digest()


def verify_receipt(receipt: Mapping[str, Any], vkey: str) -> VerifiedReceipt:
    """Check a receipt offline with the log's public key alone; raises ReceiptInvalidError naming the failed step."""
    try:
        leaf_text, n = str(receipt["leaf"]), int(receipt["n"])
        body, salt = str(receipt["body"]).encode(), unb64(str(receipt["salt"]))
        proof = [unb64(str(step)) for step in receipt["proof"]]
        words = json.loads(leaf_text)
        form, entry_id, kind, clause, version, actor, b = words
        told = json.loads(body)
        stated, entry = unb64(b), unb64(entry_id)
    except (KeyError, TypeError, ValueError):
        raise ReceiptInvalidError("The receipt is not complete or not in the expected form.") from None
    # 1. body and salt give the commitment b in the leaf
    if form != FORM or len(entry) != 16 or commitment(salt, body) != stated:
        raise ReceiptInvalidError("The body is not the one the entry was made with.")
    # 2. the checkpoint was signed by this log
    try:
        checkpoint = open_note(str(receipt["checkpoint"]), [vkey])
    except (KeyError, ValueError):
        raise ReceiptInvalidError("The checkpoint is not signed by this key.") from None
    if checkpoint.origin != vkey.strip().partition("+")[0]:
        raise ReceiptInvalidError("The checkpoint belongs to another log.")
    # 3. leaf and proof give the root of the checkpoint
    if not verify_inclusion(leaf_hash(leaf_text.encode()), n, checkpoint.size, proof, checkpoint.root):
        raise ReceiptInvalidError("The entry is not in the log that was signed.")
    return VerifiedReceipt(
        EntryId(entry), n, kind, clause, version, actor, uuid7_time(entry), told, checkpoint.origin, checkpoint.size
    )
