"""Judge changes with the tests that go through them: everything is imported and collected once, each change has a fork.

A fork gets the changed code of one function in place of its own, so that everybody who imported the function runs the
change. What is more than the code of a function (a constant of a file, a default) is judged by a new interpreter with a
copy of the source. Which test goes through which function is found by running each once, and kept in `build/reached.json`.
"""

from __future__ import annotations

import ast
import gc
import hashlib
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from types import CodeType, FunctionType
from typing import Any

import pytest
from hypothesis import Phase, settings
from mutate import KEPT, ROOT, SOURCE, Mutant

REACHED = ROOT / "build" / "reached.json"
ROOMS = ("ledger", "notice", "basis", "collection", "cookies", "security", "retention", "transfers", "rights", "amendment", "services")
"""The folders of tests: a change is judged by its own room's, and with `above` by all of them. Tests of the command line
are not asked: they start programs of their own, which no fork reaches."""
PLACES = {"ledger": ("ledger/", "app/test_witness.py"), "services": ("services/test_",)}
"""Where the tests of a room stand, if not all in its folder or some elsewhere; each service's own start servers."""
OPTIONS = ("-q", "-p", "no:cacheprovider", "-p", "no:timeout", "-p", "no:warnings", "-s", "-m", "not slow and not browser")
OPTIONS = (*OPTIONS, "--ignore=tests/ledger/test_processes.py", "--assert=plain", "-o", "tmp_path_retention_policy=none")
EXAMPLES = 40
BROWSER = frozenset({"browser", "page", "context", "playwright", "world", "serve"})
"""Tests with one of these fixtures are not asked: a browser per change costs seconds that no CPU time of ours shows."""


@cache
def source_files() -> dict[str, str]:
    """Give the name of each file that may be changed, by its path."""
    files = [*SOURCE.glob("*/rules.py"), *(SOURCE / "ledger").glob("*.py")]
    return {str(one): one.relative_to(SOURCE).as_posix() for one in files}


def function_of(mutant: Mutant) -> FunctionType:
    """Find the function that a mutant changes, behind whatever wraps it; raises LookupError where there is none."""
    found: Any = sys.modules["upheld." + mutant.name.removesuffix(".py").replace("/", ".")]
    for part in mutant.within.split("."):
        found = vars(found).get(part)
    while not isinstance(found, FunctionType) and found is not None:
        inner = [getattr(found, name, None) for name in ("__wrapped__", "__func__", "fget", "func")]
        found = next((one for one in inner if one is not None), None)
    while found is not None and hasattr(found, "__wrapped__"):
        found = found.__wrapped__
    if found is None or found.__code__.co_qualname != mutant.within:
        raise LookupError(mutant.within)
    return found


def forget() -> None:
    """Empty what the functions of the changed files remember from before."""
    for path, name in source_files().items():
        module = sys.modules.get("upheld." + name.removesuffix(".py").removesuffix("/__init__").replace("/", "."))
        for one in vars(module).values() if module and path else ():
            if hasattr(one, "cache_clear"):
                one.cache_clear()


def few_examples(item: pytest.Item) -> None:
    """Let a property look at few examples, the same each time."""
    own = getattr(getattr(item, "function", None), "_hypothesis_internal_use_settings", None)
    if own is not None:
        few = settings(
            own, max_examples=min(own.max_examples, EXAMPLES), derandomize=True, database=None,
            phases=(Phase.explicit, Phase.generate), deadline=None,
        )  # fmt: skip
        setattr(item.function, "_hypothesis_internal_use_settings", few)  # noqa: B010


def passes(session: pytest.Session, items: list[pytest.Item]) -> bool:
    """Run tests until one fails."""
    for item, following in zip(items, [*items[1:], None], strict=True):
        session.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
        if session.testsfailed:
            return False
    return True


