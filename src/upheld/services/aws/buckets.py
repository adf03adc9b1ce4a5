"""Buckets in which objects are a person's own: every version, every delete marker, every unfinished upload of them."""

from __future__ import annotations

import base64
import re
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from upheld.services.aws.client import Account
from upheld.services.aws.home import Home
from upheld.services.aws.mapping import Bucket, filled
from upheld.services.aws.part import NOT_WRITTEN, each, lies, outcome_for, request_of, told
from upheld.services.model import Can, Delivery, Identities, Item, Job, Op, Outcome, Place, Ref, Seen
from upheld.services.port import NotCapableError, ServiceError
from upheld.services.spelling import names

MOST = 5_000_000
"""Bytes of an object that are copied for an answer; what is larger is named and not copied."""
STOP = "upheld-restricted"
"""The tag of an object that may not be used; the bucket's own policy has to refuse what bears it."""
_MARKER, _UPLOAD = "marker", "upload"
_UNSEEN = "unfinished uploads show neither tags nor metadata; say `uploads: none` where the bucket ends them by a rule"


class OwnObjects:
    """A bucket whose objects each belong to one person, known by name, tag or metadata."""

    def __init__(self, account: Account, store: str, told: Bucket, known: Collection[str]) -> None:
        """Keep what the map says, and all buckets that it has; nothing is called."""
        self.store, self._told, self._account, self._known = store, told, account, known
        self._home = Home(account, told.bucket, told.region)

    def capabilities(self) -> tuple[Can, ...]:
        """Say what is done with objects: found, shown, marked, erased in every version; never corrected or written."""
        blind = not self._told.person.key and self._told.uploads != "none"
        full: list[Op] = ["erase"] if blind else ["find", "erase"]
        marked = "objects bear the tag upheld-restricted; the bucket's policy has to refuse what bears it"
        mail = "a bucket sends nothing"
        return told(
            self.store, full,
            {
                "find": ("partial", _UNSEEN), "write": ("none", NOT_WRITTEN), "restrict": ("partial", marked),
                "fetch": ("partial", f"objects over {MOST} bytes are named and not copied"),
                "correct": ("none", "only the software that made an object knows how to make it anew"),
                "release": ("partial", marked), "suppress": ("none", mail), "unsuppress": ("none", mail),
            },
            {
                "find": ("s3:ListBucketVersions", "s3:ListBucketMultipartUploads", "s3:GetBucketLocation", "s3:GetReplicationConfiguration"),
                "fetch": ("s3:GetObjectVersion",), "restrict": ("s3:PutObjectVersionTagging",), "release": ("s3:PutObjectVersionTagging", "s3:DeleteObjectVersionTagging"),
                "erase": ("s3:DeleteObjectVersion", "s3:AbortMultipartUpload"),
            },
        )  # fmt: skip

    def place(self) -> Place:
        """Say where the bucket lies."""
        return lies(self.store, self._home.region, self._account.clock)

    def find(self, who: Identities) -> Iterator[Ref]:
        """Stream every version, delete marker and unfinished upload of the person."""
        person = self._told.person
        seen = set[Ref]()
        for ref in self._by_name(person.key, who) if person.key else self._by_sign(who):
            if ref not in seen:
                seen.add(ref)
                yield ref

    def _ref(self, one: Mapping[str, Any]) -> Ref:
        key = (one["Key"], str(one["VersionId"]), _MARKER if "Marker" in one else "")
        return Ref(self.store, key, str(one.get("ETag", "")).encode())

    def _by_name(self, template: str, who: Identities) -> Iterator[Ref]:
        start, star, rest = template.partition("*")
        tail = re.compile(".*".join(re.escape(part) for part in (star + rest).split("*")), re.DOTALL)
        for prefix in filled(start, who):
            for one in self._home.versions(prefix):
                if tail.fullmatch(one["Key"], len(prefix)):
                    yield self._ref(one)
            for one in self._home.uploads(prefix):
                if tail.fullmatch(one["Key"], len(prefix)):
                    yield Ref(self.store, (one["Key"], str(one["UploadId"]), _UPLOAD), b"")

    def _by_sign(self, who: Identities) -> Iterator[Ref]:
        """Look at tags or metadata of every version; a delete marker bears none, so it goes with its object's versions."""
        hers: set[object] = set()
        markers: list[Ref] = []
        for ref in map(self._ref, self._home.versions("")):
            if ref.key[2]:
                markers.append(ref)
            elif self._signed(ref.key, who):
                hers.add(ref.key[0])
                yield ref
        yield from (ref for ref in markers if ref.key[0] in hers)

    def _signed(self, key: tuple[object, ...], who: Identities) -> bool:
        person = self._told.person
        try:
            if person.tag:
                signs = self._tags(key)
            else:
                signs = self._home.ask("head_object", Key=key[0], VersionId=key[1]).get("Metadata", {})
        except ServiceError as error:
            if error.trouble == "absent":  # deleted since it was listed
                return False
            raise
        return any(names(who, kind, signs.get(sign)) for kind, sign in (person.tag or person.metadata).items())

    def _tags(self, key: tuple[object, ...]) -> dict[str, str]:
        answer = self._home.ask("get_object_tagging", Key=key[0], VersionId=key[1])
        return {one["Key"]: one["Value"] for one in answer.get("TagSet", ())}

    def there(self, refs: Sequence[Ref]) -> Iterator[Ref]:
        """Give those versions and uploads that still exist."""
        yield from self._left(refs)

    def _left(self, refs: Sequence[Ref]) -> dict[Ref, bytes]:
        """Give what is left of versions and uploads, each with the fingerprint that it has now."""
        by_key: dict[str, list[Ref]] = defaultdict(list)
        for ref in refs:
            by_key[str(ref.key[0])].append(ref)
        left: dict[Ref, bytes] = {}
        for key, mine in by_key.items():
            kinds = {ref.key[2] == _UPLOAD for ref in mine}
            versions = self._home.of_key(key) if False in kinds else {}
            uploads = self._home.uploads_of(key) if True in kinds else set()
            for ref in mine:
                one = versions.get(str(ref.key[1]))
                if one is not None:
                    left[ref] = str(one.get("ETag", "")).encode()
                elif ref.key[1] in uploads:
                    left[ref] = b""
        return left

    def fetch(self, refs: Sequence[Ref]) -> Iterator[Item]:
        """Stream what objects hold: text as it is, anything else in base64; markers and uploads by name."""
        for ref in refs:
            fields = {"object": str(ref.key[0])}
            if not ref.key[2]:
                fields.update(self._content(ref))
            yield Item(ref, fields)

    def _content(self, ref: Ref) -> dict[str, str]:
        answer = self._home.ask("get_object", Key=ref.key[0], VersionId=ref.key[1])
        if int(answer["ContentLength"]) > MOST:
            answer["Body"].close()
            return {"bytes": str(answer["ContentLength"])}
        raw = self._account.body(answer, MOST)
        try:
            return {"type": str(answer.get("ContentType", "")), "content": raw.decode("utf-8")}
        except UnicodeDecodeError:
            return {"type": str(answer.get("ContentType", "")), "content_base64": base64.b64encode(raw).decode()}

    def write(self, delivery: Delivery) -> tuple[Ref, Outcome]:
        """Refuse: an object's form is known to the company's own software only."""
        raise NotCapableError(f"{self.store} cannot write: {NOT_WRITTEN}")

    def apply(self, job: Job, refs: Sequence[Ref]) -> Iterator[tuple[Ref, Outcome]]:
        """Erase versions for good, or set and take away the mark that an object may not be used."""
        if job.op == "erase":
            yield from self._erase(refs)
        else:
            yield from each(self._account, refs, lambda ref: self._mark(ref, stop=job.op == "restrict"))

    def _erase(self, refs: Sequence[Ref]) -> Iterator[tuple[Ref, Outcome]]:
        try:
            left = self._left(refs)
        except ServiceError as error:
            yield from ((ref, outcome_for(self._account, error)) for ref in refs)
            return
        whole = [ref.key for ref in refs if left.get(ref) == ref.version and ref.key[2] != _UPLOAD]
        done = self._home.delete(whole)
        for ref in refs:
            if ref not in left:
                yield ref, Outcome("already")
            elif left[ref] != ref.version:  # a bucket without versions: something else took the object's place
                yield ref, Outcome("conflict", "changed")
            elif ref.key[2] == _UPLOAD:
                yield from each(self._account, (ref,), self._abort)
            else:
                yield ref, done[ref.key]

    def _abort(self, ref: Ref) -> Outcome:
        answer = self._home.ask("abort_multipart_upload", role="delete", Key=ref.key[0], UploadId=ref.key[1])
        return Outcome("done", evidence=request_of(answer))

    def _mark(self, ref: Ref, *, stop: bool) -> Outcome:
        if ref.key[2]:
            return Outcome("already", "nothing_to_read")
        tags = self._tags(ref.key)
        if (STOP in tags) == stop:
            return Outcome("already")
        wanted = {**tags, STOP: "true"} if stop else {name: value for name, value in tags.items() if name != STOP}
        about = {"role": "write", "Key": ref.key[0], "VersionId": ref.key[1]}
        if wanted:
            pairs = [{"Key": name, "Value": value} for name, value in wanted.items()]
            answer = self._home.ask("put_object_tagging", **about, Tagging={"TagSet": pairs})
        else:
            answer = self._home.ask("delete_object_tagging", **about)
        return Outcome("done", evidence=request_of(answer))

    def discover(self, sample: int) -> Iterator[Seen]:
        """Say where else objects go; what one holds is the company's own form."""
        yield from (Seen(f"s3:{name}", "", "feed_undeclared", "replica") for name in self._home.copied_to() if name not in self._known)
