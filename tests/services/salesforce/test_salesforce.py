"""What is special about Salesforce: bins and tails, jobs that end half-way, what belongs to what, limits, rules of the company."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from tests.services.salesforce.double import SECRETS, SalesforceDouble
from upheld.policy.model import Frozen
from upheld.services.contract import CANARY, HANAKO, LENA, OLIVER, FaultProxy, serving
from upheld.services.looking import look_again
from upheld.services.model import Delivery, Identities, Job, Outcome, Ref
from upheld.services.port import ServiceError, need
from upheld.services.rules import Trouble, state_after
from upheld.services.salesforce import MapError, SalesforceService, connect, shipped, with_own
from upheld.services.salesforce.client import Login
from upheld.services.salesforce.connecting import ConnectionFileError
from upheld.services.salesforce.errors import TROUBLE, error_of

FULL_BIN = timedelta(days=16)
WHO: Identities = HANAKO.who


def refs_of(service: SalesforceService, who: Identities = WHO) -> tuple[Ref, ...]:
    return tuple(service.find(who))


def find_often(service: SalesforceService, times: int) -> None:
    for _ in range(times):
        refs_of(service)


def done(service: SalesforceService, op: Any, refs: tuple[Ref, ...], **more: Any) -> dict[Ref, Outcome]:
    return dict(service.apply(Job(op, WHO, refs, idem="t", **more)))


def by_store(outcomes: dict[Ref, Outcome]) -> dict[str, set[tuple[str, str]]]:
    told: dict[str, set[tuple[str, str]]] = {}
    for ref, one in outcomes.items():
        told.setdefault(ref.store, set()).add((one.word, one.code))
    return told


def only(refs: tuple[Ref, ...], *stores: str) -> tuple[Ref, ...]:
    return tuple(ref for ref in refs if ref.store in stores)


@pytest.mark.parametrize(
    ("status", "body", "trouble", "code"),
    [
        (401, [{"errorCode": "INVALID_SESSION_ID", "message": "x"}], "token", "INVALID_SESSION_ID"),
        (403, [{"errorCode": "REQUEST_LIMIT_EXCEEDED", "message": "x"}], "throttle", "REQUEST_LIMIT_EXCEEDED"),
        (400, [{"errorCode": "REQUEST_LIMIT_EXCEEDED", "message": "x"}], "throttle", "REQUEST_LIMIT_EXCEEDED"),
        (400, [{"errorCode": "QUERY_TIMEOUT", "message": "x"}], "transient", "QUERY_TIMEOUT"),
        (400, [{"statusCode": "UNABLE_TO_LOCK_ROW", "message": "x"}], "transient", "UNABLE_TO_LOCK_ROW"),
        (503, [{"errorCode": "SERVER_UNAVAILABLE", "message": "x"}], "transient", "SERVER_UNAVAILABLE"),
        (502, "<html>", "transient", "HTTP_502"),
        (404, [{"errorCode": "NOT_FOUND", "message": "x"}], "absent", "NOT_FOUND"),
        (404, [{"errorCode": "ENTITY_IS_DELETED", "message": "x"}], "absent", "ENTITY_IS_DELETED"),
        (403, [{"errorCode": "INSUFFICIENT_ACCESS_OR_READONLY", "message": "x"}], "permission", "INSUFFICIENT_ACCESS_OR_READONLY"),
        (400, [{"errorCode": "FeatureNotEnabled", "message": "x"}], "permission", "FEATURENOTENABLED"),
        (400, [{"errorCode": "ENTITY_IS_LOCKED", "message": "x"}], "held", "ENTITY_IS_LOCKED"),
        (400, [{"errorCode": "FIELD_CUSTOM_VALIDATION_EXCEPTION", "message": "x"}], "tenant", "FIELD_CUSTOM_VALIDATION_EXCEPTION"),
        (400, [{"errorCode": "MALFORMED_QUERY", "message": "x"}], "bug", "MALFORMED_QUERY"),
        (400, [{"errorCode": "INVALID_FIELD", "message": "x"}], "bug", "INVALID_FIELD"),
        (400, {"error": "invalid_client", "error_description": "x"}, "permission", "INVALID_CLIENT"),
        (400, [{"errorCode": "hanako@example.co.jp is wrong", "message": "x"}], "unknown", "unknown"),
        (400, [{"errorCode": "NEW_CODE_OF_TOMORROW", "message": "x"}], "unknown", "unknown"),
        (302, "", "unknown", "unknown"),
        (429, None, "throttle", "HTTP_429"),
    ],
)
def test_trouble_is_told_by_code_and_not_by_status(status: int, body: Any, trouble: Trouble, code: str) -> None:
    """The operator's code decides; the same code comes with two status lines; a sentence or a new code is unknown."""
    error = error_of(status, body)
    assert (error.trouble, error.diagnostic.code) == (trouble, code)
    assert "hanako" not in str(error)


