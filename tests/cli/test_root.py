"""The command as a whole: help, exit codes, pipes, terminals."""

from __future__ import annotations

import os
import pty
import resource
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from upheld import cli, cli_check
from upheld.db.errors import StoreBusyError, UpheldError

from .conftest import DAY, REFERENCE, Run

PRESENT = [
    name for name, (where, _) in cli.COMMANDS.items() if find_spec(f"upheld.{where.partition(':')[0]}")
]


def test_help_names_every_command_and_loads_none(run: Run) -> None:
    """`upheld --help` lists all commands without importing the policy, the store or the web."""
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "upheld", "--help"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert all(f"  {name} " in done.stdout for name in cli.COMMANDS)
    loaded = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    heavy = ("upheld.cli_", "upheld.policy", "upheld.db", "yaml", "rich", "litestar", "sqlalchemy", "msgspec")
    assert not [name for name in loaded if name.startswith(heavy)]


def test_help_is_quick() -> None:
    """`upheld --help` takes less than 0.2 s of processor time once the files are warm."""

    def spent() -> float:
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([sys.executable, "-m", "upheld", "--help"], stdout=subprocess.DEVNULL, check=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

    assert min(spent() for _ in range(5)) < 0.2


@pytest.mark.parametrize("name", PRESENT)
def test_every_command_has_help(name: str) -> None:
    """Each command of the table can be loaded and explains itself."""
    done = CliRunner().invoke(cli.cli, [name, "--help"])
    assert done.exit_code == 0
    assert "Usage:" in done.output


def test_short_help_fits_a_terminal() -> None:
    """A line of the command table fits 80 columns with its command."""
    assert all(len(text) <= 66 for _, text in cli.COMMANDS.values())


def test_misspelt_command(run: Run) -> None:
    """A misspelt command is answered with the nearest name and 2."""
    done = run("chekc")
    assert done.returncode == 2
    assert "check" in done.stderr
    assert done.stdout == ""


def test_version(run: Run) -> None:
    """`--version` prints one line."""
    assert run("--version").stdout == "upheld 0.1.0\n"


@pytest.mark.parametrize(
    "args",
    [
        ("check", "missing"),
        ("check", "--format", "xml"),
        ("check", "--as-of", "yesterday"),
        ("explain", "PP999"),
        ("decide", "--policy", str(REFERENCE)),
        ("decide", "--policy", str(REFERENCE), "--matrix", "--format", "full"),
        ("diff", "missing", str(REFERENCE)),
        ("schema",),
        ("completion", "tcsh"),
    ],
)
def test_could_not_run(run: Run, args: tuple[str, ...]) -> None:
    """What cannot be run leaves with 2, says why on stderr, and puts nothing on stdout."""
    done = run(*args)
    assert (done.returncode, done.stdout) == (2, "")
    assert "Error" in done.stderr
    assert "Traceback" not in done.stderr


def test_reader_goes_away(run: Run) -> None:
    """A reader that closes the pipe ends the command quietly."""
    args = [sys.executable, "-m", "upheld", "decide", "--policy", str(REFERENCE), "--matrix"]
    with subprocess.Popen(args, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(timeout=60) == 141


@pytest.mark.parametrize(
    ("raised", "code", "told"),
    [
        (StoreBusyError(), 2, "busy"),
        (UpheldError("The ledger moved.", code="plan_stale", clause="retention"), 1, "plan_stale"),
        (KeyboardInterrupt(), 130, ""),
    ],
)
def test_errors_of_the_house(
    raised: BaseException,
    code: int,
    told: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A refusal is told by code and next step and leaves with 1, what may be tried again with 2, Ctrl-C with 130."""

    def fail() -> None:
        raise raised

    monkeypatch.setattr(cli_check, "check", click.Command("check", callback=fail))
    with pytest.raises(SystemExit) as left:
        cli.main(["check"])
    assert left.value.code == code
    said = capsys.readouterr()
    assert told in said.err
    assert said.out == ""


def test_any_locale(run: Run) -> None:
    """Japanese is written as UTF-8 even where the locale knows no Japanese."""
    done = run("explain", "PP107", "--lang", "ja", LC_ALL="C", PYTHONCOERCECLOCALE="0", PYTHONUTF8="0")
    assert "理由" in done.stdout


def _on_terminal(*args: str, columns: int = 80, **env: str) -> str:
    """Run the command on a terminal of its own and give what it showed."""
    main, side = pty.openpty()
    base = {"PATH": os.environ["PATH"], "TERM": "xterm", "COLUMNS": str(columns)}
    words = [sys.executable, "-m", "upheld", *args]
    with subprocess.Popen(words, stdout=side, stderr=subprocess.DEVNULL, env={**base, **env}) as process:
        os.close(side)
        shown = b""
        try:
            while chunk := os.read(main, 65536):
                shown += chunk
        except OSError:  # the terminal is gone when the last writer is
            pass
        process.wait(timeout=60)
    os.close(main)
    return shown.decode().replace("\r\n", "\n")


def test_terminal_has_colours_and_time() -> None:
    """On a terminal severities are coloured and the closing line tells the time."""
    shown = _on_terminal("check", str(REFERENCE), "--as-of", DAY)
    assert "\x1b[1;36mPP209 note\x1b[0m" in shown
    assert shown.rstrip().endswith(" s")


def test_no_color() -> None:
    """NO_COLOR on a terminal leaves plain text."""
    assert "\x1b" not in _on_terminal("check", str(REFERENCE), "--as-of", DAY, NO_COLOR="1")


def test_pipe_has_neither(run: Run) -> None:
    """In a pipe there is no colour and no time, so two runs say the same."""
    first, second = (run("check", REFERENCE, "--as-of", DAY) for _ in range(2))
    assert first.stdout == second.stdout
    assert "\x1b" not in first.stdout
    assert first.stdout.endswith("en+ja\n")
    assert first.stderr == ""


def test_nothing_is_asked(run: Run, tmp_path: Path) -> None:
    """Commands work with a closed stdin."""
    words = [sys.executable, "-m", "upheld", "init", "new"]
    done = subprocess.run(words, cwd=tmp_path, stdin=subprocess.DEVNULL, capture_output=True, timeout=60)
    assert done.returncode == 0
