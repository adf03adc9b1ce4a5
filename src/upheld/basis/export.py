"""Export: consents of one person as ISO/IEC TS 27560 (JSON, JSON-LD in DPV terms) and as a Kantara receipt v1.1.0."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from upheld.basis.history import ConsentLine
from upheld.basis.model import ConsentRecord, whole_of
from upheld.collection.tell import in_lang
from upheld.policy.model import CompiledPolicy
from upheld.policy.render.jsonld import CONTEXT

PROFILE = "https://w3id.org/dpv/schema/dpv-27560#"
FORMATS: Mapping[str, str] = {
    "json": "application/json",
    "jsonld": "application/ld+json",
    "kantara": "application/json",
}
"""The formats by name, with their media types."""

_STATUS: Mapping[str, str] = {
    "unknown": "ConsentUnknown",
    "requested": "ConsentRequested",
    "request_deferred": "ConsentRequestDeferred",
    "refused": "ConsentRefused",
    "given": "ConsentGiven",
    "expired": "ConsentExpired",
    "invalidated": "ConsentInvalidated",
    "revoked": "ConsentRevoked",
    "withdrawn": "ConsentWithdrawn",
    "renewed": "RenewedConsentGiven",
    "objected": "ConsentWithdrawn",
    "upheld": "ConsentWithdrawn",
    "overruled": "ConsentWithdrawn",
}
"""States as DPV 2.3 names them; an objection leaves no consent that could carry anything."""

Node = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Consents:
    """What is exported: whose consents, under which number, in which language the words are given.

    `receipt` is set where the person holds a receipt of it, else it is our own record. `base` is the address of the
    site, without a slash at the end. `key` is the key with which the ledger is signed.
    """

    record: str
    subject: str
    lang: str
    lines: tuple[ConsentLine, ...]
    receipt: str = ""
    base: str = ""
    key: str = ""

    @property
    def profile(self) -> str:
        """Name the profile of ISO/IEC TS 27560 that this follows."""
        return "receipt-eu-gdpr" if self.receipt else "record-eu-gdpr"

    @property
    def withdrawal(self) -> str:
        """Give the address at which a consent is withdrawn."""
        return f"{self.base}/consent/receipts/{self.receipt}" if self.receipt else f"{self.base}/rights"


def as_format(told: Consents, name: str) -> Node:
    """Give an export by the name of its format.

    Clause: basis.consent (GDPR 7(1))
    """
    return {"json": record, "jsonld": jsonld, "kantara": kantara}[name](told)


def record(told: Consents) -> Node:
    """Give consents in the groups and fields of ISO/IEC TS 27560: header, processing, parties, events.

    Clause: basis.consent (GDPR 7(1), 13)
    """
    return {
        "schema_version": f"ISO/IEC TS 27560:2023; {PROFILE}{told.profile}",
        "record_id": told.record,
        "receipt_id": told.receipt,
        "pii_principal_id": told.subject,
        "pii_processing": [_processing(told, line) for line in told.lines],
        "party_identification": _parties(told),
        "events": [_event(one) for line in told.lines for one in line.events],
    }


def _processing(told: Consents, line: ConsentLine) -> Node:
    policy, lang = line.policy, line.told.lang or told.lang
    return {
        "privacy_notice": _notice(told, line),
        "language": lang,
        "purpose": {"id": line.purpose, "text": line.text(lang)},
        "purpose_type": _mapped(policy, "purposes", whole_of(line.purpose)),
        "lawful_basis": ["eu-gdpr:A6-1-a"],
        "consent_type": "explicit",
        "pii_information": [
            {"pii_type": name, "text": in_lang(policy.fields[name].text, lang), "terms": _mapped(policy, "fields", name)}
            for name in line.terms.get("fields", ())
            if name in policy.fields
        ],
        "pii_controllers": ["controller"],
        "collection_method": line.told.how,
        "processing_method": "by people, and by the services named",
        "storage_locations": _places(policy, line),
        "retention_period": list(line.terms.get("periods", ())),
        "jurisdiction": list(dict.fromkeys((policy.controller.country, *policy.reach))),
        "recipient_third_parties": list(line.terms.get("recipients", ())),
        "services": list(line.terms.get("services", ())),
        "withdrawal_method": told.withdrawal,
        "rights": list(policy.rights.kinds),
        "authority": f"{told.base}/rights#complaint",
        "state": line.state,
    }


def _notice(told: Consents, line: ConsentLine) -> Node:
    """Name the notice that was shown: version, hash of what it promised, address, situation."""
    policy = line.policy
    lang = line.told.lang or told.lang
    return {
        "version": policy.version,
        "sha256": policy.promise_hash,
        "url": f"{told.base}/privacy/{lang}/v/{policy.version}",
        "situation": line.told.situation,
    }


def _places(policy: CompiledPolicy, line: ConsentLine) -> list[str]:
    """List the countries in which the services of a consent keep data; without one, the company's own."""
    named = [policy.services[name] for name in line.terms.get("services", ()) if name in policy.services]
    kept = dict.fromkeys(code for service in named for code in service.storage)
    return list(kept) or [policy.controller.country]


