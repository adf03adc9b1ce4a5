"""What is special about Amazon's stores: versions and locks, shared files, copies by point in time, pools, mail and logs."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import unquote

import pytest

from tests.services.aws.account import ACCESS, CONTACTS, DOCUMENTS, FILE, LISTS, AwsDouble, digest
from upheld.services.aws import MapError, connect, home
from upheld.services.aws.mapping import filled, read_map
from upheld.services.aws.pools import escaped
from upheld.services.contract import CANARY, HANAKO, LENA, LOOK_ALIKE
from upheld.services.model import Delivery, Job, Outcome, Ref
from upheld.services.port import NotCapableError, ServiceError
from upheld.services.rules import state_after

PROFILE = f"people/{HANAKO.email}/profile.json"


@pytest.fixture
def account(double: AwsDouble) -> Iterator[AwsDouble]:
    """Give an account with HANAKO in every store."""
    double.plant(HANAKO)
    yield double
    double.close()


def _only(account: AwsDouble, part: str, **stores: Any) -> Any:
    """Open the account with some stores of one kind and no others."""
    return account.service(map={part: stores})


def _erase(service: Any) -> dict[Ref, Outcome]:
    return dict(service.apply(Job("erase", HANAKO.who, tuple(service.find(HANAKO.who)))))


def _words(done: Mapping[Ref, Outcome], store: str) -> list[tuple[str, str]]:
    return sorted((one.word, one.code) for ref, one in done.items() if ref.store == store)


@pytest.mark.parametrize("mode", ["COMPLIANCE", "GOVERNANCE"])
def test_a_lock_is_told_with_its_last_day_and_never_bypassed(account: AwsDouble, mode: str) -> None:
    """One version is locked, the others are gone; the credential might bypass a lock of governance and does not."""
    until = datetime.now(UTC).replace(microsecond=0) + timedelta(days=400)
    retention = {"Mode": mode, "RetainUntilDate": until}
    account.hand("s3").put_object_retention(Bucket=DOCUMENTS, Key=PROFILE, Retention=retention)
    done = _erase(account.service())
    assert ("held", f"lock_{mode.lower()}") in _words(done, "documents")
    assert [one.until for one in done.values() if one.word == "held"] == [until]
    assert state_after(done.values()) == "held"
    left = account.hand("s3").list_object_versions(Bucket=DOCUMENTS, Prefix=PROFILE)["Versions"]
    assert [one["IsLatest"] for one in left] == [True]


def test_versions_go_in_batches_and_each_is_answered_for(account: AwsDouble, monkeypatch: pytest.MonkeyPatch) -> None:
    """More versions than one call takes: every one has its outcome, one of them held."""
    monkeypatch.setattr(home, "BATCH", 2)
    account.hand("s3").put_object_legal_hold(Bucket=DOCUMENTS, Key=PROFILE, LegalHold={"Status": "ON"})
    done = _erase(account.service())
    assert _words(done, "documents") == [("done", "")] * 4 + [("held", "legal_hold")]
    assert len([one for one in account.stage.proxy.seen if one.startswith("POST") and "delete" in one]) >= 2


def test_what_took_an_objects_place_is_not_deleted_for_it(account: AwsDouble) -> None:
    """A bucket without versions: an object written anew since it was found answers `conflict` and stays."""
    s3 = account.hand("s3")
    s3.create_bucket(Bucket="plain", CreateBucketConfiguration={"LocationConstraint": "ap-northeast-1"})
    for name in ("a", "ab"):
        s3.put_object(Bucket="plain", Key=f"{HANAKO.email}/{name}", Body=b"first")
    service = _only(account, "buckets", plain={"bucket": "plain", "person": {"key": "{email}/*"}})
    refs = tuple(service.find(HANAKO.who))
    s3.put_object(Bucket="plain", Key=f"{HANAKO.email}/a", Body=b"second")
    done = dict(service.apply(Job("erase", HANAKO.who, refs)))
    assert {ref.key[0]: one.word for ref, one in done.items()} == {f"{HANAKO.email}/a": "conflict", f"{HANAKO.email}/ab": "done"}
    assert s3.get_object(Bucket="plain", Key=f"{HANAKO.email}/a")["Body"].read() == b"second"


def test_only_her_lines_leave_a_shared_file_and_every_version_of_it(account: AwsDouble) -> None:
    """The rest is byte for byte as it was, with what the file says of itself; nobody finds her in an older version."""
    account.plant(LENA)
    account.plant(LOOK_ALIKE)
    s3 = account.hand("s3")
    before = s3.get_object(Bucket=LISTS, Key=FILE)["Body"].read()
    service = account.service()
    found = [ref for ref in service.find(HANAKO.who) if ref.store == "lists"]
    assert {ref.owner for ref in found} == {"shared"}
    assert len(found) == 3, "three imports held her"
    done = dict(service.apply(Job("erase", HANAKO.who, tuple(found))))
    assert {one.word for one in done.values()} == {"done"}
    after = s3.get_object(Bucket=LISTS, Key=FILE)
    assert after["Metadata"] == {"import": "1"}
    assert s3.get_object_tagging(Bucket=LISTS, Key=FILE)["TagSet"] == [{"Key": "team", "Value": "a=b"}]
    hers = [line for line in before.splitlines(keepends=True) if HANAKO.email.encode() in line]
    assert after["Body"].read() == before.replace(hers[0], b"")
    for one in s3.list_object_versions(Bucket=LISTS)["Versions"]:
        assert HANAKO.email.encode() not in s3.get_object(Bucket=LISTS, Key=FILE, VersionId=one["VersionId"])["Body"].read()


def test_a_file_written_since_is_not_written_over(account: AwsDouble) -> None:
    """An import between finding and erasing keeps what it brought; her lines in it are found again."""
    service = account.service()
    refs = tuple(ref for ref in service.find(HANAKO.who) if ref.store == "lists")
    account.plant(LENA)
    list(service.apply(Job("erase", HANAKO.who, refs)))
    text = account.hand("s3").get_object(Bucket=LISTS, Key=FILE)["Body"].read().decode()
    assert LENA.email in text
    again = [ref for ref in service.find(HANAKO.who) if ref.store == "lists"]
    assert {one.word for one in dict(service.apply(Job("erase", HANAKO.who, tuple(again)))).values()} == {"done"}
    assert not [ref for ref in service.find(HANAKO.who) if ref.store == "lists"]
    assert LENA.email in account.hand("s3").get_object(Bucket=LISTS, Key=FILE)["Body"].read().decode()


def test_a_table_as_text_keeps_quotes_line_breaks_and_its_encoding(account: AwsDouble) -> None:
    """Rows of others stand as they were written, in the encoding of a Japanese spreadsheet."""
    s3 = account.hand("s3")
    rows = ["氏名,e-mail,tel\r\n", f'"田中\r\n花子",{HANAKO.email},03-1234-5678\r\n', '"渡辺 ""太郎""",taro@example.co.jp,\r\n']
    s3.put_object(Bucket=LISTS, Key="csv/all.csv", Body="".join(rows).encode("cp932"), ContentType="text/csv")
    person = {"lines": "csv", "encoding": "cp932", "under": "csv/", "names": {"email": "e-mail", "phone": "tel"}}
    service = _only(account, "buckets", sheets={"bucket": LISTS, "person": person})
    (item,) = service.fetch(tuple(service.find({"phone": (HANAKO.phone,)})))
    assert item.fields["1.氏名"] == "田中\r\n花子"
    assert {one.word for one in _erase(service).values()} == {"done"}
    told = s3.get_object(Bucket=LISTS, Key="csv/all.csv")
    assert (told["Body"].read().decode("cp932"), told["ContentType"]) == (rows[0] + rows[2], "text/csv")


