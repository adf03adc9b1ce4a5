"""Golden cases: what `upheld check` says of a folder stands in a file beside it, readable at a glance."""

from __future__ import annotations

import importlib.util
import sys
from datetime import date
from functools import cache
from pathlib import Path
from types import ModuleType

import pytest

from upheld.policy.catalogue import catalogue
from upheld.policy.check.context import Live
from upheld.policy.compile import Compiled, compile_policy
from upheld.policy.findings import Finding
from upheld.policy.law import load_law

ROOT = Path(__file__).resolve().parents[2]
TODAY = date(2026, 11, 22)


def _script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("golden", ROOT / "scripts" / "golden.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["golden"] = module  # a dataclass looks its module up
    spec.loader.exec_module(module)
    return module


golden = _script()
CASES = {folder.name: golden.read(folder) for folder in golden.cases()}
BUILT = [name for name, case in CASES.items() if case.base]
BAD = [name for name in BUILT if CASES[name].code]
GOOD = [name for name in CASES if name not in BUILT]


@cache
def _compiled(name: str) -> Compiled:
    case, law = CASES[name], load_law()
    against = compile_policy(ROOT / case.against, law, TODAY).policy if case.against else None
    return compile_policy(ROOT / case.policy, law, TODAY, published=against, live=Live(**case.seen))


def _file(found: Finding) -> str:
    assert found.span is not None
    return found.span.file


def _lines(found: Finding) -> range:
    assert found.span is not None
    return range(found.span.line, found.span.end_line + 1)


def test_every_code_has_a_case() -> None:
    """For each diagnostic somebody can see a folder that earns it."""
    assert {CASES[name].code for name in BAD} == set(catalogue())


@pytest.mark.parametrize("name", CASES)
def test_the_command_prints_what_the_case_shows(name: str) -> None:
    """Running the command of a case prints its output and leaves with its exit code."""
    case = CASES[name]
    assert golden.run(case) == case.output


@pytest.mark.parametrize("name", BUILT)
def test_a_case_differs_from_a_good_folder_in_its_change_only(name: str) -> None:
    """The folder of a case is the good folder with the change that the case shows, byte for byte."""
    case = CASES[name]
    assert golden.written(case) == golden.files(case)


@pytest.mark.parametrize("name", BAD)
def test_a_case_earns_its_code_and_no_other(name: str) -> None:
    """One mistake gives one code, with the severity of the catalogue; a second is named in the case with its reason."""
    case, outcome = CASES[name], _compiled(name)
    assert {found.code for found in outcome.findings} == {case.code, *case.also}
    assert (outcome.policy is None) == any(
        catalogue()[found.code].severity == "error" for found in outcome.findings
    )


ELSEWHERE = {
    "PP102-uk": "the controller, who should name somebody; the exemption may be missing anywhere",
    "PP103-period": "the situation whose notice would have the gap",
    "PP104-fitting": "the situation that has no words",
    "PP110-club": "the words that make the recipient necessary",
    "PP204-balance": "the basis that needs the test",
    "PP303-sheet": "the first place that names the country",
    "PP407-nowhere": "the list of services",
    "PP408-outside": "the word in the purpose that no service keeps",
    "PP410-none": "the service that has no contract",
    "PP702-silent": "the word that makes the change silent",
    "PP901-tags": "the situation in a browser",
    "PP908-undeclared": "the list of tags",
    "PP910-visitor-id": "the list of tags",
    "PP911-unasked": "the tag that ran",
    "PP909-ignored": "the promise that no tag keeps",
    "PP116-never": "what is declared, not the promise",
    "PP117-uses": "the needs beside the new line",
    "PP020-clash": "the later of the two ids",
    "PP610-two": "the table of levels",
    "PP610-none": "the table of levels",
    "PP403-support": "the country of the operator",
    "PP109-ground": "the field that needs a ground",
    "PP209-candidate": "the situation whose people will not be mailed",
    "PP704-same": "the version, which did not grow",
    "PP111-responsible": "the recipient that lacks something",
    "PP006-storage": "the service that lacks something",
    "PP101-nobody": "the controller that lacks something",
    "PP902-content": "the tag that lacks something",
    "PP904-linking": "the word that says nothing is known of the recipient",
}
"""Cases whose finding stands beside the change, and what it points at."""


@pytest.mark.parametrize("name", [name for name in BAD if "PP014" not in name])
def test_the_finding_points_at_the_change(name: str) -> None:
    """The caret stands on a line that the case changed, or beside it where the list above says why."""
    case = CASES[name]
    changed = {
        (change.file, number)
        for change in case.changes
        if change.verb != "remove"
        for number, line in enumerate(golden.files(case)[change.file].decode().split("\n"), 1)
        if line in change.new and line not in change.old
    }
    mine = [found for found in _compiled(name).findings if found.code == case.code]
    there = all(any((_file(found), line) in changed for line in _lines(found)) for found in mine)
    assert mine
    assert there == (name not in ELSEWHERE)


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("lang", ["en", "ja"])
def test_every_finding_can_be_told_in_full(name: str, lang: str) -> None:
    """No sentence about any case has a gap, in either language."""
    for found in (outcome := _compiled(name)).findings + outcome.accepted:
        params = {"clause": found.clause, **found.params}
        assert "…" not in catalogue()[found.code].message_in(lang, params, strict=True)
        assert "…" not in catalogue()[found.code].next_in(lang, params, strict=True)


@pytest.mark.parametrize("name", GOOD)
def test_a_good_folder_compiles(name: str) -> None:
    """Nothing in a good folder is worse than a note."""
    assert {found.severity for found in _compiled(name).findings} <= {"note"}


@pytest.mark.parametrize("name", ["klinikum", "pebble"])
def test_where_japanese_law_is_not_listed_it_is_not_cited(name: str) -> None:
    """A policy under German or American skies is never told of Japanese law nor asked for Japanese words."""
    for found in _compiled(name).findings:
        assert not [place for place in found.law if "APPI" in place or place.startswith("Employment Security")]
        assert found.code != "PP802"


@pytest.mark.parametrize(("name", "stated", "of"), [("klinikum", 75, 1260), ("pebble", 24, 1120)])
def test_the_closed_world_of_the_test_policies(name: str, stated: int, of: int) -> None:
    """Of all situations, fields and purposes only the triples of the tables are stated."""
    from upheld.policy.decide import state

    policy = _compiled(name).policy
    assert policy is not None
    triples = [(s, f, p) for s in policy.situations for f in policy.fields for p in policy.purposes]
    assert len(triples) == of
    assert sum(state(policy, *triple).stated for triple in triples) == stated
