"""The doors of collection: the form of a situation for people, and the same gate for programs."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeAlias

from litestar import Response, get, post, route
from litestar.concurrency import sync_to_thread
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from litestar.response import Redirect

from upheld.collection import bulk
from upheld.collection import form as forms
from upheld.collection.actions import Taking, collect, taking
from upheld.collection.model import Collected, Script, Submission
from upheld.collection.model import Fault as Wrong
from upheld.collection.rules import admit
from upheld.collection.tell import field_said, in_lang, notice
from upheld.db import b64
from upheld.notice import House, Published, Sheet
from upheld.notice.guard import Guard
from upheld.notice.rules import fingerprints, sheet
from upheld.policy.model import CompiledPolicy, Situation
from upheld.web.forms import Form
from upheld.web.gate import check_request
from upheld.web.headers import allow_framing, answer_to, keep_private, speak_for
from upheld.web.pages import AnyRequest, Frame, Pages
from upheld.web.quick import Json
from upheld.web.refusals import Refusal
from upheld.web.serving import Pace
from upheld.web.wire import Closed
from upheld.web.words import words

Before: TypeAlias = Callable[[AnyRequest], Awaitable[None]]
_OFFLINE = frozenset({"staff", "import"})
EMBED = "embed"
"""Query of a form that stands inside another site's page: without the head and foot of a page of its own."""


class ScriptBody(Closed, frozen=True):
    """The word of a member of staff that the purposes of this policy version were told."""

    version: str


class CollectBody(Closed, frozen=True):
    """What a program hands in for one person in one situation."""

    fields: dict[str, Any]
    country: str = ""
    subtype: str = ""
    consents: tuple[str, ...] = ()
    language: str | None = None
    notice_receipt: str | None = None
    script: ScriptBody | None = None
    visitor: str = ""
    relation: str = ""


def routes(house: House, pages: Pages, guard: Guard) -> list[Any]:
    """Give the handlers of this room."""
    return [*_api(house, pages, guard), *bulk.routes(house, guard), *_forms(house, pages)]


def _situation(house: House, name: str) -> tuple[Published, Situation]:
    published = house.in_force()
    found = published.policy.situations.get(name)
    if found is None:
        raise Refusal("situation_unknown", "collection", policy_version=published.version)
    return published, found


def _api(house: House, pages: Pages, guard: Guard) -> list[Any]:
    async def known_first(request: AnyRequest) -> None:
        """Refuse an undeclared situation before anything of the body is looked at; own sites may read the answer."""
        origin = request.headers.get("origin")
        if origin is not None and house.serving.is_own(origin):
            answer_to(request.scope, origin)
        _situation(house, str(request.path_params["situation"]))
        await check_request(request)

    return [_before_calling(house), _tell(house, pages, known_first), _take(house, guard, known_first)]


def _before_calling(house: House) -> Any:
    @route("/api/v1/collect/{situation:str}", http_method=["OPTIONS"], include_in_schema=False, sync_to_thread=False)
    def before_calling(request: AnyRequest) -> Response[None]:
        """Tell the browser of one of the company's own sites that it may call; any other site is told nothing."""
        headers = {"Vary": "Origin", "Allow": "GET, OPTIONS, POST"}
        origin = request.headers.get("origin")
        if origin is not None and house.serving.is_own(origin):
            headers |= {
                "Access-Control-Allow-Origin": origin,
                "Access-Control-Allow-Methods": "GET, POST",
                "Access-Control-Allow-Headers": "Content-Type, Idempotency-Key, Accept-Language",
                "Access-Control-Max-Age": "600",
            }
        return Response(None, status_code=204, headers=headers)

    return before_calling


def _tell(house: House, pages: Pages, known_first: Before) -> Any:
    @get("/api/v1/collect/{situation:str}", before_request=known_first, sync_to_thread=True)
    def tell(request: AnyRequest, situation: FromPath[str]) -> Response[dict[str, Any]]:
        """Give the notice of a situation, its fields, and the receipt that the notice is shown now."""
        published, found = _situation(house, situation)
        lang = pages.language(request, _frame(published)).lang
        speak_for(request.scope, published.policy.label)
        keep_private(request.scope)
        return Response(
            _told(house, published, found, lang), headers={"Content-Language": lang, "Vary": "Accept-Language, Cookie"}
        )

    return tell


def _take(house: House, guard: Guard, known_first: Before) -> Any:
    @post("/api/v1/collect/{situation:str}", before_request=known_first)
    async def take(request: AnyRequest, situation: FromPath[str], data: JSONBody[CollectBody]) -> Response[dict[str, str]]:
        """Take in what a person hands over; 201 only after it is durable."""

        def judged() -> Taking | Collected:
            return taking(
                house,
                situation,
                _handed(data),
                notice_receipt=data.notice_receipt,
                script=_script(house, request, guard, situation, data),
                idempotency_key=request.headers.get("idempotency-key"),
                key_required=True,
            )

        # A member of staff is looked up in the store, which must not hold up the loop.
        found = judged() if data.script is None else await sync_to_thread(judged)
        if isinstance(found, Collected):
            done = found
        else:
            speak_for(request.scope, found.published.policy.label)
            done = await house.writer.ask(found)
        headers = {"Location": f"/consent/receipts/{done.receipt}"}
        if done.replayed:
            headers["Idempotency-Replayed"] = "true"
        return Json(done.answer(), status_code=201, headers=headers)

    return take