def test_every_code_has_one_class() -> None:
    """The table is in capitals, as codes are looked up; a limit with no call left is the quota of the day."""
    assert all(code == code.upper() for code in TROUBLE)
    assert error_of(403, [{"errorCode": "REQUEST_LIMIT_EXCEEDED"}], spent=True).trouble == "quota"


def test_an_unknown_code_is_failed_and_not_tried_again(double: SalesforceDouble) -> None:
    """What no list has is neither success nor a reason to repeat."""
    double.plant(HANAKO)
    refs = refs_of(double.service())
    double.fault("REQUEST_LIMIT_EXCEEDED", after=99)
    double.fake._faults[:] = ["", "NOBODY_HAS_SEEN_THIS"]
    outcomes = done(double.service(), "erase", only(refs, "Lead"))
    assert by_store(outcomes) == {"Lead": {("failed", "unknown")}}


def test_a_session_that_ran_out_is_renewed_once(double: SalesforceDouble) -> None:
    """In the middle of work a fresh login follows; a session that somebody else keeps cannot be renewed and says so."""
    double.plant(HANAKO)
    service = double.service()
    before = len(refs_of(service))
    double.fake.people.expire()
    assert len(refs_of(service)) == before
    token = double.fake.people.session_of("upheld")
    settings = {**double.settings(), "login": {"session": "secret:token"}}
    handed = connect("salesforce", settings, {"secret:token": token}.__getitem__, double.clock)
    assert len(tuple(handed.find(WHO))) == before
    double.fake.people.expire()
    calls = len(double.fake.targets)
    with pytest.raises(ServiceError) as caught:
        tuple(handed.find(WHO))
    assert len(double.fake.targets) == calls + 1, "nothing to be gained by asking again"
    assert (caught.value.trouble, caught.value.diagnostic.code) == ("token", "INVALID_SESSION_ID")
    handed.close()


def test_a_wrong_secret_is_refused_for_a_person_to_mend(double: SalesforceDouble) -> None:
    """A login that is refused is no trouble that passes."""
    wrong = connect("salesforce", double.settings(), {**SECRETS, "secret:key": "wrong"}.__getitem__, double.clock)
    with pytest.raises(ServiceError) as caught:
        tuple(wrong.find(WHO))
    assert (caught.value.trouble, caught.value.diagnostic.code, caught.value.diagnostic.permanent) == ("permission", "INVALID_CLIENT", True)
    assert "example" not in repr(Login("n", "upheld", "example", "example"))
    wrong.close()


def test_half_of_the_days_calls_is_left_to_the_company(double: SalesforceDouble) -> None:
    """After half of what was left the service stops by itself and says when to go on; the operator never had to refuse."""
    double.fake.people.limit = 40
    service = double.service()
    with pytest.raises(ServiceError) as caught:
        find_often(service, 40)
    assert (caught.value.trouble, caught.value.diagnostic.code) == ("quota", "share_of_day_used")
    assert caught.value.retry_at is not None
    assert 15 <= double.fake.people.used <= 21


