"""A bucket as such: where it lies, which versions it keeps, what locks them, and how they are deleted for good."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from upheld.services.aws.client import Account
from upheld.services.aws.errors import of_code
from upheld.services.aws.part import outcome_for, request_of
from upheld.services.model import Outcome
from upheld.services.port import ServiceError
from upheld.services.rules import Trouble

BATCH = 1000
"""How many versions one call deletes at most."""


class Home:
    """A bucket as such: its region, its versions, its locks."""

    def __init__(self, account: Account, bucket: str, region: str) -> None:
        """Keep its name; `region` is empty where the operator is asked."""
        self.account, self.bucket, self._region = account, bucket, region

    @property
    def region(self) -> str:
        """Where the bucket lies; the operator says None for its first region."""
        if not self._region:
            told = self.account.ask("s3", "get_bucket_location", Bucket=self.bucket)["LocationConstraint"]
            self._region = {None: "us-east-1", "": "us-east-1", "EU": "eu-west-1"}.get(told, told)
        return self._region

    def ask(self, operation: str, **more: Any) -> dict[str, Any]:
        """Call the bucket in its own region."""
        return self.account.ask("s3", operation, region=self.region, Bucket=self.bucket, **more)

    def versions(self, prefix: str, *, whole: bool = False) -> Iterator[dict[str, Any]]:
        """Stream every version below a prefix, delete markers with `Marker` set; raises for an answer that is none.

        With `whole` the prefix is the name of one object, and what comes after it is not asked for.
        """
        for page in self._pages("list_object_versions", prefix, whole):
            yield from page.get("Versions", ())
            yield from ({**one, "Marker": True} for one in page.get("DeleteMarkers", ()))

    def uploads(self, prefix: str, *, whole: bool = False) -> Iterator[dict[str, Any]]:
        """Stream every unfinished upload below a prefix, or of one object."""
        for page in self._pages("list_multipart_uploads", prefix, whole):
            yield from page.get("Uploads", ())

    def _pages(self, operation: str, prefix: str, whole: bool) -> Iterator[dict[str, Any]]:
        for page in self.account.pages("s3", operation, region=self.region, Bucket=self.bucket, Prefix=prefix):
            if "IsTruncated" not in page:
                raise ServiceError("transient", "answer_unreadable")
            yield page
            if whole and page.get("NextKeyMarker", prefix) != prefix:
                return

    def of_key(self, key: str) -> dict[str, dict[str, Any]]:
        """Give the versions of one object by their ids, read by its own name and nothing else's."""
        return {str(one["VersionId"]): one for one in self.versions(key, whole=True) if one["Key"] == key}

    def uploads_of(self, key: str) -> set[str]:
        """Give the unfinished uploads of one object."""
        return {str(one["UploadId"]) for one in self.uploads(key, whole=True) if one["Key"] == key}

    def delete(self, keys: Sequence[tuple[object, ...]]) -> dict[tuple[object, ...], Outcome]:
        """Delete versions for good, so many a call; one outcome for each, whatever the status line says.

        No lock is ever bypassed: what is refused is asked for its lock, and answers `held` with its last moment.
        """
        done: dict[tuple[object, ...], Outcome] = {}
        for at in range(0, len(keys), BATCH):
            some = keys[at : at + BATCH]
            asked = {"Objects": [{"Key": key[0], "VersionId": key[1]} for key in some], "Quiet": False}
            try:
                answer = self.ask("delete_objects", role="delete", Delete=asked)
            except ServiceError as error:
                done.update({key: outcome_for(self.account, error) for key in some})
            else:
                done.update({key: self._answered(answer, key) for key in some})
        return done

    def _answered(self, answer: Mapping[str, Any], key: tuple[object, ...]) -> Outcome:
        gone = {(one["Key"], one.get("VersionId", "null")) for one in answer.get("Deleted", ())}
        if (key[0], key[1]) in gone:
            return Outcome("done", evidence=request_of(answer))
        for one in answer.get("Errors", ()):
            if one["Key"] == key[0] and one.get("VersionId", key[1]) == key[1]:
                code = str(one.get("Code", ""))
                return self._refused(key, of_code(code), code)
        return outcome_for(self.account, ServiceError("transient", "answer_unreadable"))

    def _refused(self, key: tuple[object, ...], trouble: Trouble, code: str) -> Outcome:
        if trouble == "permission":
            lock = self.lock(key)
            if lock is not None:
                return lock
        return outcome_for(self.account, ServiceError(trouble, code if trouble != "unknown" else "unknown"))

    def copied_to(self) -> tuple[str, ...]:
        """Give the buckets, of this account or another, into which the operator copies what is put here."""
        try:
            rules = self.ask("get_bucket_replication")["ReplicationConfiguration"]["Rules"]
        except ServiceError as error:
            if error.trouble == "absent":
                return ()
            raise
        on = (rule for rule in rules if rule["Status"] == "Enabled")
        return tuple(dict.fromkeys(rule["Destination"]["Bucket"].rpartition(":")[2] for rule in on))

    def lock(self, key: tuple[object, ...]) -> Outcome | None:
        """Say which lock of the bucket holds a version; None where there is none or it may not be asked."""
        try:
            about = self.ask("head_object", Key=key[0], VersionId=key[1])
        except ServiceError:
            return None
        if about.get("ObjectLockLegalHoldStatus") == "ON":
            return Outcome("held", "legal_hold")
        until: datetime | None = about.get("ObjectLockRetainUntilDate")
        if until is None or until <= self.account.clock.now():
            return None
        return Outcome("held", f"lock_{str(about.get('ObjectLockMode', '')).lower()}", until)
