"""What was taken goes where its purposes say, only the fields they need, and what a person decides follows it there."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from tests.services.connected import Instance, Organisation, clouds
from tests.support import HANAKO, LENA, OFFICER, SATO, V1, VISITOR, Site
from upheld.rights import actions as rights
from upheld.services import store
from upheld.services.actions import carry_out
from upheld.services.manual import Answered, answer_by_hand

Clouds = tuple[Organisation, Instance]


@pytest.fixture
def site() -> Iterator[Site]:
    with Site() as running:
        running.staff(SATO)
        running.staff(OFFICER)
        yield running


@pytest.fixture
def outside(site: Site) -> Iterator[Clouds]:
    assert site.folder is not None
    with clouds(site.folder, site.clock) as both:
        yield both


def _carry(site: Site) -> None:
    site.house.settle()
    carry_out(site.house)
    site.house.settle()


def _leads(organisation: Organisation) -> list[dict[str, Any]]:
    found = organisation.state()["records"].values()
    return [one for one in found if one["kind"] == "Lead" and one["life"] == "live" and one["Email"] != "canary@example.com"]


def _people(instance: Instance) -> list[dict[str, Any]]:
    return [one for one in instance.state()["leads"].values() if one["email"] != "canary@example.com"]


def _entries(site: Site, kind: str) -> list[dict[str, Any]]:
    return [site.house.ledger.body(one) for one in site.house.ledger.entries_since(0, 1000, kinds=(kind,))]


def test_a_form_reaches_the_services_of_its_purposes_with_the_fields_these_need(site: Site, outside: Clouds) -> None:
    """One lead each, with what the purposes need; the ledger names service, fields and the gate's leave."""
    site.collect(HANAKO, "event", consents=["announce"])
    _carry(site)
    organisation, instance = outside
    (lead,), (person,) = _leads(organisation), _people(instance)
    assert (lead["LastName"], lead["Email"], lead.get("Phone")) == ("-", HANAKO.email, None), "to announce takes the address alone"
    assert (person["email"], person["phone"]) == (HANAKO.email, HANAKO.fields["phone"]), "to analyse takes more"
    sent = {body["service"]: body for body in _entries(site, "service.sent")}
    assert set(sent) == {"salesforce", "marketo"}
    made = [one.ref for one in site.house.ledger.entries_since(0, 1000, kinds=("transfer.made",))]
    for body in sent.values():
        assert set(body["decisions"]) <= set(made)
        assert HANAKO.email not in repr(body)
    policy = site.house.in_force().policy
    stated = {one.purpose for one in policy.situations["event"].purposes}
    assert set(sent["marketo"]["purposes"]) <= stated & set(policy.services["marketo"].purposes)


def test_carrying_on_again_sends_nothing_twice(site: Site, outside: Clouds) -> None:
    site.collect(HANAKO, "event", consents=["announce"])
    _carry(site)
    used = [one.state()["used"] for one in outside]
    _carry(site)
    assert [one.state()["used"] for one in outside] == used
    assert len(_leads(outside[0])) == len(_people(outside[1])) == 1


def test_what_the_gate_refuses_is_not_sent_and_says_why(site: Site, outside: Clouds) -> None:
    """Whoever withdrew before it was sent is not sent for that purpose; nothing of it is outside."""
    subject = site.collect(LENA, "event", consents=["announce"])["subject"]
    assert site.state_choice(subject, "announce", "withdraw").status_code == 201
    _carry(site)
    for body in _entries(site, "service.sent"):
        assert "announce" not in body["purposes"]
    with site.house.store.read() as tx:
        counts = store.counts(tx)
    assert sum(counts.values()) >= 2


def test_what_a_service_has_no_place_for_is_refused_and_waits_for_nobody(site: Site, outside: Clouds) -> None:
    """A visit without an address cannot be kept in Marketo: said with its code, and not a task for anybody."""
    site.collect(V1, "browsing", visitor=VISITOR)
    _carry(site)
    codes = {body["service"]: body["code"] for body in _entries(site, "service.failed")}
    assert codes == {"marketo": "service_not_capable", "salesforce": "consent_missing"}
    with site.house.store.read() as tx:
        assert store.unfinished(tx, 10) == []
    assert not _people(outside[1])


