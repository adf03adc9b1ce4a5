"""Runs the pages of docs/ as a reader would: files are written, changes made, commands typed, answers compared."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import ModuleType

import pytest

from tests.clusters import shared

ROOT = Path(__file__).parent.parent.parent
DOCS = ROOT / "docs"
PORT = "8765"
BLOCK = re.compile(r"^```(\w+)(?: file=(\S+))?\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block: its kind, the file it is about, its text, and the line it begins on."""

    kind: str
    file: str | None
    text: str
    line: int


def blocks(page: Path) -> Iterator[Block]:
    """Give the fenced blocks of a page in order."""
    text = page.read_text(encoding="utf-8")
    for match in BLOCK.finditer(text):
        yield Block(match[1], match[2], match[3], text[: match.start()].count("\n") + 1)


def commands(text: str) -> Iterator[tuple[str, str]]:
    """Split a console block into commands (`$ `, continued by `> `) and the output printed below each."""
    command, output = "", ""
    for line in text.splitlines():
        if line.startswith("$ "):
            if command:
                yield command, output
            command, output = line[2:], ""
        elif line.startswith("> ") and not output:
            command += "\n" + line[2:]
        else:
            output += line + "\n"
    if command:
        yield command, output


def pattern(expected: str) -> re.Pattern[str]:
    """Make the pattern of an output: `…` stands for whatever differs from run to run, within one line."""
    lines = [".*".join(re.escape(part) for part in line.rstrip().split("…")) for line in expected.splitlines()]
    return re.compile(r"[ ]*\n".join(lines))


def _free_port() -> str:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return str(listening.getsockname()[1])


class Reader:
    """One shell in one empty folder, where a page's commands are typed one after the other."""

    def __init__(self, folder: Path) -> None:
        """Start the shell with this Python's programs first."""
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        kept = {name: os.environ[name] for name in ("HOME", "TMPDIR", "PYTHONPATH") if name in os.environ}
        self.folder = folder
        self.port = _free_port()
        self.shell = subprocess.Popen(
            ["bash", "--norc"], cwd=folder, text=True, encoding="utf-8",
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            env={**kept, "PATH": path, "LC_ALL": "C.UTF-8", "PYTHONDONTWRITEBYTECODE": "1"},
        )  # fmt: skip

    def type(self, command: str) -> str:
        """Run one command and give what it printed on both streams; the port of the pages is one that is free here."""
        assert self.shell.stdin is not None
        assert self.shell.stdout is not None
        command = command.replace(PORT, self.port)
        quoted = "'" + command.replace("'", "'\\''") + "'"
        self.shell.stdin.write(f"eval {quoted} </dev/null\nprintf '\\n@@end\\n'\n")
        self.shell.stdin.flush()
        printed = ""
        for line in self.shell.stdout:
            if line == "@@end\n":
                return printed.rstrip().replace(self.port, PORT)
            printed += line
        message = f"the shell ended at: {command}\n{printed}"
        raise AssertionError(message)

    def edit(self, block: Block) -> None:
        """Write a file, or change the lines that a diff shows."""
        assert block.file is not None
        path = self.folder / block.file
        if block.kind != "diff":
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(block.text, encoding="utf-8")
            return
        lines = block.text.splitlines(keepends=True)
        old = "".join(line[1:] for line in lines if line[0] in " -")
        new = "".join(line[1:] for line in lines if line[0] in " +")
        before = path.read_text(encoding="utf-8")
        assert before.count(old) == 1, f"{block.file} does not hold once:\n{old}"
        path.write_text(before.replace(old, new), encoding="utf-8")

    def close(self) -> None:
        """End the shell and what it left running."""
        assert self.shell.stdin is not None
        self.shell.stdin.write("kill $(jobs -p) 2>/dev/null; exit\n")
        self.shell.stdin.close()
        self.shell.wait(timeout=20)
        if self.shell.stdout is not None:
            self.shell.stdout.close()


@pytest.fixture
def follow(tmp_path: Path) -> Iterator[Callable[[Path], Path]]:
    """Give a function that follows a page in an empty folder and gives the folder."""
    shutil.copytree(DOCS / "tutorial" / "rowing", tmp_path / "docs" / "tutorial" / "rowing")
    shutil.copytree(ROOT / "policies" / "primenumber", tmp_path / "policies" / "primenumber")
    shutil.copytree(DOCS / "howto", tmp_path / "docs" / "howto", ignore=shutil.ignore_patterns("*.md"))
    reader = Reader(tmp_path)

    def run(page: Path) -> Path:
        if "createdb" in page.read_text(encoding="utf-8"):
            server = shared()
            reader.type(f"export PGHOST=127.0.0.1 PGPORT={server.port} PGUSER=upheld")
        for block in blocks(page):
            if block.file is not None:
                reader.edit(block)
            elif block.kind == "console":
                for command, expected in commands(block.text):
                    printed = reader.type(command)
                    told = f"{page.name}, block at line {block.line}: {command}\n--- printed\n{printed}\n---"
                    assert pattern(expected.rstrip()).fullmatch(printed), told
        return tmp_path

    yield run
    reader.close()


@pytest.fixture(scope="session")
def made() -> ModuleType:
    """Give scripts/docs.py as a module."""
    spec = importlib.util.spec_from_file_location("upheld_docs", ROOT / "scripts" / "docs.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    vars(module)["citations"] = cache(module.citations)  # reads every file of the package
    return module
