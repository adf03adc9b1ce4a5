"""Change the code one small step at a time and see whether a test notices: `mutate.py [FILE …]`.

Without files: every `rules.py` and the whole ledger. Each change is made in a copy of the source and judged by the tests
of its room. Results stay in `build/mutation.json`, by the hash of the source, so that a run that was ended goes on.
"""

from __future__ import annotations

import argparse
import ast
import copy
import hashlib
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from queue import Queue

ROOT = Path(__file__).parent.parent
SOURCE = ROOT / "src" / "upheld"
KEPT = ROOT / "build" / "mutation.json"
LEDGER = ("test_tree.py", "test_ledger.py", "test_fork.py", "test_verify.py", "test_flips.py")
OWN = {
    "ledger/tree.py": ("test_tree.py",),
    "ledger/note.py": ("test_tree.py", "test_fork.py", "test_ledger.py"),
    "ledger/rules.py": ("test_tree.py", "test_fork.py", "test_ledger.py"),
    "ledger/kept.py": ("test_fork.py",),
    "ledger/audit.py": ("test_verify.py", "test_flips.py", "test_fork.py"),
}
"""The test files that judge a file of the ledger, the quickest first; rules of other rooms are judged by `test_rules.py`, or by all tests of a room without one."""

SWAPS: dict[type[ast.AST], type[ast.AST]] = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
    ast.In: ast.NotIn, ast.NotIn: ast.In, ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.And: ast.Or, ast.Or: ast.And,
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.FloorDiv, ast.FloorDiv: ast.Mult, ast.LShift: ast.RShift,
    ast.RShift: ast.LShift, ast.BitAnd: ast.BitOr, ast.BitOr: ast.BitAnd,
}  # fmt: skip


@dataclass(frozen=True)
class Mutant:
    """One change: the file with it, and where it is and what it does, for people."""

    file: Path
    number: int
    line: int
    told: str
    text: str


def steps(node: ast.AST) -> Iterator[tuple[str, ast.AST]]:
    """Give every small change of one node, as (what it does, the node instead)."""
    def but(told: str, **fields: object) -> tuple[str, ast.AST]:
        other = copy.copy(node)
        for name, value in fields.items():
            setattr(other, name, value)
        return told, other

    if isinstance(node, ast.Compare):
        for at, op in enumerate(node.ops):
            if type(op) in SWAPS:
                ops = [*node.ops[:at], SWAPS[type(op)](), *node.ops[at + 1 :]]
                yield but(f"{type(op).__name__} to {type(ops[at]).__name__}", ops=ops)
    elif isinstance(node, (ast.BoolOp, ast.BinOp)) and type(node.op) in SWAPS:
        yield but(f"{type(node.op).__name__} to {SWAPS[type(node.op)].__name__}", op=SWAPS[type(node.op)]())
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        yield "not removed", node.operand
    elif isinstance(node, ast.Constant) and isinstance(node.value, bool):
        yield but(f"{node.value} flipped", value=not node.value)
    elif isinstance(node, ast.Constant) and isinstance(node.value, int):
        yield but(f"{node.value} plus one", value=node.value + 1)
    elif isinstance(node, ast.Expr) and isinstance(node.value, (ast.Call, ast.Yield, ast.YieldFrom)):
        yield "call removed", ast.copy_location(ast.Pass(), node)
    elif isinstance(node, ast.Return) and node.value is not None and not isinstance(node.value, ast.Constant):
        yield but("returns None", value=ast.Constant(None))


def mutants(file: Path) -> list[Mutant]:
    """Give every mutant of a file."""
    text = file.read_text(encoding="utf-8")
    found: list[Mutant] = []
    for at, node in enumerate(ast.walk(ast.parse(text))):
        for told, _ in steps(node):
            tree = ast.parse(text)
            old = list(ast.walk(tree))[at]
            new = dict(steps(old))[told]
            for parent in ast.walk(tree):
                for name, value in ast.iter_fields(parent):
                    if value is old:
                        setattr(parent, name, new)
                    elif isinstance(value, list) and any(one is old for one in value):
                        setattr(parent, name, [new if one is old else one for one in value])
            found.append(Mutant(file, len(found), getattr(node, "lineno", 0), told, ast.unparse(ast.fix_missing_locations(tree))))
    return found