def test_a_file_that_is_no_list_is_said_and_not_passed_over(account: AwsDouble) -> None:
    """She may stand in a file that cannot be read."""
    account.hand("s3").put_object(Bucket=LISTS, Key="lists/broken.jsonl", Body=b'{"email": ')
    with pytest.raises(ServiceError) as caught:
        list(account.service().find(HANAKO.who))
    assert caught.value.diagnostic.code == "file_unreadable"


@pytest.mark.parametrize("sign", ["tag", "metadata"])
def test_objects_are_found_by_what_they_bear(account: AwsDouble, sign: str) -> None:
    """By tag or metadata, whatever they are called; a delete marker goes with the versions it hides."""
    s3 = account.hand("s3")
    for key, person in (("a/1", HANAKO), ("a/2", LOOK_ALIKE)):
        signs = {"Tagging": f"of={person.email}"} if sign == "tag" else {"Metadata": {"of": person.email}}
        s3.put_object(Bucket=LISTS, Key=key, Body=b"x", **signs)
    s3.delete_object(Bucket=LISTS, Key="a/1")
    service = _only(account, "buckets", scans={"bucket": LISTS, "person": {sign: {"email": "of"}}})
    done = _erase(service)
    assert sorted((ref.key[0], ref.key[2]) for ref in done) == [("a/1", ""), ("a/1", "marker")]
    assert not list(service.find(HANAKO.who))
    assert len(list(service.find(LOOK_ALIKE.who))) == 1
    assert {can.level for can in service.capabilities() if can.op == "find"} == {"partial"}, "unfinished uploads bear nothing"


