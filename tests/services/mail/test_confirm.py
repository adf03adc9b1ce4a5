"""Consent confirmed by mail: a real mail server, a real link, and nothing that counts before the button is pressed."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.services.mail.conftest import Sink, settings_for
from tests.support import HANAKO, LENA, REFERENCE, SATO, Site, copy_policy, edit
from upheld.app_mail import Poster
from upheld.app_schedule import schedule_of
from upheld.services.mail import MailUnreachableError, Smtp
from upheld.services.mail.confirming import send_waiting

LINK = re.compile(r"https://privacy\.example\.co\.jp(/consent/confirm/[\w-]+)")
DAY = timedelta(days=1)


@pytest.fixture
def site(tmp_path: Path, smtp: Smtp) -> Iterator[Site]:
    """A site whose policy has announcing confirmed by mail within a day."""
    folder = copy_policy(tmp_path / "policy", REFERENCE)
    edit(folder, "03-legal-bases.yaml", "  marketing:\n    eea: consent", "  marketing:\n    confirm: P2D\n    eea: consent")
    edit(
        folder, "03-legal-bases.yaml", "is ground enough for mail\n    eea: consent", "is ground enough for mail\n    confirm: P1D\n    eea: consent"
    )
    with Site(policy=folder, folder=settings_for(tmp_path / "data", smtp)) as running:
        running.staff(SATO)
        yield running


def sign_up(site: Site, person: Any, situation: str = "event", purpose: str = "announce") -> str:
    """Tick the box, in the person's language."""
    return str(site.collect(person, situation, consents=[purpose], language=person.lang)["subject"])


def link(mail: Any) -> str:
    """Give the path of the link in a mail."""
    text = mail.get_body(("plain",)).get_content()
    found = LINK.findall(text)
    assert len(found) == 1
    return str(found[0])


def kinds(site: Site, *wanted: str) -> list[str]:
    site.house.settle()
    return [one.kind.name for one in site.house.ledger.entries_since(0, 10_000, kinds=wanted)]


def code(site: Site, subject: str) -> str:
    """Say why the address is not read for announcing; empty where it is."""
    return str(site.read(SATO, subject, "announce", "email").json().get("code", ""))


@pytest.mark.parametrize("person", [HANAKO, LENA])
def test_a_tick_counts_only_once_its_mail_is_confirmed(site: Site, sink: Sink, smtp: Smtp, person: Any) -> None:
    """Asked, mailed in the person's language, looked at, pressed: given from then on, each step an entry of the ledger."""
    subject = sign_up(site, person)
    assert code(site, subject) == "consent_missing"
    assert kinds(site, "consent.requested", "consent.given") == ["consent.requested"]
    assert send_waiting(site.house, smtp) == 1
    (mail,) = sink.to(person)
    assert mail["Content-Language"] == person.lang
    assert {"ja": "ご確認ください", "en": "Please confirm"}[person.lang] in mail["Subject"]
    assert not [value for value in person.some("name", "phone", "company").values() if value in mail.as_string()]
    path = link(mail)
    with httpx.Client(base_url=site.url) as browser:
        page = browser.get(path)
        assert (page.status_code, page.headers["content-language"], len(re.findall("<button", page.text))) == (200, person.lang, 1)
        assert code(site, subject) == "consent_missing"  # whoever only looks gives nothing
        pressed = browser.post(path, data={"confirm": "yes"})
    assert (pressed.status_code, 'id="confirmed"' in pressed.text) == (200, True)
    assert code(site, subject) == ""
    assert kinds(site, "consent.requested", "consent.given", "service.sent") == ["consent.requested", "service.sent", "consent.given"]
    given = site.house.ledger.entries_since(0, 10_000, kinds=["consent.given"])[0]
    body = site.house.ledger.body(given)
    assert (body["how"], body["situation"], "gcp" in body["services"] or "marketo" in body["services"]) == ("confirmed", "event", True)
    assert "confirm_until" not in body
    assert site.house.ledger.verify() == []


