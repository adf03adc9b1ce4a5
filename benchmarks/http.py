"""V4 and the floor of G6: gated creates, reads and consents over HTTP for each second of the server's CPU.

The floor F2 is the same Litestar and uvicorn, one worker, answering a small JSON with a small JSON and no store.
`python -m benchmarks.http [sqlite|postgresql]` prints the figures.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

ROOT = Path(__file__).parents[1]
TICK = os.sysconf("SC_CLK_TCK")
GOALS = {"create": 1100.0, "read": 2000.0}
CONNECTIONS = 32


@dataclass(frozen=True)
class Load:
    """What one run did: requests answered, wall seconds, CPU seconds of the server, the 50th and 99th percentile in ms.

    `each` is what each request took, in seconds, in the order of the requests.
    """

    count: int
    wall: float
    cpu: float
    p50: float
    p99: float
    each: Sequence[float] = ()

    @property
    def per_cpu(self) -> float:
        """Give the requests for each second of CPU."""
        return self.count / self.cpu

    @property
    def per_wall(self) -> float:
        """Give the requests for each second of the clock."""
        return self.count / self.wall


def request(method: str, path: str, body: Any = None, **headers: str) -> bytes:
    """Spell a request out before the clock starts."""
    raw = b"" if body is None else json.dumps(body).encode()
    lines = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1", f"Content-Length: {len(raw)}"]
    if raw:
        lines.append("Content-Type: application/json")
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + raw


def cpu_of(pid: int) -> float:
    """Give the CPU seconds a process has used, all threads together."""
    parts = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(parts[11]) + int(parts[12])) / TICK


def load(
    pid: int, port: int, requests: Sequence[bytes], status: int, connections: int = CONNECTIONS, pace: float = 0
) -> tuple[Load, list[bytes]]:
    """Send the requests over kept connections, dealt to them in turn; a wrong status voids the timing.

    With `pace` so many are due a second, at fixed times, and each is timed from when it was due.
    """
    taken: list[float] = [0.0] * len(requests)
    answers: list[bytes] = [b""] * len(requests)

    async def due(at: int) -> float:
        if not pace:
            return time.perf_counter()
        intended = wall + at / pace
        await asyncio.sleep(max(0.0, intended - time.perf_counter()))
        return intended

    async def client(first: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for at in range(first, len(requests), connections):
            begun = await due(at)
            writer.write(requests[at])
            head = await reader.readuntil(b"\r\n\r\n")
            length = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0])
            answers[at] = await reader.readexactly(length)
            taken[at] = time.perf_counter() - begun
            if int(head[9:12]) != status:
                raise SystemExit(f"a wrong answer voids the timing: {head[:15]!r} {answers[at][:300]!r}")
        writer.close()

    async def all_of_them() -> None:
        await asyncio.gather(*map(client, range(connections)))

    cpu, wall = cpu_of(pid), time.perf_counter()
    asyncio.run(all_of_them())
    wall, cpu = time.perf_counter() - wall, cpu_of(pid) - cpu
    ranked = sorted(taken)
    half, most = ranked[len(ranked) // 2], ranked[len(ranked) * 99 // 100]
    return Load(len(requests), wall, cpu, half * 1e3, most * 1e3, taken), answers


FLOOR = """
import msgspec, uvicorn, sys
from litestar import Litestar, post
from litestar.params import JSONBody
class Body(msgspec.Struct): purpose: str; action: str; subject: str
@post("/", status_code=201, sync_to_thread=False)
def answer(data: JSONBody[Body]) -> dict[str, bool]: return {"ok": True}
app = Litestar([answer], openapi_config=None, logging_config=None)
class Server(uvicorn.Server):
    async def startup(self, sockets=None):
        await super().startup(sockets)
        print(f"http://127.0.0.1:{self.servers[0].sockets[0].getsockname()[1]}/privacy", flush=True)
Server(uvicorn.Config(app, port=0, log_level="warning", access_log=False)).run()
"""


@contextmanager
def served(command: list[str]) -> Iterator[tuple[int, int]]:
    """Run a server in a process of its own; gives (process id, port)."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
    try:
        assert process.stdout is not None
        line = next(line for line in process.stdout if line.startswith("http://"))
        yield process.pid, int(line.split(":")[2].partition("/")[0])
    finally:
        process.terminate()
        process.wait()


_SAID = {"purpose": "announce", "action": "give", "subject": "0123456789"}


@contextmanager
def floor_served() -> Iterator[tuple[int, int]]:
    """Serve F2, warm."""
    with served([sys.executable, "-c", FLOOR]) as (pid, port):
        load(pid, port, nothing(500), 201)
        yield pid, port


def floor(count: int, connections: int = CONNECTIONS) -> Load:
    """Measure F2."""
    with floor_served() as (pid, port):
        return load(pid, port, nothing(count), 201, connections)[0]


