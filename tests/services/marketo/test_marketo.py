"""What is special about Marketo: success record by record under a 200, its limits, and what outlives the person."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.services.marketo.double import Instance, Swap
from upheld.services.contract import HANAKO, LENA, OLIVER, FaultProxy
from upheld.services.contract.suite import erase
from upheld.services.marketo import MarketoService, connect
from upheld.services.marketo.errors import TROUBLES, quota_again
from upheld.services.marketo.fake.limits import LIFE
from upheld.services.marketo.reading import LEADS, everything
from upheld.services.model import Delivery, Job, Outcome, Ref
from upheld.services.port import PASSING, NotCapableError, ServiceError
from upheld.services.rules import Trouble, state_after


def leads(refs: Iterator[Ref]) -> tuple[Ref, ...]:
    return tuple(ref for ref in refs if ref.store == LEADS)


@pytest.fixture
def service(instance: Instance) -> MarketoService:
    instance.plant(HANAKO)
    instance.plant(LENA)
    return instance.service()


@pytest.mark.parametrize(
    ("code", "trouble"),
    [
        ("601", "token"), ("602", "token"), ("606", "throttle"), ("615", "throttle"), ("607", "quota"), ("1029", "quota"),
        ("502", "transient"), ("604", "transient"), ("608", "transient"), ("611", "transient"), ("614", "transient"), ("713", "transient"),
        ("1004", "absent"), ("1013", "absent"), ("603", "permission"), ("1008", "permission"), ("1018", "tenant"), ("1022", "tenant"),
        ("609", "bug"), ("610", "bug"), ("1006", "bug"), ("1999", "unknown"),
    ],
)  # fmt: skip
def test_each_published_code_is_one_class_of_trouble(instance: Instance, code: str, trouble: Trouble) -> None:
    """All of them come with status 200; one that nobody has published is unknown, and is not repeated."""
    service = instance.service()
    assert not list(service.find(HANAKO.who))
    instance.fake.fault(code, times=3)
    with pytest.raises(ServiceError) as caught:
        list(service.find(HANAKO.who))
    assert caught.value.trouble == trouble
    assert caught.value.diagnostic.permanent == (trouble not in PASSING)
    assert caught.value.diagnostic.code == ("unknown" if trouble == "unknown" else code)
    assert (code in TROUBLES) == (trouble != "unknown")
    instance.fake.calm()


def test_a_refused_deletion_was_not_carried_out_and_is_asked_for_again(instance: Instance, service: MarketoService) -> None:
    """Six hundreds mean that nothing happened: asked again inside the call, it is done once, and each record answered once."""
    refs = tuple(service.find(HANAKO.who))
    instance.fake.fault("606", after=2)  # read, leave the list, and then the deletion is refused
    outcomes = erase(service, HANAKO, refs)
    assert {one.word for ref, one in outcomes.items() if ref.store == LEADS} == {"pending_window"}
    assert instance.fake.calls["POST /rest/v/leads/delete.json"] == 1
    assert not instance.held(HANAKO)


def test_success_is_told_record_by_record(instance: Instance, service: MarketoService) -> None:
    """One call, answered with success: one record deleted, one passed over; the passed one is denied and still there."""
    instance.forbid(HANAKO)
    refs = leads(service.find(HANAKO.who))
    outcomes = erase(service, HANAKO, refs)
    assert [outcomes[ref].word for ref in refs] == ["denied", "pending_window"]
    assert outcomes[refs[0]].code == "1008"
    assert state_after(outcomes.values()) == "denied"
    assert refs[0].key[0] in instance.fake.people.leads


def test_what_vanished_meanwhile_is_already_gone_and_its_name_is_still_shown(instance: Instance, service: MarketoService) -> None:
    """Somebody deleted one by hand: the operator's list of deletions says when, and until when it names the person."""
    refs = leads(service.find(HANAKO.who))
    instance.fake.people.delete(int(str(refs[0].key[0])))
    gone = instance.now
    instance.advance(timedelta(days=3))
    outcomes = erase(service, HANAKO, refs)
    assert outcomes[refs[0]].word == "pending_window"
    assert outcomes[refs[0]].until == gone + timedelta(days=14)
    instance.advance(timedelta(days=15))
    assert {one.word for one in erase(service, HANAKO, refs).values()} == {"already"}


