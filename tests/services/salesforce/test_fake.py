"""The fake behaves as the operator's interface does, asked by the vendor's client as it is and over HTTP."""

from __future__ import annotations

import csv
import io
import socket
import subprocess
import sys
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
from requests.adapters import HTTPAdapter, Retry
from simple_salesforce import Salesforce, SalesforceError, SalesforceLogin, format_soql
from simple_salesforce.exceptions import SalesforceAuthenticationFailed

from tests.services.salesforce.double import START
from upheld.db import FixedClock
from upheld.services.contract import ODD, serving
from upheld.services.salesforce.fake import Fake, fake_app
from upheld.services.salesforce.fake.records import ApiError, long_id

PEOPLE = [
    ("Tanaka", "Hanako", "hanako@example.co.jp", "Tokyo"),
    ("O'Brien", "Oliver", "Oliver@Example.co.uk", "London"),
    ("Fischer", "Lena", "lena_f@example.de", "Berlin"),
    ("Fischer", "Max", "lenaxf@example.de", None),
]


class Plain(HTTPAdapter):
    """Sends what the client means for the operator's host to loopback, without encryption; nothing else is changed."""

    def __init__(self, port: int) -> None:
        super().__init__()
        self.port = port

    def send(self, request: Any, *args: Any, **more: Any) -> Any:
        request.url = urlsplit(request.url)._replace(scheme="http", netloc=f"127.0.0.1:{self.port}").geturl()
        return super().send(request, *args, **more)


@pytest.fixture(scope="module")
def server() -> Iterator[tuple[Any, int]]:
    class Front:
        fake: Any = None

        async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
            await self.fake(scope, receive, send)

    front = Front()
    with serving(front) as running:
        yield front, running.port


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(START)


@pytest.fixture
def fake(server: tuple[Any, int], clock: FixedClock) -> Fake:
    front, _ = server
    front.fake = fake_app(clock, page=3)
    return front.fake


@pytest.fixture
def session(server: tuple[Any, int]) -> requests.Session:
    made = requests.Session()
    made.mount("https://", Plain(server[1]))
    return made


@pytest.fixture
def sf(fake: Fake, session: requests.Session) -> Salesforce:
    """The vendor's client, logged in by a connected app's key and secret."""
    token, host = SalesforceLogin(consumer_key="upheld", consumer_secret="example", domain="test.my", session=session)
    return Salesforce(session_id=token, instance=host, session=session)


def leads(fake: Fake) -> list[str]:
    return [fake.put("Lead", LastName=last, FirstName=first, Email=mail, City=city, Company="C") for last, first, mail, city in PEOPLE]


def refused(do: Any, *args: Any, **more: Any) -> tuple[int, str]:
    with pytest.raises(SalesforceError) as caught:
        do(*args, **more)
    return caught.value.status, caught.value.content[0]["errorCode"]


def test_a_record_is_made_read_changed_and_deleted_by_the_client(fake: Fake, sf: Salesforce) -> None:
    """Ids of 15 and 18 characters are one record; an external id makes and then changes one."""
    made = sf.Lead.create({"LastName": "Tanaka", "Company": "Example", "Email": "hanako@example.co.jp"})
    assert made["success"] is True
    assert sf.Lead.get(made["id"][:15])["Id"] == made["id"]
    assert sf.Lead.update(made["id"], {"Title": "Director"}) == 204
    assert sf.Lead.get(made["id"])["Title"] == "Director"
    assert sf.Lead.upsert("Upheld_Delivery__c/d1", {"LastName": "Fischer", "Company": "E"}) == 201
    assert sf.Lead.upsert("Upheld_Delivery__c/d1", {"LastName": "Fischer-Ito"}) == 200
    assert sf.query("SELECT LastName FROM Lead WHERE Upheld_Delivery__c = 'd1'")["records"][0]["LastName"] == "Fischer-Ito"
    assert sf.Lead.delete(made["id"]) == 204
    assert refused(sf.Lead.get, made["id"]) == (404, "ENTITY_IS_DELETED")
    assert refused(sf.Lead.get, long_id("00Q5g0000zzzzzz")) == (404, "NOT_FOUND")
    assert refused(sf.Lead.get, made["id"][:17] + ("A" if made["id"][17] != "A" else "B"))[1] == "MALFORMED_ID"