def test_calls_that_are_used_up_are_the_quota_of_the_day(double: SalesforceDouble) -> None:
    """The refusal with no call left waits for an hour, not for seconds."""
    double.fake.people.limit = 1
    service = double.service()
    with pytest.raises(ServiceError) as caught:
        find_often(service, 3)
    assert caught.value.trouble == "quota"
    assert caught.value.retry_at == double.now + timedelta(hours=1)


def test_without_the_permission_the_bin_keeps_what_was_erased(double: SalesforceDouble) -> None:
    """The permission that the settings promise is not there: deleted all the same, pending for 16 days; staff may bring it back."""
    double.plant(HANAKO)
    double.plant(CANARY)
    double.fake.people.add("upheld", "example", frozenset({"read", "edit", "delete"}))
    service = double.service()
    refs = refs_of(service)
    outcomes = done(service, "erase", refs)
    assert {(one.word, one.code, one.until) for one in outcomes.values()} == {("pending_window", "recycle_bin", double.now + FULL_BIN)}
    verdict = look_again(service, refs, outcomes, WHO, CANARY.who, double.now)
    assert (verdict.state, verdict.until) == ("verified", (double.now + FULL_BIN).date())
    lead = next(ref for ref in refs if ref.store == "Lead")
    double.advance(timedelta(days=3))
    double.fake.undelete(str(lead.key[0]))
    again = look_again(service, refs, outcomes, WHO, CANARY.who, double.now)
    assert (again.state, dict(again.left)) == ("left", {"Lead": 1})


def test_a_connection_without_the_permission_says_so_beforehand(double: SalesforceDouble) -> None:
    """`hard_delete: false` makes erasing partial in every object, with its reason and the 16 days."""
    told = [one for one in double.service(hard_delete="false").capabilities() if one.op == "erase"]
    assert {(one.level, one.lingers) for one in told} == {("partial", FULL_BIN)}
    assert {one.lingers for one in double.service().capabilities() if one.op == "erase"} == {timedelta(days=1)}


def test_what_was_deleted_before_is_pending_as_long_as_anybody_can_see_it(double: SalesforceDouble) -> None:
    """A frozen record that somebody else put into the bin: pending until it leaves it, then `already`."""
    double.plant(HANAKO)
    service = double.service()
    refs = only(refs_of(service), "Lead")
    double.fake.delete(str(refs[0].key[0]))
    deleted = double.now
    assert done(service, "erase", refs)[refs[0]] == Outcome("pending_window", "deleted_before", deleted + FULL_BIN)
    double.advance(FULL_BIN)
    assert done(double.service(), "erase", refs)[refs[0]] == Outcome("already")


def test_what_belongs_to_a_record_goes_before_it(double: SalesforceDouble) -> None:
    """Jobs run from what names to what is named: no case keeps its contact, nothing goes unanswered with its parent."""
    double.plant(HANAKO)
    service = double.service()
    outcomes = done(service, "erase", refs_of(service))
    assert state_after(outcomes.values()) == "applied"
    order = [job.told["object"] for job in double.fake.jobs.jobs.values()]
    for first, then in (("Task", "Lead"), ("EmailMessage", "Case"), ("Case", "Contact"), ("Lead", "Individual"), ("Contact", "Individual")):
        assert order.index(first) < order.index(then)
    assert {one.evidence for one in outcomes.values()} == set(double.fake.jobs.jobs)


def test_what_must_stay_keeps_what_it_belongs_to(double: SalesforceDouble) -> None:
    """A task that may not be deleted keeps its lead and what the lead names; contact and cases go."""
    double.plant(HANAKO)
    service = double.service()
    refs = refs_of(service)
    double.forbid(HANAKO)
    told = by_store(done(service, "erase", refs))
    assert told["Task"] == {("denied", "INSUFFICIENT_ACCESS_OR_READONLY")}
    assert told["Lead"] == {("denied", "kept_by_what_belongs_to_it")}
    assert told["Contact"] == told["Case"] == {("pending_window", "")}
    assert {ref.store for ref in refs_of(double.service())} >= {"Task", "Lead"}