def test_the_evidence_is_the_operators_own_and_no_value(instance: Instance, service: MarketoService) -> None:
    """The id of the request and the number of the deletion in the operator's list, which also shows a name: that is not taken."""
    outcome = erase(service, HANAKO, leads(service.find(HANAKO.who))).popitem()[1]
    request, activity = outcome.evidence.split()
    assert "#" in request
    assert activity.startswith("activity:")
    assert not any(value in repr(outcome) for value in HANAKO.values)
    assert instance.fake.people.gone[-1].name


def test_an_expired_token_is_renewed_in_the_middle_of_a_page(instance: Instance, service: MarketoService) -> None:
    """602 once: a new token, the same call again; the operator's own hour is kept without being told."""
    list(service.find(HANAKO.who))
    instance.fake.gate.expire()
    assert len(leads(service.find(HANAKO.who))) == 2
    instance.advance(LIFE - timedelta(seconds=30))
    before = len(instance.proxy.seen)
    assert len(leads(service.find(HANAKO.who))) == 2
    assert [one for one in instance.proxy.seen[before:] if "oauth" in one], "renewed before it ran out"


def test_a_wrong_secret_needs_a_person_and_is_not_tried_again(instance: Instance) -> None:
    """The identity call answers 401: denied, not a token that ran out."""
    service = instance.service(client_id="nobody-knows-this")
    with pytest.raises(ServiceError) as caught:
        list(service.find(HANAKO.who))
    assert (caught.value.trouble, caught.value.diagnostic.code) == ("permission", "invalid_client")
    assert sum("oauth" in one for one in instance.proxy.seen) == 1


def test_more_people_than_a_page_are_all_found_and_an_old_page_token_begins_anew(instance: Instance) -> None:
    """More than six hundred records of one address over three pages; a token that the operator forgot is trouble that passes."""
    made = {instance.fake.put(email=OLIVER.email, lastName=OLIVER.name) for _ in range(610)}
    service = instance.service()
    assert [row["id"] for row in everything(service.client, service.mapping, OLIVER.who)] == sorted(made)
    pages = service.client.pages("leads.json", {"filterType": "email", "filterValues": OLIVER.email, "batchSize": "300"})
    next(pages)
    instance.fake.api.pages.expire()
    with pytest.raises(ServiceError) as caught:
        next(pages)
    assert (caught.value.trouble, caught.value.diagnostic.code) == ("transient", "page_token_expired")


def test_many_long_values_go_in_a_body_and_a_body_too_large_is_our_fault(instance: Instance) -> None:
    """Over eight kilobytes of addresses are found, none of them in a URL; over a megabyte is refused with 413."""
    addresses = tuple(f"{'x' * 50}{number}@example.com" for number in range(600))
    for address in addresses[::100]:
        instance.fake.put(email=address)
    service = instance.service()
    assert len(leads(service.find({"email": addresses}))) == 6
    assert max(map(len, instance.fake.targets)) < 200
    for sent, code in ((lambda: service.client.tell("leads.json", {"input": [{"email": "x" * 1_100_000}]}), "http_413"),
                       (lambda: service.client.ask("lists.json?" + "x" * 9000), "http_414")):  # fmt: skip
        with pytest.raises(ServiceError) as caught:
            sent()
        assert (caught.value.trouble, caught.value.diagnostic.code) == ("bug", code)


def test_who_cannot_be_searched_for_is_said_and_never_found_missing(instance: Instance, service: MarketoService) -> None:
    """A telephone number is no search there, nor is an address with a comma: raised, so that nobody reads it as nobody."""
    with pytest.raises(NotCapableError):
        list(service.find({"phone": (HANAKO.phone,)}))
    with pytest.raises(ServiceError, match="value_has_comma"):
        list(service.find({"email": ('"tanaka,hanako"@example.co.jp',)}))


def test_an_unsubscribe_outlives_the_person_by_address(instance: Instance, service: MarketoService) -> None:
    """Suppressed, erased, written anew by a form: the new record does not get mail, and no delivery undoes that."""
    refs = leads(service.find(HANAKO.who))
    assert {one.word for _, one in service.apply(Job("suppress", HANAKO.who, refs))} == {"done"}
    assert state_after(erase(service, HANAKO, tuple(service.find(HANAKO.who))).values()) == "applied", "a flag of ours is no change"
    ref, _ = service.write(Delivery(HANAKO.who, {"email": HANAKO.email, "name": HANAKO.name}, ("announce",), "entry", "again"))
    (item,) = service.fetch((ref,))
    assert item.fields["unsubscribed"] == "True"


