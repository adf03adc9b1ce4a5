"""The port: what every system that holds people's data outside is asked, and how it says that it could not.

A service is somebody else's system. It answers for each record by itself, keeps nothing of a person, and raises
ServiceError, with a class of trouble instead of the operator's own words, which may repeat values.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Protocol

from upheld.db import UpheldError
from upheld.services.model import Can, Delivery, Identities, Item, Job, Outcome, Place, Ref, Seen
from upheld.services.rules import Trouble


class ServiceError(UpheldError):
    """The service did not do what was asked."""

    code = "service_failed"
    clause = "services"
    next_step = "`upheld services` tells what became of it; what can be tried again is."

    def __init__(self, trouble: Trouble, code: str, *, retry_at: datetime | None = None) -> None:
        """Keep the class of trouble and the operator's own code for it; `retry_at` where the operator named a time.

        A code is a word of the operator's published list (letters, digits, `_`, `-`, `.`), never its sentence.
        """
        super().__init__(f"the service said {code}", code=code, permanent=trouble not in PASSING)
        self.trouble: Trouble = trouble
        self.retry_at = retry_at


PASSING: frozenset[Trouble] = frozenset({"token", "throttle", "quota", "transient"})
"""Trouble that goes by itself; all other kinds need a person or a decision."""


class NotCapableError(UpheldError):
    """The service cannot do this in that store, and says so before anything is tried."""

    code = "service_not_capable"
    clause = "services"
    next_step = "Do it by hand: the task says where to look."


class Service(Protocol):
    """One system of somebody else. Its methods read unless they say otherwise; all may raise ServiceError."""

    @property
    def name(self) -> str:
        """Its id in the policy's table of services, or the name of its map."""

    def capabilities(self) -> tuple[Can, ...]:
        """Say for every store and every operation whether it is done; what is missing here is not done."""

    def locations(self) -> Iterator[Place]:
        """Say where each store lies, from the operator where that can be asked."""

    def find(self, who: Identities) -> Iterator[Ref]:
        """Stream every record of a person, each once, and what of others names them."""

    def there(self, refs: Sequence[Ref]) -> Iterator[Ref]:
        """Give those of the records that still exist, each read by its own key and not by the person's values."""

    def fetch(self, refs: Sequence[Ref]) -> Iterator[Item]:
        """Stream what records hold."""

    def takes(self) -> frozenset[str]:
        """Name the fields of the policy that a delivery may carry: for any other there is no place."""

    def write(self, delivery: Delivery) -> tuple[Ref, Outcome]:
        """Put a record there, or add to the one of the same person; the answer names it. Writes.

        Doing it twice makes one record. Only the delivery's own fields are written; a field for which the service
        has no place raises ServiceError `field_not_mapped` before anything is sent.
        """

    def apply(self, job: Job) -> Iterator[tuple[Ref, Outcome]]:
        """Do one thing to records and give one outcome for each of them, always. Writes.

        Raises NotCapableError for an operation that a store does not have, before anything is done.
        """

    def discover(self, sample: int = 200) -> Iterator[Seen]:
        """Say what is there that the map does not say: stores, fields, and samples that look personal."""

    def close(self) -> None:
        """Let go of the connection."""


def need(service: Service, job: Job) -> None:
    """Refuse a job before anything is done where a store of its records cannot do it; raises NotCapableError."""
    levels = {one.store: one for one in service.capabilities() if one.op == job.op}
    for store in dict.fromkeys(ref.store for ref in job.refs):
        can = levels.get(store)
        if can is None or can.level == "none":
            why = can.reason if can is not None else "not offered"
            raise NotCapableError(f"{service.name} {store} cannot {job.op}: {why}")
