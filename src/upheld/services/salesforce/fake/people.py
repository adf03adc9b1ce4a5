"""Who may call the fake: credentials, what each may do, sessions that run out, and the calls of a day."""

from __future__ import annotations

import base64
import secrets
from collections import deque
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from urllib.parse import parse_qs, unquote

from upheld.db import Clock
from upheld.services.salesforce.fake.records import ApiError

SESSION = timedelta(hours=2)
DAY = timedelta(hours=24)
ALL = frozenset({"read", "edit", "delete", "hard_delete"})


@dataclass(frozen=True, slots=True)
class User:
    """An integration user: the connected app's key and secret, and what its profile allows."""

    key: str
    secret: str = field(repr=False)
    may: frozenset[str] = ALL


@dataclass(slots=True)
class People:
    """The users, their sessions, and how many calls the organisation has left in any 24 hours."""

    clock: Clock
    limit: int
    users: dict[str, User] = field(default_factory=dict)
    sessions: dict[str, tuple[User, datetime]] = field(default_factory=dict, repr=False)
    calls: deque[datetime] = field(default_factory=deque, repr=False)

    def add(self, key: str, secret: str, may: frozenset[str] = ALL) -> None:
        """Let somebody in."""
        self.users[key] = User(key, secret, may)

    def login(self, authorization: str, body: str) -> str:
        """Give a session for the key and secret of a connected app; raises ApiError in OAuth's words."""
        told = {name: values[0] for name, values in parse_qs(body, keep_blank_values=True).items()}
        if told.get("grant_type") != "client_credentials":
            raise ApiError(400, "unsupported_grant_type", "grant type not supported")
        key, secret = told.get("client_id", ""), told.get("client_secret", "")
        if authorization.startswith("Basic "):
            key, _, secret = base64.b64decode(authorization[6:]).decode().partition(":")
        user = self.users.get(unquote(key))
        if user is None:
            raise ApiError(400, "invalid_client_id", "client identifier invalid")
        if not secrets.compare_digest(user.secret.encode(), unquote(secret).encode()):
            raise ApiError(400, "invalid_client", "invalid client credentials")
        return self.session_of(user.key)

    def session_of(self, key: str) -> str:
        """Give a fresh session of a user, as somebody who hands it over by other means has it."""
        token = f"00D5g0000FAKE!{secrets.token_urlsafe(24)}"
        self.sessions[token] = (self.users[key], self.clock.now())
        return token

    def expire(self) -> None:
        """End every session."""
        self.sessions.clear()

    def who(self, authorization: str) -> User:
        """Give the user of a session; raises ApiError `INVALID_SESSION_ID`."""
        kind, _, token = authorization.partition(" ")
        found = self.sessions.get(token) if kind in ("Bearer", "OAuth") else None
        if found is None or self.clock.now() - found[1] > SESSION:
            raise ApiError(401, "INVALID_SESSION_ID", "Session expired or invalid")
        return found[0]

    @property
    def used(self) -> int:
        """Count the calls of the last 24 hours."""
        while self.calls and self.clock.now() - self.calls[0] >= DAY:
            self.calls.popleft()
        return len(self.calls)

    def count(self) -> None:
        """Count a call; raises ApiError `REQUEST_LIMIT_EXCEEDED` when the day's calls are used up."""
        if self.used >= self.limit:
            raise ApiError(403, "REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.")
        self.calls.append(self.clock.now())

    @property
    def usage(self) -> str:
        """Give the value of the header that tells of the calls."""
        return f"api-usage={self.used}/{self.limit}"
