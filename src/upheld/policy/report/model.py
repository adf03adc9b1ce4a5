"""What a report is made of: the findings of one compilation and how they are to be shown."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from upheld.policy.catalogue import catalogue
from upheld.policy.catalogue.words import fill
from upheld.policy.findings import MAIN_LIST, Finding
from upheld.policy.model import CompiledPolicy
from upheld.policy.report.width import clip
from upheld.policy.report.words import AT_THE_CARET, section_title

SOON_DAYS = 30
_HEADING = 60  # columns of one heading in the line `under`


@dataclass(frozen=True, slots=True)
class Report:
    """The outcome of one check.

    `policy` is what could be built, `root` the folder as seen from where the command runs, `shown` the accepted
    findings to list besides the open ones.
    """

    policy: CompiledPolicy
    findings: tuple[Finding, ...]
    accepted: tuple[Finding, ...]
    texts: Mapping[str, str]
    as_of: date
    root: str = ""
    show_accepted: bool = False

    def shown(self) -> Iterator[Finding]:
        """Walk the findings to be listed: the open ones, then the accepted ones if they were asked for."""
        yield from self.findings
        if self.show_accepted:
            yield from self.accepted

    def path_of(self, finding: Finding) -> str:
        """Give the file of a finding as seen from where the command runs; the folder where it has no place."""
        root = "" if self.root in {"", "."} else self.root.rstrip("/") + "/"
        return root + finding.span.file if finding.span else self.root or "."

    def line_of(self, finding: Finding) -> str | None:
        """Give the source line that a finding points at."""
        span = finding.span
        lines = self.texts.get(span.file, "").split("\n") if span else []
        return lines[span.line - 1].rstrip("\r") if span and 0 < span.line <= len(lines) else None


@dataclass(frozen=True, slots=True)
class Summary:
    """The counts of the closing line; `ends_in` is the days until the next acceptance ends, within a month."""

    errors: int
    warnings: int
    notes: int
    accepted: int
    ending: int
    ends_in: int | None
    situations: int
    purposes: int
    services: int
    statements: int
    languages: tuple[str, ...] = field(default=())


def summary(report: Report) -> Summary:
    """Count a report."""
    by = {level: sum(f.severity == level for f in report.findings) for level in ("error", "warning", "note")}
    left = [
        (date.fromisoformat(found.accepted.until) - report.as_of).days
        for found in report.accepted
        if found.accepted
    ]
    soon = [days for days in left if days <= SOON_DAYS]
    policy = report.policy
    return Summary(
        errors=by["error"],
        warnings=by["warning"],
        notes=by["note"],
        accepted=len(report.accepted),
        ending=len(soon),
        ends_in=min(soon, default=None),
        situations=len(policy.situations),
        purposes=len(policy.purposes),
        services=len(policy.services),
        statements=len(policy.statements),
        languages=policy.languages,
    )


def message(finding: Finding, lang: str) -> str:
    """Say what is wrong."""
    return catalogue()[finding.code].message_in(lang, finding.params)


def next_step(finding: Finding, lang: str) -> str:
    """Say what to do."""
    return catalogue()[finding.code].next_in(lang, finding.params)


def caret_words(finding: Finding, lang: str) -> str:
    """Give the words behind the carets, empty where the first line says all."""
    template = AT_THE_CARET.get(finding.code, {})
    text = template.get(lang) or template.get("en", "")
    words = fill(
        text, {name: value for name, value in finding.params.items() if value not in ("", ())}, lang, {}
    )
    return "" if "…" in words else words


def headings(report: Report, finding: Finding, lang: str) -> tuple[str, ...]:
    """Give the chain of headings that a finding stands under, in the reader's words.

    A thing with a text of its own is named by it, anything else by its key path.
    """
    if not finding.path:
        return ()
    section, *rest = finding.path
    chain, node = [section_title(str(section), lang)], report.policy.values.get(str(section))
    keys: list[str] = []
    for step in rest:
        node = _step(node, step)
        if isinstance(step, str):
            keys.append(step)
        words = _text(node, lang)
        if words:
            chain.append(clip(words, _HEADING))
            keys = []
    if keys and keys[0] == MAIN_LIST.get(str(section)):
        keys = keys[1:]
    return tuple(chain) if len(chain) > 1 or not keys else (*chain, ".".join(keys[:2]))


def _step(node: Any, step: str | int) -> Any:
    if isinstance(node, Mapping):
        return node.get(step)
    inside = isinstance(node, tuple) and isinstance(step, int) and step < len(node)
    return node[step] if inside else None


def _text(node: Any, lang: str) -> str:
    text = node.get("text") if isinstance(node, Mapping) else None
    if not isinstance(text, Mapping) or not text:
        return ""
    return str(text.get(lang) or next(iter(text.values())))
