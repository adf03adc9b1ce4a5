"""`upheld decide` and `upheld diff`: verdicts without data, changes between versions."""

from __future__ import annotations

import csv
import io
import json
import shutil
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from .conftest import DAY, REFERENCE, STARTER, Run

Spoil = Callable[[str, str, str], Path]


def _ask(run: Run, situation: str, field: str, purpose: str, *more: str) -> tuple[int, str]:
    done = run(
        "decide", "--policy", REFERENCE, "--situation", situation, "--field", field, "--purpose", purpose,
        "--on", DAY, *more,
    )  # fmt: skip
    return done.returncode, done.stdout


def test_refused(run: Run) -> None:
    """A purpose that the page does not state is refused with code, clause, what is stated, and what to do."""
    code, shown = _ask(run, "event", "email", "provide")
    assert code == 1
    assert shown.splitlines() == [
        "refuse  purpose_not_declared",
        "clause  collection.event.purposes   version 1 states: analyse, announce",
        "next    ask under a stated purpose, or amend (`upheld diff` shows what that takes)",
    ]


@pytest.mark.parametrize(
    ("triple", "code"),
    [
        (("survey", "email", "announce"), "situation_unknown"),
        (("event", "department", "announce"), "field_not_declared"),
        (("event", "email", "resell"), "purpose_not_declared"),
        (("in_service", "email", "respond"), "purpose_gap"),
    ],
)
def test_codes(run: Run, triple: tuple[str, str, str], code: str) -> None:
    """Each refusal has its code, checked in the order situation, field, purpose, gap."""
    left, shown = _ask(run, *triple)
    assert left == 1
    assert shown.startswith(f"refuse  {code}\n")


def test_allowed_for_a_person_of_the_union(run: Run) -> None:
    """For a person of the Union the basis of every regime, the period and what carries each hop are told."""
    code, shown = _ask(run, "event", "email", "announce", "--area", "DE")
    assert code == 0
    lines = shown.splitlines()
    assert lines[0] == "allow   while consent(announce) stands"
    assert "basis   consent (eea, jp)" in lines
    assert any(line.startswith("keep    3 years after") for line in lines)
    assert "to      salesforce  JP  adequacy (eea), domestic (jp)" in lines
    assert any("marketo     US  scc module 2 (eea), equivalent_system (jp)" in line for line in lines)


def test_verdict_as_an_object(run: Run) -> None:
    """json tells the same with stable keys."""
    code, shown = _ask(run, "event", "email", "announce", "--area", "DE", "--format", "json")
    found = json.loads(shown)
    assert code == 0
    assert (found["decision"], found["needs"]) == ("allow", ["consent(announce)"])
    assert found["bases"] == {"eea": "consent", "jp": "consent"}


def test_japanese_verdict(run: Run) -> None:
    """--lang ja says the words in Japanese; codes and ids stay."""
    _, shown = _ask(run, "event", "email", "provide", "--lang", "ja")
    assert "purpose_not_declared" in shown
    assert "第1版が述べる目的: analyse, announce" in shown


def test_no_such_area(run: Run) -> None:
    """An area that is none could not be decided for: 2."""
    done = run(
        "decide", "--policy", REFERENCE, "--situation", "event", "--field", "email", "--purpose", "announce",
        "--area", "Atlantis",
    )  # fmt: skip
    assert done.returncode == 2


def test_matrix_of_the_reference_policy(run: Run) -> None:
    """The matrix has 2,496 rows: 148 allowed, 16 of them with a gap, the others refused at field or purpose."""
    done = run("decide", "--policy", REFERENCE, "--matrix", "--format", "csv", "--on", DAY)
    assert done.returncode == 0
    assert "\r" not in done.stdout
    assert done.stdout.startswith("situation,field,purpose,decision,code\n")
    rows = list(csv.DictReader(io.StringIO(done.stdout)))
    assert Counter((row["decision"], row["code"]) for row in rows) == {
        ("allow", ""): 132,
        ("allow", "purpose_gap"): 16,
        ("refuse", "field_not_declared"): 1536,
        ("refuse", "purpose_not_declared"): 812,
    }


def test_matrix_as_json(run: Run) -> None:
    """json holds the same rows as csv."""
    table = json.loads(run("decide", "--policy", STARTER, "--matrix", "--format", "json").stdout)
    rows = list(csv.DictReader(io.StringIO(run("decide", "--policy", STARTER, "--matrix").stdout)))
    assert table == rows


