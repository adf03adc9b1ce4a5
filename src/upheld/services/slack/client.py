"""Calls to one workspace: in their pace, values in bodies only, and errors by the answer's own code."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any

from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError, SlackClientError

from upheld.db import Clock
from upheld.services.pace import Pace, Rate
from upheld.services.port import ServiceError
from upheld.services.slack.errors import error_of

RATES: Mapping[str, Rate] = {
    "chat.postMessage": Rate(60, 60.0, 1),
    "users.lookupByEmail": Rate(50, 60.0, 10),
    "conversations.list": Rate(20, 60.0, 5),
    "files.list": Rate(20, 60.0, 5),
}
"""What the operator allows of a method in a minute; everything else is of its third tier."""

TIER_3 = Rate(50, 60.0, 10)
WAITED = 3
"""How often a call that was refused as too early is made again in its place."""

PAGE = 100
_CODE = re.compile(r"[a-z][a-z0-9_]{1,60}")
# The client's own log repeats what it sent and got, words of people among it: nothing of it is written.
logging.getLogger("slack_sdk").setLevel(logging.CRITICAL + 1)
for _name in ("slack_sdk.web.base_client", "slack_sdk.web.client"):
    logging.getLogger(_name).setLevel(logging.CRITICAL + 1)


class Workspace:
    """One workspace under one token. Raises ServiceError with the operator's code."""

    def __init__(self, url: str, token: str, clock: Clock, pace: Pace, key: str) -> None:
        """Prepare; nothing is asked yet. `key` names the token in the pace."""
        self._client = WebClient(token=token, base_url=url, timeout=30, retry_handlers=[])
        self._clock, self._pace, self._key = clock, pace, key

    def ask(self, method: str, **values: Any) -> Mapping[str, Any]:
        """Make one call; values go in the body, so that none stands in a URL."""
        rate, key = RATES.get(method, TIER_3), ("slack", self._key, method)
        for turn in range(WAITED + 1):
            try:
                with self._pace.turn(key, rate):
                    answer = self._client.api_call(method, http_verb="POST", data=values)
                return dict(answer.data) if isinstance(answer.data, dict) else {}
            except SlackApiError as error:
                told = self._refused(error)
                if told.trouble != "throttle" or turn == WAITED:
                    raise told from None
                seconds = (told.retry_at - self._clock.now()).total_seconds() if told.retry_at else 1.0
                self._pace.pause(key, rate, max(seconds, 0.0))
            except (SlackClientError, OSError, ValueError, EOFError):
                raise ServiceError("transient", "unreachable") from None
            except Exception as error:  # http.client's own errors for half an answer are no OSError
                raise ServiceError("transient", type(error).__name__) from None
        raise ServiceError("throttle", "ratelimited")

    def _refused(self, error: SlackApiError) -> ServiceError:
        response: Any = error.response
        status = getattr(response, "status_code", 0) or 0
        headers = {str(name).lower(): value for name, value in (getattr(response, "headers", None) or {}).items()}
        after = headers.get("retry-after", "")
        after = after[0] if isinstance(after, list) and after else after
        body = getattr(response, "data", response)
        code = body.get("error") if isinstance(body, dict) else None
        if status == 429:
            return error_of("ratelimited", self._clock.now(), str(after))
        if status >= 500 or not _CODE.fullmatch(str(code)):  # a page of the operator's front, not an answer of the interface
            return ServiceError("transient", f"http_{status}")
        return error_of(code, self._clock.now(), str(after))

    def pages(self, method: str, member: str, **values: Any) -> Iterator[Mapping[str, Any]]:
        """Stream the members of a list, page by page."""
        cursor = ""
        while True:
            more = {"cursor": cursor} if cursor else {}
            answer = self.ask(method, limit=PAGE, **values, **more)
            yield from answer.get(member, ())
            cursor = str((answer.get("response_metadata") or {}).get("next_cursor") or "")
            if not cursor:
                return

    def close(self) -> None:
        """Let go; the client keeps no connection open."""
        with suppress(Exception):
            self._client.retry_handlers.clear()
