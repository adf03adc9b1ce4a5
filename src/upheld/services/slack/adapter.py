"""One workspace as a service: words about a person, files, members; what a token may take back and what only people can."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from upheld.db import Clock
from upheld.policy.model import Frozen
from upheld.services.model import Can, Delivery, Identities, Item, Job, Op, Outcome, Place, Ref, Seen
from upheld.services.port import NotCapableError, ServiceError, need
from upheld.services.rules import outcome_of
from upheld.services.slack.client import Workspace
from upheld.services.slack.needles import named, patterns_of, plain, replaced

MESSAGES, FILES, MEMBERS = "messages", "files", "members"
EVENT = "upheld_delivery"
_STOPS = "Slack has no switch for a person; what is not posted is decided here"
_OTHERS = "words of others are deleted by whoever wrote them or by an owner; each is named as denied"
_OWNER = "an owner of the workspace deactivates a member and removes the profile"
_MASKED = "a notice carries a reference and a link, and nothing of a person"


class SlackService:
    """What a workspace holds of people, as far as the app is let into it."""

    def __init__(
        self, name: str, bot: Workspace, user: Workspace | None, clock: Clock, stored_in: tuple[str, ...], post_to: str,
        channels: tuple[str, ...], link: str,
    ) -> None:  # fmt: skip
        """Hold the tokens; `channels` are those where people are talked about, by id."""
        self._name, self._bot, self._user, self._clock = name, bot, user, clock
        self._stored_in, self._post_to, self._channels, self._link = stored_in, post_to, channels, link
        self._seen: list[Mapping[str, Any]] | None = None
        self._self = ""

    @property
    def name(self) -> str:
        """Give its id in the policy."""
        return self._name

    def capabilities(self) -> tuple[Can, ...]:
        """Say what is done; finding is whole only where the app is in every channel there is."""
        outside = [one for one in self._all() if not one.get("is_member")]
        blind = f"the app is in {len(self._all()) - len(outside)} of {len(self._all())} channels" if outside else ""
        found = Can(MESSAGES, "find", "partial" if blind else "full", blind, needs=("channels:history", "groups:history"))
        told = [found, Can(MESSAGES, "fetch", "full"), Can(MESSAGES, "erase", "partial", _OTHERS, needs=("chat:write",))]
        told.append(Can(MESSAGES, "correct", "partial", "the app corrects its own words only"))
        told.append(Can(MESSAGES, "write", "partial", _MASKED))
        told += [Can(FILES, "find", "partial" if blind else "full", blind), Can(FILES, "fetch", "full"), Can(FILES, "erase", "full")]
        told += [Can(FILES, op, "none", "a file is as somebody made it") for op in _ops("correct", "write")]
        told += [Can(MEMBERS, op, "full") for op in _ops("find", "fetch")] + [Can(MEMBERS, "erase", "partial", _OWNER)]
        told += [Can(MEMBERS, op, "none", _OWNER) for op in _ops("correct", "write")]
        stops = _ops("restrict", "release", "suppress", "unsuppress")
        return (*told, *(Can(store, op, "none", _STOPS) for store in (MESSAGES, FILES, MEMBERS) for op in stops))

    def locations(self) -> Iterator[Place]:
        """Say what the contract states: the operator does not tell it to programs."""
        for store in (MESSAGES, FILES, MEMBERS):
            for country in self._stored_in:
                yield Place(store, country, country, "contract", self._clock.now())

    # finding

    def find(self, who: Identities) -> Iterator[Ref]:
        """Stream messages and files that name the person, what the person wrote as a member, and the member."""
        self._seen, tests, members = None, patterns_of(who), set[str]()
        for email in who.get("email", ()):
            member = self._absent_is_none(lambda value=email: self._bot.ask("users.lookupByEmail", email=value)["user"])
            if member is not None and not member.get("deleted"):
                members.add(str(member["id"]))
                yield Ref(MEMBERS, (str(member["id"]),), _version(member.get("updated")))
        for channel in [str(one["id"]) for one in self._all() if one.get("is_member")]:
            for message in self._said(channel):
                if named(str(message.get("text", "")), tests) or message.get("user") in members:
                    yield _message(channel, message)
        for file in self._bot.pages("files.list", "files"):
            if named(_words(file), tests):
                yield Ref(FILES, (str(file["id"]),), _version(file.get("title"), file.get("preview")))

    def _all(self) -> list[Mapping[str, Any]]:
        if self._seen is None:
            self._seen = list(self._bot.pages("conversations.list", "channels", types="public_channel,private_channel"))
        return self._seen

    def _said(self, channel: str) -> Iterator[Mapping[str, Any]]:
        """Stream the messages of a channel and what was answered to each."""
        for message in self._bot.pages("conversations.history", "messages", channel=channel):
            yield message
            if message.get("reply_count"):
                replies = self._bot.pages("conversations.replies", "messages", channel=channel, ts=message["ts"])
                yield from (one for one in replies if one["ts"] != message["ts"])

    def there(self, refs: Sequence[Ref]) -> Iterator[Ref]:
        """Give those that still exist, each asked for by its own id."""
        yield from (ref for ref in refs if self._one(ref) is not None)

    def _one(self, ref: Ref) -> Mapping[str, Any] | None:
        """Read one record by its key; None where it is gone."""
        if ref.store == FILES:
            file: Mapping[str, Any] | None = self._absent_is_none(lambda: self._bot.ask("files.info", file=ref.key[0])["file"])
            return file
        if ref.store == MEMBERS:
            found: Mapping[str, Any] | None = self._absent_is_none(lambda: self._bot.ask("users.info", user=ref.key[0])["user"])
            return None if found is None or found.get("deleted") else found
        channel, ts = str(ref.key[0]), str(ref.key[1])
        answer = self._absent_is_none(lambda: self._bot.ask("conversations.replies", channel=channel, ts=ts, limit=1, inclusive="true"))
        return next((one for one in (answer or {}).get("messages", ()) if one["ts"] == ts), None)

    @staticmethod
    def _absent_is_none(ask: Any) -> Any:
        try:
            return ask()
        except ServiceError as error:
            if error.trouble == "absent":
                return None
            raise

    def fetch(self, refs: Sequence[Ref]) -> Iterator[Item]:
        """Stream what records say; words of others are shown to the person only after somebody has looked."""
        for ref in refs:
            found = self._one(ref)
            if found is None:
                continue
            if ref.store == MESSAGES:
                yield Item(ref, Frozen({"text": plain(str(found.get("text", "")))}), ("text",))
            elif ref.store == FILES:
                yield Item(ref, Frozen({"file": _words(found)}), ("file",))
            else:
                yield Item(ref, Frozen({key: str(value) for key, value in found.get("profile", {}).items()}))

    # writing

    def takes(self) -> frozenset[str]:
        """Name no field: a notice carries none."""
        return frozenset()

    def write(self, delivery: Delivery) -> tuple[Ref, Outcome]:
        """Post a notice with a reference, once: who was cut off finds it by the delivery's id before posting again."""
        for message in self._bot.pages("conversations.history", "messages", channel=self._post_to, include_all_metadata="true"):
            payload = (message.get("metadata") or {}).get("event_payload") or {}
            if payload.get("idem") == delivery.idem:
                return _message(self._post_to, message), Outcome("already")
        purposes = ", ".join(delivery.purposes)
        link = f" {self._link}{delivery.decision}" if self._link else ""
        text = f"Something was taken for {purposes}. Reference {delivery.decision}.{link}"
        metadata = json.dumps({"event_type": EVENT, "event_payload": {"idem": delivery.idem}})
        answer = self._bot.ask("chat.postMessage", channel=self._post_to, text=text, metadata=metadata, unfurl_links="false")
        return _message(self._post_to, answer["message"]), Outcome("done", evidence=str(answer["ts"]))

    def apply(self, job: Job) -> Iterator[tuple[Ref, Outcome]]:
        """Delete or correct records one by one, and answer for each; raises NotCapableError before anything is done."""
        need(self, job)
        if job.op not in {"erase", "correct"}:
            raise NotCapableError(f"{self._name} cannot {job.op}: {_STOPS}")
        for ref in job.refs:
            try:
                yield ref, self._erase(ref) if job.op == "erase" else self._correct(ref, job)
            except ServiceError as error:
                if not error.diagnostic.permanent:
                    raise
                yield ref, outcome_of(error.trouble, error.diagnostic.code, self._clock.now(), frozen=True)

    def _erase(self, ref: Ref) -> Outcome:
        now = self._one(ref)
        if now is None:
            return Outcome("already")
        if ref.store == MEMBERS:
            return Outcome("denied", "by_an_owner")
        if ref.store == FILES:
            self._bot.ask("files.delete", file=ref.key[0])
            return Outcome("done")
        channel, ts = str(ref.key[0]), str(ref.key[1])
        if _message(channel, now).version != ref.version:
            return Outcome("conflict", "message_edited")
        token = self._bot if now.get("user") == self._me() else self._user or self._bot
        token.ask("chat.delete", channel=channel, ts=ts)
        return Outcome("done", evidence=ts)

    def _correct(self, ref: Ref, job: Job) -> Outcome:
        """Replace an old value by the new one in the app's own words."""
        now = self._one(ref)
        if now is None:
            return Outcome("already")
        text = new = str(now.get("text", ""))
        for name, value in job.change.items():
            if old := job.before.get(name):
                new = replaced(new, old, value)
        if new == text:
            return Outcome("already")
        if now.get("user") != self._me():
            return Outcome("denied", "cant_update_message")
        self._bot.ask("chat.update", channel=ref.key[0], ts=ref.key[1], text=new)
        return Outcome("done", evidence=str(ref.key[1]))

    def _me(self) -> str:
        if not self._self:
            self._self = str(self._bot.ask("auth.test")["user_id"])
        return self._self

    def discover(self, sample: int = 200) -> Iterator[Seen]:
        """Say which channels the map does not name, and which are shared with another workspace."""
        del sample
        for one in self._all():
            if one["id"] not in (*self._channels, self._post_to):
                yield Seen(MESSAGES, str(one["id"]), "store_undeclared")
            elif one.get("is_ext_shared"):
                yield Seen(MESSAGES, str(one["id"]), "feed_undeclared")

    def close(self) -> None:
        """Let go of the tokens' clients."""
        for one in (self._bot, self._user):
            if one is not None:
                one.close()


def _ops(*names: Op) -> tuple[Op, ...]:
    return names


def _version(*parts: object) -> bytes:
    return hashlib.sha256(repr(parts).encode()).digest()


def _message(channel: str, message: Mapping[str, Any]) -> Ref:
    edited = (message.get("edited") or {}).get("ts", "")
    return Ref(MESSAGES, (channel, str(message["ts"])), _version(message.get("text"), edited))


def _words(file: Mapping[str, Any]) -> str:
    return "\n".join(str(file.get(name) or "") for name in ("name", "title", "preview"))
