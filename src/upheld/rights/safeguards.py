"""The page of safeguards: what protects data abroad, how to ask for the papers, and where one's own question stands."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import date
from typing import Any
from zoneinfo import ZoneInfo

from itsdangerous import BadSignature, URLSafeSerializer
from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromQuery
from litestar.response import Redirect

from upheld.db import b64
from upheld.notice import House
from upheld.policy.render.wording import Wording
from upheld.records.cipher import derive
from upheld.rights import actions
from upheld.rights.protection import RIGHT, row, sheets
from upheld.rights.web import residences
from upheld.transfers.safeguards import safeguards
from upheld.web.forms import Entry, Form, faults_of
from upheld.web.headers import keep_private
from upheld.web.pages import AnyRequest, Frame, Pages
from upheld.web.refusals import Refusal
from upheld.web.serving import Pace
from upheld.web.words import words

KEY, SWITCH = "_key", "_lang"
_MAIL = 254


def routes(house: House, pages: Pages) -> list[Any]:
    """Give the handlers of the page.

    Clause: transfers.details_on_request (GDPR 13(1)(f), APPI 28(3))
    """
    signed = URLSafeSerializer(
        derive(house.holdings.ring.meta("instance"), "safeguards"),
        salt="upheld.rights.safeguards",
        signer_kwargs={"digest_method": hashlib.sha256, "key_derivation": "hmac"},
    )
    pace = Pace(house.serving.acts_per_minute, house.clock)

    @get("/safeguards", include_in_schema=False, sync_to_thread=True)
    def show(request: AnyRequest, asked: FromQuery[str] = "") -> Response[str]:
        """Show what protects data abroad at each recipient; with the ticket of a question, where that stands."""
        if not asked:
            return _page(house, pages, request, ())
        try:
            made = actions.get(house, str(signed.loads(asked)))
        except BadSignature:
            raise Refusal("not_found") from None
        keep_private(request.scope)
        told = {"number": made.number, "due": made.due, "answered": made.state in {"delivered", "closed"}}
        return _page(house, pages, request, (), asked=told)

    @post("/safeguards", include_in_schema=False, sync_to_thread=True)
    def ask(request: AnyRequest, form: NamedDependency[Form]) -> Response[Any]:
        """Take a question in, with a number and a last day; whether the person is known is not told."""
        keep_private(request.scope)
        lang = form.one(SWITCH) or pages.language(request).lang
        found = _entries(house, lang, form)
        if form.one(SWITCH) or faults_of(found):
            return _page(house, pages, request, found, lang=lang, wrong=not form.one(SWITCH))
        if wait := pace.wait(request.client.host if request.client else ""):
            raise Refusal("too_many", after=wait)
        residence, mailbox, key = form.one("residence"), form.one("email").strip(), form.one(KEY)
        made = actions.receive(
            house, right=RIGHT, residence=residence, identifier={"email": mailbox}, lang=lang,
            act=house.once.act("safeguards", key, [residence, mailbox]) if key else None,
        )  # fmt: skip
        return Redirect(f"/safeguards?asked={signed.dumps(made.number)}&lang={lang}", status_code=303)

    return [show, ask]


def _entries(house: House, lang: str, form: Form) -> tuple[Entry, ...]:
    """Give what is asked for: where the person lives, and the address they are known by."""
    said, residence, mailbox = words(lang)["form"], form.one("residence"), form.one("email").strip()
    label = words(lang, "rights")["safeguards"]["email"]
    where = replace(residences(house, lang, residence), required=True)
    mail = Entry(
        name="email", label=label, kind="email", value=mailbox, required=True, autocomplete="email", max=_MAIL
    )
    if not form.members:
        return where, mail
    if not house.law.is_area(residence):
        where = where.with_error(said["missing"].replace("{label}", where.label))
    if "@" not in mailbox or len(mailbox) > _MAIL:
        mail = mail.with_error(said["missing"].replace("{label}", label))
    return where, mail


def _page(
    house: House,
    pages: Pages,
    request: AnyRequest,
    entries: tuple[Entry, ...],
    *,
    lang: str = "",
    wrong: bool = False,
    asked: dict[str, Any] | None = None,
) -> Response[str]:
    published = house.in_force()
    policy, on = published.policy, house.today(published.policy)
    frame = Frame.of(policy, published.effective_from)
    lang = lang if lang in policy.languages else pages.language(request, frame).lang
    wording = Wording(policy, lang, house.law, on)
    rows = safeguards(policy, house.law, on)
    return pages.render(
        request,
        "rights/safeguards.html",
        status=422 if wrong else 200,
        lang=lang,
        frame=frame,
        alternates=None if request.method == "GET" else {},
        headers={"Vary": "Accept-Language, Cookie"},
        regimes=[
            {"id": name, "name": wording.regime(name), "rows": [row(one, wording, lang) for one in found]}
            for name, found in rows.items()
        ],
        sheets=sheets((one for found in rows.values() for one in found), wording, lang),
        witnessed=_witnessed(house, lang, on),
        entries=entries or _entries(house, lang, Form()),
        faults=faults_of(entries) if wrong else (),
        key=b64(house.ids.random(16)),
        asked=asked,
    )


def _witnessed(house: House, lang: str, on: date) -> dict[str, Any] | None:
    """Say on which day an outside witness last signed the log, and how long that is ago."""
    at = house.ledger.last_cosigned()
    if at is None:
        return None
    day = at.astimezone(ZoneInfo(house.in_force().policy.timezone)).date()
    days, said = (on - day).days, words(lang, "rights")["safeguards"]
    near = {0: "witness_today", 1: "witness_yesterday"}
    return {"day": day, "ago": said[near.get(max(0, days), "witness_days")].replace("{n}", str(days))}
