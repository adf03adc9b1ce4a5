"""One organisation as a service: what it can do, and each thing done through the vendor's own client."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

from upheld.db import Clock
from upheld.policy.model import Frozen
from upheld.services.model import Can, Delivery, Identities, Item, Job, Level, Op, Outcome, Place, Ref, Seen
from upheld.services.port import need
from upheld.services.salesforce.changing import Changes
from upheld.services.salesforce.client import Client
from upheld.services.salesforce.discovering import discovered
from upheld.services.salesforce.erasing import Erasure, lingers
from upheld.services.salesforce.finding import Walk, read
from upheld.services.salesforce.mapping import Keep, OrgMap

_STAFF = "people inside the organisation can still open the record; programs that ask the switch stop"
_HISTORY = "the organisation's field history keeps old values until it lapses"
_BIN = "without the right to delete for good, records lie in the bin for 15 days"
_OPS: tuple[Op, ...] = ("find", "fetch", "write", "correct", "restrict", "release", "suppress", "unsuppress", "erase")


class SalesforceService:
    """People in one Salesforce organisation."""

    def __init__(
        self, name: str, mapping: OrgMap, client: Client, clock: Clock, places: Sequence[tuple[str, str, datetime]], *, hard: bool
    ) -> None:
        """Keep what is needed; nothing is called yet. `places` are country, region and the day of the statement."""
        self._name, self._map, self._client, self._clock = name, mapping, client, clock
        self._places, self._hard = tuple(places), hard

    @property
    def name(self) -> str:
        """Its id in the policy's table of services."""
        return self._name

    def capabilities(self) -> tuple[Can, ...]:
        """Say for every object and operation whether it is done."""
        return tuple(self._can(store, op) for store in self._map.objects for op in _OPS)

    def locations(self) -> Iterator[Place]:
        """Say where the organisation lies, as the contract says: the operator's interface does not tell."""
        for country, region, seen in self._places:
            for store in self._map.objects:
                yield Place(store, country, region, "contract", seen)

    def find(self, who: Identities) -> Iterator[Ref]:
        """Stream every record of a person: by identifiers, along what belongs together, and in long texts."""
        yield from Walk(self._client, self._map).person(who)

    def there(self, refs: Sequence[Ref]) -> Iterator[Ref]:
        """Give those of the records that people of the organisation can still see."""
        for ref, _ in read(self._client, refs, {}):
            yield ref

    def fetch(self, refs: Sequence[Ref]) -> Iterator[Item]:
        """Stream what records hold, by the organisation's own names of fields."""
        fields = {name: kind.shown() for name, kind in self._map.objects.items()}
        for ref, row in read(self._client, refs, fields):
            kind = self._map.objects[ref.store]
            held = {name: str(row[name]) for name in kind.shown() if row.get(name) not in (None, "")}
            yield Item(ref, Frozen(held), tuple(name for name in kind.free_text if name in held))

    def takes(self) -> frozenset[str]:
        """Name the fields that the object of deliveries has a place for."""
        return frozenset(self._map.objects[self._map.write.object].fields)

    def write(self, delivery: Delivery) -> tuple[Ref, Outcome]:
        """Put a delivery into one lead; again, it is the same one."""
        return self._changes().deliver(delivery)

    def apply(self, job: Job) -> Iterator[tuple[Ref, Outcome]]:
        """Do one thing to records and answer for each of them; raises NotCapableError before anything is done."""
        need(self, job)
        match job.op:
            case "erase":
                yield from Erasure(self._client, self._map, self._hard, self._clock.now()).run(job.refs)
            case "correct":
                yield from self._changes().correct(job)
            case "suppress" | "unsuppress":
                yield from self._changes().switch(job)
            case "restrict" | "release":
                yield from self._changes().restrict(job)
            case _:
                raise ValueError(f"{job.op} is no change of records")

    def discover(self, sample: int = 200) -> Iterator[Seen]:
        """Say which fields and objects the map does not say, and what samples of them look like."""
        yield from discovered(self._client, self._map, sample)

    def close(self) -> None:
        """Let go of the connection."""
        self._client.close()

    def _changes(self) -> Changes:
        return Changes(self._client, self._map, self._clock.now())

    def _can(self, store: str, op: Op) -> Can:
        level, why = self._level(store, op)
        if op == "erase" and level != "none":
            needs = ("Bulk API Hard Delete",) if self._hard else ("Delete",)
            return Can(store, op, level, why, lingers(self._hard), needs)
        return Can(store, op, level, why)

    def _level(self, store: str, op: Op) -> tuple[Level, str]:
        """Say how far an operation goes in an object; a limit of the map counts beside ours."""
        level, why = self._by_nature(store, op)
        told = "" if op == "write" else self._map.objects[store].limits.get(op, "")
        return ("partial", "; ".join(filter(None, (why, told)))) if told and level != "none" else (level, why)

    def _by_nature(self, store: str, op: Op) -> tuple[Level, str]:
        kind, write, restrict = self._map.objects[store], self._map.write, self._map.restrict
        match op:
            case "write" if store != write.object:
                return "none", f"deliveries go to {write.object}"
            case "correct":
                if not kind.fields:
                    return "none", "it has no field of the policy"
                return ("partial", _HISTORY) if kind.history else ("full", "")
            case "restrict" | "release":
                reached = store == restrict.object or restrict.object in kind.above.values()
                return ("partial", _STAFF) if reached else ("none", f"the switch is on {restrict.object}")
            case "suppress" | "unsuppress" if not kind.suppress:
                return "none", "it has no switch that stops mail"
            case "erase" if isinstance(kind.erase, Keep):
                return "partial", f"kept for {kind.erase.keep}, with {len(kind.erase.mask)} fields written over"
            case "erase" if not self._hard:
                return "partial", _BIN
            case _:
                return "full", ""
