"""`upheld export`: the register and the policy for other programs."""

from __future__ import annotations

import csv
import io
import json

import pytest

from .conftest import DAY, REFERENCE, ROOT, Run


def test_register_as_csv(run: Run) -> None:
    """The register is CSV with one row for each stated purpose of each situation, LF and no byte order mark."""
    done = run("export", "register", "--policy", REFERENCE, "--as-of", DAY)
    assert done.returncode == 0
    assert "\r" not in done.stdout
    assert not done.stdout.startswith("\ufeff")
    assert len(list(csv.DictReader(io.StringIO(done.stdout)))) == 30


def test_ropa_is_the_register(run: Run) -> None:
    """`ropa` is the register by its other name."""
    first, second = (
        run("export", what, "--policy", REFERENCE, "--as-of", DAY) for what in ("register", "ropa")
    )
    assert first.stdout == second.stdout


def test_register_in_other_shapes(run: Run) -> None:
    """json keeps lists as lists, md is one table line a row."""
    rows = json.loads(
        run("export", "register", "--policy", REFERENCE, "--as-of", DAY, "--format", "json").stdout
    )
    assert len(rows) == 30
    assert any(isinstance(value, list) for value in rows[0].values())
    lines = run(
        "export", "register", "--policy", REFERENCE, "--as-of", DAY, "--format", "md"
    ).stdout.splitlines()
    assert len(lines) == 32
    assert all(line.startswith("| ") and line.endswith(" |") for line in lines)


def test_register_speaks_the_languages_of_the_policy(run: Run) -> None:
    """The register comes in a language of the policy, its first if none is named; no other."""
    folder = ROOT / "tests/policy/good/klinikum/policy"
    assert run("export", "register", "--policy", folder, "--as-of", DAY).returncode == 0
    assert run("export", "register", "--policy", folder, "--as-of", DAY, "--lang", "ja").returncode == 2


def test_policy_and_terms(run: Run) -> None:
    """The policy and its JSON-LD are one JSON object each."""
    assert json.loads(run("export", "policy", "--policy", REFERENCE, "--as-of", DAY).stdout)["version"] == "1"
    done = run(
        "export", "jsonld", "--policy", REFERENCE, "--as-of", DAY, "--base-url", "https://privacy.example.com"
    )
    assert "https://privacy.example.com" in done.stdout
    assert "@graph" in json.loads(done.stdout)


@pytest.mark.parametrize("what", ["policy", "jsonld"])
def test_no_table_of_a_tree(run: Run, what: str) -> None:
    """What is no table does not come as csv."""
    assert run("export", what, "--policy", REFERENCE, "--format", "csv").returncode == 2
