"""The fake instance as a double of the contract: planted by the company's own software, reached over HTTP alone."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from upheld.db import FixedClock
from upheld.services.contract import FaultProxy, Planted
from upheld.services.contract.double import Hand
from upheld.services.contract.proxy import FAULTS
from upheld.services.marketo import MarketoService, connect
from upheld.services.marketo.fake import Fake, Source, fake_app
from upheld.services.marketo.fake.limits import Client
from upheld.services.pace import Pace

START = datetime(2026, 11, 22, 3, tzinfo=UTC)
CODES = ("602", "604", "606", "607", "611", "615", "713")
_TIMES = {"updatedAt", "createdAt"}


class Swap:
    """One server for a module, and a fresh instance behind it for each test."""

    def __init__(self) -> None:
        self.fake = fake_app(FixedClock(START))

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await self.fake(scope, receive, send)


class Instance:
    """One fresh instance. Sleeping for the pace lets the clock run on, so that nobody waits."""

    lacks: Mapping[Hand, str] = {
        "lock": "an instance has no lock of its own on a person",
        "region": "the operator's interface does not tell where an instance lies; the contract does",
    }
    faults = (*FAULTS, *CODES)

    def __init__(self, swap: Swap, proxy: FaultProxy, *, source: Source | None = None, **limits: Any) -> None:
        self.clock = FixedClock(START)
        self.fake: Fake = fake_app(self.clock, source=source, **limits)
        self.fake.gate.clients["reader"] = Client("example", writes=False)
        swap.fake = self.fake
        self.proxy = proxy
        self.proxy.calm()
        self.proxy.seen.clear()
        self.pace = Pace(lambda: self.clock.now().timestamp(), lambda seconds: self.advance(timedelta(seconds=seconds)))
        self.leads: dict[str, list[int]] = {}
        self._open: list[MarketoService] = []
        self._lists = itertools.count(41)

    @property
    def now(self) -> datetime:
        return self.clock.now()

    def advance(self, by: timedelta) -> None:
        self.clock.advance(by)

    def service(self, credential: Literal["full", "read"] = "full", **settings: Any) -> MarketoService:
        told = {
            "kind": "marketo", "url": self.proxy.url, "client_id": "upheld" if credential == "full" else "reader",
            "client_secret": "secret:marketo", "stored_in": "US", **settings,
        }  # fmt: skip
        made = connect("marketo", told, {"secret:marketo": "example"}.__getitem__, self.clock, pace=self.pace)
        self._open.append(made)
        return made

    def plant(self, person: Planted) -> None:
        """Twice, as forms and imports do: in two partitions with other capitals, and once on a list."""
        self.fake.people.partitions[2] = "Imports"
        values = {"lastName": person.name[:255], "phone": person.phone, "company": person.company}
        first = self.fake.put(lists=(next(self._lists),), email=person.email, **values)
        second = self.fake.put(2, email=person.email.upper(), **values)
        self.leads[person.key] = [first, second]

    def held(self, person: Planted) -> Mapping[str, bytes]:
        """What anybody sees there of an address, found without the service's help."""
        shown = {key: self._digest(key) for key, one in self.fake.people.leads.items() if self._is(key, person) and one.partition != 99}
        lists = {f"{number}:{key}": b"" for number, members in self.fake.people.members.items() for key in members if key in shown}
        logs = {f"activities {key}": b"" for key in shown if self.fake.people.activities.get(key)}
        return {**{str(key): value for key, value in shown.items()}, **lists, **logs}

    def others(self, *apart_from: Planted) -> Mapping[str, bytes]:
        """People by id and lists by number, without times of change."""
        rest = [key for key in self.fake.people.leads if not any(self._is(key, person) for person in apart_from)]
        lists = {
            f"list {number}": repr(sorted(key for key in members if key in rest)).encode()
            for number, members in self.fake.people.members.items()
        }
        return {**{str(key): self._digest(key) for key in rest}, **{key: value for key, value in lists.items() if value != b"[]"}}

    def writes(self) -> int:
        return self.fake.calls["writes"]

    def lock(self, person: Planted) -> None:
        raise AssertionError("an instance has no locks")

    def forbid(self, person: Planted) -> None:
        self.fake.forbid(self.leads[person.key][0])

    def hide(self, person: Planted) -> None:
        for key in self.leads[person.key]:
            self.fake.hide(key)

    def change(self, person: Planted) -> None:
        self.fake.change(self.leads[person.key][0], company="Example Holdings")

    def move(self) -> None:
        raise AssertionError("an instance does not tell where it lies")

    def clutter(self) -> Mapping[str, str]:
        self.fake.add_field("shoeSize")
        self.fake.api.custom_objects.append("orders_c")
        return {"leads.shoeSize": "field_not_in_policy", "customobjects/orders_c": "store_undeclared"}

    def fault(self, kind: str, *, after: int = 0, times: int = 1) -> None:
        if kind in CODES:
            self.fake.fault(kind, after=after, times=times)
        else:
            self.proxy.fault(kind, after=after, times=times)

    def requests(self) -> str:
        return "\n".join((*self.proxy.seen, *self.fake.targets))

    def close(self) -> None:
        for one in self._open:
            one.close()

    def _is(self, key: int, person: Planted) -> bool:
        return str(self.fake.people.leads[key].values.get("email") or "").casefold() == person.email.casefold()

    def _digest(self, key: int) -> bytes:
        one = self.fake.people.leads[key]
        told = {name: value for name, value in one.values.items() if name not in _TIMES and value not in (None, False, "")}
        return hashlib.sha256(repr((one.partition, sorted(told.items()))).encode()).digest()
