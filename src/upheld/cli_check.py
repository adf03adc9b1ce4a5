"""Commands about the policy folder itself: they read files, never the store."""

from __future__ import annotations

import os
import shutil
import sys
import time
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from upheld.cli_kit import CouldNotRunError, shipped_policy

if TYPE_CHECKING:
    from upheld.policy.compile import Compiled
    from upheld.policy.findings import Finding
    from upheld.policy.law import Law
    from upheld.policy.model import CompiledPolicy
    from upheld.policy.report import Style
    from upheld.policy.source import Folder

Command = TypeVar("Command", bound=Callable[..., Any])

_FOLDER = click.Path(path_type=Path)
_LANGUAGE = click.Choice(["en", "ja"])


def day(written: str) -> date:
    """Read a legal day, written YYYY-MM-DD; anything else is a usage error."""
    try:
        return date.fromisoformat(written)
    except ValueError:
        raise click.BadParameter(f"{written!r} is not a day written YYYY-MM-DD") from None


def lang_option(command: Command) -> Command:
    """Add `--lang` to a command."""
    return click.option(
        "--lang",
        type=_LANGUAGE,
        default="en",
        envvar="UPHELD_LANG",
        show_default=True,
        help="Language of the words.",
    )(command)


def policy_option(command: Command) -> Command:
    """Add `--policy` to a command."""
    return click.option(
        "--policy", "root", type=_FOLDER, default=Path(), envvar="UPHELD_POLICY", show_default="this folder",
        help="The policy folder.",
    )(command)  # fmt: skip


def style() -> Style:
    """Give the look of this terminal: its width, and colours unless NO_COLOR is set; neither in a pipe."""
    from upheld.policy.report import Style

    terminal = sys.stdout.isatty()
    colour = terminal and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    written = os.environ.get("COLUMNS", "")
    width = int(written) if written.isdigit() and int(written) >= 20 else None
    return Style(width or (shutil.get_terminal_size().columns if terminal else None), colour)


def read(root: Path) -> Folder:
    """Read a policy folder, or stop where there is none."""
    from upheld.policy.source import read_folder

    try:
        folder = read_folder(root)
    except NotADirectoryError:
        raise CouldNotRunError(f"there is no folder {root}; `upheld init {root}` writes a starter") from None
    if not folder.sections and not folder.findings:
        raise CouldNotRunError(f"{root} holds no policy file (.yaml); `upheld init` writes a starter")
    return folder


def today(folder: Folder) -> date:
    """Give today's legal day where the company is, by the folder's own time zone."""
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

    from upheld.policy.source import Scalar

    written = folder.sections["policy"].get("timezone") if "policy" in folder.sections else None
    try:
        zone: Any = ZoneInfo(written.value) if isinstance(written, Scalar) else UTC
    except (ZoneInfoNotFoundError, ValueError, OSError):
        zone = UTC
    return datetime.now(zone).date()


def compiled(
    root: Path, as_of: date | None, *, published: CompiledPolicy | None = None
) -> tuple[Compiled, Law, date]:
    """Compile a folder on a day, today if none is given."""
    from upheld.policy.compile import compile_folder
    from upheld.policy.law import load_law

    folder, law = read(root), load_law()
    on = as_of or today(folder)
    return compile_folder(folder, law, on, published=published), law, on


def standing(root: Path, as_of: date | None) -> tuple[CompiledPolicy, Law, date]:
    """Compile a folder that must be sound; days that passed, an acceptance's too, stop publishing only.

    Leaves with 2 and the errors, one a line, where the folder has others.
    """
    outcome, law, on = compiled(root, as_of)
    ended = {(entry.get("code"), entry.get("at")) for entry in outcome.draft.evidence.accept}
    wrong = [found for found in _lasting(outcome) if (found.code, found.clause) not in ended]
    if wrong:
        _tell(outcome, root, on, tuple(wrong))
        raise CouldNotRunError(f"{root} does not compile; `upheld check {root}` shows more")
    return outcome.policy or outcome.draft, law, on


