"""The pages that a reader follows do what they say."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

DOCS = Path(__file__).parent.parent.parent / "docs"
GUIDES = sorted(page for page in (DOCS / "howto").glob("*.md") if "```console" in page.read_text(encoding="utf-8"))


def test_tutorial_does_what_it_says(follow: Callable[[Path], Path]) -> None:
    """A stranger who types the tutorial sees what it prints, and ends with the folder that is kept beside it."""
    folder = follow(DOCS / "tutorial" / "first-policy.md") / "rowing"
    kept = DOCS / "tutorial" / "rowing"
    names = {path.relative_to(kept) for path in kept.rglob("*") if path.is_file()}
    written = {path.relative_to(folder) for path in folder.rglob("*") if path.is_file()}
    assert written - {name for name in written if name.parts[0] == ".schema"} == names
    for name in names:
        assert (folder / name).read_text(encoding="utf-8") == (kept / name).read_text(encoding="utf-8"), name


@pytest.mark.parametrize("page", GUIDES, ids=lambda page: page.stem)
def test_guide_does_what_it_says(follow: Callable[[Path], Path], page: Path) -> None:
    """A reader who types a guide sees what it prints."""
    follow(page)
