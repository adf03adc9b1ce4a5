"""The plain form, page views and erasure: what one browser keeps and takes back without any script; through the real server."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from tests.cookies.conftest import Browsing, move_recipient, refusal, reset
from tests.support import HANAKO, OFFICER, SATO, V1, VISITOR, Site
from upheld.db import unb64
from upheld.rights import actions as rights

Browse = Callable[..., Browsing]


# the plain form


def form(page: str) -> str:
    """Give the snapshot hidden in the form."""
    return page.partition('name="snapshot" value="')[2].partition('"')[0]


def test_the_plain_form_does_all_that_the_banner_does(site: Site, browse: Browse) -> None:
    """Without any script: choose one purpose, see it in the history, take it back with one click."""
    browser = browse("DE")
    page = browser.get("/consent/choices?lang=en").text
    assert "Adobe Inc." in page
    assert "United States" in page
    assert "_mkto_trk" in page
    assert "checked" not in page
    sent = {"snapshot": form(page), "action": "custom", "purpose": "analyse"}
    saved = browser.http.post("/consent/choices?lang=en", data=sent, headers=browser.headers, follow_redirects=True)
    assert saved.status_code == 200
    assert 'id="saved"' in saved.text
    assert browser.running() == ["counter"]
    assert saved.text.count('class="withdraw"') == 1
    number = saved.text.partition('data-receipt="')[2].partition('"')[0]
    taken = browser.http.post(
        "/consent/choices/withdraw?lang=en", data={"snapshot": form(saved.text), "receipt": number}, headers=browser.headers,
        follow_redirects=True,
    )  # fmt: skip
    assert taken.status_code == 200
    assert browser.running() == []
    assert 'class="withdraw"' not in taken.text
    assert [body["states"] for body in browser.ledger("cookie.chosen")] == [
        {"analyse": "granted", "announce": "refused"}, {"analyse": "withdrawn"},
    ]  # fmt: skip
    assert browser.ledger("cookie.chosen")[0]["surface"] == "choices"


def test_a_stale_form_is_shown_again_and_changes_nothing(site: Site, browse: Browse, tmp_path: Path) -> None:
    """Who saves after the recipients changed sees the page anew, with the reason."""
    browser = browse("DE")
    page = browser.get("/consent/choices?lang=en").text
    folder = move_recipient(tmp_path / "next")
    reset(site, folder, "2")
    sent = {"snapshot": form(page), "action": "accept_all"}
    answer = browser.http.post("/consent/choices?lang=en", data=sent, headers=browser.headers)
    assert answer.status_code == 409
    assert 'id="stale"' in answer.text
    assert browser.ledger("cookie.chosen") == []


def test_a_receipt_of_another_browser_cannot_be_withdrawn(browse: Browse) -> None:
    """Knowing a receipt's number is not enough; only the browser that chose takes back."""
    mine, other = browse("DE"), browse("DE")
    number = mine.choose("accept_all").json()["receipt"]
    other.choose("reject_all")
    page = other.get("/consent/choices?lang=en").text
    sent = {"snapshot": form(page), "receipt": number}
    assert other.http.post("/consent/choices/withdraw", data=sent, headers=other.headers).status_code == 404
    assert set(mine.running()) == {"marketo_munchkin", "counter"}


# erasure and page views


def views(browser: Browsing, path: str = "/products") -> httpx.Response:
    """Send one page view."""
    return browser.post("/consent/views", {"path": path})


def subject_of(browser: Browsing) -> str:
    """Give the number of the visitor behind a browser's last choice."""
    return str(browser.ledger("cookie.chosen")[-1]["subject"])


@pytest.mark.row("M22")
def test_m22_page_views_are_kept_under_their_own_visitor(site: Site, browse: Browse) -> None:
    """A page view of a visitor who allowed it is kept under browsing and read for analysing; queries are cut off."""
    browser = browse("DE")
    assert views(browser).json() == {"stored": False, "code": "consent_missing"}
    browser.choose("custom", purposes={"analyse": True, "announce": False})
    assert views(browser).json()["stored"] is False
    browser.choose("accept_all")
    before = site.counts()[0]
    assert (views(browser, "/products?mail=hanako@example.co.jp#x").status_code, site.counts()[0]) == (201, before + 1)
    subject = subject_of(browser)
    told = site.read(SATO, subject, "analyse", "browsing")
    assert told.status_code == 200, told.text
    assert [one["fields"]["browsing"] for one in told.json()["records"]] == [["/products"]]
    for path in ("products", "/" + "x" * 200, ""):
        assert refusal(views(browser, path)) == (422, "value_invalid")


