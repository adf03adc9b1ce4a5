"""A company's own website for tests: pages behind the middleware, the banner on them, and strangers that listen."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from upheld.cookies.csp import ChosenSources, may_run

OURS = ("/consent", "/cookies", "/external-transmission", "/privacy", "/static", "/problems", "/.well-known", "/api", "/rights", "/sample")
HOST = "www.company.example"
TAG_HOST = "munchkin.marketo.net"
COUNTER_HOST = "counter.example.net"
STRANGER = "cdn.stranger.example"
PRIVACY = "privacy.company.example"
"""Another origin of the company, where ours stands; a site that is named in `serving.toml` calls it."""
ELSEWHERE = "www.elsewhere.example"
"""A site that is named nowhere."""
PIXEL = bytes.fromhex("47494638396101000100800000000000ffffff21f90401000000002c00000000010001000002024401003b")

TEXT = {
    "en": {
        "title": "Example Data", "lead": "We make data easy to move.", "body": "Write to us and we show you how it works.",
        "name": "Your name", "send": "Send", "choices": "Cookie settings", "video": "A film about us", "next": "Next page",
    },
    "ja": {
        "title": "例示データ", "lead": "データの移動を、もっと簡単に。", "body": "お問い合わせいただければ、仕組みをご説明します。",
        "name": "お名前", "send": "送信する", "choices": "Cookieの設定", "video": "当社の紹介動画", "next": "次のページ",
    },
}  # fmt: skip

PAGE = """<!doctype html>
<html lang="{lang}"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title><link rel="stylesheet" href="/site.css">
<script src="/consent/consent-mode.js"></script>
<script src="/consent/banner.js" defer data-lang="{lang}"></script>
{tags}</head>
<body>
<header><nav aria-label="{title}"><a href="/{lang}/more">{next}</a></nav></header>
<main id="main" tabindex="-1"><h1>{title}</h1><p>{lead}</p><p>{body}</p>
<iframe title="{video}" width="300" height="150" data-upheld="marketo_munchkin" data-src="http://munchkin.marketo.net/film.html"></iframe>
{more}
<form action="/{lang}/sent" method="get"><p><label for="name">{name}</label> <input id="name" name="name" autocomplete="name"></p>
<p><button type="submit">{send}</button></p></form>
{long}
</main><footer><button type="button" data-upheld-open hidden>{choices}</button>
<a id="last" href="/consent/choices?lang={lang}">{choices}</a></footer></body></html>"""
CSS = """body{margin:0;font:17px/1.7 system-ui,sans-serif}header,main,footer{max-width:50rem;margin:auto;padding:1rem}
a,button,input{min-height:44px;font:inherit}a{display:inline-block}iframe{max-width:100%;border:0;background:#f2f2f2}"""


@dataclass
class Strangers:
    """Every host that is not the company's; remembers what was asked of it."""

    seen: list[str] = field(default_factory=list)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer whatever is asked, and remember the host."""
        if scope["type"] == "lifespan":
            await _lifespan(receive, send)
            return
        host = next(value for name, value in scope["headers"] if name == b"host").decode().partition(":")[0]
        self.seen.append(f"{host}{scope['path']}")
        kinds = {".gif": (b"image/gif", PIXEL), ".js": (b"text/javascript", b"window.tagRan = true; document.cookie = '_mkto_trk=1; path=/';")}
        kind, body = next((found for end, found in kinds.items() if scope["path"].endswith(end)), (b"text/html", b"<p>film</p>"))
        await _answer(send, kind, body)


@dataclass
class Company:
    """The company's website: its own pages behind the middleware, everything of ours beside them.

    `page` writes a page of (scope, language); without the middleware (`guarded` false) tags stand in it for everybody.
    """

    ours: Any
    house: Any
    page: Any = None
    guarded: bool = True
    trusted_types: bool = False
    base: dict[str, str] = field(default_factory=dict)
    scripts: dict[str, str] = field(default_factory=dict)
    """Further scripts of the site, by path."""
    country: str = ""
    """What the edge before the site takes every visitor's country to be."""

    def __post_init__(self) -> None:
        own: Any = self._own
        base = {"require-trusted-types-for": "'script'", "trusted-types": "'none'"} if self.trusted_types else {}
        self._pages = ChosenSources(own, self.house, base=base | self.base) if self.guarded else own

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Serve ours under our addresses, the company's pages elsewhere."""
        mine = scope["type"] == "lifespan" or scope["path"].startswith(OURS)
        if self.country:
            scope = {**scope, "headers": [*scope["headers"], (b"x-edge-country", self.country.encode())]}
        await (self.ours if mine else self._pages)(scope, receive, send)

    async def _own(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["path"] == "/site.css":
            await _answer(send, b"text/css", CSS.encode())
            return
        script = {"/widget.js": WIDGET, "/beacon.js": BEACON, **self.scripts}.get(scope["path"])
        if script is not None:
            await _answer(send, b"text/javascript", script.encode())
            return
        lang = "ja" if scope["path"].startswith("/ja") else "en"
        html = (self.page or ordinary)(scope, lang)
        await _answer(send, b"text/html; charset=utf-8", html.encode())


def ordinary(scope: Any, lang: str) -> str:
    """Write a page as a careful company does: tags only where they may run."""
    tags = ""
    if may_run(scope, "marketo_munchkin"):
        tags += f'<script src="http://{TAG_HOST}/munchkin.js" async></script>'
    if may_run(scope, "counter"):
        tags += f'<script src="http://{COUNTER_HOST}/count.js" async></script>'
    return draw(lang, tags)


def careless(scope: Any, lang: str) -> str:
    """Write a page as a company without a plan does: all tags at once, and only the header holds them."""
    tags = f'<script src="http://{TAG_HOST}/munchkin.js" async></script><script src="/beacon.js" defer></script>'
    tags += f'<link rel="preload" as="image" href="http://{STRANGER}/early.gif"><link rel="stylesheet" href="http://{STRANGER}/look.css">'
    more = f'<img src="http://{TAG_HOST}/pixel.gif" alt=""><img src="http://{STRANGER}/p.gif" alt="">'
    more += f'<iframe title="x" src="http://{STRANGER}/frame.html"></iframe><object data="http://{STRANGER}/thing.gif"></object>'
    more += f'<video poster="http://{STRANGER}/still.gif" src="http://{STRANGER}/film.mp4"></video>'
    return draw(lang, tags, more)


BEACON = f"""for (const host of ["{TAG_HOST}", "{STRANGER}"]) {{
  navigator.sendBeacon(`http://${{host}}/beacon`, "seen");
  fetch(`http://${{host}}/call`, {{ mode: "no-cors" }}).catch(() => {{}});
  new Image().src = `http://${{host}}/made.gif`;
}}"""
"""A script of the site's own that calls others in every way a script can."""


WIDGET = """
const say = (name, detail) => document.dispatchEvent(new CustomEvent(`upheld:${name}`, { detail }));
const box = document.createElement("div");
box.id = "widget";
const draw = ({ config, escape }) => {
  document.body.prepend(box);
  box.lang = config.lang;
  box.innerHTML = `<h2>${escape(config.text.title)}</h2>` + config.purposes.filter((one) => !one.required).map((one) => `<p><label>
    <input type="checkbox" name="${escape(one.id)}" ${config.states[one.id] === "granted" ? "checked" : ""}> ${escape(one.name)}</label>
    ${one.tags.map((tag) => escape(tag.sends)).join("")}</p>`).join("") + `<button id="keep">${escape(config.text.save)}</button>
    <button id="none">${escape(config.text.refuse)}</button><button id="back">${escape(config.text.close)}</button>`;
  const boxes = (yes) => Object.fromEntries([...box.querySelectorAll("input")].map((one) => [one.name, yes ?? one.checked]));
  box.querySelector("#keep").onclick = () => { box.hidden = true; say("chosen", { purposes: boxes() }); };
  box.querySelector("#none").onclick = () => { box.hidden = true; say("chosen", { purposes: boxes(false), action: "reject_all" }); };
  box.querySelector("#back").onclick = () => { box.hidden = true; say("withdrawn", { purposes: boxes(false) }); };
};
document.addEventListener("upheld:init", (event) => { draw(event.detail); box.hidden = true; });
document.addEventListener("upheld:show", () => { box.hidden = false; });
"""
BANNER_TAG = '<script src="/consent/banner.js"'


def with_widget(scope: Any, lang: str) -> str:
    """Write the pages of a company that has a widget of its own, which hears and says plain DOM events."""
    before = '<script src="/widget.js" defer></script><script src="/consent/adapter-events.js" defer></script>'
    return ordinary(scope, lang).replace(BANNER_TAG, before + BANNER_TAG)


def from_elsewhere(scope: Any, lang: str) -> str:
    """Write the pages of a site that takes the banner from the company's other origin."""
    return ordinary(scope, lang).replace('src="/consent/', f'src="http://{PRIVACY}/consent/')


MAILER = "pixel.mailer.example"


def noncompliant(scope: Any, lang: str) -> str:
    """Write the pages of a site that does everything wrong: each planted problem stands once."""
    if scope["path"] == "/en/mail":
        return f'<!doctype html><html lang="en"><title>Mail</title><h1>Preview</h1><img src="http://{MAILER}/open.gif" alt=""></html>'
    tags = f'<script src="http://{TAG_HOST}/munchkin.js"></script>'
    tags += "<script>document.cookie = 'tracking=1; path=/'; localStorage.setItem('visitor_id', '42');</script>"
    more = f'<img src="http://{STRANGER}/p.gif" alt=""><a href="/en/mail">mail</a>'
    return draw(lang, tags, more)


def draw(lang: str, tags: str, more: str = "") -> str:
    """Fill the page."""
    long = "".join(f'<p><a href="/{lang}/{n}">{TEXT[lang]["next"]} {n}</a></p>' for n in range(8))
    return PAGE.format(lang=lang, tags=tags, more=more, long=long, **TEXT[lang])


async def _answer(send: Any, kind: bytes, body: bytes) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", kind)]})
    await send({"type": "http.response.body", "body": body})


async def _lifespan(receive: Any, send: Any) -> None:
    while True:
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return