@pytest.mark.parametrize(
    ("where", "names"),
    [
        ("LastName = 'fischer'", "Lena Max"),
        ("Email != 'lena_f@example.de'", "Hanako Oliver Max"),
        ("FirstName IN ('Hanako', 'Max')", "Hanako Max"),
        ("FirstName NOT IN ('Hanako', 'Max')", "Oliver Lena"),
        ("LastName LIKE 'Fi%'", "Lena Max"),
        ("Email LIKE 'lena_f%'", "Lena Max"),
        (r"Email LIKE 'lena\_f%'", "Lena"),
        ("LastName = 'Fischer' AND City = null", "Max"),
        ("City = 'Tokyo' OR City = 'London'", "Hanako Oliver"),
        ("LastName = 'Fischer' AND (City = 'Berlin' OR City = 'Tokyo')", "Lena"),
        ("NOT LastName = 'Fischer'", "Hanako Oliver"),
        (r"LastName = 'O\'Brien'", "Oliver"),
        ("CreatedDate >= 2030-05-06T07:08:09Z", "Hanako Oliver Lena Max"),
        ("HasOptedOutOfEmail = true", ""),
        ("City != null ORDER BY City DESC LIMIT 2", "Hanako Oliver"),
        ("City != null ORDER BY LastName, FirstName LIMIT 2 OFFSET 1", "Oliver Hanako"),
    ],
)
def test_a_query_selects_what_it_says(fake: Fake, sf: Salesforce, where: str, names: str) -> None:
    """Comparisons know no case, `_` is one character and `%` any, and brackets come before AND and OR."""
    leads(fake)
    found = sf.query_all(f"SELECT FirstName FROM Lead WHERE {where}")["records"]
    told = [one["FirstName"] for one in found]
    assert told == names.split() if "ORDER" in where else sorted(told) == sorted(names.split())


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("SELECT Id FROM Lead WHERE LastName = 'a' AND City = 'b' OR City = 'c'", "MALFORMED_QUERY"),
        ("SELECT Id FROM Lead WHERE LastName = 'a", "MALFORMED_QUERY"),
        (r"SELECT Id FROM Lead WHERE LastName = 'a\q'", "MALFORMED_QUERY"),
        ("SELECT Id Lead", "MALFORMED_QUERY"),
        ("SELECT Id FROM Lead LIMIT many", "MALFORMED_QUERY"),
        ("SELECT Id FROM Lead; DELETE", "MALFORMED_QUERY"),
        ("SELECT Shoe FROM Lead", "INVALID_FIELD"),
        ("SELECT Id FROM Lead WHERE Description = 'long'", "INVALID_FIELD"),
        ("SELECT Shoe.Id FROM Lead", "INVALID_FIELD"),
        ("SELECT Id FROM Leads", "INVALID_TYPE"),
        ("SELECT ContentDocumentId FROM ContentDocumentLink", "MALFORMED_QUERY"),
        ("SELECT Id FROM ContentDocumentLink WHERE ShareType = 'V'", "MALFORMED_QUERY"),
        ("SELECT Id FROM Lead WHERE Id = 'x'", "INVALID_QUERY_FILTER_OPERATOR"),
    ],
)
def test_a_query_that_is_wrong_is_told_by_code(fake: Fake, sf: Salesforce, text: str, code: str) -> None:
    """Mixing AND with OR takes brackets, long text cannot be tested, and unknown names have their own codes."""
    assert refused(sf.query, text) == (400, code)


def test_values_quoted_by_the_client_are_found_again(fake: Fake, sf: Salesforce) -> None:
    """Quotes, backslashes, wildcards and an emoji mean themselves."""
    name = ODD.name[:80]
    fake.put("Lead", LastName=name, Company="C")
    fake.put("Lead", LastName="other", Company="C")
    assert sf.query(format_soql("SELECT Id FROM Lead WHERE LastName = {}", name))["totalSize"] == 1
    assert sf.query(format_soql("SELECT Id FROM Lead WHERE LastName LIKE '%{:like}%'", "%_\\ ';"))["totalSize"] == 1