def test_matrix_costs_little_more_than_compiling(run: Run) -> None:
    """All 2,496 rows take at most three times as long as checking the same folder."""

    def seconds(*args: str | Path) -> float:
        began = time.perf_counter()
        run(*args)
        return time.perf_counter() - began

    check = min(seconds("check", REFERENCE, "--as-of", DAY) for _ in range(3))
    assert min(seconds("decide", "--policy", REFERENCE, "--matrix") for _ in range(3)) < 3 * check


def test_unsound_folder_decides_nothing(run: Run, spoil: Spoil) -> None:
    """A folder with errors gives no verdict: 2, with the errors on stderr."""
    spoil("02-collection.yaml", "purposes: [deliver, news", "purposes: [deliver, gossip")
    done = run("decide", "--policy", "policy", "--matrix")
    assert (done.returncode, done.stdout) == (2, "")
    assert "PP007" in done.stderr


def test_dates_that_passed_do_not_stop_decisions(run: Run) -> None:
    """An acceptance that ended stops publishing, not deciding."""
    assert run("check", REFERENCE, "--as-of", "2027-07-01").returncode == 1
    then = run("decide", "--policy", REFERENCE, "--matrix", "--on", "2027-07-01")
    assert then.returncode == 0
    assert then.stdout == run("decide", "--policy", REFERENCE, "--matrix", "--on", DAY).stdout


# --- diff ---------------------------------------------------------------------------------------------------


def test_same(run: Run) -> None:
    """Two folders that promise the same leave with 0."""
    done = run("diff", STARTER, STARTER, "--as-of", DAY)
    assert (done.returncode, done.stdout) == (0, "version 1 -> 1 · no change\n")


@pytest.fixture
def changed(tmp_path: Path, spoil: Spoil) -> Path:
    """A copy of the starter as published, beside one that takes more, for more, and longer."""
    shutil.copytree(tmp_path / "policy", tmp_path / "published")
    spoil("00-policy.yaml", 'version: "1"', 'version: "2"')
    spoil(
        "02-collection.yaml",
        "purposes: [deliver, news, choose_stock]",
        "purposes: [deliver, news, choose_stock, answer]",
    )
    spoil("02-collection.yaml", "optional: []", "optional: [message]")
    return spoil("08-contact.yaml", "Reader service", "Readers' service")


def test_strictest_first(run: Run, changed: Path) -> None:
    """Changes stand under their class, the strictest first, with clause, before and after, steps and who is asked."""
    done = run("diff", "published", "policy", "--as-of", DAY)
    assert done.returncode == 1
    lines = done.stdout.splitlines()
    assert lines[0] == "version 1 -> 2 · 3 changes · led by beyond"
    heads = [line for line in lines if line in {"beyond", "new field", "less protection", "wording"}]
    assert heads[:2] == ["beyond", "new field"]
    assert any(line.split() == ["collection.order.answer", "+", "answer"] for line in lines)
    assert any(line.startswith("    steps   sign_class, announce, ask_consent") for line in lines)
    assert "    open    all of them" in lines
    assert "    again   people of order are asked for consent" in lines


def test_changes_as_an_object(run: Run, changed: Path) -> None:
    """json tells each change with class, clause, before, after, steps and who is asked again."""
    found = json.loads(run("diff", "published", "policy", "--as-of", DAY, "--format", "json").stdout)
    assert (found["same"], found["leading"]) == (False, "beyond")
    first = found["changes"][0]
    assert first["clause"] == "collection.order.answer"
    assert first["asked_again"] == ["order"]
    assert "ask_consent" in first["steps"]


def test_back_is_narrowing(run: Run, changed: Path) -> None:
    """Taking the widening back is a narrowing, for which nobody is asked."""
    found = json.loads(run("diff", "policy", "published", "--as-of", DAY, "--format", "json").stdout)
    widened = [change for change in found["changes"] if change["clause"].startswith("collection.")]
    assert {change["class"] for change in widened} == {"narrowing"}
    assert not any(change["asked_again"] for change in found["changes"])


def test_diff_fits_eighty_columns(run: Run, changed: Path) -> None:
    """At 80 columns no line is wider."""
    shown = run("diff", "published", "policy", "--as-of", DAY, COLUMNS="80").stdout
    assert max(len(line) for line in shown.splitlines()) <= 80
