"""`upheld init`, `schema`, `completion` and the built wheel: what they write."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from .conftest import DAY, ROOT, STARTER, Run


def test_init_writes_a_folder_that_compiles(run: Run, tmp_path: Path) -> None:
    """The folder that init writes passes check, promises what the starter promises, and the next steps work."""
    done = run("init", "mine")
    assert done.returncode == 0
    assert "upheld check mine" in done.stdout
    assert run("check", "mine", "--as-of", DAY).returncode == 0
    assert run("diff", STARTER, "mine", "--as-of", DAY).returncode == 0


def test_init_names_schemas_for_editors(run: Run, tmp_path: Path) -> None:
    """Each file begins with the line that editors look for, and it leads to a schema."""
    run("init", "mine")
    paths = list((tmp_path / "mine").rglob("*.yaml"))
    assert len(paths) == len(list(STARTER.rglob("*.yaml")))
    for path in paths:
        first = path.read_text(encoding="utf-8").splitlines()[0]
        target = path.parent / first.removeprefix("# yaml-language-server: $schema=")
        assert json.loads(target.read_text(encoding="utf-8"))["$schema"].endswith("draft-07/schema#")


def test_init_refuses_a_folder_that_is_not_empty(run: Run, tmp_path: Path) -> None:
    """A folder with anything in it is left alone."""
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "note.txt").write_text("mine", encoding="utf-8")
    assert run("init", "mine").returncode == 2
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["note.txt"]


def test_schema_of_a_policy(run: Run, tmp_path: Path) -> None:
    """schema writes one file a section; with a policy its texts ask for exactly its languages."""
    done = run("schema", "--out", "out", "--policy", ROOT / "tests/policy/good/klinikum/policy")
    assert (done.returncode, done.stdout) == (0, "")
    title = json.loads((tmp_path / "out" / "policy.json").read_text(encoding="utf-8"))["properties"]["title"]
    assert title["required"] == ["de", "en"]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_script(run: Run, shell: str) -> None:
    """completion prints a script that asks upheld itself."""
    done = run("completion", shell)
    assert done.returncode == 0
    assert "_UPHELD_COMPLETE" in done.stdout


def test_completion_of_a_command(run: Run) -> None:
    """Completing `upheld ch` offers check, without loading it."""
    done = run(_UPHELD_COMPLETE="bash_complete", COMP_WORDS="upheld ch", COMP_CWORD="1")
    assert done.stdout == "plain,check\n"


def test_completion_script_is_bash(run: Run) -> None:
    """The bash script is one that bash can read."""
    script = run("completion", "bash").stdout
    assert subprocess.run(["bash", "-n"], input=script, text=True, capture_output=True).returncode == 0


@pytest.mark.slow
def test_wheel_carries_the_starter(tmp_path: Path) -> None:
    """A wheel built from the repository holds the starter, and init finds it there without a clone."""
    tree = tmp_path / "tree"
    ignore = shutil.ignore_patterns("__pycache__", "*.egg-info")
    for name in ("src", "policies"):
        shutil.copytree(ROOT / name, tree / name, ignore=ignore)
    for name in ("pyproject.toml", "setup.py", "MANIFEST.in"):
        shutil.copy(ROOT / name, tree / name)
    (tree / "README.md").write_text("upheld\n", encoding="utf-8")
    build = "import setuptools.build_meta as b; print(b.build_wheel('.'))"
    subprocess.run([sys.executable, "-c", build], cwd=tree, check=True, capture_output=True, timeout=200)
    wheel = next(tree.glob("*.whl"))
    with zipfile.ZipFile(wheel) as packed:
        packed.extractall(tmp_path / "installed")
    code = f"import sys; sys.path.insert(0, {str(tmp_path / 'installed')!r}); from upheld.cli import main; main()"
    words = [sys.executable, "-c", code, "init", "mine"]
    subprocess.run(words, cwd=tmp_path, check=True, capture_output=True, timeout=60)
    sources = {path.relative_to(STARTER) for path in STARTER.rglob("*") if path.is_file()}
    copied = {
        path.relative_to(tmp_path / "mine") for path in (tmp_path / "mine").rglob("*") if path.is_file()
    }
    assert sources <= copied
    assert (tmp_path / "installed" / "upheld" / "starter").is_dir()
