"""Load many people through the bulk gate beside COPY of the same rows, and ask both stores the questions of G3 afterwards.

    python -m benchmarks.load --subjects 100000 1000000 --records 10 --keep loaded.json
    python -m benchmarks.load --from loaded.json

The first line loads each size into stores of its own and leaves the server running; with two sizes it goes on to what the
growth from the first to the last costs a question, over what it costs plain SQL. The second asks again. Each size gets
the number of key buckets that the guide on backups names for it, or the one that `--buckets` says.
"""

from __future__ import annotations

import argparse
import atexit
import json
import time
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from random import Random
from typing import TypeVar

from benchmarks import bulk
from benchmarks.engines import Engine, cluster, keep_house
from benchmarks.harness import clocked
from upheld.app import open_house
from upheld.records.bucket import fitting

T = TypeVar("T")
ASKED, ERASED, ROUNDS = 200, 40, 5


@dataclass(frozen=True, slots=True)
class Stores:
    """Where a load lies: the folder of the house, the address of the plain table, and the server's first process."""

    subjects: int
    records: int
    folder: str
    raw: str
    server: int


def told(rows: Iterable[T], total: int) -> Iterator[T]:
    """Give rows on, saying every twentieth part how fast they go."""
    begun, step = time.perf_counter(), max(total // 20, 1)
    for number, row in enumerate(rows):
        if number and number % step == 0:
            seconds = time.perf_counter() - begun
            print(f"  {number:>12,} rows  {number / seconds:>8,.0f} rows/s  {seconds:>7,.0f} s", flush=True)
        yield row


def load(subjects: int, records: int, buckets: int) -> Stores:
    """Load one size into fresh stores and into a plain table, and print what both took."""
    engine, count = Engine("PostgreSQL"), subjects * records
    (server,) = engine.servers
    folder = engine.data_folder()
    (folder / "keeping.toml").write_text(f"[keys]\nbuckets = {buckets}\n", "utf-8")
    print(f"{subjects:,} people with {records} records each, {buckets:,} buckets of keys", flush=True)
    house, taken = bulk.loaded(engine, told(bulk.people_of(subjects, records), count), folder)
    house.close()
    raw = bulk.Raw(engine)
    floor = clocked(lambda: raw.load(told(bulk.raw_rows(count, records), count)), engine.servers)
    raw.held.close()
    places = [line.split('"')[1] for line in (folder / "stores.toml").read_text().splitlines()]
    sizes = dict(zip(("data", "keys", "raw"), map(_tidied, [*places, raw.url]), strict=True))
    for name, one in (("gate", taken), ("COPY", floor)):
        print(f"  {name}: {count / one.wall:,.0f} rows/s, {count / one.cpu:,.0f} rows per CPU second, {one.wall:,.0f} s")
    print(f"  gate as a share of COPY: wall {floor.wall / taken.wall:.3f}, CPU {floor.cpu / taken.cpu:.3f}")
    print("  bytes: " + ", ".join(f"{name} {size:,} ({size / count:,.0f} a row)" for name, size in sizes.items()), flush=True)
    return Stores(subjects, records, str(folder), raw.url, server)


def _tidied(url: str) -> int:
    """Let the server know what it holds, and give the size of a database in bytes."""
    import psycopg

    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("VACUUM ANALYZE")
        connection.execute("CHECKPOINT")
        found = connection.execute("SELECT pg_database_size(current_database())").fetchone()
    return int(found[0]) if found else 0


def ask(stores: Stores, seed: int) -> tuple[dict[str, float], dict[str, float]]:
    """Give the CPU seconds of the questions, of ours and of plain SQL; people drawn by a new seed were not erased yet."""
    engine = Engine("PostgreSQL")
    draw = Random(seed).sample(range(stores.subjects), ASKED + ERASED)
    chosen, gone = draw[:ASKED], draw[ASKED:]
    house = open_house(Path(stores.folder))
    ours = bulk.times(bulk.questions(house, chosen, gone), (stores.server,), ROUNDS)
    house.close()
    raw = bulk.Raw(engine, stores.raw)
    floor = bulk.times(bulk.raw_questions(raw, chosen, gone), (stores.server,), ROUNDS)
    raw.held.close()
    return ours, floor


def growth(small: Stores, large: Stores, seed: int) -> None:
    """Print what a question costs more in the large stores, over what it costs plain SQL more."""
    (ours, floor), (ours_large, floor_large) = ask(small, seed), ask(large, seed)
    print(f"{small.subjects * small.records:,} → {large.subjects * large.records:,} records, CPU")
    for name, before in ours.items():
        mine, under = ours_large[name] / before, floor_large[name] / floor[name]
        ratio = mine / max(under, 1.0)
        print(f"  {name:<9} ours × {mine:.2f}, plain SQL × {under:.2f}: {ratio:.2f} (goal 1.1, {'met' if ratio <= 1.1 else 'missed'})")


def main() -> None:
    """Load, keep, ask."""
    asked = argparse.ArgumentParser(prog="python -m benchmarks.load", description="Many people through the bulk gate into PostgreSQL.")
    asked.add_argument("--subjects", type=int, nargs="+", default=[10_000])
    asked.add_argument("--records", type=int, default=10, help="of each person")
    asked.add_argument("--buckets", type=int, help="of keys, a power of two; as many as fit the people unless it is said")
    asked.add_argument("--keep", type=Path, help="leave the stores and the server, and write here where they are")
    asked.add_argument("--from", dest="loaded", type=Path, help="ask what an earlier run kept, and load nothing")
    asked.add_argument("--seed", type=int, default=7, help="which people are asked about; each seed erases others")
    words = asked.parse_args()
    if words.loaded:
        stores = [Stores(**one) for one in json.loads(words.loaded.read_text())]
    else:
        stores = []
        keep_house()
        if words.keep:
            atexit.unregister(cluster().stop)
        for subjects in words.subjects:
            stores.append(load(subjects, words.records, words.buckets or fitting(subjects)))
            if words.keep:
                words.keep.write_text(json.dumps([asdict(one) for one in stores], indent=1) + "\n")
    if len(stores) > 1:
        growth(stores[0], stores[-1], words.seed)


if __name__ == "__main__":
    main()
