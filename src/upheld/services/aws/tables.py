"""Tables of items: found by an index or by reading all, deleted only as they were found, written once for each person."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, time, timedelta
from decimal import Decimal
from typing import Any

from upheld.policy.period import Period
from upheld.services.aws.client import Account
from upheld.services.aws.mapping import Table
from upheld.services.aws.part import NOT_WRITTEN, digest, each, in_arn, lies, request_of, told
from upheld.services.model import Can, Delivery, Identities, Item, Job, Op, Outcome, Place, Ref, Seen
from upheld.services.port import NotCapableError, ServiceError
from upheld.services.spelling import names, written

Values = Mapping[str, Mapping[str, Any]]
"""An item as the operator writes it: each attribute with the letter of its type."""

ATTRIBUTES = 100
"""How many attributes a condition compares at most."""
_ONLY_NAMED = "attributes inside a map or a list are not corrected"
_NAMESPACE = uuid.UUID("6f1f5a4e-54a0-5b8e-9d5f-6c2f7b0f6a11")


class Items:
    """The items of people in one table."""

    def __init__(self, account: Account, store: str, told: Table) -> None:
        """Keep what the map says; nothing is called."""
        self.store, self._told, self._account = store, told, account
        self._region = told.region or account.region

    def capabilities(self) -> tuple[Can, ...]:
        """Say what is done with items; the operator's copies by point in time are told with each erasure."""
        full: list[Op] = ["find", "fetch"]
        full += ["write"] if self._told.deliver == "true" else []
        full += ["erase"] if self._told.backups else []
        use, mail = "a table cannot keep an item from those who read it; the gate does", "a table sends nothing"
        return told(
            self.store, full,
            {
                "write": ("none", NOT_WRITTEN), "correct": ("partial", _ONLY_NAMED),
                "erase": ("partial", "the map does not say how long the company's own backups of the table last"),
                "restrict": ("none", use), "release": ("none", use), "suppress": ("none", mail), "unsuppress": ("none", mail),
            },
            {
                "find": ("dynamodb:Query", "dynamodb:Scan", "dynamodb:DescribeTable"), "fetch": ("dynamodb:GetItem",),
                "write": ("dynamodb:PutItem", "dynamodb:UpdateItem"), "correct": ("dynamodb:UpdateItem",),
                "erase": ("dynamodb:DeleteItem", "dynamodb:DescribeContinuousBackups"),
            },
        )  # fmt: skip

    def place(self) -> Place:
        """Say where the table lies, by the operator's own name for it."""
        arn = self._ask("describe_table")["Table"]["TableArn"]
        return lies(self.store, in_arn(arn), self._account.clock)

    def find(self, who: Identities) -> Iterator[Ref]:
        """Stream the person's items: by an index for identifiers that have one, else by reading the whole table once."""
        seen = set[Ref]()
        for item in self._hers(who):
            ref = self._ref(item)
            if ref not in seen:
                seen.add(ref)
                yield ref

    def _hers(self, who: Identities) -> Iterator[Values]:
        """Read whole items; those of an index, which shows less and later, by their key.

        An index shows a change after the change: items are looked at again before they count as the person's.
        """
        unasked: list[str] = []
        for kind, known in self._told.identity.items():
            if not known.index:
                unasked.append(kind)
                continue
            for value in written(who, kind):
                for page in self._pages("query", IndexName=known.index, **_equals(known.attribute, value)):
                    for some in page["Items"]:
                        item = self._item({name: some[name] for name in self._told.key})
                        if item is not None and self._names(item, who):
                            yield item
        if any(who.get(kind) for kind in unasked):
            for page in self._pages("scan", ConsistentRead=True):
                yield from (item for item in page["Items"] if self._names(item, who))

    def _names(self, item: Values, who: Identities) -> bool:
        return any(names(who, kind, _plain(item.get(known.attribute))) for kind, known in self._told.identity.items())

    def _pages(self, operation: str, **more: Any) -> Iterator[dict[str, Any]]:
        for page in self._account.pages("dynamodb", operation, region=self._region, TableName=self._told.table, **more):
            if "Items" not in page:
                raise ServiceError("transient", "answer_unreadable")
            yield page

    def _ask(self, operation: str, **more: Any) -> dict[str, Any]:
        return self._account.ask("dynamodb", operation, region=self._region, TableName=self._told.table, **more)

    def _item(self, key: Values) -> Values | None:
        found: Values | None = self._ask("get_item", Key=key, ConsistentRead=True).get("Item")
        return found

    def _ref(self, item: Values) -> Ref:
        key = tuple(part for name in self._told.key for part in next(iter(item[name].items())))
        return Ref(self.store, key, digest(sorted((name, _frozen(value)) for name, value in item.items())))

    def _key(self, ref: Ref) -> Values:
        return {name: {str(ref.key[2 * at]): ref.key[2 * at + 1]} for at, name in enumerate(self._told.key)}

    def there(self, refs: Sequence[Ref]) -> Iterator[Ref]:
        """Give those items that still exist."""
        yield from (ref for ref in refs if self._item(self._key(ref)) is not None)

    def fetch(self, refs: Sequence[Ref]) -> Iterator[Item]:
        """Stream the attributes of items by their names; free text may tell of others."""
        for ref in refs:
            item = self._item(self._key(ref))
            if item is not None:
                fields = {name: str(_plain(value)) for name, value in item.items()}
                yield Item(ref, fields, tuple(name for name in self._told.free_text if name in item))

    def takes(self) -> frozenset[str]:
        """Name the fields that a delivery may carry; none where the map does not deliver here."""
        return frozenset(self._told.fields.values()) if self._told.deliver == "true" else frozenset()

    def write(self, delivery: Delivery) -> tuple[Ref, Outcome]:
        """Put one item there, or what is new into the person's own; the same delivery twice makes one."""
        if self._told.deliver != "true":
            raise NotCapableError(f"{self.store} cannot write: {NOT_WRITTEN}")
        attributes = {field: name for name, field in self._told.fields.items()}
        if set(delivery.fields) - set(attributes):
            raise ServiceError("bug", "field_not_mapped")
        wanted = {attributes[field]: {"S": value} for field, value in delivery.fields.items()}
        known = [ref for ref in delivery.known if ref.store == self.store] or list(self.find(delivery.who))[:1]
        made = {"S": str(uuid.uuid5(_NAMESPACE, delivery.idem))}
        key = self._key(known[0]) if known else {name: wanted.get(name, made) for name in self._told.key}
        now = self._item(key)
        if now is not None and all(now.get(name) == value for name, value in wanted.items()):
            return self._ref(now), Outcome("already")
        condition = "attribute_not_exists(#k)" if now is None else "attribute_exists(#k)"
        answer = self._ask(
            "update_item", role="write", Key=key, ReturnValues="ALL_NEW", ConditionExpression=condition,
            **_sets({name: value for name, value in wanted.items() if name not in key}, {"#k": self._told.key[0]}),
        )  # fmt: skip
        return self._ref(answer["Attributes"]), Outcome("done", evidence=request_of(answer))

    def apply(self, job: Job, refs: Sequence[Ref]) -> Iterator[tuple[Ref, Outcome]]:
        """Erase or correct items, each on the condition that it is as it was found."""
        if job.op == "correct":
            yield from each(self._account, refs, lambda ref: self._correct(job, ref))
            return
        try:
            until = self._until()
        except ServiceError:
            until = self._account.clock.now() + timedelta(days=35)  # the longest that the operator offers
        yield from each(self._account, refs, lambda ref: self._erase(ref, until))

    def _erase(self, ref: Ref, until: datetime | None) -> Outcome:
        gone = Outcome("pending_window", "point_in_time", until) if until else Outcome("done")
        item = self._item(self._key(ref))
        if item is None:
            return Outcome("already")
        if self._ref(item).version != ref.version:
            return Outcome("conflict", "changed")
        answer = self._ask("delete_item", role="delete", Key=self._key(ref), ReturnValues="ALL_OLD", **_same(item))
        if "Attributes" not in answer:
            return Outcome("already")
        return Outcome(gone.word, gone.code, gone.until, request_of(answer))

    def _until(self) -> datetime | None:
        """Give the moment at which the last copy of what is deleted now is gone; None where none is kept."""
        now, ends = self._account.clock.now(), []
        told = self._ask("describe_continuous_backups")["ContinuousBackupsDescription"].get("PointInTimeRecoveryDescription", {})
        if told.get("PointInTimeRecoveryStatus") == "ENABLED":
            ends.append(now + timedelta(days=int(told.get("RecoveryPeriodInDays", 35))))
        if self._ask("describe_table")["Table"].get("StreamSpecification", {}).get("StreamEnabled"):
            ends.append(now + timedelta(hours=24))
        period = Period.parse(self._told.backups) if self._told.backups else None
        if period is not None and period.n:
            ends.append(datetime.combine(period.after(now.date()), time.max, now.tzinfo))
        return max(ends, default=None)

    def _correct(self, job: Job, ref: Ref) -> Outcome:
        """Write new values over those that the correction expects to find, and over no others."""
        item = self._item(self._key(ref))
        if item is None:
            return Outcome("already", "gone")
        wanted: dict[str, Mapping[str, Any]] = {}
        for name, field in self._told.fields.items():
            now = _plain(item.get(name))
            if field not in job.change or now is None or now == job.change[field]:
                continue
            if field in job.before and not names({field: (job.before[field],)}, field, now):
                return Outcome("conflict", field)
            if name in self._told.key:
                return Outcome("denied", "key_cannot_change")
            wanted[name] = {"S": job.change[field]}
        if not wanted:
            return Outcome("already")
        same = _same({name: item[name] for name in wanted})
        answer = self._ask("update_item", role="write", Key=self._key(ref), **_merged(_sets(wanted, {}), same))
        return Outcome("done", evidence=request_of(answer))

    def discover(self, sample: int) -> Iterator[Seen]:
        """Say which attributes of sampled items the map does not name, and which copies it does not count."""
        about = self._ask("describe_table")["Table"]
        items = self._ask("scan", Limit=sample).get("Items", [])
        named = {
            *self._told.key, *self._told.fields, *self._told.free_text, *self._told.not_personal,
            *(known.attribute for known in self._told.identity.values()),
        }  # fmt: skip
        for name in sorted({name for item in items for name in item} - named):
            have = sum(name in item for item in items)
            yield Seen(self.store, name, "field_not_in_policy", share=have / len(items), count=have)
        for replica in about.get("Replicas", ()):
            yield Seen(f"dynamodb:{self._told.table}@{replica['RegionName']}", "", "store_undeclared", kind="replica")
        if not self._told.backups:
            kept = self._ask("list_backups").get("BackupSummaries", [])
            if kept:
                yield Seen(self.store, "", "window_longer_than_policy", kind="backup", count=len(kept))


