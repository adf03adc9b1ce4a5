"""Summary: the first layer: who, who handles the data, what brings you here, what you can ask for, what may surprise you."""

from __future__ import annotations

from upheld.policy.render.asking import right_name
from upheld.policy.render.ink import Ink, line
from upheld.policy.render.view import Card, Part, Run


def cards(ink: Ink) -> tuple[Card, ...]:
    """Give the cards of the first layer, each with the section that says more.

    Clause: notice (GDPR 12(1), APPI 32(1))
    """
    say = ink.words.say
    return (
        Card("who", say("summary", "who"), _who(ink), "contact"),
        Card(
            "to_whom",
            say("summary", "to_whom"),
            _to_whom(ink),
            "services" if ink.policy.services else "recipients",
        ),
        Card("why", say("summary", "why"), _why(ink), "collection"),
        Card("rights", say("summary", "rights"), _rights(ink), "rights"),
        Card("surprises", say("summary", "surprises"), tuple(line(text) for text in surprises(ink)), ""),
    )


def _who(ink: Ink) -> tuple[Part, ...]:
    own = ink.policy.contact
    parts = [line(ink.text(ink.policy.controller.name)), line(ink.text(own.department))]
    if own.mailbox:
        parts.append(Part((Run(own.mailbox, f"mailto:{own.mailbox}"),)))
    return tuple(part for part in parts if part.runs[0].text)


def _why(ink: Ink) -> tuple[Part, ...]:
    return tuple(
        Part(ink.runs(item.text), href=f"situations/{item.id}") for item in ink.policy.situations.values()
    )


def _to_whom(ink: Ink) -> tuple[Part, ...]:
    say = ink.words.say
    parts = [
        line(
            say(
                "summary",
                "to_whom_service",
                service=item.service,
                countries=ink.words.countries(item.storage),
            )
        )
        for item in ink.policy.services.values()
    ]
    return (*parts, *(line(ink.text(item.text)) for item in ink.policy.recipients.values()))


def _rights(ink: Ink) -> tuple[Part, ...]:
    return tuple(line(right_name(ink, name)) for name in ink.policy.rights.kinds)


def surprises(ink: Ink) -> list[str]:
    """Say what people may not expect: found in the compiled policy, never written by hand.

    Clause: notice (GDPR 5(1)(a))
    """
    found = [_kept(ink), _abroad(ink), _fee(ink), _mail(ink), _tags(ink), _longer(ink), *_sensitive(ink)]
    if any((item.decides or {}).get("automated") is True for item in ink.policy.purposes.values()):
        found.append(ink.words.say("summary", "automated"))
    return [text for text in found if text]


def _kept(ink: Ink) -> str:
    ceiling = ink.policy.retention.ceiling
    if ceiling is None:
        return ""
    period, start = ink.words.period(ceiling.period), ink.words.start(ceiling.after)
    return ink.words.say("summary", "kept", period=period, start=start)


def _abroad(ink: Ink) -> str:
    stored = dict.fromkeys(code for item in ink.policy.services.values() for code in item.storage)
    foreign = [code for code in stored if code != ink.policy.controller.country]
    return (
        ink.words.say("summary", "abroad", names=ink.words.listed(map(ink.words.place, foreign)))
        if foreign
        else ""
    )


def _fee(ink: Ink) -> str:
    if not ink.fee_rights:
        return ""
    names = ink.words.say("kit", "semicolon").join(right_name(ink, name) for name in ink.fee_rights)
    regime = ink.words.regime((ink.policy.rights.fee or {}).get("regime", ""))
    return ink.words.say("summary", "fee", rights=names, total=ink.fee_total(), regime=regime)


def _mail(ink: Ink) -> str:
    mailing = [name for name, item in ink.policy.purposes.items() if item.act == "send_marketing"]
    if not mailing:
        return ""
    bases = {
        basis
        for name in mailing
        if name in ink.policy.purpose_bases
        for basis in ink.policy.purpose_bases[name].bases.values()
    }
    asked = any(
        ink.policy.bases[basis].proof == "consent_record" for basis in bases if basis in ink.policy.bases
    )
    return ink.words.say("summary", "mail_consent" if asked else "mail")


def _tags(ink: Ink) -> str:
    tags = ink.policy.cookies.tags.values() if ink.policy.cookies else ()
    foreign = [tag for tag in tags if not _own(ink, tag.recipient)]
    if not foreign:
        return ""
    waits = all(when == "after_consent" for tag in foreign for when in tag.fires.values())
    key = "tags" + ("_consent" if waits else "") + ("_many" if len(foreign) > 1 else "")
    return ink.words.say("summary", key, n=str(len(foreign)))


def _own(ink: Ink, recipient: str) -> bool:
    service = ink.policy.services.get(recipient)
    return service is not None and service.operator == "self"


def _longer(ink: Ink) -> str:
    names = [ink.text(item.text) for item in ink.policy.retention.longer_by_law]
    return ink.words.say("summary", "longer", names=ink.words.comma(filter(None, names))) if names else ""


def _sensitive(ink: Ink) -> list[str]:
    special = [name for name, item in ink.policy.fields.items() if item.special]
    found = [ink.words.say("summary", "special", names=ink.field_names(special))] if special else []
    if any(item.screen for item in ink.policy.fields.values()):
        found.append(ink.words.say("summary", "screen"))
    return found
