"""A specimen application: one page with every component, a form that answers, and calls that are refused."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest
from jinja2 import ChoiceLoader, FileSystemLoader
from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromQuery, JSONBody

from upheld.web.forms import Entry, Form, Option, faults_of
from upheld.web.headers import allow_framing, keep_private
from upheld.web.language import Choice
from upheld.web.pages import Frame, Pages
from upheld.web.refusals import Refusal
from upheld.web.shell import App, make_app
from upheld.web.system import security_text
from upheld.web.wire import Closed
from upheld.web.words import words

AnyRequest = Request[Any, Any, Any]
SECRET = "hanako@example.co.jp"
FRAME = Frame(
    name={"en": "Example Inc.", "ja": "例示株式会社"},
    languages=("en", "ja"),
    timezone="Asia/Tokyo",
    version="7",
    label="7; sha256=3f9c",
    since=datetime(2026, 11, 21, 20, 0, tzinfo=UTC),
)
TEXTS = {
    "title": {"en": "How we look after your data", "ja": "個人情報の取扱いについて"},
    "lead": {
        "en": "This page shows every part that a page of ours is made of, so that each can be looked at and tried.",
        "ja": "このページには、当社の画面を形づくるすべての部品を並べています。一つずつ見て、試すことができます。",
    },
    "event": {"en": "signing up for an event", "ja": "イベント・セミナーに申し込む"},
    "materials": {"en": "downloading product material", "ja": "製品資料を入手する"},
    "fields": {"en": "name; e-mail address; company", "ja": "氏名；メールアドレス；会社名"},
    "purposes": {
        "en": "learn from figures; tell people about products, services and events",
        "ja": "関心を示した企業の数や推移を分析する；製品・サービス・イベントを案内する",
    },
    "name": {"en": "Name", "ja": "氏名"},
    "email": {"en": "E-mail address", "ja": "メールアドレス"},
    "inquiry": {"en": "Your question", "ja": "お問い合わせの内容"},
    "residence": {"en": "Country you live in", "ja": "お住まいの国・地域"},
    "japan": {"en": "Japan", "ja": "日本"},
    "germany": {"en": "Germany", "ja": "ドイツ"},
    "announce": {"en": "I agree to news about events by e-mail", "ja": "イベントの案内をメールで受け取ることに同意します"},
    "form": {"en": "How would you like the answer?", "ja": "回答の受け取り方"},
    "paper": {"en": "On paper", "ja": "書面"},
    "file": {"en": "As a file", "ja": "電磁的記録"},
    "foot": {"en": "Sent by registered post", "ja": "書留郵便でお送りします"},
    "code": {"en": "Code from our message", "ja": "お送りした番号"},
    "steps": {"en": "Arrived; Identity; Fee; Search; Answer", "ja": "受付；本人確認；手数料；調査；回答"},
}
ROUGH = "規程の条文には、とても長い名称や https://example.com/a/very/long/address/that/must/break/somewhere も現れます。"


class Ask(Closed):
    """The body of a call."""

    subject: str
    purpose: str
    fields: tuple[str, ...] = ()
    limit: int = 1
    deep: Any = None
    inner: Inner | None = None


class Inner(Closed):
    """A body within."""

    day: date


def texts(lang: str) -> SimpleNamespace:
    """Give the specimen's texts in a language."""
    return SimpleNamespace(**{key: value[lang] for key, value in TEXTS.items()})


def entries(lang: str, form: Form, *, check: bool = False) -> list[Entry]:
    """Give the specimen's form as it was filled in, with errors when asked for."""
    t, said = texts(lang), words(lang)["form"]
    made = [
        Entry("residence", t.residence, "select", picked=form.many("residence"), required=True, autocomplete="country",
              hint=said["country_hint"], options=(Option("JP", t.japan), Option("DE", t.germany))),
        Entry("name", t.name, value=form.one("name"), required=True, autocomplete="name", max=80, attrs={"data-field": "name"}),
        Entry("email", t.email, "email", form.one("email"), autocomplete="email", inputmode="email"),
        Entry("inquiry", t.inquiry, "area", form.one("inquiry"), hint=said["leave_out"], max=2000),
        Entry("how", t.form, "radio", picked=form.many("how"), required=True,
              options=(Option("paper", t.paper, t.foot), Option("file", t.file))),
        Entry("code", t.code, "code", form.one("code"), max=8),
        Entry("announce", t.announce, "check", picked=form.many("announce"), attrs={"data-purpose": "announce"}),
    ]  # fmt: skip
    if not check:
        return made
    sent = {name: form.many(name) for name in ("residence", "name", "how")}
    missing = {entry.name: said["missing"].replace("{label}", entry.label) for entry in made}
    return [entry.with_error(missing[entry.name]) if sent.get(entry.name) == () else entry for entry in made]