@pytest.mark.row("M22")
def test_m22_a_browser_is_not_linked_to_a_known_person_without_consent(site: Site) -> None:
    """The address of a browser is read for analysing; joining that browser with an e-mail is refused and stores nothing."""
    taken = site.collect(V1, "browsing", "cookie", "ip", visitor=VISITOR)
    assert site.read(SATO, taken["subject"], "analyse", "ip").status_code == 200
    known = site.collect(HANAKO, "event")
    before = site.counts()
    fields = HANAKO.some("name", "email", "company")
    told = site.send("event", fields, country="JP", visitor=VISITOR)
    assert refusal(told) == (403, "link_needs_consent")
    assert site.counts() == before
    assert site.house.vault.find("visitor", VISITOR) == unb64(taken["subject"]) != unb64(known["subject"])


def test_no_page_view_is_kept_after_a_withdrawal_or_under_the_signal(site: Site, browse: Browse) -> None:
    """Withdrawing or turning the signal on ends the keeping with the next view."""
    browser = browse("DE")
    browser.choose("accept_all")
    assert views(browser).status_code == 201
    browser.gpc = True
    before = site.counts()[0]
    assert views(browser).json()["stored"] is False
    browser.gpc = False
    browser.choose("withdraw")
    assert views(browser).json()["stored"] is False
    assert site.counts()[0] == before


def test_a_visitor_has_everything_erased_with_the_number_on_the_receipt(site: Site, browse: Browse) -> None:
    """The number on the own receipt is all a visitor needs to ask for erasure; afterwards nothing of the browser is left."""
    browser = browse("DE")
    receipt = browser.choose("accept_all").json()["receipt"]
    assert views(browser).status_code == 201
    subject = browser.get(f"/consent/receipts/{receipt}?as=data").json()["principal_id"]
    assert subject in browser.get(f"/consent/receipts/{receipt}?lang=en").text
    asked = {"right": "erasure", "residence": "DE", "subject": subject, "language": "en"}
    made = browser.post("/api/v1/requests", asked, Idempotency_Key="k-1")
    assert made.status_code == 201, made.text
    site.staff(OFFICER)
    rights.identify(site.house, made.json()["number"], by=OFFICER.number)
    rights.approve(site.house, made.json()["number"], by=OFFICER.number)
    assert browser.get(f"/consent/receipts/{receipt}").status_code == 404
    assert "data-receipt" not in browser.get("/consent/choices?lang=en").text
    assert site.read(SATO, subject, "analyse", "browsing").status_code == 404


def test_an_erased_visitor_leaves_no_statement_behind(site: Site, browse: Browse) -> None:
    """After the erasure the browser's history is empty and its receipt is gone; the ledger's proof has no body."""
    browser = browse("DE")
    number = browser.choose("accept_all").json()["receipt"]
    subject = subject_of(browser)
    site.house.vault.erase(
        unb64(subject), reason="request", clause="rights.erasure", policy_version="1", actor="svc:rights"
    )
    assert browser.get(f"/consent/receipts/{number}").status_code == 404
    assert "data-receipt" not in browser.get("/consent/choices?lang=en").text
    assert browser.choose("reject_all").status_code == 201
    site.house.settle()
    *_, last = site.house.ledger.entries_since(0, 4096, kinds=["cookie.chosen"])
    assert last.subject not in {None, unb64(subject)}


def test_the_same_choice_sent_by_many_at_once_is_written_once(site: Site, browse: Browse) -> None:
    """A click that a nervous browser sends eight times at the same moment has one receipt and one entry."""
    browser = browse("DE")
    browser.choose("reject_all")
    snapshot = browser.config()["snapshot"]
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: browser.choose("accept_all", snapshot), range(8)))
    assert {one.status_code for one in answers} == {201}
    assert len({one.json()["receipt"] for one in answers}) == 1
    assert [body["states"] for body in browser.ledger("cookie.chosen")][1:] == [{"analyse": "granted", "announce": "granted"}]
