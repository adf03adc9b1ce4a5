"""Safeguards: anybody sees what protects data abroad, asks for the papers, and sees where the question stands."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, timedelta
from typing import Any

import pytest

from tests.support import GOOD, HANAKO, NOW, OLIVER, REFERENCE, Site, copy_policy, edit
from upheld.ledger.witness import Cosigner
from upheld.policy.compile import compile_policy
from upheld.policy.law import load_law
from upheld.policy.render.wording import Wording
from upheld.rights.protection import row
from upheld.transfers.safeguards import safeguards


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    with Site() as running:
        yield running


def page(site: Site, lang: str = "en") -> str:
    answer = site.http.get("/safeguards", params={"lang": lang})
    assert answer.status_code == 200, answer.text
    return answer.text


def part(text: str, regime: str) -> str:
    """Give the section of one regime."""
    return text.partition(f'<section data-regime="{regime}"')[2].partition("</section>")[0]


def ask(site: Site, lang: str = "en", **members: str) -> Any:
    return site.http.post("/safeguards", params={"lang": lang}, data=members)


@pytest.mark.row("M97")
def test_m97_oliver_sees_country_mechanism_date_and_how_to_get_a_copy(site: Site) -> None:
    """Under British law each recipient has its countries, the clauses with the addendum and their day, and the way to a copy."""
    text = part(page(site), "uk")
    assert re.findall(r'data-service="(\w+)"', text) == ["aws", "salesforce", "gcp", "marketo", "slack"]
    slack = text.partition('data-service="slack"')[2].partition("</tr>")[0]
    assert re.findall(r'data-country="(\w\w)"', slack) == ["US"]
    assert 'data-means="uk_addendum"' in slack
    assert 'datetime="2026-05-01"' in slack
    assert "blacked out" in slack
    salesforce = text.partition('data-service="salesforce"')[2].partition("</tr>")[0]
    assert 'data-means="adequacy"' in salesforce
    assert "public decision" in salesforce


@pytest.mark.row("M97")
def test_m97_hanako_sees_the_system_and_when_it_was_checked(site: Site) -> None:
    """Under Japanese law: equal protection, the day of the check, the next one, and the country's law, in Japanese."""
    text = page(site, "ja")
    slack = part(text, "jp").partition('data-service="slack"')[2].partition("</tr>")[0]
    assert 'data-means="equivalent_system"' in slack
    assert 'datetime="2026-10-01"' in slack
    assert 'datetime="2027-10-01"' in slack
    assert "外国情報監視法" in text
    assert 'data-service="salesforce"' not in part(text, "jp")  # stays in Japan


@pytest.mark.row("M97")
@pytest.mark.parametrize(("person", "lang", "due"), [(OLIVER, "en", "2026-12-22"), (HANAKO, "ja", "2026-12-06")])
def test_m97_a_question_is_asked_free_of_charge_and_then_answered(site: Site, person: Any, lang: str, due: str) -> None:
    """Whoever asks gets a number and a last day, the same whether known or not; once answered the page says so."""
    from upheld.rights import store
    from upheld.rights.actions import get

    sent = {"residence": person.country, "email": person.email, "_key": f"ask-{lang}-0123456789"}
    led = ask(site, lang, **sent)
    assert led.status_code == 303
    assert ask(site, lang, **sent).headers["location"].split("&")[0] == led.headers["location"].split("&")[0]
    told = site.http.get(led.headers["location"])
    assert 'id="asked"' in told.text
    assert f'datetime="{due}"' in told.text
    number = re.search(r"R-26-\d{4}-\d", told.text)
    assert number
    assert person.email not in told.text
    made = get(site.house, number[0])
    assert (made.right, made.total) == ("safeguard_details", 0)
    with site.house.store.write() as tx:  # a member of staff has written the answer
        from dataclasses import replace

        store.save(tx, replace(made, state="delivered"), made)
    assert 'id="answered"' in site.http.get(led.headers["location"]).text


