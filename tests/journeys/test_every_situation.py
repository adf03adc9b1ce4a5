"""Every situation of the reference policy, walked by a person in a real browser from the page to being left out again.

Each of the 12 situations is walked four times: in each language, with scripts and without. The window, 360 or 1280 px, is
crossed so that each situation has both in each language, and with and without scripts. What a program asks (the audience, the mail's link) goes over HTTP, where a browser would add nothing; what one-click
unsubscribing and the API add is shown in the rooms' own tests.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from tests.axe import findings
from tests.support import HR, SATO, Site, Staff
from upheld.app import Settings
from upheld.cli import cli
from upheld.security import staff

pytestmark = [pytest.mark.browser, pytest.mark.slow]
OPERATIONS = Staff("OPERATIONS", 7, ("operations",))
PURPOSE = {
    "event": "announce", "joint_event": "announce", "materials": "announce", "white_paper": "announce",
    "contact": "marketing", "interview": "analyse", "browsing": "analyse", "card": "announce", "contract": "analyse",
    "in_service": "analyse", "registration": "user_id", "candidate": "hire_contact",
}  # fmt: skip
"""What each person is met for, and then is not: a purpose that the situation states."""
READER = {"user_id": OPERATIONS, "hire_contact": HR}
WALKS = [
    (situation, lang, (360, 1280)[(place + turn + scripts) % 2], scripts)
    for place, situation in enumerate(PURPOSE)
    for turn, lang in enumerate(("ja", "en"))
    for scripts in (True, False)
]


class CompanySite(Site):
    """The house with the small company page that carries the banner."""

    def _settings(self) -> Settings:
        return Settings(self.folder or Path(), self.clock, sample=True, schedule=False)


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    with CompanySite() as running:
        for one in (SATO, HR, OPERATIONS):
            running.staff(one)
        yield running


@dataclass
class Walk:
    """One person's way through one situation."""

    site: Site
    page: Any
    situation: str
    lang: str
    scripts: bool
    folder: Path

    @property
    def purpose(self) -> str:
        """Give what the person is met for."""
        return PURPOSE[self.situation]

    @property
    def values(self) -> dict[str, str]:
        """Give what the person enters: somebody of this walk alone."""
        return {
            "name": "例示 歩" if self.lang == "ja" else "Ada Example",
            "email": f"{self.situation}.{self.lang}.{'quick' if self.scripts else 'plain'}@example.com".replace("_", "-"),
            "company": "Example Ltd",
            "inquiry": "見積をお願いします。" if self.lang == "ja" else "Please send a quotation.",
        }

    def open(self, path: str) -> None:
        """Open an address of the house."""
        self.page.goto(self.site.url + path)

    def read_policy(self) -> None:
        """Read what the policy says of the situation, in the person's language."""
        self.open(f"/privacy/{self.lang}/situations/{self.situation}")
        policy = self.site.house.in_force().policy
        assert self.page.inner_text("h1") == policy.situations[self.situation].text[self.lang]
        assert self.page.locator(f"[data-purpose={self.purpose}]").count() >= 1

    def fill(self) -> None:
        """Enter what the form asks for, and tick the consent there is."""
        self.page.select_option("select[name=_country]", "JP" if self.lang == "ja" else "DE")
        for name, value in self.values.items():
            if (entry := self.page.locator(f"[name={name}]")).count():
                entry.fill(value)
        if (box := self.page.locator(f"[data-consent={self.purpose}] input, input[data-consent={self.purpose}]")).count():
            box.first.check()

    def download(self) -> Path:
        """Take the receipt home."""
        self.site.house.settle()
        with self.page.expect_download() as told:
            self.page.click('a[href^="/api/v1/ledger/receipts/"]')
        kept = self.folder / "receipt.json"
        told.value.save_as(kept)
        return kept

    def by_form(self) -> str:
        """Go from the situation's page to its form and send it."""
        self.page.click(f'a[href^="/forms/{self.situation}"]')
        self.fill()
        before = self.size()
        self.page.click("form button.main")
        self.page.wait_for_url("**/consent/receipts/**")
        return self.subject(before)

    def by_desk(self) -> str:
        """Tell a member of staff, who says the script, and open the receipt that they hand over."""
        secret = staff.make_link(self.site.house, SATO.number)
        self.open(f"/console/sign-in/{secret}?lang={self.lang}")
        self.page.locator("form button").last.click()
        self.page.wait_for_url("**/console")
        self.open(f"/console/collect/{self.situation}?lang={self.lang}")
        self.page.check("input[name=_told]")
        self.fill()
        before = self.size()
        self.page.click("button[value=save]")
        self.page.wait_for_selector("#stored")
        self.page.click("#stored a")
        self.page.wait_for_url("**/consent/receipts/**")
        return self.subject(before)

    def by_browser(self) -> str:
        """Allow it in the banner, or in the plain form where there are no scripts; then a page view is kept."""
        before = self.size()
        if self.scripts:
            self.open(f"/sample/{self.lang}")
            with self.page.expect_response("**/consent/receipts"):
                self.page.click("[data-upheld-do=accept_all]")
            self.open(f"/consent/choices?lang={self.lang}")
        else:
            self.open(f"/consent/choices?lang={self.lang}")
            self.page.click("button[value=accept_all]")
        # the company's own page sends each view in this way
        view = self.page.request.post(f"{self.site.url}/consent/views", data={"path": "/products"})
        assert view.status == 201, view.text()
        self.page.click("#history ~ * a[href^='/consent/receipts/']")
        self.page.wait_for_url("**/consent/receipts/**")
        return self.subject(before)

    def size(self) -> int:
        """Give the size of the ledger."""
        self.site.house.settle()
        return self.site.house.ledger.health().size

    def subject(self, since: int) -> str:
        """Give the number of whoever was collected last: nobody else is on the way meanwhile."""
        self.site.house.settle()
        entries = self.site.house.ledger.entries_since(since, 100, kinds=["collect.accepted"])
        assert len(entries) == 1
        return str(self.site.house.ledger.body(entries[0])["subject"])

    def met(self) -> set[str]:
        """Give whom a member of staff would meet for the purpose now."""
        reader = READER.get(self.purpose, SATO)
        asked = {"purpose": self.purpose, "situations": [self.situation]}
        told = self.site.http.post("/api/v1/audience", json=asked, headers=self.site.staff(reader))
        assert told.status_code == 200, told.text
        return {line.partition('"subject":"')[2].partition('"')[0] for line in told.text.splitlines()[1:]}

    def take_back(self, subject: str) -> int:
        """Withdraw, and give how many requests that took: on the receipt, or by the link of a mail."""
        asked: list[str] = []
        self.page.on("request", lambda one: asked.append(one.method) if one.is_navigation_request() and not one.redirected_from else None)
        if self.situation == "browsing":
            self.open(f"/consent/choices?lang={self.lang}")
            self.page.click("button.withdraw")
        elif (button := self.page.locator(f"form[data-consent={self.purpose}] button")).count():
            button.click()
            self.page.wait_for_selector(f"[data-purpose={self.purpose}][data-state=withdrawn]")
        else:
            body = {"subject": subject, "purpose": self.purpose, "language": self.lang}
            link = self.site.http.post("/api/v1/consents/links", json=body, headers=self.site.staff(READER.get(self.purpose, SATO)))
            self.open(link.json()["path"])
            assert self.page.locator("html").get_attribute("lang") == self.lang
            self.page.click("form button.main")
            self.page.wait_for_selector("#withdrawn")
        return len(asked)