@dataclass(eq=False)
class Judge:
    """A run of pytest in which each mutant has its turn, instead of each test."""

    left: list[Mutant]
    known: dict[str, str]
    minutes: float
    seconds: float
    workers: int
    above: bool
    reached: dict[str, Any] = field(default_factory=dict)
    items: dict[str, pytest.Item] = field(default_factory=dict)
    begun: float = field(default_factory=time.monotonic)
    forked: bool = False

    def run(self) -> dict[str, str]:
        """Collect all tests and judge; gives what is known then."""
        if self.left:
            settings.register_profile("few", max_examples=EXAMPLES, derandomize=True, database=None, deadline=None)
            settings.load_profile("few")
            os.environ["PYTHONDONTWRITEBYTECODE"] = "1"
            with tempfile.TemporaryDirectory(prefix="upheld-mutate-") as folder:
                own = {one.file.parent.name for one in self.left}
                rooms = [room for room in ROOMS if self.above or room in own]
                paths = [str(path) for room in rooms for place in places_of(room) for path in sorted(ROOT.glob(f"{place}*"))]
                pytest.main([*OPTIONS, f"--basetemp={folder}/tests", *paths], plugins=[self])
        return self.known

    def pytest_runtest_makereport(self, call: pytest.CallInfo[Any]) -> None:
        """End a fork with the first failure, before anybody writes it down at length."""
        if self.forked and call.excinfo is not None and not isinstance(call.excinfo.value, pytest.skip.Exception):
            os._exit(1)

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Find what each test goes through, then judge."""
        session.config._tmp_path_factory.getbasetemp()  # type: ignore[attr-defined]  # noqa: SLF001 (one folder for all forks)
        self.items = {item.nodeid: item for item in session.items if not BROWSER & set(getattr(item, "fixturenames", ()))}
        for item in session.items:
            few_examples(item)
        gc.collect()
        gc.freeze()
        self.explore(session)
        running: dict[int, Mutant] = {}
        for mutant in sorted(self.left, key=lambda one: not one.within):  # what needs an interpreter of its own comes last
            if time.monotonic() - self.begun > self.minutes * 60:
                break
            while len(running) >= self.workers:
                self.ended(running, *os.wait())
            asked = self.tests_for(mutant)
            code = mutant.code()
            if not asked:
                self.keep(mutant, "survived")
            elif code is None:
                self.keep(mutant, self.apart(mutant, asked))
            else:
                running[self.fork(session, mutant, code, asked)] = mutant
        while running:
            self.ended(running, *os.wait())
        return True

    def explore(self, session: pytest.Session) -> None:
        """Run the tests of each file that is new or changed once, and keep how long each takes and what it goes through."""
        if REACHED.exists():
            self.reached = json.loads(REACHED.read_text(encoding="utf-8"))
        REACHED.parent.mkdir(exist_ok=True)
        for file in dict.fromkeys(item.path for item in self.items.values()):
            name = file.relative_to(ROOT).as_posix()
            stamp = hashlib.sha256(file.read_bytes()).hexdigest()[:12]
            if self.reached.get(name, {}).get("stamp") == stamp:
                continue
            with tempfile.NamedTemporaryFile() as out:
                child = os.fork()
                if not child:
                    quiet()
                    items = [item for item in self.items.values() if item.path == file]
                    told = [reach(session, *pair) for pair in zip(items, [*items[1:], None], strict=True)]
                    Path(out.name).write_text(json.dumps(told), encoding="utf-8")
                    os._exit(0)
                os.waitpid(child, 0)
                told = json.loads(Path(out.name).read_text(encoding="utf-8") or "[]")
            self.reached[name] = {"stamp": stamp, "tests": [one for one in told if one]}
            REACHED.write_text(json.dumps(self.reached, indent=0), encoding="utf-8")

    def tests_for(self, mutant: Mutant) -> list[str]:
        """Choose the tests that go through a change: those of its room first, of each the quickest files and tests first."""
        own_places = places_of(mutant.file.parent.name)
        found: list[tuple[bool, float, list[tuple[float, str]]]] = []
        for name, told in self.reached.items():
            own = [
                (seconds, test)
                for test, seconds, through in told["tests"]
                if test in self.items and through_it(mutant, through)
            ]
            if own:
                found.append((not name.startswith(own_places), sum(one for one, _ in own) / len(own), sorted(own)))
        chosen, spent = [], 0.0
        for seconds, test in (one for _, _, tests in sorted(found) for one in tests):
            if chosen and spent + seconds > self.seconds:
                continue
            chosen.append(test)
            spent += seconds
        return chosen

    def fork(self, session: pytest.Session, mutant: Mutant, code: CodeType, asked: list[str]) -> int:
        """Run tests in a fork in which a function has the changed code; gives its process id."""
        child = os.fork()
        if child:
            return child
        quiet()
        self.forked = True
        limit = int(3 + 2 * self.seconds)
        resource.setrlimit(resource.RLIMIT_CPU, (limit, limit))
        signal.alarm(6 * limit)
        try:
            function_of(mutant).__code__ = code
            forget()
            good = passes(session, [self.items[one] for one in asked])
        except BaseException:
            os._exit(3)  # neither noticed nor survived: the run says so
        os._exit(0 if good else 1)

    def ended(self, running: dict[int, Mutant], child: int, status: int) -> None:
        """Keep what a fork found: it ended well, a test failed, or it was too slow."""
        mutant = running.pop(child, None)
        if mutant is None:
            return
        if os.WIFSIGNALED(status):
            self.keep(mutant, "slow")
        elif os.WEXITSTATUS(status) == 3:
            print(f"{mutant.name}:{mutant.line} {mutant.told} in {mutant.within} could not be judged", file=sys.stderr)
        else:
            self.keep(mutant, "killed" if os.WEXITSTATUS(status) else "survived")

    def apart(self, mutant: Mutant, asked: list[str]) -> str:
        """Run tests in a new interpreter, against a copy of the source with the change."""
        with tempfile.TemporaryDirectory(prefix="upheld-mutate-") as folder:
            shutil.copytree(SOURCE, Path(folder, "upheld"))
            Path(folder, "upheld", mutant.name).write_text(ast.unparse(mutant.tree()), encoding="utf-8")
            env = {**os.environ, "PYTHONPATH": folder}
            command = [sys.executable, "-m", "pytest", "-x", *OPTIONS, f"--basetemp={folder}/tests", *asked]
            try:
                done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, check=False, timeout=600)
            except subprocess.TimeoutExpired:
                return "slow"
        return "killed" if done.returncode else "survived"

    def keep(self, mutant: Mutant, said: str) -> None:
        """Write down what is known of a mutant."""
        self.known[mutant.key] = said
        KEPT.parent.mkdir(exist_ok=True)
        beside = KEPT.with_suffix(".new")
        beside.write_text(json.dumps(self.known, indent=0), encoding="utf-8")
        beside.replace(KEPT)  # whole also where the run is ended amid it


def places_of(room: str) -> tuple[str, ...]:
    """Give how the paths of a room's tests begin."""
    return tuple(f"tests/{place}" for place in PLACES.get(room, (f"{room}/",)))