def test_a_question_without_a_place_or_an_address_comes_back(site: Site) -> None:
    """What is missing is named beside the entry, what was entered stays, and nothing is taken in."""
    before = site.counts()
    answer = ask(site, email="hanako@example.co.jp")
    assert answer.status_code == 422
    assert 'href="#f-residence"' in answer.text
    assert 'value="hanako@example.co.jp"' in answer.text
    assert site.counts() == before
    other = ask(site, email="hanako@example.co.jp", _lang="ja")
    assert (other.status_code, '<html lang="ja">' in other.text) == (200, True)


def test_a_made_up_ticket_opens_nothing(site: Site) -> None:
    """A number alone, and a ticket that we did not sign, are not found."""
    for ticket in ("R-26-0001-7", "IlItMjYtMDAwMS03Ig.AAAA"):
        assert site.http.get("/safeguards", params={"asked": ticket}).status_code == 404


def test_the_age_of_the_last_witness_is_told() -> None:
    """Without a witness the page says so; with one it tells the day and how long ago."""
    with Site() as site:
        assert 'id="witness">No outside witness' in page(site)
        witness, at = Cosigner("auditor.example/witness", bytes(32)), int((NOW - timedelta(days=3)).astimezone(UTC).timestamp())
        signed = site.house.ledger.checkpoint()
        site.house.ledger.keep_cosignature(signed, witness.vkey(), witness.line(signed.text(), at))
        assert 'data-witnessed="2026-11-19"' in page(site)
        assert "3 days ago" in page(site)


def test_what_no_longer_counts_is_not_called_protected(tmp_path: Any) -> None:
    """A recipient whose clauses are not signed on that day is shown without protection."""
    folder = copy_policy(tmp_path / "policy", REFERENCE)
    with Site(policy=folder) as site:
        assert 'data-means="none"' not in page(site)
        text = (folder / "evidence" / "services.yaml").read_text("utf-8")
        (folder / "evidence" / "services.yaml").write_text(text.replace("signed: 2026-05-01, assessment", "signed: 2027-05-01, assessment"), "utf-8")
        site.publish(folder)
        assert 'data-means="none"' in part(page(site), "eea")


@pytest.mark.row("M97")
def test_m97_whoever_uses_data_for_ends_of_their_own_has_a_line_too() -> None:
    """A club in Japan that rides with us stands under the laws of Europe with the decision, its day and its text, in both languages."""
    with Site(policy=GOOD / "meadow" / "policy") as site:
        for lang, role in (("en", "jointly"), ("ja", "共同")):
            text = page(site, lang)
            for regime, decision in (("eea", r'<a href="https?://[^"]+/2019/419/[^"]*" lang="en">'), ("uk", "Data Protection Act 2018")):
                club = part(text, regime).partition('data-recipient="club"')[2].partition("</tr>")[0]
                assert re.findall(r'data-country="(\w\w)" data-means="(\w+)"', club) == [("JP", "adequacy")]
                assert role in club
                assert re.search(r'datetime="20\d\d-\d\d-\d\d"', club)
                assert re.search(decision, club)
                assert "#ask" not in club  # there is no paper to ask for
            assert 'data-recipient="club"' not in part(text, "jp")  # stays in Japan


@pytest.mark.row("M97")
def test_m97_a_recipient_abroad_without_a_decision_gets_nothing(tmp_path: Any) -> None:
    """Where nothing covers the country, the line says so, offers no copy, and names no day."""
    folder = copy_policy(tmp_path / "policy", GOOD / "meadow" / "policy")
    edit(folder, "recipients.yaml", "country: [JP]", "country: [KE]")
    law = load_law()
    policy = compile_policy(folder, law, NOW.date()).draft
    assert policy is not None
    for regime, rows in safeguards(policy, law, NOW.date()).items():
        (club,) = [one for one in rows if one.party.id == "club"]
        assert [(way.country, way.means, way.day) for way in club.ways] == [("KE", "none", None)], regime
        told = row(club, Wording(policy, "en", law, NOW.date()), "en")
        assert (told["paper"], told["given"]) == ("None.", False)


def test_the_policy_leads_here(site: Site) -> None:
    """The section on transfers links the page in both languages."""
    for lang in ("en", "ja"):
        assert f'href="/safeguards?lang={lang}"' in site.http.get(f"/privacy/{lang}/transfers").text
        assert f'href="/safeguards?lang={lang}"' in site.http.get(f"/privacy/{lang}").text
