"""The gate of collection: what may come in, judged before anything is stored; pure.

Order of checks: situation, kind of situation, fields, what they hold, purposes consented to. The notice is judged
after these (`notice.rules.judge`), so that a caller first learns what the public page says anyway.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any

from upheld.collection.model import Admission, Fault, Submission
from upheld.collection.screen import SPECIAL_CARE, hints_at_special_care
from upheld.notice.rules import sheet, special_consent
from upheld.policy.law import OTHER, UNKNOWN, Law, area_contains, regimes
from upheld.policy.law.clocks import due
from upheld.policy.model import CompiledPolicy, Field, Situation
from upheld.records.index import normal_form

MAX_LIST = 100
_CONTROL = re.compile("[\\x00-\\x1f\\x7f-\\x9f]")
_FIELD_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")
_RELATION_OF = {"contract_end": "contract", "account_closed": "account", "decision": "application"}
_SAID = {"email": "not_an_email", "phone": "not_a_phone", "date": "not_a_date"}


def admit(policy: CompiledPolicy, law: Law, situation_id: str, handed: Submission, on: date) -> Admission:
    """Judge what was handed in for a situation on a legal day.

    Clause: collection.situations (APPI 17, 18, 20; GDPR 5(1)(b)(c))
    """
    situation = policy.situations.get(situation_id)
    if situation is None:
        return Admission((Fault("situation_unknown", "collection"),))
    values = {name: value for name, raw in handed.fields.items() if (value := _clean(raw)) not in ("", [], {}, None)}
    region = handed.country[:2] or policy.controller.country
    faults = [
        *_subtype(situation, handed),
        *_undeclared(situation, values),
        *_required(situation, values),
        *_contents(policy, situation, values, region),
        *_residence(law, handed),
        *_linking(policy, situation, handed),
    ]
    origin = origin_of(policy, law, handed.country) if not faults else UNKNOWN
    faults += _special(policy, law, situation, values, handed, origin, on)
    faults += _consents(policy, law, situation, handed, on)
    if faults:
        return Admission(tuple(faults))
    return Admission(
        faults=(),
        values={name: values[name] for name in situation.fields if name in values},
        origin=origin,
        consents=tuple(dict.fromkeys(handed.consents)),
        review=review_of(policy, values),
    )


def origin_of(policy: CompiledPolicy, law: Law, country: str) -> str:
    """Give the area of a declared residence: one that the policy names, the controller's country, `other`, `unknown`.

    An address or connection never decides it.
    Clause: policy.law (GDPR 3)
    """
    if not country:
        return UNKNOWN
    for condition in policy.reach.values():
        for area in () if isinstance(condition, str) else condition.get("area", ()):
            if area_contains(area, country, law):
                return str(area)
    return country[:2] if country[:2] == policy.controller.country else OTHER


def _clean(raw: Any) -> Any:
    """Trim and compose texts, also inside lists and objects; other values stay for the checks to refuse."""
    if isinstance(raw, str):
        return unicodedata.normalize("NFC", raw.replace("\r\n", "\n")).strip()
    if isinstance(raw, list):
        return [item for item in map(_clean, raw) if item not in ("", {}, [])]
    if isinstance(raw, dict):
        return {name: value for name, part in raw.items() if (value := _clean(part)) != ""}
    return raw


def _linking(policy: CompiledPolicy, situation: Situation, handed: Submission) -> Iterator[Fault]:
    """Refuse to join a browser's id with a known person, unless the person consents to a purpose that links.

    Clause: collection.browsing (APPI 31, GDPR 6(1)(a))
    """
    channel = policy.channels.get(situation.channel)
    if not handed.visitor or (channel is not None and channel.how == "browser"):
        return
    linking = {stated.purpose for stated in situation.purposes if stated.act == "link"}
    if not linking & set(handed.consents):
        yield Fault("link_needs_consent", f"collection.{situation.id}.purposes", "visitor")


def _subtype(situation: Situation, handed: Submission) -> Iterator[Fault]:
    if handed.subtype and handed.subtype not in situation.subtypes:
        yield Fault("subtype_unknown", f"collection.{situation.id}.subtypes", "subtype", "not_an_option")


def _undeclared(situation: Situation, values: Mapping[str, Any]) -> Iterator[Fault]:
    """Name a field that is not declared only where its name is one: what a caller wrote is not repeated."""
    for name in values:
        if name not in situation.fields:
            told = name if _FIELD_NAME.fullmatch(name) else ""
            yield Fault("field_not_declared", f"collection.{situation.id}.collect", told)


def _required(situation: Situation, values: Mapping[str, Any]) -> Iterator[Fault]:
    for name in situation.required:
        if name not in values:
            yield Fault("field_required", f"collection.{situation.id}.{name}", name, "missing")


def _contents(
    policy: CompiledPolicy, situation: Situation, values: Mapping[str, Any], region: str
) -> Iterator[Fault]:
    for name in situation.fields:
        if name in values:
            fault = _content(policy.fields[name], situation, values[name], region)
            if fault is not None:
                yield fault


def _content(field: Field, situation: Situation, value: Any, region: str) -> Fault | None:
    clause = f"collection.fields.{field.id}"
    if field.kind == "itemised":
        return _itemised(field, situation, value)
    parts = value if field.kind == "online_id" and isinstance(value, list) else [value]
    if len(parts) > MAX_LIST or not all(isinstance(part, str) for part in parts):
        return Fault("value_invalid", clause, field.id)
    if any(len(part) > field.max for part in parts):
        return Fault("value_invalid", clause, field.id, "too_long")
    if field.kind != "free_text" and any(has_control(part) for part in parts):
        return Fault("value_invalid", clause, field.id)
    if field.format and not all(fits(field.format, part, region) for part in parts):
        return Fault("value_invalid", clause, field.id, _SAID.get(field.format, "not_accepted"))
    return None


def _itemised(field: Field, situation: Situation, value: Any) -> Fault | None:
    """Check a list of objects: only listed items, each a text.

    Clause: collection.fields.work_history
    """
    rows = [value] if isinstance(value, dict) else value
    clause = f"collection.fields.{field.id}"
    if not isinstance(rows, list) or len(rows) > MAX_LIST or not all(isinstance(row, dict) for row in rows):
        return Fault("item_not_listed", clause, field.id)
    for row in rows:
        if not set(row) <= set(field.items):
            return Fault("item_not_listed", clause, field.id)
        if not all(isinstance(part, str) and len(part) <= field.max and not has_control(part) for part in row.values()):
            return Fault("value_invalid", clause, field.id, "too_long")
    return None


def has_control(text: str) -> bool:
    """Say whether a text holds a control character (Unicode Cc)."""
    return _CONTROL.search(text) is not None


def fits(form: str, text: str, region: str) -> bool:
    """Say whether a text has the form of a field; `region` is the country of phone numbers without `+`."""
    if form == "date":
        try:
            return date.fromisoformat(text).isoformat() == text
        except ValueError:
            return False
    if form == "email":
        return normal_form("email", text) is not None and "." in text.rpartition("@")[2]
    if form == "phone":
        return normal_form("phone", text, region) is not None
    return True


def _residence(law: Law, handed: Submission) -> Iterator[Fault]:
    if handed.country and handed.country != OTHER and not law.is_place(handed.country):
        yield Fault("value_invalid", "policy.law", "country", "not_an_option")


def _special(
    policy: CompiledPolicy,
    law: Law,
    situation: Situation,
    values: Mapping[str, Any],
    handed: Submission,
    origin: str,
    on: date,
) -> list[Fault]:
    """Refuse a special-care field unless a ground stands or the person consents to a purpose that uses it.

    Clause: collection.fields (APPI 20(2), GDPR 9)
    """
    faults: list[Fault] = []
    if not any(name in policy.fields and policy.fields[name].special for name in values):
        return faults
    asked = [r for r in regimes(policy.reach, policy.packs, origin, on, law) if _asks_ground(policy, law, r, on)]
    for name in values:
        field = policy.fields.get(name)
        if field is None or name not in situation.fields or not field.special or not asked:
            continue
        users = [p for p in situation.purpose_ids if policy.use_masks[situation.id][p] & policy.field_bits[name]]
        free = [p for p in users if name not in special_consent(policy, situation, p)]
        if not free and not set(users) & set(handed.consents):
            faults.append(Fault("special_care_no_consent", f"collection.{situation.id}.{name}", name))
    return faults


def _asks_ground(policy: CompiledPolicy, law: Law, regime: str, on: date) -> bool:
    return any(rule.regime == regime for rule in law.rule(policy.packs, "special.ground", on))


def _consents(
    policy: CompiledPolicy, law: Law, situation: Situation, handed: Submission, on: date
) -> Iterator[Fault]:
    """Take consent only for purposes that this situation asks consent for."""
    if not handed.consents:
        return
    asked = sheet(policy, law, situation, on).consents
    for purpose in handed.consents:
        if purpose not in situation.purpose_ids:
            yield Fault("purpose_not_declared", f"collection.{situation.id}.purposes", "consents", "not_an_option")
        elif purpose not in asked:
            yield Fault("value_invalid", f"basis.purposes.{purpose}", "consents", "not_an_option")


def review_of(policy: CompiledPolicy, values: Mapping[str, Any]) -> str:
    """Say whether a person must look first, because a free text may tell more than was asked for."""
    for name, value in values.items():
        field = policy.fields[name]
        if field.screen == SPECIAL_CARE and not field.special and hints_at_special_care(str(value)):
            return SPECIAL_CARE
    return ""


def identifiers(policy: CompiledPolicy, values: Mapping[str, Any], visitor: str = "") -> dict[str, str]:
    """Give what a person can be found by, the surest first: e-mail, a browser's id, telephone."""
    found: dict[str, str] = {}
    for kind in ("email", "visitor", "phone"):
        if kind == "visitor" and visitor:
            found[kind] = visitor
        for name, value in values.items():
            if policy.fields[name].format == kind and kind not in found:
                found[kind] = str(value)
    return found