def test_the_first_region_is_the_one_without_a_name(account: AwsDouble) -> None:
    """The operator says None for us-east-1, which lies in the United States; outside the policy it is a finding."""
    account.move()
    service = account.service()
    assert {one.store: (one.country, one.region) for one in service.locations()}["lists"] == ("US", "us-east-1")
    assert ("lists", "region_mismatch") in {(one.store, one.what) for one in service.discover()}


def test_a_bucket_that_is_copied_elsewhere_is_found(account: AwsDouble) -> None:
    """Copies in a bucket that the map does not have, and none while a rule is off."""
    s3 = account.hand("s3")
    s3.put_bucket_versioning(Bucket=DOCUMENTS, VersioningConfiguration={"Status": "Enabled"})
    s3.create_bucket(Bucket="copies", CreateBucketConfiguration={"LocationConstraint": "ap-northeast-1"})
    s3.put_bucket_versioning(Bucket="copies", VersioningConfiguration={"Status": "Enabled"})
    for status, expected in (("Disabled", set()), ("Enabled", {("s3:copies", "feed_undeclared")})):
        rule = {"Status": status, "Priority": 1, "Prefix": "", "Destination": {"Bucket": "arn:aws:s3:::copies"}}
        told = {"Role": "arn:aws:iam::123456789012:role/copy", "Rules": [rule]}
        s3.put_bucket_replication(Bucket=DOCUMENTS, ReplicationConfiguration=told)
        found = {(one.store, one.what) for one in account.service().discover()}
        assert found - {("s3:copies", "store_undeclared")} == expected


def test_a_whole_table_is_read_where_no_index_serves(account: AwsDouble) -> None:
    """Several pages of the operator's size, her item on the last."""
    dynamo = account.hand("dynamodb")
    for at in range(4):
        item = {"id": {"S": f"large-{at}"}, "phone": {"S": f"+8131111000{at}"}, "inquiry": {"S": "x" * 380_000}}
        dynamo.put_item(TableName=CONTACTS, Item=item)
    assert "LastEvaluatedKey" in dynamo.scan(TableName=CONTACTS)
    found = [ref for ref in account.service().find({"phone": ("03-1234-5678", HANAKO.phone)}) if ref.store == "contacts"]
    assert sorted(str(ref.key[1]) for ref in found) == ["hanako-1", "hanako-2"]


