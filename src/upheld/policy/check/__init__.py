"""Checks: what the compiler has to say about a policy that can be read.

Each module holds the checks of one digit of the codes. A check is a generator over a `Context`;
it asks `ctx.say`, which stays silent where no listed pack has the rule that the code reads.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib import import_module

from upheld.policy.check.context import Context
from upheld.policy.findings import Finding

MODULES = (
    "references", "notice", "basis", "security", "services", "retention", "rights", "publication", "languages",
    "cookies",
)  # fmt: skip


def run(ctx: Context) -> Iterator[Finding]:
    """Run every check over a policy."""
    for name in MODULES:
        checks: tuple[Callable[[Context], Iterator[Finding]], ...] = import_module(f"{__name__}.{name}").CHECKS
        for check in checks:
            yield from check(ctx)
