"""Whom a question is about: found by number or identifier, with all records and standings of all their numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from upheld.basis.actions import standings_of
from upheld.basis.model import Standings
from upheld.db import unb64
from upheld.notice import House
from upheld.records import IdentifierSharedError, Record, Relation
from upheld.web.refusals import Refusal


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What holds for all records of one person at one moment."""

    standings: Standings
    relations: tuple[Relation, ...]
    named: Relation | None = None


def person_of(house: House, subject: str, identifier: Mapping[str, str]) -> bytes | None:
    """Find who is meant, by reference or by one identifier; None for nobody, Refusal `value_invalid` for no one form."""
    if bool(subject) == bool(identifier) or len(identifier) > 1:
        raise Refusal("value_invalid", "security.technical.access", fields=("subject",))
    if subject:
        return number_of(subject)
    kind, value = next(iter(identifier.items()))
    region = house.in_force().policy.controller.country
    try:
        return house.vault.find(kind, value, region=region)
    except (IdentifierSharedError, ValueError):  # several carry it, or it is no kind of identifier
        raise Refusal("value_invalid", "security.technical.access", fields=("subject",)) from None


def number_of(reference: str) -> bytes | None:
    """Read a subject number; None for what is none."""
    try:
        return unb64(reference)
    except ValueError:
        return None


def records_about(house: House, tx: sa.Connection, person: bytes | None) -> list[Record]:
    """List the records of a person under every number that was merged, oldest first; none for nobody."""
    members = house.vault.members(tx, person) if person else ()
    return sorted((one for member in members for one in house.vault.records_of(tx, member)), key=lambda one: one.id)


def in_front(subject: bytes, members: Sequence[bytes]) -> tuple[bytes, ...]:
    """Give all numbers of a person, this one first."""
    return (subject, *(one for one in members if one != subject))


def surroundings(
    house: House, tx: sa.Connection, subject: bytes, contract_id: str = "", members: Sequence[bytes] = ()
) -> Surroundings:
    """Take standings and relationships of a person in the transaction of the read, as they count for one number.

    `members` are all numbers of the person, this one first, where the caller knows them.
    """
    members = members or house.vault.members(tx, subject)
    relations = tuple(relation for member in members for relation in house.vault.relations_of(tx, member))
    named = None
    if contract_id:
        kinds = ("contract", "account", "application")
        places = ((member, kind) for member in members for kind in kinds)
        found = (house.vault.relation_find(tx, member, kind, contract_id) for member, kind in places)
        named = next((one for one in found if one is not None), None)
    return Surroundings(standings_of(house, tx, subject, members), relations, named)
