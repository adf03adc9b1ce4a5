"""Mailings over a real SMTP server: who gets one, what stands below it, and that one click ends it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from click.testing import CliRunner

from tests.services.mail.conftest import Sink, settings_for
from tests.support import HANAKO, KENJI, LENA, OLIVER, SATO, Site
from upheld.cli import cli
from upheld.services.mail import MailUnreachableError, Smtp, Text, mailings, plan, send_due
from upheld.services.mail import store as mail_store
from upheld.services.mail.letter import Letter, TextUnreadableError, as_html, read_text
from upheld.services.mail.transport import MailNotSetError
from upheld.web.refusals import Refusal

TEXTS = {"en": Text("Autumn event", "Come and see us.\n\nhttps://www.example.co.jp/autumn"), "ja": Text("秋のイベント", "ぜひお越しください。")}
LINK = re.compile(r"https://privacy\.example\.co\.jp(/consent/withdraw/[\w-]+)")


@pytest.fixture
def site(tmp_path: Path, smtp: Smtp) -> Iterator[Site]:
    folder = settings_for(tmp_path / "data", smtp)
    with Site(folder=folder) as running:
        running.staff(SATO)
        yield running


def announce(site: Site) -> str:
    return plan(site.house, "announce", TEXTS, by=SATO.number).id


def agree(site: Site, *people: Any) -> list[str]:
    return [site.collect(one, "event", consents=["announce"], language=one.lang)["subject"] for one in people]


def test_only_who_may_be_written_to_gets_a_mail_in_their_language(site: Site, sink: Sink, smtp: Smtp) -> None:
    """Consenting people get it, in the language in which they consented; others, and applicants, do not."""
    agree(site, HANAKO, LENA)
    site.collect(OLIVER, "event")
    site.collect(KENJI, "candidate")
    done = send_due(site.house, announce(site), smtp)
    assert (done.sent, done.bounced) == (2, 0)
    assert {one["To"] for one in sink.got} == {HANAKO.email, LENA.email}
    assert sink.to(HANAKO)[0]["Subject"] == "秋のイベント"
    assert sink.to(LENA)[0]["Subject"] == "Autumn event"


def test_what_stands_below_says_who_why_and_how_to_stop(site: Site, sink: Sink, smtp: Smtp) -> None:
    """Sender's name and address, the contact, the policy, and a link; the same as text and as HTML, nothing fetched."""
    agree(site, LENA)
    send_due(site.house, announce(site), smtp)
    (mail,) = sink.got
    policy = site.house.in_force().policy
    text, page = (mail.get_body((kind,)).get_content() for kind in ("plain", "html"))  # type: ignore[union-attr]
    for said in (policy.controller.name["en"], policy.controller.address["en"], policy.contact.mailbox, "because you agreed", "/privacy/en"):
        assert said in " ".join(text.split())
    assert LINK.findall(text) == list(dict.fromkeys(LINK.findall(page)))
    assert not re.search(r"<(img|link|script|iframe)|src=", page)
    assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert LINK.search(mail["List-Unsubscribe"])


@pytest.mark.row("M78")
def test_m78_one_click_in_the_mail_ends_it_without_signing_in(site: Site, sink: Sink, smtp: Smtp) -> None:
    """The mail program's own button posts once, and the next mailing does not reach the person."""
    agree(site, HANAKO)
    send_due(site.house, announce(site), smtp)
    path = LINK.search(sink.to(HANAKO)[0]["List-Unsubscribe"])[1]  # type: ignore[index]
    done = site.http.post(path, data={"List-Unsubscribe": "One-Click"})
    assert done.status_code < 400
    again = plan(site.house, "announce", TEXTS, by=SATO.number)
    assert dict(again.states) == {}


