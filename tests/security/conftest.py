"""A running site with staff who may read, and the calls that tests of the room make."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.support import HR, MORI, OFFICER, SATO, Site
from upheld.security import keys, staff


class Desk:
    """A site and its staff: `SATO` sales, `MORI` support, `HR`, `OFFICER`, each with an API key of their own."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.auth: dict[str, dict[str, str]] = {}
        self.number: dict[str, int] = {}
        for one in (SATO, MORI, HR, OFFICER):
            self.number[one.name], self.auth[one.name] = one.number, site.staff(one)

    def hire(self, name: str, role: str | None) -> int:
        """Add a member of staff, trained, with the rules accepted, and a key."""
        number = staff.add(self.site.house, name).number
        if role:
            staff.grant(self.site.house, number, role, by="staff:1")
        staff.train(self.site.house, number, by="staff:1")
        staff.accept_rules(self.site.house, number)
        _, text = keys.make(self.site.house, label=name, by="staff:1", number=number, days=365)
        self.number[name], self.auth[name] = number, {"Authorization": f"Bearer {text}"}
        return number

    def read(self, who: str, subject: Any, purpose: str, *fields: str, **more: Any) -> httpx.Response:
        """Read over the API; `subject` is a reference or an identifier."""
        person: dict[str, Any] = {"subject": subject}
        if isinstance(subject, dict):
            kind, value = next(iter(subject.items()))
            person = {"identifier": {"kind": kind, "value": value}}
        body = {**person, "purpose": purpose, "fields": list(fields), **more}
        return self.site.http.post("/api/v1/read", json=body, headers=self.auth[who])

    def code(self, who: str, subject: Any, purpose: str, *fields: str, **more: Any) -> str | None:
        """Read and give the code of the refusal, None where it was allowed."""
        answer = self.read(who, subject, purpose, *fields, **more)
        if answer.status_code == 200:
            return None
        assert answer.headers["content-type"].startswith("application/problem+json"), answer.text
        return str(answer.json()["code"])

    def audience(self, who: str, **body: Any) -> list[dict[str, Any]]:
        """Ask for an audience and give its lines."""
        answer = self.site.http.post("/api/v1/audience", json=body, headers=self.auth[who])
        assert answer.status_code == 200, answer.text
        return [json.loads(line) for line in answer.text.splitlines()]

    def kinds(self, kind: str) -> int:
        """Count the ledger's entries of a kind."""
        self.site.house.settle()
        return len(self.site.house.ledger.entries_since(0, 100_000, kinds=(kind,)))


@pytest.fixture
def desk() -> Iterator[Desk]:
    with Site() as site:
        yield Desk(site)