def test_a_job_that_ended_half_way_is_taken_up_again(double: SalesforceDouble) -> None:
    """What the job did not come to is tried again; what it did is not done twice."""
    double.plant(HANAKO)
    lead = next(one.id for one in double.fake.org.records.values() if one.kind == "Lead")
    for at in range(6):
        double.fake.put("Task", Subject=f"t{at}", WhoId=lead)
    service = double.service()
    tasks = only(refs_of(service), "Task")
    double.fake.jobs.stop_after = 4
    first = done(service, "erase", tasks)
    assert sorted(one.word for one in first.values()) == ["pending_window"] * 4 + ["retry_at"] * 3
    left = tuple(ref for ref, one in first.items() if one.word == "retry_at")
    assert {one.word for one in done(service, "erase", left).values()} == {"pending_window"}
    good = [job.good for job in double.fake.jobs.jobs.values()]
    assert [len(one) for one in good] == [4, 3]


def test_a_job_that_takes_too_long_is_asked_again_later(double: SalesforceDouble) -> None:
    """The wait is bounded; nothing is claimed, and the next round finds what the job did meanwhile."""
    double.plant(HANAKO)
    service = double.service()
    tasks = only(refs_of(service), "Task")
    double.fake.jobs.stuck = True
    assert {(one.word, one.code) for one in done(service, "erase", tasks).values()} == {("retry_at", "job_running")}
    double.fake.jobs.stuck = False
    for job in [*double.fake.jobs.jobs] * 2:
        double.fake.jobs.get(job)
    assert {one.word for one in done(service, "erase", tasks).values()} == {"pending_window"}
    assert len(double.fake.jobs.jobs) == 1, "no second job for what the first one did"


def test_an_individual_that_two_people_share_stays_with_the_other(double: SalesforceDouble) -> None:
    """Named by somebody else's contact it is shared and left alone; once that is gone, it is the person's own."""
    double.plant(HANAKO)
    individual = next(one.id for one in double.fake.org.records.values() if one.kind == "Individual")
    other = double.fake.put("Contact", LastName="Spouse", Email="spouse@example.com", IndividualId=individual)
    service = double.service()
    refs = refs_of(service)
    (shared,) = [ref for ref in refs if ref.owner == "shared"]
    assert (shared.store, shared.key) == ("Individual", (individual,))
    assert not [ref for ref in refs if ref.store == "ContactPointTypeConsent"], "the consents of a shared one are not this person's alone"
    assert done(service, "erase", refs)[shared] == Outcome("detached", "shared")
    assert double.fake.org.records[individual].life(double.fake.org.now) == "live"
    assert double.fake.org.records[other].values["IndividualId"] == individual


def test_a_file_goes_with_the_person_unless_it_hangs_elsewhere_too(double: SalesforceDouble) -> None:
    """Whoever of the staff put it there does not count; another person's lead does, and keeps it."""
    double.plant(HANAKO)
    mine = double._first(HANAKO, "ContentDocument")
    lead, lena = double._first(HANAKO, "Lead"), double.fake.put("Lead", LastName="L", Company="C", Email=LENA.email)
    both = double.fake.put("ContentDocument", Title="list of visitors")
    for on in (lead, lena):
        double.fake.put("ContentDocumentLink", ContentDocumentId=both, LinkedEntityId=on)
    service = double.service()
    refs = refs_of(service)
    assert {ref.key[0]: ref.owner for ref in refs if ref.store == "ContentDocument"} == {mine: "subject", both: "shared"}
    assert state_after(done(service, "erase", refs).values()) == "applied"
    lives = {key: double.fake.org.records[key].life(double.fake.org.now) for key in (mine, both, lena)}
    assert lives == {mine: "tail", both: "live", lena: "live"}
    told = {(one.store, one.op): one for one in service.capabilities()}
    assert told["ContentDocument", "fetch"].level == told["Attachment", "fetch"].level == "partial"
    assert told["ContentDocument", "erase"].reason


