"""Entry at the desk: what a person tells a member of staff, with the words to say first and the card that is read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath

from upheld.collection import form as forms
from upheld.collection.actions import collect
from upheld.collection.card import Card, read_card
from upheld.collection.model import Collected, Fault, Script, Submission
from upheld.collection.rules import admit
from upheld.collection.tell import in_lang, notice
from upheld.db import b64
from upheld.notice import House, Published
from upheld.notice.rules import sheet
from upheld.policy.model import CompiledPolicy, Situation
from upheld.security import staff
from upheld.security.session import signed_in
from upheld.web.forms import Form
from upheld.web.pages import AnyRequest, Frame, Pages
from upheld.web.refusals import Refusal
from upheld.web.words import words

TOLD, CARD, ACT = "_told", "_card", "_act"


@dataclass(frozen=True, slots=True)
class Desk:
    """One screen: which situation in which language, who sits at it, and what was entered so far."""

    published: Published
    situation: Situation
    lang: str
    number: int
    handed: Submission
    told: str = ""
    card: Card | None = None
    wrong: Sequence[Fault] = ()
    refused: str = ""
    key: str = ""
    done: Collected | None = None


def routes(house: House, pages: Pages) -> list[Any]:
    """Give the handlers of the desk.

    Clause: notice.scripts (APPI 21; GDPR 13)
    """

    @get("/console/collect", include_in_schema=False, sync_to_thread=True)
    def choose(request: AnyRequest) -> Response[str]:
        """List the situations in which staff take data in."""
        _may_enter(house, signed_in(house, request))
        published = house.in_force()
        frame = Frame.of(published.policy, published.effective_from)
        found = [one for one in published.policy.situations.values() if _by_staff(published.policy, one)]
        return pages.render(request, "security/desk.html", frame=frame, situations=found)

    @get("/console/collect/{situation:str}", include_in_schema=False, sync_to_thread=True)
    def show(request: AnyRequest, situation: FromPath[str]) -> Response[str]:
        """Show the script to say first, and the entries."""
        return _page(house, pages, request, _desk(house, pages, request, situation, Form()))

    @post("/console/collect/{situation:str}", include_in_schema=False, sync_to_thread=True)
    def enter(request: AnyRequest, situation: FromPath[str], form: NamedDependency[Form]) -> Response[str]:
        """Read a card into the entries, or take in what was entered once the purposes were told."""
        desk = _desk(house, pages, request, situation, form)
        if form.one(forms.SWITCH) in desk.published.policy.languages:
            return _page(house, pages, request, replace(desk, lang=form.one(forms.SWITCH)))
        if form.one(ACT) == "card":
            return _page(house, pages, request, _read(desk, form.one(CARD)))
        return _page(house, pages, request, _taken(house, desk))

    return [choose, show, enter]


def _by_staff(policy: CompiledPolicy, situation: Situation) -> bool:
    channel = policy.channels.get(situation.channel)
    return channel is not None and channel.how == "staff"


def _may_enter(house: House, number: int) -> None:
    """Let staff take data in while they hold any role.

    Clause: security.technical.access (APPI 23)
    """
    with house.store.read() as tx:
        if staff.reader(house, tx, number).purposes == frozenset():
            raise Refusal("forbidden", "security.technical.access")


def _desk(house: House, pages: Pages, request: AnyRequest, name: str, form: Form) -> Desk:
    number = signed_in(house, request)
    _may_enter(house, number)
    published = house.in_force()
    situation = published.policy.situations.get(name)
    if situation is None or not _by_staff(published.policy, situation):
        raise Refusal("situation_unknown", "collection", policy_version=published.version)
    lang = pages.language(request, Frame.of(published.policy, published.effective_from)).lang
    handed = forms.submission(form, lang)
    return Desk(published, situation, lang, number, handed, form.one(TOLD), key=form.one(forms.KEY))


def _read(desk: Desk, text: str) -> Desk:
    """Put what a card says beside what was typed, which wins; what the situation does not declare stays out."""
    card = read_card(desk.published.policy, desk.situation, text)
    typed = {name: value for name, value in desk.handed.fields.items() if value}
    return replace(desk, handed=replace(desk.handed, fields={**card.values, **typed}), card=card)


def _taken(house: House, desk: Desk) -> Desk:
    """Take the entries in, or say what is missing and keep them."""
    policy = desk.published.policy
    admitted = admit(policy, house.law, desk.situation.id, desk.handed, house.today(policy))
    if admitted.faults:
        return replace(desk, wrong=admitted.faults)
    if not desk.told:
        return replace(desk, refused="notice_not_shown")
    script = Script(desk.told, f"staff:{desk.number}")
    try:
        done = collect(house, desk.situation.id, desk.handed, script=script, idempotency_key=desk.key or None)
    except Refusal as refusal:
        if refusal.status == 409:
            return replace(desk, refused=refusal.code, told="")
        raise
    return replace(desk, done=done)


def _status(desk: Desk) -> int:
    return 201 if desk.done else 409 if desk.refused else 422 if desk.wrong else 200


def _page(house: House, pages: Pages, request: AnyRequest, desk: Desk) -> Response[str]:
    policy, lang, on = desk.published.policy, desk.lang, house.today(desk.published.policy)
    told = sheet(policy, house.law, desk.situation, on)
    made = forms.entries(policy, house.law, told, lang, desk.handed, desk.wrong)
    said = notice(policy, house.law, told, lang, on)
    yes = words(lang, "collection")["form"]["consent_yes"]
    return pages.render(
        request,
        "security/entry.html",
        status=_status(desk),
        lang=lang,
        frame=Frame.of(policy, desk.published.effective_from),
        alternates=None if request.method == "GET" else {},
        situation=desk.situation.id,
        script=in_lang(policy.scripts.get(desk.situation.id), lang),
        obvious=[in_lang(policy.purposes[name].text, lang) for name in desk.situation.obvious],
        version=policy.version,
        entries=made,
        faults=forms.summary(policy, made, desk.wrong, lang),
        consents=[(one["id"], yes.replace("{purpose}", one["text"])) for one in said["purposes"] if one["consent"]],
        purposes=[one["text"] for one in said["purposes"]],
        when=said["when"],
        desk=desk,
        dropped=[_label(policy, name, lang) for name in desk.card.dropped] if desk.card else [],
        key=desk.key or b64(house.ids.random(16)),
    )


def _label(policy: CompiledPolicy, name: str, lang: str) -> str:
    """Name what a card said: by the policy's words for the field, by ours for common lines, else by the card's own."""
    if name in policy.fields:
        return in_lang(policy.fields[name].text, lang)
    return words(lang, "security")["card"].get(name, name)
