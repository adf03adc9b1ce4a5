"""2xx: purposes and their bases."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from upheld.policy.check.context import Context
from upheld.policy.decide import asks_basis, basis_in, jurisdictions
from upheld.policy.findings import Finding, KeyPath, Span
from upheld.policy.source import Map, Scalar, Seq

OPEN_ENDED = {
    "en": re.compile(r"\betc\b\.?|\band so (?:on|forth)\b|\band the like\b|\bsuch as\b(?!.*\bonly\b)|\bor similar\b"),
    "ja": re.compile(r"(?<![平均同対高上下])等(?![しい級分価号])|など"),
    "de": re.compile(r"\busw\b\.?|\bund so weiter\b|\bu\. ?a\."),
}
"""Words that leave a purpose open, per language. A guess: PP206 is a warning, never more."""


def missing_bases(ctx: Context) -> Iterator[Finding]:
    """Ask for a basis in each regime that wants one (PP201)."""
    stated = {name for situation in ctx.policy.situations.values() for name in situation.purpose_ids}
    for purpose in ctx.policy.purposes:
        if purpose not in stated:
            continue
        lacking = [
            regime
            for regime in ctx.policy.reach
            if asks_basis(ctx.policy, ctx.law, regime, ctx.as_of)
            and any(
                not basis_in(ctx.policy, ctx.law, purpose, situation.id, regime, ctx.as_of)
                for situation in ctx.policy.situations.values()
                if purpose in situation.purpose_ids
            )
        ]
        if lacking:
            path = ("basis", "purposes", purpose)
            yield from ctx.say("PP201", path, at_key=True, purpose=purpose, regimes=lacking)


def one_at_a_time(ctx: Context) -> Iterator[Finding]:
    """Find two bases at a time (PP202); the first one stands until someone decides."""
    tree = ctx.typed.folder.sections.get("basis")
    lines = tree.get("purposes") if tree else None
    for purpose, (_, line) in lines.entries.items() if isinstance(lines, Map) else ():
        for regime, (_, node) in line.entries.items() if isinstance(line, Map) else ():
            if regime not in ctx.policy.reach or not isinstance(node, Seq) or len(node.items) < 2:
                continue
            items = [item.value for item in node.items if isinstance(item, Scalar)]
            if len(items) == len(node.items):
                path = ("basis", "purposes", purpose, regime)
                yield from ctx.say("PP202", path, at_key=True, purpose=purpose, regimes=[regime], names={"items": items})


def statutes(ctx: Context) -> Iterator[Finding]:
    """Ask for a statute of a jurisdiction that counts (PP203)."""
    for line in ctx.policy.purpose_bases.values():
        for regime, basis in line.bases.items():
            found = ctx.policy.bases.get(basis)
            if found is None or found.proof != "statute":
                continue
            allowed = jurisdictions(ctx.policy, ctx.law, regime, ctx.as_of)
            statute = ctx.law.statute(line.statute) if line.statute else None
            if allowed and (statute is None or statute.jurisdiction not in allowed):
                path = ("basis", "purposes", line.purpose, regime)
                yield from ctx.say("PP203", path, purpose=line.purpose, regimes=[regime])


def assessments(ctx: Context) -> Iterator[Finding]:
    """Ask for a balancing test behind legitimate interests (PP204), and for one of the named interests (PP205)."""
    for line in ctx.policy.purpose_bases.values():
        path = ("basis", "purposes", line.purpose)
        named: set[str] = set()
        for regime, basis in line.bases.items():
            found = ctx.policy.bases.get(basis)
            if found is None or found.proof != "assessment":
                continue
            named |= set(found.interests)
            if regime in ctx.asking("basis.assessment") and not _assessed(ctx, line.purpose):
                yield from ctx.say("PP204", (*path, regime), purpose=line.purpose, regimes=[regime])
        if named and (line.interest not in named):
            at: KeyPath = (*path, "interest") if line.interest else path
            names = {"value": line.interest or "", "items": sorted(named), "purpose": line.purpose}
            yield from ctx.say("PP205", at, at_key=not line.interest, names=names)


def _assessed(ctx: Context, purpose: str) -> bool:
    document = ctx.policy.evidence.of(f"basis.purposes.{purpose}").get("assessment")
    return isinstance(document, str) and ctx.typed.folder.document(document) is not None


def open_ended(ctx: Context) -> Iterator[Finding]:
    """Find words that leave a purpose open (PP206)."""
    for purpose in ctx.policy.purposes.values():
        for language, text in purpose.text.items():
            pattern = OPEN_ENDED.get(language)
            match = pattern.search(text) if pattern else None
            if match:
                path = ("collection", "purposes", purpose.id, "text", language)
                found = ctx.say("PP206", path, purpose=purpose.id, value=match[0].strip(), language=language)
                yield from (replace(finding, span=_at_word(ctx, finding.span, match[0].strip())) for finding in found)


def _at_word(ctx: Context, span: Span | None, word: str) -> Span | None:
    """Narrow a place to a word that stands in it; a text folded over several lines keeps its whole place."""
    if span is None or span.line != span.end_line:
        return span
    line = ctx.typed.folder.texts.get(span.file, "").split("\n")[span.line - 1 :][:1]
    col = "".join(line).find(word, span.col - 1, span.end_col - 1) + 1
    return replace(span, col=col, end_col=col + len(word)) if col else span


def unreachable(ctx: Context) -> Iterator[Finding]:
    """Find announcing to people nobody can write to (PP208), and situations whose people will not be mailed (PP209)."""
    for situation in ctx.policy.situations.values():
        fields = [ctx.policy.fields[name] for name in situation.fields if name in ctx.policy.fields]
        online_only = bool(fields) and all(item.kind == "online_id" for item in fields)
        mails = [stated for stated in situation.purposes if stated.act == "send_marketing"]
        path = ("collection", "situations", situation.id)
        if online_only:
            for stated in mails:
                place = situation.purpose_ids.index(stated.purpose)
                yield from ctx.say("PP208", (*path, "purposes", place), purpose=stated.purpose, situation=situation.id)
        elif not mails and any(item.format == "email" for item in fields):
            yield from ctx.say("PP209", path, at_key=True, situation=situation.id)


def unconfirmable(ctx: Context) -> Iterator[Finding]:
    """Find consents to be confirmed by mail where no address is asked for (PP215).

    A banner's choice needs no mail, and a purpose that needs the address itself is spoken of already (PP107).
    """
    policy = ctx.policy
    addresses = {name for name, item in policy.fields.items() if item.format == "email"}
    asked = [line.purpose for line in policy.purpose_bases.values() if line.confirm is not None and line.purpose in policy.purposes]
    for purpose in asked:
        if addresses & set(policy.purposes[purpose].needs):
            continue
        for situation in policy.situations.values():
            channel = policy.channels.get(situation.channel)
            silent = (channel is not None and channel.how == "browser") or addresses & set(situation.fields)
            if purpose in situation.purpose_ids and not silent:
                regimes = [name for name in policy.reach if _asks_consent(ctx, purpose, situation.id, name)]
                if regimes:
                    path = ("basis", "purposes", purpose, "confirm")
                    yield from ctx.say("PP215", path, purpose=purpose, situation=situation.id, regimes=regimes)


def _asks_consent(ctx: Context, purpose: str, situation: str, regime: str) -> bool:
    basis = ctx.policy.bases.get(basis_in(ctx.policy, ctx.law, purpose, situation, regime, ctx.as_of))
    return basis is not None and basis.proof == "consent_record"


CHECKS = (missing_bases, one_at_a_time, statutes, assessments, open_ended, unreachable, unconfirmable)
