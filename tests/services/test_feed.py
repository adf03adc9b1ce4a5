"""Salesforce feeds Marketo: both as they are, over HTTP, and a person who must not come back."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

import pytest

from tests.services.marketo.double import Instance, Swap
from tests.services.salesforce.double import SECRETS
from upheld.services.contract import CANARY, HANAKO, FaultProxy, serving
from upheld.services.looking import look_again
from upheld.services.model import Job, Outcome, Ref
from upheld.services.port import Service
from upheld.services.rules import LOOK_AGAIN, order
from upheld.services.salesforce import connect
from upheld.services.salesforce.fake import Fake

FEEDS = {"salesforce": ("marketo",)}


@dataclass(slots=True)
class Pair:
    """An organisation and the instance that copies it; both share one clock."""

    org: Fake
    instance: Instance
    services: dict[str, Service]
    lead: str

    def erase(self, name: str) -> dict[Ref, Outcome]:
        service = self.services[name]
        return dict(service.apply(Job("erase", HANAKO.who, tuple(service.find(HANAKO.who)), idem=name)))

    def state(self, name: str, outcomes: dict[Ref, Outcome]) -> str:
        return look_again(self.services[name], tuple(outcomes), outcomes, HANAKO.who, CANARY.who, self.instance.now).state

    def later(self, by: timedelta) -> None:
        """Let time pass; a mail flow of the organisation touches what is left of the lead, as flows do."""
        self.instance.advance(by)
        if self.org.org.records[self.lead].deleted is None:
            self.org.change(self.lead, Status=f"touched {self.instance.now}"[:40])
        self.instance.advance(timedelta(minutes=6))


@pytest.fixture
def pair() -> Iterator[Pair]:
    swap = Swap()
    with serving(swap) as there:
        proxy = FaultProxy(there.url)
        instance = Instance(swap, proxy)
        org = Fake(instance.clock)
        instance.fake.people.source = org
        instance.advance(timedelta(minutes=1))
        lead = org.put("Lead", LastName="Tanaka", Company="Example", Email=HANAKO.email)
        org.put("Lead", LastName="Canary", Company="Example", Email=CANARY.email)
        instance.advance(timedelta(minutes=6))
        with serving(org) as here:
            settings = {
                "kind": "salesforce", "url": here.url, "stored_in": "JP", "stated": "2026-10-01",
                "login": {"client_id": "secret:id", "client_secret": "secret:key"},
            }  # fmt: skip
            salesforce = connect("salesforce", settings, SECRETS.__getitem__, instance.clock, pace=instance.pace, sleep=lambda _: None)
            made = Pair(org, instance, {"salesforce": salesforce, "marketo": instance.service()}, lead)
            made.later(timedelta(minutes=1))
            assert list(made.services["marketo"].find(HANAKO.who)), "she came by synchronisation"
            yield made
            salesforce.close()
        instance.close()
        proxy.close()


def test_erased_in_marketo_first_she_comes_back_and_is_caught(pair: Pair) -> None:
    """Verified at once; a quarter of an hour later the organisation's record has brought her back, and it shows."""
    outcomes = pair.erase("marketo")
    assert pair.state("marketo", outcomes) == "verified"
    pair.later(LOOK_AGAIN[0])
    assert pair.state("marketo", outcomes) == "left"


def test_erased_in_the_order_of_feeds_she_stays_away(pair: Pair) -> None:
    """The source goes first: at each later look both are still verified."""
    names = order(("marketo", "salesforce"), FEEDS)
    assert names == ("salesforce", "marketo")
    outcomes = {name: pair.erase(name) for name in names}
    for wait in LOOK_AGAIN:
        assert {name: pair.state(name, outcomes[name]) for name in names} == dict.fromkeys(names, "verified")
        pair.later(wait)
    assert {name: pair.state(name, outcomes[name]) for name in names} == dict.fromkeys(names, "verified")