def floor_rate(pid: int, port: int, count: int) -> float:
    """Give the requests a second of F2 that is up; ten times as many as asked, as they take so little."""
    return load(pid, port, nothing(10 * count), 201)[0].per_wall


def receipts(pid: int, port: int, count: int) -> list[str]:
    """Be shown the notice once for each person to come."""
    _, told = load(pid, port, [request("GET", "/api/v1/collect/event")] * count, 200)
    return [json.loads(answer)["notice_receipt"] for answer in told]


def creates(tokens: Sequence[str], first: int) -> list[bytes]:
    """Spell out one collect for each receipt, each of a new person."""
    made = []
    for n, token in enumerate(tokens, first):
        fields = {"name": f"Person {n}", "email": f"p{n}@example.com", "company": "Example Ltd"}
        body = {"fields": fields, "country": "JP", "notice_receipt": token}
        made.append(request("POST", "/api/v1/collect/event", body, **{"Idempotency-Key": f"bench-{n}"}))
    return made


@contextmanager
def house_served(folder: Path, audit: str = "grouped") -> Iterator[tuple[int, int]]:
    """Serve a data folder; `audit` says how the reads of programs are told to the ledger."""
    policy = ROOT / "policies" / "primenumber"
    folder.mkdir(exist_ok=True)
    (folder / "serving.toml").write_text(f'read_audit = "{audit}"\n', "utf-8")
    command = [sys.executable, "-m", "upheld", "serve", "--data", str(folder), "--port", "0", "--policy", str(policy)]
    with served(command) as where:
        yield where


def known_people(pid: int, port: int, count: int, first: int = 0) -> list[str]:
    """Collect from so many people and give their numbers."""
    _, answers = load(pid, port, creates(receipts(pid, port, count), first), 201)
    return [json.loads(answer)["subject"] for answer in answers]


def refusals(people: Sequence[str], round_: int = 0) -> list[bytes]:
    """Spell out one refused consent for each person."""
    body = {"purpose": "announce", "action": "refuse"}
    return [
        request("POST", "/api/v1/consents", {"subject": one, **body}, **{"Idempotency-Key": f"c-{round_}-{n}"})
        for n, one in enumerate(people)
    ]


def nothing(count: int) -> list[bytes]:
    """Spell out requests to F2."""
    return [request("POST", "/", _SAID)] * count


def bearer_of(folder: Path, *scopes: str) -> dict[str, str]:
    """Make an API key and give the header that carries it."""
    from upheld.app import open_house
    from upheld.security import keys

    house = open_house(folder)
    try:
        return {"Authorization": f"Bearer {keys.make(house, label='bench', by='staff:0', scopes=scopes)[1]}"}
    finally:
        house.close()


def ours(folder: Path, count: int, connections: int = CONNECTIONS, audit: str = "grouped") -> dict[str, Load]:
    """Measure creates, reads and consents of known persons against a data folder."""
    with house_served(folder, audit) as (pid, port):
        bearer = bearer_of(folder, "read:analyse", "consents:announce")
        known_people(pid, port, 500)
        tokens = receipts(pid, port, count)
        done: dict[str, Load] = {}
        done["create"], answers = load(pid, port, creates(tokens, 1000), 201, connections)
        people = [json.loads(answer)["subject"] for answer in answers]
        reads = [
            request("POST", "/api/v1/read", {"subject": one, "purpose": "analyse", "fields": ["name", "email"]}, **bearer)
            for one in people
        ]
        load(pid, port, reads[:500], 200)
        done["read"], told = load(pid, port, reads, 200, connections)
        assert json.loads(told[0])["fields"]["name"] == "Person 1000"
        done["consent"], _ = load(pid, port, refusals(people), 201, connections)
        assert httpx.get(f"http://127.0.0.1:{port}/readyz").status_code == 200
    return done


def main() -> None:
    """Print requests for each CPU second of floor and ours, on one engine."""
    engine = sys.argv[1] if len(sys.argv) > 1 else "sqlite"
    count = int(sys.argv[2]) if len(sys.argv) > 2 else 3000
    connections = int(sys.argv[3]) if len(sys.argv) > 3 else CONNECTIONS
    with tempfile.TemporaryDirectory() as there:
        folder = Path(there) / "data"
        if engine == "postgresql":
            from tests.clusters import Cluster

            cluster, folder_of = Cluster().start(), folder
            folder_of.mkdir()
            places = f'data = "{cluster.database()}"\nkeys = "{cluster.database()}"\n'
            (folder_of / "stores.toml").write_text(places, "utf-8")
        results = {"floor": floor(count, connections), **ours(folder, count, connections)}
    print(f"{engine}, {connections} connections    per CPU s  per wall s   p50 ms   p99 ms")
    for name, one in results.items():
        goal = f"goal {GOALS[name]:.0f}" if name in GOALS else ""
        print(f"{name:<28} {one.per_cpu:9.0f}  {one.per_wall:9.0f}  {one.p50:7.1f}  {one.p99:7.1f}  {goal}")


if __name__ == "__main__":
    main()
