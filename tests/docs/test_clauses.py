"""Clauses and code know each other, both ways."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

import pytest

FAMILIES = (
    "policy", "notice", "collection", "basis", "security", "country", "services", "transfers", "retention", "rights",
    "contact", "amendment", "cookies",
)  # fmt: skip


def test_a_citation_names_a_clause(made: ModuleType) -> None:
    """A function cites a clause of the reference policy, or a key of the policy language that holds such clauses."""
    known = {*made.clause_ids(), *made.families()}
    astray = [f"{one.where}: {one.clause}" for one in made.citations() if one.clause not in known]
    assert astray == []


@pytest.mark.parametrize("family", FAMILIES)
def test_a_section_is_carried_out(made: ModuleType, family: str) -> None:
    """Each section of the reference policy is carried out by at least one function."""
    assert any(one.clause.split(".")[0] == family for one in made.citations())


def test_the_sections_are_those_of_the_reference_policy(made: ModuleType) -> None:
    """No section of the reference policy is left out of the comparison."""
    assert {clause.split(".")[0] for clause in made.clause_ids()} == set(FAMILIES)


def test_a_citation_is_read_as_it_is_written(made: ModuleType, tmp_path: Path) -> None:
    """A citation may break over two lines, and ends before the next paragraph."""
    (tmp_path / "room.py").write_text(
        'def act():\n    """Do it.\n\n    Clause: retention.ceiling (APPI 22,\n    GDPR 5(1)(e))\n\n    More. \n    """\n',
        encoding="utf-8",
    )
    (found,) = made.citations(tmp_path)
    assert (found.clause, found.law) == ("retention.ceiling", "APPI 22, GDPR 5(1)(e)")


def test_a_clause_falls_under_the_nearest_one_above(made: ModuleType) -> None:
    """A clause that no function names is carried out by what names its pattern, its family or its section."""
    known = frozenset({"services.transfer", "collection.situations", "retention", "retention.ceiling"})
    assert made.carried_by("services.marketo.transfer", known) == "services.transfer"
    assert made.carried_by("collection.event.announce", known) == "collection.situations"
    assert made.carried_by("retention.ceiling", known) == "retention.ceiling"
    assert made.carried_by("retention.candidate", known) == "retention"
    assert made.carried_by("rights.access", known) is None