def test_parents_stand_inside_their_children(fake: Fake, sf: Salesforce) -> None:
    """A field of a parent is selected, tested, and empty where there is no parent."""
    contact = fake.put("Contact", LastName="Tanaka", Email="hanako@example.co.jp")
    fake.put("Case", ContactId=contact, Subject="one")
    fake.put("Case", Subject="two")
    found = sf.query("SELECT Subject, Contact.Email FROM Case ORDER BY Subject")["records"]
    assert found[0]["Contact"]["Email"] == "hanako@example.co.jp"
    assert found[1]["Contact"] is None
    assert sf.query("SELECT Id FROM Case WHERE Contact.LastName = 'Tanaka'")["totalSize"] == 1


def test_pages_go_on_to_the_last_record_and_a_lost_place_is_told(fake: Fake, sf: Salesforce) -> None:
    """More rows than a page are read by their next address."""
    for at in range(8):
        fake.put("Lead", LastName=f"p{at}", Company="C")
    first = sf.query("SELECT LastName FROM Lead ORDER BY LastName")
    assert (first["totalSize"], first["done"], len(first["records"])) == (8, False, 3)
    assert [one["LastName"] for one in sf.query_all("SELECT LastName FROM Lead ORDER BY LastName")["records"]] == [f"p{n}" for n in range(8)]
    fake.api.cursors.clear()
    assert refused(sf.query_more, first["nextRecordsUrl"], identifier_is_url=True) == (400, "INVALID_QUERY_LOCATOR")


def test_a_record_lives_through_bin_and_tail_until_it_is_gone(fake: Fake, sf: Salesforce, clock: FixedClock) -> None:
    """Live, 15 days in the bin, 24 hours behind it, gone; out of the bin it comes back, from behind it never."""
    key, other = leads(fake)[:2]
    sf.Lead.delete(key)
    assert sf.query("SELECT Id FROM Lead WHERE LastName = 'Tanaka'")["totalSize"] == 0
    everything = "SELECT Id, IsDeleted FROM Lead WHERE LastName = 'Tanaka'"
    assert sf.query(everything, include_deleted=True)["records"][0]["IsDeleted"] is True
    lives = []
    for wait in (timedelta(days=14, hours=23), timedelta(hours=1), timedelta(hours=23, minutes=59), timedelta(minutes=1)):
        clock.advance(wait)
        lives.append(fake.org.records[key].life(fake.org.now))
    assert lives == ["recycled", "tail", "tail", "gone"]
    assert sum(one["kind"] == "Lead" for one in fake.state()["records"].values()) == 3
    fake.delete(other)
    fake.undelete(other)
    assert fake.org.records[other].life(fake.org.now) == "live"
    with pytest.raises(ApiError, match="UNDELETE_FAILED"):
        fake.undelete(key)


def test_a_bulk_job_deletes_for_good_and_tells_each_record(fake: Fake, sf: Salesforce, clock: FixedClock) -> None:
    """Good, locked and gone in one job: three files of results, and what was deleted never lay in the bin."""
    good, locked, gone, _ = leads(fake)
    fake.mark(locked, locked=True)
    fake.delete(gone)
    (told,) = sf.bulk2.Lead.hard_delete(records=[{"Id": one} for one in (good, locked, gone)], wait=0)
    assert (told["numberRecordsProcessed"], told["numberRecordsFailed"]) == (3, 2)
    failed = list(csv.DictReader(io.StringIO(sf.bulk2.Lead.get_failed_records(told["job_id"]))))
    assert {row["Id"]: row["sf__Error"].split(":")[0] for row in failed} == {locked: "ENTITY_IS_LOCKED", gone: "ENTITY_IS_DELETED"}
    fine = list(csv.DictReader(io.StringIO(sf.bulk2.Lead.get_successful_records(told["job_id"]))))
    assert [(row["sf__Id"], row["sf__Created"]) for row in fine] == [(good, "false")]
    assert fake.org.records[good].life(fake.org.now) == "tail"
    clock.advance(days=1)
    assert fake.org.records[good].life(fake.org.now) == "gone"