@pytest.mark.parametrize(
    ("recovery", "stream", "backups", "days"),
    [(None, False, "P0D", None), (7, False, "P0D", 7), (None, True, "P0D", 1), (7, True, "P90D", 90), (35, False, "", 35)],
)
def test_what_the_account_keeps_of_a_table_is_pending(
    account: AwsDouble, recovery: int | None, stream: bool, backups: str, days: int | None
) -> None:
    """Until the longest of recovery by point in time, stream and the company's own backups has passed."""
    dynamo = account.hand("dynamodb")
    wanted = {"PointInTimeRecoveryEnabled": recovery is not None} | ({"RecoveryPeriodInDays": recovery} if recovery else {})
    dynamo.update_continuous_backups(TableName=CONTACTS, PointInTimeRecoverySpecification=wanted)
    if stream:
        dynamo.update_table(TableName=CONTACTS, StreamSpecification={"StreamEnabled": True, "StreamViewType": "KEYS_ONLY"})
    account.map["tables"]["contacts"]["backups"] = backups
    service = account.service()
    ends = {one.until for ref, one in _erase(service).items() if ref.store == "contacts"}
    told = {end and (end.date() - account.now.date()).days for end in ends}
    assert told == {days}
    levels = {can.level for can in service.capabilities() if (can.store, can.op) == ("contacts", "erase")}
    assert levels == {"full" if backups else "partial"}


def test_who_signs_in_is_stopped_signed_out_and_deleted(account: AwsDouble) -> None:
    """Stopping does not count as a change of the record that was found; deleting twice is `already`."""
    service = account.service()
    refs = tuple(ref for ref in service.find(HANAKO.who) if ref.store == "members")
    assert [one.word for _, one in service.apply(Job("restrict", HANAKO.who, refs))] == ["done"]
    (item,) = service.fetch(refs)
    assert (item.fields["enabled"], item.fields["phone_number"]) == ("false", HANAKO.phone)
    assert [one.word for _, one in service.apply(Job("erase", HANAKO.who, refs))] == ["done"]
    assert [one.word for _, one in service.apply(Job("erase", HANAKO.who, refs))] == ["already"]


def test_a_filter_reads_a_value_as_nothing_but_itself() -> None:
    """Quotes and backslashes do not end the words of a filter."""
    assert escaped('x" or email ^= "') == 'x\\" or email ^= \\"'
    assert escaped("a\\") == "a\\\\"


def test_mail_stays_stopped_after_the_contact_is_gone(account: AwsDouble) -> None:
    """The account's list keeps the address, and the service says so; a dead address is not let go as a wish."""
    service = account.service()
    refs = tuple(ref for ref in service.find(HANAKO.who) if ref.store == "newsletter")
    list(service.apply(Job("suppress", HANAKO.who, refs)))
    (item,) = service.fetch(refs)
    assert item.fields["suppressed"] == "COMPLAINT"
    assert [one.word for _, one in service.apply(Job("erase", HANAKO.who, refs))] == ["done"]
    assert account.stage.fake.suppressed == {HANAKO.email: "COMPLAINT"}
    (can,) = (can for can in service.capabilities() if (can.store, can.op) == ("newsletter", "erase"))
    assert (can.level, "stays" in can.reason) == ("partial", True)
    account.stage.fake.suppressed[HANAKO.email] = "BOUNCE"
    assert [one.word for _, one in service.apply(Job("unsuppress", HANAKO.who, refs))] == ["already"]
    assert account.stage.fake.suppressed == {HANAKO.email: "BOUNCE"}


