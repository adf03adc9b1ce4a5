"""Salesforce before Marketo: what a synchronisation brings back is seen by a later look, and does not come back in the right order."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import pytest

from tests.services.marketo.double import Instance, Swap
from upheld.services.contract import CANARY, HANAKO, FaultProxy
from upheld.services.contract.suite import erase
from upheld.services.looking import look_again
from upheld.services.marketo.fake import EVERY
from upheld.services.model import Outcome, Ref
from upheld.services.rules import LOOK_AGAIN, moved, order, state_of


@dataclass(slots=True)
class Record:
    """One record of the stand-in for the source."""

    id: str
    kind: str
    fields: Mapping[str, str]
    changed: datetime


@dataclass(slots=True)
class Stand:
    """Stands for a Salesforce organisation: records with a time of change, of which the dead are not given."""

    records: dict[str, Record] = field(default_factory=dict)

    def changed_since(self, moment: datetime) -> Iterable[Record]:
        return [one for one in self.records.values() if one.changed > moment]


@pytest.fixture
def source() -> Stand:
    return Stand()


@pytest.fixture
def synced(swap_and_proxy: tuple[Swap, FaultProxy], source: Stand) -> Iterator[Instance]:
    """An instance in which the source's HANAKO has arrived by synchronisation."""
    made = Instance(*swap_and_proxy, source=source)
    made.fake.put(email=CANARY.email, lastName=CANARY.name)
    touch(made, source)
    arrive(made)
    yield made
    made.close()


def touch(instance: Instance, source: Stand) -> None:
    instance.advance(timedelta(seconds=1))
    values = {"Email": HANAKO.email, "LastName": HANAKO.name, "Phone": HANAKO.phone}
    source.records["00Q1"] = Record("00Q1", "Lead", values, instance.now)


def arrive(instance: Instance) -> None:
    """Let the synchronisation run: it does so with the next call after its time."""
    instance.advance(EVERY)
    list(instance.service().find(CANARY.who))


def looked(instance: Instance, outcomes: dict[Ref, Outcome]) -> str:
    return look_again(instance.service(), tuple(outcomes), outcomes, HANAKO.who, CANARY.who, instance.now).state


def test_erased_here_and_alive_at_the_source_she_comes_back_and_is_caught(synced: Instance, source: Stand) -> None:
    """Verified at once, recreated as soon as the source's record changes, seen fifteen minutes later: the target opens again."""
    outcomes = erase(synced.service(), HANAKO)
    assert looked(synced, outcomes) == "verified"
    arrive(synced)
    assert looked(synced, outcomes) == "verified", "without a change at the source nothing comes back"
    touch(synced, source)
    synced.advance(LOOK_AGAIN[0])
    look = look_again(synced.service(), tuple(outcomes), outcomes, HANAKO.who, CANARY.who, synced.now)
    assert (look.state, dict(look.left)) == ("left", {"leads": 1, "activities": 1})
    assert moved("verified", state_of(look, outcomes.values(), synced.now)) == "running"
    again = erase(synced.service(), HANAKO)
    assert not set(again) & set(outcomes), "she came back under another number"


def test_the_source_first_and_she_stays_away(synced: Instance, source: Stand) -> None:
    """In the order that the policy's feeds give, every look of the following month finds nobody."""
    assert order(("marketo", "salesforce"), {"salesforce": ("marketo",)}) == ("salesforce", "marketo")
    touch(synced, source)
    source.records.clear()
    outcomes = erase(synced.service(), HANAKO)
    for after in LOOK_AGAIN:
        synced.advance(after)
        assert looked(synced, outcomes) == "verified"


def test_a_correction_here_is_written_over_by_the_source(synced: Instance, source: Stand) -> None:
    """Why a correction is partial, and belongs to the source first."""
    lead = next(key for key, one in synced.fake.people.leads.items() if one.values.get("sfdcLeadId") == "00Q1")
    synced.fake.change(lead, phone="+81398765432")
    touch(synced, source)
    arrive(synced)
    assert synced.fake.people.leads[lead].values["phone"] == HANAKO.phone
    (can,) = [one for one in synced.service().capabilities() if (one.store, one.op) == ("leads", "correct")]
    assert can.level == "partial"
    assert "Salesforce" in can.reason