def test_a_job_goes_through_its_six_states(fake: Fake, sf: Salesforce) -> None:
    """Open, UploadComplete, InProgress, JobComplete; Aborted when somebody ends it; Failed for a wrong header."""
    jobs = sf.bulk2.Lead._client
    key = leads(fake)[0]
    job = jobs.create_job("hardDelete")
    states = [job["state"]]
    jobs.upload_job_data(job["id"], f"Id\n{key}\n")
    states.append(jobs.close_job(job["id"])["state"])
    states += [jobs.get_job(job["id"], False)["state"] for _ in range(2)]
    other = jobs.create_job("delete")
    states.append(jobs.abort_job(other["id"], False)["state"])
    wrong = jobs.create_job("hardDelete")
    jobs.upload_job_data(wrong["id"], f"Id,Email\n{key},x\n")
    jobs.close_job(wrong["id"])
    states.append([jobs.get_job(wrong["id"], False)["state"] for _ in range(2)][-1])
    assert states == ["Open", "UploadComplete", "InProgress", "JobComplete", "Aborted", "Failed"]
    assert refused(jobs.abort_job, job["id"], False) == (400, "INVALIDJOBSTATE")
    half = jobs.create_job("delete")
    keys = leads(fake)
    jobs.upload_job_data(half["id"], "Id\n" + "\n".join(keys))
    jobs.close_job(half["id"])
    fake.jobs.stop_after = 3
    assert [jobs.get_job(half["id"], False)["state"] for _ in range(2)] == ["InProgress", "Failed"]
    assert keys[3] in jobs.get_ingest_results(half["id"], "unprocessedRecords")


def test_without_the_permission_nothing_is_deleted_for_good(fake: Fake, session: requests.Session) -> None:
    """The switch is off by default with the operator; a reader can change nothing at all."""
    fake.people.add("clerk", "example", frozenset({"read", "edit", "delete"}))
    fake.people.add("reader", "example", frozenset({"read"}))
    key = leads(fake)[0]
    token, host = SalesforceLogin(consumer_key="clerk", consumer_secret="example", domain="test.my", session=session)
    clerk = Salesforce(session_id=token, instance=host, session=session)
    assert refused(clerk.bulk2.Lead._client.create_job, "hardDelete") == (400, "FEATURENOTENABLED")
    reader = Salesforce(session_id=fake.people.session_of("reader"), instance=host, session=session)
    assert refused(reader.Lead.delete, key) == (403, "INSUFFICIENT_ACCESS_OR_READONLY")
    assert refused(reader.Lead.create, {"LastName": "a", "Company": "b"})[0] == 403


def test_logging_in_takes_the_right_secret_and_a_session_runs_out(fake: Fake, sf: Salesforce, session: requests.Session, clock: FixedClock) -> None:
    """A wrong secret is refused in OAuth's words; after two hours the session is invalid."""
    with pytest.raises(SalesforceAuthenticationFailed) as caught:
        SalesforceLogin(consumer_key="upheld", consumer_secret="wrong", domain="test.my", session=session)
    assert caught.value.code == "invalid_client"
    sf.query("SELECT Id FROM Lead")
    clock.advance(hours=2, seconds=1)
    assert refused(sf.query, "SELECT Id FROM Lead") == (401, "INVALID_SESSION_ID")


def test_each_answer_tells_the_calls_until_there_are_none(fake: Fake, sf: Salesforce, clock: FixedClock) -> None:
    """The header counts up to the limit of any 24 hours, then calls are refused until the first of them is a day old."""
    fake.people.limit = 3
    for used in (1, 2, 3):
        sf.query("SELECT Id FROM Lead")
        assert (sf.api_usage["api-usage"].used, sf.api_usage["api-usage"].total) == (used, 3)
    assert refused(sf.query, "SELECT Id FROM Lead") == (403, "REQUEST_LIMIT_EXCEEDED")
    token = fake.people.session_of("upheld")
    clock.advance(days=1)
    fake.people.sessions[token] = (fake.people.users["upheld"], clock.now())
    sf.session_id = token
    sf.headers["Authorization"] = f"Bearer {token}"
    sf.query("SELECT Id FROM Lead")


