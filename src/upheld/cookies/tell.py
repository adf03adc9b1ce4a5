"""Telling: what each tag sends, to whom and why, in one language, for banner, pages and programs alike."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any

from upheld.cookies.desk import BANNER, Desk
from upheld.cookies.model import GRANTED, VALID, Browser, Judged, Offered
from upheld.cookies.rules import honours_signal
from upheld.notice import House, Published
from upheld.policy.law import Law
from upheld.policy.model import CompiledPolicy, Tag, Text
from upheld.policy.period import Period
from upheld.policy.render.wording import Wording
from upheld.web.words import Words, words

ROOM = "cookies"
FORMAT = "upheld-consent/1"
NECESSARY = "necessary"


def in_lang(text: Text | None, lang: str) -> str:
    """Give a text in a language, in the policy's first one where it has none."""
    return (text.get(lang) or next(iter(text.values()), "")) if text else ""


def tag_said(policy: CompiledPolicy, law: Law, tag: Tag, lang: str, on: date, when: str) -> dict[str, Any]:
    """Say of one tag: where to, who, in which countries, what is sent, both sides' purposes, cookies, how long.

    Clause: cookies.tags (Telecommunications Business Act 27-12, ePrivacy 5(3))
    """
    wording = Wording(policy, lang, law, on)
    name, countries = named(policy, tag.recipient, lang)
    period = tag.lifetime if isinstance(tag.lifetime, Period) else None
    return {
        "id": tag.id,
        "hosts": list(tag.hosts),
        "recipient": name,
        "countries": list(countries),
        "where": wording.countries(countries),
        "fields": list(tag.sends),
        "sends": in_lang(tag.content, lang)
        or wording.comma(in_lang(policy.fields[one].text, lang) for one in tag.sends if one in policy.fields),
        "purposes": [
            {"id": one, "text": in_lang(policy.purposes[one].text, lang)} for one in tag.purposes if one in policy.purposes
        ],
        "theirs": in_lang(tag.their_purpose, lang),
        "cookies": list(tag.cookies),
        "days": round(period.rough_days()) if period else None,
        "period": wording.period(period) if period else "",
        "when": when,
        "signal": honours_signal(policy) and tag.gpc == "stops",
        "consent_mode": list(tag.consent_mode),
    }


def named(policy: CompiledPolicy, recipient: str, lang: str) -> tuple[str, tuple[str, ...]]:
    """Give who stands behind the id of a recipient, and every country their hands reach."""
    service = policy.services.get(recipient)
    if service is not None:
        operator = in_lang(policy.controller.name, lang) if service.operator == "self" else service.operator
        return (f"{operator}（{service.service}）" if lang == "ja" else f"{operator} ({service.service})"), service.countries
    other = policy.recipients.get(recipient)
    return (in_lang(other.name or other.text, lang), other.country) if other else (recipient, ())


def category_text(policy: CompiledPolicy, tags: tuple[Tag, ...], lang: str) -> str:
    """Give the words of the categories of some tags, each once."""
    known = policy.cookies.categories if policy.cookies else {}
    said = dict.fromkeys(in_lang(known.get(tag.category, {}).get("text"), lang) for tag in tags)
    return " / ".join(text for text in said if text)


def purposes_said(desk: Desk, published: Published, whole: Offered, lang: str) -> list[dict[str, Any]]:
    """Say of each purpose what follows it; what is always on comes first. The same for everybody in an area."""
    policy, law, on = published.policy, desk.house.law, desk.house.today(published.policy)
    key = ("said", policy.content_hash, whole.area, lang, on)
    return desk.once(key, lambda: _purposes_said(policy, law, on, whole, lang))


def _purposes_said(policy: CompiledPolicy, law: Law, on: date, whole: Offered, lang: str) -> list[dict[str, Any]]:
    own = [item.get("text") for item in policy.cookies.categories.values() if item.get("always")] if policy.cookies else []
    said: list[dict[str, Any]] = [
        {
            "id": NECESSARY,
            "required": True,
            "name": in_lang(own[0], lang) if own else words(lang, ROOM)["tags"]["always"],
            "text": "",
            "tags": [tag_said(policy, law, tag, lang, on, whole.when[tag.id]) for tag in whole.always],
        }
    ]
    for name, offer in whole.offers.items():
        said.append(
            {
                "id": name,
                "gpc": offer.signal,
                "when": offer.when,
                "name": in_lang(policy.purposes[name].text, lang) if name in policy.purposes else name,
                "text": category_text(policy, offer.tags, lang),
                "consent_mode": list(dict.fromkeys(sign for tag in offer.tags for sign in tag.consent_mode)),
                "tags": [tag_said(policy, law, tag, lang, on, whole.when[tag.id]) for tag in offer.tags],
            }
        )
    return said


