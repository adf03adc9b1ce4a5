"""Answers to what went wrong: problem details for programs, a page for people, and no one's data in either."""

from __future__ import annotations

import logging
import re
import traceback
from collections.abc import Callable, Mapping
from typing import Any

from litestar import Response
from litestar.exceptions import HTTPException, ValidationException

from upheld.db import UpheldError
from upheld.web.headers import speak_for, spoken_for
from upheld.web.pages import AnyRequest, Frame, Pages
from upheld.web.refusals import Refusal, as_refusal, problem

log = logging.getLogger("upheld.web")

_BY_STATUS: Mapping[int, str] = {
    400: "malformed",
    401: "not_signed_in",
    403: "forbidden",
    404: "not_found",
    405: "method_not_allowed",
    413: "too_large",
    415: "media_type",
    422: "value_invalid",
    429: "too_many",
    503: "busy",
}
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.]*")
PROBLEM_TYPE = "application/problem+json"
Answer = Callable[[AnyRequest, Exception], Response[Any]]


def answerer(pages: Pages) -> Answer:
    """Make the handler of every exception that leaves a room."""

    def answer(request: AnyRequest, error: Exception) -> Response[Any]:
        """Say what was refused; nothing of the request is repeated and nothing of the exception but its kind is logged."""
        refusal = translate(error)
        if refusal.status >= 500 and refusal.retry_after is None:
            _note(error)
        frame = pages.frame()
        headers = _headers(refusal, error)
        if not wants_json(request):
            try:
                return _page(pages, request, refusal, frame, headers)
            except Exception as second:  # a page about an error must not become a second error
                _note(second)
        return _problem(pages, request, refusal, frame, headers)

    return answer


def translate(error: Exception) -> Refusal:
    """Turn whatever was raised into a refusal with a code of the table."""
    if isinstance(error, UpheldError):
        return as_refusal(error)
    if isinstance(error, ValidationException):
        return Refusal("value_invalid", fields=_blamed(error.extra))
    if isinstance(error, HTTPException):
        return Refusal(_BY_STATUS.get(error.status_code, "internal"))
    return Refusal("internal")


def wants_json(request: AnyRequest) -> bool:
    """Say whether a program asks: under `/api/`, or where JSON is accepted and HTML is not."""
    if request.url.path.startswith("/api/"):
        return True
    accept = request.headers.get("accept", "")
    return "json" in accept and "text/html" not in accept


def _page(
    pages: Pages, request: AnyRequest, refusal: Refusal, frame: Frame, headers: dict[str, str]
) -> Response[str]:
    said = problem(refusal, pages.language(request, frame).lang, frame.version)
    return pages.render(
        request, "problem.html", status=refusal.status, frame=frame, headers=headers, problem=said, alternates={}
    )


def _problem(
    pages: Pages, request: AnyRequest, refusal: Refusal, frame: Frame, headers: dict[str, str]
) -> Response[dict[str, Any]]:
    lang = pages.language(request, frame).lang
    if frame.label is not None and spoken_for(request.scope) is None:
        speak_for(request.scope, frame.label)
    return Response(
        problem(refusal, lang, frame.version),
        status_code=refusal.status,
        media_type=PROBLEM_TYPE,
        headers={**headers, "Content-Language": lang, "Vary": "Accept-Language, Cookie"},
    )


def _headers(refusal: Refusal, error: Exception) -> dict[str, str]:
    headers = {"Cache-Control": "no-store"}
    if refusal.retry_after is not None:
        headers["Retry-After"] = str(refusal.retry_after)
    if refusal.status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    if isinstance(error, HTTPException) and error.headers:
        headers.update({name.title(): value for name, value in error.headers.items() if name.lower() == "allow"})
    return headers


def _blamed(extra: object) -> tuple[str, ...]:
    """Name the parameters at fault; their names are ours, and only what looks like one is repeated."""
    if not isinstance(extra, list):
        return ()
    keys = [str(part.get("key", "")) for part in extra if isinstance(part, Mapping)]
    return tuple(dict.fromkeys(key for key in keys if _NAME.fullmatch(key)))


def _note(error: Exception) -> None:
    """Log where it happened and its kind: an exception's text may hold what a person sent."""
    frames = traceback.extract_tb(error.__traceback__)
    place = f"{frames[-1].filename}:{frames[-1].lineno}" if frames else "unknown place"
    log.error("%s at %s", type(error).__name__, place)