def _parties(told: Consents) -> list[Node]:
    if not told.lines:
        return []
    policy = told.lines[-1].policy
    own = policy.controller
    parties: list[Node] = [
        {
            "party_id": "controller",
            "party_name": in_lang(own.name, told.lang),
            "party_address": in_lang(own.address, told.lang),
            "party_contact": policy.contact.mailbox,
            "party_type": "pii_controller",
        }
    ]
    for name in _named(told.lines, "services"):
        if name in policy.services:
            service = policy.services[name]
            parties.append(
                {"party_id": name, "party_name": service.operator, "party_address": service.operator_country,
                 "party_contact": service.policy_url or "", "party_type": "pii_processor"}
            )  # fmt: skip
    for name in _named(told.lines, "recipients"):
        if name in policy.recipients:
            found = policy.recipients[name]
            parties.append(
                {"party_id": name, "party_name": in_lang(found.name or found.text, told.lang),
                 "party_address": ", ".join(found.country), "party_contact": "", "party_type": "third_party"}
            )  # fmt: skip
    return parties


def _event(one: ConsentRecord) -> Node:
    return {
        "event_time": one.at.isoformat(timespec="milliseconds"),
        "validity_duration": f"until {one.until.isoformat()}" if one.until else "unlimited",
        "entity_id": "pii_principal" if one.actor == "self" else one.actor,
        "event_type": "explicit" if one.state in {"given", "renewed"} else "statement",
        "event_state": one.state,
        "purpose": one.purpose,
        "method": one.how,
        "policy_version": one.policy_version,
        "language": one.lang,
    }


def jsonld(told: Consents) -> Node:
    """Give consents as JSON-LD in DPV terms that stands alone: no remote context is needed to read it.

    Clause: basis.consent (GDPR 7(1))
    """
    kind = "dpv:ConsentReceipt" if told.receipt else "dpv:ConsentRecord"
    base = f"{told.base}/consent/"
    node: Node = {
        "@context": {**CONTEXT, "dpv-27560": PROFILE, "c": base},
        "@id": f"{base}records/{told.record}",
        "@type": kind,
        "dct:conformsTo": {"@id": f"dpv-27560:{told.profile}"},
        "dct:identifier": told.record,
        "dpv:hasDataSubject": {"@type": "dpv:DataSubject", "dct:identifier": told.subject},
        "dpv:hasProcess": [_process(told, line) for line in told.lines],
    }
    if told.receipt:
        node["dpv:hasIdentifier"] = told.receipt
    return node


def _process(told: Consents, line: ConsentLine) -> Node:
    policy, lang = line.policy, line.told.lang or told.lang
    return {
        "@type": "dpv:Process",
        "dpv:hasPurpose": {
            "@type": ["dpv:Purpose", *_mapped(policy, "purposes", whole_of(line.purpose))],
            "dct:identifier": line.purpose,
            "dct:description": {"@value": line.text(lang), "@language": lang},
        },
        "dpv:hasNotice": _notice_node(told, line),
        "dct:language": lang,
        "dpv:hasLegalBasis": [{"@id": "dpv:ExplicitlyExpressedConsent"}, {"@id": "eu-gdpr:A6-1-a"}],
        "dpv:hasPersonalData": [
            {"@type": ["dpv:PersonalData", *_mapped(policy, "fields", name)], "dct:identifier": name}
            for name in line.terms.get("fields", ())
        ],
        "dpv:hasDataController": _controller_node(policy, lang),
        "dpv:hasDataProcessor": [{"dct:identifier": name} for name in line.terms.get("services", ())],
        "dpv:hasRecipientThirdParty": [{"dct:identifier": name} for name in line.terms.get("recipients", ())],
        "dpv:hasStorageCondition": [
            *({"@type": "dpv:StorageLocation", "dpv:hasCountry": {"@id": f"loc:{code}"}} for code in _places(policy, line)),
            *({"@type": "dpv:StorageDuration", "dct:description": said} for said in line.terms.get("periods", ())),
        ],
        "dpv:hasJurisdiction": {"@id": f"loc:{policy.controller.country}"},
        "dpv:hasRight": [{"@id": term} for term in _rights(policy)],
        "dpv:hasConsentControl": {"@id": told.withdrawal},
        "dpv:hasConsentStatus": [_status_node(one) for one in line.events],
    }  # fmt: skip


