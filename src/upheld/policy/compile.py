"""Compile a folder: read, type, build, check, accept; one value out, or the whole list of findings."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

from upheld.policy import check
from upheld.policy.build import build, freeze
from upheld.policy.catalogue import catalogue
from upheld.policy.check.context import NOTHING_SEEN, Context, Live
from upheld.policy.findings import Acceptance, Finding, KeyPath, Span
from upheld.policy.keys import SECTIONS, UNPROMISED
from upheld.policy.law import Law
from upheld.policy.model import CompiledPolicy
from upheld.policy.schema import UNREAD, Typed, type_folder
from upheld.policy.source import Folder, Map, Node, Scalar, Seq, digest, plain, read_folder, value_span

LONGEST_ACCEPTANCE_DAYS = 366
DATE_FINDINGS = frozenset({"PP016", "PP302", "PP303", "PP307", "PP406", "PP411"})


@dataclass(frozen=True, slots=True)
class Compiled:
    """The outcome of a compilation.

    `policy` is None where an error stands; `draft` is what could be built all the same.
    """

    policy: CompiledPolicy | None
    draft: CompiledPolicy
    findings: tuple[Finding, ...]
    accepted: tuple[Finding, ...]
    texts: Mapping[str, str]

    @property
    def errors(self) -> tuple[Finding, ...]:
        """Give the findings that stop publication."""
        return tuple(found for found in self.findings if found.severity == "error")


def compile_policy(
    root: Path,
    law: Law,
    as_of: date,
    *,
    published: CompiledPolicy | None = None,
    live: Live = NOTHING_SEEN,
) -> Compiled:
    """Compile a policy folder on a day.

    `published` is the version in force, to compare with; `live` what a crawl of the live pages saw.
    Raises NotADirectoryError where there is no folder. Everything else wrong is a finding.
    """
    folder = read_folder(root)
    return compile_folder(folder, law, as_of, published=published, live=live)


def compile_folder(
    folder: Folder,
    law: Law,
    as_of: date,
    *,
    published: CompiledPolicy | None = None,
    live: Live = NOTHING_SEEN,
) -> Compiled:
    """Compile sections that were read already; arguments and outcome as in `compile_policy`."""
    typed = type_folder(folder, known_regimes(law))
    promise, evidence = hashes(folder)
    draft = build(freeze({name: typed.sections[name] for name in SECTIONS if name in typed.sections}), promise, evidence)
    ctx = Context(draft, typed, law, as_of, published, live)
    # what an unreadable file holds is not known: checks over the rest would blame the wrong place
    unread = any(finding.code in UNREAD for finding in folder.findings)
    found = [*folder.findings, *typed.findings, *(() if unread else check.run(ctx))]
    settled = [_settle(ctx, finding) for finding in _once(found)]
    open_, accepted = (settled, list[Finding]()) if unread else _accept(ctx, settled)
    open_.sort(key=Finding.sort_key)
    sound = not any(finding.severity == "error" for finding in open_)
    accepted.sort(key=Finding.sort_key)
    policy = replace(draft, accepted=tuple(accepted)) if sound else None
    return Compiled(policy, draft, tuple(open_), tuple(accepted), folder.texts)


def _once(found: list[Finding]) -> list[Finding]:
    seen: dict[tuple[Any, ...], Finding] = {}
    for finding in found:
        seen.setdefault((finding.code, finding.path, finding.span, tuple(finding.params.items())), finding)
    return list(seen.values())


def _settle(ctx: Context, finding: Finding) -> Finding:
    """Add severity, clause and law to a finding."""
    code = catalogue()[finding.code]
    clause = finding.clause or ctx.clause(finding.path)
    named = {"clause": clause, **finding.params} if "clause" in code.params else finding.params
    return replace(
        finding,
        params=named,
        severity=code.severity,
        clause=clause,
        law=_citations(ctx, finding.code),
    )


def _citations(ctx: Context, code: str) -> tuple[str, ...]:
    """Give the law a finding rests on: only what the listed packs hold."""
    entry = catalogue()[code]
    cited = [rule.citation for rule_id in entry.rules for rule in ctx.rules(rule_id)]
    if not entry.rules:
        regimes = {ctx.law.packs[pack].regime for pack in ctx.policy.packs if pack in ctx.law.packs}
        cited = [text for text in entry.law if _regime_of_citation(text) & regimes]
    return tuple(dict.fromkeys(cited))


def _regime_of_citation(text: str) -> set[str]:
    if text.startswith(("UK", "DPA", "PECR")):
        return {"uk"}
    if text.startswith(("GDPR", "ePrivacy", "Regulation")):
        return {"eea", "uk"} if text.startswith("GDPR") else {"eea"}
    return {"jp"}


def _accept(ctx: Context, found: list[Finding]) -> tuple[list[Finding], list[Finding]]:
    """Take out what someone accepted by name; an acceptance that ended or fits nothing is a finding itself."""
    open_, accepted = list(found), list[Finding]()
    for place, entry in enumerate(ctx.policy.evidence.accept):
        path = ("evidence", "accept", place)
        code, at, until = entry.get("code", ""), entry.get("at", ""), entry.get("until")
        names = {"code": code, "clause": at, "until": until}
        acceptance = Acceptance(code, at, entry.get("reason", {}), entry.get("who", ""), str(until))
        if not code or not at or not isinstance(until, date):  # each gap has its own finding
            continue
        if until < ctx.as_of:
            open_.append(_own(ctx, "PP016", (*path, "until"), {**names, "detail": "ended"}))
            continue
        if (until - ctx.as_of).days > LONGEST_ACCEPTANCE_DAYS:
            open_.append(_own(ctx, "PP016", (*path, "until"), {**names, "detail": "too_far"}))
            continue
        entry_code = catalogue().get(code)
        if entry_code is not None and not entry_code.acceptable:
            open_.append(_own(ctx, "PP016", (*path, "code"), {**names, "detail": "not_acceptable"}))
            continue
        mine = [f for f in open_ if f.code == code and f.clause == at]
        if not mine:
            open_.append(_own(ctx, "PP017", path, {"code": code, "clause": at}))
        open_ = [f for f in open_ if f not in mine]
        accepted.extend(replace(finding, accepted=acceptance) for finding in mine)
    return open_, accepted


def _own(ctx: Context, code: str, path: KeyPath, params: Mapping[str, Any]) -> Finding:
    span = value_span(ctx.typed.folder.sections, path)
    return _settle(ctx, Finding(code, path, span, params, clause="evidence.accept"))


def hashes(folder: Folder) -> tuple[str, str]:
    """Give the promise hash and the evidence hash of a folder.

    Comments, layout and quoting do not count; the order of keys does, because the page shows it.
    """
    promised = {name: plain(folder.sections[name]) for name in SECTIONS if name in folder.sections and name not in UNPROMISED}
    proof = plain(folder.sections["evidence"]) if "evidence" in folder.sections else {}
    cited = {path: digest(folder.document(path) or b"") for path in sorted(set(_cited(proof)))}
    return digest(_canonical(promised)), digest(_canonical([proof, cited]))


def _canonical(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def _cited(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value] if value.startswith("documents/") else []
    children = value.values() if isinstance(value, dict) else value
    return [path for child in children for path in _cited(child)]


def dump(folder: Folder) -> str:
    """Give a folder's sections as canonical JSON: what is kept of a published version."""
    return json.dumps({name: plain(tree) for name, tree in folder.sections.items()}, ensure_ascii=False)


def load(text: str, law: Law, promise_hash: str, evidence_hash: str) -> CompiledPolicy:
    """Build a published version again from what was kept, without checks.

    A published version is served as it was found sound on its day; dates that passed since stop nothing.
    """
    folder = Folder(Path())
    for name, tree in json.loads(text).items():
        node = _node(tree)
        if isinstance(node, Map):
            folder.sections[name] = node
    typed: Typed = type_folder(folder, known_regimes(law))
    values = {name: typed.sections[name] for name in SECTIONS if name in typed.sections}
    return build(freeze(values), promise_hash, evidence_hash)


_NOWHERE = Span("", 1, 1, 1, 1)


def known_regimes(law: Law) -> tuple[str, ...]:
    """Give every regime that some pack knows."""
    return tuple(dict.fromkeys(pack.regime for pack in law.packs.values()))


def _node(value: Any) -> Node:
    if isinstance(value, str):
        return Scalar(value, _NOWHERE)
    if isinstance(value, list):
        return Seq([_node(item) for item in value], _NOWHERE)
    return Map({key: (_NOWHERE, _node(child)) for key, child in value.items()}, _NOWHERE)
