"""History: everything that was ever said of each consent of a person, under which notice, and how it stands now."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from upheld.basis import store
from upheld.basis.actions import standings_of
from upheld.basis.model import PERMITTING, ConsentRecord, whole_of
from upheld.basis.rules import consent_terms
from upheld.collection.tell import in_lang
from upheld.notice import House, Published
from upheld.policy.model import CompiledPolicy
from upheld.web.refusals import Refusal


@dataclass(frozen=True, slots=True)
class ConsentLine:
    """One consent of a person: what was told at its latest showing, every statement oldest first, the state today."""

    purpose: str
    state: str
    told: ConsentRecord
    published: Published
    terms: Mapping[str, Any]
    events: tuple[ConsentRecord, ...]

    @property
    def policy(self) -> CompiledPolicy:
        """Give the version under whose notice the latest statement was made."""
        return self.published.policy

    def text(self, lang: str) -> str:
        """Give the sentence of the purpose that was shown."""
        found = self.policy.purposes.get(whole_of(self.purpose))
        return in_lang(found.text, lang) if found else self.purpose


def lines_of(
    house: House, tx: sa.Connection, subject: bytes, purposes: Collection[str] | None = None
) -> tuple[ConsentLine, ...]:
    """Give the history of each consent of a person, of some purposes or of all, in the order first spoken of.

    Clause: basis.consent (GDPR 7(1))
    """
    states = standings_of(house, tx, subject)
    said: dict[str, list[ConsentRecord]] = {}
    for one in store.consents_of(tx, subject):
        if purposes is None or one.purpose in purposes:
            said.setdefault(one.purpose, []).append(one)
    return tuple(_line(house, purpose, events, states.get(purpose, "unknown")) for purpose, events in said.items())


def _line(house: House, purpose: str, events: list[ConsentRecord], state: str) -> ConsentLine:
    """Put one history together; what was told is that of the latest yes, else of the latest statement."""
    told = next((one for one in reversed(events) if one.state in PERMITTING), events[-1])
    published = house.shelf.version(told.policy_version)
    if published is None:
        raise Refusal("internal", "notice")
    terms = consent_terms(published.policy, house.law, told.situation, whole_of(purpose), told.at.date())
    return ConsentLine(purpose, state, told, published, terms, tuple(events))


def purpose_text(house: House, purpose: str) -> Mapping[str, str]:
    """Give the sentence of a purpose in every language: of the version in force, else of the latest that states it."""
    whole = whole_of(purpose)
    versions = [house.in_force(), *reversed(house.shelf.versions())]
    return next((one.policy.purposes[whole].text for one in versions if whole in one.policy.purposes), {"en": purpose})
