"""Turn typed words into the compiled policy. Total: what is missing becomes empty, never an error.

The checks run over the result, so they may rely on every attribute being there.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from upheld.policy import model as m
from upheld.policy.model import NO_TEXT, Frozen
from upheld.policy.period import Period

_NONE: Mapping[str, Any] = Frozen()


def freeze(value: Any) -> Any:
    """Make a typed value immutable all the way down."""
    if isinstance(value, dict):
        return Frozen({key: freeze(child) for key, child in value.items()})
    if isinstance(value, (list, tuple)):
        return tuple(freeze(child) for child in value)
    return value


def build(values: Mapping[str, Any], promise_hash: str, evidence_hash: str) -> m.CompiledPolicy:
    """Build the compiled policy from frozen typed values, section by section."""
    policy = values.get("policy", _NONE)
    law = policy.get("law", _NONE)
    controller = _controller(policy.get("controller", _NONE))
    transfers = values.get("transfers", _NONE)
    applies = transfers.get("applies_to", "everyone")
    notice = values.get("notice", _NONE)
    return m.CompiledPolicy(
        id=policy.get("id", ""),
        version=policy.get("version", ""),
        languages=policy.get("languages", ()),
        timezone=policy.get("timezone", "UTC"),
        title=policy.get("title", NO_TEXT),
        controller=controller,
        packs=law.get("packs", ()),
        reach=law.get("reach", _NONE),
        section_texts=Frozen({name: part.get("text", NO_TEXT) for name, part in values.items() if name != "country"}),
        channels=_each(notice, "channels", _channel),
        scripts=notice.get("scripts", _NONE),
        **_collection(values.get("collection", _NONE)),
        **_basis(values.get("basis", _NONE)),
        measures=_each(values.get("security", _NONE), "measures", _measure),
        countries=Frozen({
            code: m.Country(code, sheet.get("sheet", ""), sheet.get("system", NO_TEXT))
            for code, sheet in values.get("country", _NONE).items()
        }),
        services=_each(values.get("services", _NONE), "services", _service(controller.country)),
        recipients=_each(values.get("recipients", _NONE), "recipients", _recipient),
        mechanisms=_each(transfers, "mechanisms", _mechanism),
        transfers_apply_to=None if applies == "everyone" else applies,
        details_on_request=transfers.get("details_on_request", True),
        retention=_retention(values.get("retention", _NONE)),
        rights=_rights(values.get("rights", _NONE)),
        contact=_contact(values.get("contact", _NONE), controller),
        amendment=_amendment(values.get("amendment", _NONE)),
        cookies=_cookies(values["cookies"]) if "cookies" in values else None,
        statements=Frozen({
            name: item.get("text", NO_TEXT)
            for name, item in values.get("statements", _NONE).get("statements", _NONE).items()
        }),
        evidence=_evidence(values.get("evidence", _NONE)),
        mappings=values.get("mappings", _NONE),
        sections=tuple(values),
        promise_hash=promise_hash,
        evidence_hash=evidence_hash,
        values=values,
    )  # fmt: skip


def _each(section: Mapping[str, Any], name: str, make: Any) -> Frozen[str, Any]:
    items = section.get(name, _NONE)
    return Frozen({key: make(key, item) for key, item in items.items() if isinstance(item, Mapping)})


def _controller(part: Mapping[str, Any]) -> m.Controller:
    return m.Controller(
        name=part.get("name", NO_TEXT),
        address=part.get("address", NO_TEXT),
        country=part.get("country", ""),
        representative=part.get("representative", NO_TEXT),
        dpo=part.get("dpo"),
        representatives=part.get("representatives", _NONE),
    )


def _channel(key: str, part: Mapping[str, Any]) -> m.Channel:
    return m.Channel(key, part.get("how", key), part.get("notice", ""), part.get("receipt", ""))


def _collection(part: Mapping[str, Any]) -> dict[str, Any]:
    purposes = _each(part, "purposes", _purpose)
    return {
        "fields": _each(part, "fields", _field),
        "purposes": purposes,
        "situations": _each(part, "situations", lambda key, item: _situation(key, item, purposes)),
        "never": tuple(
            m.Never(item.get("id", ""), item.get("text", NO_TEXT),
                    Frozen({key: item[key] for key in ("fields", "purposes", "special", "grounds") if key in item}))
            for item in part.get("never", ())
        ),
    }  # fmt: skip


def _field(key: str, part: Mapping[str, Any]) -> m.Field:
    return m.Field(
        id=key,
        text=part.get("text", NO_TEXT),
        kind=part.get("kind", "personal"),
        special=part.get("special", ()),
        format=part.get("format"),
        max=part.get("max", 200),
        items=part.get("items", ()),
        screen=part.get("screen"),
    )


def _purpose(key: str, part: Mapping[str, Any]) -> m.Purpose:
    return m.Purpose(
        id=key,
        text=part.get("text", NO_TEXT),
        act=part.get("act", "none"),
        needs=part.get("needs", ()),
        uses=part.get("uses"),
        parts=part.get("parts", ()),
        output=part.get("output", "records"),
        min_cell=part.get("min_cell"),
        outside=part.get("outside", False),
        decides=part.get("decides"),
    )


def _situation(key: str, part: Mapping[str, Any], purposes: Mapping[str, m.Purpose]) -> m.Situation:
    collect, source = part.get("collect", _NONE), part.get("source", _NONE)
    recipients = part.get("recipients")
    return m.Situation(
        id=key,
        text=part.get("text", NO_TEXT),
        channel=part.get("channel", ""),
        subject=part.get("subject", ""),
        required=collect.get("required", ()),
        optional=collect.get("optional", ()),
        purposes=tuple(
            m.Stated(name, act or (purposes[name].act if name in purposes else "none"))
            for name, act in part.get("purposes", ())
        ),
        subtypes=Frozen({name: item.get("text", NO_TEXT) for name, item in part.get("subtypes", _NONE).items()}),
        obvious=part.get("notice", _NONE).get("obvious", ()),
        held_with=part.get("held_with"),
        recipients=() if recipients == "none" else recipients,
        source_ask=source.get("ask", ()),
        source_category=source.get("category"),
        if_not_given=part.get("if_not_given"),
        given_by=part.get("given_by"),
    )


def _basis(part: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "bases": _each(part, "bases", _legal_basis),
        "purpose_bases": _each(part, "purposes", _purpose_basis),
    }


def _legal_basis(key: str, part: Mapping[str, Any]) -> m.LegalBasis:
    withdraw = part.get("withdraw", _NONE)
    return m.LegalBasis(
        id=key,
        text=part.get("text", NO_TEXT),
        gdpr=part.get("gdpr", ""),
        proof=part.get("proof", "nothing"),
        interests=part.get("interests", _NONE),
        as_easy_as_giving=withdraw.get("as_easy_as_giving", True),
        retroactive=withdraw.get("retroactive", False),
    )


_NOT_REGIMES = {"interest", "statute", "confirm", "special", "when", "was", "situation", "standing"}


def _purpose_basis(key: str, part: Mapping[str, Any]) -> m.PurposeBasis:
    statute = part.get("statute", _NONE)
    return m.PurposeBasis(
        purpose=key,
        bases=_regimes(part),
        interest=part.get("interest"),
        statute=statute.get("id"),
        statute_text=statute.get("text"),
        special=part.get("special", _NONE),
        confirm=part.get("confirm"),
        when=tuple(m.When(case.get("situation"), case.get("standing"), _regimes(case)) for case in part.get("when", ())),
    )


def _regimes(part: Mapping[str, Any]) -> Mapping[str, str]:
    return Frozen({key: value for key, value in part.items() if key not in _NOT_REGIMES})


def _measure(key: str, part: Mapping[str, Any]) -> m.Measure:
    return m.Measure(
        id=key,
        text=part.get("text", NO_TEXT),
        covers=part.get("covers", (key,)),
        responsible_role=part.get("responsible_person", _NONE).get("role"),
        rules_accepted=part.get("rules") == "accepted",
        training=part.get("training"),
        access=part.get("access"),
        countries=part.get("countries", ()),
    )


def _service(home: str) -> Any:
    def make(key: str, part: Mapping[str, Any]) -> m.Service:
        own = part.get("operator") == "self"
        country = part.get("operator_country", home if own else "")
        return m.Service(
            id=key,
            service=part.get("service", ""),
            operator=part.get("operator", ""),
            operator_country=country,
            storage=part.get("storage", ()),
            support_access=part.get("support_access"),
            policy_url=part.get("policy_url"),
            purposes=part.get("purposes", ()),
            transfer=part.get("transfer", _NONE),
        )

    return make


def _recipient(key: str, part: Mapping[str, Any]) -> m.Recipient:
    return m.Recipient(
        id=key,
        text=part.get("text", NO_TEXT),
        role=part.get("role", ""),
        name=part.get("name"),
        named=part.get("named", True),
        country=part.get("country", ()),
        purposes=part.get("purposes", ()),
        fields=part.get("fields"),
        ground=part.get("ground", _NONE),
        range=part.get("range"),
        responsible=part.get("responsible", _NONE),
        filing=part.get("filing"),
    )


def _mechanism(key: str, part: Mapping[str, Any]) -> m.Mechanism:
    return m.Mechanism(key, part.get("text", NO_TEXT), part.get("modules", ()), part.get("approval", False))


def _end(part: Mapping[str, Any], start: str) -> m.End | None:
    after, period = part.get(start), part.get("period")
    if not isinstance(after, str) or not isinstance(period, Period):
        return None
    return m.End(after, period, part.get("count", "from_event"))


def _ends(part: Mapping[str, Any]) -> tuple[m.End, ...]:
    own = _end(part, "starts")
    more = (_end(item, "after") for item in part.get("ends", ()))
    return tuple(end for end in (own, *more) if end is not None)


def _retention(part: Mapping[str, Any]) -> m.Retention:
    return m.Retention(
        text=part.get("text", NO_TEXT),
        ceiling=_end(part.get("ceiling", _NONE), "after"),
        kinds=_each(part, "subjects", lambda key, item: m.Kind(key, item.get("text"), _ends(item))),
        rules=tuple(
            m.RetentionRule(item.get("id", ""), item.get("situations"), item.get("fields"), _ends(item),
                            item.get("floor", _NONE).get("statute", _NONE).get("id"))
            for item in part.get("rules", ())
        ),
        longer_by_law=tuple(_longer(item) for item in part.get("longer_by_law", ())),
        starts=part.get("starts", _NONE),
        proof=part.get("proof", _NONE),
    )  # fmt: skip


def _longer(item: Mapping[str, Any]) -> m.LongerByLaw:
    statute = item.get("statute", _NONE)
    return m.LongerByLaw(
        id=item.get("id", ""),
        statute=statute.get("id", ""),
        text=statute.get("text", NO_TEXT),
        situations=item.get("situations", ()),
        fields=item.get("fields", ()),
        purpose=item.get("purpose", ""),
        end=_end(item, "starts"),
    )


def _rights(part: Mapping[str, Any]) -> m.Rights:
    identity = part.get("identity", _NONE)
    return m.Rights(
        text=part.get("text", NO_TEXT),
        kinds=_each(part, "kinds", _right),
        clocks=part.get("clocks", _NONE),
        levels=identity.get("levels", _NONE),
        raise_to=identity.get("raise", _NONE),
        contact_data=identity.get("contact_data", ("name", "email", "phone", "company")),
        material=identity.get("material", _NONE),
        fee=part.get("fee"),
        complaints=part.get("complaints", _NONE),
        refusals=part.get("refusals", _NONE),
    )


_RIGHT_KEYS = {"title", "marketing", "direct", "was"}


def _right(key: str, part: Mapping[str, Any]) -> m.Right:
    regimes = Frozen({name: value for name, value in part.items() if name not in _RIGHT_KEYS})
    return m.Right(key, part.get("title"), regimes, part.get("marketing", "at_once"), part.get("direct", False))


def _contact(part: Mapping[str, Any], controller: m.Controller) -> m.Contact:
    def same(value: Any, own: m.Text) -> m.Text:
        return own if value == "same_as_controller" else value or NO_TEXT

    return m.Contact(
        mailbox=part.get("mailbox", ""),
        company=same(part.get("company"), controller.name),
        address=same(part.get("address"), controller.address),
        department=same(part.get("department"), controller.name),
        cases=part.get("cases", _NONE),
    )


def _amendment(part: Mapping[str, Any]) -> m.Amendment:
    default = part.get("default", _NONE)
    return m.Amendment(
        text=part.get("text", NO_TEXT),
        notice=default.get("notice", ""),
        effective=str(default.get("effective", "")),
        classes=part.get("classes", _NONE),
        notice_period=part.get("notice_period", _NONE),
        applies_to_held=part.get("applies_to_held", False),
    )


def _cookies(part: Mapping[str, Any]) -> m.Cookies:
    return m.Cookies(
        text=part.get("text", NO_TEXT),
        gpc=part.get("gpc", "honoured"),
        categories=part.get("categories", _NONE),
        tags=_each(part, "tags", _tag),
    )


def _tag(key: str, part: Mapping[str, Any]) -> m.Tag:
    return m.Tag(
        id=key,
        category=part.get("category", ""),
        hosts=part.get("host", ()),
        recipient=part.get("recipient", ""),
        sends=part.get("sends", ()),
        purposes=part.get("purposes", ()),
        content=part.get("content"),
        their_purpose=part.get("their_purpose"),
        fires=part.get("fires", _NONE),
        links_to_person=part.get("recipient_links_to_person", "unknown"),
        lifetime=part.get("lifetime"),
        gpc=part.get("gpc", "stops"),
        uk_exemption=part.get("uk_exemption"),
        opt_out=part.get("opt_out", False),
        cookies=part.get("cookies", ()),
        consent_mode=part.get("consent_mode", ()),
    )


def _evidence(part: Mapping[str, Any]) -> m.Evidence:
    return m.Evidence(
        roles=_each(part, "roles", _role),
        accept=part.get("accept", ()),
        drafts=part.get("drafts", ()),
        procedures=part.get("procedures", ()),
        clauses=part.get("clauses", _NONE),
    )


def _role(key: str, part: Mapping[str, Any]) -> m.Role:
    purposes = part.get("purposes", ())
    return m.Role(key, None if purposes == "all" else purposes, part.get("reviewer", False), part.get("view", "raw"))
