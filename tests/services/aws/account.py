"""An account as a double: moto's server, the shipped front of it, a proxy with faults, and the company's own hands."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal

import boto3

from upheld.db import FixedClock
from upheld.policy.source import Folder, plain, read_text
from upheld.services.aws import AwsService, connect, mapping
from upheld.services.aws.fake import OWNER, READER, AwsFake, reset, running
from upheld.services.contract import CANARY, FaultProxy, Planted, Running
from upheld.services.contract.double import Hand
from upheld.services.contract.people import EVERYBODY

REGION = "ap-northeast-1"
DOCUMENTS, LISTS, CONTACTS, NEWSLETTER, ACCESS = "upheld-documents", "upheld-lists", "upheld-contacts", "upheld-newsletter", "/upheld/access"
FILE = "lists/everybody.jsonl"
SECRETS = {"secret:look": f"{READER}:look", "secret:write": "AKIAWRITER0000000001:write", "secret:delete": "AKIADELETER000000001:delete"}


def shipped() -> dict[str, Any]:
    """Give the shipped map, to be changed."""
    path = Path(mapping.__file__).with_name("mapping.yaml")
    found: dict[str, Any] = plain(read_text(path.name, path.read_text("utf-8"), Folder(path.parent)))
    return found


def settings(at: str, **more: Any) -> dict[str, Any]:
    """Give a connection to an account on loopback."""
    return {
        "kind": "aws", "region": REGION, "endpoint": at, "stored_in": "JP",
        "read": "secret:look", "write": "secret:write", "delete": "secret:delete", **more,
    }  # fmt: skip


@dataclass(frozen=True, slots=True)
class Stage:
    """What runs for a whole module."""

    fake: AwsFake
    at: Running
    proxy: FaultProxy
    hands: Mapping[str, Any]


@contextmanager
def staged() -> Iterator[Stage]:
    """Start server and proxy."""
    fake = AwsFake()
    for name in ("botocore", "urllib3.connectionpool"):
        logging.getLogger(name).setLevel(logging.WARNING)  # what is planted by hand is no concern of the service's
    with running(fake) as at:
        proxy = FaultProxy(at.url)
        kinds = ("s3", "dynamodb", "cognito-idp", "sesv2", "logs")
        session = boto3.Session(aws_access_key_id=OWNER, aws_secret_access_key="owner", region_name=REGION)
        hands = {kind: session.client(kind, endpoint_url=at.url) for kind in kinds}
        try:
            yield Stage(fake, at, proxy, hands)
        finally:
            proxy.close()


class AwsDouble:
    """The account of the shipped map, empty."""

    lacks: Mapping[Hand, str] = {}
    faults = ("refused", "lost", "truncated", "429", "502", "503", "not json")  # the other status lines are told apart in test_errors

    def __init__(self, stage: Stage) -> None:
        self.stage, self.clock = stage, FixedClock(datetime.now(UTC))
        reset(stage.fake, stage.at)
        stage.proxy.calm()
        stage.proxy.seen.clear()
        self._files: dict[str, list[str]] = {}
        self._services: list[AwsService] = []
        self._build()
        self.map = shipped()
        self.map["pools"]["members"]["pool"] = self.pool

    def _build(self) -> None:
        s3, dynamo = self.hand("s3"), self.hand("dynamodb")
        here = {"LocationConstraint": REGION}
        s3.create_bucket(Bucket=DOCUMENTS, CreateBucketConfiguration=here, ObjectLockEnabledForBucket=True)
        s3.create_bucket(Bucket=LISTS, CreateBucketConfiguration=here)
        s3.put_bucket_versioning(Bucket=LISTS, VersioningConfiguration={"Status": "Enabled"})
        dynamo.create_table(
            TableName=CONTACTS, BillingMode="PAY_PER_REQUEST", KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in ("id", "email")],
            GlobalSecondaryIndexes=[
                {"IndexName": "by_email", "KeySchema": [{"AttributeName": "email", "KeyType": "HASH"}], "Projection": {"ProjectionType": "KEYS_ONLY"}}
            ],
        )  # fmt: skip
        dynamo.update_continuous_backups(
            TableName=CONTACTS, PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True, "RecoveryPeriodInDays": 7}
        )
        self.pool: str = self.hand("cognito-idp").create_user_pool(PoolName="members")["UserPool"]["Id"]
        self.hand("sesv2").create_contact_list(ContactListName=NEWSLETTER)
        logs = self.hand("logs")
        logs.create_log_group(logGroupName=ACCESS)
        logs.put_retention_policy(logGroupName=ACCESS, retentionInDays=30)
        logs.create_log_stream(logGroupName=ACCESS, logStreamName="web")

    def hand(self, kind: str) -> Any:
        """Give the company's own client."""
        return self.stage.hands[kind]

    @property
    def now(self) -> datetime:
        return self.clock.now()

    def advance(self, by: timedelta) -> None:
        self.clock.advance(by)

    def service(self, credential: Literal["full", "read"] = "full", **more: Any) -> AwsService:
        told = settings(self.stage.proxy.url, map=self.map) | more
        if credential == "read":
            told |= {"write": "secret:look", "delete": "secret:look"}
        made = connect("aws", told, SECRETS.__getitem__, self.clock)
        self._services.append(made)
        return made

    def plant(self, person: Planted) -> None:
        s3, folder = self.hand("s3"), f"people/{person.email}"
        for text in ("first", "second"):
            s3.put_object(Bucket=DOCUMENTS, Key=f"{folder}/profile.json", Body=json.dumps({"is": text, **person.fields}).encode())
        s3.put_object(Bucket=DOCUMENTS, Key=f"{folder}/gone.txt", Body=person.note.encode())
        s3.delete_object(Bucket=DOCUMENTS, Key=f"{folder}/gone.txt")
        s3.create_multipart_upload(Bucket=DOCUMENTS, Key=f"{folder}/half.bin")
        self._add_line(person)
        dynamo = self.hand("dynamodb")
        items: list[dict[str, str]] = [
            {"id": f"{person.key}-1", "created_at": "1", **person.fields}, {"id": f"{person.key}-2", "phone": person.phone},
        ]  # fmt: skip
        for item in items:
            dynamo.put_item(TableName=CONTACTS, Item={name: {"S": value} for name, value in item.items()})

        self._sign_up(person)
        self.hand("sesv2").create_contact(ContactListName=NEWSLETTER, EmailAddress=person.email, AttributesData=json.dumps({"name": person.name}))
        self.log(f"GET /offers by {person.email} from a browser", "web")
        self.log(f"{person.name} read an offer", f"member/{digest(person.email)}")

    def _sign_up(self, person: Planted) -> None:
        told = {"email": person.email, "phone_number": person.phone, "name": person.name[:200]}
        self.hand("cognito-idp").admin_create_user(
            UserPoolId=self.pool, Username=person.key, MessageAction="SUPPRESS",
            UserAttributes=[{"Name": name, "Value": value} for name, value in told.items()],
        )  # fmt: skip

    def log(self, text: str, stream: str) -> None:
        """Write a line, as the company's software does."""
        logs = self.hand("logs")
        if not logs.describe_log_streams(logGroupName=ACCESS, logStreamNamePrefix=stream)["logStreams"]:
            logs.create_log_stream(logGroupName=ACCESS, logStreamName=stream)
        event = {"timestamp": int(datetime.now(UTC).timestamp() * 1000), "message": text}
        logs.put_log_events(logGroupName=ACCESS, logStreamName=stream, logEvents=[event])

    def _add_line(self, person: Planted) -> None:
        lines = [one for one in self._lines() if json.loads(one)["email"] != person.email]
        told = {"name": person.name, "email": person.email.upper(), "phone": person.phone}
        self.put_lines([*lines, json.dumps({**told, "email": person.email}, ensure_ascii=False) + "\n"])

    def put_lines(self, lines: list[str]) -> None:
        """Write the shared file anew, as an import of the company does."""
        self.hand("s3").put_object(Bucket=LISTS, Key=FILE, Body="".join(lines).encode(), Metadata={"import": "1"}, Tagging="team=a%3Db")

    def _lines(self) -> list[str]:
        s3 = self.hand("s3")
        try:
            return list(s3.get_object(Bucket=LISTS, Key=FILE)["Body"].read().decode().splitlines(keepends=True))
        except s3.exceptions.NoSuchKey:
            return []

    def _records(self) -> Iterator[tuple[str, str, bytes]]:
        """Give every record: whose it is by e-mail or phone, its name, and what it holds."""
        yield from self._objects()
        for line in self._lines():
            yield f"line of {json.loads(line)['email']}", f"line {line}", line.encode()
        for item in self.hand("dynamodb").scan(TableName=CONTACTS)["Items"]:
            told = {name: value["S"] for name, value in item.items()}
            key = told["id"].rpartition("-")[0]
            yield key or told.get("email", ""), f"item {told['id']}", json.dumps(told, sort_keys=True).encode()

        for user in self.hand("cognito-idp").list_users(UserPoolId=self.pool)["Users"]:
            told = {one["Name"]: one["Value"] for one in user["Attributes"]} | {"enabled": str(user["Enabled"])}
            yield told["email"], f"member {user['Username']}", json.dumps(told, sort_keys=True).encode()
        for address, reason in self.stage.fake.suppressed.items():
            yield "", f"suppressed {address}", reason.encode()
        yield from self._mail_and_logs()

    def _mail_and_logs(self) -> Iterator[tuple[str, str, bytes]]:
        sesv2, logs = self.hand("sesv2"), self.hand("logs")
        for address in (*(one.email for one in EVERYBODY), f"{digest(CANARY.email)}@example.com"):
            try:
                told = sesv2.get_contact(ContactListName=NEWSLETTER, EmailAddress=address)
            except sesv2.exceptions.NotFoundException:
                continue
            yield address, f"contact {address}", told["AttributesData"].encode()
        owners = {digest(one.email): one.email for one in EVERYBODY}
        for event in logs.filter_log_events(logGroupName=ACCESS)["events"]:
            stream = event["logStreamName"]
            if stream != "web":
                yield owners.get(stream.partition("/")[2], ""), f"stream {stream}", b"there"
            else:
                yield "", f"log {event['eventId']}", event["message"].encode()

    def _objects(self) -> Iterator[tuple[str, str, bytes]]:
        s3 = self.hand("s3")
        found = s3.list_object_versions(Bucket=DOCUMENTS)
        for one in found.get("Versions", ()):
            tags = s3.get_object_tagging(Bucket=DOCUMENTS, Key=one["Key"], VersionId=one["VersionId"])["TagSet"]
            yield one["Key"].split("/")[1], f"object {one['Key']} {one['VersionId']}", (one["ETag"] + json.dumps(tags)).encode()
        for one in found.get("DeleteMarkers", ()):
            yield one["Key"].split("/")[1], f"marker {one['Key']} {one['VersionId']}", b""
        for one in s3.list_multipart_uploads(Bucket=DOCUMENTS).get("Uploads", ()):
            yield one["Key"].split("/")[1], f"upload {one['Key']} {one['UploadId']}", b""

    def held(self, person: Planted) -> dict[str, bytes]:
        return {name: told for whose, name, told in self._records() if whose in (person.email, person.key)}

    def others(self, *apart_from: Planted) -> dict[str, bytes]:
        apart = {value for person in apart_from for value in (person.email, person.key)}
        return {name: told for whose, name, told in self._records() if whose.removeprefix("line of ") not in apart}

    def writes(self) -> int:
        return self.stage.fake.writes

    def lock(self, person: Planted) -> None:
        key = f"people/{person.email}/profile.json"
        self.hand("s3").put_object_legal_hold(Bucket=DOCUMENTS, Key=key, LegalHold={"Status": "ON"})

    def forbid(self, person: Planted) -> None:
        self.stage.fake.forbidden = (f'"{person.key}-1"',)

    def hide(self, person: Planted) -> None:
        """Let the company's software call the person otherwise everywhere."""
        s3, folder = self.hand("s3"), f"people/{person.email}/"
        found = s3.list_object_versions(Bucket=DOCUMENTS, Prefix=folder)
        s3.put_object(Bucket=DOCUMENTS, Key=f"people/{digest(person.email)}/profile.json", Body=b"kept")
        for one in (*found.get("Versions", ()), *found.get("DeleteMarkers", ())):
            s3.delete_object(Bucket=DOCUMENTS, Key=one["Key"], VersionId=one["VersionId"])
        for one in s3.list_multipart_uploads(Bucket=DOCUMENTS).get("Uploads", ()):
            s3.abort_multipart_upload(Bucket=DOCUMENTS, Key=one["Key"], UploadId=one["UploadId"])
        for name in (f"{person.key}-1", f"{person.key}-2"):
            self.hand("dynamodb").put_item(TableName=CONTACTS, Item={"id": {"S": name}, "email": {"S": digest(person.email)}})
        self.hand("cognito-idp").admin_delete_user(UserPoolId=self.pool, Username=person.key)
        self.hand("sesv2").delete_contact(ContactListName=NEWSLETTER, EmailAddress=person.email)
        self.hand("logs").delete_log_stream(logGroupName=ACCESS, logStreamName=f"member/{digest(person.email)}")

    def change(self, person: Planted) -> None:
        self.hand("dynamodb").update_item(
            TableName=CONTACTS, Key={"id": {"S": f"{person.key}-1"}}, UpdateExpression="SET company = :c",
            ExpressionAttributeValues={":c": {"S": "another"}},
        )  # fmt: skip

    def move(self) -> None:
        """Let the files of many people lie in the region that the operator calls None."""
        s3, lines = self.hand("s3"), self._lines()
        for one in s3.list_object_versions(Bucket=LISTS).get("Versions", ()):
            s3.delete_object(Bucket=LISTS, Key=one["Key"], VersionId=one["VersionId"])
        s3.delete_bucket(Bucket=LISTS)
        there = boto3.client(
            "s3", endpoint_url=self.stage.at.url, region_name="us-east-1", aws_access_key_id=OWNER, aws_secret_access_key="owner"
        )  # fmt: skip
        there.create_bucket(Bucket=LISTS)
        self.put_lines(lines)

    def clutter(self) -> dict[str, str]:
        self.hand("s3").create_bucket(Bucket="somebodys-bucket", CreateBucketConfiguration={"LocationConstraint": REGION})
        self.hand("dynamodb").create_table(
            TableName="somebodys-table", BillingMode="PAY_PER_REQUEST", KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        )  # fmt: skip
        self.hand("dynamodb").put_item(TableName=CONTACTS, Item={"id": {"S": "x"}, "blood_group": {"S": "AB"}})
        self.hand("logs").create_log_group(logGroupName="/somebody/else")
        self.hand("logs").delete_retention_policy(logGroupName=ACCESS)
        self.hand("sesv2").create_contact_list(ContactListName="somebodys-list")
        pool = self.hand("cognito-idp").create_user_pool(PoolName="somebodys-pool")["UserPool"]["Id"]
        self.hand("cognito-idp").admin_update_user_attributes(
            UserPoolId=self.pool, Username=CANARY.key, UserAttributes=[{"Name": "birthdate", "Value": "1970-01-01"}]
        )
        return {
            "logs:/somebody/else": "store_undeclared", "access": "retention_unset", "ses:somebodys-list": "store_undeclared",
            f"cognito:{pool}": "store_undeclared", "members.birthdate": "field_not_in_policy",
            "s3:somebodys-bucket": "store_undeclared", "dynamodb:somebodys-table": "store_undeclared",
            "contacts.blood_group": "field_not_in_policy",
        }  # fmt: skip

    def fault(self, kind: str, *, after: int = 0, times: int = 1) -> None:
        self.stage.proxy.fault(kind, after=after, times=times)

    def requests(self) -> str:
        return "\n".join(self.stage.proxy.seen)

    def close(self) -> None:
        for service in self._services:
            service.close()


def digest(value: str) -> str:
    """Give what a company that hides values calls a person by."""
    return hashlib.sha256(value.lower().encode()).hexdigest()