def test_a_line_of_a_log_goes_with_the_retention_and_a_stream_of_hers_at_once(account: AwsDouble) -> None:
    """The last day counts from her last line, with the three days that the operator takes for itself."""
    done = {ref.key[0]: one for ref, one in _erase(account.service()).items() if ref.store == "access"}
    assert done[f"member/{digest(HANAKO.email)}"].word == "done"
    line = done["web"]
    assert (line.word, line.code) == ("pending_window", "log_retention")
    assert line.until is not None
    assert abs(line.until - account.now - timedelta(days=33)) < timedelta(minutes=10)


def test_logs_without_an_end_are_denied_and_found(account: AwsDouble) -> None:
    """Where a group keeps its lines for ever there is no day to tell, and somebody has to decide."""
    account.hand("logs").delete_retention_policy(logGroupName=ACCESS)
    service = account.service()
    done = _erase(service)
    assert ("denied", "retention_unset") in _words(done, "access")
    assert state_after(done.values()) == "denied"
    assert ("access", "retention_unset") in {(one.store, one.what) for one in service.discover()}


def test_lines_of_a_shared_stream_are_hers_alone(account: AwsDouble) -> None:
    """An answer to her shows no line of a look-alike, and says that somebody must look before she sees it."""
    account.plant(LOOK_ALIKE)
    service = account.service()
    items = [item for item in service.fetch(tuple(service.find(HANAKO.who))) if item.ref.key[0] == "web"]
    words = " ".join(items[0].fields.values())
    assert HANAKO.email in words
    assert LOOK_ALIKE.email not in words
    assert len(items[0].third_parties) == 1


@pytest.mark.parametrize(
    "stores",
    [
        {"buckets": {"x": {"bucket": "not-there", "person": {"key": "people/{email}/*"}}}},
        {"tables": {"x": {"table": "not-there", "key": ["id"], "identity": {"email": {"attribute": "email"}}}}},
        {"pools": {"x": {"pool": "ap-northeast-1_nothere", "identity": {"email": "email"}}}},
        {"contact_lists": {"x": {"list": "not-there"}}},
        {"log_groups": {"x": {"group": "/not/there", "names": ["email"]}}},
    ],
)
def test_a_store_that_is_not_there_is_no_store_without_her(account: AwsDouble, stores: dict[str, Any]) -> None:
    """A mistake in the map must not look like an answer."""
    with pytest.raises(ServiceError):
        list(account.service(map=stores).find(HANAKO.who))


def test_what_may_only_look_cannot_change_anything(account: AwsDouble) -> None:
    """Without the credentials for it, and with one that the operator refuses, each record answers `denied`."""
    others = account.others()
    refs = tuple(account.service().find(HANAKO.who))
    missing = account.service(write="", delete="")
    denied = {one.code for one in dict(missing.apply(Job("erase", HANAKO.who, refs))).values() if one.word == "denied"}
    assert denied == {"no_credential_to_write", "no_credential_to_delete"}
    refused = dict(account.service("read").apply(Job("erase", HANAKO.who, refs)))
    assert {one.word for ref, one in refused.items() if ref.key[0] != "web"} == {"denied"}
    assert account.others() == others


def test_a_value_stands_in_an_address_only_where_the_operator_takes_it_nowhere_else(account: AwsDouble) -> None:
    """The name of an object and the address of a mail contact; tables, pools and logs are asked in the body."""
    service = account.service()
    refs = tuple(service.find(HANAKO.who))
    list(service.fetch(refs))
    list(service.apply(Job("suppress", HANAKO.who, tuple(ref for ref in refs if ref.store == "newsletter"))))
    list(service.apply(Job("erase", HANAKO.who, refs)))
    told = [unquote(one) for one in account.stage.proxy.seen]
    hers = {one.split(" ")[1].split("/")[1].partition("?")[0] for one in told if any(value in one for value in HANAKO.values)}
    assert hers == {DOCUMENTS, "v2"}