def readable(root: Path, as_of: date | None) -> tuple[CompiledPolicy, Law, date]:
    """Compile a folder that must be readable: only syntax and references stop it."""
    outcome, law, on = compiled(root, as_of)
    wrong = tuple(found for found in _lasting(outcome) if found.code.startswith("PP0"))
    if wrong:
        _tell(outcome, root, on, wrong)
        raise CouldNotRunError(f"{root} cannot be read; `upheld check {root}` shows more")
    return outcome.policy or outcome.draft, law, on


def _lasting(outcome: Compiled) -> list[Finding]:
    """Give the errors that no passing day brought about."""
    from upheld.policy.compile import DATE_FINDINGS

    return [found for found in outcome.errors if found.code not in DATE_FINDINGS]


def _tell(outcome: Compiled, root: Path, on: date, found: tuple[Finding, ...]) -> None:
    from upheld.policy.report import Report, concise

    report = Report(outcome.draft, found, (), outcome.texts, on, _seen(root))
    click.echo(concise(report, "en"), err=True, nl=False)


def _seen(root: Path) -> str:
    """Give a folder as seen from where the command runs."""
    return Path(os.path.relpath(root)).as_posix()


# --- check and explain --------------------------------------------------------------------------------------


@click.command()
@click.argument("folder", type=_FOLDER, default=Path())
@click.option("--as-of", type=day, metavar="YYYY-MM-DD", help="The day to check for; today if left out.")
@click.option(
    "--format", "kind", type=click.Choice(["full", "concise", "json", "github", "sarif"]), default="full",
    show_default=True, help="How findings are printed.",
)  # fmt: skip
@click.option("--strict", is_flag=True, help="Leave with 1 for warnings too.")
@click.option("--show-accepted", is_flag=True, help="List what someone accepted, with reason and end.")
@click.option(
    "--against", type=_FOLDER, help="The version in force: what changed must be published properly."
)
@click.option("--quiet", is_flag=True, help="No closing line.")
@lang_option
def check(
    folder: Path, as_of: date | None, kind: str, strict: bool, show_accepted: bool, against: Path | None,
    quiet: bool, lang: str,
) -> None:  # fmt: skip
    """Compile FOLDER (this one if left out) and list every finding.

    Leaves with 0 where nothing stops publication, 1 on errors, 2 where it could not run.
    """
    from upheld.policy.report import Report, closing, render

    began = time.perf_counter()
    published = readable(against, as_of)[0] if against else None
    outcome, _, on = compiled(folder, as_of, published=published)
    report = Report(
        outcome.draft, outcome.findings, outcome.accepted, outcome.texts, on, _seen(folder), show_accepted
    )
    click.echo(render(kind, report, lang, style()), nl=False)
    if kind == "full" and not quiet:
        seconds = time.perf_counter() - began if sys.stdout.isatty() else None
        click.echo(closing(report, lang, seconds))
    warned = strict and any(found.severity == "warning" for found in outcome.findings)
    raise click.exceptions.Exit(1 if outcome.errors or warned else 0)


@click.command()
@click.argument("code", required=False)
@click.option(
    "--format", "kind", type=click.Choice(["full", "json", "md"]), default="full", show_default=True
)
@lang_option
def explain(code: str | None, kind: str, lang: str) -> None:
    """Explain diagnostic CODE, such as PP107; without a code, list them all."""
    from upheld.policy.catalogue import catalogue, explain_markdown, explain_text
    from upheld.policy.report.machine import dumps

    if code is None:
        for entry in catalogue().values():
            click.echo(f"{entry.code} {entry.severity:8} {entry.title.get(lang) or entry.title['en']}")
        return
    if code.upper() not in catalogue():
        raise CouldNotRunError(f"there is no code {code}; `upheld explain` lists them")
    entry = catalogue()[code.upper()]
    if kind == "json":
        texts = {name: dict(getattr(entry, name)) for name in ("title", "message", "next", "why")}
        facts = {"code": entry.code, "severity": entry.severity, "acceptable": entry.acceptable}
        rest = {"law": entry.law, "rules": entry.rules, "bad": entry.bad, "good": entry.good}
        click.echo(dumps({**facts, **texts, **rest}), nl=False)
        return
    click.echo(explain_markdown(entry).rstrip() if kind == "md" else explain_text(entry, lang))


