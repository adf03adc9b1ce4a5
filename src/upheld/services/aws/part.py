"""One store of an account: what every kind of store answers, and what they share."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Protocol

from upheld.db import Clock
from upheld.services.aws.client import Account
from upheld.services.model import Can, Delivery, Identities, Item, Job, Level, Op, Outcome, Place, Ref, Seen
from upheld.services.port import ServiceError
from upheld.services.rules import outcome_of
from upheld.transfers.regions import country_of

OPS: tuple[Op, ...] = ("find", "fetch", "write", "correct", "restrict", "release", "suppress", "unsuppress", "erase")
NOT_WRITTEN = "the company's own software writes there"


class Part(Protocol):
    """One store. The methods are those of the port, for this store alone."""

    @property
    def store(self) -> str:
        """Its id in the map."""

    def capabilities(self) -> tuple[Can, ...]:
        """Say for every operation whether it is done."""

    def place(self) -> Place:
        """Say where it lies."""

    def find(self, who: Identities) -> Iterator[Ref]:
        """Stream the person's records."""

    def there(self, refs: Sequence[Ref]) -> Iterator[Ref]:
        """Give those that still exist, by their own keys."""

    def fetch(self, refs: Sequence[Ref]) -> Iterator[Item]:
        """Stream what records hold."""

    def write(self, delivery: Delivery) -> tuple[Ref, Outcome]:
        """Put a record there."""

    def apply(self, job: Job, refs: Sequence[Ref]) -> Iterator[tuple[Ref, Outcome]]:
        """Do one thing to records of this store, one outcome for each."""

    def discover(self, sample: int) -> Iterator[Seen]:
        """Say what is there that the map does not say of this store."""


def told(store: str, full: Iterable[Op], limits: Mapping[Op, tuple[Level, str]], needs: Mapping[Op, tuple[str, ...]]) -> tuple[Can, ...]:
    """Say of every operation what is done: in full, within a limit, or not at all. A KeyError is a gap in what is told."""
    done = set(full)
    return tuple(
        Can(store, op, "full", needs=needs.get(op, ())) if op in done else Can(store, op, *limits[op], needs=needs.get(op, ()))
        for op in OPS
    )


def lies(store: str, region: str, clock: Clock) -> Place:
    """Say in which country a region of the operator lies; a region that nobody knows lies in none."""
    return Place(store, country_of(region) or "", region, "api", clock.now())


def in_arn(arn: str) -> str:
    """Read the region out of the operator's name for a resource."""
    return arn.split(":")[3]


def digest(*parts: object) -> bytes:
    """Give a short fingerprint of what a record holds."""
    return hashlib.sha256(repr(parts).encode("utf-8", "surrogatepass")).digest()[:16]


def each(
    account: Account, refs: Iterable[Ref], act: Callable[[Ref], Outcome]
) -> Iterator[tuple[Ref, Outcome]]:
    """Do one thing to each record by itself: trouble with one of them is its outcome and not the end of the others."""
    for ref in refs:
        try:
            yield ref, act(ref)
        except ServiceError as error:
            yield ref, outcome_for(account, error)


def outcome_for(account: Account, error: ServiceError) -> Outcome:
    """Give what trouble with a record found before comes to."""
    now = account.clock.now()
    return outcome_of(error.trouble, error.diagnostic.code, now, frozen=True, retry_at=error.retry_at)


def request_of(answer: Mapping[str, object]) -> str:
    """Give the operator's own id of a request, for the evidence."""
    about = answer.get("ResponseMetadata")
    return str(about.get("RequestId", "")) if isinstance(about, dict) else ""