def _plain(value: Mapping[str, Any] | None) -> Any:
    """Read one attribute: text as it is, numbers without a needless fraction, the rest in the operator's own form."""
    if value is None:
        return None
    kind, told = next(iter(value.items()))
    if kind == "N":
        number = Decimal(told)
        return int(number) if number == number.to_integral_value() else str(number)
    return told if kind in {"S", "BOOL"} else str(_frozen(value))


def _frozen(value: Any) -> Any:
    """Give a value in one order, whatever order the operator told it in."""
    if isinstance(value, Mapping):
        return sorted((key, sorted(one) if key in {"SS", "NS", "BS"} else _frozen(one)) for key, one in value.items())
    return [_frozen(one) for one in value] if isinstance(value, list) else value


def _equals(attribute: str, value: str) -> dict[str, Any]:
    return {
        "KeyConditionExpression": "#a = :a", "ExpressionAttributeNames": {"#a": attribute},
        "ExpressionAttributeValues": {":a": {"S": value}},
    }  # fmt: skip


def _same(item: Values) -> dict[str, Any]:
    """Give the condition that an item still holds what it held; an item that is gone does not meet it."""
    some = sorted(item)[:ATTRIBUTES]
    return {
        "ConditionExpression": " AND ".join(f"#c{at} = :c{at}" for at in range(len(some))),
        "ExpressionAttributeNames": {f"#c{at}": name for at, name in enumerate(some)},
        "ExpressionAttributeValues": {f":c{at}": item[name] for at, name in enumerate(some)},
    }


def _sets(values: Values, names: Mapping[str, str]) -> dict[str, Any]:
    some = sorted(values)
    if not some:  # an item that is nothing but its key
        return {"ExpressionAttributeNames": dict(names)}
    return {
        "UpdateExpression": "SET " + ", ".join(f"#s{at} = :s{at}" for at in range(len(some))),
        "ExpressionAttributeNames": {**names, **{f"#s{at}": name for at, name in enumerate(some)}},
        "ExpressionAttributeValues": {f":s{at}": values[name] for at, name in enumerate(some)},
    }


def _merged(first: Mapping[str, Any], second: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: {**first[name], **second[name]} if name in first and name in second and isinstance(first[name], dict) else value
        for name, value in {**first, **second}.items()
    }