# --- decide and diff ----------------------------------------------------------------------------------------


@click.command()
@policy_option
@click.option("--situation", help="Where the data came in.")
@click.option("--field", "name", help="What is wanted.")
@click.option("--purpose", help="What it is wanted for.")
@click.option("--area", help="Where the person lives: JP, EEA, DE, US-CA, unknown.")
@click.option("--on", type=day, metavar="YYYY-MM-DD", help="The day to decide for; today if left out.")
@click.option("--matrix", is_flag=True, help="Every situation, field and purpose.")
@click.option(
    "--format",
    "kind",
    type=click.Choice(["full", "csv", "json"]),
    help="full, or csv and json; csv with --matrix.",
)
@lang_option
def decide(
    root: Path, situation: str | None, name: str | None, purpose: str | None, area: str | None, on: date | None,
    matrix: bool, kind: str | None, lang: str,
) -> None:  # fmt: skip
    """Say what the policy says of a field for a purpose, without any data.

    Leaves with 0 for allow and 1 for refuse. With --matrix the columns are situation, field, purpose, decision
    and code: `allow` for what the page states, else `refuse` and why. A purpose that is stated and cannot be met
    stays `allow` there and carries the code `purpose_gap`; reading and sending refuse it.
    """
    from upheld.policy.report import verdict as words
    from upheld.policy.report.machine import dumps
    from upheld.policy.report.table import table

    if matrix:
        policy = standing(root, on)[0]
        if kind == "full":
            raise click.UsageError("the matrix comes as csv or json")
        click.echo(table(words.MATRIX, words.matrix(policy), kind or "csv"), nl=False)
        return
    if situation is None or name is None or purpose is None:
        raise click.UsageError("name --situation, --field and --purpose, or ask for the whole --matrix")
    policy, law, day = standing(root, on)
    if area is not None and not law.is_area(area):
        raise click.BadParameter(
            f"{area} is no area: JP, EEA, DE, US-CA, other, unknown", param_hint="--area"
        )
    found = words.answer(policy, law, words.Question(situation, name, purpose, area, day))
    if kind == "csv":
        raise click.UsageError("csv goes with --matrix")
    shown = (
        dumps(words.verdict_object(found))
        if kind == "json"
        else words.verdict_text(policy, law, found, lang, style())
    )
    click.echo(shown, nl=False)
    raise click.exceptions.Exit(0 if found.verdict.allow else 1)


@click.command()
@click.argument("old", type=_FOLDER)
@click.argument("new", type=_FOLDER)
@click.option(
    "--as-of", type=day, metavar="YYYY-MM-DD", help="The day whose law names the steps; today if left out."
)
@click.option("--format", "kind", type=click.Choice(["full", "json"]), default="full", show_default=True)
@lang_option
def diff(old: Path, new: Path, as_of: date | None, kind: str, lang: str) -> None:
    """Compare the folders OLD and NEW: class of each change, steps due, who is asked again.

    Leaves with 0 where they promise the same, 1 where they differ.
    """
    from upheld.policy.report import changes
    from upheld.policy.report.machine import dumps

    before = readable(old, as_of)[0]
    after, law, on = readable(new, as_of)
    found = changes.compare(before, after, law, on)
    shown = (
        dumps(changes.changes_object(found)) if kind == "json" else changes.changes_text(found, lang, style())
    )
    click.echo(shown, nl=False)
    raise click.exceptions.Exit(1 if found.due else 0)


