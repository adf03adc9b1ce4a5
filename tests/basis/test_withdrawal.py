"""The link at the foot of a mail: one button, no sign-in, one click for mail programs."""

from __future__ import annotations

import re
from typing import Any

import httpx
import pytest

from tests.support import HANAKO, LENA, MORI, SATO, Site
from upheld.db import unb64


def link(site: Site, subject: str, purpose: str = "announce", **more: str) -> dict[str, Any]:
    """Ask for the link as the program does that writes the mails."""
    body = {"subject": subject, "purpose": purpose, **more}
    answer = site.http.post("/api/v1/consents/links", json=body, headers=site.staff(SATO))
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def withdrawals(site: Site, subject: str) -> int:
    return sum(one.kind.name == "consent.withdrawn" for one in site.house.ledger.about(unb64(subject)))


@pytest.mark.row("M78")
@pytest.mark.parametrize(("person", "done"), [(HANAKO, "同意を撤回しました"), (LENA, "Consent withdrawn")])
def test_m78_a_mail_link_withdraws_in_two_requests(person: Any, done: str) -> None:
    """The link shows one button, the button withdraws, and the person is told so in their own language."""
    with Site() as site:
        subject = site.collect(person, "event", consents=["announce"], language=person.lang)["subject"]
        path = link(site, subject)["path"]
        with httpx.Client(base_url=site.url) as browser:  # knows nothing, sends no credentials
            page = browser.get(path)
            assert (page.status_code, page.headers["content-language"]) == (200, person.lang)
            assert len(re.findall(r"<button", page.text)) == 1
            assert withdrawals(site, subject) == 0
            assert site.read(SATO, subject, "announce", "email").status_code == 200
            told = browser.post(path, data={"confirm": "yes"})
        assert (told.status_code, told.headers["content-language"]) == (200, person.lang)
        assert done in told.text
        assert withdrawals(site, subject) == 1
        assert site.read(SATO, subject, "announce", "email").json()["code"] == "consent_withdrawn"
        assert site.read(SATO, subject, "analyse", "email").status_code == 200


@pytest.mark.row("M78")
def test_m78_a_mail_program_unsubscribes_in_one_click(site: Site) -> None:
    """The one-click POST that mail programs send from their own servers withdraws at once; again changes nothing."""
    subject = site.collect(LENA, "event", consents=["announce"])["subject"]
    told = link(site, subject)
    assert told["headers"] == {
        "List-Unsubscribe": f"<{site.url}{told['path']}>",
        "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
    }
    headers = {"Sec-Fetch-Site": "cross-site", "Origin": "https://mail.example.com"}
    before = withdrawals(site, subject)
    for _ in range(2):
        answer = site.http.post(told["path"], data={"List-Unsubscribe": "One-Click"}, headers=headers)
        assert answer.status_code == 200
        assert not answer.history
    assert withdrawals(site, subject) == before + 1


def test_a_ticket_tells_nobody_who_it_is_for(site: Site) -> None:
    """The same word stands in every mail; it is not the person's number, and its page holds no value of theirs."""
    subject = site.collect(LENA, "event", consents=["announce"])["subject"]
    path = link(site, subject)["path"]
    assert link(site, subject)["path"] == path
    assert subject not in path
    assert link(site, subject, "analyse")["path"] != path
    text = site.http.get(path).text
    assert [value for value in LENA.some("name", "email", "phone", "company").values() if value in text] == []


def test_a_link_needs_a_key_and_an_unknown_ticket_leads_nowhere(site: Site) -> None:
    """Without a key no link is made; a wrong word is not found, whether looked at or pressed."""
    subject = site.collect(LENA, "event")["subject"]
    bare = site.http.post("/api/v1/consents/links", json={"subject": subject, "purpose": "announce"})
    assert bare.status_code == 401
    assert site.http.get("/consent/withdraw/AAAAAAAAAAAAAAAAAAAAAAAA").status_code == 404
    assert site.http.post("/consent/withdraw/AAAAAAAAAAAAAAAAAAAAAAAA", data={"confirm": "yes"}).status_code == 404
    body = {"subject": subject, "purpose": "resale"}
    assert site.http.post("/api/v1/consents/links", json=body, headers=site.staff(MORI)).status_code == 403
