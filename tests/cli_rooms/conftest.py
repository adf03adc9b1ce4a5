"""The commands as people run them, over a data folder of their own and with a clock that stands."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from tests.support import NOW, REFERENCE
from upheld.cli import cli
from upheld.cli_rooms import keeping
from upheld.db import FixedClock, UpheldError


@dataclass
class Desk:
    """A data folder and its commands."""

    data: Path
    clock: FixedClock
    policy: Path = REFERENCE

    def run(self, *args: str, code: int = 0, stdin: str | None = None) -> Result:
        """Run one command line and see that it leaves with `code`."""
        words = [*args, *(() if "--data" in args or ("verify" in args[1:2] and args[0] == "request") else ("--data", str(self.data)))]
        group: Any = keeping.relation if args[0] == "relation" else cli
        words = words[1:] if args[0] == "relation" else words
        found = CliRunner().invoke(group, words, obj=self.clock, input=stdin)
        left = 1 if isinstance(found.exception, UpheldError) else found.exit_code
        assert left == code, (args, found.output, found.exception)
        return found

    def refused(self, *args: str) -> str:
        """Run one command line that is refused, and give the code of the refusal."""
        found = self.run(*args, code=1)
        assert isinstance(found.exception, UpheldError), found.output
        return found.exception.diagnostics()[0].code

    def json(self, *args: str, code: int = 0) -> Any:
        """Run one command line and read its JSON."""
        return json.loads(self.run(*args, "--format", "json", code=code).stdout)

    def collect(self, situation: str, fields: dict[str, Any], **more: Any) -> dict[str, Any]:
        """Store what a person gave, who was shown the notice."""
        body = json.dumps({"fields": fields, **more})
        args = ("collect", situation, "--json", "-", "--shown", "--format", "json")
        told: dict[str, Any] = json.loads(self.run(*args, stdin=body).stdout)
        return told

    def hire(self, name: str, role: str) -> int:
        """Add a member of staff who may read."""
        number = int(self.run("staff", "add", name).output.split()[-1])
        self.run("staff", "grant", str(number), role)
        self.run("staff", "train", str(number))
        self.run("staff", "accept", str(number))
        return number

    def at(self, *parts: int) -> None:
        """Put the clock to noon in Tokyo of a day."""
        self.clock.set(datetime(*parts, 3, tzinfo=UTC))  # type: ignore[misc,arg-type]


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    made = Desk(tmp_path / "data", FixedClock(NOW))
    made.run("publish", "--policy", str(REFERENCE))
    return made
