"""8xx: languages. Missing texts (PP802) are found while typing; more languages need data, not code."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from upheld.policy.check.context import Context
from upheld.policy.findings import Finding

CHECKS: tuple[Callable[[Context], Iterator[Finding]], ...] = ()