def test_a_lead_leads_to_the_contact_it_became(double: SalesforceDouble) -> None:
    """Also where the contact has another address since, and from there to what belongs to it."""
    lead = double.fake.put("Lead", LastName="Tanaka", Company="Example", Email=HANAKO.email)
    contact = double.fake.convert(lead)
    double.fake.change(contact, Email="new@example.co.jp")
    case = double.fake.put("Case", ContactId=contact)
    service = double.service()
    refs = refs_of(service)
    assert {ref.key[0] for ref in refs} == {lead, contact, case}
    assert {ref.key[0] for ref in refs_of(service, {"email": ("new@example.co.jp",)})} == {lead, contact, case}
    assert state_after(done(service, "erase", refs).values()) == "applied"
    assert not refs_of(service)


def test_the_operators_own_ids_find_a_record_and_what_belongs_to_it(double: SalesforceDouble) -> None:
    """Of 15 or 18 characters; an id that is none finds nothing and asks nothing."""
    double.plant(HANAKO)
    service = double.service()
    lead = next(str(ref.key[0]) for ref in refs_of(service) if ref.store == "Lead")
    for written in (lead, lead[:15]):
        assert {ref.store for ref in refs_of(service, {"salesforce_lead": (written,)})} >= {"Lead", "Task", "CampaignMember", "Individual"}
    assert not refs_of(service, {"salesforce_lead": ("' OR Id != '",)})


def test_words_of_others_are_shown_and_never_deleted(double: SalesforceDouble) -> None:
    """Somebody's task that names the address is found in its long text; a person has to look."""
    for person in (HANAKO, LENA):
        double.plant(person)
    lena = double._first(LENA, "Lead")
    task = double.fake.put("Task", Subject="visit", Description=f"met {HANAKO.email} at the fair", WhoId=lena)
    longer = double.fake.put("Task", Subject="visit", Description=f"met x{HANAKO.email}", WhoId=lena)
    service = double.service()
    (other,) = [ref for ref in refs_of(service) if ref.owner == "other"]
    assert other.key == (task,)
    assert done(service, "erase", (other,))[other] == Outcome("denied", "named_in_words_of_others")
    assert {double.fake.org.records[one].life(double.fake.org.now) for one in (task, longer)} == {"live"}


def test_more_records_than_one_question_holds(double: SalesforceDouble) -> None:
    """Pages of 200 and 450 tasks: all found once, all erased in one job, the neighbour's as they were."""
    double.plant(HANAKO)
    double.plant(LENA)
    double.fake.api.page = 200
    lead = double._first(HANAKO, "Lead")
    tasks = {double.fake.put("Task", Subject=f"t{at}", WhoId=lead) for at in range(450)}
    others = double.others(HANAKO)
    service = double.service()
    refs = refs_of(service)
    assert {ref.key[0] for ref in refs if ref.store == "Task"} > tasks
    assert len(refs) == len(set(refs))
    assert state_after(done(service, "erase", refs).values()) == "applied"
    assert set(double.others(HANAKO)) - tasks == set(others) - tasks
    assert sum(job.told["object"] == "Task" for job in double.fake.jobs.jobs.values()) == 1


def test_a_name_in_two_fields_is_corrected_whole(double: SalesforceDouble) -> None:
    """Family and given name together are the old name; the new one stands in the first, and nothing of the old is left."""
    lead = double.fake.put("Lead", LastName="田中", FirstName="花子", Company="C", Email=HANAKO.email)
    service = double.service()
    change = {"change": {"name": "佐藤 花子"}, "before": {"name": "花子 田中"}}
    assert {one.word for one in done(service, "correct", refs_of(service), **change).values()} == {"done"}
    values = double.fake.org.records[lead].values
    assert (values["LastName"], values["FirstName"]) == ("佐藤 花子", None)
    history = [one.values["OldValue"] for one in double.fake.org.records.values() if one.kind == "LeadHistory"]
    assert sorted(history) == ["田中", "花子"], "the operator keeps old values, and the capability says so"
    can = next(one for one in service.capabilities() if (one.store, one.op) == ("Lead", "correct"))
    assert can.level == "partial"
    assert "history" in can.reason