def test_a_new_address_does_not_bring_mail_back(instance: Instance, service: MarketoService) -> None:
    """The operator keeps the flag by address: corrected to another one, the person would get mail again. They do not."""
    refs = leads(service.find(HANAKO.who))
    list(service.apply(Job("suppress", HANAKO.who, refs)))
    new = "hanako.tanaka@example.co.jp"
    job = Job("correct", HANAKO.who, refs, change={"email": new}, before={"email": HANAKO.email})
    assert {one.word for _, one in service.apply(job)} == {"done"}
    for key in instance.leads[HANAKO.key]:
        values = instance.fake.people.leads[key].values
        assert (values["email"], values["unsubscribed"]) == (new, True)
    assert new in instance.fake.people.unsubscribed


def test_a_flag_that_the_operator_drops_with_the_address_is_set_again(
    instance: Instance, service: MarketoService, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the operator ignores the flag that comes with a new address, a look afterwards sees it and mends it."""
    refs = leads(service.find(HANAKO.who))
    list(service.apply(Job("suppress", HANAKO.who, refs)))
    whole = instance.fake.people.update

    def forgetful(lead: int, values: Mapping[str, Any]) -> None:
        whole(lead, {name: value for name, value in values.items() if not (name == "unsubscribed" and "email" in values)})

    monkeypatch.setattr(instance.fake.people, "update", forgetful)
    list(service.apply(Job("correct", HANAKO.who, refs, change={"email": "new@example.co.jp"})))
    assert all(instance.fake.people.leads[key].values["unsubscribed"] for key in instance.leads[HANAKO.key])


def test_a_suppression_is_not_taken_back_from_somebody_who_unsubscribed_too(instance: Instance, service: MarketoService) -> None:
    """One record of the address is unsubscribed by the person: giving ours back would give all of them back."""
    refs = leads(service.find(HANAKO.who))
    list(service.apply(Job("suppress", HANAKO.who, refs)))
    instance.fake.change(instance.leads[HANAKO.key][1], unsubscribed=True, unsubscribedReason="clicked the link")
    assert {one for _, one in service.apply(Job("unsuppress", HANAKO.who, refs))} == {Outcome("denied", "not_ours")}
    assert all(instance.fake.people.leads[key].values["unsubscribed"] for key in instance.leads[HANAKO.key])


def test_only_our_own_flags_are_taken_back(instance: Instance, service: MarketoService) -> None:
    """Who asked not to be called stays uncalled when a restriction ends."""
    first = instance.leads[HANAKO.key][0]
    instance.fake.change(first, doNotCall=True, doNotCallReason="asked on the phone")
    refs = leads(service.find(HANAKO.who))
    list(service.apply(Job("restrict", HANAKO.who, refs)))
    values = instance.fake.people.leads[first].values
    assert all(values[flag] is True for flag in ("marketingSuspended", "blackListed", "doNotCall"))
    list(service.apply(Job("release", HANAKO.who, refs)))
    assert not values["marketingSuspended"]
    assert not values["blackListed"]
    assert (values["doNotCall"], values["doNotCallReason"]) == (True, "asked on the phone")


def test_a_correction_of_a_name_leaves_no_half_of_the_old_one(instance: Instance) -> None:
    """Where first and last name stand apart, the whole name is written in one place and the other is emptied."""
    lead = instance.fake.put(email=LENA.email, firstName="Lena", lastName="Fischer")
    service = instance.service()
    refs = leads(service.find(LENA.who))
    job = Job("correct", LENA.who, refs, change={"name": "Lena Fischer-Beispiel"}, before={"name": "Fischer Lena"})
    assert [one.word for _, one in service.apply(job)] == ["done"]
    values = instance.fake.people.leads[lead].values
    assert (values["firstName"], values["lastName"]) == (None, "Lena Fischer-Beispiel")
    assert [one.word for _, one in service.apply(job)] == ["already"]
    stranger = Job("correct", LENA.who, refs, change={"name": "Lena Weber"}, before={"name": "Somebody Else"})
    assert [one.word for _, one in service.apply(stranger)] == ["conflict"]
    with pytest.raises(NotCapableError, match="inquiry"):
        list(service.apply(Job("correct", LENA.who, refs, change={"inquiry": "x"})))


def test_a_field_without_a_place_is_refused_before_anything_is_sent(instance: Instance, service: MarketoService) -> None:
    """A purpose that needs more than the map has a place for does not get half a record."""
    before = instance.writes()
    with pytest.raises(ServiceError, match="field_not_mapped"):
        service.write(Delivery(OLIVER.who, {"email": OLIVER.email, "inquiry": OLIVER.note}, ("announce",), "entry", "idem"))
    assert instance.writes() == before


def test_what_the_instance_noted_is_part_of_an_answer_to_the_person(instance: Instance, service: MarketoService) -> None:
    """Visits and mails with their values, over empty pages and more kinds than one call takes; also the value before a change."""
    first = instance.leads[HANAKO.key][0]
    instance.fake.people.act(first, 1, "/privacy", {"Client IP Address": "192.0.2.7"})
    instance.advance(timedelta(days=100))
    instance.fake.people.act(first, 24, "List 41")
    instance.fake.change(first, company="Example Holdings")
    items = {item.ref.store + str(item.ref.key[-1]): item.fields for item in service.fetch(tuple(service.find(HANAKO.who)))}
    told = " ".join((*items[f"activities{first}"], *items[f"activities{first}"].values()))
    for word in ("Visit Webpage", "192.0.2.7", "Add to List", "New Lead", f"Old Value: {HANAKO.company}"):
        assert word in told
    assert items[f"list_members{first}"]["list"].startswith("List ")


def test_activities_are_not_taken_without_their_person(instance: Instance, service: MarketoService) -> None:
    """Asked for alone they stay, and it is said."""
    logs = tuple(ref for ref in service.find(HANAKO.who) if ref.store == "activities")
    assert {one for _, one in service.apply(Job("erase", HANAKO.who, logs))} == {Outcome("denied", "goes_with_person")}


def test_an_answer_that_leaves_a_record_out_is_no_success(
    instance: Instance, service: MarketoService, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two asked for, one row came back: the second was not answered for, and fails instead of passing."""
    refs = leads(service.find(HANAKO.who))
    whole = instance.fake.api._delete
    short = [type(one)(one.verb, one.path, lambda call: {"result": whole(call)["result"][:1]}, one.params, one.writes)
             if one.handler == whole else one for one in instance.fake.api.routes]  # fmt: skip
    monkeypatch.setattr(instance.fake.api, "routes", tuple(short))
    outcomes = erase(service, HANAKO, refs)
    assert [outcomes[ref].word for ref in refs] == ["pending_window", "failed"]


def test_a_look_at_the_instance_names_a_field_that_went_away(instance: Instance, service: MarketoService) -> None:
    """A mapped field that is not there any more would be written to nowhere."""
    del instance.fake.people.kinds["department"]
    assert [(one.field, one.what) for one in service.discover()] == [("department", "capability_lost")]


def test_the_day_begins_at_the_operators_midnight() -> None:
    """US Central, summer and winter."""
    assert quota_again(datetime(2026, 11, 22, 3, tzinfo=UTC)) == datetime(2026, 11, 22, 6, tzinfo=UTC)
    assert quota_again(datetime(2026, 7, 1, 12, tzinfo=UTC)) == datetime(2026, 7, 2, 5, tzinfo=UTC)


def test_half_of_what_is_left_of_the_day_stays_for_the_companys_own(swap_and_proxy: tuple[Swap, FaultProxy]) -> None:
    """The use is read before the first call of a day; at half of the rest it ends by itself, never by 607, until midnight."""
    instance = Instance(*swap_and_proxy, per_day=60)
    instance.fake.gate.used = 20
    service = instance.service(calls_per_day="60")
    for _ in range((60 - 21) // 2):  # twenty were used, and one to see that
        list(service.find(HANAKO.who))
    with pytest.raises(ServiceError) as caught:
        list(service.find(HANAKO.who))
    assert (caught.value.trouble, caught.value.diagnostic.code) == ("quota", "share_of_day_used")
    assert caught.value.retry_at == quota_again(instance.now)
    assert instance.fake.gate.used == 40
    assert not instance.fake.gate.refused
    instance.advance(quota_again(instance.now) - instance.now)
    assert not list(service.find(HANAKO.who))
    instance.close()


def test_who_may_not_look_at_the_use_takes_half_of_a_whole_day(instance: Instance) -> None:
    """A credential without that permission still works, within its half."""
    service = instance.service(calls_per_day="6")
    instance.fake.fault("603")
    for _ in range(3):
        list(service.find(HANAKO.who))
    with pytest.raises(ServiceError, match="share_of_day_used"):
        list(service.find(HANAKO.who))


def test_ten_threads_are_never_more_than_ten_calls_at_once(swap_and_proxy: tuple[Swap, FaultProxy]) -> None:
    """Twenty threads on one credential, answers that take a while: the operator's limit of ten is reached and not passed."""
    instance = Instance(*swap_and_proxy, latency=0.05, per_window=10_000)
    instance.plant(HANAKO)
    services = [instance.service() for _ in range(20)]
    errors: list[BaseException] = []

    def search(service: MarketoService) -> None:
        try:
            list(service.find(HANAKO.who))
        except ServiceError as error:
            errors.append(error)

    threads = [threading.Thread(target=search, args=(service,)) for service in services]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    assert not errors
    assert not instance.fake.gate.refused
    assert 5 <= instance.fake.gate.most_under_way <= 10
    instance.close()


def test_the_extract_sees_whom_a_search_does_not(instance: Instance, service: MarketoService) -> None:
    """A month by a job: everybody in it, whatever partition, also by telephone number; its records are those of a search."""
    instance.hide(HANAKO)
    assert not list(service.find(HANAKO.who))
    extract = service.extract
    job = extract.begin(instance.now - timedelta(days=30), instance.now)
    assert not extract.ready(job)
    instance.advance(timedelta(minutes=2))
    assert extract.ready(job)
    assert {ref.key[0] for ref in extract.find(job, {"phone": (HANAKO.phone,)})} == set(instance.leads[HANAKO.key])
    assert set(extract.find(job, LENA.who)) == set(leads(service.find(LENA.who)))
    found = {ref.key: ref.version for ref in extract.find(job, LENA.who)}
    assert found == {ref.key: ref.version for ref in leads(service.find(LENA.who))}
    assert sum(LENA.name in item.fields.values() for item in extract.read(job)) == 2


def test_an_extract_that_is_refused_cancelled_or_damaged_says_so(instance: Instance, service: MarketoService) -> None:
    """A full queue is a matter of the day, a cancelled job is begun anew, and a file that is not the operator's is not read."""
    extract, span = service.extract, (instance.now - timedelta(days=1), instance.now)
    jobs = [extract.begin(*span) for _ in range(10)]
    with pytest.raises(ServiceError) as caught:
        extract.begin(*span)
    assert (caught.value.trouble, caught.value.diagnostic.code) == ("quota", "1029")
    extract.cancel(jobs[0])
    with pytest.raises(ServiceError, match="export_cancelled"):
        extract.ready(jobs[0])
    instance.advance(timedelta(minutes=5))
    assert extract.ready(jobs[1])
    instance.fake.exports.jobs[jobs[1]].checksum = "0" * 64
    with pytest.raises(ServiceError, match="checksum"):
        list(extract.read(jobs[1]))


@pytest.mark.parametrize(
    ("settings", "word"),
    [
        ({"url": "https://example.com"}, "url"), ({"url": "http://123-abc-456.mktorest.com"}, "url"),
        ({"url": "https://123-abc-456.mktorest.com/rest"}, "url"), ({"client_secret": "written-out"}, "client_secret"),
        ({"stored_in": ""}, "stored_in"), ({"colour": "blue"}, "colour"), ({"calls_per_20_seconds": "101"}, "calls_per_20_seconds"),
        ({"calls_per_day": "many"}, "calls_per_day"),
    ],
)  # fmt: skip
def test_a_connection_that_would_lead_elsewhere_is_refused(instance: Instance, settings: dict[str, str], word: str) -> None:
    """Only the operator's own host over TLS, only secrets by reference, only keys that mean something."""
    told = {
        "kind": "marketo", "url": "https://123-abc-456.mktorest.com", "client_id": "upheld", "client_secret": "secret:x", "stored_in": "US"
    }  # fmt: skip
    connect("marketo", told, lambda _: "example", instance.clock)
    with pytest.raises(Exception, match=word) as caught:
        connect("marketo", {**told, **settings}, lambda _: "example", instance.clock)
    assert "written-out" not in str(caught.value)
