"""Consents as records that other systems read: ISO/IEC TS 27560 as JSON and JSON-LD, and Kantara v1.1.0."""

from __future__ import annotations

import json
from typing import Any

import pytest
import rdflib

from tests.support import LENA, Site
from upheld.basis.export import _STATUS
from upheld.basis.model import CONSENT_STATES, OBJECTION_STATES

DPV = rdflib.Namespace("https://w3id.org/dpv#")
PROFILES = rdflib.Namespace("https://w3id.org/dpv/schema/dpv-27560#")
HEADER = {"schema_version", "record_id", "receipt_id", "pii_principal_id"}
PROCESSING = {
    "privacy_notice", "language", "purpose", "pii_information", "pii_controllers", "storage_locations",
    "retention_period", "jurisdiction", "recipient_third_parties", "withdrawal_method", "lawful_basis", "purpose_type",
    "collection_method", "processing_method", "rights", "authority",
}  # fmt: skip
PARTY = {"party_id", "party_name", "party_address", "party_contact", "party_type"}
EVENT = {"event_time", "validity_duration", "entity_id", "event_type", "event_state"}


@pytest.fixture(scope="module")
def receipt(site: Site) -> str:
    """Lena signs up for an event and agrees to announcing, in English."""
    return str(site.collect(LENA, "event", consents=["announce"], language="en")["receipt"])


def fetch(site: Site, receipt: str, form: str) -> Any:
    answer = site.http.get(f"/consent/receipts/{receipt}", params={"format": form})
    assert answer.status_code == 200, answer.text
    return answer


@pytest.mark.row("M43")
def test_m43_the_receipt_carries_every_field_of_the_standard(site: Site, receipt: str) -> None:
    """Header, processing, parties and events are whole, name the notice that was shown, and say given."""
    told = fetch(site, receipt, "json").json()
    assert set(told) >= HEADER
    assert all(told[name] for name in HEADER)
    (one,) = told["pii_processing"]
    assert set(one) >= PROCESSING
    may_be_empty = {"recipient_third_parties"}
    assert [name for name in PROCESSING - may_be_empty if not one[name]] == []
    policy = site.house.in_force().policy
    notice = one["privacy_notice"]
    assert (notice["version"], notice["sha256"], notice["situation"]) == ("1", policy.promise_hash, "event")
    assert notice["url"] == f"{site.url}/privacy/en/v/1"
    assert site.http.get(notice["url"]).status_code == 200
    assert one["purpose"]["text"] == policy.purposes["announce"].text["en"]
    assert {field["pii_type"] for field in one["pii_information"]} == set(policy.situations["event"].fields)
    assert set(one["storage_locations"]) == {"JP", "US"}
    assert all(set(party) == PARTY for party in told["party_identification"])
    assert {party["party_type"] for party in told["party_identification"]} == {"pii_controller", "pii_processor"}
    (event,) = told["events"]
    assert set(event) >= EVENT
    assert (event["event_state"], event["entity_id"], event["language"]) == ("given", "pii_principal", "en")


def test_the_linked_record_is_read_back_as_triples(site: Site, receipt: str) -> None:
    """Parsed with no remote context: a receipt of the profile, its purpose, its notice, its status with a time."""
    answer = fetch(site, receipt, "jsonld")
    assert answer.headers["content-type"].startswith("application/ld+json")
    graph = rdflib.Graph().parse(data=answer.text, format="json-ld")
    (node,) = graph.subjects(rdflib.RDF.type, DPV.ConsentReceipt)
    assert (node, rdflib.DCTERMS.conformsTo, PROFILES["receipt-eu-gdpr"]) in graph
    (process,) = graph.objects(node, DPV.hasProcess)
    (purpose,) = graph.objects(process, DPV.hasPurpose)
    assert (purpose, rdflib.RDF.type, DPV.DirectMarketing) in graph
    (status,) = graph.objects(process, DPV.hasConsentStatus)
    assert (status, rdflib.RDF.type, DPV.ConsentGiven) in graph
    (at,) = graph.objects(status, DPV.isIndicatedAtTime)
    assert at.toPython().tzinfo is not None  # type: ignore[attr-defined]
    (notice,) = graph.objects(process, DPV.hasNotice)
    assert (notice, rdflib.DCTERMS.identifier, rdflib.Literal(site.house.in_force().policy.promise_hash)) in graph
    assert len(list(graph.objects(process, DPV.hasPersonalData))) == 6


def test_the_kantara_receipt_is_whole(site: Site, receipt: str) -> None:
    """Every field that v1.1.0 requires stands in the second export, with its type."""
    told = fetch(site, receipt, "kantara").json()
    assert told["version"] == "KI-CR-v1.1.0"
    assert isinstance(told["consentTimestamp"], int)
    assert told["consentReceiptID"] == receipt
    for name in ("jurisdiction", "collectionMethod", "publicKey", "language", "piiPrincipalId", "policyUrl"):
        assert isinstance(told[name], str)
        assert told[name]
    (controller,) = told["piiControllers"]
    assert controller["email"] == site.house.in_force().policy.contact.mailbox
    (purpose,) = told["services"][0]["purposes"]
    needed = {"purpose", "purposeCategory", "consentType", "piiCategory", "primaryPurpose", "termination", "thirdPartyDisclosure"}
    assert needed <= set(purpose)
    assert purpose["thirdPartyDisclosure"] is False


def test_no_export_holds_a_value_of_the_person(site: Site, receipt: str) -> None:
    """Names of fields stand in the exports, never what Lena wrote into them."""
    for form in ("json", "jsonld", "kantara"):
        text = fetch(site, receipt, form).text
        assert [value for value in LENA.some("name", "email", "phone", "company").values() if value in text] == []


def test_an_export_tells_the_whole_history(site: Site) -> None:
    """Give, withdraw, give leaves three events in each export, and the state of today."""
    person = {"name": "Ada Example", "email": "ada@example.de", "company": "Beispiel GmbH"}
    done = site.send("event", person, country="DE", consents=["announce"]).json()
    site.state_choice(done["subject"], "announce", "withdraw")
    site.state_choice(done["subject"], "announce", "give", notice_receipt=site.receipt("event"))
    told = fetch(site, done["receipt"], "json").json()
    assert [event["event_state"] for event in told["events"]] == ["given", "withdrawn", "given"]
    assert told["pii_processing"][0]["state"] == "given"
    graph = rdflib.Graph().parse(data=json.dumps(fetch(site, done["receipt"], "jsonld").json()), format="json-ld")
    kinds = [str(kind).rpartition("#")[2] for status in graph.objects(None, DPV.hasConsentStatus) for kind in graph.objects(status, rdflib.RDF.type)]
    assert sorted(kinds) == ["ConsentGiven", "ConsentGiven", "ConsentWithdrawn"]


def test_the_format_is_chosen_by_address_or_by_what_is_accepted(site: Site, receipt: str) -> None:
    """`?format=` wins over `Accept`; an unknown format is refused by name of the member alone."""
    address = f"/consent/receipts/{receipt}"
    linked = site.http.get(address, headers={"accept": "application/ld+json"})
    assert linked.headers["content-type"].startswith("application/ld+json")
    assert site.http.get(address, headers={"accept": "text/html"}).headers["content-type"].startswith("text/html")
    wrong = site.http.get(address, params={"format": "xml"}, headers={"accept": "application/json"})
    assert (wrong.status_code, wrong.json()["fields"]) == (422, ["format"])


def test_every_state_has_a_name_in_dpv() -> None:
    """No state that a purpose can be in is left out of the linked record."""
    assert set(_STATUS) == {*CONSENT_STATES, *OBJECTION_STATES}
