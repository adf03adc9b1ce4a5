"""The policy as data: the promise as it was compiled, with what follows from it, for programs."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from upheld.policy.decide import state
from upheld.policy.keys import UNPROMISED
from upheld.policy.model import CompiledPolicy
from upheld.policy.period import Period

FORMAT = "upheld-policy/1"


def policy_json(policy: CompiledPolicy) -> dict[str, Any]:
    """Give the promise as plain data: sections as the folder writes them, all texts, and every stated triple.

    Evidence is left out: it proves the promise and is not part of it. Periods are ISO 8601, dates `YYYY-MM-DD`.
    """
    return {
        "format": FORMAT,
        "id": policy.id,
        "version": policy.version,
        "sha256": policy.promise_hash,
        "languages": list(policy.languages),
        "sections": {name: _plain(part) for name, part in policy.values.items() if name not in UNPROMISED},
        "stated": _stated(policy),
    }


def _stated(policy: CompiledPolicy) -> dict[str, dict[str, list[str]]]:
    """Give, for each situation and purpose, the fields that may serve it."""
    return {
        situation.id: {
            purpose: [name for name in situation.fields if state(policy, situation.id, name, purpose).stated]
            for purpose in situation.purpose_ids
        }
        for situation in policy.situations.values()
    }


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _plain(child) for key, child in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(child) for child in value]
    if isinstance(value, (Period, date)):
        return str(value)
    return value
