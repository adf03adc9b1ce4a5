"""Decisions as text, as one object, and as the whole table of a policy."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any

from upheld.policy.decide import Verdict, decide, state
from upheld.policy.law import Law, area_contains, regimes
from upheld.policy.law.adequacy import SAME_AREA, DpfEvidence, adequate
from upheld.policy.model import CompiledPolicy, End, Service
from upheld.policy.render.wording import Wording
from upheld.policy.report.style import Style
from upheld.policy.report.width import pad, wrap

MATRIX = ("situation", "field", "purpose", "decision", "code")
_AREA_OF = {"eea": "EEA", "uk": "GB", "jp": "JP"}
_LABEL = 8


@dataclass(frozen=True, slots=True)
class Question:
    """What was asked; without an area the answer is what the page says of everybody."""

    situation: str
    field: str
    purpose: str
    area: str | None
    on: date


@dataclass(frozen=True, slots=True)
class Hop:
    """A service that handles the purpose, a country it reaches, and what carries data there in each regime."""

    service: str
    country: str
    carried: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Answer:
    """A verdict with what follows from it: how long the data are kept, and where they go."""

    question: Question
    version: str
    verdict: Verdict
    ends: tuple[End, ...]
    hops: tuple[Hop, ...]


def matrix(policy: CompiledPolicy) -> Iterator[tuple[str, str, str, str, str]]:
    """Walk every (situation, field, purpose) with `allow` for what the page states, else `refuse` and its code.

    A stated triple that cannot be met stays `allow` and carries `purpose_gap`: read and send refuse it.
    """
    for situation, name, purpose in policy.triples():
        verdict = state(policy, situation, name, purpose)
        yield situation, name, purpose, "allow" if verdict.stated else "refuse", verdict.code or ""


def answer(policy: CompiledPolicy, law: Law, question: Question) -> Answer:
    """Decide one question, and say where the data would go and when they would end."""
    asked = (question.situation, question.field, question.purpose)
    verdict = decide(policy, law, *asked, area=question.area, on=question.on)
    if not verdict.stated:
        return Answer(question, policy.version, verdict, (), ())
    ends = ends_of(policy, question.situation, question.field)
    return Answer(question, policy.version, verdict, ends, tuple(_hops(policy, law, question)))


def ends_of(policy: CompiledPolicy, situation: str, field: str) -> tuple[End, ...]:
    """Give the ends of a field taken in a situation: a rule for the field, for the situation, else the kind's.

    Clause: retention (APPI 22, GDPR 5(1)(e))
    """
    fitting = [
        rule
        for rule in policy.retention.rules
        if rule.ends
        and (rule.fields is None or field in rule.fields)
        and (rule.situations is None or situation in rule.situations)
    ]
    narrowest = max(fitting, key=lambda r: (r.fields is not None, r.situations is not None), default=None)
    kind = policy.retention.kinds.get(policy.situations[situation].subject)
    return narrowest.ends if narrowest else kind.ends if kind else ()


def _hops(policy: CompiledPolicy, law: Law, question: Question) -> Iterator[Hop]:
    area = question.area
    held = regimes(policy.reach, policy.packs, area, question.on, law) if area else ()
    for service in policy.services.values():
        if question.purpose not in service.purposes:
            continue
        for country in service.countries or (policy.controller.country,):
            carried = [(r, _carrier(policy, law, service, r, country, question)) for r in held]
            yield Hop(service.id, country, tuple(carried))


def _carrier(
    policy: CompiledPolicy, law: Law, service: Service, regime: str, country: str, question: Question
) -> str:
    """Name what carries a hop in one regime; empty where nothing does.

    Clause: transfers (GDPR 44, UK GDPR 44A, APPI 28)
    """
    chosen = service.transfer.get(regime, "")
    if regime == "jp":
        return chosen or ("domestic" if country == policy.controller.country else "")
    area = _AREA_OF.get(regime, regime)
    if area_contains(area, country, law):
        return SAME_AREA
    applicant = policy.situations[question.situation].subject == "candidate"
    evidence = policy.evidence.of(f"services.{service.id}")
    found = adequate(
        area, country, question.on, dpf=_certified(evidence.get("dpf", {})), human_resources=applicant
    )
    if found:
        return "adequacy" if "dpf" not in found else "dpf"
    module = evidence.get("scc", {}).get("module") if chosen in {"scc", "uk_addendum"} else None
    return f"{chosen} module {module}" if module else chosen


def _certified(dpf: Any) -> DpfEvidence | None:
    seen = dpf.get("checked_on")
    if not isinstance(seen, date):
        return None
    return DpfEvidence(seen, frozenset(dpf.get("covers", ())), bool(dpf.get("uk_extension")))


# --- text ---------------------------------------------------------------------------------------------------

_STATES = {
    "situation_unknown": {"en": "has the situations", "ja": "の取得場面"},
    "field_not_declared": {"en": "collects there", "ja": "で取得する項目"},
    "purpose_not_declared": {"en": "states", "ja": "が述べる目的"},
}
_NEXT = {
    "situation_unknown": {
        "en": "ask about a situation of the policy, or amend (`upheld diff` shows what that takes)",
        "ja": "公表文にある取得場面を指定する。加えるには改定を要する（`upheld diff`が手続を示す）",
    },
    "field_not_declared": {
        "en": "leave the field out, or amend (`upheld diff` shows what that takes)",
        "ja": "その項目を除く。加えるには改定を要する（`upheld diff`が手続を示す）",
    },
    "purpose_not_declared": {
        "en": "ask under a stated purpose, or amend (`upheld diff` shows what that takes)",
        "ja": "公表した目的で求める。加えるには改定を要する（`upheld diff`が手続を示す）",
    },
    "purpose_gap": {
        "en": "collect what the purpose needs there, or drop the purpose (`upheld explain PP107`)",
        "ja": "目的に要する項目を取得するか、目的を外す（`upheld explain PP107`）",
    },
    "no_legal_basis": {
        "en": "state a basis for the purpose in each regime that asks for one (`upheld explain PP201`)",
        "ja": "根拠を求める法域ごとに、目的の根拠を定める（`upheld explain PP201`）",
    },
}


def verdict_text(policy: CompiledPolicy, law: Law, found: Answer, lang: str, style: Style) -> str:
    """Print an answer: what, why, until when, to whom, and what to do next."""
    wording = Wording(policy, lang, law, found.question.on)
    rows = _allowed(found, wording) if found.verdict.allow else _refused(policy, found, lang)
    lines = []
    for name, text in rows:
        mark = style.paint(name, name) + " " * (_LABEL - len(name))
        lines.append((mark if name else " " * _LABEL) + wrap(text, style.width, _LABEL))
    return "\n".join(lines) + "\n"


def _refused(policy: CompiledPolicy, found: Answer, lang: str) -> Iterator[tuple[str, str]]:
    code = found.verdict.code or ""
    yield "refuse", code
    yield "clause", f"{found.verdict.clause}   {_instead(policy, found, lang)}".rstrip()
    yield "next", _NEXT[code].get(lang) or _NEXT[code]["en"]


def _instead(policy: CompiledPolicy, found: Answer, lang: str) -> str:
    code, asked = found.verdict.code or "", found.question
    if code == "purpose_gap":
        missing = ", ".join(policy.gaps[asked.situation, asked.purpose])
        return (
            f"`{asked.purpose}`には`{missing}`を要する"
            if lang == "ja"
            else f"needs {missing}, not collected there"
        )
    if code == "no_legal_basis":
        bare = ", ".join(regime for regime, basis in (found.verdict.bases or {}).items() if not basis)
        return f"{bare}に根拠がない" if lang == "ja" else f"states no basis in {bare}"
    words: tuple[str, ...] = tuple(policy.situations)
    if code == "field_not_declared":
        words = policy.situations[asked.situation].fields
    elif code == "purpose_not_declared":
        words = policy.situations[asked.situation].purpose_ids
    says = _STATES[code].get(lang) or _STATES[code]["en"]
    version = f"第{found.version}版" if lang == "ja" else f"version {found.version} "
    return f"{version}{says}: {', '.join(words) or '-'}"


def _allowed(found: Answer, wording: Wording) -> Iterator[tuple[str, str]]:
    needs, lang = found.verdict.needs, wording.lang
    standing = " + ".join(needs)
    while_ = (f"{standing}が有効な間" if lang == "ja" else f"while {standing} stands") if needs else ""
    yield "allow", while_ or ("公表文に記載" if lang == "ja" else "stated")
    yield "clause", f"{found.verdict.clause}   version {found.version}"
    bases: dict[str, list[str]] = {}
    for regime, basis in (found.verdict.bases or {}).items():
        bases.setdefault(basis, []).append(regime)
    if bases:
        yield "basis", " · ".join(f"{basis} ({', '.join(held)})" for basis, held in bases.items())
    if found.ends:
        yield "keep", wording.ends(found.ends)
    width = max((len(hop.service) for hop in found.hops), default=0)
    for place, hop in enumerate(found.hops):
        carried = ", ".join(f"{means or '-'} ({regime})" for regime, means in hop.carried)
        yield ("" if place else "to"), f"{pad(hop.service, width)}  {hop.country}  {carried}".rstrip()


def verdict_object(found: Answer) -> dict[str, Any]:
    """Give an answer as one object; `decision` is `allow` or `refuse`."""
    asked, verdict = found.question, found.verdict
    return {
        "situation": asked.situation,
        "field": asked.field,
        "purpose": asked.purpose,
        "area": asked.area,
        "on": asked.on.isoformat(),
        "policy_version": found.version,
        "decision": "allow" if verdict.allow else "refuse",
        "stated": verdict.stated,
        "allow": verdict.allow,
        "code": verdict.code,
        "clause": verdict.clause,
        "gap": verdict.gap,
        "bases": dict(verdict.bases or {}),
        "needs": list(verdict.needs),
        "keep": [{"after": end.after, "period": str(end.period), "count": end.count} for end in found.ends],
        "to": [
            {"service": hop.service, "country": hop.country, "carried": dict(hop.carried)}
            for hop in found.hops
        ],
    }
