"""Operations and their mixes, generated and bound before the clock starts."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from functools import cache
from typing import NamedTuple

from benchmarks.gdpr.records import CHANGEABLE, Record, record_a

THETA = 0.99
ZETA = 26.46902820178302
"""Belongs to ten thousand million items, the domain from which ranks are drawn."""

DOMAIN = 10**10


class Operation(NamedTuple):
    """One operation, bound: what it does, to which keys or values, and for an insert or a change what is written."""

    does: str
    at: str = ""
    name: str = ""
    value: str = ""
    record: Record | None = None
    lines: int = 0


MIXES: dict[str, dict[str, tuple[tuple[str, int], ...]]] = {
    "paper": {
        "controller": (("insert", 25), ("delete", 25), ("meta_by_pur", 25), ("meta_by_usr", 25)),
        "customer": (("read_by_usr", 20), ("read_meta", 20), ("update", 20), ("meta_by_key", 20), ("delete", 20)),
        "processor": (("read", 80), ("read_by_pur", 10), ("read_by_usr", 10)),
        "regulator": (("read_meta_by_usr", 46), ("logs", 31), ("verify", 23)),
    },
    "repo": {
        "controller": (("insert", 25), ("delete", 25), ("meta_by_pur", 25), ("meta_by_usr", 25)),
        "customer": (
            ("read", 20), ("read_by_pur", 10), ("read_by_usr", 10), ("update", 20), ("meta_by_pur", 10),
            ("meta_by_usr", 10), ("delete", 20),
        ),
        "processor": (("read", 20), ("read_by_pur", 40), ("read_by_usr", 40)),
    },
}  # fmt: skip
"""Shares in percent, of the paper and of the published workload files; the files have no regulator."""

UNIFORM = {("paper", "controller"), ("repo", "controller"), ("repo", "processor")}
_CHANGES = {"meta_by_pur": "pur", "meta_by_usr": "usr", "meta_by_key": "key"}
_READS = {"read_by_pur": "pur", "read_by_usr": "usr", "read_meta_by_usr": "usr"}


def fnv(value: int) -> int:
    """Hash eight little-endian bytes by 64-bit FNV-1a; gives the absolute value of the signed result."""
    hashed = 0xCBF29CE484222325
    for byte in value.to_bytes(8, "little"):
        hashed = ((hashed ^ byte) * 0x100000001B3) & 0xFFFFFFFFFFFFFFFF
    return abs(hashed - (1 << 64) if hashed >> 63 else hashed)


@cache
def _constants() -> tuple[float, float]:
    alpha = 1 / (1 - THETA)
    zeta2 = 1 + 0.5**THETA
    return alpha, (1 - (2 / DOMAIN) ** (1 - THETA)) / (1 - zeta2 / ZETA)


def zipf(dice: random.Random) -> int:
    """Draw a rank of the domain, small ones far more often."""
    alpha, eta = _constants()
    share = dice.random()
    spread = share * ZETA
    if spread < 1:
        return 0
    if spread < 1 + 0.5**THETA:
        return 1
    return int(DOMAIN * (eta * share - eta + 1) ** alpha)


def generate(role: str, mix: str, records: int, count: int, purposes: int, seed: int = 1) -> list[Operation]:
    """Generate the operations of a role. Values of a drawn key are those it was made with."""
    dice = random.Random(f"{seed}.{role}.{mix}")
    shares = MIXES[mix][role]
    expected = count * dict(shares).get("insert", 0) // 100
    inserted = records
    draw = _uniform(dice) if (mix, role) in UNIFORM else _scattered(dice, records + expected)
    kinds = dice.choices([name for name, _ in shares], [share for _, share in shares], k=count)
    done: list[Operation] = []
    for does in kinds:
        if does == "insert":
            done.append(Operation("insert", record=record_a(inserted, purposes)))
            inserted += 1
        elif does == "logs":
            done.append(Operation("logs", lines=dice.randint(1, 1000)))
        else:
            done.append(_bound(does, dice, lambda: record_a(draw(inserted), purposes)))  # noqa: B023 - called at once
    return done


def _bound(does: str, dice: random.Random, drawn: Callable[[], Record]) -> Operation:
    one = drawn()
    if does in _CHANGES:
        name = dice.choice(CHANGEABLE)
        by = _CHANGES[does]
        return Operation("change", f"{by}={getattr(one, by)}", name, getattr(drawn(), name))
    if does in _READS:
        by = _READS[does]
        return Operation("read_meta" if "meta" in does else "read", f"{by}={getattr(one, by)}", one.pur)
    if does == "update":
        return Operation("update", f"key={one.key}", "data", drawn().data)
    return Operation(does, f"key={one.key}", one.pur)


def _uniform(dice: random.Random) -> Callable[[int], int]:
    return dice.randrange


def _scattered(dice: random.Random, domain: int) -> Callable[[int], int]:
    """Draw keys by rank, scattered over all; one that is not inserted yet is drawn again."""

    def draw(inserted: int) -> int:
        while (key := fnv(zipf(dice)) % domain) >= inserted:
            pass
        return key

    return draw


def dealt(operations: Sequence[Operation], connections: int) -> list[Sequence[Operation]]:
    """Deal operations to connections, in turn."""
    return [operations[start::connections] for start in range(connections)]
