"""Slack keeps the contract that every service keeps, on its double and over HTTP."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from typing import Literal

import pytest

from upheld.db import FixedClock
from upheld.policy.model import Frozen
from upheld.services.contract import Double, FaultProxy, Planted, serving
from upheld.services.contract.double import Hand
from upheld.services.contract.proxy import FAULTS
from upheld.services.contract.suite import ServiceContract
from upheld.services.pace import Pace
from upheld.services.slack import SlackService, connect
from upheld.services.slack.fake import BOT, PERSON, Fake, fake_app

TOKENS = {"secret:bot": "xoxb-full", "secret:read": "xoxb-read", "secret:user": "xoxp-full"}


class Workspace:
    """A workspace whose app and people have written about somebody."""

    faults = FAULTS
    lacks: Mapping[Hand, str] = Frozen(
        {
            "write": "a notice carries a reference and nothing of a person; tests/services/slack/test_slack.py posts one",
            "restrict": "Slack has no switch for a person",
            "suppress": "Slack has no switch for a person",
            "window": "what is deleted is gone for readers at once; retention of the workspace is told in words",
            "region": "the operator does not tell where a workspace lies",
        }
    )

    def __init__(self) -> None:
        self._clock = FixedClock(datetime(2026, 11, 22, tzinfo=UTC))
        self.fake: Fake = fake_app(self._clock)
        self._stack = ExitStack()
        running = self._stack.enter_context(serving(self.fake))
        self._proxy = FaultProxy(running.url)
        self._mine: dict[str, set[str]] = {}
        self._seconds = 0.0

    @property
    def now(self) -> datetime:
        return self._clock.now()

    def advance(self, by: timedelta) -> None:
        self._clock.set(self.now + by)
        self._seconds += by.total_seconds()

    def _sleep(self, seconds: float) -> None:
        self.advance(timedelta(seconds=seconds))

    def service(self, credential: Literal["full", "read"] = "full") -> SlackService:
        settings = {
            "kind": "slack", "url": f"{self._proxy.url}/api/", "bot_token": "secret:bot" if credential == "full" else "secret:read",
            "user_token": "secret:user", "stored_in": "US", "post_to": "C1", "channels": ["C1"],
        }  # fmt: skip
        return connect("slack", settings, TOKENS.__getitem__, self._clock, pace=Pace(lambda: self._seconds, self._sleep))

    def plant(self, person: Planted) -> None:
        first = self.fake.say("C1", f"{person.name} <{person.email}> called from <tel:{person.phone}|{person.phone}>", BOT)
        reply = self.fake.say("C1", f"I wrote to <mailto:{person.email}|{person.email}>", PERSON, thread=first)
        file = self.fake.upload("notes.txt", f"{person.note} {person.email}", BOT)
        self._mine.setdefault(person.key, set()).update({f"C1/{first}", f"C1/{reply}", file})

    def _everything(self) -> dict[str, bytes]:
        state = self.fake.state()
        return {key: repr(sorted(one.items())).encode() for key, one in {**state["messages"], **state["files"]}.items()}

    def held(self, person: Planted) -> Mapping[str, bytes]:
        return Frozen({key: one for key, one in self._everything().items() if key in self._mine.get(person.key, ())})

    def others(self, *apart_from: Planted) -> Mapping[str, bytes]:
        left_out = {key for one in apart_from for key in self._mine.get(one.key, ())}
        return Frozen({key: one for key, one in self._everything().items() if key not in left_out})

    def writes(self) -> int:
        return self.fake.writes

    def _message(self, person: Planted) -> str:
        return next(key.partition("/")[2] for key in sorted(self._mine[person.key]) if key.startswith("C1/"))

    def lock(self, person: Planted) -> None:
        self.fake.kept.add(self._message(person))

    def forbid(self, person: Planted) -> None:
        self.fake.undeletable.add(next(key for key in self._mine[person.key] if key.startswith("F")))

    def hide(self, person: Planted) -> None:
        del person
        self.fake.channels["C1"].members.discard(BOT)
        self.fake.files.clear()

    def change(self, person: Planted) -> None:
        self.fake.edit("C1", self._message(person), f"{person.email} wants a receipt")

    def move(self) -> None:
        raise AssertionError("the suite asked for what the double lacks")

    def clutter(self) -> Mapping[str, str]:
        self.fake.open_channel("C7", "random", BOT)
        self.fake.channels["C1"].shared = True
        return {"messages.C7": "store_undeclared", "messages.C1": "feed_undeclared"}

    def fault(self, kind: str, *, after: int = 0, times: int = 1) -> None:
        self._proxy.fault(kind, after=after, times=times)

    def requests(self) -> str:
        return "\n".join(self._proxy.seen)

    def close(self) -> None:
        self._proxy.close()
        self._stack.close()


class TestSlack(ServiceContract):
    """The fake workspace, reached through the proxy that lets calls fail."""

    @pytest.fixture
    def double(self) -> Double:
        return Workspace()
