"""One instance of Marketo as a service: what it can do, and whom it holds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from upheld.policy.model import Frozen
from upheld.services.marketo.applying import LINGERS, Hands, reason_of, written
from upheld.services.marketo.client import MarketoClient
from upheld.services.marketo.extract import Extract
from upheld.services.marketo.mapping import MarketoMap
from upheld.services.marketo.reading import (
    ACTIVITIES,
    LEADS,
    MEMBERS,
    Row,
    activities_of,
    activity_types,
    by_id,
    everything,
    lead_ref,
    lists_of,
    means,
    members_there,
    value_of,
)
from upheld.services.model import Can, Delivery, Identities, Item, Job, Op, Outcome, Place, Ref, Seen
from upheld.services.port import NotCapableError, ServiceError, need

_READS, _WRITES, _LISTS = ("Read-Only Lead",), ("Read-Write Lead",), ("Read-Only Lead", "Read-Only Asset")
_HIDDEN = "who lies in a partition that the API user does not see is not found; nobody is found by telephone number"
_NAMED = "the operator's list of deletions goes on showing the name, for 14 days or longer; program members and custom objects go with the person"
_SYNC = "the log of activities keeps the old value; what is synchronised from Salesforce is written over by it: correct it there first"
_ADDRESS = "it is kept by address and outlives the deleted person: say so in the policy"
_STAFF = "it stops mail, campaigns and calls; people who work there still see the person"
_OURS = "only what was set from here is taken back, and a suppression only where nobody else unsubscribed the address"
_PLACE = "a place in a list holds nothing but the person's number"
_LOG = "activities are the instance's own log: they are read, and go when the person goes"
_WITH = "activities go with the person and not before; whether reports keep them is not told"


@dataclass(slots=True)
class MarketoService:
    """One instance. Every method may raise ServiceError."""

    name: str
    client: MarketoClient
    mapping: MarketoMap
    stored_in: tuple[str, ...]
    partition: str = ""
    """Where new people are put; the instance's own choice where it is empty."""

    def capabilities(self) -> tuple[Can, ...]:
        """Say what is done with people, their places in static lists, and their activities."""
        none: tuple[Op, ...] = ("write", "correct", "restrict", "release", "suppress", "unsuppress")
        return (
            Can(LEADS, "find", "partial", _HIDDEN, needs=_READS),
            Can(LEADS, "fetch", "full", needs=_READS),
            Can(LEADS, "write", "full", needs=_WRITES),
            Can(LEADS, "correct", "partial", _SYNC, needs=_WRITES),
            Can(LEADS, "suppress", "partial", _ADDRESS, needs=_WRITES),
            Can(LEADS, "unsuppress", "partial", _OURS, needs=_WRITES),
            Can(LEADS, "restrict", "partial", _STAFF, needs=_WRITES),
            Can(LEADS, "release", "partial", _OURS, needs=_WRITES),
            Can(LEADS, "erase", "partial", _NAMED, LINGERS, _WRITES),
            Can(MEMBERS, "find", "partial", _HIDDEN, needs=_LISTS),
            Can(MEMBERS, "fetch", "full", needs=_LISTS),
            Can(MEMBERS, "erase", "full", needs=_WRITES),
            *(Can(MEMBERS, op, "none", _PLACE) for op in none),
            Can(ACTIVITIES, "find", "partial", _HIDDEN, needs=_READS),
            Can(ACTIVITIES, "fetch", "full", needs=("Read-Only Activity",)),
            Can(ACTIVITIES, "erase", "partial", _WITH, needs=_WRITES),
            *(Can(ACTIVITIES, op, "none", _LOG) for op in none),
        )

    def locations(self) -> Iterator[Place]:
        """Say what the contract says: the operator's interface does not tell where an instance lies."""
        for store in (LEADS, MEMBERS, ACTIVITIES):
            for country in self.stored_in:
                yield Place(store, country, country, "contract", self.client.now)

    def find(self, who: Identities) -> Iterator[Ref]:
        """Stream everybody of an address, however often it stands there, their activities, and their places in lists.

        Raises NotCapableError for somebody who is known only by what cannot be searched.
        """
        for row in everything(self.client, self.mapping, who):
            ref = lead_ref(self.mapping, row)
            yield ref
            yield Ref(ACTIVITIES, ref.key, b"")  # nobody is without: the first is that they came
            for key in lists_of(self.client, int(row["id"])):
                yield Ref(MEMBERS, (key, int(row["id"])), b"")

    def there(self, refs: Sequence[Ref]) -> Iterator[Ref]:
        """Give the records that are still there."""
        rows = by_id(self.client, self.mapping, refs)
        yield from (ref for ref in refs if ref.store != MEMBERS and ref.key[0] in rows)
        yield from members_there(self.client, refs)

    def fetch(self, refs: Sequence[Ref]) -> Iterator[Item]:
        """Give what is the person's of each record, by the names of the fields there; empty fields are left out."""
        rows = by_id(self.client, self.mapping, refs)
        for ref in refs:
            if ref.store == LEADS and ref.key[0] in rows:
                yield self._item(ref, rows[ref.key[0]])
        if logs := [ref for ref in refs if ref.store == ACTIVITIES and ref.key[0] in rows]:
            types = activity_types(self.client)
            yield from (Item(ref, Frozen(activities_of(self.client, rows[int(str(ref.key[0]))], types))) for ref in logs)
        if places := list(members_there(self.client, refs)):
            asked = {"id": list(dict.fromkeys(str(ref.key[0]) for ref in places))}
            names = {int(row["id"]): str(row.get("name") or "") for page in self.client.pages("lists.json", asked) for row in page.rows}
            yield from (Item(ref, Frozen({"list": names.get(int(str(ref.key[0])), str(ref.key[0]))})) for ref in places)

    def takes(self) -> frozenset[str]:
        """Name the fields that the map has a place for."""
        return frozenset(self.mapping.fields)

    def write(self, delivery: Delivery) -> tuple[Ref, Outcome]:
        """Put somebody there, or add to the one who is there already; twice is once.

        Whoever has several records is written to in the first of them. A field without a place raises ServiceError
        `field_not_mapped` before anything is sent. An address that once unsubscribed stays so.
        Clause: services (APPI 25; GDPR 28)
        """
        if delivery.fields.keys() - self.mapping.fields.keys():
            raise ServiceError("tenant", "field_not_mapped")
        row = self._known(delivery)
        if row is not None and all(means(name, value_of(row, self.mapping.fields[name]), value) for name, value in delivery.fields.items()):
            return lead_ref(self.mapping, row), Outcome("already")
        values = {key: one for name, value in delivery.fields.items() for key, one in written(self.mapping.fields[name], value).items()}
        key, outcome = self._sync(values, row)
        new = next(iter(by_id(self.client, self.mapping, [Ref(LEADS, (key,), b"")]).values()), None)
        if new is None:
            raise ServiceError("transient", "not_there_yet")
        return lead_ref(self.mapping, new), outcome

    def apply(self, job: Job) -> Iterator[tuple[Ref, Outcome]]:
        """Do one thing to records, and answer for each by itself.

        Clause: services (APPI 34, 35; GDPR 16, 17, 18, 21)
        """
        need(self, job)
        if missing := sorted(job.change.keys() - self.mapping.fields.keys()):
            raise NotCapableError(f"{self.name} {LEADS} has no field for {', '.join(missing)}")
        yield from Hands(self.client, self.mapping).of(job)

    def discover(self, sample: int = 200) -> Iterator[Seen]:
        """Say which fields and custom objects the map does not name, and which of its fields are not there."""
        rows = self.client.ask("leads/describe2.json").rows
        there = {str(one.get("name")) for row in rows for one in row.get("fields", ())}
        for name in sorted(there - self.mapping.known):
            yield Seen(LEADS, name, "field_not_in_policy")
        for name in sorted({part for one in self.mapping.fields.values() for part in one.parts} - there):
            yield Seen(LEADS, name, "capability_lost")
        for row in self.client.ask("customobjects.json").rows:
            if (name := str(row.get("name"))) not in self.mapping.custom_objects:
                yield Seen(f"customobjects/{name}", "", "store_undeclared")

    @property
    def extract(self) -> Extract:
        """Give the bulk extract, for many people and for those whom a search does not see."""
        return Extract(self.client, self.mapping)

    def close(self) -> None:
        """Let go of the connection."""
        self.client.close()

    def _item(self, ref: Ref, row: Row) -> Item:
        names = (*self.mapping.told, *self.mapping.flags)
        fields = {name: str(row[name]) for name in names if row.get(name) not in (None, "", False)}
        return Item(ref, Frozen(fields), tuple(name for name in self.mapping.free_text if name in fields))

    def _known(self, delivery: Delivery) -> Row | None:
        """Give the person's first record, by what an earlier delivery returned or else by who they are."""
        rows = by_id(self.client, self.mapping, delivery.known)
        if not rows:
            rows = {int(row["id"]): row for row in everything(self.client, self.mapping, delivery.who)}
        return rows[min(rows)] if rows else None

    def _sync(self, values: dict[str, object], row: Row | None) -> tuple[int, Outcome]:
        """Write one record. By address where nobody is there yet: asked again after a lost answer it finds its own."""
        body: dict[str, object] = {"action": "createOrUpdate", "lookupField": "email", "input": [values]}
        if row is not None:
            body = {"action": "updateOnly", "lookupField": "id", "input": [{**values, "id": row["id"]}]}
        elif self.partition:
            body["partitionName"] = self.partition
        answer = self.client.tell("leads.json", body)
        told = answer.rows[0] if answer.rows else {}
        if told.get("status") not in ("created", "updated"):
            raise ServiceError(*reason_of(told))
        return int(told["id"]), Outcome("done", evidence=answer.request)
