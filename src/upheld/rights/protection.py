"""What protects data abroad, in words: for the page that anybody reads, and for the letter to whoever asked."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from upheld.collection.tell import in_lang
from upheld.db import b64
from upheld.notice import House
from upheld.policy.model import Recipient
from upheld.policy.render.wording import Wording
from upheld.rights import actions
from upheld.rights.model import Request
from upheld.transfers.safeguards import JAPAN, Safeguard, Way, safeguards
from upheld.web.tongue import date_words
from upheld.web.words import words

RIGHT = "safeguard_details"


def row(one: Safeguard, wording: Wording, lang: str) -> dict[str, Any]:
    """Say who it is, what protects the data in each country, when that was looked at, and what paper there is."""
    said, party = words(lang, "rights")["safeguards"], one.party
    outside = isinstance(party, Recipient)
    if isinstance(party, Recipient):
        name, note = in_lang(party.name or party.text, lang), wording.say("recipients", party.role)
    else:
        ours = party.operator == "self"
        name, note = party.service, in_lang(wording.policy.controller.name, lang) if ours else party.operator
    return {
        "id": party.id,
        "mark": "recipient" if outside else "service",
        "name": name,
        "operator": note,
        "ways": [_way(way, wording, said) for way in one.ways],
        "outside": outside,
        "checked": one.checked,
        "again": one.again,
        "given": any(way.copy for way in one.ways) or (one.regime == JAPAN and not outside),
        "paper": said[_paper(one, outside=outside)],
    }


def _paper(one: Safeguard, *, outside: bool) -> str:
    if all(way.means == "none" for way in one.ways):
        return "copy_nothing"
    if one.regime == JAPAN and not outside:
        return "copy_japan"
    return "copy_text" if any(way.copy for way in one.ways) else "copy_none"


def _way(way: Way, wording: Wording, said: Mapping[str, str]) -> dict[str, Any]:
    told = said["none"] if way.means == "none" else wording.say("safeguard", way.means)
    line = wording.say("safeguard", "line", country=wording.country(way.country), means=told)
    dated = "since" if way.copy else "decided" if way.reference else "seen"
    return {
        "code": way.country, "means": way.means, "said": line, "day": way.day, "dated": said[dated],
        "reference": way.reference, "url": way.url,
    }  # fmt: skip


def sheets(rows: Iterable[Safeguard], wording: Wording, lang: str) -> list[dict[str, str]]:
    """Give the sheet on the law of each country that the rows reach."""
    policy = wording.policy
    return [
        {"code": code, "name": wording.country(code), "text": in_lang(policy.countries[code].system, lang)}
        for code in dict.fromkeys(code for one in rows for code in one.sheets)
    ]


def details(house: House, request: Request, lang: str) -> str:
    """Write the answer to a request for the details: each recipient, country, means, day, check, and the country's law.

    It speaks of today, under the regime of the request, and names nobody who asked.
    Clause: transfers.details_on_request (GDPR 13(1)(f), 15(2), APPI 28(3), Rules 18(3))
    """
    policy = house.in_force().policy
    on = house.today(policy)
    wording, said = Wording(policy, lang, house.law, on), words(lang, "rights")["safeguards"]
    found = safeguards(policy, house.law, on).get(request.regime, ())
    lines = [
        words(lang, "rights")["letter"]["number"].format(number=request.number),
        said["letter"].format(regime=wording.regime(request.regime), day=date_words(on, lang), version=policy.version),
    ]
    for one in found:
        told = row(one, wording, lang)
        lines += ["", f"{told['name']} ({told['operator']})"]
        for way in told["ways"]:
            day = way["dated"].format(day=date_words(way["day"], lang)) if way["day"] else ""
            lines.append(f"- {way['said']}{day}" + (f" {way['reference']} {way['url']}".rstrip() if way["reference"] else ""))
        lines.append(said["own"] if told["outside"] else _looked(told, said, lang))
    if not found:
        lines += ["", said["none_abroad"]]
    for sheet in sheets(found, wording, lang):
        lines += ["", said["sheet"].format(country=sheet["name"]), sheet["text"]]
    lines += ["", words(lang, "rights")["letter"]["contact"].format(mailbox=policy.contact.mailbox)]
    return "\n".join(lines) + "\n"


def hand_out(house: House, number: str, folder: Path, *, by: int, enclosed: Iterable[Path] = ()) -> Path:
    """Write the details in every language of the policy, and the copies enclosed, into a new folder, and their entry.

    The entry names the hash of the list of files, so that later it can be shown what was given. Raises RequestError
    where the request is not ready, or where an equal system abroad was asked about and nothing enclosed tells what the
    recipient does and what hindered it; FileExistsError where the folder holds something.
    Clause: transfers.details_on_request (GDPR 13(1)(f), 15(2), APPI 28(3))
    """
    request = actions.get(house, number)
    if request.right != RIGHT or request.state != "ready":
        raise actions.RequestError("There are details for an approved request for them only.")
    copies = {f"copies/{path.name}": path.read_bytes() for path in enclosed}
    if not copies and _to_describe(house, request):
        raise actions.RequestError("Enclose what the recipients do under the agreement, and what hindered it (Rules 18(3)).")
    letters = {f"safeguards.{lang}.txt": details(house, request, lang) for lang in house.in_force().policy.languages}
    files = {name: text.encode() for name, text in letters.items()} | copies
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    if any(folder.iterdir()):
        raise FileExistsError(folder)
    listed = "".join(f"{hashlib.sha256(raw).hexdigest()}  {name}\n" for name, raw in sorted(files.items()))
    for name, raw in {**files, "SHA256SUMS": listed.encode()}.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(raw)
    with house.store.write() as tx:
        digest = b64(hashlib.sha256(listed.encode()).digest())
        actions.note_export(house, tx, request, actor=f"staff:{by}", manifest=digest)
    house.stirred.set()
    return folder


def _to_describe(house: House, request: Request) -> bool:
    """Say whether the law wants more told than what is on file.

    Clause: transfers.details_on_request (APPI 28(3), Rules 18(3))
    """
    policy = house.in_force().policy
    found = safeguards(policy, house.law, house.today(policy)).get(request.regime, ())
    return any(way.means == "equivalent_system" for one in found for way in one.ways)


def _looked(told: Mapping[str, Any], said: Mapping[str, str], lang: str) -> str:
    if told["checked"] is None:
        return said["never"]
    again = date_words(told["again"], lang) if told["again"] else "–"
    return said["again"].format(day=date_words(told["checked"], lang), next=again)