def test_only_the_endpoint_of_the_settings_is_spoken_to(account: AwsDouble) -> None:
    """An address that the operator's client would be led to is refused."""
    service = account.service()
    client = service._account._client("s3", "ap-northeast-1", "read")
    client.meta.events.register_first("before-send", lambda request, **_: setattr(request, "url", "http://192.0.2.1/"))
    with pytest.raises(ServiceError) as caught:
        service._account.ask("s3", "list_buckets")
    assert caught.value.diagnostic.code == "host_not_allowed"


def test_a_key_that_is_another_persons_is_not_hers() -> None:
    """A template is matched whole: what follows a value must be what the map says."""
    assert list(filled("people/{email}/", {"email": ("A@example.com",)})) == ["people/A@example.com/", "people/a@example.com/"]
    assert list(filled("m/{email_sha256}", {"email": ("A@example.com", "a@example.com")})) == [f"m/{digest('a@example.com')}"]
    assert list(filled("{user_id}/{email}/", {"email": ("a@example.com",)})) == []


@pytest.mark.parametrize(
    ("told", "place"),
    [
        ({"bucket": {}}, "bucket"),
        ({"buckets": {"a": {"bucket": "b", "person": {}}}}, "map.buckets.a.person"),
        ({"buckets": {"a": {"bucket": "b", "person": {"key": "people/{email}*"}}}}, "map.buckets.a.person"),
        ({"buckets": {"a": {"bucket": "b", "person": {"lines": "jsonl"}}}}, "map.buckets.a.person"),
        ({"tables": {"a": {"table": "b", "key": [], "identity": {}}}}, "map.tables.a"),
        ({"tables": {"a": {"table": "b", "key": ["id"], "identity": {"email": {"attribute": "e"}}, "not_personal": ["e"]}}}, "map.tables.a"),
        ({"pools": {"a": {"pool": "b", "identity": {"email": "custom:mail"}}}}, "map.pools.a.identity"),
        ({"log_groups": {"a": {"group": "b"}}}, "map.log_groups.a"),
        ({"log_groups": {"a": {"group": "b", "stream": "fixed"}}}, "map.log_groups.a.stream"),
        ({"contact_lists": {"a": {"list": "b"}}, "log_groups": {"a": {"group": "b", "names": ["email"]}}}, "map.a"),
    ],
)
def test_a_map_that_does_not_hold_together_is_told_with_its_place(told: dict[str, Any], place: str) -> None:
    """File and path of each mistake."""
    with pytest.raises(MapError) as caught:
        read_map(told, "connections/aws.yaml")
    assert "connections/aws.yaml" in str(caught.value)
    assert place in str(caught.value)


def test_settings_that_nobody_knows_are_told(account: AwsDouble) -> None:
    """A key that is misspelt does not pass in silence."""
    with pytest.raises(MapError, match="connections/aws"):
        connect("aws", {"kind": "aws", "region": "x", "read": "secret:a", "endpont": "x"}, str, account.clock)


def test_a_delivery_goes_nowhere_without_a_place_for_each_field(account: AwsDouble) -> None:
    """Nothing is sent of a record with a field that the table does not have; without a table for it there is none."""
    delivery = Delivery(LENA.who, {"email": LENA.email, "occupation": "x"}, ("announce",), "entry", "d")
    writes = account.writes()
    with pytest.raises(ServiceError, match="field_not_mapped"):
        account.service().write(delivery)
    assert account.writes() == writes
    account.map["tables"]["contacts"]["deliver"] = "false"
    with pytest.raises(NotCapableError):
        account.service().write(delivery)


def test_nothing_of_the_control_is_touched(account: AwsDouble) -> None:
    """The made-up person is whole after an erasure, in the shared file as well."""
    account.plant(CANARY)
    before = account.held(CANARY)
    _erase(account.service())
    assert account.held(CANARY) == before
    text = account.hand("s3").get_object(Bucket=LISTS, Key=FILE)["Body"].read().decode()
    assert [json.loads(line)["email"] for line in text.splitlines()] == [CANARY.email]
