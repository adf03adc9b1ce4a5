"""Who may call and how often: tokens that run out, and the operator's four limits."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from upheld.db import Clock
from upheld.services.marketo.fake.refusals import RefusedError

WINDOW = timedelta(seconds=20)
LIFE = timedelta(seconds=3600)
CENTRAL = ZoneInfo("America/Chicago")
"""Where the operator's day begins: quotas are new at its midnight."""


@dataclass(slots=True)
class Client:
    """A program that may call: what it may change, and which partitions it does not see."""

    secret: str
    writes: bool = True
    token: str = ""
    ends: datetime | None = None


class Gate:
    """Lets calls in: 100 in any 20 seconds, ten under way, so many a day. What is refused does not count."""

    def __init__(self, clock: Clock, *, per_window: int, at_once: int, per_day: int) -> None:
        """Begin with nobody known."""
        self._clock = clock
        self.per_window, self.at_once, self.per_day = per_window, at_once, per_day
        self.clients: dict[str, Client] = {}
        self._recent: deque[datetime] = deque()
        self.under_way, self.most_under_way = 0, 0
        self.used, self._day = 0, self.day
        self.refused: list[str] = []
        """The codes of calls that broke a limit, in order."""
        self._issued = 0

    @property
    def day(self) -> date:
        """Give the operator's day."""
        return self._clock.now().astimezone(CENTRAL).date()

    def token(self, name: str, secret: str) -> dict[str, object] | None:
        """Give the token of a client, the same one as long as it lives; None for a wrong secret."""
        client = self.clients.get(name)
        if client is None or client.secret != secret:
            return None
        now = self._clock.now()
        if client.ends is None or client.ends <= now:
            self._issued += 1
            client.token, client.ends = f"{self._issued:08d}-aaaa-bbbb-cccc-dddddddddddd:xx", now + LIFE
        left = int((client.ends - now).total_seconds()) - 1
        return {"access_token": client.token, "token_type": "bearer", "expires_in": left, "scope": f"{name}@example.com"}

    def who(self, authorization: str) -> Client:
        """Give the client of a call; raises RefusedError 600, 601 or 602."""
        token = authorization.removeprefix("Bearer ").strip()
        if not token:
            raise RefusedError("600")
        client = next((one for one in self.clients.values() if one.token == token), None)
        if client is None or client.ends is None:
            raise RefusedError("601")
        if client.ends <= self._clock.now():
            raise RefusedError("602")
        return client

    def expire(self) -> None:
        """Let every token be over now."""
        for client in self.clients.values():
            client.ends = self._clock.now()

    def enter(self) -> None:
        """Count a call in; raises RefusedError 606, 607 or 615 and then counts nothing."""
        now = self._clock.now()
        if self.day != self._day:
            self.used, self._day = 0, self.day
        while self._recent and self._recent[0] <= now - WINDOW:
            self._recent.popleft()
        code = ""
        if self.under_way >= self.at_once:
            code = "615"
        elif self.used >= self.per_day:
            code = "607"
        elif len(self._recent) >= self.per_window:
            code = "606"
        if code:
            self.refused.append(code)
            raise RefusedError(code)
        self._recent.append(now)
        self.used += 1
        self.under_way += 1
        self.most_under_way = max(self.most_under_way, self.under_way)

    def leave(self) -> None:
        """Count a call out."""
        self.under_way -= 1