def test_the_form_and_the_receipt_say_that_a_mail_follows(site: Site) -> None:
    """Beside the box it says that a mail must be confirmed; the receipt shows the consent as asked for."""
    for lang, said in (("en", "We send you a mail"), ("ja", "確認のメールをお送りします")):
        assert said in site.http.get("/forms/event", params={"lang": lang}).text
    taken = site.collect(LENA, "event", consents=["announce"], language="en")
    receipt = site.http.get(f"/consent/receipts/{taken['receipt']}", headers={"accept": "text/html"}).text
    assert 'data-purpose="announce" data-state="requested"' in receipt


def test_too_late_asks_for_a_new_link(site: Site, sink: Sink, smtp: Smtp) -> None:
    """After a day the link gives nothing and offers a new one, which comes by mail and then counts."""
    subject = sign_up(site, LENA)
    send_waiting(site.house, smtp)
    first = link(sink.got[0])
    site.clock.advance(DAY + timedelta(minutes=1))
    assert 'name="again"' in site.http.get(first).text
    assert 'name="again"' in site.http.post(first, data={"confirm": "yes"}).text
    assert code(site, subject) == "consent_missing"
    assert 'id="sent-again"' in site.http.post(first, data={"again": "yes"}).text
    assert send_waiting(site.house, smtp) == 1
    second = link(sink.got[1])
    assert second != first
    site.clock.advance(DAY - timedelta(minutes=1))
    assert 'id="confirmed"' in site.http.post(second, data={"confirm": "yes"}).text
    assert code(site, subject) == ""


def test_the_period_is_the_policys(site: Site, sink: Sink, smtp: Smtp) -> None:
    """Where the policy gives two days, the link opens on the second."""
    sign_up(site, LENA, "contact", "marketing")
    send_waiting(site.house, smtp)
    site.clock.advance(DAY + timedelta(hours=23))
    assert 'id="confirmed"' in site.http.post(link(sink.got[0]), data={"confirm": "yes"}).text


def test_pressing_twice_gives_once_and_a_withdrawal_is_not_undone(site: Site, sink: Sink, smtp: Smtp) -> None:
    """The same link again changes nothing, also after the person withdrew."""
    subject = sign_up(site, LENA)
    send_waiting(site.house, smtp)
    path = link(sink.got[0])
    for _ in range(2):
        assert 'id="confirmed"' in site.http.post(path, data={"confirm": "yes"}).text
    assert kinds(site, "consent.given") == ["consent.given"]
    assert site.state_choice(subject, "announce", "withdraw").status_code == 201
    assert 'id="confirmed"' not in site.http.post(path, data={"confirm": "yes"}).text
    assert code(site, subject) == "consent_withdrawn"


def test_who_withdraws_before_confirming_is_left_alone(site: Site, sink: Sink, smtp: Smtp) -> None:
    """A refusal after the tick closes it; the link in the mail gives nothing any more."""
    subject = sign_up(site, LENA)
    send_waiting(site.house, smtp)
    site.state_choice(subject, "announce", "refuse")
    assert "<button" not in site.http.get(link(sink.got[0])).text.partition("<main")[2].partition("</main>")[0]
    site.http.post(link(sink.got[0]), data={"confirm": "yes"})
    assert kinds(site, "consent.given") == []


def test_an_address_is_not_flooded(site: Site, sink: Sink, smtp: Smtp) -> None:
    """Whoever enters an address again and again causes one mail in five minutes; its link counts for all of them."""
    for _ in range(4):
        subject = sign_up(site, LENA)
    assert send_waiting(site.house, smtp) == 1
    site.http.post(link(sink.got[0]), data={"confirm": "yes"})
    assert code(site, subject) == ""
    assert send_waiting(site.house, smtp) == 0


def test_a_program_that_hands_in_a_yes_needs_the_mail_too(site: Site, sink: Sink, smtp: Smtp) -> None:
    """Over the API, too, the statement waits for its confirmation; a consent that stands is not asked for again."""
    subject = str(site.collect(LENA, "event", language="en")["subject"])
    told = site.state_choice(subject, "announce", "give", notice_receipt=site.receipt("event"))
    assert told.json()["state"] == "requested"
    assert send_waiting(site.house, smtp) == 1
    site.http.post(link(sink.got[0]), data={"confirm": "yes"})
    again = site.state_choice(subject, "announce", "give", notice_receipt=site.receipt("event"))
    assert (again.json()["state"], again.json()["changed"]) == ("given", False)