def test_a_withdrawal_between_plan_and_sending_counts(site: Site, sink: Sink, smtp: Smtp) -> None:
    """Decided at the moment of sending: who withdrew or objected since the plan gets nothing, and the code says why."""
    hanako, lena = agree(site, HANAKO, LENA)
    number = announce(site)
    assert site.state_choice(hanako, "announce", "withdraw").status_code == 201
    assert site.state_choice(lena, "announce", "object").status_code == 201
    done = send_due(site.house, number, smtp)
    assert dict(done.refused) == {"consent_withdrawn": 1, "objected": 1}
    assert sink.got == []


def test_an_erased_person_is_not_written_to(site: Site, sink: Sink, smtp: Smtp) -> None:
    """Between plan and sending the person is erased: no mail, and no letter is kept of them."""
    (subject,) = agree(site, HANAKO)
    number = announce(site)
    from upheld.db import unb64

    site.house.vault.erase(unb64(subject), reason="request", clause="rights.erasure", policy_version="1", actor="svc:rights")
    assert send_due(site.house, number, smtp).sent == 0
    assert sink.got == []


def test_nobody_gets_a_mail_twice(site: Site, sink: Sink, smtp: Smtp) -> None:
    """A second run of the same mailing sends nothing; two people, two mails with numbers of their own."""
    agree(site, HANAKO, LENA)
    number = announce(site)
    assert send_due(site.house, number, smtp, most=1).sent == 1
    assert send_due(site.house, number, smtp).sent == 1
    assert send_due(site.house, number, smtp).sent == 0
    assert len({one["Message-ID"] for one in sink.got}) == 2


def test_a_letter_cut_off_while_sending_is_not_sent_again(site: Site, sink: Sink, smtp: Smtp) -> None:
    """Nobody knows whether it arrived: it stays as it is, for a person to look at."""
    agree(site, HANAKO)
    number = announce(site)
    with site.house.store.write() as tx:
        tx.execute(sa.update(mail_store.letter).values(state="sending"))
    assert send_due(site.house, number, smtp).sent == 0
    assert dict(mailings(site.house)[0].states) == {"sending": 1}
    assert sink.got == []


def test_a_server_that_is_away_loses_nothing(site: Site, sink: Sink, smtp: Smtp) -> None:
    """Without an answer the letter goes back into the queue, and the next run sends it."""
    agree(site, HANAKO)
    number = announce(site)
    with pytest.raises(MailUnreachableError):
        send_due(site.house, number, Smtp("smtp://127.0.0.1:9"))
    sink.answers[HANAKO.email] = "450 later"
    with pytest.raises(MailUnreachableError):
        send_due(site.house, number, smtp)
    sink.answers.clear()
    assert send_due(site.house, number, smtp).sent == 1


def test_an_address_that_refuses_twice_is_left_alone(site: Site, sink: Sink, smtp: Smtp) -> None:
    """Two mails that no server took stop the third before it is written."""
    agree(site, HANAKO)
    sink.answers[HANAKO.email] = "550 no such mailbox"
    assert [send_due(site.house, announce(site), smtp).bounced for _ in range(2)] == [1, 1]
    sink.answers.clear()
    assert dict(send_due(site.house, announce(site), smtp).refused) == {"suppressed": 1}


def test_the_first_mail_after_a_card_tells_the_purposes(site: Site, sink: Sink, smtp: Smtp) -> None:
    """Nobody reads a notice at a handshake: the first mail carries it, the second no longer."""
    site.collect(HANAKO, "card", "name", "email")
    for _ in range(2):
        send_due(site.house, announce(site), smtp)
    first, second = (one.get_body(("plain",)).get_content() for one in sink.to(HANAKO))  # type: ignore[union-attr]
    purpose = site.house.in_force().policy.purposes["business_contact"].text["ja"]
    squeezed = ["".join(text.split()) for text in (first, second)]
    assert "".join(purpose.split()) in squeezed[0]
    assert "".join(purpose.split()) not in squeezed[1]


