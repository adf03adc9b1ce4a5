"""System pages: alive, ready, security contact, the schema, and every refusal explained."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from litestar import Response, get
from litestar.exceptions import NotFoundException
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath

from upheld.web.pages import AnyRequest, Pages
from upheld.web.refusals import STATUS
from upheld.web.words import words

Ready = Callable[[], Mapping[str, bool]]


def security_text(contact: str, expires: datetime, languages: Sequence[str], policy: str = "") -> str:
    """Write a security.txt (RFC 9116); `contact` is a mailto: or https: address, `expires` an aware time."""
    until = expires.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    lines = [f"Contact: {contact}", f"Expires: {until}", f"Preferred-Languages: {', '.join(languages)}"]
    if policy:
        lines.append(f"Policy: {policy}")
    return "\n".join(lines) + "\n"


def health_routes(
    ready: Ready, security: Callable[[], str | None], facts: Callable[[], Mapping[str, Any]]
) -> list[HTTPRouteHandler]:
    """Give `/livez`, `/readyz`, which also tells `facts`, and `/.well-known/security.txt`."""

    @get("/livez", include_in_schema=False, sync_to_thread=False)
    def livez() -> Response[dict[str, bool]]:
        """Say that the process answers."""
        return Response({"live": True}, headers={"Cache-Control": "no-store"})

    @get("/readyz", include_in_schema=False, sync_to_thread=True)
    def readyz() -> Response[dict[str, Any]]:
        """Say whether every part can serve; 503 names the part that cannot."""
        parts = dict(ready())
        good = all(parts.values())
        body = {"ready": good, "parts": parts, **facts()}
        return Response(body, status_code=200 if good else 503, headers={"Cache-Control": "no-store"})

    @get("/.well-known/security.txt", include_in_schema=False, sync_to_thread=False)
    def security_txt() -> Response[str]:
        """Say whom to tell about a weakness."""
        text = security()
        if text is None:
            raise NotFoundException
        return Response(text, media_type="text/plain")

    return [livez, readyz, security_txt]


def schema_routes() -> list[HTTPRouteHandler]:
    """Give `/openapi.json`, in which every refusal code is named."""

    @get("/openapi.json", include_in_schema=False, sync_to_thread=False)
    def openapi(request: AnyRequest) -> Response[dict[str, Any]]:
        """Describe the API (OpenAPI 3.1)."""
        schema = request.app.openapi_schema.to_schema()
        schema.setdefault("components", {}).setdefault("schemas", {})["Problem"] = problem_schema()
        return Response(schema, media_type="application/json")

    return [openapi]


def problem_schema() -> dict[str, Any]:
    """Give the JSON Schema of a problem, with all codes."""
    text = {"type": "string"}
    return {
        "type": "object",
        "title": "Problem",
        "required": ["type", "title", "status", "detail", "code", "clause", "clause_url", "next"],
        "properties": {
            **dict.fromkeys(("type", "title", "detail", "clause", "clause_url", "next", "policy_version"), text),
            "status": {"type": "integer", "enum": sorted(set(STATUS.values()))},
            "code": {"type": "string", "enum": sorted(STATUS)},
            "fields": {"type": "array", "items": text},
        },
    }


def problem_routes(pages: Pages) -> list[HTTPRouteHandler]:
    """Give `/problems` and `/problems/{code}`."""

    @get("/problems", include_in_schema=False, sync_to_thread=True)
    def problems(request: AnyRequest) -> Response[str]:
        """List every refusal with its status."""
        lang = pages.language(request).lang
        said = words(lang)
        rows = [(code, status, said[f"refusal.{code}"]["title"]) for code, status in STATUS.items()]
        return pages.render(request, "problems.html", rows=rows)

    @get("/problems/{code:str}", include_in_schema=False, sync_to_thread=True)
    def explain(request: AnyRequest, code: FromPath[str]) -> Response[str]:
        """Explain one refusal in every language of the policy."""
        if code not in STATUS:
            raise NotFoundException
        frame = pages.frame()
        first = pages.language(request, frame).lang
        langs = sorted(frame.languages, key=lambda lang: lang != first)
        texts = [(lang, words(lang)) for lang in langs]
        return pages.render(
            request, "problem_code.html", frame=frame, code=code, status_code=STATUS[code], texts=texts
        )

    return [problems, explain]
