"""The policy in DPV 2.3 terms, as JSON-LD that stands alone: no remote context is needed to read it.

Terms for fields and purposes come from the section `mappings`; what has no term there keeps its own id only.
Rights of Japanese law have no term in DPV: they are ours, under `appi:`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from upheld.policy.model import CompiledPolicy, End, Text

Node = dict[str, Any]
CONTEXT: Mapping[str, Any] = {
    "dpv": "https://w3id.org/dpv#",
    "pd": "https://w3id.org/dpv/pd#",
    "loc": "https://w3id.org/dpv/loc#",
    "eu-gdpr": "https://w3id.org/dpv/legal/eu/gdpr#",
    "dct": "http://purl.org/dc/terms/",
    "rdfs": "http://www.w3.org/2000/01/rdf-schema#",
    "xsd": "http://www.w3.org/2001/XMLSchema#",
    "foaf": "http://xmlns.com/foaf/0.1/",
}
_BASES = {
    "A6-1-a": "dpv:ConsentGiven",
    "A6-1-b": "dpv:Contract",
    "A6-1-c": "dpv:LegalObligation",
    "A6-1-d": "dpv:VitalInterest",
    "A6-1-e": "dpv:PublicInterest",
    "A6-1-f": "dpv:LegitimateInterestOfController",
}
_MEASURES = {
    "organisational": ["dpv:DataProcessingPolicy"],
    "personnel": ["dpv:StaffTraining", "dpv:DataProtectionTraining"],
    "technical": ["dpv:AccessControlMethod"],
    "physical": ["dpv:PhysicalSecureStorage"],
    "external_environment": ["dpv:DataTransferImpactAssessment"],
}
_PEOPLE = {"candidate": "dpv:JobApplicant", "customer": "dpv:Customer", "user": "dpv:User", "visitor": "dpv:Visitor",
           "patient": "dpv:Patient", "child": "dpv:Child", "parent": "dpv:ParentOfDataSubject"}  # fmt: skip


def policy_jsonld(policy: CompiledPolicy, base_url: str) -> Node:
    """Give the policy as one JSON-LD document; `base_url` is where it is published, without a slash at the end.

    Clause: policy (GDPR 30(1))
    """
    maker = _Maker(policy, base_url.rstrip("/"))
    return {
        "@context": {**CONTEXT, "ex": maker.base, "appi": f"{maker.base}appi."},
        "@graph": list(maker.nodes()),
    }


class _Maker:
    """Makes the nodes of one policy; every node's address is the clause on the page."""

    def __init__(self, policy: CompiledPolicy, base_url: str) -> None:
        self.policy = policy
        self.base = f"{base_url}/privacy#"
        self.page = f"{base_url}/privacy"

    def nodes(self) -> Iterable[Node]:
        yield self._notice()
        yield self._controller()
        yield from self._fields()
        yield from self._purposes()
        yield from self._bases()
        yield from self._kinds()
        yield from self._measures()
        yield from self._services()
        yield from self._rights()
        for situation in self.policy.situations:
            yield from self._situation(situation)

    def _ref(self, clause: str) -> Node:
        return {"@id": f"{self.base}{clause}"}

    def _refs(self, prefix: str, ids: Iterable[str]) -> list[Node]:
        return [self._ref(f"{prefix}.{name}") for name in ids]

    def _node(self, clause: str, kinds: str | list[str], **more: Any) -> Node:
        return {**self._ref(clause), "@type": kinds, **{key: value for key, value in more.items() if value}}

    def _named(
        self, clause: str, kinds: str | list[str], name: str, text: Text | str | None, **more: Any
    ) -> Node:
        label = text if isinstance(text, str) else _labels(text)
        return {**self._node(clause, kinds), "dct:identifier": name, "rdfs:label": label, **more}

    def _notice(self) -> Node:
        hasher = {"dct:identifier": self.policy.promise_hash, "dct:hasVersion": self.policy.version}
        links = {
            "dct:language": list(self.policy.languages),
            "dpv:hasDataController": self._ref("policy.controller"),
            "dpv:hasProcess": self._refs("collection", self.policy.situations),
            "foaf:page": {"@id": self.page},
        }
        return {
            "@id": self.page,
            "@type": "dpv:PrivacyNotice",
            "dct:title": _labels(self.policy.title),
            **hasher,
            **links,
        }

    def _controller(self) -> Node:
        own = self.policy.controller
        more = {
            "dpv:hasName": _labels(own.name),
            "dpv:hasAddress": _labels(own.address),
            "dpv:hasContact": self.policy.contact.mailbox,
            "dpv:hasCountry": {"@id": f"loc:{own.country}"},
        }
        return {**self._ref("policy.controller"), "@type": "dpv:DataController", **more}

    def _mapped(self, section: str, name: str) -> list[str]:
        """Give the DPV terms of a field or purpose; only terms of known vocabularies."""
        terms = self.policy.mappings.get(section, {}).get(name, {}).get("dpv", ())
        return [term for term in terms if term.partition(":")[0] in CONTEXT]

    def _fields(self) -> Iterable[Node]:
        for name, item in self.policy.fields.items():
            special = ["dpv:SensitivePersonalData"] if item.special else []
            kinds = ["dpv:PersonalData", *special, *self._mapped("fields", name)]
            yield self._named(f"collection.fields.{name}", kinds, name, item.text)

    def _purposes(self) -> Iterable[Node]:
        for name, item in self.policy.purposes.items():
            kinds = ["dpv:Purpose", *self._mapped("purposes", name)]
            yield self._named(f"collection.purposes.{name}", kinds, name, item.text)

    def _bases(self) -> Iterable[Node]:
        for name, item in self.policy.bases.items():
            own = [_BASES[item.gdpr], f"eu-gdpr:{item.gdpr}"] if item.gdpr in _BASES else []
            yield self._named(f"basis.{name}", ["dpv:LegalBasis", *own], name, item.text)

    def _kinds(self) -> Iterable[Node]:
        for name, item in self.policy.retention.kinds.items():
            people = ["dpv:DataSubject", *([_PEOPLE[name]] if name in _PEOPLE else [])]
            durations = [_duration(end) for end in item.ends]
            yield self._named(
                f"retention.{name}", people, name, item.text or name, **{"dpv:hasStorageCondition": durations}
            )

    def _measures(self) -> Iterable[Node]:
        for name, item in self.policy.measures.items():
            terms = [term for word in item.covers for term in _MEASURES.get(word, ())]
            kinds = ["dpv:TechnicalOrganisationalMeasure", *terms]
            yield self._named(f"security.{name}", kinds, name, item.text)

    def _services(self) -> Iterable[Node]:
        for name, item in self.policy.services.items():
            kind = "dpv:DataController" if item.operator == "self" else "dpv:DataProcessor"
            places = [
                {
                    "@type": ["dpv:StorageLocation", "dpv:CloudLocation"],
                    "dpv:hasCountry": {"@id": f"loc:{code}"},
                }
                for code in item.storage
            ]
            more = {
                "dpv:hasName": item.operator
                if item.operator != "self"
                else _labels(self.policy.controller.name),
                "dpv:hasCountry": {"@id": f"loc:{item.operator_country}"},
                "dpv:hasPurpose": self._refs("collection.purposes", item.purposes),
                "dpv:hasStorageCondition": places,
            }
            if any(code != self.policy.controller.country for code in item.countries):
                more["dpv:hasProcessing"] = {"@type": "dpv:CrossBorderTransfer"}
            yield self._named(f"services.{name}", kind, name, item.service, **more)

    def _rights(self) -> Iterable[Node]:
        paid = self.policy.rights.fee or {}
        for name, item in self.policy.rights.kinds.items():
            gdpr = [
                f"eu-gdpr:{place}"
                for regime, place in item.regimes.items()
                if regime == "eea" and place.startswith("A")
            ]
            appi = (
                [f"appi:{item.regimes['jp'].removeprefix('APPI ')}"]
                if item.regimes.get("jp", "").startswith("APPI")
                else []
            )
            fee = "dpv:FeeRequired" if name in paid.get("rights", ()) else "dpv:FeeNotRequired"
            more = {
                "dct:isReferencedBy": [{"@id": term} for term in gdpr]
                + [self._ref(term.replace(":", ".", 1).replace(" ", "")) for term in appi],
                "dpv:hasFee": {"@id": fee},
            }
            yield self._named(f"rights.{name}", "dpv:DataSubjectRight", name, item.title or name, **more)

    def _situation(self, name: str) -> Iterable[Node]:
        """Give a situation and, as its parts, one process for each purpose with fields, basis and processors."""
        item = self.policy.situations[name]
        parts = [f"collection.{name}.{purpose}" for purpose in item.purpose_ids]
        more = {
            "dpv:hasPersonalData": self._refs("collection.fields", item.fields),
            "dpv:hasPurpose": self._refs("collection.purposes", item.purpose_ids),
            "dpv:hasDataSubject": self._ref(f"retention.{item.subject}"),
            "dpv:hasDataController": self._ref("policy.controller"),
            "dct:hasPart": [self._ref(part) for part in parts],
        }
        yield self._named(f"collection.{name}", ["dpv:Process", "dpv:Collect"], name, item.text, **more)
        for purpose, clause in zip(item.purpose_ids, parts, strict=True):
            yield self._part(name, purpose, clause)

    def _part(self, situation: str, purpose: str, clause: str) -> Node:
        mask = self.policy.use_masks[situation][purpose]
        fields = [
            name
            for name in self.policy.situations[situation].fields
            if self.policy.field_bits.get(name, 0) & mask
        ]
        line = self.policy.purpose_bases.get(purpose)
        bases = dict.fromkeys(
            basis for basis in (line.bases.values() if line else ()) if basis in self.policy.bases
        )
        services = [name for name, item in self.policy.services.items() if purpose in item.purposes]
        links = {
            "dct:isPartOf": self._ref(f"collection.{situation}"),
            "dpv:hasPurpose": self._ref(f"collection.purposes.{purpose}"),
            "dpv:hasPersonalData": self._refs("collection.fields", fields),
            "dpv:hasLegalBasis": self._refs("basis", bases),
            "dpv:hasDataProcessor": self._refs("services", services),
        }
        return {**self._node(clause, "dpv:Process"), **links}


def _labels(text: Text | None) -> list[Node]:
    return [{"@value": " ".join(said.split()), "@language": lang} for lang, said in (text or {}).items()]


def _duration(end: End) -> Node:
    return {
        "@type": ["dpv:StorageCondition", "dpv:StorageDuration"],
        "dpv:hasDuration": {"@value": str(end.period), "@type": "xsd:duration"},
        "dct:description": end.after,
    }