def test_purposes_without_the_key_need_no_mail(site: Site, sink: Sink, smtp: Smtp) -> None:
    """A policy that asks for no confirmation sends none."""
    with Site() as plain:
        subject = sign_up(plain, LENA)
        assert plain.read(SATO, subject, "announce", "email").status_code == 200
        assert kinds(plain, "consent.requested") == []


def test_an_erased_person_gets_no_mail_and_the_link_is_dead(site: Site, sink: Sink, smtp: Smtp) -> None:
    """Between tick and mail the person is erased: no mail; a link that was mailed leads nowhere."""
    from upheld.db import unb64

    mailed, waiting = sign_up(site, HANAKO), None
    send_waiting(site.house, smtp)
    path = link(sink.got[0])
    waiting = sign_up(site, LENA)
    for subject in (mailed, waiting):
        site.house.vault.erase(unb64(subject), reason="request", clause="rights.erasure", policy_version="1", actor="svc:rights")
    assert send_waiting(site.house, smtp) == 0
    assert site.http.get(path).status_code == 404


def test_a_server_that_is_away_loses_no_mail(site: Site, sink: Sink, smtp: Smtp) -> None:
    """Without an answer the mail goes back into the queue; a refused address is written down and not tried again."""
    sign_up(site, LENA)
    with pytest.raises(MailUnreachableError):
        send_waiting(site.house, Smtp("smtp://127.0.0.1:9"))
    sink.answers[LENA.email] = "550 no such mailbox"
    assert send_waiting(site.house, smtp) == 0
    assert kinds(site, "service.failed") == ["service.failed"]
    sink.answers.clear()
    assert send_waiting(site.house, smtp) == 0


def test_a_mail_that_could_not_leave_in_time_leaves_no_more(site: Site, sink: Sink, smtp: Smtp) -> None:
    """After the link's last moment its mail is not sent: nobody gets a link that gives nothing."""
    sign_up(site, LENA)
    site.clock.advance(DAY + timedelta(minutes=1))
    assert send_waiting(site.house, smtp) == 0
    assert sink.got == []


def test_a_link_long_closed_is_forgotten_by_the_schedule(site: Site, sink: Sink, smtp: Smtp) -> None:
    """A month after its last moment a link leads nowhere, used or not, mailed or not; what was said in time still stands."""
    used, late = (sign_up(site, person) for person in (HANAKO, LENA))
    assert send_waiting(site.house, smtp) == 2
    site.http.post(link(sink.to(HANAKO)[0]), data={"confirm": "yes"})
    unused = link(sink.to(LENA)[0])
    site.clock.advance(30 * DAY)
    assert dict(schedule_of(site.house).run("consents").done) == {"expired": 0, "links_forgotten": 0}
    assert 'name="again"' in site.http.get(unused).text
    site.clock.advance(DAY + timedelta(minutes=1))
    assert dict(schedule_of(site.house).run("consents").done) == {"expired": 0, "links_forgotten": 2}
    assert site.http.get(unused).status_code == 404
    assert (code(site, used), code(site, late)) == ("", "consent_missing")


def test_a_made_up_link_leads_nowhere(site: Site) -> None:
    """A word that nobody was mailed is not found, whether looked at or pressed; no other site can press it."""
    path = "/consent/confirm/AAAAAAAAAAAAAAAAAAAAAAAA"
    assert site.http.get(path).status_code == 404
    assert site.http.post(path, data={"confirm": "yes"}).status_code == 404
    assert site.http.post(path, data={"confirm": "yes"}, headers={"Sec-Fetch-Site": "cross-site"}).status_code == 403


def test_a_running_server_sends_by_itself(site: Site, sink: Sink) -> None:
    """The server's own thread sends what waits, without anybody asking."""
    poster = Poster(site.house, seconds=0.05)
    poster.start()
    try:
        sign_up(site, LENA)
        until = time.monotonic() + 20
        while not sink.got and time.monotonic() < until:
            time.sleep(0.02)
    finally:
        poster.stop()
    assert [one["To"] for one in sink.got] == [LENA.email]
