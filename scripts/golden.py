"""Write the golden cases of the policy language again, from the changes that they show.

A case is one readable file, `case.txt`, beside the policy folder it is about: a title, the good folder it starts
from, the change, the command, what the command printed, its exit code. Title and change are written by hand; this
script makes the folder from them and runs the command. To add a case, write a new `case.txt` down to the change:

    PP107: a purpose needs an address that nobody gives
    base tests/policy/good/meadow/policy

    change 02-collection.yaml
    -    purposes: [fit]
    +    purposes: [fit, announce]

`change FILE` replaces lines (` ` stays, `-` goes, `+` comes; they stand once in the file), `new FILE` adds a file,
`remove FILE` drops one. `(escapes)` after a name reads `\\u202e` in its lines as that character. Further lines of the
head: `against FOLDER` is the version in force, `also CODE why` a second code that cannot be kept out,
`crawled HOST`, `kept NAME`, `early TAG` what the live pages called, kept and ran unasked, `printed FORMAT` how findings are printed.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import sys
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
CASES = ROOT / "tests" / "policy"
AS_OF = "2026-11-22"
NOT_COPIED = {"case.txt"}


@dataclass(frozen=True, slots=True)
class Change:
    """What a case does to one file of its base."""

    verb: str
    file: str
    old: tuple[str, ...] = ()
    new: tuple[str, ...] = ()

    def on(self, text: str) -> str:
        """Give the changed text of the file; raises ValueError where the old lines do not stand exactly once."""
        if self.verb == "new":
            return "\n".join(self.new) + "\n"
        before, after = ("".join(f"{line}\n" for line in lines) for lines in (self.old, self.new))
        if not before or ("\n" + text).count("\n" + before) != 1:
            raise ValueError(f"{self.file}: these lines do not stand there exactly once:\n{before}")
        return ("\n" + text).replace("\n" + before, "\n" + after)[1:]


@dataclass(slots=True)
class Case:
    """One case as its file tells it; `output` is what the command printed last time."""

    folder: Path
    title: str
    base: str | None = None
    against: str | None = None
    also: dict[str, str] = field(default_factory=dict)
    crawled: list[str] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)
    early: list[str] = field(default_factory=list)
    changes: list[Change] = field(default_factory=list)
    printed: str = ""
    head: str = ""
    output: str = ""

    @property
    def code(self) -> str:
        """Give the code that the case is about, empty for one that is about none or many."""
        return self.folder.name.split("-")[0] if self.folder.parent.name == "bad" else ""

    @property
    def policy(self) -> str:
        """Give the policy folder of the case, from the root of the repository."""
        folder = self.folder if self.base else self.folder / "policy"
        return folder.relative_to(ROOT).as_posix()

    @property
    def seen(self) -> dict[str, tuple[str, ...]]:
        """Give what a crawl saw, empty for a case without one."""
        told = {"hosts": tuple(self.crawled), "kept": tuple(self.kept), "early": tuple(self.early)}
        return {name: values for name, values in told.items() if values}

    @property
    def command(self) -> str:
        """Give the command line, or the call where the command has no word for it."""
        if seen := self.seen:
            told = ", ".join(f"{name}={values!r}" for name, values in seen.items())
            return f"compile_policy({self.policy!r}, law, {AS_OF}, live=Live({told}))"
        against = f"--against {self.against} " if self.against else ""
        printed = f"--format {self.printed} " if self.printed else ""
        return f"upheld check --as-of {AS_OF} {against}{printed}{self.policy}"


def cases() -> list[Path]:
    """Give the folders of all cases, bad ones first."""
    kinds = ("bad/*", "good/*", "seed_literal")
    return [path.parent for kind in kinds for path in sorted(CASES.glob(f"{kind}/case.txt"))]


def read(folder: Path) -> Case:
    """Read a case; raises ValueError where its head cannot be understood."""
    text = (folder / "case.txt").read_text(encoding="utf-8")
    head, prompt, output = text.partition("\n$ ")
    head = head.strip("\n")
    title, *lines = head.split("\n")
    case = Case(folder, title, head=head, output=prompt and "$ " + output)
    block: list[str] = []
    for line in [*lines, ""]:
        if block and not line.startswith((" ", "-", "+")):
            case.changes.append(_change(block))
            block = []
        if block or line.startswith(("change ", "new ", "remove ")):
            block.append(line)
        elif line:
            _word(case, *line.partition(" ")[::2])
    return case


def _word(case: Case, word: str, rest: str) -> None:
    if word == "base":
        case.base = rest
    elif word == "against":
        case.against = rest
    elif word == "also":
        code, _, why = rest.partition(" ")
        case.also[code] = why
    elif word == "printed":
        case.printed = rest
    elif word == "crawled":
        case.crawled.append(rest)
    elif word in {"kept", "early"}:
        getattr(case, word).append(rest)
    else:
        raise ValueError(f"{case.folder.name}: no such line: {word} {rest}")


def _change(block: list[str]) -> Change:
    verb, _, name = block[0].partition(" ")
    escapes = name.endswith(" (escapes)")
    lines = [_unescape(line) if escapes else line for line in block[1:]]
    old = tuple(line[1:] for line in lines if line[0] in " -")
    new = tuple(line[1:] for line in lines if line[0] in " +")
    return Change(verb, name.removesuffix(" (escapes)"), old, new)


def _unescape(line: str) -> str:
    return re.sub(r"\\u([0-9a-f]{4})", lambda match: chr(int(match[1], 16)), line)


def files(case: Case) -> dict[str, bytes]:
    """Give the files that the folder of a bad case holds: its base with the changes made."""
    base = ROOT / (case.base or "")
    found = {path.relative_to(base).as_posix(): path.read_bytes() for path in base.rglob("*") if path.is_file()}
    for change in case.changes:
        if change.verb == "remove":
            del found[change.file]
        else:
            found[change.file] = change.on(found.get(change.file, b"").decode()).encode()
    return found


def written(case: Case) -> dict[str, bytes]:
    """Give the files that stand in the folder of a bad case."""
    paths = (path for path in case.folder.rglob("*") if path.is_file() and path.name not in NOT_COPIED)
    return {path.relative_to(case.folder).as_posix(): path.read_bytes() for path in paths}


def run(case: Case) -> str:
    """Run the command of a case from the root of the repository; gives the command, what it printed, its exit code."""
    printed, code = _crawl(case) if case.seen else _command(case)
    return f"$ {case.command}\n{printed.rstrip()}\nexit {code}\n"


def _command(case: Case) -> tuple[str, int]:
    from click.testing import CliRunner

    from upheld.cli import cli

    before = Path.cwd()
    os.chdir(ROOT)
    try:
        result = CliRunner(env={"COLUMNS": None, "NO_COLOR": "1"}).invoke(cli, shlex.split(case.command)[1:])
    finally:
        os.chdir(before)
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.output, result.exit_code


def _crawl(case: Case) -> tuple[str, int]:
    """Compile with what a crawl saw, and print as the command does."""
    from upheld.policy.check.context import Live
    from upheld.policy.compile import compile_policy
    from upheld.policy.law import load_law
    from upheld.policy.report import Report, Style, closing, render

    live = Live(**case.seen)
    outcome = compile_policy(ROOT / case.policy, load_law(), date.fromisoformat(AS_OF), live=live)
    report = Report(
        outcome.draft, outcome.findings, outcome.accepted, outcome.texts, date.fromisoformat(AS_OF), case.policy
    )
    return render("full", report, "en", Style(None, False)) + closing(report, "en"), int(bool(outcome.errors))


def write(case: Case) -> None:
    """Write the folder and the output of a case again."""
    if case.base:
        for path in case.folder.iterdir():
            if path.is_dir():
                shutil.rmtree(path)
            elif path.name not in NOT_COPIED:
                path.unlink()
        for name, content in files(case).items():
            (case.folder / name).parent.mkdir(parents=True, exist_ok=True)
            (case.folder / name).write_bytes(content)
    (case.folder / "case.txt").write_text(f"{case.head}\n\n{run(case)}", encoding="utf-8")


def main() -> None:
    """Write all cases again, or those named on the command line."""
    wanted = sys.argv[1:]
    for folder in cases():
        if not wanted or folder.name in wanted:
            write(read(folder))
            print(folder.relative_to(ROOT))


if __name__ == "__main__":
    main()
