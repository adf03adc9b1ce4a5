"""The command as people run it, and small folders to run it on."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
REFERENCE = ROOT / "policies" / "primenumber"
STARTER = ROOT / "policies" / "starter"
DAY = "2026-11-22"

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Run the real command in a folder of its own, with a quiet environment."""

    def start(*args: str | Path, cwd: Path = tmp_path, **env: str) -> subprocess.CompletedProcess[str]:
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "PYTHONPATH") if name in os.environ}
        words = [sys.executable, "-m", "upheld", *map(str, args)]
        return subprocess.run(words, cwd=cwd, env={**kept, **env}, capture_output=True, text=True, timeout=60)

    return start


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the starter policy to be spoilt."""
    target = tmp_path / "policy"
    shutil.copytree(STARTER, target)
    return target


@pytest.fixture
def spoil(folder: Path) -> Callable[[str, str, str], Path]:
    """Change one place of the copy."""

    def change(name: str, old: str, new: str) -> Path:
        path = folder / name
        text = path.read_text(encoding="utf-8")
        assert text.count(old) >= 1, old
        path.write_text(text.replace(old, new, 1), encoding="utf-8")
        return folder

    return change