def _notice_node(told: Consents, line: ConsentLine) -> Node:
    shown = _notice(told, line)
    return {
        "@id": shown["url"],
        "@type": ["dpv:PrivacyNotice", "dpv:ConsentNotice"],
        "dct:hasVersion": shown["version"],
        "dct:identifier": shown["sha256"],
    }


def _controller_node(policy: CompiledPolicy, lang: str) -> Node:
    own = policy.controller
    return {
        "@type": "dpv:DataController",
        "dpv:hasName": in_lang(own.name, lang),
        "dpv:hasAddress": in_lang(own.address, lang),
        "dpv:hasContact": policy.contact.mailbox,
    }


def _status_node(one: ConsentRecord) -> Node:
    by = "dpv:DataSubject" if one.actor == "self" else "dpv:DataController"
    node: Node = {
        "@type": f"dpv:{_STATUS[one.state]}",
        "dct:identifier": one.state,
        "dpv:isIndicatedAtTime": {"@value": one.at.isoformat(timespec="milliseconds"), "@type": "xsd:dateTime"},
        "dpv:isIndicatedBy": {"@type": by},
        "dpv:hasIndicationMethod": one.how,
    }
    if one.until is not None:
        node["dpv:hasDuration"] = {
            "@type": "dpv:UntilTimeDuration",
            "dct:valid": {"@value": one.until.isoformat(), "@type": "xsd:date"},
        }
    return node


def _rights(policy: CompiledPolicy) -> list[str]:
    found = [item.regimes.get("eea", "") for item in policy.rights.kinds.values()]
    return [f"eu-gdpr:{place}" for place in found if place.startswith("A")]


def kantara(told: Consents) -> Node:
    """Give consents as a consent receipt of the Kantara Initiative, v1.1.0.

    Clause: basis.consent (GDPR 7(1))
    """
    if not told.lines:
        return {"version": "KI-CR-v1.1.0", "consentReceiptID": told.receipt or told.record, "services": []}
    latest = told.lines[-1]
    policy = latest.policy
    fields = _named(told.lines, "fields")
    special = [name for name in fields if name in policy.fields and policy.fields[name].special]
    return {
        "version": "KI-CR-v1.1.0",
        "jurisdiction": policy.controller.country,
        "consentTimestamp": int(latest.told.at.timestamp()),
        "collectionMethod": latest.told.how,
        "consentReceiptID": told.receipt or told.record,
        "publicKey": told.key,
        "language": latest.told.lang or told.lang,
        "piiPrincipalId": told.subject,
        "piiControllers": [
            {
                "piiController": in_lang(policy.controller.name, told.lang),
                "onBehalf": False,
                "contact": in_lang(policy.contact.department, told.lang),
                "address": {"streetAddress": in_lang(policy.controller.address, told.lang), "addressCountry": policy.controller.country},
                "email": policy.contact.mailbox,
                "phone": "",
            }
        ],
        "policyUrl": _notice(told, latest)["url"],
        "services": [
            {"service": in_lang(policy.title, told.lang), "purposes": [_kantara_purpose(told, line) for line in told.lines]}
        ],
        "sensitive": bool(special),
        "spiCat": special,
    }  # fmt: skip


def _kantara_purpose(told: Consents, line: ConsentLine) -> Node:
    outside = list(line.terms.get("recipients", ()))
    names = [in_lang(line.policy.recipients[name].text, told.lang) for name in outside if name in line.policy.recipients]
    said: Node = {
        "purpose": line.text(line.told.lang or told.lang),
        "purposeCategory": _mapped(line.policy, "purposes", whole_of(line.purpose)) or [line.purpose],
        "consentType": "EXPLICIT",
        "piiCategory": list(line.terms.get("fields", ())),
        "primaryPurpose": False,
        "termination": told.withdrawal,
        "thirdPartyDisclosure": bool(outside),
    }
    return {**said, "thirdPartyName": ", ".join(names)} if outside else said


def _named(lines: Sequence[ConsentLine], member: str) -> list[str]:
    return list(dict.fromkeys(name for line in lines for name in line.terms.get(member, ())))


def _mapped(policy: CompiledPolicy, section: str, name: str) -> list[str]:
    terms: Iterable[str] = policy.mappings.get(section, {}).get(name, {}).get("dpv", ())
    return [term for term in terms if term.partition(":")[0] in CONTEXT]