def config(desk: Desk, published: Published, browser: Browser, lang: str) -> dict[str, Any]:
    """Give all that a banner needs, made from the policy: purposes, tags, texts, and how this browser stands.

    Clause: cookies.categories (ePrivacy 5(3))
    """
    whole, judged = desk.look(published, browser)
    policy = published.policy
    said, why = words(lang, ROOM), changes_said(desk, published, browser, lang)
    return {
        "format": FORMAT,
        "lang": lang,
        "area": whole.area,
        "mode": whole.mode,
        "policy": {"version": policy.version, "sha256": policy.promise_hash},
        "snapshot": desk.snapshot(published, whole, BANNER, lang),
        "fingerprint": whole.fingerprint,
        "revision": whole.revision,
        "valid_days": VALID.days,
        "signal": browser.signal and honours_signal(policy),
        "ask": list(judged.ask),
        "reasked": list(judged.reasked),
        "changes": list(dict.fromkeys(text for texts in why.values() for text in texts)),
        "states": dict(judged.states),
        "run": list(judged.running),
        "consent_mode": signals(whole, judged),
        "purposes": [
            {**_trimmed(one), "changes": list(why.get(one["id"], ()))} for one in purposes_said(desk, published, whole, lang)
        ],
        "text": _texts(policy, said, whole, why, lang),
        "links": {"policy": f"/privacy/{lang}", "choices": f"/consent/choices?lang={lang}"},
    }


def signals(whole: Offered, judged: Judged) -> dict[str, str]:
    """Give the signals of Consent Mode as this browser's choices set them; `denied` until granted."""
    running = set(judged.running)
    found: dict[str, str] = {}
    for offer in whole.offers.values():
        for tag in offer.tags:
            for sign in tag.consent_mode:
                good = tag.id in running and all(judged.states[name] == GRANTED for name in tag.purposes)
                found[sign] = "granted" if good else found.get(sign, "denied")
    return found


def _trimmed(purpose: Mapping[str, Any]) -> dict[str, Any]:
    """Leave out of the banner's data what only pages show."""
    tags = []
    for tag in purpose["tags"]:
        kept = {name: tag[name] for name in ("id", "recipient", "countries", "where", "sends", "when")}
        kept["host"] = tag["hosts"][0] if tag["hosts"] else ""
        kept["cookies"] = [{"match": pattern(one), "name": one, "days": tag["days"]} for one in tag["cookies"]]
        tags.append(kept)
    return {**purpose, "tags": tags}


def pattern(glob: str) -> str:
    """Write a pattern of the policy (`_ga*`) as a regular expression."""
    return "^" + re.escape(glob).replace(r"\*", ".*") + "$"


def changes_said(desk: Desk, published: Published, browser: Browser, lang: str) -> dict[str, tuple[str, ...]]:
    """Say for each purpose that this browser is asked about anew what has changed since, in sentences.

    Clause: amendment.default (GDPR 7, APPI 17(2))
    """
    again = desk.again(published, browser)
    return {name: sentences(desk.house, published, [one.told() for one in found], lang) for name, found in again.items()}


def sentences(house: House, published: Published, changes: Iterable[Mapping[str, Any]], lang: str) -> tuple[str, ...]:
    """Write changes as the ledger keeps them; who or what is gone is looked for in earlier versions."""
    known = [published.policy, *(one.policy for one in reversed(house.shelf.versions()))]
    wording = Wording(published.policy, lang, house.law, house.today(published.policy))
    said = words(lang, ROOM)["why"]
    found = []
    for one in changes:
        kind, names = str(one["change"]), tuple(one.get("names", ()))
        whose = next((named(policy, one["of"], lang)[0] for policy in known if _knows(policy, one["of"])), one["of"]) if "of" in one else ""
        listed = wording.comma(_field(known, name, lang) for name in names) if kind.startswith("field") else wording.countries(names)
        found.append(str(said[kind]).format(of=whose, names=listed))
    return tuple(found)


def _knows(policy: CompiledPolicy, recipient: str) -> bool:
    return recipient in policy.services or recipient in policy.recipients


def _field(known: Iterable[CompiledPolicy], name: str, lang: str) -> str:
    return next((in_lang(policy.fields[name].text, lang) for policy in known if name in policy.fields), name)


def _texts(policy: CompiledPolicy, said: Words, whole: Offered, why: Mapping[str, Any], lang: str) -> dict[str, str]:
    texts = dict(said["banner"])
    lead = texts.pop(f"lead_{whole.mode}")
    again = texts.pop("lead_reasked")
    if why:
        wording_of = [in_lang(policy.purposes[name].text, lang) for name in why if name in policy.purposes]
        lead = again.replace("{purposes}", " / ".join(text.rstrip("。.") for text in wording_of))
    return {name: text for name, text in texts.items() if not name.startswith("lead_")} | {"lead": lead}