@pytest.mark.parametrize(
    ("values", "code", "fields"),
    [
        ({"Company": "C"}, "REQUIRED_FIELD_MISSING", ["LastName"]),
        ({"LastName": "a" * 81, "Company": "C"}, "STRING_TOO_LONG", ["LastName"]),
        ({"LastName": "a", "Company": "C", "Email": "nobody"}, "INVALID_EMAIL_ADDRESS", ["Email"]),
        ({"LastName": "a", "Company": "C", "Shoe": "1"}, "INVALID_FIELD", None),
        ({"LastName": "a", "Company": "C", "IndividualId": long_id("0PK5g0000zzzzzz")}, "INVALID_CROSS_REFERENCE_KEY", ["IndividualId"]),
        ({"LastName": "no", "Company": "C"}, "FIELD_CUSTOM_VALIDATION_EXCEPTION", ["LastName"]),
        ({"LastName": "a", "Company": "C", "Upheld_Delivery__c": "taken"}, "DUPLICATE_VALUE", ["Upheld_Delivery__c"]),
    ],
)
def test_what_may_not_be_saved_is_told_with_code_and_field(fake: Fake, sf: Salesforce, values: dict[str, str], code: str, fields: Any) -> None:
    """Errors are a list of message, code and fields; a company's own rule is one of them."""
    fake.rule("Lead", lambda told: told["LastName"] == "no", "LastName")
    fake.put("Lead", LastName="b", Company="C", Upheld_Delivery__c="taken")
    with pytest.raises(SalesforceError) as caught:
        sf.Lead.create(values)
    told = caught.value.content[0]
    assert (told["errorCode"], told.get("fields")) == (code, fields)
    assert told["message"]


def test_many_records_in_one_call_are_each_told(fake: Fake, sf: Salesforce) -> None:
    """Up to 200 ids, each with its own success or errors; 201 are refused whole."""
    good, gone = leads(fake)[:2]
    fake.delete(gone)
    told = sf.restful("composite/sobjects", params={"ids": f"{good},{gone}", "allOrNone": "false"}, method="DELETE")
    assert [one["success"] for one in told] == [True, False]
    assert told[1]["errors"][0]["statusCode"] == "ENTITY_IS_DELETED"
    assert refused(sf.restful, "composite/sobjects", params={"ids": ",".join([good] * 201)}, method="DELETE")[1] == "EXCEEDED_ID_LIMIT"
    body = {"compositeRequest": [{"method": "GET", "url": "/services/data/v59.0/query?q=SELECT+Id+FROM+Lead", "referenceId": "a"}] * 6}
    assert refused(sf.restful, "composite", method="POST", json=body)[1] == "LIMIT_EXCEEDED"


def test_what_belongs_to_a_record_goes_with_it_or_keeps_it(fake: Fake, sf: Salesforce) -> None:
    """A lead takes its memberships and tasks along; a contact with a case stays; an individual only loses its name."""
    campaign = fake.put("Campaign", Name="Spring")
    individual = fake.put("Individual", LastName="T")
    lead = fake.put("Lead", LastName="T", Company="C", IndividualId=individual)
    member = fake.put("CampaignMember", CampaignId=campaign, LeadId=lead)
    task = fake.put("Task", WhoId=lead)
    contact = fake.put("Contact", LastName="T", IndividualId=individual)
    case = fake.put("Case", ContactId=contact)
    assert refused(sf.Contact.delete, contact) == (400, "DELETE_FAILED")
    sf.Individual.delete(individual)
    assert sf.Contact.get(contact)["IndividualId"] is None
    sf.Lead.delete(lead)
    sf.Case.delete(case)
    sf.Contact.delete(contact)
    assert {fake.org.records[one].life(fake.org.now) for one in (member, task, lead, contact)} == {"recycled"}


def test_a_converted_lead_stays_and_cannot_be_changed(fake: Fake, sf: Salesforce) -> None:
    """It names its contact; the contact has the lead's details and is in its campaigns."""
    campaign, lead = fake.put("Campaign", Name="Spring"), fake.put("Lead", LastName="T", Company="C", Email="t@example.com")
    member = fake.put("CampaignMember", CampaignId=campaign, LeadId=lead)
    contact = fake.convert(lead)
    assert sf.Contact.get(contact)["Email"] == "t@example.com"
    assert sf.Lead.get(lead)["ConvertedContactId"] == contact
    assert sf.CampaignMember.get(member)["ContactId"] == contact
    assert refused(sf.Lead.update, lead, {"Title": "x"}) == (400, "CANNOT_UPDATE_CONVERTED_LEAD")


