"""Records as the specification gives them: generator A, where all attributes hang together, and B, where none do."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from typing import NamedTuple

TTLS = (30, 10000, 12000, 14000, 16000, 18000, 20000, 22000, 24000, 1000000)
USERS = 10_000
OBJECTIONS = 100
DATA_LENGTH = 100
METADATA = ("pur", "ttl", "usr", "obj", "dec", "acl", "shr", "src", "cat")
INDEXED = ("pur", "ttl", "usr", "obj", "dec", "shr", "src")
CHANGEABLE = METADATA[1:]
"""What an update of metadata may set: TTL to CAT, one of them at a time."""


class Record(NamedTuple):
    """One record: key, nine columns of metadata, and a hundred characters of data."""

    key: str
    pur: str
    ttl: str
    usr: str
    obj: str
    dec: str
    acl: str
    shr: str
    src: str
    cat: str
    data: str


def string_hash(text: str) -> int:
    """Give the signed 32-bit hash of a text, h = 31 h + c."""
    value = 0
    for char in text:
        value = (31 * value + ord(char)) & 0xFFFFFFFF
    return value - (1 << 32) if value >> 31 else value


def data_of(number: int) -> str:
    """Give the data of a record: its number, then the hash of the text so far, again and again, cut to a hundred."""
    text = str(number)
    while len(text) < DATA_LENGTH:
        text += str(string_hash(text))
    return text[:DATA_LENGTH]


def record_a(number: int, purposes: int) -> Record:
    """Give record `number` of generator A: every attribute follows from the number."""
    tenth = number % 10
    return Record(
        f"key{number}", f"purpose{number % purposes}", str(TTLS[tenth]), f"user{number % USERS}",
        f"obj{number % OBJECTIONS}", f"dec{number % 2}", f"acl{tenth}", f"shr{tenth}", f"src{tenth}", f"cat{tenth}",
        data_of(number),
    )  # fmt: skip


class Various(NamedTuple):
    """A record of generator B: purposes, objections and recipients are several."""

    key: str
    pur: tuple[str, ...]
    ttl: str
    usr: str
    obj: tuple[str, ...]
    dec: str
    acl: str
    shr: tuple[str, ...]
    src: str
    cat: str
    data: str


def records_b(count: int, seed: int = 1, purposes: int = 25) -> Iterator[Various]:
    """Give records of generator B: independent streams of one seed; records of a person are geometric, ten on average."""
    streams = {name: random.Random(f"{seed}.{name}") for name in (*METADATA, "run")}
    weights = [1 / rank for rank in range(1, purposes + 1)]
    person, left = -1, 0
    for number in range(count):
        if not left:
            person, left = person + 1, _geometric(streams["run"], 10)
        left -= 1
        pur = _some(streams["pur"], "purpose", purposes, streams["pur"].randint(1, 4), weights)
        obj = _some(streams["obj"], "obj", OBJECTIONS, streams["obj"].randint(0, 3))
        shr = _some(streams["shr"], "shr", 10, streams["shr"].randint(0, 3))
        ttl = streams["ttl"].choices(TTLS, [1] * 10)[0]
        one = {name: f"{name}{streams[name].randrange(2 if name == 'dec' else 10)}" for name in ("dec", "acl", "src", "cat")}
        yield Various(
            f"key{number}", pur, str(ttl), f"user{person}", obj, one["dec"], one["acl"], shr, one["src"], one["cat"],
            data_of(number),
        )  # fmt: skip


def _geometric(dice: random.Random, mean: int) -> int:
    return 1 + int(math.log(1 - dice.random()) / math.log(1 - 1 / mean))


def _some(
    dice: random.Random, word: str, among: int, count: int, weights: list[float] | None = None
) -> tuple[str, ...]:
    """Draw different values, the heavier ones more often."""
    drawn: dict[int, None] = {}
    while len(drawn) < count:
        drawn[dice.choices(range(among), weights)[0]] = None
    return tuple(f"{word}{number}" for number in sorted(drawn))
