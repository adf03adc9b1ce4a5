"""`upheld check` and `upheld explain`: what they print, where they point, how they leave."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from upheld.policy.report.width import columns

from .conftest import DAY, REFERENCE, STARTER, Run

Spoil = Callable[[str, str, str], Path]


def test_shape_of_a_finding(run: Run, spoil: Spoil) -> None:
    """A finding shows code, place, source line with carets, headings and next step; the last line counts."""
    spoil(
        "02-collection.yaml",
        "purposes: [deliver, news, choose_stock]",
        "purposes: [deliver, news, choose_stock, gossip]",
    )
    done = run("check", "policy", "--as-of", DAY)
    assert done.returncode == 1
    blocks = done.stdout.split("\n\n")
    lines = blocks[0].splitlines()
    number = lines[3].split(" |")[0]
    assert lines[0] == "PP007 error  there is no purpose `gossip`"
    assert lines[1] == f"  --> policy/02-collection.yaml:{number}:45"
    assert lines[2] == " " * len(number) + " |"
    assert lines[3] == f"{number} |     purposes: [deliver, news, choose_stock, gossip]"
    assert lines[4].startswith(" " * len(number) + " |" + " " * 45 + "^^^^^^")
    assert lines[5] == f"{' ' * len(number)} = under  What we take, and what for > When you order books"
    assert lines[-1].startswith(f"{' ' * len(number)} = next   ")
    assert blocks[-1].startswith("1 error, ")
    assert blocks[-1].endswith("3 situations 4 purposes 2 services en+ja\n")


def test_carets_stand_under_japanese(run: Run, spoil: Spoil) -> None:
    """Carets stand under the word they mean when full-width characters come before it."""
    spoil("02-collection.yaml", "text: {en: name, ja: お名前}", "text: {ja: お名前様, fr: nom, en: name}")
    lines = run("check", "policy", "--as-of", DAY).stdout.splitlines()
    place = next(n for n, line in enumerate(lines) if "fr: nom" in line)
    source, carets = lines[place], lines[place + 1]
    assert columns(source[: source.index("fr: nom")]) == columns(carets[: carets.index("^")])
    assert carets.count("^") == 2


def test_clean_folder(run: Run) -> None:
    """The starter is clean: 0, nothing but the closing line."""
    done = run("check", STARTER, "--as-of", DAY)
    assert (done.returncode, done.stdout) == (
        0,
        "0 errors, 0 warnings · 3 situations 4 purposes 2 services en+ja\n",
    )


def test_reference_is_clean_but_for_what_is_accepted(run: Run) -> None:
    """The reference policy leaves with 0, and its four accepted findings are shown when asked for."""
    done = run("check", REFERENCE, "--as-of", DAY, "--show-accepted")
    assert done.returncode == 0
    assert (
        "0 errors, 0 warnings, 12 notes, 4 accepted · 12 situations 16 purposes 5 services en+ja"
        in done.stdout
    )
    assert done.stdout.count("PP107 accepted") == 4
    assert done.stdout.count("= until  2027-06-30 · ") == 4
    assert "PP107" not in run("check", REFERENCE, "--as-of", DAY).stdout


def test_acceptance_that_ends_soon(run: Run) -> None:
    """The closing line says when acceptances end within a month."""
    assert (
        "4 accepted (4 end soon, the first in 9 days)"
        in run("check", REFERENCE, "--as-of", "2027-06-21").stdout
    )


def test_strict(run: Run, spoil: Spoil) -> None:
    """A warning leaves with 0, with --strict 1."""
    spoil("02-collection.yaml", "To answer what you ask us.", "To answer what you ask us, etc.")
    assert run("check", "policy", "--as-of", DAY).returncode == 0
    strict = run("check", "policy", "--as-of", DAY, "--strict")
    assert strict.returncode == 1
    assert "PP206 warning" in strict.stdout


def test_quiet(run: Run) -> None:
    """--quiet leaves out the closing line."""
    assert run("check", STARTER, "--as-of", DAY, "--quiet").stdout == ""


def test_this_folder(run: Run, folder: Path) -> None:
    """Without a folder the one where the command runs is checked, and paths are relative to it."""
    (folder / "00-policy.yaml").write_text("section: policy\nformat: [", encoding="utf-8")
    done = run("check", "--format", "concise", cwd=folder)
    assert done.returncode == 1
    assert any(line.startswith("00-policy.yaml:") for line in done.stdout.splitlines())


def test_path_from_elsewhere(run: Run, spoil: Spoil, tmp_path: Path) -> None:
    """Paths are told as seen from where the command runs, so that an editor can open them."""
    spoil("02-collection.yaml", "purposes: [deliver, news", "purposes: [deliver, gossip, news")
    (tmp_path / "elsewhere").mkdir()
    done = run(
        "check", tmp_path / "policy", "--format", "concise", "--as-of", DAY, cwd=tmp_path / "elsewhere"
    )
    path, line, *_ = done.stdout.split(":")
    assert path == "../policy/02-collection.yaml"
    assert "gossip" in (tmp_path / "policy" / "02-collection.yaml").read_text().splitlines()[int(line) - 1]


@pytest.mark.parametrize("lang", ["en", "ja"])
def test_eighty_columns(run: Run, lang: str) -> None:
    """At 80 columns no line is wider, in either language."""
    done = run("check", REFERENCE, "--show-accepted", "--as-of", DAY, "--lang", lang, COLUMNS="80")
    own = [line for line in done.stdout.splitlines()[:-1] if "-->" not in line]
    assert own
    assert max(columns(line) for line in own) <= 80


def test_japanese(run: Run) -> None:
    """--lang ja says findings, law and the closing line in Japanese."""
    done = run("check", REFERENCE, "--as-of", DAY, "--lang", "ja", "--show-accepted")
    assert "PP107 受容" in done.stdout
    assert "= 法令   個人情報保護法第17条第1項" in done.stdout
    assert "エラー0件、警告0件、参考12件、受容4件 · 取得場面12 利用目的16 サービス5 en+ja" in done.stdout


def test_json(run: Run, spoil: Spoil) -> None:
    """json is one object with findings and summary, every finding with place, clause and next step."""
    spoil("02-collection.yaml", "purposes: [deliver, news", "purposes: [deliver, gossip, news")
    done = run("check", "policy", "--format", "json", "--as-of", DAY)
    found = json.loads(done.stdout)
    assert set(found) == {"findings", "summary"}
    first = found["findings"][0]
    keys = {"code", "severity", "message", "next", "path", "span", "clause", "under", "law", "accepted"}
    assert set(first) == keys
    assert set(first["span"]) == {"file", "line", "col", "end_line", "end_col"}
    assert (first["code"], first["clause"]) == ("PP007", "collection.order.gossip")
    assert first["span"]["file"] == "policy/02-collection.yaml"
    assert first["accepted"] is None
    assert found["summary"]["errors"] == 1


def test_json_of_the_accepted(run: Run) -> None:
    """An accepted finding tells reason, name and end."""
    done = run("check", REFERENCE, "--format", "json", "--show-accepted", "--as-of", DAY)
    accepted = [found["accepted"] for found in json.loads(done.stdout)["findings"] if found["accepted"]]
    assert len(accepted) == 4
    assert all(set(one) == {"reason", "who", "until"} and one["until"] == "2027-06-30" for one in accepted)


def test_against_the_version_in_force(run: Run, spoil: Spoil, tmp_path: Path) -> None:
    """--against finds what changed under the same version, and nothing where nothing changed."""
    shutil.copytree(tmp_path / "policy", tmp_path / "published")
    same = run("check", "policy", "--against", "published", "--as-of", DAY)
    assert same.returncode == 0
    spoil("02-collection.yaml", "collect: {required: [name, email, address, titles], optional: []}",
          "collect: {required: [name, email, address, titles], optional: [message]}")  # fmt: skip
    changed = run("check", "policy", "--against", "published", "--as-of", DAY)
    assert changed.returncode == 1
    assert "PP704 error" in changed.stdout


def test_against_an_unreadable_folder(run: Run, tmp_path: Path) -> None:
    """A version to compare with that cannot be read stops the command with 2 and says where."""
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "a.yaml").write_text("section: policy\ntitle: [", encoding="utf-8")
    done = run("check", STARTER, "--against", "broken")
    assert done.returncode == 2
    assert "broken/a.yaml:" in done.stderr


def test_hostile_text_cannot_drive_the_terminal(run: Run, folder: Path) -> None:
    """An escape sequence in a policy file is shown, not obeyed."""
    (folder / "00-policy.yaml").write_bytes(b'section: policy\ntitle: "\x1b]0;owned\x07"\n')
    done = run("check", "policy", "--as-of", DAY)
    assert done.returncode == 1
    assert "\x1b" not in done.stdout
    assert "\x07" not in done.stdout


def test_explain(run: Run) -> None:
    """explain tells why, law, wrong and right and how to accept, whatever the case of the code."""
    done = run("explain", "pp107")
    assert done.returncode == 0
    assert done.stdout.startswith("PP107 · error · ")
    assert all(f"\n{word}" in done.stdout for word in ("Why ", "Law ", "Bad ", "Good ", "Accept "))


def test_explain_lists(run: Run) -> None:
    """explain without a code lists them all."""
    listed = run("explain").stdout.splitlines()
    assert len(listed) > 50
    assert any(line.startswith("PP107 error") for line in listed)


def test_explain_for_programs(run: Run) -> None:
    """explain writes the reference page of a code, or one object."""
    assert run("explain", "PP107", "--format", "md").stdout.startswith("# PP107")
    assert json.loads(run("explain", "PP107", "--format", "json").stdout)["code"] == "PP107"
