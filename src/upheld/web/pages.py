"""Pages: templates of all rooms in one environment, drawn with the frame of the version in force."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from importlib import resources
from typing import Any
from urllib.parse import parse_qsl, urlencode

from jinja2 import BaseLoader, ChoiceLoader, Environment, PackageLoader, PrefixLoader, StrictUndefined
from litestar import Request, Response

from upheld.policy.model import CompiledPolicy
from upheld.web import tongue
from upheld.web.assets import Assets
from upheld.web.headers import speak_for
from upheld.web.language import COOKIE, NAMES, Choice, choose
from upheld.web.words import words

AnyRequest = Request[Any, Any, Any]
LINKS = (
    ("privacy", "/privacy/{lang}"),
    ("choices", "/consent/choices"),
    ("external", "/external-transmission"),
    ("rights", "/rights"),
    ("contact", "/privacy/{lang}#contact"),
)


@dataclass(frozen=True, slots=True)
class Frame:
    """What surrounds every page: who speaks, in which languages, which version holds since when.

    `label` is the value of `Upheld-Policy`; `version`, `label` and `since` are None while nothing is in force.
    `links` are (key of the words section `site`, address) for the page's foot; `{lang}` is filled in.
    """

    name: Mapping[str, str]
    languages: tuple[str, ...]
    timezone: str = "UTC"
    version: str | None = None
    label: str | None = None
    since: datetime | None = None
    links: tuple[tuple[str, str], ...] = LINKS

    @staticmethod
    def of(
        policy: CompiledPolicy, since: datetime | None, links: tuple[tuple[str, str], ...] = LINKS
    ) -> Frame:
        """Make the frame of a policy in force since a moment (UTC).

        Clause: policy.title
        """
        return Frame(
            policy.controller.name, policy.languages, policy.timezone, policy.version, policy.label, since, links
        )


class Pages:
    """Draws templates. A room's template is `<room>/<name>.html`; the kit's own have no prefix."""

    def __init__(
        self, frame: Callable[[], Frame], rooms: tuple[str, ...] = (), assets: Assets | None = None
    ) -> None:
        """Take the frame in force from `frame()` at each page; `rooms` are packages of `upheld` with templates."""
        self.frame = frame
        self.assets = assets or Assets(("web", *rooms))
        own = {room: PackageLoader(f"upheld.{room}") for room in rooms if _has_templates(room)}
        self.environment = self._environment(ChoiceLoader([PackageLoader("upheld.web"), PrefixLoader(own)]))

    def _environment(self, loader: BaseLoader) -> Environment:
        made = Environment(
            loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
        )
        made.filters.update(tongue.FILTERS)
        made.globals.update(
            asset=self.assets.url, words_of=words, language_name=lambda code: NAMES.get(code, code)
        )
        return made

    def language(self, request: AnyRequest, frame: Frame | None = None) -> Choice:
        """Choose the language of a response whose address does not name one."""
        frame = frame or self.frame()
        headers = request.headers
        return choose(
            frame.languages,
            request.query_params.get("lang"),
            request.cookies.get(COOKIE),
            headers.get("accept-language"),
        )

    def text(self, template: str, lang: str, frame: Frame | None = None, **context: Any) -> str:
        """Draw a template without a request, for letters and documents."""
        room = template.partition("/")[0] if "/" in template else ""
        return self.environment.get_template(template).render(
            lang=lang,
            w=words(lang),
            own=words(lang, room) if room else {},
            frame=frame or self.frame(),
            **context,
        )

    def render(
        self,
        request: AnyRequest,
        template: str,
        *,
        status: int = 200,
        lang: Choice | str | None = None,
        frame: Frame | None = None,
        alternates: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        **context: Any,
    ) -> Response[str]:
        """Draw a page; its headers name the language and the policy version it speaks for.

        Without `lang` it is negotiated and `Vary` says so; a room that negotiated itself hands on the Choice. `alternates` are the addresses of the same page in
        each language; without it they are this address with `?lang=`. An empty mapping hides the switch.
        `frame` names another version than the one in force, as a page of an old version must.
        """
        frame = frame or self.frame()
        chosen = lang or self.language(request, frame)
        if isinstance(chosen, str):
            chosen = Choice(chosen, negotiated=False)
        if frame.label is not None:
            speak_for(request.scope, frame.label)
        html = self.text(
            template,
            chosen.lang,
            frame,
            alternates=_alternates(request, frame) if alternates is None else alternates,
            path=request.url.path,
            **context,
        )
        sent = {"Content-Language": chosen.lang, **(headers or {})}
        if chosen.negotiated:
            sent["Vary"] = "Accept-Language, Cookie"
        return Response(html, media_type="text/html", status_code=status, headers=sent)


def _alternates(request: AnyRequest, frame: Frame) -> dict[str, str]:
    """Give this address in each language, keeping place and filters."""
    kept = [(name, value) for name, value in parse_qsl(request.url.query) if name != "lang"]
    return {lang: f"{request.url.path}?{urlencode([*kept, ('lang', lang)])}" for lang in frame.languages}


def _has_templates(room: str) -> bool:
    return resources.files(f"upheld.{room}").joinpath("templates").is_dir()
