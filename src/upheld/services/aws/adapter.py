"""One account as a service: its stores side by side, each record answered for by itself."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

import msgspec

from upheld.db import Clock
from upheld.services.aws.buckets import OwnObjects
from upheld.services.aws.client import Access, Account, Role
from upheld.services.aws.contacts import Contacts
from upheld.services.aws.lines import SharedLines
from upheld.services.aws.logs import Lines
from upheld.services.aws.mapping import AwsMap, MapError, read_map
from upheld.services.aws.part import Part
from upheld.services.aws.pools import Members
from upheld.services.aws.surroundings import undeclared
from upheld.services.aws.tables import Items
from upheld.services.model import Can, Delivery, Identities, Item, Job, Outcome, Place, Ref, Seen
from upheld.services.port import NotCapableError, ServiceError, need

T = TypeVar("T")
ROLES: tuple[Role, ...] = ("read", "write", "delete")


class AwsService:
    """The stores of one account that the map names."""

    def __init__(self, name: str, told: AwsMap, account: Account, stored_in: Sequence[str], regions: Sequence[str]) -> None:
        """Keep everything; nothing is called. `regions` are looked through for what the map does not name."""
        self.name = name
        self._told, self._account, self._stored_in, self._regions = told, account, frozenset(stored_in), tuple(regions)
        self._parts: dict[str, Part] = {part.store: part for part in _parts(told, account)}

    def capabilities(self) -> tuple[Can, ...]:
        """Say for every store and every operation whether it is done."""
        return tuple(can for part in self._parts.values() for can in part.capabilities())

    def locations(self) -> Iterator[Place]:
        """Say where each store lies, as the operator says."""
        return (part.place() for part in self._parts.values())

    def find(self, who: Identities) -> Iterator[Ref]:
        """Stream every record of a person from every store."""
        for part in self._parts.values():
            yield from part.find(who)

    def there(self, refs: Sequence[Ref]) -> Iterator[Ref]:
        """Give those records that still exist, each by its own key."""
        for part, mine in self._by_part(refs):
            yield from part.there(mine)

    def fetch(self, refs: Sequence[Ref]) -> Iterator[Item]:
        """Stream what records hold."""
        for part, mine in self._by_part(refs):
            yield from part.fetch(mine)

    def takes(self) -> frozenset[str]:
        """Name the fields that the store of deliveries has a place for; none where no store takes any."""
        return next((part.takes() for part in self._taking()), frozenset())

    def _taking(self) -> list[Items]:
        return [part for part in self._parts.values() if isinstance(part, Items) and part.takes()]

    def write(self, delivery: Delivery) -> tuple[Ref, Outcome]:
        """Put a record into the one store that takes deliveries; raises NotCapableError where none does."""
        takes = self._taking()
        if not takes:
            raise NotCapableError(f"{self.name} cannot write: no table of its map says `deliver: true`")
        return takes[0].write(delivery)

    def apply(self, job: Job) -> Iterator[tuple[Ref, Outcome]]:
        """Do one thing to records, store by store; raises NotCapableError before anything is done."""
        need(self, job)
        for part, mine in self._by_part(job.refs):
            yield from part.apply(job, mine)

    def discover(self, sample: int = 200) -> Iterator[Seen]:
        """Say what the account has that the map does not name, what lies elsewhere, and what is kept without end."""
        for part in self._parts.values():
            if self._stored_in and part.place().country not in self._stored_in:
                yield Seen(part.store, "", "region_mismatch")
            yield from part.discover(sample)
        yield from undeclared(self._account, self._told, self._regions)

    def close(self) -> None:
        """Let go of the connections."""
        self._account.close()

    def _by_part(self, refs: Sequence[Ref]) -> Iterator[tuple[Part, list[Ref]]]:
        mine: dict[str, list[Ref]] = defaultdict(list)
        for ref in refs:
            mine[ref.store].append(ref)
        for store, some in mine.items():
            if store not in self._parts:
                raise ServiceError("bug", "store_not_mapped")
            yield self._parts[store], some


def _parts(told: AwsMap, account: Account) -> Iterator[Part]:
    """Order the stores as an erasure goes: who signs in and what is sent, then items, then objects, then logs."""
    for store, contacts in told.contact_lists.items():
        yield Contacts(account, store, contacts)
    for store, pool in told.pools.items():
        yield Members(account, store, pool)
    for store, table in told.tables.items():
        yield Items(account, store, table)
    known = frozenset(bucket.bucket for bucket in told.buckets.values())
    for store, bucket in told.buckets.items():
        yield (SharedLines if bucket.person.lines else OwnObjects)(account, store, bucket, known)
    for store, group in told.log_groups.items():
        yield Lines(account, store, group)


class _Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    kind: str
    region: str
    read: str
    write: str = ""
    delete: str = ""
    endpoint: str = ""
    stored_in: list[str] | str = []
    regions: list[str] = []
    map: Any = None


def connect(name: str, settings: Mapping[str, Any], secret: Callable[[str], str], clock: Clock) -> AwsService:
    """Open an account as `connections/<name>.yaml` describes it; nothing is called yet. Raises MapError.

    `region` is where stores lie that say no other. `read`, `write` and `delete` are `secret:NAME`, each an access key
    as `ID:KEY` or `ID:KEY:TOKEN`; without `write` and `delete` the connection can only look. `endpoint` is another
    address than the operator's own. `stored_in` are the countries of the policy, `regions` those that are looked
    through for stores nobody declared (`region` alone if missing). `map` has the stores; without it the map that is
    shipped for the reference policy counts.
    Clause: services
    """
    file = f"connections/{name}.yaml"
    try:
        told = msgspec.convert(dict(settings), _Settings)
    except msgspec.ValidationError as error:
        text, _, place = str(error).partition(" - at ")
        raise MapError(f"{file} {place.strip('`').lstrip('$.')}: {text}") from None
    references = {role: getattr(told, role) for role in ROLES if getattr(told, role)}
    keys = {role: _later(secret, reference) for role, reference in references.items()}
    stored_in = (told.stored_in,) if isinstance(told.stored_in, str) else tuple(told.stored_in)
    account = Account(Access(told.region, told.endpoint, keys), clock)
    return AwsService(name, read_map(told.map, file), account, stored_in, told.regions or (told.region,))


def _later(secret: Callable[[str], str], reference: str) -> Callable[[], str]:
    return lambda: secret(reference)
