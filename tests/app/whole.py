"""The whole site: a house with two versions, people and every page, for tests that walk over all of it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from tests.cookies.conftest import EdgeSite
from tests.support import LENA, REFERENCE, Site, Staff, copy_policy, edit
from upheld.basis import confirming
from upheld.policy.model import CompiledPolicy
from upheld.policy.render import printed
from upheld.security import staff

CHIEF = Staff("CHIEF", 1, ("sales", "support", "hr", "operations", "accounting", "privacy_office"))
DATA = re.compile(r"/(api|schema|static|livez|readyz|metrics|openapi\.json|\.well-known)(/|$)")
"""Addresses for programs. That they answer no page is asserted, not believed."""


@dataclass
class Found:
    """What the examples need: numbers that exist."""

    site: Site
    made: dict[str, str] = field(default_factory=dict)

    @property
    def policy(self) -> CompiledPolicy:
        """Give the policy in force."""
        return self.site.house.in_force().policy

    def met(self, how: str) -> list[str]:
        """Name the situations in which people are met in a way: by `form`, by `staff`, by the `browser`."""
        return [one.id for one in self.policy.situations.values() if self.policy.channels[one.channel].how == how]

    @cached_property
    def subject(self) -> str:
        """Give somebody who agreed, and whose receipt is kept."""
        taken = self.site.collect(LENA, "event", consents=["announce"], language="en")
        self.made["receipt"] = taken["receipt"]
        return str(taken["subject"])

    @cached_property
    def receipt(self) -> str:
        """Give the receipt of that person."""
        assert self.subject
        return self.made["receipt"]

    @cached_property
    def choice(self) -> str:
        """Give the receipt of a choice in a browser."""
        config = self.site.http.get("/consent/config.en.json").json()
        body = {"snapshot": config["snapshot"], "action": "accept_all", "purposes": {}}
        return str(self.site.http.post("/consent/receipts", json=body).json()["receipt"])

    def confirmation(self) -> str:
        """Give the link that confirms that person's consent."""
        assert self.subject
        self.site.house.settle()
        (asked,) = self.site.house.ledger.entries_since(0, 1000, kinds=["consent.requested"])
        return confirming.link_of(self.site.house, asked.id)

    def ticket(self, person: Any = LENA) -> str:
        """Give the link that a mail carries."""
        body = {"subject": self.subject, "purpose": "announce", "language": person.lang}
        return str(self.site.http.post("/api/v1/consents/links", json=body, headers=self.site.staff(CHIEF)).json()["path"])


EXAMPLES: dict[str, Callable[[Found], list[str]]] = {
    "/privacy/{name:str}": lambda found: ["/privacy/{lang}"],
    "/privacy/{lang:str}/{part:str}": lambda found: [
        f"/privacy/{{lang}}/{part}" for part in ("summary", *printed(found.policy))
    ],
    "/privacy/{lang:str}/situations/{situation:str}": lambda found: [
        f"/privacy/{{lang}}/situations/{name}" for name in found.policy.situations
    ],
    "/privacy/{lang:str}/v/{version:str}": lambda found: ["/privacy/{lang}/v/1"],
    "/privacy/{lang:str}/changes": lambda found: ["/privacy/{lang}/changes"],
    "/privacy/{lang:str}/changes/{pair:str}": lambda found: ["/privacy/{lang}/changes/1..2"],
    "/forms/{situation:str}": lambda found: [
        *(f"/forms/{name}" for name in found.met("form")), "/forms/event?embed=1",
    ],
    "/forms/{situation:str}/sent/{receipt:str}": lambda found: [f"/forms/event/sent/{found.receipt}"],
    "/consent/receipts/{number:str}": lambda found: [
        f"/consent/receipts/{found.receipt}", f"/consent/receipts/{found.choice}",
    ],
    "/consent/withdraw/{ticket:str}": lambda found: [found.ticket()],
    "/consent/confirm/{ticket:str}": lambda found: [found.confirmation()],
    "/problems/{code:str}": lambda found: ["/problems/notice_stale"],
    "/rights/browser/{number:str}": lambda found: [],  # a file
    "/sample/{lang:str}": lambda found: ["/sample/{lang}"],
    "/sample/{lang:str}/frame": lambda found: ["/sample/{lang}/frame"],
    "/console/sign-in/{secret:str}": lambda found: [f"/console/sign-in/{staff.make_link(found.site.house, CHIEF.number)}"],
    "/console/collect/{situation:str}": lambda found: [f"/console/collect/{name}" for name in found.met("staff")],
    "/console/ledger/{n:int}": lambda found: ["/console/ledger/1"],
    "/console/subjects/{number:str}": lambda found: [f"/console/subjects/{found.subject}"],
    "/consent/{name:str}": lambda found: [],  # the banner's files
}  # fmt: skip
"""Addresses for the routes that have parameters, all that the policy names; `{lang}` stands for the language."""

ONE_FOR_ALL = {
    "/privacy/{lang:str}/v/{version:str}", "/privacy/{lang:str}/changes/{pair:str}", "/problems/{code:str}",
    "/consent/receipts/{number:str}", "/console/ledger/{n:int}", "/console/subjects/{number:str}", "/privacy/{name:str}",
}  # fmt: skip
"""Routes whose pages differ by a number or a code alone, or are files: one of them stands for all."""

STATES = ["/rights/browser?residence=JP", "/rights?residence=JP", "/rights?residence=DE", "/nowhere", "/forms/survey", "/privacy/{lang}/nothing"]
"""Further states of pages, errors among them."""


@contextmanager
def whole_site(folder: Path, source: Path = REFERENCE) -> Iterator[Site]:
    """Run a house with two versions of a policy behind an edge that writes countries, and somebody who may see every screen.

    The sample page, which carries the banner, belongs to it. `folder` takes the second version.
    """
    with EdgeSite(policy=source) as running:
        second = copy_policy(folder / "v2", source)
        edit(second, "00-policy.yaml", 'version: "1"', 'version: "2"')
        edit(second, "02-collection.yaml", "The table shows each situation", "This table shows each situation")
        edit(second, "02-collection.yaml", "次の表は、個人情報を", "以下の表は、個人情報を")
        edit(second, "03-legal-bases.yaml", "ground enough for mail\n    eea", "ground enough for mail\n    confirm: P1D\n    eea")
        running.publish(second)
        running.staff(CHIEF)
        yield running


def templates(site: Site) -> list[str]:
    """Give every address that answers GET, as the application knows it."""
    return sorted(route.path for route in site.app.routes if "GET" in getattr(route, "methods", ()))


def is_page(site: Site, path: str) -> bool:
    """Say whether an address answers a browser with a page."""
    answer = site.http.get(path, headers={"Accept": "text/html"}, follow_redirects=False)
    return answer.headers.get("content-type", "").startswith("text/html")


def addresses_of(site: Site) -> list[str]:
    """List every page once, with `{lang}` for the language, and every further state."""
    secret = staff.make_link(site.house, CHIEF.number)
    assert site.http.post("/console/sign-in", data={"secret": secret}).status_code == 303
    found, listed = Found(site), []
    for template in templates(site):
        if template in EXAMPLES:
            listed += EXAMPLES[template](found)
        elif "{" not in template and not DATA.match(template) and is_page(site, template):
            listed.append(template)
    return [*listed, *STATES]


def in_lang(path: str, lang: str) -> str:
    """Give the address of a page in a language."""
    if "{lang}" in path:
        return path.replace("{lang}", lang)
    return f"{path}{'&' if '?' in path else '?'}lang={lang}"