def test_each_sent_mail_stands_in_the_ledger_without_address_or_text(site: Site, sink: Sink, smtp: Smtp) -> None:
    """One entry a mail, with purpose and mailing; nothing of the letter, and no address in the tables of mailings."""
    (subject,) = agree(site, HANAKO)
    number = announce(site)
    send_due(site.house, number, smtp)
    site.house.settle()
    (entry,) = site.house.ledger.entries_since(0, 1000, kinds=["service.sent"])
    body = site.house.ledger.body(entry)
    assert (body["purpose"], body["mailing"], body["subject"]) == ("announce", number, subject)
    with site.house.store.read() as tx:
        rows = [str(row) for table in (mail_store.mailing, mail_store.letter) for row in tx.execute(sa.select(table))]
    assert not any("hanako" in row or "花子" in row for row in rows)
    assert "hanako" not in json.dumps(body)


@pytest.mark.parametrize("purpose", ["analyse", "provide", "user_id", "nothing"])
def test_only_announcing_purposes_have_mailings(site: Site, purpose: str) -> None:
    """What people were not told of as mail is no ground for mail."""
    with pytest.raises(Refusal) as caught:
        plan(site.house, purpose, TEXTS, by=SATO.number)
    assert caught.value.diagnostic.code == "purpose_not_declared"


def test_every_language_of_the_policy_needs_its_text(site: Site) -> None:
    """A mailing in one language only is refused before anybody is counted."""
    with pytest.raises(Refusal) as caught:
        plan(site.house, "announce", {"en": TEXTS["en"]}, by=SATO.number)
    assert caught.value.fields == ("ja",)


def test_the_command_line_plans_sends_and_lists(site: Site, sink: Sink, tmp_path: Path) -> None:
    """Texts from files, the server from serving.toml, counts as people read them and as JSON."""
    agree(site, HANAKO)
    for lang, text in TEXTS.items():
        (tmp_path / f"autumn.{lang}.txt").write_text(f"{text.subject}\n\n{text.body}\n", "utf-8")
    runner, data = CliRunner(), ["--data", str(site.folder)]
    files = [part for lang in TEXTS for part in ("--text", str(tmp_path / f"autumn.{lang}.txt"))]
    planned = runner.invoke(cli, ["mail", "plan", "--purpose", "announce", *files, "--by", "1", *data, "--format", "json"], obj=site.clock)
    assert planned.exit_code == 0, planned.output
    number = json.loads(planned.output)["mailing"]
    sent = runner.invoke(cli, ["mail", "send", number, *data], obj=site.clock)
    assert (sent.exit_code, sent.output) == (0, "sent      1\n")
    assert len(sink.to(HANAKO)) == 1
    listed = runner.invoke(cli, ["mail", "list", *data], obj=site.clock)
    assert re.fullmatch(rf"{number}  announce  2026-11-22 03:00  by 1  sent 1\n", listed.output)


def test_a_text_without_subject_or_body_is_refused() -> None:
    """Subject, empty line, text, in UTF-8; anything else is said, not sent."""
    assert read_text("秋\r\n\r\n本文\r\n".encode()) == Text("秋", "本文")
    for raw in (b"", b"only a subject", b"\n\nno subject", b"\xff\xfe"):
        with pytest.raises(TextUnreadableError):
            read_text(raw)


def test_a_text_cannot_smuggle_markup() -> None:
    """What looks like HTML in a text is shown as it is written."""
    page = as_html(Letter("a@example.com", "<b>", "<script>alert(1)</script> https://example.com/?a=1&b=2", "en"))
    assert "<script>" not in page
    assert 'href="https://example.com/?a=1&amp;b=2"' in page


def test_no_mail_server_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """A missing or foreign address of the server is an error with its next step."""
    monkeypatch.setenv("UPHELD_TEST_SMTP", "smtp://127.0.0.1:2525")
    assert Smtp.of("env:UPHELD_TEST_SMTP").url == "smtp://127.0.0.1:2525"
    for written in ("env:UPHELD_NOT_SET", "http://example.com", "127.0.0.1:25"):
        with pytest.raises(MailNotSetError):
            Smtp.of(written)