def test_a_record_that_says_something_else_is_not_overwritten(double: SalesforceDouble) -> None:
    """Neither old nor new value: conflict. An empty field stays empty. A number is known in any spelling."""
    fine = double.fake.put("Lead", LastName="a", Company="C", Email=HANAKO.email, MobilePhone="+81 3-1234-5678")
    other = double.fake.put("Lead", LastName="b", Company="C", Email=HANAKO.email, Phone="+49301234567")
    empty = double.fake.put("Lead", LastName="c", Company="C", Email=HANAKO.email)
    service = double.service()
    outcomes = done(service, "correct", refs_of(service), change={"phone": "+81398765432"}, before={"phone": HANAKO.phone})
    assert {str(ref.key[0]): one.word for ref, one in outcomes.items()} == {fine: "done", other: "conflict", empty: "already"}
    assert double.fake.org.records[fine].values["MobilePhone"] == "+81398765432"
    assert double.fake.org.records[other].values["Phone"] == "+49301234567"


def test_a_correction_does_not_meet_what_somebody_wrote_meanwhile(double: SalesforceDouble) -> None:
    """Changed since it was found: conflict, and the record is as they wrote it."""
    double.plant(HANAKO)
    service = double.service()
    refs = only(refs_of(service), "Lead")
    double.change(HANAKO)
    outcomes = done(service, "correct", refs, change={"phone": "+81398765432"}, before={"phone": HANAKO.phone})
    assert by_store(outcomes) == {"Lead": {("conflict", "changed_since")}}
    assert double.fake.org.records[str(refs[0].key[0])].values["Phone"] == HANAKO.phone


def test_a_rule_of_the_company_is_named_and_the_rest_is_done(double: SalesforceDouble) -> None:
    """A validation rule stops one record of a batch with its code; the others are corrected."""
    double.plant(HANAKO)
    double.fake.rule("Contact", lambda told: told.get("MobilePhone") == "+81398765432", "MobilePhone")
    service = double.service()
    change = {"change": {"phone": "+81398765432"}, "before": {"phone": HANAKO.phone}}
    told = by_store(done(service, "correct", only(refs_of(service), "Lead", "Contact"), **change))
    assert told == {"Lead": {("done", "")}, "Contact": {("denied", "FIELD_CUSTOM_VALIDATION_EXCEPTION")}}


def test_who_has_no_individual_cannot_be_restricted_by_us(double: SalesforceDouble) -> None:
    """It is said, and not passed over; with one, a single switch stands for all records."""
    double.fake.put("Lead", LastName="T", Company="C", Email=HANAKO.email)
    service = double.service()
    assert by_store(done(service, "restrict", refs_of(service))) == {"Lead": {("denied", "individual_missing")}}
    double.plant(LENA)
    refs = only(refs_of(service, LENA.who), "Lead", "Contact", "Individual")
    assert {one.word for one in done(service, "restrict", refs).values()} == {"done"}
    on = [one.values["HasOptedOutProcessing"] for one in double.fake.org.records.values() if one.kind == "Individual"]
    assert on == [True]


def test_a_second_delivery_adds_to_the_record_that_is_known(double: SalesforceDouble) -> None:
    """It changes what is different and makes no second lead; a lead that became a contact is left as it is."""
    service = double.service()
    first, _ = service.write(Delivery(LENA.who, {"name": LENA.name, "email": LENA.email}, ("announce",), "entry", "one"))
    assert double.fake.org.records[str(first.key[0])].values["Company"] == "-"
    fields = {"email": LENA.email, "company": LENA.company}
    again, outcome = service.write(Delivery(LENA.who, fields, ("announce",), "entry", "two", (first,)))
    assert (again, outcome.word) == (first, "done")
    assert double.fake.org.records[str(first.key[0])].values["Company"] == LENA.company
    double.fake.convert(str(first.key[0]))
    third, outcome = service.write(Delivery(LENA.who, fields, ("announce",), "entry", "three", (first,)))
    assert third != first
    assert outcome.word == "done"