def _handed(data: CollectBody) -> Submission:
    return Submission(
        fields=data.fields,
        country=data.country,
        subtype=data.subtype,
        consents=data.consents,
        lang=data.language,
        visitor=data.visitor,
        relation=data.relation,
    )


def _script(
    house: House, request: AnyRequest, guard: Guard, situation: str, data: CollectBody
) -> Script | None:
    """Take a script's confirmation from a known member of staff only.

    What is wrong with the fields is said first, as the public page says it anyway.
    """
    if data.script is None:
        return None
    published, _ = _situation(house, situation)
    admitted = admit(published.policy, house.law, situation, _handed(data), house.today(published.policy))
    if admitted.faults:
        return None
    return Script(data.script.version, guard.permit(request.headers, f"collect:{situation}"))


def _told(house: House, published: Published, situation: Situation, lang: str) -> dict[str, Any]:
    policy = published.policy
    told = sheet(policy, house.law, situation, house.today(policy))
    channel = policy.channels.get(situation.channel)
    said = notice(policy, house.law, told, lang, house.today(policy))
    answer: dict[str, Any] = {
        "situation": situation.id,
        "policy_version": policy.version,
        "language": lang,
        "channel": situation.channel,
        "notice": {name: part for name, part in said.items() if name != "comma"},
        "fields": [
            field_said(policy.fields[name], lang, required=name in situation.required) for name in situation.fields
        ],
        "subtypes": list(situation.subtypes),
        "consents": list(told.consents),
    }
    if channel is not None and channel.how in _OFFLINE:
        script = policy.scripts.get(situation.id)
        answer["script"] = {"version": policy.version, "text": script.get(lang, "") if script else ""}
    else:
        snap = house.notices.snapshot_of(published, house.law, situation, lang)
        answer["notice_receipt"] = house.notices.receipt(snap)
    return answer


def _frame(published: Published) -> Frame:
    return Frame.of(published.policy, published.effective_from)


def _forms(house: House, pages: Pages) -> list[Any]:
    pace = Pace(house.serving.acts_per_minute, house.clock)

    def on_form(name: str) -> tuple[Published, Situation]:
        """Give a situation that has a form; what happens offline has none."""
        published, situation = _situation(house, name)
        channel = published.policy.channels.get(situation.channel)
        if channel is None or channel.how != "form":
            raise Refusal("situation_unknown", f"collection.{name}", policy_version=published.version)
        return published, situation

    @get("/forms/{situation:str}", include_in_schema=False, sync_to_thread=True)
    def show(request: AnyRequest, situation: FromPath[str]) -> Response[str]:
        """Show the form with its purposes before the button."""
        published, found = on_form(situation)
        lang = pages.language(request, _frame(published)).lang
        return _page(house, pages, request, published, found, lang, Submission({}))

    @post("/forms/{situation:str}", include_in_schema=False, sync_to_thread=True)
    def send(request: AnyRequest, situation: FromPath[str], form: NamedDependency[Form]) -> Response[Any]:
        """Take the form in, or show what is wrong with it and keep what was entered."""
        published, found = on_form(situation)
        lang = pages.language(request, _frame(published)).lang
        handed = forms.submission(form, lang)
        switch = form.one(forms.SWITCH)
        if switch in published.policy.languages:
            return _page(house, pages, request, published, found, switch, handed)
        policy = published.policy
        admitted = admit(policy, house.law, situation, handed, house.today(policy))
        wrong = (*admitted.faults, *_trapped(form))
        if wrong:
            return _page(house, pages, request, published, found, lang, handed, wrong=wrong)
        if wait := pace.wait(request.client.host if request.client else ""):
            key = form.one(forms.KEY)
            return _page(house, pages, request, published, found, lang, handed, key=key, wait=wait, status=429)
        return _send(house, pages, request, published, found, lang, form, handed)

    @get("/forms/{situation:str}/sent/{receipt:str}", include_in_schema=False, sync_to_thread=True)
    def sent(request: AnyRequest, situation: FromPath[str], receipt: FromPath[str]) -> Response[str]:
        """Say inside another site's page that the form was sent; the receipt itself opens on a page of its own."""
        published, found = on_form(situation)
        allow_framing(request.scope, house.serving.sites)
        keep_private(request.scope)
        frame = _frame(published)
        when = in_lang(found.text, pages.language(request, frame).lang)
        return pages.render(request, "collection/sent.html", frame=frame, receipt=receipt, when=when, alternates={})

    return [show, send, sent]


