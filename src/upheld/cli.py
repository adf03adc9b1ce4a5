"""The command line: one group whose commands are loaded when they are asked for.

Exit codes: 0 clean or allowed, 1 errors found, refused or different, 2 could not run, 130 interrupted,
141 the reader of a pipe went away. Data goes to stdout, everything else to stderr; nothing asks.
"""

from __future__ import annotations

import os
import sys
from importlib import import_module

import click
from click.shell_completion import CompletionItem

from upheld import __version__

COMMANDS: dict[str, tuple[str, str]] = {
    "init": ("cli_check:init", "Write a starter policy folder to change into your own."),
    "check": ("cli_check:check", "Compile a policy folder and list what is wrong with it."),
    "explain": ("cli_check:explain", "Explain a diagnostic code: why, law, wrong and right."),
    "decide": ("cli_check:decide", "Say whether the policy allows a field for a purpose."),
    "diff": ("cli_check:diff", "Compare two versions: what changed, what is due, who is asked."),
    "publish": ("cli_rooms:publish", "Put a checked policy in force."),
    "migrate": ("cli_rooms:migrate", "Bring the stores of an older release to this one."),
    "serve": ("cli_serve:serve", "Serve pages, forms and the API."),
    "demo": ("cli_serve:demo", "Serve the reference policy with sample people."),
    "collect": ("cli_rooms:collect", "Store what a person gave, through the same gate as the form."),
    "read": ("cli_rooms:read", "Read fields of one person for a purpose."),
    "audience": ("cli_rooms:audience", "List the people who may be met for a purpose."),
    "transfers": ("cli_rooms:transfers", "Ask whether data of a person may go to a service."),
    "tasks": ("cli_rooms:tasks", "Do what waits for a person: texts to review, people to tell."),
    "mail": ("cli_rooms:mail", "Write to the people who may be met for a purpose."),
    "plan": ("cli_rooms:plan", "Show what would be erased or changed, and keep it as a plan."),
    "apply": ("cli_rooms:apply", "Carry out a plan, exactly as it was shown."),
    "links": ("cli_rooms:links", "Watch the links to the operators' own texts: check."),
    "schedule": ("cli_rooms:schedule", "Show what is done by itself every day, and do it now."),
    "services": ("cli_rooms:services", "Reach the systems that hold people's data for you."),
    "database": ("cli_rooms:database", "Find and erase people in databases of your own."),
    "cookies": ("cli_scan:cookies", "Compare a live site with the list of tags."),
    "relation": ("cli_rooms:relation", "Tell that a contract, an account or an application ended."),
    "hold": ("cli_rooms:hold", "Keep a person's data for a statute or a matter."),
    "records": ("cli_rooms:records", "Find people, and keep two numbers of one person together."),
    "request": ("cli_rooms:request", "Handle requests of people: new, list, show, deliver, verify."),
    "consent": ("cli_rooms:consent", "Show, export and end consents of a person."),
    "basis": ("cli_rooms:basis", "Weigh objections, stop use, put the proof of a basis on file."),
    "ledger": ("cli_rooms:ledger", "Verify and prove what happened."),
    "staff": ("cli_rooms:staff", "Manage who may read, and what they were trained for."),
    "keys": ("cli_rooms:keys", "Manage the keys of the store and of the API."),
    "backup": ("cli_rooms:backup", "Write a backup of both stores and open it again."),
    "restore": ("cli_rooms:restore", "Put a backup back; erased people stay erased."),
    "export": ("cli_check:export", "Write the register or the policy for other programs."),
    "schema": ("cli_check:schema", "Write JSON Schemas of the policy language for editors."),
    "completion": ("cli_check:completion", "Print the completion script of a shell."),
}
"""Every command: where it is, and its line of help, so that `--help` loads none of them."""


class LazyGroup(click.Group):
    """A group that knows its commands by name and imports a module only to run or complete one."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Give the names in the order of a working day, not of the alphabet."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the module of a command; None for a name that is none."""
        if cmd_name not in COMMANDS:
            return None
        module, _, name = COMMANDS[cmd_name][0].partition(":")
        command: click.Command = getattr(import_module(f"upheld.{module}"), name)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command of a line; a misspelt one is answered with the nearest names."""
        if args and args[0] not in COMMANDS and not args[0].startswith("-") and not ctx.resilient_parsing:
            raise click.exceptions.NoSuchCommand(args[0], possibilities=list(COMMANDS), ctx=ctx)
        return super().resolve_command(ctx, args)

    def invoke(self, ctx: click.Context) -> object:
        """Run a command; a reader that closed the pipe ends it quietly."""
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            _reader_gone()
            raise click.exceptions.Exit(141) from None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Print the table of commands without loading any."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Complete a command's name without loading any."""
        found = [
            CompletionItem(name, help=text)
            for name, (_, text) in COMMANDS.items()
            if name.startswith(incomplete)
        ]
        return [*found, *click.Command.shell_complete(self, ctx, incomplete)]


@click.group(
    cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100}
)
@click.version_option(__version__, prog_name="upheld", message="%(prog)s %(version)s")
def cli() -> None:
    """Carry out one privacy policy.

    A policy folder is checked, published, and then decides what may be taken, read, sent and kept.
    `upheld COMMAND --help` tells more.
    """


def main(args: list[str] | None = None) -> None:
    """Run one command line and leave with its exit code."""
    _speak_utf8()
    try:
        code = cli.main(args, prog_name="upheld", standalone_mode=False)
        sys.stdout.flush()
    except click.exceptions.Abort:
        code = 130
    except click.ClickException as error:
        error.show()
        code = 2
    except BrokenPipeError:
        _reader_gone()
        code = 141
    except Exception as error:
        code = _refused(error)
    sys.exit(code if isinstance(code, int) else 0)


def _reader_gone() -> None:
    """Let what is still buffered go nowhere, so that nothing complains at the end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _refused(error: Exception) -> int:
    """Tell an error of the house by code, clause and next step; any other is a fault and keeps its traceback."""
    from upheld.db.errors import UpheldError

    if not isinstance(error, UpheldError):
        raise error
    for said in error.diagnostics():
        click.echo(
            f"refuse  {said.code}  {said.message}\nclause  {said.clause}\nnext    {said.next}", err=True
        )
    return 1 if error.diagnostics()[0].permanent else 2


def _speak_utf8() -> None:
    """Write UTF-8 whatever the locale: a policy has more than one language."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure") and (stream.encoding or "").lower().replace("-", "") != "utf8":
            stream.reconfigure(encoding="utf-8", errors="backslashreplace")