# --- writing files ------------------------------------------------------------------------------------------


@click.command()
@click.argument("folder", type=_FOLDER, default=Path("policy"))
def init(folder: Path) -> None:
    """Write a starter policy into FOLDER (`policy` if left out), which must be empty or not there yet.

    The starter is a small invented company in English and Japanese, with schemas that editors read.
    """
    from upheld.policy.schema_json import name_schema, write_schemas

    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise CouldNotRunError(f"{folder} is not empty; nothing was written")
    shutil.copytree(shipped_policy("starter"), folder, dirs_exist_ok=True)
    write_schemas(folder / ".schema")
    for path in sorted(folder.rglob("*.yaml")):
        name_schema(folder, path)
    where = _seen(folder)
    click.echo(
        f"wrote a starter policy into {where}\n\n"
        f"next    put your company into {where}/00-policy.yaml, line by line\n"
        f"        upheld check {where}\n"
        f"        upheld decide --policy {where} --matrix\n"
        f"        upheld explain PP107"
    )


@click.command()
@click.option("--out", type=_FOLDER, required=True, help="Where to write them.")
@click.option("--policy", "root", type=_FOLDER, help="Take languages and regimes from this policy folder.")
def schema(out: Path, root: Path | None) -> None:
    """Write the JSON Schema (draft-07) of each section into a folder.

    An editor reads it where a file begins with `# yaml-language-server: $schema=.schema/collection.json`.
    """
    from upheld.policy.schema_json import write_schemas

    policy = compiled(root, None)[0].draft if root else None
    names = write_schemas(out, policy.languages if policy else (), tuple(policy.reach) if policy else ())
    click.echo(f"wrote {len(names)} schemas into {_seen(out)}", err=True)


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    """Print the completion script of SHELL, to be sourced by it."""
    from click.shell_completion import get_completion_class

    found = get_completion_class(shell)
    if found is None:
        raise CouldNotRunError(f"no completion for {shell}")
    script = found(ctx.find_root().command, {}, "upheld", "_UPHELD_COMPLETE")
    click.echo(script.source_template % script.source_vars())


_EXPORTS = {
    "register": ("csv", "json", "md"),
    "ropa": ("csv", "json", "md"),
    "policy": ("json",),
    "jsonld": ("json",),
}


@click.command()
@click.argument("what", type=click.Choice(list(_EXPORTS)))
@policy_option
@click.option("--as-of", type=day, metavar="YYYY-MM-DD", help="The day to compile for; today if left out.")
@click.option("--format", "kind", type=click.Choice(["csv", "json", "md"]), help="csv for tables, else json.")
@click.option(
    "--base-url", default="https://example.com", show_default=True, help="Where the page will stand (jsonld)."
)
@click.option("--lang", help="A language of the policy; its first if left out.")
def export(
    what: str, root: Path, as_of: date | None, kind: str | None, base_url: str, lang: str | None
) -> None:
    """Write WHAT for other programs: the register (`ropa` is its other name), the policy, or its JSON-LD."""
    from upheld.policy import render
    from upheld.policy.report.machine import dumps
    from upheld.policy.report.table import table

    kind = kind or _EXPORTS[what][0]
    if kind not in _EXPORTS[what]:
        raise click.UsageError(f"{what} comes as {' or '.join(_EXPORTS[what])}")
    policy = standing(root, as_of)[0]
    if lang is not None and lang not in policy.languages:
        raise click.UsageError(f"the policy speaks {', '.join(policy.languages)}, not {lang}")
    if what == "policy":
        click.echo(dumps(render.policy_json(policy)), nl=False)
    elif what == "jsonld":
        click.echo(dumps(render.policy_jsonld(policy, base_url)), nl=False)
    else:
        rows = render.register_rows(policy, lang or policy.languages[0])
        names = tuple(rows[0]) if rows else ()
        click.echo(table(names, ([row[name] for name in names] for row in rows), kind), nl=False)
