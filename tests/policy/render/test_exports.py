"""Register, plain data and DPV terms: the same policy for machines and supervisors."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from rdflib import Graph, Namespace
from rdflib.namespace import RDF

from upheld.policy import render
from upheld.policy.model import Evidence, Frozen

DPV = Namespace("https://w3id.org/dpv#")
PD = Namespace("https://w3id.org/dpv/pd#")
LOC = Namespace("https://w3id.org/dpv/loc#")
GDPR = Namespace("https://w3id.org/dpv/legal/eu/gdpr#")
DCT = Namespace("http://purl.org/dc/terms/")
BASE = "https://privacy.example.co.jp"


@pytest.fixture(scope="module")
def graph(reference) -> Graph:
    """Read the document back as any DPV tool does."""
    return Graph().parse(data=json.dumps(render.policy_jsonld(reference, BASE)), format="json-ld")


def test_the_register_has_a_row_for_each_situation_and_purpose(reference) -> None:
    """30 rows, in the order of the folder, each with the columns of GDPR 30(1)."""
    rows = render.register_rows(reference, "en")
    pairs = [(s.id, purpose) for s in reference.situations.values() for purpose in s.purpose_ids]
    assert [(row["situation"], row["purpose"]) for row in rows] == pairs
    assert len(rows) == 30
    event = rows[0]
    assert event["controller"] == "primeNumber Inc."
    assert event["fields"] == ["name", "email", "company", "phone", "occupation", "job_title"]
    assert event["legal_basis"] == {"eea": "legitimate_interests", "uk": "legitimate_interests"}
    assert event["services"] == ["gcp", "marketo"]
    assert event["storage"] == ["JP", "US"]
    assert event["retention"] == [{"after": "last_contact", "period": "P3Y", "count": "from_event"}]
    assert len(event["security"]) == 5
    json.dumps(rows)


def test_the_register_speaks_every_language_of_the_policy(policies) -> None:
    """Ids are the same in each language, texts are not, and a purpose's limits narrow the row."""
    german, english = (render.register_rows(policies["klinikum"], lang) for lang in ("de", "en"))
    assert [row["purpose"] for row in german] == [row["purpose"] for row in english]
    chaplain = next(row for row in german if row["purpose"] == "chaplain")
    assert chaplain["fields"] == ["name", "religion"]
    assert chaplain["sensitive"] == ["religion"]
    assert chaplain["recipients"] == ["chaplaincy"]
    with pytest.raises(KeyError):
        render.register_rows(policies["klinikum"], "ja")


def test_the_policy_as_data_holds_the_promise_and_not_the_evidence(reference) -> None:
    """Anyone may read what was promised; drafts, contracts and roles stay inside."""
    data = json.loads(json.dumps(render.policy_json(reference), ensure_ascii=False))
    assert data["sha256"] == reference.promise_hash
    assert "evidence" not in data["sections"]
    assert data["sections"]["retention"]["ceiling"] == {"after": "relationship_end", "period": "P3Y"}
    assert sum(len(fields) for uses in data["stated"].values() for fields in uses.values()) == 148
    bare = replace(reference, evidence=Evidence(Frozen(), (), (), (), Frozen()))
    assert render.policy_json(bare) == render.policy_json(reference)


def test_the_dpv_document_reads_back(reference, graph) -> None:
    """12 situations, 30 processes in them, 16 purposes, 13 fields and 5 processors come back from the triples."""
    situations = set(graph.subjects(RDF.type, DPV.Collect))
    assert len(situations) == 12
    assert len(set(graph.subjects(RDF.type, DPV.Process)) - situations) == 30
    assert len(set(graph.subjects(RDF.type, DPV.Purpose))) == 16
    assert len(set(graph.subjects(RDF.type, DPV.PersonalData))) == 13
    assert len(set(graph.subjects(RDF.type, DPV.DataProcessor))) == 5
    assert len(set(graph.subjects(RDF.type, DPV.DataSubjectRight))) == len(reference.rights.kinds)


def test_the_dpv_document_uses_the_terms_of_the_mappings(graph) -> None:
    """Purposes, fields, bases and measures carry DPV terms; nothing points outside the known vocabularies."""
    announce = next(graph.subjects(DCT.identifier, next(o for o in graph.objects() if str(o) == "announce")))
    assert (announce, RDF.type, DPV.DirectMarketing) in graph
    assert list(graph.subjects(RDF.type, PD.EmailAddress))
    assert list(graph.subjects(RDF.type, GDPR["A6-1-f"]))
    assert list(graph.subjects(RDF.type, DPV.LegitimateInterestOfController))
    assert list(graph.subjects(RDF.type, DPV.StaffTraining))
    known = ("https://w3id.org/dpv", "http://www.w3.org/", "http://purl.org/", "http://xmlns.com/", BASE)
    assert all(str(predicate).startswith(known) for predicate in graph.predicates())


def test_storage_places_and_durations_can_be_queried(graph) -> None:
    """A query finds 6 storage cells in two countries, and the period of each kind of person."""
    places = list(
        graph.query(
            "SELECT ?country WHERE { ?p a dpv:DataProcessor ; dpv:hasStorageCondition ?s . ?s dpv:hasCountry ?country }",
            initNs={"dpv": DPV},
        )
    )
    assert len(places) == 6
    assert {str(row[0]) for row in places} == {str(LOC.JP), str(LOC.US)}
    lengths = [str(value) for value in graph.objects(None, DPV.hasDuration)]
    assert sorted(lengths) == ["P1Y", "P1Y1M", "P3Y", "P3Y", "P3Y", "P3Y"]  # 13 months read as 1 year and 1


def test_the_dpv_document_stands_alone(reference) -> None:
    """No remote context is fetched to read it."""
    document = render.policy_jsonld(reference, BASE)
    assert isinstance(document["@context"], dict)
    assert all(isinstance(value, str) for value in document["@context"].values())


@pytest.mark.parametrize("name", ["starter", "klinikum", "pebble"])
def test_any_policy_can_be_exported(policies, name) -> None:
    """Policies without mappings, fees or Japanese law give a document, too."""
    policy = policies[name]
    graph = Graph().parse(data=json.dumps(render.policy_jsonld(policy, BASE)), format="json-ld")
    assert len(set(graph.subjects(RDF.type, DPV.Purpose))) == len(policy.purposes)
    assert len(render.register_rows(policy, "en")) == sum(len(s.purposes) for s in policy.situations.values())
