"""The reference pages say what the code says."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from upheld.policy.catalogue import catalogue
from upheld.policy.keys import table
from upheld.web.refusals import STATUS

REFERENCE = Path(__file__).parent.parent.parent / "docs" / "reference"


def read(name: str) -> str:
    return (REFERENCE / name).read_text(encoding="utf-8")


@pytest.mark.slow
def test_generated_pages_are_up_to_date() -> None:
    """Nothing in docs/reference differs from what the code makes of it; `make docs` writes it again.

    Made in a process of its own, as that command does: what other tests load may change how help is printed.
    """
    command = [sys.executable, "-W", "ignore", "scripts/docs.py", "--check"]
    done = subprocess.run(command, cwd=REFERENCE.parent.parent, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, ""), done.stderr


def test_every_code_has_a_page() -> None:
    """A reader finds a page for every diagnostic, and a line for it in the index."""
    index = read("diagnostics/index.md")
    for code in catalogue():
        assert f"[{code}]({code}.md)" in index
        assert (REFERENCE / "diagnostics" / f"{code}.md").is_file(), code


def test_every_key_has_a_row() -> None:
    """A reader finds every key of the policy language."""
    page = read("keys.md")
    assert [key.path for key in table() if f"| `{key.path}` |" not in page] == []


def test_every_refusal_has_a_row_in_both_languages() -> None:
    """A reader finds every refusal, what it means and what to do next, in English and Japanese."""
    page = read("refusals.md")
    for code in STATUS:
        row = re.search(rf"^\| <a id=\"{code}\"></a>.*$", page, re.MULTILINE)
        assert row, code
        cells = [cell.strip() for cell in row[0].strip("|").split(" | ")]
        assert len(cells) == 5, code
        assert all(cells), code


def test_every_command_has_a_heading(made: ModuleType) -> None:
    """A reader finds the help of every command and of what stands below it."""
    page = read("cli.md")
    headings = set(re.findall(r"^##+ (.*)$", page, re.MULTILINE))
    assert {name for name, _, _ in made.commands()} == headings
