"""The compiled policy: one frozen value, hashable by content, from which everything follows.

Every class here is what one node of the folder means. Texts are `Text`: one string per language.
Ids are the keys of the folder. Periods are calendar units. Nothing here reads a clock.
"""

from __future__ import annotations

from upheld.policy.model.answers import Amendment, Contact, Controller, Right, Rights
from upheld.policy.model.collection import (
    Channel,
    Field,
    LegalBasis,
    Never,
    Purpose,
    PurposeBasis,
    Situation,
    Stated,
    When,
)
from upheld.policy.model.compiled import CompiledPolicy
from upheld.policy.model.evidence import Evidence, Role
from upheld.policy.model.frozen import NO_TEXT, Frozen, Text
from upheld.policy.model.handling import Cookies, Country, Measure, Mechanism, Recipient, Service, Tag
from upheld.policy.model.keeping import End, Kind, LongerByLaw, Retention, RetentionRule

__all__ = [
    "NO_TEXT",
    "Amendment",
    "Channel",
    "CompiledPolicy",
    "Contact",
    "Controller",
    "Cookies",
    "Country",
    "End",
    "Evidence",
    "Field",
    "Frozen",
    "Kind",
    "LegalBasis",
    "LongerByLaw",
    "Measure",
    "Mechanism",
    "Never",
    "Purpose",
    "PurposeBasis",
    "Recipient",
    "Retention",
    "RetentionRule",
    "Right",
    "Rights",
    "Role",
    "Service",
    "Situation",
    "Stated",
    "Tag",
    "Text",
    "When",
]