def test_old_values_stay_in_the_history(fake: Fake, sf: Salesforce) -> None:
    """A change of a lead leaves a row with the old and the new; nobody can write or delete it."""
    lead = leads(fake)[0]
    sf.Lead.update(lead, {"City": "Osaka"})
    (row,) = sf.query(f"SELECT Id, OldValue, NewValue FROM LeadHistory WHERE LeadId = '{lead}' AND Field = 'City'")["records"]
    assert (row["OldValue"], row["NewValue"]) == ("Tokyo", "Osaka")
    assert refused(sf.LeadHistory.delete, row["Id"]) == (403, "INSUFFICIENT_ACCESS_OR_READONLY")


def test_a_description_tells_fields_of_the_companys_own(fake: Fake, sf: Salesforce) -> None:
    """`describe` of an object and the list of objects say what is custom."""
    fake.add_fields("Lead", "Nickname__c:string:40")
    fake.add_object("Visitor__c", "Name:string! Address__c:email")
    told = {one["name"]: one for one in sf.Lead.describe()["fields"]}
    assert (told["Nickname__c"]["custom"], told["Nickname__c"]["length"]) == (True, 40)
    assert told["IndividualId"]["referenceTo"] == ["Individual"]
    assert {one["name"] for one in sf.describe()["sobjects"] if one["custom"]} == {"Visitor__c"}


def test_words_are_found_in_long_texts(fake: Fake, sf: Salesforce) -> None:
    """A search reads whole words in any text; a longer word is another."""
    lead = fake.put("Lead", LastName="T", Company="C", Description="wrote to hanako@example.co.jp in May")
    fake.put("Lead", LastName="U", Company="C", Description="xhanako@example.co.jp")
    told = sf.search(r"FIND {hanako\@example.co.jp} IN ALL FIELDS RETURNING Lead")
    assert [one["Id"] for one in told["searchRecords"]] == [lead]
    assert refused(sf.search, "hanako")[1] == "MALFORMED_SEARCH"


def test_what_is_not_documented_is_refused(fake: Fake, sf: Salesforce) -> None:
    """Unknown parameters, paths, versions and keys are errors and not ignored."""
    assert refused(sf.restful, "query", params={"q": "SELECT Id FROM Lead", "shoe": "1"})[0] == 400
    assert refused(sf.restful, "shoes")[0] == 404
    assert refused(sf.restful, "jobs/ingest", method="POST", json={"object": "Lead", "operation": "delete", "shoe": 1})[0] == 400
    sf.base_url = sf.base_url.replace("v59.0", "v19.0")
    assert refused(sf.query, "SELECT Id FROM Lead")[0] == 404


def test_anybody_can_serve_one_from_the_command_line() -> None:
    """`python -m` with a port: it answers there, and is empty."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "upheld.services.salesforce.fake", "--port", str(port)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as served:
        try:
            assert served.stdout is not None
            assert served.stdout.readline().strip() == f"http://127.0.0.1:{port}"
            session = requests.Session()
            session.mount("https://", Plain(port))
            session.mount("http://", HTTPAdapter(max_retries=Retry(20, backoff_factor=0.05)))
            session.get(f"http://127.0.0.1:{port}/", timeout=5)
            token, host = SalesforceLogin(consumer_key="upheld", consumer_secret="example", domain="test.my", session=session)
            assert Salesforce(session_id=token, instance=host, session=session).query("SELECT Id FROM Lead")["totalSize"] == 0
        finally:
            served.terminate()
            served.wait(timeout=10)


def test_a_synchronisation_reads_what_changed_since(fake: Fake, clock: FixedClock) -> None:
    """Living leads and contacts written after a moment, with address and fields; what was deleted is not among them."""
    first, second, third, _ = leads(fake)
    since: datetime = clock.now()
    clock.advance(minutes=5)
    fake.change(second, Title="x")
    fake.delete(third)
    told = fake.changed_since(since)
    assert [(one.id, one.email, one.fields["Title"]) for one in told] == [(second, "Oliver@Example.co.uk", "x")]
    assert "Oliver" not in repr(told)
    assert first not in {one.id for one in told}
