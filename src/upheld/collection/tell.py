"""Telling: the notice of a situation in one language, as plain data for the form and for programs alike."""

from __future__ import annotations

from datetime import date
from typing import Any

from upheld.notice import Sheet, Told
from upheld.policy.law import Law
from upheld.policy.model import CompiledPolicy, Field, Text
from upheld.policy.render.wording import Wording
from upheld.web.words import words


def in_lang(text: Text | None, lang: str) -> str:
    """Give a text in a language, in the policy's first one where it has none."""
    return (text.get(lang) or next(iter(text.values()), "")) if text else ""


def notice(policy: CompiledPolicy, law: Law, sheet: Sheet, lang: str, on: date) -> dict[str, Any]:
    """Say who, why, on which basis, to whom and where, how long, which rights, and where to write.

    Clause: notice.channels (APPI 21(2), 28(2), 32(1); GDPR 13)
    """
    wording = Wording(policy, lang, law, on)
    situation = sheet.situation
    return {
        "situation": situation.id,
        "when": in_lang(situation.text, lang),
        "controller": in_lang(policy.controller.name, lang),
        "purposes": [_purpose(policy, wording, told) for told in sheet.purposes],
        "services": [
            {
                "id": service.id,
                "service": service.service,
                "operator": _operator(policy, service.operator, lang),
                "countries": _places(wording, service.countries),
            }
            for service in sheet.services
        ],
        "recipients": [
            {"id": item.id, "text": in_lang(item.text, lang), "countries": _places(wording, item.country)}
            for item in sheet.recipients
        ],
        "countries": _places(wording, sheet.countries),
        "period": wording.ends(sheet.ends) if sheet.ends else "",
        "if_not_given": in_lang(situation.if_not_given, lang),
        "rights": [{"id": right.id, "title": _right(right.title, right.id, lang)} for right in sheet.rights],
        "contact": {
            "company": in_lang(policy.contact.company, lang),
            "department": in_lang(policy.contact.department, lang),
            "address": in_lang(policy.contact.address, lang),
            "mailbox": policy.contact.mailbox,
        },
        "comma": wording.say("kit", "comma"),
        "policy_url": f"/privacy/{lang}#collection.{situation.id}",
    }


def _purpose(policy: CompiledPolicy, wording: Wording, told: Told) -> dict[str, Any]:
    lang = wording.lang
    grouped: dict[str, list[str]] = {}
    for regime, basis in told.bases.items():
        if basis in policy.bases:
            grouped.setdefault(basis, []).append(regime)
    bases = [
        {
            "id": basis,
            "text": in_lang(policy.bases[basis].text, lang),
            "regimes": regimes,
            "where": wording.listed(wording.regime(regime) for regime in regimes),
        }
        for basis, regimes in grouped.items()
    ]
    found: dict[str, Any] = {
        "id": told.purpose.id,
        "text": in_lang(told.purpose.text, lang),
        "consent": told.consent,
        "bases": bases,
    }
    for item in policy.bases.values():
        if told.interest is not None and told.interest in item.interests:
            found["interest"] = {"id": told.interest, "text": in_lang(item.interests[told.interest], lang)}
    return found


def _operator(policy: CompiledPolicy, operator: str, lang: str) -> str:
    return in_lang(policy.controller.name, lang) if operator == "self" else operator


def _places(wording: Wording, codes: tuple[str, ...]) -> list[dict[str, str]]:
    return [{"code": code, "name": wording.country(code)} for code in codes]


def _right(title: Text | None, right: str, lang: str) -> str:
    return in_lang(title, lang) or words(lang)["rights"].get(right, right.replace("_", " "))


def field_said(field: Field, lang: str, *, required: bool) -> dict[str, Any]:
    """Describe a field for a program that builds a form."""
    said: dict[str, Any] = {
        "id": field.id,
        "label": in_lang(field.text, lang),
        "kind": field.kind,
        "required": required,
        "max": field.max,
    }
    if field.format:
        said["format"] = field.format
    if field.items:
        said["items"] = list(field.items)
    return said