def _trapped(form: Form) -> tuple[Wrong, ...]:
    """Find programs that fill in whatever they find: people neither see nor reach the entry that stays empty."""
    return (Wrong("value_invalid", "notice.channels", forms.TRAP),) if form.one(forms.TRAP) else ()


def _send(
    house: House,
    pages: Pages,
    request: AnyRequest,
    published: Published,
    situation: Situation,
    lang: str,
    form: Form,
    handed: Submission,
) -> Response[Any]:
    try:
        done: Collected = collect(
            house,
            situation.id,
            handed,
            notice_receipt=form.one(forms.NOTICE),
            idempotency_key=form.one(forms.KEY) or None,
        )
    except Refusal as refusal:
        if refusal.status == 409:
            return _stale(house, pages, request, situation, lang, form, handed)
        if refusal.status == 503:
            key = form.one(forms.KEY)
            return _page(house, pages, request, published, situation, lang, handed, key=key, wait=1, status=503)
        raise
    if EMBED in request.query_params:
        return Redirect(f"/forms/{situation.id}/sent/{done.receipt}?lang={lang}&{EMBED}=1", status_code=303)
    return Redirect(f"/consent/receipts/{done.receipt}?lang={lang}", status_code=303)


def _stale(
    house: House,
    pages: Pages,
    request: AnyRequest,
    situation: Situation,
    lang: str,
    form: Form,
    handed: Submission,
) -> Response[Any]:
    """Show the form of the version in force, what changed on top, and ask anew for consents that changed.

    Clause: amendment.default
    """
    published, found = _situation(house, situation.id)
    changed = _changed(house, published, found, form.one(forms.NOTICE))
    texts = [
        published.policy.purposes[name].text.get(lang, name) for name in changed if name in published.policy.purposes
    ]
    kept = forms.without(handed, changed)
    return _page(house, pages, request, published, found, lang, kept, stale={"changed": texts})


def _changed(house: House, published: Published, situation: Situation, token: str) -> list[str]:
    """Name the purposes of a situation that are not what the receipt's version said of them."""
    on = house.today(published.policy)
    now = fingerprints(published.policy, house.law, situation, on)
    try:
        before = house.shelf.version(house.notices.read(token).snapshot.version) if token else None
    except Refusal:
        before = None
    old = before.policy.situations.get(situation.id) if before else None
    if before is None or old is None:
        return list(now) if before else []
    was = fingerprints(before.policy, house.law, old, on)
    return [name for name in dict.fromkeys((*now, *was)) if now.get(name) != was.get(name)]


def _page(
    house: House,
    pages: Pages,
    request: AnyRequest,
    published: Published,
    situation: Situation,
    lang: str,
    handed: Submission,
    *,
    wrong: Sequence[Wrong] = (),
    key: str = "",
    stale: dict[str, Any] | None = None,
    wait: int = 0,
    status: int = 200,
) -> Response[str]:
    policy = published.policy
    on = house.today(policy)
    told: Sheet = sheet(policy, house.law, situation, on)
    made = forms.entries(policy, house.law, told, lang, handed, wrong)
    faults = forms.summary(policy, made, wrong, lang)
    said = notice(policy, house.law, told, lang, on)
    keep_private(request.scope)
    allow_framing(request.scope, house.serving.sites)
    # The offered consents stand apart from the list of purposes and carry another mark.
    yes = words(lang, "collection")["form"]["consent_yes"]
    consents = [
        {"id": item["id"], "text": yes.replace("{purpose}", item["text"]), "by_mail": _by_mail(policy, item["id"])}
        for item in said["purposes"]
        if item["consent"]
    ]
    asks = any(policy.fields[name].kind == "free_text" for name in situation.required)
    return pages.render(
        request,
        "collection/form.html",
        status=409 if stale else 422 if faults else status,
        lang=lang,
        frame=_frame(published),
        alternates=None if request.method == "GET" else {},
        headers={"Vary": "Accept-Language, Cookie"} | ({"Retry-After": str(wait)} if wait else {}),
        situation=situation.id,
        notice=said,
        entries=made,
        faults=faults,
        consents=consents,
        ticked=handed.consents,
        receipt=house.notices.receipt(house.notices.snapshot_of(published, house.law, situation, lang)),
        key=key or b64(house.ids.random(16)),
        button=words(lang)["form"]["send_inquiry" if asks else "send_application"],
        stale=stale,
        wait=wait,
        status_said={429: "pace", 503: "busy"}.get(status, ""),
        embedded=EMBED in request.query_params,
    )


def _by_mail(policy: CompiledPolicy, purpose: str) -> bool:
    """Say whether a tick must be confirmed by mail before it counts.

    Clause: basis.purposes
    """
    line = policy.purpose_bases.get(purpose)
    return line is not None and line.confirm is not None