def starts(policy: CompiledPolicy, situation: Situation) -> tuple[str, ...]:
    """Name the retention clocks that a taking restarts.

    Clause: retention.starts
    """
    channel = policy.channels.get(situation.channel)
    words = ["last_contact"]
    if channel is not None and channel.how == "browser":
        words.append("last_visit")
    declared = policy.retention.starts.items()
    words += [word for word, meaning in declared if meaning.get("event") == "collect.accepted"]
    return tuple(dict.fromkeys(words))


def relation_kind(policy: CompiledPolicy, situation: Situation) -> str:
    """Give the kind of relationship whose end starts the clock of this kind of person, or an empty word."""
    kind = policy.retention.kinds.get(situation.subject)
    for end in kind.ends if kind else ():
        declared = policy.retention.starts.get(end.after, {})
        if end.after in _RELATION_OF:
            return _RELATION_OF[end.after]
        if declared.get("event") == "relation.ended":
            return "contract"
    return ""


def asked_of_source(policy: CompiledPolicy, law: Law, situation: Situation, on: date) -> tuple[str, ...]:
    """Name what must be confirmed of whoever gives data about others: what the situation asks, else what the law does.

    Clause: notice.channels.import (APPI 30(1), GDPR 14)
    """
    if situation.source_ask:
        return situation.source_ask
    rules = law.rule(policy.packs, "source.confirm", on)
    return tuple(dict.fromkeys(word for rule in rules for word in rule.words("ask")))


def tell_by(policy: CompiledPolicy, law: Law, origin: str, on: date) -> tuple[str, date] | None:
    """Give (regime, last day) by which a person must be told that data about them came in; None where no law asks.

    The first message to the person ends the time earlier.
    Clause: notice.channels.import (GDPR 14(3))
    """
    held = regimes(policy.reach, policy.packs, origin, on, law)
    found: list[tuple[date, str]] = []
    for rule in law.rule(policy.packs, "source.confirm", on):
        clock = rule.text("clock")
        if rule.regime in held and clock is not None:
            last = due(clock, on, on=on).on
            if last is not None:
                found.append((last, rule.regime))
    return min(found)[::-1] if found else None
