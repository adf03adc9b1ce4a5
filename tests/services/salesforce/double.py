"""The double of the contract: our fake organisation behind the proxy, on loopback, reached by the vendor's client."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from upheld.db import FixedClock
from upheld.policy.model import Frozen
from upheld.services.contract import FaultProxy, Planted
from upheld.services.contract.proxy import FAULTS
from upheld.services.pace import Pace
from upheld.services.salesforce import SalesforceService, connect
from upheld.services.salesforce.fake import Fake

START = datetime(2030, 5, 6, 7, 8, 9, tzinfo=UTC)
SECRETS = {"secret:id": "upheld", "secret:key": "example", "secret:read_id": "reader", "secret:read_key": "example"}
MERE = ("LeadHistory", "ContactHistory", "CaseHistory", "ContentDocumentLink")
"""What goes with other records and is no record of its own."""

API_FAULTS = ("REQUEST_LIMIT_EXCEEDED", "QUERY_TIMEOUT", "UNABLE_TO_LOCK_ROW", "SERVER_UNAVAILABLE", "UNKNOWN_EXCEPTION")


def fresh_fake(clock: FixedClock, **more: Any) -> Fake:
    """Make a fake with the two users of the tests."""
    fake = Fake(clock, **more)
    fake.people.add("reader", "example", frozenset({"read"}))
    fake.campaign = fake.put("Campaign", Name="Spring")  # type: ignore[attr-defined]
    fake.staff = fake.put("User", Name="Member of staff")  # type: ignore[attr-defined]
    return fake


class SalesforceDouble:
    """One organisation; `proxy` stands before it. The fake is replaced by a fresh one for each test."""

    lacks: Mapping[str, str] = Frozen({})

    def __init__(self, fake: Fake, clock: FixedClock, proxy: FaultProxy) -> None:
        self.fake, self.clock, self.proxy = fake, clock, proxy
        self.country, self.people, self.seen_before = "JP", {}, len(proxy.seen)
        self.mine: list[SalesforceService] = []

    @property
    def now(self) -> datetime:
        return self.clock.now()

    @property
    def faults(self) -> tuple[str, ...]:
        return (*FAULTS, *API_FAULTS)

    def advance(self, by: timedelta) -> None:
        self.clock.advance(by)

    def settings(self, credential: str = "full", **more: Any) -> dict[str, Any]:
        prefix = "read_" if credential == "read" else ""
        login = {"client_id": f"secret:{prefix}id", "client_secret": f"secret:{prefix}key"}
        return {
            "kind": "salesforce", "url": self.proxy.url, "login": login, "stored_in": self.country, "stated": "2030-04-01", **more
        }  # fmt: skip

    def service(self, credential: str = "full", **more: Any) -> SalesforceService:
        made = connect(
            "salesforce", self.settings(credential, **more), SECRETS.__getitem__, self.clock, pace=Pace(sleep=_still), sleep=_still
        )
        self.mine.append(made)
        return made

    def plant(self, person: Planted) -> None:
        """Put somebody in as sales, marketing and support would: lead, contact, their case, mails, tasks, consents."""
        put, name = self.fake.put, person.name[:80]
        before = set(self.fake.org.records)
        individual = put("Individual", LastName=name)
        lead = put("Lead", LastName=name, Company=person.company, Email=person.email, Phone=person.phone, IndividualId=individual)
        spelled = "03-1234-5678" if person.phone == "+81312345678" else person.phone
        contact = put("Contact", LastName=name, Email=person.email.upper(), MobilePhone=spelled, IndividualId=individual)
        put("CampaignMember", CampaignId=self.fake.campaign, LeadId=lead)
        put("Task", Subject="call back", Description=f"{name[:20]} {person.note}", WhoId=lead)
        case = put("Case", ContactId=contact, Subject=person.note, Description=f"{person.note} {person.email}")
        put("Case", SuppliedEmail=person.email, SuppliedName=name, Subject="web")
        put("EmailMessage", ParentId=case, FromAddress=person.email, ToAddress="office@example.com", TextBody=person.note)
        put("Attachment", ParentId=lead, Name=f"{name[:20]}.txt")
        file = put("ContentDocument", Title=name[:20])
        for on in (lead, self.fake.staff):
            put("ContentDocumentLink", ContentDocumentId=file, LinkedEntityId=on)
        put("ContactPointTypeConsent", Name=name, PartyId=individual, ContactPointType="Email", PrivacyConsentStatus="OptIn")
        self.people[person.key] = sorted(set(self.fake.org.records) - before | set(self.people.get(person.key, ())))

    def held(self, person: Planted) -> dict[str, bytes]:
        told = self._told(times=True)
        return {key: told[key] for key in self.people.get(person.key, ()) if key in told}

    def others(self, *apart_from: Planted) -> dict[str, bytes]:
        """Give everybody else; with nobody set apart, when a record was last written is left out."""
        mine = {key for person in apart_from for key in self.people.get(person.key, ())}
        return {key: told for key, told in self._told(times=bool(apart_from)).items() if key not in mine}

    def _told(self, *, times: bool) -> dict[str, bytes]:
        now = self.fake.org.now
        kept = (one for one in self.fake.org.records.values() if one.life(now) == "live" and one.kind not in MERE)
        return {one.id: repr((one.kind, sorted(one.values.items()), one.changed if times else "")).encode() for one in kept}

    def writes(self) -> int:
        """Count changes: queries go in the body of a POST, so its path decides."""
        told = [one.partition(" ")[2] for one in self.fake.targets if not one.startswith("GET")]
        return sum(not any(read in one for read in ("oauth2/token", "parameterizedSearch", "/composite?")) and not one.endswith("/composite") for one in told)

    def _first(self, person: Planted, kind: str) -> str:
        return next(key for key in self.people[person.key] if self.fake.org.records[key].kind == kind)

    def lock(self, person: Planted) -> None:
        self.fake.mark(self._first(person, "Case"), locked=True)

    def forbid(self, person: Planted) -> None:
        self.fake.mark(self._first(person, "Task"), forbidden=True)

    def hide(self, person: Planted) -> None:
        for key in self.people[person.key]:
            self.fake.mark(key, hidden=True)

    def change(self, person: Planted) -> None:
        self.clock.advance(seconds=1)
        self.fake.change(self._first(person, "Lead"), Title="Director")

    def move(self) -> None:
        self.country = "US"

    def clutter(self) -> Mapping[str, str]:
        self.fake.add_fields("Lead", "Nickname__c:string:80")
        self.fake.add_object("Visitor__c", "Name:string! Address__c:email")
        self.fake.add_object("Machine__c", "Name:string! Serial__c:string")
        return {"Lead.Nickname__c": "field_not_in_policy", "Visitor__c": "store_undeclared"}

    def fault(self, kind: str, *, after: int = 0, times: int = 1) -> None:
        if kind in API_FAULTS:
            self.fake.fault(kind, after=after, times=times)
        else:
            self.proxy.fault(kind, after=after, times=times)

    def requests(self) -> str:
        return "\n".join(self.proxy.seen[self.seen_before :])

    def close(self) -> None:
        self.proxy.calm()
        for one in self.mine:
            one.close()


def digest(told: Mapping[str, bytes]) -> str:
    """Give one checksum of many records."""
    made = hashlib.sha256()
    for key in sorted(told):
        made.update(key.encode() + told[key])
    return made.hexdigest()


def _still(_seconds: float) -> None:
    """Wait for nothing: the fake has no rate a second."""
