"""4xx: services and transfers."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any

from upheld.policy.check.context import Context
from upheld.policy.findings import Finding, KeyPath
from upheld.policy.law import area_contains
from upheld.policy.law.adequacy import DpfEvidence, adequate
from upheld.policy.model import Service, Situation

POSITIONS = ("domestic", "not_handled", "designated", "equivalent_system", "consent")
AREA_OF = {"eea": "EEA", "uk": "GB", "jp": "JP"}


def positions(ctx: Context) -> Iterator[Finding]:
    """Ask for the Japanese position of each foreign hop (PP401) and what proves `not_handled` (PP414)."""
    home = ctx.policy.controller.country
    for service in ctx.policy.services.values():
        path: KeyPath = ("services", "services", service.id)
        position = service.transfer.get("jp")
        if position is None:
            abroad = next((country for country in service.countries if country != home), None)
            if abroad is not None:
                at: KeyPath = (*path, "transfer") if service.transfer else path
                clause = f"services.{service.id}.transfer"
                yield from ctx.say("PP401", at, at_key=True, service=service.id, country=abroad, clause=clause)
        elif position not in POSITIONS:
            at = (*path, "transfer", "jp")
            yield from ctx.say("PP007", at, kind="mechanism", value=position, suggestion="")
        elif position == "not_handled":
            proof = ctx.policy.evidence.of(f"services.{service.id}").get("not_handled", {})
            missing = [name for name in ("clause", "access_control") if not proof.get(name)]
            if missing:
                yield from ctx.say("PP414", (*path, "transfer", "jp"), service=service.id, items=missing)


def mechanisms(ctx: Context) -> Iterator[Finding]:
    """Ask for a mechanism wherever neither the same area nor adequacy nor fresh certification carries a hop."""
    for service in ctx.policy.services.values():
        path = ("services", "services", service.id)
        for regime in ctx.asking("transfer.mechanism"):
            chosen = service.transfer.get(regime)
            if chosen is not None:
                yield from _chosen(ctx, service, regime, chosen)
                continue
            for country in service.countries:
                if not _carried(ctx, service, regime, country):
                    at = (*path, "transfer") if service.transfer else path
                    yield from ctx.say(
                        "PP402", at, at_key=True, service=service.id, country=country, regimes=[regime],
                        clause=f"services.{service.id}.transfer",
                    )  # fmt: skip


def _carried(ctx: Context, service: Service, regime: str, country: str) -> bool:
    area = AREA_OF.get(regime, regime)
    dpf = ctx.policy.evidence.of(f"services.{service.id}").get("dpf", {})
    checked = dpf.get("checked_on")
    seen = (
        DpfEvidence(checked, frozenset(dpf.get("covers", ())), bool(dpf.get("uk_extension")))
        if isinstance(checked, date)
        else None
    )
    applicants = any(s.subject == "candidate" for s in ctx.policy.situations.values() if _serves(service, s))
    return area_contains(area, country, ctx.law) or bool(
        adequate(area, country, ctx.as_of, dpf=seen, human_resources=applicants)
    )


def _serves(service: Service, situation: Situation) -> bool:
    return bool(set(service.purposes) & set(situation.purpose_ids))


def _fresh(ctx: Context, dpf: Mapping[str, Any]) -> bool:
    checked = dpf.get("checked_on")
    return isinstance(checked, date) and 0 <= (ctx.as_of - checked).days <= _max_age(ctx)


def _max_age(ctx: Context) -> int:
    return min((days for rule in ctx.rules("transfer.dpf") if (days := rule.number("max_age_days"))), default=90)


def _grace(ctx: Context) -> int:
    return min((days for rule in ctx.rules("processor.review") if (days := rule.number("grace_days"))), default=30)


def _chosen(ctx: Context, service: Service, regime: str, chosen: str) -> Iterator[Finding]:
    path = ("services", "services", service.id, "transfer", regime)
    evidence = ctx.policy.evidence.of(f"services.{service.id}")
    if chosen not in ctx.policy.mechanisms:
        suggestion = next(iter(difflib.get_close_matches(chosen, list(ctx.policy.mechanisms), n=1)), "")
        yield from ctx.say("PP007", path, kind="mechanism", value=chosen, suggestion=suggestion)
    elif regime == "uk" and chosen == "scc":
        yield from ctx.say("PP405", path, service=service.id)
    elif ctx.policy.mechanisms[chosen].approval and not evidence.get("approval", {}).get("id"):
        yield from ctx.say("PP413", path, service=service.id, mechanism=chosen)


def clause_modules(ctx: Context) -> Iterator[Finding]:
    """Find standard clauses of a module that fits no processor (PP404)."""
    allowed = {word for rule in ctx.rules("transfer.mechanism") for word in rule.words("modules")}
    for service in ctx.policy.services.values():
        module = ctx.policy.evidence.of(f"services.{service.id}").get("scc", {}).get("module")
        if module is not None and module not in allowed:
            path = ("evidence", "clauses", f"services.{service.id}", "scc", "module")
            clause = f"services.{service.id}"
            yield from ctx.say("PP404", path, clause=clause, service=service.id, value=module, expected=sorted(allowed))


def standing_mechanisms(ctx: Context) -> Iterator[Finding]:
    """Find derogations dressed as standing mechanisms (PP415)."""
    for name in ctx.policy.mechanisms:
        if name.startswith("derogation") or name.endswith("_49"):
            yield from ctx.say("PP415", ("transfers", "mechanisms", name), at_key=True, mechanism=name)


def support(ctx: Context) -> Iterator[Finding]:
    """Find operators abroad whose support access is not told (PP403)."""
    for service in ctx.policy.services.values():
        outside = service.operator_country and service.operator_country not in service.storage
        if outside and service.support_access is None:
            path = ("services", "services", service.id, "operator_country")
            yield from ctx.say("PP403", path, service=service.id, country=service.operator_country)


def certification(ctx: Context) -> Iterator[Finding]:
    """Find certifications checked too long ago (PP406)."""
    for service in ctx.policy.services.values():
        dpf = ctx.policy.evidence.of(f"services.{service.id}").get("dpf")
        if dpf is not None and not _fresh(ctx, dpf):
            path = ("evidence", "clauses", f"services.{service.id}", "dpf", "checked_on")
            checked = dpf.get("checked_on")
            detail = "future" if isinstance(checked, date) and checked > ctx.as_of else "stale"
            names = {"service": service.id, "days": _max_age(ctx), "date": checked or "", "detail": detail}
            yield from ctx.say("PP406", path, clause=f"services.{service.id}", names=names)


def purposes_served(ctx: Context) -> Iterator[Finding]:
    """Note purposes that go to no service (PP407); find outside purposes that no service lists (PP408)."""
    if not ctx.policy.services:
        return
    served = {purpose for service in ctx.policy.services.values() for purpose in service.purposes}
    stated = {name for situation in ctx.policy.situations.values() for name in situation.purpose_ids}
    for purpose in ctx.policy.purposes.values():
        if purpose.id in served or purpose.id not in stated:
            continue
        if purpose.outside:
            path = ("collection", "purposes", purpose.id, "outside")
            yield from ctx.say("PP408", path, purpose=purpose.id)
        else:
            at = ("services", "services")
            yield from ctx.say("PP407", at, at_key=True, clause=f"collection.purposes.{purpose.id}", purpose=purpose.id)


def contracts(ctx: Context) -> Iterator[Finding]:
    """Ask what a contract with a processor must hold (PP410), and for a contract, not a notice (PP412)."""
    letters = {word for rule in ctx.rules("processor.contract") for word in rule.words("letters")}
    for service in ctx.policy.services.values():
        if service.operator == "self":
            continue
        path = ("evidence", "clauses", f"services.{service.id}", "contract")
        clause = f"services.{service.id}"
        contract = ctx.policy.evidence.of(clause).get("contract", {})
        agreed = contract.get("art28", ())
        missing = sorted(letters - set(agreed)) if agreed != "all" else []
        if missing:
            at = (*path, "art28") if agreed else ("services", "services", service.id)
            items = [f"({letter})" for letter in missing]
            yield from ctx.say("PP410", at, at_key=not agreed, clause=clause, service=service.id, items=items)
        document = contract.get("document", "")
        if document.startswith(("http://", "https://")):
            yield from ctx.say("PP412", (*path, "document"), clause=clause, service=service.id)


def reviews(ctx: Context) -> Iterator[Finding]:
    """Find services whose review is overdue (PP411)."""
    for service in ctx.policy.services.values():
        due = ctx.policy.evidence_review(service.id)
        if due is not None and due < ctx.as_of:
            path = ("evidence", "clauses", f"services.{service.id}", "review", "next")
            yield from ctx.say(
                "PP411", path, clause=f"services.{service.id}", service=service.id, date=due, days=_grace(ctx)
            )


CHECKS = (
    positions, mechanisms, clause_modules, standing_mechanisms, support, certification, purposes_served,
    contracts, reviews,
)  # fmt: skip