def judges(file: Path) -> list[str]:
    """Name the tests that judge a file."""
    room = file.parent.name
    own = OWN.get(f"{room}/{file.name}", LEDGER if room == "ledger" else ("test_rules.py",))
    found = [f"tests/{room}/{name}" for name in own if (ROOT / "tests" / room / name).exists()]
    return found or [f"tests/{room}"]


def judge(mutant: Mutant, place: Path, seconds: float) -> str:
    """Run the tests against a copy of the source with the change; says killed, survived or slow."""
    target = place / "upheld" / mutant.file.relative_to(SOURCE)
    kept = target.read_text(encoding="utf-8")
    target.write_text(mutant.text, encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", "-m", "not slow and not browser", "-W", "ignore"]
    env = {**os.environ, "PYTHONPATH": str(place), "PYTHONDONTWRITEBYTECODE": "1"}
    try:
        done = subprocess.run(
            [*command, *judges(mutant.file)], cwd=ROOT, env=env, capture_output=True, check=False,
            timeout=20 * seconds, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_CPU, (int(seconds),) * 2),
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return "slow"
    finally:
        target.write_text(kept, encoding="utf-8")
    return {0: "survived", -signal.SIGKILL: "slow", -signal.SIGXCPU: "slow"}.get(done.returncode, "killed")


def report(files: list[Path], known: dict[str, str]) -> None:
    """Print the score of each file and its survivors."""
    for file in files:
        stamp = hashlib.sha256(file.read_bytes()).hexdigest()[:12]
        results = [(one, known[key]) for one in mutants(file) if (key := f"{stamp}:{one.number}") in known]
        if not results:
            continue
        lived = [one for one, said in results if said == "survived"]
        name = file.relative_to(SOURCE).as_posix()
        print(f"{name:<24} {len(results) - len(lived):>4} of {len(results):>4} noticed  {1 - len(lived) / len(results):6.1%}")
        for one in lived:
            line = file.read_text(encoding="utf-8").splitlines()[one.line - 1].strip() if one.line else ""
            print(f"    {one.line:>4}  {one.told:<20} {line[:90]}")


def main() -> None:
    """Judge mutants until all are, or the time is up."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("files", nargs="*", type=Path)
    asked.add_argument("--minutes", type=float, default=30.0, help="end after so long; the next run goes on")
    asked.add_argument("--every", type=int, default=1, help="judge every Nth mutant only")
    asked.add_argument("--seconds", type=float, default=60.0, help="a mutant that takes more CPU counts as noticed")
    asked.add_argument("--workers", type=int, default=2)
    asked.add_argument("--report", action="store_true", help="print what is known and run nothing")
    told = asked.parse_args()
    files = [one.resolve() for one in told.files] or [*sorted(SOURCE.glob("*/rules.py")), *sorted((SOURCE / "ledger").glob("*.py"))]
    files = list(dict.fromkeys(files))
    known: dict[str, str] = json.loads(KEPT.read_text()) if KEPT.exists() else {}
    until = time.monotonic() + told.minutes * 60
    places: Queue[Path] = Queue()

    def run(mutant: Mutant) -> None:
        stamp = hashlib.sha256(mutant.file.read_bytes()).hexdigest()[:12]
        key = f"{stamp}:{mutant.number}"
        if key in known or time.monotonic() > until:
            return
        place = places.get()
        try:
            known[key] = judge(mutant, place, told.seconds)
        finally:
            places.put(place)
        KEPT.parent.mkdir(exist_ok=True)
        KEPT.write_text(json.dumps(dict(known), indent=0), encoding="utf-8")

    if not told.report:
        with tempfile.TemporaryDirectory(prefix="upheld-mutate-") as folder, ThreadPoolExecutor(told.workers) as pool:
            for number in range(told.workers):
                shutil.copytree(SOURCE, Path(folder, str(number), "upheld"))
                places.put(Path(folder, str(number)))
            list(pool.map(run, [one for file in files for one in mutants(file)[:: told.every]]))
    report(files, known)


if __name__ == "__main__":
    main()
