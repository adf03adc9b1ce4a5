"""The shell: one ASGI application from the rooms' handlers, with the kit's rules around every one of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from typing import Any

from litestar import Litestar
from litestar.concurrency import sync_to_thread
from litestar.di import Provide
from litestar.handlers import HTTPRouteHandler
from litestar.openapi import OpenAPIConfig
from litestar.openapi.plugins import JsonRenderPlugin
from litestar.types import Message, Send
from litestar.utils.predicates import is_async_callable

from upheld.db import UpheldError
from upheld.web.answers import answerer
from upheld.web.forms import read_form
from upheld.web.gate import check_request
from upheld.web.headers import sealer
from upheld.web.pages import Pages
from upheld.web.system import Ready, health_routes, problem_routes, schema_routes
from upheld.web.wire import MAX_BODY


class App(Litestar):
    """The application; a HEAD request is answered as its GET without the body."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Serve one connection."""
        if scope["type"] != "http" or scope["method"] != "HEAD":
            await super().__call__(scope, receive, send)
            return
        as_get: Any = {**scope, "method": "GET"}
        await super().__call__(as_get, receive, _bodiless(send))


def _bodiless(send: Send) -> Send:
    async def send_head(message: Message) -> None:
        if message["type"] == "http.response.body":
            message = {**message, "body": b""}
        await send(message)

    return send_head


def in_thread(handler: Any) -> Any:
    """Let a synchronous handler run in a thread, also where two handlers share an address.

    Litestar 2.25 registers the first of them again with the second and then wraps it twice, so that the page
    becomes a coroutine nobody awaits; a coroutine function is left alone.
    """
    if isinstance(handler, HTTPRouteHandler) and handler.sync_to_thread and not is_async_callable(handler.fn):
        work = handler.fn

        @wraps(work)
        async def run(*args: Any, **kwargs: Any) -> Any:
            return await sync_to_thread(work, *args, **kwargs)

        handler._fn = run  # noqa: SLF001 - the handler has no public way to change what it calls
        handler.sync_to_thread = None
    return handler


def make_app(
    handlers: Sequence[Any],
    pages: Pages,
    *,
    ready: Ready = dict,
    security: Callable[[], str | None] = lambda: None,
    title: str = "upheld",
    version: str = "1",
    dependencies: Mapping[str, Provide] | None = None,
    middleware: Sequence[Any] = (),
    lifespan: Sequence[Any] = (),
    max_body: int = MAX_BODY,
    facts: Callable[[], Mapping[str, Any]] = dict,
) -> App:
    """Build the application that serves the rooms' handlers.

    `ready()` names each part and whether it can serve; `security()` gives the text of security.txt,
    `facts()` is what `/readyz` tells besides.
    A handler that declares `form: Form` gets the posted form. Handlers are synchronous with `sync_to_thread=True`.
    `max_body` is in bytes; a route may set its own `request_max_body_size`.
    """
    answer = answerer(pages)
    return App(
        [
            in_thread(handler)
            for handler in (
                *handlers,
                *pages.assets.routes(),
                *health_routes(ready, security, facts),
                *schema_routes(),
                *problem_routes(pages),
            )
        ],
        before_request=check_request,
        before_send=[sealer(lambda: pages.frame().label)],
        exception_handlers={UpheldError: answer, Exception: answer, 500: answer},
        dependencies={"form": Provide(read_form), **(dependencies or {})},
        middleware=list(middleware),
        lifespan=list(lifespan),
        request_max_body_size=max_body,
        logging_config=None,  # the default logger writes exception texts, which may hold what a person sent
        openapi_config=OpenAPIConfig(
            title=title, version=version, path="/schema", render_plugins=[JsonRenderPlugin()]
        ),
        debug=False,
    )
