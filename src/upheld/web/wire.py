"""The wire: JSON read strictly, so that what is acted on is exactly what was sent.

Refused are: bytes that are no JSON, a member named twice, nesting beyond 16 levels, numbers that JSON does not
have, half a surrogate pair, members that the shape does not know, values of another type.
"""

from __future__ import annotations

import json
import re
from typing import Any, NoReturn, TypeVar

import msgspec

from upheld.web.refusals import Refusal

T = TypeVar("T")

MAX_BODY = 64 * 1024
MAX_DEPTH = 16
_STRING = re.compile(rb'"(?:[^"\\]|\\.)*"', re.DOTALL)
_BRACKET = re.compile(rb"[\[\]{}]")
_PLACE = re.compile(r"at `\$([A-Za-z0-9_.\[\]]*)`")
_REQUIRED = re.compile(r"missing required field `(\w+)`")
_HALF = re.compile("[\ud800-\udfff]")
_WIRE = "policy"


class Closed(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Base of every body that a program may send: members that are not declared are refused."""


def decode(raw: bytes, shape: type[T]) -> T:
    """Read a body into `shape` with exact types; raises Refusal with a code for each way it can be wrong."""
    tree = parse(raw)
    try:
        return msgspec.convert(tree, shape, strict=True)
    except msgspec.ValidationError as error:
        _refuse(str(error))


def parse(raw: bytes) -> Any:
    """Read JSON into plain values; raises Refusal `too_large`, `too_deep`, `member_twice` or `malformed`."""
    if len(raw) > MAX_BODY:
        raise Refusal("too_large", _WIRE)
    if depth_of(raw) > MAX_DEPTH:
        raise Refusal("too_deep", _WIRE)
    try:
        text = raw.decode("utf-8")
        tree = _DECODER.decode(text)
    except (ValueError, RecursionError):
        raise Refusal("malformed", _WIRE) from None
    if "\\u" in text and _has_half(tree):
        raise Refusal("malformed", _WIRE)
    return tree


def depth_of(raw: bytes) -> int:
    """Give the deepest nesting of brackets outside strings."""
    if raw.count(b"[") + raw.count(b"{") <= MAX_DEPTH:
        return 0  # too few brackets to be too deep: the ordinary body is not walked
    deepest = level = 0
    for bracket in _BRACKET.findall(_STRING.sub(b"", raw)):
        level += 1 if bracket in b"[{" else -1
        deepest = max(deepest, level)
    return deepest


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise Refusal("member_twice", _WIRE)
    return members


def _no_number(_name: str) -> NoReturn:
    raise ValueError("not a number of JSON")


_DECODER = json.JSONDecoder(object_pairs_hook=_members, parse_constant=_no_number)


def _has_half(tree: Any) -> bool:
    """Say whether a text holds half a surrogate pair, which has no UTF-8 form and cannot be stored or signed."""
    if isinstance(tree, str):
        return _HALF.search(tree) is not None
    if isinstance(tree, dict):
        return any(_has_half(key) or _has_half(value) for key, value in tree.items())
    return isinstance(tree, list) and any(map(_has_half, tree))


def _refuse(message: str) -> NoReturn:
    """Name the place in the shape's own words; the decoder's message may quote the caller and goes no further."""
    if "unknown field" in message:
        raise Refusal("member_unknown", _WIRE) from None
    place = _PLACE.search(message)
    missing = _REQUIRED.search(message)
    parts = [place[1].strip(".") if place else "", missing[1] if missing else ""]
    path = ".".join(part for part in parts if part)
    raise Refusal("value_invalid", _WIRE, fields=(path,) if path else ()) from None