def verify(file: Path, key: str) -> Any:
    """Check a receipt with nothing but itself and the ledger's key."""
    return CliRunner().invoke(cli, ["ledger", "verify", "--receipt", str(file), "--key", key])


@pytest.mark.parametrize(("situation", "lang", "width", "scripts"), WALKS)
def test_a_person_reads_hands_in_keeps_the_receipt_and_is_left_out_again(
    site: Site, browser: Any, tmp_path: Path, situation: str, lang: str, width: int, scripts: bool
) -> None:
    """From the policy's page to a receipt that verifies offline, and out of the next audience in two requests at most."""
    context = browser.new_context(
        java_script_enabled=scripts, viewport={"width": width, "height": 900}, locale="ja-JP" if lang == "ja" else "en-GB"
    )
    walk = Walk(site, context.new_page(), situation, lang, scripts, tmp_path)
    walk.read_policy()
    how = site.house.in_force().policy.channels[site.house.in_force().policy.situations[situation].channel].how
    subject = {"form": walk.by_form, "staff": walk.by_desk, "browser": walk.by_browser}[how]()
    kept = walk.download()
    good = verify(kept, site.house.ledger.vkey)
    assert good.exit_code == 0, good.output
    kept.write_text(kept.read_text("utf-8").replace('"n":', '"n": 1', 1), "utf-8")
    assert verify(kept, site.house.ledger.vkey).exit_code != 0
    assert subject in walk.met()
    assert walk.take_back(subject) <= 2
    assert subject not in walk.met()
    if scripts:  # where the journey ends no page of its own leads
        assert findings(walk.page) == []
    context.close()


def test_every_situation_is_walked_in_both_languages_with_scripts_and_without(site: Site) -> None:
    """No situation of the policy is left out, none lacks a language, a window or a way, and each pairing of these is walked."""
    walked: dict[str, set[tuple[str, int, bool]]] = {}
    for situation, *how in WALKS:
        walked.setdefault(situation, set()).add(tuple(how))
    assert set(walked) == set(site.house.in_force().policy.situations)
    for situation, ways in walked.items():
        assert {(lang, scripts) for lang, _, scripts in ways} == {(lang, on) for lang in ("ja", "en") for on in (True, False)}, situation
        assert len({(lang, width) for lang, width, _ in ways}) == len({(width, on) for _, width, on in ways}) == 4, situation
    assert len(set.union(*walked.values())) == 8