def through_it(mutant: Mutant, through: Iterable[str]) -> bool:
    """Say whether a test goes through the function of a mutant, or through its file where it has none."""
    if mutant.within:
        return f"{mutant.name}::{mutant.within}" in through
    return any(one.startswith(f"{mutant.name}::") for one in through)


def reach(
    session: pytest.Session, item: pytest.Item, following: pytest.Item | None
) -> tuple[str, float, list[str]] | None:
    """Run a test; gives its name, seconds of CPU, and the functions of the changed files it went through. None where it fails."""
    files, met = source_files(), set()

    def trace(frame: Any, _event: str, _arg: object) -> None:
        name = files.get(frame.f_code.co_filename)
        if name is not None:
            met.add(f"{name}::{frame.f_code.co_qualname.partition('.<locals>')[0]}")

    forget()
    failed = session.testsfailed
    begun = time.process_time()
    sys.settrace(trace)
    threading.settrace(trace)
    session.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
    sys.settrace(None)
    threading.settrace(None)  # type: ignore[arg-type]
    spent = time.process_time() - begun
    return None if session.testsfailed > failed else (item.nodeid, round(spent, 3), sorted(met))


def quiet() -> None:
    """Say nothing from here on."""
    nowhere = os.open(os.devnull, os.O_RDWR)
    for out in (0, 1, 2):
        os.dup2(nowhere, out)
