"""Findings for machines: one JSON object, annotations of GitHub workflows, SARIF 2.1.0."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any
from urllib.parse import quote

from upheld import __version__
from upheld.policy.catalogue import Code, catalogue, citation_in, explain_markdown, explain_text
from upheld.policy.findings import Finding
from upheld.policy.report.model import Report, headings, message, next_step, summary

_GITHUB = {"error": "error", "warning": "warning", "note": "notice"}
_SARIF_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"


def as_json(report: Report, lang: str) -> str:
    """Give one object: `findings`, each with code, place, clause, law and next step, and `summary`."""
    policy = report.policy
    counts = asdict(summary(report))
    return dumps({
        "findings": [_finding(report, found, lang) for found in report.shown()],
        "summary": {**counts, "as_of": report.as_of.isoformat(), "version": policy.version, "promise": policy.promise_hash},
    })  # fmt: skip


def _finding(report: Report, found: Finding, lang: str) -> dict[str, Any]:
    span = found.span
    place = {**asdict(span), "file": report.path_of(found)} if span else None
    accepted = found.accepted
    return {
        "code": found.code,
        "severity": found.severity,
        "message": message(found, lang),
        "next": next_step(found, lang),
        "path": list(found.path),
        "span": place,
        "clause": found.clause,
        "under": list(headings(report, found, lang)),
        "law": [citation_in(lang, law) for law in found.law],
        "accepted": {"reason": dict(accepted.reason), "who": accepted.who, "until": accepted.until}
        if accepted
        else None,
    }


def github(report: Report, lang: str) -> str:
    """Give one workflow command for each finding, which GitHub shows beside the line."""
    return "".join(_annotation(report, found, lang) + "\n" for found in report.shown())


def _annotation(report: Report, found: Finding, lang: str) -> str:
    names = {"title": f"upheld ({found.code})"}
    if found.span:
        names |= {"file": report.path_of(found), "line": str(found.span.line), "col": str(found.span.col)}
    level = "notice" if found.accepted else _GITHUB[found.severity]
    properties = ",".join(f"{name}={_property(value)}" for name, value in names.items())
    return f"::{level} {properties}::{_data(f'{message(found, lang)} · {next_step(found, lang)}')}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


def sarif(report: Report, lang: str) -> str:
    """Give a SARIF 2.1.0 log; the help of each rule is written in both languages."""
    shown = list(report.shown())
    codes = sorted({found.code for found in shown})
    driver = {
        "name": "upheld",
        "semanticVersion": __version__,
        "rules": [_rule(catalogue()[code], lang) for code in codes],
    }
    run = {
        "tool": {"driver": driver},
        "columnKind": "unicodeCodePoints",
        "results": [_result(report, found, codes.index(found.code), lang) for found in shown],
    }
    return dumps({"$schema": _SARIF_SCHEMA, "version": "2.1.0", "runs": [run]})


def _rule(code: Code, lang: str) -> dict[str, Any]:
    return {
        "id": code.code,
        "shortDescription": {"text": code.title.get(lang) or code.title["en"]},
        "help": {
            "text": explain_text(code, "en") + "\n\n" + explain_text(code, "ja"),
            "markdown": explain_markdown(code),
        },
        "defaultConfiguration": {"level": code.severity},
    }


def _result(report: Report, found: Finding, rule: int, lang: str) -> dict[str, Any]:
    place: dict[str, Any] = {"artifactLocation": {"uri": quote(report.path_of(found))}}
    if found.span:
        span = found.span
        place["region"] = {
            "startLine": span.line, "startColumn": span.col, "endLine": span.end_line, "endColumn": span.end_col,
        }  # fmt: skip
    result = {
        "ruleId": found.code,
        "ruleIndex": rule,
        "level": found.severity,
        "message": {"text": f"{message(found, lang)} · {next_step(found, lang)}"},
        "locations": [
            {"physicalLocation": place, "logicalLocations": [{"fullyQualifiedName": found.clause}]}
        ],
        "partialFingerprints": {"upheld/v1": _fingerprint(found)},
    }
    if found.accepted:
        reason = found.accepted.reason.get(lang) or next(iter(found.accepted.reason.values()), "")
        result["suppressions"] = [{"kind": "external", "status": "accepted", "justification": reason}]
    return result


def _fingerprint(found: Finding) -> str:
    """Name a finding by what it is about, not by its line, so that it is known again after an edit above it."""
    steps = [str(step) for step in found.path if isinstance(step, str)]
    names = [f"{name}={value}" for name, value in sorted(found.params.items())]
    return hashlib.sha256("\n".join([found.code, found.clause, *steps, *names]).encode()).hexdigest()[:32]


def dumps(value: Mapping[str, Any]) -> str:
    """Write JSON for people and machines: indented, in the characters of the language."""
    return json.dumps(value, ensure_ascii=False, indent=2) + "\n"
