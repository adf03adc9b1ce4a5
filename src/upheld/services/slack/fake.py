"""A workspace that behaves: channels with members, threads, files, tokens of two kinds, pages, limits, and what nobody may delete."""

from __future__ import annotations

import base64
import json
import threading
from collections import defaultdict, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs

from upheld.db import Clock

BOT, PERSON = "UBOT", "UADMIN"
READS = frozenset(
    {"auth.test", "conversations.list", "conversations.history", "conversations.replies", "files.list", "files.info", "users.info",
     "users.lookupByEmail"}
)  # fmt: skip


class _Refused(Exception):  # noqa: N818 - never leaves this module; it carries an answer
    """The answer is `ok: false` with this code."""


@dataclass(slots=True)
class _Channel:
    name: str
    members: set[str] = field(default_factory=set)
    private: bool = False
    shared: bool = False
    messages: list[dict[str, Any]] = field(default_factory=list)


class Fake:
    """An ASGI application. Tokens: `xoxb-full` and `xoxb-read` of the app, `xoxp-full` of a person who is no owner."""

    def __init__(self, clock: Clock, *, per_minute: int = 0) -> None:
        """Begin with one channel, `C1`; `per_minute` limits each method, 0 for no limit."""
        self._clock, self._lock = clock, threading.RLock()
        self.channels: dict[str, _Channel] = {"C1": _Channel("support", {BOT, PERSON})}
        self.users: dict[str, dict[str, Any]] = {}
        self.files: dict[str, dict[str, Any]] = {}
        self.undeletable: set[str] = set()
        """Messages and files that the token may not delete."""
        self.kept: set[str] = set()
        """Messages that an export for compliance holds; `compliance` holds all of them."""
        self.compliance = False
        self.per_minute, self.writes = per_minute, 0
        self.refused: deque[str] = deque()
        self._calls: dict[str, deque[float]] = defaultdict(deque)
        self._number = 0

    # hands of the workspace's people

    def say(self, channel: str, text: str, user: str = PERSON, thread: str = "") -> str:
        """Let somebody write in a channel; gives the message's time, which is its name."""
        with self._lock:
            message = {"type": "message", "ts": self._ts(), "user": user, "text": text} | ({"thread_ts": thread} if thread else {})
            self.channels[channel].messages.append(message)
            return str(message["ts"])

    def edit(self, channel: str, ts: str, text: str) -> None:
        """Let the author change a message."""
        with self._lock:
            self._message(channel, ts).update(text=text, edited={"user": PERSON, "ts": self._ts()})

    def join(self, email: str, name: str) -> str:
        """Let somebody become a member of the workspace; gives the id."""
        with self._lock:
            self._number += 1
            key = f"U{self._number:06d}"
            self.users[key] = {"id": key, "deleted": False, "updated": 1, "profile": {"email": email, "real_name": name}}
            return key

    def upload(self, name: str, preview: str, user: str = PERSON) -> str:
        """Let somebody put a file into the workspace; gives the id."""
        with self._lock:
            self._number += 1
            key = f"F{self._number:06d}"
            self.files[key] = {"id": key, "name": name, "title": name, "preview": preview, "user": user}
            return key

    def open_channel(self, key: str, name: str, *members: str, shared: bool = False) -> None:
        """Open a channel with these members."""
        with self._lock:
            self.channels[key] = _Channel(name, set(members), shared=shared)

    def state(self) -> dict[str, Any]:
        """Give everything there is: messages by `channel/ts`, files, members."""
        with self._lock:
            said = {f"{key}/{one['ts']}": dict(one) for key, channel in self.channels.items() for one in channel.messages}
            return {"messages": said, "files": {key: dict(one) for key, one in self.files.items()}, "users": dict(self.users)}

    def _ts(self) -> str:
        self._number += 1
        return f"{int(self._clock.now().timestamp())}.{self._number:06d}"

    # the interface

    async def __call__(self, scope: Mapping[str, Any], receive: Callable[[], Any], send: Callable[[Any], Any]) -> None:
        """Answer one call over HTTP."""
        body = b""
        while True:
            event = await receive()
            body += event.get("body", b"")
            if not event.get("more_body"):
                break
        headers = {name.decode().lower(): value.decode() for name, value in scope["headers"]}
        values = {name: given[-1] for name, given in parse_qs(body.decode("utf-8"), keep_blank_values=True).items()}
        status, more, answer = self._answer(scope["path"].rpartition("/")[2], headers.get("authorization", ""), values)
        told = [(b"content-type", b"application/json; charset=utf-8"), *((name.encode(), value.encode()) for name, value in more.items())]
        await send({"type": "http.response.start", "status": status, "headers": told})
        await send({"type": "http.response.body", "body": json.dumps(answer).encode()})

    def _answer(self, method: str, authorization: str, values: dict[str, str]) -> tuple[int, dict[str, str], dict[str, Any]]:
        token = authorization.removeprefix("Bearer ")
        with self._lock:
            if self._too_fast(method):
                return 429, {"Retry-After": "10"}, {"ok": False, "error": "ratelimited"}
            try:
                return 200, {}, {"ok": True, **self._act(method, token, values)}
            except _Refused as error:
                return 200, {}, {"ok": False, "error": str(error)}

    def _act(self, method: str, token: str, values: dict[str, str]) -> dict[str, Any]:
        if token not in {"xoxb-full", "xoxb-read", "xoxp-full"}:
            raise _Refused("invalid_auth")
        if method not in READS:
            self.writes += 1
            if token == "xoxb-read":  # noqa: S105 - a sample token of the fake
                raise _Refused("missing_scope")
        if self.refused:
            raise _Refused(self.refused.popleft())
        act: Callable[[str, Mapping[str, str]], dict[str, Any]] | None = getattr(self, "_" + method.replace(".", "_"), None)
        if act is None:
            raise _Refused("unknown_method")
        return act(BOT if token.startswith("xoxb") else PERSON, values)

    def _too_fast(self, method: str) -> bool:
        now, calls = self._clock.now().timestamp(), self._calls[method]
        while calls and calls[0] <= now - 60:
            calls.popleft()
        if self.per_minute and len(calls) >= self.per_minute:
            return True
        calls.append(now)
        return False

    def _channel(self, key: str, user: str) -> _Channel:
        channel = self.channels.get(key)
        if channel is None or (channel.private and user not in channel.members):
            raise _Refused("channel_not_found")
        if user not in channel.members:
            raise _Refused("not_in_channel")
        return channel

    def _message(self, channel: str, ts: str) -> dict[str, Any]:
        found = next((one for one in self.channels[channel].messages if one["ts"] == ts), None)
        if found is None:
            raise _Refused("message_not_found")
        return found

    @staticmethod
    def _paged(items: list[dict[str, Any]], member: str, values: Mapping[str, str]) -> dict[str, Any]:
        start = int(base64.b64decode(values["cursor"]).decode()) if values.get("cursor") else 0
        end = start + min(int(values.get("limit", "100")), 1000)
        cursor = base64.b64encode(str(end).encode()).decode() if end < len(items) else ""
        return {member: items[start:end], "has_more": bool(cursor), "response_metadata": {"next_cursor": cursor}}

    def _auth_test(self, user: str, _: Mapping[str, str]) -> dict[str, Any]:
        return {"user_id": user, "team_id": "T1"}

    def _conversations_list(self, user: str, values: Mapping[str, str]) -> dict[str, Any]:
        seen = [
            {"id": key, "name": one.name, "is_member": user in one.members, "is_private": one.private, "is_ext_shared": one.shared}
            for key, one in self.channels.items()
            if not one.private or user in one.members
        ]
        return self._paged(seen, "channels", values)

    def _conversations_history(self, user: str, values: Mapping[str, str]) -> dict[str, Any]:
        channel = self._channel(values.get("channel", ""), user)
        replies: dict[str, int] = defaultdict(int)
        for one in channel.messages:
            replies[one.get("thread_ts", "")] += 1
        roots = [one for one in channel.messages if one.get("thread_ts", one["ts"]) == one["ts"]]
        shown = [{**one, "reply_count": replies[one["ts"]]} if replies[one["ts"]] else dict(one) for one in reversed(roots)]
        if values.get("include_all_metadata") != "true":
            shown = [{name: value for name, value in one.items() if name != "metadata"} for one in shown]
        return self._paged(shown, "messages", values)

    def _conversations_replies(self, user: str, values: Mapping[str, str]) -> dict[str, Any]:
        channel, ts = self._channel(values.get("channel", ""), user), values.get("ts", "")
        found = [dict(one) for one in channel.messages if one["ts"] == ts]
        if not found:
            raise _Refused("thread_not_found")
        root = found[0].get("thread_ts", ts)
        thread = [dict(one) for one in channel.messages if one["ts"] != ts and one.get("thread_ts") == root and root == ts]
        return self._paged([*found, *thread], "messages", values)

    def _users_lookupByEmail(self, _: str, values: Mapping[str, str]) -> dict[str, Any]:  # noqa: N802 - the method's own name
        wanted = values.get("email", "").lower()
        found = next((one for one in self.users.values() if one["profile"]["email"].lower() == wanted and not one["deleted"]), None)
        if found is None:
            raise _Refused("users_not_found")
        return {"user": dict(found)}

    def _users_info(self, _: str, values: Mapping[str, str]) -> dict[str, Any]:
        if values.get("user") not in self.users:
            raise _Refused("user_not_found")
        return {"user": dict(self.users[values["user"]])}

    def _files_list(self, _: str, values: Mapping[str, str]) -> dict[str, Any]:
        return self._paged([dict(one) for one in self.files.values()], "files", values)

    def _files_info(self, _: str, values: Mapping[str, str]) -> dict[str, Any]:
        if values.get("file") not in self.files:
            raise _Refused("file_not_found")
        return {"file": dict(self.files[values["file"]])}

    def _files_delete(self, _: str, values: Mapping[str, str]) -> dict[str, Any]:
        if self.files.get(values.get("file", "")) is None:
            raise _Refused("file_deleted")
        if values["file"] in self.undeletable:
            raise _Refused("cant_delete_file")
        del self.files[values["file"]]
        return {}

    def _chat_postMessage(self, user: str, values: Mapping[str, str]) -> dict[str, Any]:  # noqa: N802 - the method's own name
        self._channel(values.get("channel", ""), user)
        ts = self.say(values["channel"], values.get("text", ""), user)
        message = self._message(values["channel"], ts)
        if values.get("metadata"):
            message["metadata"] = json.loads(values["metadata"])
        return {"channel": values["channel"], "ts": ts, "message": dict(message)}

    def _chat_update(self, user: str, values: Mapping[str, str]) -> dict[str, Any]:
        self._channel(values.get("channel", ""), user)
        message = self._message(values["channel"], values.get("ts", ""))
        if message["user"] != user:
            raise _Refused("cant_update_message")
        message.update(text=values.get("text", ""), edited={"user": user, "ts": self._ts()})
        return {"ts": message["ts"]}

    def _chat_delete(self, user: str, values: Mapping[str, str]) -> dict[str, Any]:
        channel = self._channel(values.get("channel", ""), user)
        message = self._message(values["channel"], values.get("ts", ""))
        if self.compliance or message["ts"] in self.kept:
            raise _Refused("compliance_exports_prevent_deletion")
        if message["user"] != user or message["ts"] in self.undeletable:
            raise _Refused("cant_delete_message")
        channel.messages.remove(message)
        return {"ts": message["ts"]}


def fake_app(clock: Clock, *, per_minute: int = 0) -> Fake:
    """Make a workspace with nobody in it but the app and a person who is no owner."""
    return Fake(clock, per_minute=per_minute)
