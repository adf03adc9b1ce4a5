"""Groups of logs: a line cannot be deleted, so it goes with the group's retention; a stream of one person goes whole."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from upheld.services.aws.client import Account, Role
from upheld.services.aws.mapping import LogGroup, filled
from upheld.services.aws.part import NOT_WRITTEN, each, in_arn, lies, request_of, told
from upheld.services.model import Can, Delivery, Identities, Item, Job, Outcome, Place, Ref, Seen
from upheld.services.port import NotCapableError, ServiceError
from upheld.services.spelling import written

LATE = timedelta(hours=72)
"""How long after its retention a line may still be there, as the operator says."""
_WHOLE = "only streams of the person alone are deleted; lines in others go when the group's retention ends"


class Lines:
    """The lines of one group."""

    def __init__(self, account: Account, store: str, told: LogGroup) -> None:
        """Keep what the map says; nothing is called."""
        self.store, self._told, self._account = store, told, account
        self._region = told.region or account.region

    def capabilities(self) -> tuple[Can, ...]:
        """Say what is done with logs: found, shown, and left to their retention where a line is not alone in its stream."""
        fixed, mail = "a line of a log cannot be written over", "a log sends nothing"
        use = "who reads a log is decided by the company's own permissions"
        return told(
            self.store, ("find", "fetch"),
            {
                "erase": ("partial", _WHOLE), "write": ("none", NOT_WRITTEN), "correct": ("none", fixed),
                "restrict": ("none", use), "release": ("none", use), "suppress": ("none", mail), "unsuppress": ("none", mail),
            },
            {
                "find": ("logs:FilterLogEvents", "logs:DescribeLogStreams", "logs:DescribeLogGroups"), "fetch": ("logs:FilterLogEvents",),
                "erase": ("logs:DeleteLogStream",),
            },
        )  # fmt: skip

    def place(self) -> Place:
        """Say where the group lies, by the operator's own name for it."""
        return lies(self.store, in_arn(self._group()["arn"]), self._account.clock)

    def _group(self) -> dict[str, Any]:
        for page in self._account.pages("logs", "describe_log_groups", region=self._region, logGroupNamePrefix=self._told.group):
            for one in page["logGroups"]:
                if one["logGroupName"] == self._told.group:
                    return dict(one)
        raise ServiceError("bug", "group_not_there")

    def _retention(self) -> timedelta | None:
        days = self._group().get("retentionInDays")
        return timedelta(days=int(days)) if days else None

    def find(self, who: Identities) -> Iterator[Ref]:
        """Stream the person's own streams, then every other stream in which a line names them, as `shared`."""
        own = set[str]()
        for name in filled(self._told.stream, who) if self._told.stream else ():
            own.update(one for one in self._streams(name) if one == name or one.startswith(f"{name}/"))
        yield from (Ref(self.store, (name,), b"") for name in sorted(own))
        words = tuple(dict.fromkeys(value for kind in self._told.names for value in written(who, kind)))
        named = {event["logStreamName"] for word in words for event in self._events(word)}
        yield from (Ref(self.store, (name, *words), b"", "shared") for name in sorted(named - own))

    def _streams(self, prefix: str) -> Iterator[str]:
        about = {"logGroupName": self._told.group, "logStreamNamePrefix": prefix}
        for page in self._account.pages("logs", "describe_log_streams", region=self._region, **about):
            yield from (one["logStreamName"] for one in page["logStreams"])

    def _events(self, word: str, stream: str = "") -> Iterator[dict[str, Any]]:
        """Stream the lines that hold a word, or all of a stream; a page without lines is no end."""
        about: dict[str, Any] = {"logGroupName": self._told.group}
        about |= {"filterPattern": _pattern(word)} if word else {}
        about |= {"logStreamNames": [stream]} if stream else {}
        for page in self._account.pages("logs", "filter_log_events", region=self._region, **about):
            if "events" not in page:
                raise ServiceError("transient", "answer_unreadable")
            yield from (one for one in page["events"] if word in one["message"])

    def there(self, refs: Sequence[Ref]) -> Iterator[Ref]:
        """Give those streams that still exist, of others' those in which a line still names the person."""
        for ref in refs:
            name, *words = map(str, ref.key)
            if name in self._streams(name) and (not words or any(True for word in words for _ in self._events(word, name))):
                yield ref

    def fetch(self, refs: Sequence[Ref]) -> Iterator[Item]:
        """Stream lines: all of a person's own stream, of others those that name them. A line may tell of others, too."""
        for ref in refs:
            name, *words = map(str, ref.key)
            lines = {str(one["eventId"]): one for word in words or [""] for one in self._events(word, name)}
            fields = {f"{_time(one).isoformat()} {number}": str(one["message"]) for number, one in lines.items()}
            yield Item(ref, {"stream": name, **fields}, tuple(fields) if words else ())

    def write(self, delivery: Delivery) -> tuple[Ref, Outcome]:
        """Refuse: a log is written by the software it tells of."""
        raise NotCapableError(f"{self.store} cannot write: {NOT_WRITTEN}")

    def apply(self, job: Job, refs: Sequence[Ref]) -> Iterator[tuple[Ref, Outcome]]:
        """Delete a person's own streams; of lines in others say when they go, or that they never do."""
        yield from each(self._account, refs, self._erase)

    def _erase(self, ref: Ref) -> Outcome:
        name, *words = map(str, ref.key)
        if not words:
            if name not in self._streams(name):
                return Outcome("already")
            return Outcome("done", evidence=request_of(self._ask_delete(name)))
        last = max((_time(one) for word in words for one in self._events(word, name)), default=None)
        if last is None:
            return Outcome("already")
        kept = self._retention()
        if kept is None:
            return Outcome("denied", "retention_unset")
        return Outcome("pending_window", "log_retention", last + kept + LATE)

    def _ask_delete(self, stream: str, role: Role = "delete") -> dict[str, Any]:
        about = {"logGroupName": self._told.group, "logStreamName": stream}
        return self._account.ask("logs", "delete_log_stream", role=role, region=self._region, **about)

    def discover(self, sample: int) -> Iterator[Seen]:
        """Say that a group keeps its lines for ever."""
        if self._retention() is None:
            yield Seen(self.store, "", "retention_unset")


def _pattern(word: str) -> str:
    """Write a word so that the operator's filter reads it as one and as nothing else."""
    return '"' + word.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _time(event: dict[str, Any]) -> datetime:
    return datetime.fromtimestamp(int(event["timestamp"]) / 1000, UTC)
