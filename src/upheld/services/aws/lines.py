"""Buckets with files of many people, one a line: only the person's lines are taken out, in every version."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from urllib.parse import urlencode

from upheld.services.aws.client import Account
from upheld.services.aws.home import Home
from upheld.services.aws.mapping import Bucket
from upheld.services.aws.part import NOT_WRITTEN, each, lies, request_of, told
from upheld.services.model import Can, Delivery, Identities, Item, Job, Outcome, Place, Ref, Seen
from upheld.services.port import NotCapableError, ServiceError
from upheld.services.spelling import names

MOST = 100_000_000
"""Bytes of the largest file that is rewritten; a larger one is a table and wants an engine for tables."""
_KEPT = ("ContentType", "ContentEncoding", "ContentDisposition", "ContentLanguage", "CacheControl", "StorageClass", "ServerSideEncryption", "SSEKMSKeyId", "Metadata")
"""What an object says of itself and keeps when it is rewritten."""


class SharedLines:
    """A bucket whose files hold a line for each of many people; the files are never a person's own."""

    def __init__(self, account: Account, store: str, told: Bucket, known: Collection[str]) -> None:
        """Keep what the map says, and all buckets that it has; nothing is called."""
        self.store, self._told, self._account, self._known = store, told, account, known
        self._home = Home(account, told.bucket, told.region)

    def capabilities(self) -> tuple[Can, ...]:
        """Say that lines are found, shown and taken out, and what that means for older versions."""
        mail, use = "a bucket sends nothing", "a line cannot be kept from those who read the file"
        return told(
            self.store, ("fetch",),
            {
                "find": ("partial", f"files over {MOST} bytes are refused, not searched"),
                "erase": ("partial", "the file is written anew without the lines; its older versions that hold them are deleted whole"),
                "correct": ("none", "the next import would bring the old line back; correct it where the file comes from"),
                "write": ("none", NOT_WRITTEN), "restrict": ("none", use), "release": ("none", use),
                "suppress": ("none", mail), "unsuppress": ("none", mail),
            },
            {
                "find": ("s3:ListBucketVersions", "s3:GetObjectVersion", "s3:GetBucketLocation", "s3:GetReplicationConfiguration"), "fetch": ("s3:GetObjectVersion",),
                "erase": ("s3:PutObject", "s3:GetObjectVersionTagging", "s3:PutObjectTagging", "s3:DeleteObjectVersion"),
            },
        )  # fmt: skip

    def place(self) -> Place:
        """Say where the bucket lies."""
        return lies(self.store, self._home.region, self._account.clock)

    def find(self, who: Identities) -> Iterator[Ref]:
        """Stream every version of every file that holds a line of the person, each `shared`.

        A file that cannot be read as lines raises ServiceError `file_unreadable`: a person may stand in it.
        """
        for one in self._home.versions(self._told.person.under):
            if "Marker" not in one:
                key, version = one["Key"], str(one["VersionId"])
                hers = sorted(self._wanted(who))
                if any(self._split(self._read(key, version), hers)[1]):
                    yield Ref(self.store, (key, version, *(part for pair in hers for part in pair)), b"", "shared")

    def _wanted(self, who: Identities) -> set[tuple[str, str]]:
        return {(kind, value) for kind in self._told.person.names for value in who.get(kind, ())}

    def _read(self, key: str, version: str) -> bytes:
        answer = self._home.ask("get_object", Key=key, VersionId=version)
        if int(answer["ContentLength"]) > MOST:
            answer["Body"].close()
            raise ServiceError("tenant", "file_too_large")
        return self._account.body(answer, MOST)

    def _split(self, raw: bytes, hers: Sequence[tuple[str, str]]) -> tuple[list[str], list[Mapping[str, str]]]:
        """Part the lines of a file into those that stay, as they were written, and the person's, read."""
        who: dict[str, tuple[str, ...]] = {}
        for kind, value in hers:
            who[kind] = (*who.get(kind, ()), value)
        try:
            text = raw.decode(self._told.person.encoding)
            mark = text[:1] if text[:1] == "\ufeff" else ""
            rows = (_json_rows if self._told.person.lines == "jsonl" else _csv_rows)(text[len(mark) :])
            kept, taken = [mark], list[Mapping[str, str]]()
            for line, row in rows:
                if row is not None and any(names(who, kind, row.get(column)) for kind, column in self._told.person.names.items()):
                    taken.append({name: str(value) for name, value in row.items()})
                else:
                    kept.append(line)
        except (ValueError, csv.Error):
            raise ServiceError("tenant", "file_unreadable") from None
        return kept, taken

    def there(self, refs: Sequence[Ref]) -> Iterator[Ref]:
        """Give those versions of files that still hold the person's lines."""
        for ref in refs:
            key, version, hers = _parts(ref)
            try:
                if self._split(self._read(key, version), hers)[1]:
                    yield ref
            except ServiceError as error:
                if error.trouble != "absent":
                    raise

    def fetch(self, refs: Sequence[Ref]) -> Iterator[Item]:
        """Stream the person's lines of each file; other people's stay where they are."""
        for ref in refs:
            key, version, hers = _parts(ref)
            taken = self._split(self._read(key, version), hers)[1]
            fields = {f"{at}.{name}": value for at, row in enumerate(taken, 1) for name, value in row.items()}
            yield Item(ref, {"object": key, **fields})

    def write(self, delivery: Delivery) -> tuple[Ref, Outcome]:
        """Refuse: files come from elsewhere."""
        raise NotCapableError(f"{self.store} cannot write: {NOT_WRITTEN}")

    def apply(self, job: Job, refs: Sequence[Ref]) -> Iterator[tuple[Ref, Outcome]]:
        """Take a person's lines out of each version of each file."""
        yield from each(self._account, refs, self._take_out)

    def _take_out(self, ref: Ref) -> Outcome:
        """Write the file anew where this version is what readers get, then delete the version that holds the lines.

        The new file is written only over the version that was read. A lock on the old version answers `held`; the
        lines are then out of what readers get, and stay in the locked version until its last moment.
        """
        key, version, hers = _parts(ref)
        there = self._home.of_key(key)
        if version not in there:
            return Outcome("already")
        answer = self._home.ask("get_object", Key=key, VersionId=version)
        if int(answer["ContentLength"]) > MOST:
            answer["Body"].close()
            raise ServiceError("tenant", "file_too_large")
        kept, taken = self._split(self._account.body(answer, MOST), hers)
        if not taken:
            return Outcome("already")
        if not there[version]["IsLatest"]:
            return self._home.delete([(key, version, "")])[key, version, ""]
        tags = self._home.ask("get_object_tagging", Key=key, VersionId=version).get("TagSet", [])
        put = self._home.ask(
            "put_object", role="write", Key=key, Body="".join(kept).encode(self._told.person.encoding), IfMatch=answer["ETag"],
            Tagging=urlencode([(one["Key"], one["Value"]) for one in tags]),
            **{name: answer[name] for name in _KEPT if answer.get(name)},
        )  # fmt: skip
        if version == "null" and put.get("VersionId", "null") == "null":
            return Outcome("done", evidence=request_of(put))  # without versions the new file took the old one's place
        return self._home.delete([(key, version, "")])[key, version, ""]

    def discover(self, sample: int) -> Iterator[Seen]:
        """Say where else files go."""
        yield from (Seen(f"s3:{name}", "", "feed_undeclared", "replica") for name in self._home.copied_to() if name not in self._known)


