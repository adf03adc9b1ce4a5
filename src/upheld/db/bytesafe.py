"""Exact bytes: canonical JSON, base64url and length prefixes, so that what is hashed or sealed has one form."""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

_URL = bytes.maketrans(b"+/", b"-_")
_MAX_INT = 2**53 - 1
_SURROGATE = re.compile("[\ud800-\udfff]")
_ENCODER = msgspec.json.Encoder(order="sorted")
_DECODER = msgspec.json.Decoder()
_ASTRAL = re.compile("[\U00010000-\U0010ffff]")


def b64(value: bytes) -> str:
    """Give base64url without padding."""
    return binascii.b2a_base64(value, newline=False).translate(_URL, b"=").decode("ascii")


def unb64(text: str) -> bytes:
    """Read base64url without padding; raises ValueError on any other text, also on loose end bits."""
    value = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    if b64(value) != text:
        raise ValueError("not canonical base64url")
    return value


def lp(*parts: str | bytes) -> bytes:
    """Join parts, each behind its length in two bytes, so that no two lists of parts give the same bytes."""
    out = bytearray()
    for part in parts:
        raw = part.encode() if isinstance(part, str) else part
        out += len(raw).to_bytes(2, "big") + raw
    return bytes(out)


def canonical(value: Any) -> bytes:
    """Give the one JSON form (RFC 8785) of strings, integers, booleans, arrays and objects as UTF-8.

    Raises ValueError for null, floats, integers beyond 2**53 - 1, lone surrogates and keys that are no strings:
    values without one agreed spelling.
    """
    if _ordinary(value):
        try:
            return _ENCODER.encode(value)
        except ValueError:  # the slow path names the reason without the text
            pass
    return json.dumps(_plain(value), ensure_ascii=False, separators=(",", ":")).encode()


def parse_canonical(raw: bytes) -> Any:
    """Read JSON written by `canonical`; raises ValueError on anything that is not JSON."""
    try:
        return _DECODER.decode(raw)
    except msgspec.DecodeError:  # its text may quote what was read
        raise ValueError("not JSON") from None


def _ordinary(value: Any) -> bool:
    """Say whether a value is of plain types alone, with keys whose order nobody can dispute."""
    kind = type(value)
    if kind is str or kind is bool:
        return True
    if kind is dict:
        for key, held in value.items():
            if type(key) is not str or not key.isascii() or not (type(held) is str or _ordinary(held)):
                return False
        return True
    if kind is int:
        return bool(-_MAX_INT <= value <= _MAX_INT)
    if kind is list or kind is tuple:
        return all(type(held) is str or _ordinary(held) for held in value)
    return False


def _plain(value: Any) -> Any:
    if isinstance(value, str):
        if _SURROGATE.search(value):
            raise ValueError("text with a lone surrogate has no canonical form")
        return value
    if isinstance(value, bool):
        return value
    if isinstance(value, int):
        if abs(value) > _MAX_INT:
            raise ValueError("an integer beyond 2**53 - 1 has no canonical form")
        return int(value)
    if isinstance(value, Mapping):
        return {key: _plain(value[key]) for key in _sorted_keys(value)}
    if isinstance(value, Sequence) and not isinstance(value, (bytes, bytearray)):
        return [_plain(item) for item in value]
    raise ValueError(f"a {type(value).__name__} has no canonical form")


def _sorted_keys(value: Mapping[Any, Any]) -> list[str]:
    """Sort by UTF-16 code units, which differs from code points only above U+FFFF."""
    keys: list[str] = []
    for key in value:
        if not isinstance(key, str):
            raise ValueError("an object key must be a string")  # noqa: TRY004 - one error for all that has no form
        keys.append(_plain(key))
    if any(_ASTRAL.search(key) for key in keys):
        return sorted(keys, key=lambda key: key.encode("utf-16-be"))
    return sorted(keys)