def test_a_withdrawal_stops_mail_in_every_service_that_has_the_person(site: Site, outside: Clouds) -> None:
    """GDPR 7(3), the mail act: the switches that stop mail are set at once, and given again where consent is."""
    subject = site.collect(HANAKO, "event", consents=["announce"])["subject"]
    _carry(site)
    assert site.state_choice(subject, "announce", "withdraw").status_code == 201
    _carry(site)
    organisation, instance = outside
    assert _leads(organisation)[0]["HasOptedOutOfEmail"] is True
    assert _people(instance)[0]["unsubscribed"] is True
    assert {body["service"] for body in _entries(site, "service.suppressed")} == {"salesforce", "marketo"}


def test_an_erasure_goes_to_the_source_first_and_the_sink_does_not_bring_her_back(site: Site, outside: Clouds) -> None:
    """Salesforce before Marketo; after the feed has run, and a day later, she is in neither."""
    subject = site.collect(HANAKO, "event", consents=["announce"])["subject"]
    site.collect(LENA, "event", consents=["announce"])
    _carry(site)
    made = rights.receive(site.house, right="erasure", residence="JP", subject=subject)
    rights.identify(site.house, made.number, by=OFFICER.number)
    rights.approve(site.house, made.number, by=OFFICER.number)
    for minutes in (0, 1, 6, 16, 60 * 25):
        site.clock.set(site.clock.now() + timedelta(minutes=minutes))
        _carry(site)
    organisation, instance = outside
    assert [one["Email"] for one in _leads(organisation)] == [LENA.email]
    assert [one["email"] for one in _people(instance)] == [LENA.email]
    found = rights.get(site.house, made.number)
    assert found.state == "ready", found.certificate
    told = {place["place"]: place for place in found.certificate["places"]}
    assert told["salesforce"]["state"] in {"pending", "done"}
    assert told["marketo"]["state"] in {"pending", "done"}
    assert told["slack"]["state"] == "already_absent"


@pytest.mark.row("M65")
def test_m65_an_erasure_reaches_every_service_and_ends_only_when_each_has_answered(site: Site, outside: Clouds) -> None:
    """Two services by themselves, Google Cloud by hand because leave was given and nothing is connected there."""
    subject = site.collect(HANAKO, "event", consents=["announce"])["subject"]
    asked = {"subject": subject, "service": "gcp", "purpose": "analyse", "fields": ["company"]}
    assert site.http.post("/api/v1/transfers", json=asked, headers=site.staff(SATO)).status_code == 200
    _carry(site)
    made = rights.receive(site.house, right="erasure", residence="JP", subject=subject)
    rights.identify(site.house, made.number, by=OFFICER.number)
    rights.approve(site.house, made.number, by=OFFICER.number)
    _carry(site)
    site.clock.set(site.clock.now() + timedelta(minutes=1))
    _carry(site)
    assert not _leads(outside[0])
    assert not _people(outside[1])
    with pytest.raises(rights.RequestError):
        rights.hand_over(site.house, made.number, by=OFFICER.number)
    open_ = {one["place"]: one for one in rights.get(site.house, made.number).certificate["places"]}
    assert open_["gcp"]["state"] == "unanswered"
    told = Answered("complete", where="deleted from the export by its key, in the console")
    answer_by_hand(site.house, made.number, "gcp", told, by=SATO.number)
    found = rights.get(site.house, made.number)
    assert found.state == "ready"
    places = {one["place"]: one for one in found.certificate["places"]}
    for service in ("salesforce", "marketo"):
        assert (places[service]["state"], places[service]["found_after"]) == ("pending", 0)
        assert places[service]["found_before"] >= 1
        assert places[service]["at"]
        assert "copies go by" in places[service]["why"]
    assert places["gcp"]["state"] == "done"
    assert {places[name]["state"] for name in ("aws", "slack")} == {"already_absent"}
    rights.hand_over(site.house, made.number, by=OFFICER.number)
    assert rights.get(site.house, made.number).state == "closed"
