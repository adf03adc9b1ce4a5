"""Changing what is there: a correction, the switches that stop mail and use, and a delivery."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from upheld.services.model import Delivery, Job, Op, Outcome, Ref
from upheld.services.port import ServiceError
from upheld.services.salesforce.client import Client, Row
from upheld.services.salesforce.erasing import outcome_for
from upheld.services.salesforce.finding import read
from upheld.services.salesforce.mapping import Kind, OrgMap
from upheld.services.spelling import spellings

ON: Mapping[Op, bool] = {"suppress": True, "unsuppress": False, "restrict": True, "release": False}
ABSENT = Outcome("already", "absent")


@dataclass(slots=True)
class Changes:
    """Changes under way in one organisation."""

    client: Client
    map: OrgMap
    now: datetime

    def correct(self, job: Job) -> Iterator[tuple[Ref, Outcome]]:
        """Put new values where the old ones stand; what was written since it was found, or says something else, conflicts.

        Clause: services (APPI 34; GDPR 16)
        """
        fields = {name: kind.shown() for name, kind in self.map.objects.items()}
        rows = dict(read(self.client, job.refs, fields))
        told: dict[Ref, Outcome] = {ref: ABSENT for ref in job.refs if ref not in rows}
        news: dict[Ref, dict[str, Any]] = {}
        for ref, row in rows.items():
            values = self._corrected(self.map.objects[ref.store], row, job)
            if ref.owner != "subject":
                told[ref] = Outcome("detached", "not_the_persons_own")
            elif values is None:
                told[ref] = Outcome("conflict", "says_something_else")
            elif not values:
                told[ref] = Outcome("already")
            elif str(row["SystemModstamp"]).encode() != ref.version:
                told[ref] = Outcome("conflict", "changed_since")
            else:
                news[ref] = values
        yield from self._written(told, news)

    def switch(self, job: Job) -> Iterator[tuple[Ref, Outcome]]:
        """Set or take back the switches that stop mail and calls on each record.

        Clause: rights.objection (APPI 35; GDPR 21)
        """
        rows = dict(read(self.client, job.refs, {name: kind.suppress for name, kind in self.map.objects.items()}))
        told: dict[Ref, Outcome] = {ref: ABSENT for ref in job.refs if ref not in rows}
        news: dict[Ref, dict[str, Any]] = {}
        for ref, row in rows.items():
            wrong = {name: ON[job.op] for name in self.map.objects[ref.store].suppress if bool(row.get(name)) != ON[job.op]}
            if wrong:
                news[ref] = wrong
            else:
                told[ref] = Outcome("already")
        yield from self._written(told, news)

    def restrict(self, job: Job) -> Iterator[tuple[Ref, Outcome]]:
        """Set or take back, once for all records of a person, the switch on what they share: that data are not to be used.

        Clause: rights.restriction (APPI 35; GDPR 18)
        """
        rule = self.map.restrict
        above = {name: [one for one, to in kind.above.items() if to == rule.object] for name, kind in self.map.objects.items()}
        rows = dict(read(self.client, job.refs, above))
        switch_of = {ref: self._switch(ref, row, above) for ref, row in rows.items()}
        holders = {key: Ref(rule.object, (key,), b"") for key in switch_of.values() if key}
        states = {str(ref.key[0]): row for ref, row in read(self.client, list(holders.values()), {rule.object: (rule.switch,)})}
        wrong = [key for key, row in states.items() if bool(row.get(rule.switch)) != ON[job.op]]
        codes = self.client.update((rule.object, key, {rule.switch: ON[job.op]}) for key in wrong)
        for ref in job.refs:
            key = switch_of.get(ref, "")
            if ref not in rows:
                yield ref, ABSENT
            elif key not in states:
                yield ref, Outcome("denied", f"{rule.object.lower()}_missing")
            else:
                yield ref, outcome_for(codes[key], Outcome("done"), self.now) if key in codes else Outcome("already")

    def deliver(self, delivery: Delivery) -> tuple[Ref, Outcome]:
        """Write a delivery: into the known record where there is one, else into the one that has its external id."""
        rule = self.map.write
        kind = self.map.objects[rule.object]
        if unknown := sorted(set(delivery.fields) - set(kind.fields)):
            raise ServiceError("bug", "field_not_mapped") from ValueError(", ".join(unknown))
        values = {kind.fields[name]: value for name, value in delivery.fields.items()}
        shown = (*values, *kind.links(), "IsConverted") if "IsConverted" in kind.not_personal else tuple(values)
        for ref, row in read(self.client, [one for one in delivery.known if one.store == rule.object], {rule.object: shown}):
            if not row.get("IsConverted"):
                return ref, self._added(ref, row, values)
        key, made = self.client.upsert(rule.object, rule.external_id, delivery.idem, {**rule.filled, **values})
        (found,) = read(self.client, [Ref(rule.object, (key,), b"")], {})
        return Ref(rule.object, (key,), str(found[1]["SystemModstamp"]).encode()), Outcome("done" if made else "already")

    def _added(self, ref: Ref, row: Row, values: Mapping[str, str]) -> Outcome:
        news = {name: value for name, value in values.items() if row.get(name) != value}
        if not news:
            return Outcome("already")
        code = self.client.update([(ref.store, str(ref.key[0]), news)])[str(ref.key[0])]
        return outcome_for(code, Outcome("done"), self.now)

    def _switch(self, ref: Ref, row: Row, above: Mapping[str, Sequence[str]]) -> str:
        """Give the id of the record that has the switch for this one."""
        if ref.store == self.map.restrict.object:
            return str(ref.key[0])
        return next((str(row[name]) for name in above[ref.store] if row.get(name)), "")

    def _written(self, told: Mapping[Ref, Outcome], news: Mapping[Ref, dict[str, Any]]) -> Iterator[tuple[Ref, Outcome]]:
        yield from told.items()
        codes = self.client.update((ref.store, str(ref.key[0]), values) for ref, values in news.items())
        for ref in news:
            yield ref, outcome_for(codes[str(ref.key[0])], Outcome("done"), self.now)

    def _corrected(self, kind: Kind, row: Row, job: Job) -> dict[str, Any] | None:
        """Give the fields of a record that have to change; None where it says neither the old nor the new."""
        news: dict[str, Any] = {}
        for name, value in job.change.items():
            if name not in kind.fields:
                continue
            made = _one_field(kind, row, name, value, job.before.get(name, ""))
            if made is None:
                return None
            news.update(made)
        return news


def _one_field(kind: Kind, row: Row, name: str, value: str, before: str) -> dict[str, Any] | None:
    main = kind.fields[name]
    if kind.parts and main == kind.parts[0]:
        return _name(kind.parts, row, value, before)
    places = tuple(dict.fromkeys((main, *kind.identity.get(name, ()))))
    old = {_plain(one) for one in (spellings(before) if name == "phone" else [before])} if before else set()
    news = {one: value for one in places if row.get(one) and row[one] != value and (not before or _plain(row[one]) in old)}
    if not before:
        return {main: value} if row.get(main) != value else {}
    other = row.get(main) and main not in news and row[main] != value
    return None if other and not news and not any(row.get(one) == value for one in places) else news


def _name(parts: Sequence[str], row: Row, value: str, before: str) -> dict[str, Any] | None:
    """Correct a name that stands in parts: the first takes the new one whole, so that none of the old is left over."""
    have = [str(row[one]) for one in parts if row.get(one)]
    if have == [value]:
        return {}
    written = {_plain("".join(order)) for order in (have, have[::-1])}
    if before and _plain(before.replace(" ", "")) not in {one.replace(" ", "") for one in written}:
        return None
    return {parts[0]: value, **dict.fromkeys(parts[1:])}


def _plain(value: object) -> str:
    return str(value).strip().casefold()
