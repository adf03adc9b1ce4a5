"""Calls to one instance: in their pace, with a token that is renewed, values in bodies only, and errors by the answer's body."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache
from typing import Any

import httpx

from upheld.db import Clock
from upheld.services.marketo.errors import CENTRAL, NOT_CARRIED_OUT, error_of, quota_again, request_of
from upheld.services.pace import Pace, Rate, SpentError
from upheld.services.port import ServiceError

RATE = Rate(calls=95, seconds=20, burst=5, at_once=10)
"""Of 100 calls in any 20 seconds: what is left over is for answers that came late."""
AGAIN = 3
"""How often a call is asked again that the operator says it did not carry out."""
EARLY = timedelta(seconds=60)
TIMEOUT = httpx.Timeout(60.0, connect=10.0)
_REST = "/rest/v1/"


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: the operator's id of the request, one row for each record, and the token of the next page."""

    request: str
    rows: Sequence[Mapping[str, Any]] = field(repr=False)
    next: str = field(default="", repr=False)
    more: bool = False


class MarketoClient:
    """One instance under one credential. Safe for threads. Raises ServiceError for whatever was not done."""

    def __init__(
        self,
        url: str,
        credential: Callable[[], tuple[str, str]],
        clock: Clock,
        pace: Pace,
        key: str,
        *,
        rate: Rate = RATE,
        per_day: int = 50_000,
    ) -> None:
        """Prepare; nothing is asked yet. `key` names the credential in the pace, `per_day` is the calls of a day."""
        self._http = httpx.Client(base_url=url, timeout=TIMEOUT, follow_redirects=False, trust_env=False, verify=_trusted())
        self._credential, self._clock, self._pace, self._rate = credential, clock, pace, rate
        self._key = ("marketo", key, "rest")
        self._per_day = per_day
        self._lock = threading.Lock()
        self._token, self._ends = "", clock.now()

    @property
    def now(self) -> datetime:
        """Give the present moment."""
        return self._clock.now()

    def close(self) -> None:
        """Let go of the connection."""
        self._http.close()

    def ask(self, path: str, params: Mapping[str, str | Sequence[str]] | None = None) -> Answer:
        """Read. Parameters that may tell of a person go in the body: the operator takes a POST that says it is a GET.

        Clause: security.technical (APPI 23; GDPR 32)
        """
        if not params:
            return self._called("GET", _REST + path)
        return self._called("POST", f"{_REST}{path}?_method=GET", form=params)

    def pages(self, path: str, params: Mapping[str, str | Sequence[str]]) -> Iterator[Answer]:
        """Read page after page: an empty page is not the last one as long as the operator says that more follow."""
        token = ""
        while True:
            answer = self._page(path, params, token)
            yield answer
            if not answer.next or not answer.more or answer.next == token:
                return
            token = answer.next

    def _page(self, path: str, params: Mapping[str, str | Sequence[str]], token: str) -> Answer:
        """Read one page; a token that is no longer taken means to begin again, later, and not that the call was wrong."""
        try:
            return self.ask(path, {**params, "nextPageToken": token} if token else params)
        except ServiceError as error:
            if token and error.diagnostic.code == "1003":
                raise ServiceError("transient", "page_token_expired") from None
            raise

    def tell(self, path: str, body: Mapping[str, Any], *, verb: str = "POST") -> Answer:
        """Change something: records in the body, one row of the answer for each of them."""
        return self._called(verb, _REST + path, json=body)

    def bulk(self, path: str, body: Mapping[str, Any] | None = None, *, verb: str = "POST") -> Answer:
        """Speak about a job of the bulk extract."""
        return self._called(verb, "/bulk/v1/" + path, json=body)

    def file(self, path: str) -> bytes:
        """Read the file of a job as it is."""
        answer = self._raw("GET", "/bulk/v1/" + path, {})
        if "json" in answer.headers.get("Content-Type", ""):
            self._read(answer)  # a refusal comes as JSON
        return answer.content

    def _called(self, verb: str, target: str, *, form: Any = None, json: Any = None) -> Answer:
        sent = {name: value for name, value in (("data", form), ("json", json)) if value is not None}
        self._set_ration()
        for left in reversed(range(AGAIN)):
            try:
                return self._read(self._raw(verb, target, sent))
            except ServiceError as error:
                code = error.diagnostic.code
                if not left or not NOT_CARRIED_OUT.fullmatch(code) or error.trouble not in {"token", "throttle"}:
                    raise
                if error.trouble == "token":
                    self._forget()
                else:
                    self._pace.pause(self._key, self._rate, self._rate.seconds)
        raise AssertionError("the last try returns or raises")

    def _raw(self, verb: str, target: str, sent: Mapping[str, Any]) -> httpx.Response:
        """Make one call in its turn; raises ServiceError where the operator's servers did not answer as they do."""
        token = self._bearer()
        try:
            with self._pace.turn(self._key, self._rate):
                answer = _sent(lambda: self._http.request(verb, target, headers={"Authorization": f"Bearer {token}"}, **sent))
        except SpentError:
            raise ServiceError("quota", "share_of_day_used", retry_at=quota_again(self.now)) from None
        if answer.status_code == 429:
            seconds = answer.headers.get("Retry-After", "")
            later = self.now + timedelta(seconds=int(seconds)) if seconds.isdecimal() else None
            raise ServiceError("throttle", "http_429", retry_at=later)
        return answer

    def _read(self, answer: httpx.Response) -> Answer:
        told = _json(answer)
        if told.get("success") is not True:
            errors = told.get("errors")
            first = errors[0] if isinstance(errors, list) and errors and isinstance(errors[0], Mapping) else {}
            raise error_of(first.get("code"), self.now)
        rows = told.get("result", ())
        if not isinstance(rows, list | tuple) or not all(isinstance(one, Mapping) for one in rows):
            raise ServiceError("unknown", "answer_not_understood")
        token = str(told.get("nextPageToken") or "")
        return Answer(request_of(told.get("requestId")), rows, token, bool(told.get("moreResult", token)))

    def _bearer(self) -> str:
        with self._lock:
            if not self._token or self.now >= self._ends:
                name, secret = self._credential()
                form = {"grant_type": "client_credentials", "client_id": name, "client_secret": secret}
                told = _json(_sent(lambda: self._http.post("/identity/oauth/token", data=form)), refused="invalid_client")
                self._token = str(told.get("access_token") or "")
                self._ends = self.now + max(timedelta(seconds=int(told.get("expires_in") or 0)) - EARLY, timedelta())
                if not self._token:
                    raise ServiceError("permission", "invalid_client")
            return self._token

    def _forget(self) -> None:
        with self._lock:
            self._token = ""

    def _set_ration(self) -> None:
        """Once in the operator's day look how many calls are left, and take half of them at most."""
        day = self.now.astimezone(CENTRAL).date().isoformat()
        if not self._pace.new_period(self._key, day):
            return
        try:
            rows = self._read(self._raw("GET", f"{_REST}stats/usage.json", {})).rows
            used = int(rows[0].get("total") or 0) if rows else 0
        except ServiceError as error:
            if error.diagnostic.code != "603":
                self._pace.forget_period(self._key)
                raise
            used = 0  # this credential may not look: half of a whole day is the most it can be
        self._pace.ration(self._key, max(self._per_day - used, 0) // 2)


@cache
def _trusted() -> ssl.SSLContext:
    """Read the authorities that certificates are checked against once in a process: it takes longer than a call."""
    return ssl.create_default_context()


def _sent(call: Callable[[], httpx.Response]) -> httpx.Response:
    """Make a call; raises ServiceError without the client's own words, which would repeat an address."""
    try:
        answer = call()
    except httpx.HTTPError:
        raise ServiceError("transient", "no_answer") from None
    if answer.status_code in (200, 401, 429):
        return answer
    raise ServiceError("transient" if answer.status_code >= 500 else "bug", f"http_{answer.status_code}")


def _json(answer: httpx.Response, *, refused: str = "http_401") -> Mapping[str, Any]:
    if answer.status_code == 401:
        raise ServiceError("permission", refused)
    if answer.status_code != 200:
        raise ServiceError("throttle", f"http_{answer.status_code}")
    try:
        told = answer.json()
    except ValueError:
        raise ServiceError("transient", "not_json") from None
    if not isinstance(told, Mapping):
        raise ServiceError("unknown", "answer_not_understood")
    return told
