"""What every command shares: the error of a command that could not run, and where the shipped policies are."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

import click


class CouldNotRunError(click.ClickException):
    """The command could not run: a folder, a code or an option is not what it takes."""

    exit_code = 2


def shipped_policy(name: str) -> Path:
    """Find a policy that ships with upheld: beside the package where it was installed, in `policies/` of a clone."""
    package = Path(str(resources.files("upheld")))
    for path in (package / name, package.parents[1] / "policies" / name):
        if path.is_dir():
            return path
    raise CouldNotRunError(f"the policy {name} is missing from this installation")