def test_a_field_without_a_place_is_refused_before_anything_is_sent(double: SalesforceDouble) -> None:
    """Nothing is cut off in silence: not a field, not the end of a name."""
    service = double.service()
    before = len(double.fake.targets)
    with pytest.raises(ServiceError, match="field_not_mapped"):
        service.write(Delivery(LENA.who, {"email": LENA.email, "work_history": "x"}, ("announce",), "entry", "one"))
    assert len(double.fake.targets) == before
    with pytest.raises(ServiceError) as caught:
        service.write(Delivery(LENA.who, {"name": "長" * 81}, ("announce",), "entry", "two"))
    assert (caught.value.trouble, caught.value.diagnostic.code) == ("tenant", "STRING_TOO_LONG")


def test_what_a_law_keeps_is_written_over(double: SalesforceDouble) -> None:
    """A case that must be kept loses its words, answers `held`, and keeps the contact it names; the lead goes."""
    double.plant(HANAKO)
    case = {
        "identity": {"email": ["SuppliedEmail"], "phone": ["SuppliedPhone"]}, "of": {"ContactId": ["Contact"]}, "fields": {"name": "SuppliedName"},
        "free_text": ["Description"], "erase": {"keep": "product_liability", "mask": {"Description": "~", "Subject": "kept"}},
    }  # fmt: skip
    service = double.service(objects={"Case": case})
    told = by_store(done(service, "erase", refs_of(service)))
    assert told["Case"] == {("held", "product_liability")}
    assert told["Contact"] == {("held", "kept_by_what_belongs_to_it")}
    assert told["Lead"] == {("pending_window", "")}
    kept = [one.values for one in double.fake.org.records.values() if one.kind == "Case"]
    assert {(one["Subject"], one.get("Description")) for one in kept} == {("kept", None)}
    can = next(one for one in service.capabilities() if (one.store, one.op) == ("Case", "erase"))
    assert (can.level, "product_liability" in can.reason) == ("partial", True)


def test_samples_say_what_an_undeclared_field_looks_like(double: SalesforceDouble) -> None:
    """Kind, share and count, and never a value; a field of the map that the organisation does not have is said, too."""
    double.fake.add_fields("Lead", "Second__c:string:80 Score__c:double")
    for at, second in enumerate(("a@example.com", "b@example.com", "none", None)):
        double.fake.put("Lead", LastName=f"p{at}", Company="C", Second__c=second)
    del double.fake.org.objects["Contact"].fields["Fax"]
    told = {(one.store, one.field): one for one in double.service().discover()}
    second = told["Lead", "Second__c"]
    assert (second.what, second.kind, round(second.share, 2), second.count) == ("field_not_in_policy", "email", 0.67, 3)
    assert told["Lead", "Score__c"].kind == ""
    assert told["Contact", "Fax"].what == "declared_but_empty"
    assert "a@example.com" not in repr(told)


@pytest.mark.parametrize(
    ("own", "place", "text"),
    [
        ({"objects": {"Lead": {"identty": {}}}}, "objects[...]", "identty"),
        ({"objects": {"Visitor__c": {"fields": {"name": "Name"}}}}, "objects.Visitor__c", "nothing leads from a person"),
        ({"objects": {"Task": {"of": {"WhoId": ["Leed"]}}}}, "objects.Task", "`Leed`"),
        ({"objects": {"Lead": {"identity": {"email": ["Email FROM Lead"]}}}}, "objects.Lead", "no name of an object"),
        ({"objects": {"Lead": {"identity": {"email": ["Email"]}, "not_personal": ["Email"]}}}, "objects.Lead.Email", "personal and not"),
        ({"write": {"object": "Nothing", "external_id": "X__c"}}, "write.object", "`Nothing`"),
    ],
)
def test_a_wrong_map_is_refused_with_file_and_place(own: dict[str, Any], place: str, text: str) -> None:
    """Unknown keys, names that are none, ends that lead nowhere."""
    with pytest.raises(MapError) as caught:
        with_own("connections/sf.yaml", own)
    assert str(caught.value).startswith("connections/sf.yaml: ")
    assert any(text in one.text and one.place.startswith(place.rstrip(".")) for one in caught.value.troubles)


