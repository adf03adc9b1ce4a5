"""Letters of a request in every language of the policy: what was decided, why, and where to turn."""

from __future__ import annotations

from upheld.notice import House
from upheld.policy.law.authorities import authorities
from upheld.rights.model import Request
from upheld.rights.rules import terms
from upheld.web.tongue import date_words
from upheld.web.words import words


def refusal_letter(house: House, request: Request, lang: str) -> str:
    """Write why a request is refused: ground, reasons, authority and court; never a field's value.

    Clause: rights.refusals (GDPR 12(4), APPI 36, 39)
    """
    published = house.in_force()
    policy = published.policy
    said = words(lang, "rights")["letter"]
    right = _title(house, request.right, lang)
    ground = policy.rights.refusals.get(request.ground, {})
    arrived = house.today(policy) if request.closed_at is None else request.closed_at.date()
    law = terms(policy, house.law, request.right, request.residence, request.arrived_at.date())
    lines = [
        said["number"].format(number=request.number),
        said["refused"].format(right=right, law=law.citation if law else ""),
        said["ground"].format(ground=ground.get(lang) or ground.get("en", request.ground)),
        said["reason"],
    ]
    lines += [
        said["authority"].format(name=one.name_in(lang), url=one.url)
        for one in authorities(request.residence, home=policy.controller.country)[:1]
    ]
    if law is not None and law.suit_from is not None:
        lines.append(said["suit"].format(day=date_words(arrived, lang)))
    else:
        lines.append(said["court"])
    lines.append(said["contact"].format(mailbox=policy.contact.mailbox))
    return "\n".join(lines) + "\n"


def letters(house: House, request: Request) -> dict[str, str]:
    """Give the letter in every language of the policy; one of legal effect carries them all."""
    return {lang: refusal_letter(house, request, lang) for lang in house.in_force().policy.languages}


def _title(house: House, right: str, lang: str) -> str:
    kind = house.in_force().policy.rights.kinds.get(right)
    if kind is not None and kind.title is not None and lang in kind.title:
        return kind.title[lang]
    return words(lang)["rights"].get(right, right)


def step_sentence(state: str, lang: str) -> str:
    """Say in a sentence where a request stands."""
    return words(lang, "rights")["state"][state]
