"""The links to the operators' own texts: looked at each night, so that a policy does not lead to where nothing is.

What is found changes no page: what people were told stays as it was published until somebody writes it anew.
"""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path
from typing import Any

from upheld.ledger.kept import write_whole
from upheld.notice import House
from upheld.policy.model import CompiledPolicy

KEPT = "links.json"
"""The file of a data folder that keeps what was seen last."""

UNREACHABLE = 0
"""The status of a link whose server did not answer."""

SECONDS = 20
Look = Callable[[str], int]


@dataclass(frozen=True, slots=True)
class Link:
    """A link of the policy: whose text, its address, the status on the day it was looked at, and the last good day."""

    service: str
    url: str
    status: int
    day: date
    last_good: date | None

    @property
    def good(self) -> bool:
        """Say whether it leads to a text."""
        return 200 <= self.status < 400


def links_of(policy: CompiledPolicy) -> dict[str, str]:
    """Give the link to each operator's own text, by service.

    Clause: services (APPI 32(1))
    """
    return {service.id: service.policy_url for service in policy.services.values() if service.policy_url}


def status_of(url: str) -> int:
    """Fetch an address as a reader would and give the status it ends with; UNREACHABLE where nobody answers."""
    if not url.startswith(("https://", "http://")):
        return UNREACHABLE
    request = urllib.request.Request(url, headers={"User-Agent": "upheld links", "Accept": "text/html, */*"})  # noqa: S310 - checked above
    try:
        with urllib.request.urlopen(request, timeout=SECONDS) as answer:  # noqa: S310 - checked above
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code
    except (OSError, ValueError):
        return UNREACHABLE


def check(house: House, look: Look = status_of) -> list[Link]:
    """Look at every link of the policy in force, keep what was found, and give it in the order of the policy.

    Clause: services (APPI 32(1))
    """
    policy = house.in_force().policy
    today, before = house.today(policy), {one.url: one for one in last(house.folder)}
    found = []
    for service, url in links_of(policy).items():
        status = look(url)
        link = Link(service, url, status, today, None)
        known = before.get(url)
        good = today if link.good else known.last_good if known else None
        found.append(Link(service, url, status, today, good))
    write_whole(house.folder / KEPT, json.dumps([_said(one) for one in found]))
    return found


def last(folder: Path) -> list[Link]:
    """Give what was found when somebody last looked; nothing before the first time."""
    try:
        rows = json.loads((folder / KEPT).read_text("utf-8"))
    except FileNotFoundError:
        return []
    return [_read(row) for row in rows]


def _said(one: Link) -> dict[str, Any]:
    return {**asdict(one), "day": one.day.isoformat(), "last_good": one.last_good.isoformat() if one.last_good else None}


def _read(row: Mapping[str, Any]) -> Link:
    good = row["last_good"]
    day = date.fromisoformat(row["day"])
    return Link(row["service"], row["url"], row["status"], day, date.fromisoformat(good) if good else None)


def counts(found: list[Link]) -> dict[str, int]:
    """Count for the schedule; the report itself names them."""
    good = sum(one.good for one in found)
    return {"good": good, "broken": len(found) - good}