def test_an_object_can_be_left_out_and_added() -> None:
    """The shipped map holds together, and a connection changes it object by object."""
    own = {"objects": {"Event": "~", "Visitor__c": {"identity": {"email": ["Address__c"]}, "fields": {"email": "Address__c"}}}}
    told = with_own("c.yaml", own)
    assert set(told.objects) == set(shipped().objects) - {"Event"} | {"Visitor__c"}
    assert set(told.order()) == set(told.objects)


@pytest.mark.parametrize(
    ("wrong", "text"),
    [
        ({"url": "https://example.com"}, "url"),
        ({"url": "http://example.my.salesforce.com"}, "url"),
        ({"url": "https://my.salesforce.com.example.com"}, "url"),
        ({"login": {"client_id": "secret:id"}}, "login"),
        ({"login": {"client_id": "secret:id", "client_secret": "secret:key", "password": "x"}}, "login"),
        ({"shoe": "1"}, "shoe"),
        ({"stated": "yesterday"}, "stated"),
        ({"kind": "marketo"}, "kind"),
    ],
)
def test_a_connection_that_is_wrong_is_refused_before_any_call(double: SalesforceDouble, wrong: dict[str, Any], text: str) -> None:
    """A credential goes to the operator's hosts only, and each key is known."""
    with pytest.raises(ConnectionFileError, match=text):
        connect("salesforce", {**double.settings(), **wrong}, SECRETS.__getitem__, double.clock)


def test_a_credential_follows_nobody_to_another_host(double: SalesforceDouble) -> None:
    """A redirect is no answer, and an organisation that names another host is not called."""
    seen: list[str] = []

    async def elsewhere(scope: Any, receive: Any, send: Any) -> None:
        seen.append(scope["path"])
        head = [(b"location", b"http://127.0.0.1:9/"), (b"content-length", b"0")]
        await send({"type": "http.response.start", "status": 302, "headers": head})
        await send({"type": "http.response.body", "body": b""})

    with serving(elsewhere) as running:
        settings = {**double.settings(), "url": running.url, "login": {"session": "secret:id"}}
        service = connect("salesforce", settings, SECRETS.__getitem__, double.clock)
        with pytest.raises(ServiceError) as caught:
            tuple(service.find(WHO))
        service.close()
    assert caught.value.trouble == "unknown"
    assert len(seen) == 1


def test_another_host_named_at_the_login_is_not_called(double: SalesforceDouble) -> None:
    """The address that the login answers with has to be the one of the settings."""

    async def login(scope: Any, receive: Any, send: Any) -> None:
        body = b'{"access_token": "t", "instance_url": "https://evil.example.com"}'
        head = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": head})
        await send({"type": "http.response.body", "body": body})

    with serving(login) as running:
        proxy = FaultProxy(running.url)
        service = connect("salesforce", {**double.settings(), "url": proxy.url}, SECRETS.__getitem__, double.clock)
        with pytest.raises(ServiceError, match="host_not_allowed"):
            tuple(service.find(WHO))
        service.close()
        proxy.close()
    assert proxy.seen == ["POST /services/oauth2/token"]


def test_what_a_store_cannot_do_is_refused_before_the_first_call(double: SalesforceDouble) -> None:
    """A membership has nothing to correct."""
    double.plant(OLIVER)
    service = double.service()
    refs = only(refs_of(service, OLIVER.who), "CampaignMember")
    with pytest.raises(Exception, match="cannot correct"):
        need(service, Job("correct", OLIVER.who, refs, change=Frozen({"name": "x"})))
