"""The reference policy, the starter and the two test policies, compiled once; readers of a view."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from upheld.policy.compile import compile_policy
from upheld.policy.law import Law, load_law
from upheld.policy.model import CompiledPolicy
from upheld.policy.render.view import PageView, Part, text_of

ROOT = Path(__file__).resolve().parents[3]
TODAY = date(2026, 11, 22)
FOLDERS = {
    "reference": ROOT / "policies" / "primenumber",
    "starter": ROOT / "policies" / "starter",
    "klinikum": ROOT / "tests" / "policy" / "good" / "klinikum" / "policy",
    "pebble": ROOT / "tests" / "policy" / "good" / "pebble" / "policy",
}


class Reading:
    """What a reader finds in a view."""

    today = TODAY
    folders = FOLDERS

    @staticmethod
    def parts(view: PageView) -> Iterator[Part]:
        """Walk every printed fact of the sections."""
        for section in view.sections:
            for block in section.blocks:
                for row in getattr(block, "rows", ()):
                    for cell in row.cells:
                        yield from cell.parts
                if block.kind == "facts":
                    for fact in block.items:
                        yield from fact.parts

    @staticmethod
    def marks(value: Any) -> Iterator[tuple[str, str]]:
        """Walk every (mark, id) in the order of the page."""
        if isinstance(value, tuple):
            for child in value:
                yield from Reading.marks(child)
        elif hasattr(value, "__dataclass_fields__"):
            if getattr(value, "id", ""):
                yield ("id", value.id)
            if getattr(value, "mark", None):
                yield value.mark
            for name in value.__dataclass_fields__:
                if name != "mark":
                    yield from Reading.marks(getattr(value, name))

    @staticmethod
    def texts(value: Any) -> Iterator[str]:
        """Walk every printed string, ids and marks left out."""
        if isinstance(value, str):
            yield value
        elif isinstance(value, tuple):
            for child in value:
                yield from Reading.texts(child)
        elif hasattr(value, "__dataclass_fields__"):
            for name in value.__dataclass_fields__:
                if name not in {
                    "id",
                    "mark",
                    "href",
                    "kind",
                    "uses",
                    "lang",
                    "languages",
                    "promise_hash",
                    "clause",
                }:
                    yield from Reading.texts(getattr(value, name))

    @staticmethod
    def triples(view: PageView) -> set[tuple[str, str, str]]:
        """Read the stated triples off the table of situations, as a person does."""
        section = next(section for section in view.sections if section.id == "collection")
        found: set[tuple[str, str, str]] = set()
        for row in section.blocks[0].rows:
            fields = [part.mark[1] for part in row.cells[1].parts]
            for part in row.cells[2].parts:
                assert text_of(part.runs).strip()
                uses = fields if part.uses is None else part.uses
                found |= {(row.mark[1], name, part.mark[1]) for name in uses}
        return found


@pytest.fixture(scope="session")
def law() -> Law:
    """Give the shipped law."""
    return load_law()


@pytest.fixture(scope="session")
def reading() -> type[Reading]:
    """Give the reader of views."""
    return Reading


@pytest.fixture(scope="session")
def policies(law: Law) -> dict[str, CompiledPolicy]:
    """Compile each folder."""
    found = {name: compile_policy(folder, law, TODAY).policy for name, folder in FOLDERS.items()}
    assert all(found.values())
    return found  # type: ignore[return-value]


@pytest.fixture(scope="session")
def reference(policies: dict[str, CompiledPolicy]) -> CompiledPolicy:
    """Give the reference policy."""
    return policies["reference"]