def form_routes(pages: Pages) -> list[Any]:
    """Give the page with every component and its form, written as a room writes its own."""
    count = iter(range(1, 1_000_000))

    def show(request: AnyRequest, form: Form, *, check: bool, asked: str = "") -> Response[str]:
        choice = Choice(asked, negotiated=False) if asked else pages.language(request)
        lang = choice.lang
        made = entries(lang, form, check=check)
        faults = faults_of(made)
        return pages.render(
            request, "specimen.html", lang=choice, status=422 if faults else 200, t=texts(lang), entries=made,
            faults=faults, rough=ROUGH, today=date(2026, 11, 22), then=datetime(2026, 11, 22, 1, 12, tzinfo=UTC),
            tick=next(count), strict_types=False,
        )  # fmt: skip

    @get("/specimen", sync_to_thread=True)
    def specimen(request: AnyRequest) -> Response[str]:
        return show(request, Form(), check=False)

    @post("/specimen", sync_to_thread=True)
    def send(request: AnyRequest, form: NamedDependency[Form]) -> Response[str]:
        if form.one("_lang"):
            return show(request, form, check=False, asked=form.one("_lang"))
        shown = show(request, form, check=True, asked=form.one("shown"))
        if shown.status_code == 422:
            return shown
        return Response("", status_code=303, headers={"Location": "/done"})

    @get("/strict", sync_to_thread=True)
    def strict(request: AnyRequest) -> Response[str]:
        shown = show(request, Form(), check=False)
        shown.headers["Content-Security-Policy"] = (
            "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
            "form-action 'self'; require-trusted-types-for 'script'; trusted-types 'none'"
        )
        return shown

    return [specimen, send, strict]


def other_routes(pages: Pages) -> list[Any]:
    """Give pages with headers of their own, and calls that answer, refuse and break."""

    @get("/done", sync_to_thread=True)
    def done(request: AnyRequest) -> Response[str]:
        keep_private(request.scope)
        return pages.render(request, "done.html")

    @get("/framed", sync_to_thread=True)
    def framed(request: AnyRequest) -> Response[str]:
        allow_framing(request.scope, ["https://www.example.com/x y", "shop.example.com:8443"])
        return pages.render(request, "done.html")

    @get("/old", sync_to_thread=True)
    def old(request: AnyRequest) -> Response[str]:
        frame = Frame(FRAME.name, FRAME.languages, version="1", label="1; sha256=aaaa", since=FRAME.since)
        return pages.render(request, "done.html", lang="ja", frame=frame)

    @get("/break", sync_to_thread=True)
    def broken() -> str:
        raise RuntimeError(f"a value of {SECRET}")

    @post("/api/v1/ask", status_code=200, sync_to_thread=True)
    def ask(data: JSONBody[Ask]) -> dict[str, Any]:
        return {"subject": data.subject, "limit": data.limit}

    @post("/api/v1/refuse", sync_to_thread=True)
    def refuse(request: AnyRequest) -> None:
        code = request.query_params.get("code", "purpose_not_declared")
        raise Refusal(
            code, "collection.event.purposes", policy_version="6",
            params={"purpose": "provide", "situation": "event", "purposes": "analyse, announce"},
        )  # fmt: skip

    @get("/api/v1/page", sync_to_thread=True)
    def numbered(limit: FromQuery[int]) -> dict[str, int]:
        return {"limit": limit}

    return [done, framed, old, broken, ask, refuse, numbered]


def build(frame: Callable[[], Frame] = lambda: FRAME, *, ready: bool = True) -> App:
    """Build the specimen application."""
    pages = Pages(frame)
    own = FileSystemLoader(Path(__file__).parent / "templates")
    assert pages.environment.loader is not None
    pages.environment.loader = ChoiceLoader([pages.environment.loader, own])
    contact = security_text("mailto:security@example.com", datetime(2027, 6, 1, tzinfo=UTC), ("en", "ja"))
    return make_app([*form_routes(pages), *other_routes(pages)], pages, ready=lambda: {"store": ready}, security=lambda: contact)


@pytest.fixture(scope="session")
def specimen(serve: Callable[[Any], str]) -> str:
    """Serve the specimen and give its address."""
    return serve(build())


@pytest.fixture
def pages() -> Pages:
    """Give the kit's templates in the specimen's frame."""
    return Pages(lambda: FRAME)


@pytest.fixture(scope="session")
def make_specimen() -> Callable[..., App]:
    """Give the builder, for specimens with another frame."""
    return build


@pytest.fixture(scope="session")
def closed_body() -> type[msgspec.Struct]:
    """Give the shape of the specimen's call."""
    return Ask
