"""Usual rows: what `admit` says of a row of ordinary texts, from what is compiled once for a situation; pure.

Only what is in order is decided here. A row with anything that needs a closer look, or a fault to name, goes before
`admit`, which stays the one that refuses.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from datetime import date
from typing import Any, NamedTuple

from upheld.collection.model import Admission, Submission
from upheld.collection.rules import admit, fits, has_control, identifiers, origin_of, review_of
from upheld.policy.law import OTHER, Law
from upheld.policy.model import CompiledPolicy, Field, Situation

Passed = tuple[Admission, dict[str, str]]
"""The judgement, and what the person can be found by."""

_KINDS = ("email", "phone")
"""Kinds of identifiers that a text may be, the surest first."""


class _Known(NamedTuple):
    """What is known of a plain field: longest value, whether it may hold line ends, its format, its kind of identifier."""

    most: int
    free: bool
    form: str
    kind: str


class Usual:
    """Judges rows of one situation on one legal day.

    Clause: collection.situations (APPI 17, 18, 20; GDPR 5(1)(b)(c))
    """

    def __init__(self, policy: CompiledPolicy, law: Law, situation: Situation, on: date) -> None:
        """Compile what all rows share."""
        self._policy, self._law, self._situation, self._on = policy, law, situation, on
        fields = [policy.fields[name] for name in situation.fields]
        self._plain = {one.id: _known(one) for one in fields if _is_plain(one)}
        self._screened = any(one.screen for one in fields)
        self._subtypes = frozenset(("", *situation.subtypes))
        self._required = frozenset(situation.required)
        self._origins: dict[str, str | None] = {}

    def judge(self, told: Submission) -> Passed:
        """Give what `admit` says, and the identifiers; where there are faults, none of these."""
        return self._usual(told) or self._closer(told)

    def _closer(self, told: Submission) -> Passed:
        admitted = admit(self._policy, self._law, self._situation.id, told, self._on)
        if admitted.faults:
            return admitted, {}
        return admitted, identifiers(self._policy, admitted.values, told.visitor)

    def _usual(self, told: Submission) -> Passed | None:
        origin = self._origin(told.country)
        if origin is None or told.consents or told.visitor or told.subtype not in self._subtypes:
            return None
        region = told.country[:2] or self._policy.controller.country
        values: dict[str, Any] = {}
        found: dict[str, str] = {}
        for name, known in self._plain.items():
            raw = told.fields.get(name)
            if raw is None or raw == "":
                continue
            text = _text(raw, known, region)
            if text is None:
                return None
            values[name] = text
            if known.kind and known.kind not in found:
                found[known.kind] = text
        if not self._required <= values.keys() or _more(told.fields, values):
            return None
        review = review_of(self._policy, values) if self._screened else ""
        return Admission((), values, origin, (), review), {kind: found[kind] for kind in _KINDS if kind in found}

    def _origin(self, country: str) -> str | None:
        """Give the area of a residence; None for one that is no place."""
        if country not in self._origins:
            place = not country or country == OTHER or self._law.is_place(country)
            self._origins[country] = origin_of(self._policy, self._law, country) if place else None
        return self._origins[country]


def _is_plain(field: Field) -> bool:
    return field.kind not in {"itemised", "online_id"} and not field.special


def _known(field: Field) -> _Known:
    form = field.format or ""
    return _Known(field.max, field.kind == "free_text", form, form if form in _KINDS else "")


def _text(raw: Any, known: _Known, region: str) -> str | None:
    """Give a text as it is stored; None where it needs a closer look."""
    if type(raw) is not str or "\r" in raw or not (raw.isascii() or unicodedata.is_normalized("NFC", raw)):
        return None
    text = raw.strip()
    if not text or len(text) > known.most:
        return None
    if not (text.isprintable() or known.free) and has_control(text):
        return None
    return text if not known.form or fits(known.form, text, region) else None


def _more(fields: Mapping[str, Any], values: Mapping[str, Any]) -> bool:
    """Say whether a row holds more than what was taken of it."""
    return len(fields) > len(values) and any(value not in ("", None) for name, value in fields.items() if name not in values)
