"""Values of the amendment room: what a publication did, and why one was refused."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from upheld.db import Diagnostic, UpheldError
from upheld.notice import Published
from upheld.policy.catalogue import catalogue
from upheld.policy.diff import Change
from upheld.policy.findings import Finding
from upheld.web.refusals import Refusal


@dataclass(frozen=True, slots=True)
class Publication:
    """What publishing a folder did: a new version, today's evidence beside the same promise, or nothing.

    `diff_class` is the strictest class among `changes`; None for the first version and where no promise changed.
    `findings` are those that stand open without stopping anything.
    """

    published: Published
    kind: Literal["version", "evidence", "nothing"]
    diff_class: str | None
    changes: tuple[Change, ...]
    findings: tuple[Finding, ...]


class PublicationStoppedError(UpheldError):
    """The folder has findings that stop publication; what is published stays in force."""

    code = "publication_stopped"
    clause = "amendment"
    next_step = "Mend the findings, or accept them by name where that is possible, then publish again."

    def __init__(self, findings: tuple[Finding, ...]) -> None:
        """Keep the findings that stop."""
        super().__init__(clause=findings[0].clause or "amendment")
        self.findings = findings

    def diagnostics(self) -> tuple[Diagnostic, ...]:
        """Give one diagnostic for each finding that stops, in English."""
        return tuple(_told(finding) for finding in self.findings)


class StatutoryProcedureError(Refusal):
    """A change is published without a step that a law asks for."""

    def __init__(self, findings: tuple[Finding, ...]) -> None:
        """Name the first clause, its class and what is missing there; keep all findings."""
        first = findings[0]
        self.findings = findings
        self.diff_class = str(first.params.get("class", ""))
        steps = first.params.get("steps", ())
        self.steps: tuple[str, ...] = (steps,) if isinstance(steps, str) else tuple(steps)
        super().__init__(
            "statutory_procedure",
            first.clause,
            params=_words(first.params),
            next_step=catalogue()[first.code].message_in("en", first.params),
        )

    def diagnostics(self) -> tuple[Diagnostic, ...]:
        """Give one diagnostic for each change that lacks a step, in English."""
        return tuple(_told(finding) for finding in self.findings)


def _told(finding: Finding) -> Diagnostic:
    entry = catalogue()[finding.code]
    said, following = entry.message_in("en", finding.params), entry.next_in("en", finding.params)
    return Diagnostic(finding.code, finding.clause, said, following)


def _words(params: Mapping[str, object]) -> dict[str, str]:
    return {name: value for name, value in params.items() if isinstance(value, str)}
