"""The pages hang together."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
HAND = [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md")]
PAGES = [*HAND, *sorted((ROOT / "docs").rglob("*.md"))]
LINK = re.compile(r"\[[^\]]*\]\(([^)#\s]+)(#[^)\s]*)?\)")


def without_code(text: str) -> str:
    return re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_lead_somewhere(page: Path) -> None:
    """Every link to a file of the repository finds it."""
    links = [match[1] for match in LINK.finditer(without_code(page.read_text(encoding="utf-8")))]
    inside = [link for link in links if not link.startswith(("http:", "https:", "mailto:"))]
    assert [link for link in inside if not (page.parent / link).exists()] == []


def test_every_page_is_reached_from_the_index() -> None:
    """A reader who starts at docs/index.md reaches every page."""
    reached, waiting = set(), [ROOT / "docs" / "index.md"]
    while waiting:
        page = waiting.pop().resolve()
        if page in reached or page.suffix != ".md" or not page.is_file():
            continue
        reached.add(page)
        text = without_code(page.read_text(encoding="utf-8"))
        waiting += [page.parent / match[1] for match in LINK.finditer(text) if "://" not in match[1]]
    missed = {page.resolve() for page in (ROOT / "docs").rglob("*.md")} - reached
    assert sorted(path.name for path in missed if "rowing" not in path.parts) == []


def test_the_glossary_says_each_word_in_both_languages() -> None:
    """Each row of the glossary has an English word, a Japanese word and a meaning."""
    text = (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8")
    rows = [line.strip("| ").split(" | ") for line in text.splitlines() if line.startswith("| `")]
    assert len(rows) >= 20
    for row in rows:
        assert len(row) == 4, row
        assert re.search(r"[\u3040-\u9fff]", row[1]), row


def test_each_decision_has_a_number_of_its_own() -> None:
    """No two records of decisions share a number, the index names each, and each says what was decided and why."""
    pages = sorted((ROOT / "docs" / "adr").glob("0*.md"))
    assert len({page.name[:4] for page in pages}) == len(pages) >= 9
    index = (ROOT / "docs" / "adr" / "index.md").read_text(encoding="utf-8")
    assert re.findall(r"\]\((0[^)]*)\)", index) == [page.name for page in pages]
    for page in pages:
        text = page.read_text(encoding="utf-8")
        assert "## Decision" in text, page.name
        assert "## Why" in text, page.name