def _parts(ref: Ref) -> tuple[str, str, list[tuple[str, str]]]:
    key, version, *rest = (str(one) for one in ref.key)
    return key, version, list(zip(rest[::2], rest[1::2], strict=True))


def _json_rows(text: str) -> Iterator[tuple[str, Mapping[str, object] | None]]:
    for line in _lines(text):
        row = json.loads(line) if line.strip() else None
        if row is not None and not isinstance(row, dict):
            raise ValueError("a line is no object")
        yield line, row


def _csv_rows(text: str) -> Iterator[tuple[str, Mapping[str, object] | None]]:
    """Read rows with the words they were written in, so that what stays is not a byte different."""
    lines = _Recorder(text)
    reader = csv.reader(lines, strict=True)
    header = next(reader, None)
    yield lines.taken(), None
    for row in reader:
        yield lines.taken(), dict(zip(header or (), row, strict=False))


class _Recorder:
    """Hands lines to a reader and remembers which it took since it was asked last: a row may go over several lines."""

    def __init__(self, text: str) -> None:
        self._lines = iter(_lines(text))
        self._since: list[str] = []

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = next(self._lines)
        self._since.append(line)
        return line

    def taken(self) -> str:
        text, self._since = "".join(self._since), []
        return text


def _lines(text: str) -> list[str]:
    return io.StringIO(text, newline="").readlines()
