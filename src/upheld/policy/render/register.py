"""Register: the record of what is done with personal data, one row for each situation and purpose."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from upheld.policy.law import load_law
from upheld.policy.model import CompiledPolicy, PurposeBasis, Situation, Text

_NO_BASIS: dict[str, str] = {}


def register_rows(policy: CompiledPolicy, lang: str) -> list[dict[str, Any]]:
    """Give the register with the columns of GDPR 30(1), in the order of the folder.

    Each row names ids and, in `lang`, texts; periods are ISO 8601. Raises KeyError for a language the policy
    does not speak.
    Clause: collection (GDPR 30(1))
    """
    if lang not in policy.languages:
        raise KeyError(lang)
    return [
        _row(policy, lang, situation, purpose)
        for situation in policy.situations.values()
        for purpose in situation.purpose_ids
    ]


def _row(policy: CompiledPolicy, lang: str, situation: Situation, purpose: str) -> dict[str, Any]:
    fields = _fields(policy, situation, purpose)
    line = policy.purpose_bases.get(purpose)
    return {
        "version": policy.version,
        "controller": _name(policy.controller.name, lang),
        "controller_address": _name(policy.controller.address, lang),
        "representative": _name(policy.controller.representative, lang),
        "representatives": {
            name: _name(part.get("name"), lang) for name, part in policy.controller.representatives.items()
        },
        "officer": _officer(policy, lang),
        "situation": situation.id,
        "situation_text": _name(situation.text, lang),
        "purpose": purpose,
        "purpose_text": _name(policy.purposes[purpose].text, lang) if purpose in policy.purposes else "",
        "subjects": situation.subject,
        "subjects_text": _kind(policy, situation.subject, lang),
        "fields": list(fields),
        "fields_text": [_name(policy.fields[name].text, lang) for name in fields],
        "sensitive": [name for name in fields if policy.fields[name].special],
        "legal_basis": dict(line.bases) if line else _NO_BASIS,
        "legal_basis_cases": _cases(line, situation.id),
        "interest": line.interest if line else None,
        **_receivers(policy, situation, purpose),
        "retention": [
            {"after": end.after, "period": str(end.period), "count": end.count}
            for end in _ends(policy, situation)
        ],
        "longer_by_law": [
            item.statute for item in policy.retention.longer_by_law if situation.id in item.situations
        ],
        "security": list(policy.measures),
        "gap": list(policy.gaps.get((situation.id, purpose), ())),
    }


def _name(text: Any, lang: str) -> str:
    return " ".join(str(text.get(lang, "")).split()) if text else ""


def _officer(policy: CompiledPolicy, lang: str) -> str:
    dpo = policy.controller.dpo or {}
    name = dpo.get("name", "")
    said = name if isinstance(name, str) else _name(name, lang)
    return ", ".join(part for part in (said, dpo.get("mailbox", "")) if part)


def _kind(policy: CompiledPolicy, kind: str, lang: str) -> str:
    found = policy.retention.kinds.get(kind)
    text: Text | None = found.text if found else None
    return _name(text, lang) or kind


def _fields(policy: CompiledPolicy, situation: Situation, purpose: str) -> tuple[str, ...]:
    mask = policy.use_masks[situation.id][purpose]
    return tuple(name for name in situation.fields if policy.field_bits.get(name, 0) & mask)


def _cases(line: PurposeBasis | None, situation: str) -> list[dict[str, Any]]:
    cases = line.when if line else ()
    return [
        {"standing": case.standing, "bases": dict(case.bases)}
        for case in cases
        if case.situation in (None, situation)
    ]


def _receivers(policy: CompiledPolicy, situation: Situation, purpose: str) -> dict[str, Any]:
    """Give services and recipients behind the purpose, the countries they reach, and what protects each way."""
    services = [item for item in policy.services.values() if purpose in item.purposes]
    recipients = [
        item
        for item in policy.recipients.values()
        if item.id in (situation.recipients or ()) and purpose in item.purposes
    ]
    reached = [
        *(code for item in services for code in item.countries),
        *(code for item in recipients for code in item.country),
    ]
    return {
        "services": [item.id for item in services],
        "services_text": [item.service for item in services],
        "recipients": [item.id for item in recipients],
        "storage": _once(code for item in services for code in item.storage),
        "countries": _once(reached),
        "transfers": {item.id: dict(item.transfer) for item in services if item.transfer},
    }


def _once(codes: Iterable[str]) -> list[str]:
    known = load_law()
    return [code for code in dict.fromkeys(codes) if known.country_exists(code)]


def _ends(policy: CompiledPolicy, situation: Situation) -> tuple[Any, ...]:
    kind = policy.retention.kinds.get(situation.subject)
    return kind.ends if kind else ()
