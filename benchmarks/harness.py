"""Floor and ours in turn: the clocks, the pairs and the guard against noise.

Every figure is the median of the ratios of single pairs. The first pair warms up and is dropped, the order is swapped
with every pair, and each run gets a fresh store, made ready and flushed before the clock.
"""

from __future__ import annotations

import hashlib
import os
import resource
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

TICKS = os.sysconf("SC_CLK_TCK")
DRIFT = 1.2
_BACKGROUND = ("checkpointer", "background writer", "walwriter", "autovacuum", "logical replication", "archiver")


@dataclass(frozen=True, slots=True)
class Taken:
    """One run: wall and CPU seconds, how much of the CPU the server's own housekeeping took, what else was seen."""

    wall: float
    cpu: float
    background: float = 0.0
    seen: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Paired:
    """The outcome of pairs: medians of the per-pair ratios, and every pair."""

    wall: float
    cpu: float
    noisy: bool
    pairs: tuple[tuple[Taken, Taken], ...]

    @property
    def told(self) -> dict[str, Any]:
        """Give what is kept of the pairs."""
        return {
            "wall": self.wall,
            "cpu": self.cpu,
            "noisy": self.noisy,
            "pairs": [{"floor": asdict(floor), "ours": asdict(ours)} for floor, ours in self.pairs],
        }


def in_pairs(floor: Callable[[], Taken], ours: Callable[[], Taken], count: int = 5) -> Paired:
    """Run floor and ours alternately; the first pair is dropped and the order swapped with each one."""
    taken: list[tuple[Taken, Taken]] = []
    for number in range(count + 1):
        if number % 2:
            mine = ours()
            taken.append((floor(), mine))
        else:
            taken.append((floor(), ours()))
    kept = tuple(taken[1:])
    first, last = kept[0][0].cpu, kept[-1][0].cpu
    return Paired(
        wall=statistics.median(mine.wall / under.wall for under, mine in kept),
        cpu=statistics.median(mine.cpu / max(under.cpu, 1e-9) for under, mine in kept),
        noisy=max(first, last) > DRIFT * min(first, last),
        pairs=kept,
    )


def clocked(work: Callable[[], dict[str, Any] | None], servers: Sequence[int] = ()) -> Taken:
    """Run once and take both clocks; `servers` are the first processes of database servers and other helpers."""
    before, back = own_cpu(), [server_cpu(pid) for pid in servers]
    begun = time.perf_counter()
    seen = work()
    wall = time.perf_counter() - begun
    cpu = own_cpu() - before
    after = [server_cpu(pid) for pid in servers]
    worked = sum(now[0] - then[0] for now, then in zip(after, back, strict=True))
    housekeeping = sum(now[1] - then[1] for now, then in zip(after, back, strict=True))
    return Taken(wall, cpu + worked, housekeeping, seen or {})


def own_cpu() -> float:
    """Give the CPU seconds of this process with all its threads, and of children that ended."""
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + ended.ru_utime + ended.ru_stime


def server_cpu(pid: int) -> tuple[float, float]:
    """Give the CPU seconds of a process with all its children, alive or ended; housekeeping apart, as second."""
    worked, housekeeping = 0.0, 0.0
    for one in (pid, *children(pid)):
        with suppress(FileNotFoundError, ProcessLookupError):
            words = Path(f"/proc/{one}/stat").read_text().rsplit(")", 1)[1].split()
            ran = _ran(one, words) + (int(words[13]) + int(words[14])) / TICKS
            line = Path(f"/proc/{one}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            if line.startswith("postgres:") and any(word in line for word in _BACKGROUND):
                housekeeping += ran
            else:
                worked += ran
    return worked, housekeeping


def _ran(pid: int, words: Sequence[str]) -> float:
    """Give the time a process ran, in nanoseconds' precision where it has one thread only."""
    if words[17] == "1":
        with suppress(OSError, ValueError, IndexError):
            return int(Path(f"/proc/{pid}/schedstat").read_text().split()[0]) / 1e9
    return (int(words[11]) + int(words[12])) / TICKS


def children(pid: int) -> Iterator[int]:
    """List living children, theirs included."""
    with suppress(FileNotFoundError, ProcessLookupError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            for word in (task / "children").read_text().split():
                yield int(word)
                yield from children(int(word))


def probes(folder: Path | None = None, seconds: float = 0.3) -> dict[str, float]:
    """Measure what the host gives just now: durable writes of 4 KB a second, and thousands of hashes a second."""
    with tempfile.NamedTemporaryFile(dir=folder) as file:
        flushes, until = 0, time.perf_counter() + seconds
        while time.perf_counter() < until:
            os.pwrite(file.fileno(), bytes(4096), 0)
            os.fdatasync(file.fileno())
            flushes += 1
    hashes, until = 0, time.perf_counter() + seconds
    while time.perf_counter() < until:
        for _ in range(1000):
            hashlib.sha256(b"probe").digest()
        hashes += 1
    return {"fdatasync_per_s": flushes / seconds, "thousand_hashes_per_s": hashes / seconds}


def settle(folder: Path) -> None:
    """Write out the files of a folder, so that it is not paid for inside the clock."""
    for path in (folder, *folder.rglob("*")):
        held = os.open(path, os.O_RDONLY)
        os.fsync(held)
        os.close(held)
