"""Choices over HTTP: config, receipts, the plain form, the signal, page views; through the real server."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.cookies.conftest import Browsing, EdgeSite, move_recipient, refusal, reset, with_counter
from tests.support import (
    GOOD,
    REFERENCE,
    Site,
    add_evidence,
    copy_policy,
    edit,
)
from upheld.cookies.desk import COOKIE
from upheld.db import unb64
from upheld.ledger import verify_receipt

Browse = Callable[..., Browsing]


# what the banner is told


@pytest.mark.parametrize(
    ("country", "area", "mode", "running"),
    [("DE", "EEA", "opt_in", []), ("GB", "GB", "opt_in", ["counter"]), ("JP", "JP", "opt_in", ["counter"]), ("", "unknown", "opt_in", [])],
)
@pytest.mark.row("M21")
def test_m21_what_runs_before_a_choice_depends_on_where_the_edge_says_one_is(
    browse: Browse, country: str, area: str, mode: str, running: list[str]
) -> None:
    """In the EEA and where nothing is known nothing runs; in Japan only what links nobody; no cookie is set by looking."""
    browser = browse(country)
    told = browser.config()
    assert (told["area"], told["mode"], told["run"]) == (area, mode, running)
    assert told["ask"] == ["analyse", "announce"]
    assert browser.running() == running
    assert browser.get("/consent/choices").status_code == 200
    assert not browser.http.cookies


def test_where_nothing_waits_the_banner_is_a_notice(tmp_path: Path) -> None:
    """A policy whose only tag links nobody gives people in Japan a notice with a way out."""
    folder = with_counter(tmp_path / "policy")
    text = (folder / "cookies.yaml").read_text("utf-8")
    head, _, tail = text.partition("  marketo_munchkin:\n")
    (folder / "cookies.yaml").write_text(head + tail[tail.index("\n  counter:") :].lstrip("\n"), "utf-8")
    with EdgeSite(policy=folder) as site:
        browser = Browsing(site, "JP")
        told = browser.config()
        assert (told["mode"], told["run"]) == ("notice_opt_out", ["counter"])
        assert "One click stops them" in told["text"]["lead"]
        assert browser.choose("reject_all").json()["run"] == []
        assert browser.running() == []


def test_a_country_that_no_trusted_edge_wrote_is_not_believed(tmp_path: Path) -> None:
    """Without the setting a visitor cannot make the rule milder by sending a header."""
    with EdgeSite(policy=with_counter(tmp_path / "policy"), area_header=None) as site:
        assert Browsing(site, "JP").config()["area"] == "unknown"
        assert Browsing(site, "JP").running() == []


def test_the_config_says_the_same_in_both_languages(browse: Browse) -> None:
    """Purposes, tags, hosts and texts have the same shape in English and Japanese, and no text is missing."""

    def shape(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: shape(one) for name, one in value.items()}
        return [shape(one) for one in value] if isinstance(value, list) else type(value)

    english, japanese = browse("DE", lang="en").config(), browse("DE", lang="ja").config()
    assert shape(english) == shape(japanese)
    assert english["fingerprint"] == japanese["fingerprint"]
    assert all(japanese["text"].values())
    assert japanese["text"]["allow"] == "すべて許可"
    marketo = japanese["purposes"][1]["tags"][0]
    assert (marketo["host"], marketo["where"], marketo["countries"]) == ("munchkin.marketo.net", "アメリカ合衆国", ["US"])


def test_the_config_is_revalidated_and_private(browse: Browse) -> None:
    """A browser asks again each time and is told that nothing changed; no shared cache keeps it."""
    browser = browse("DE")
    first = browser.get("/consent/config.en.json")
    assert first.headers["cache-control"] == "private, no-cache"
    assert {"cookie", "sec-gpc", "x-edge-country"} <= {one.strip().lower() for one in first.headers["vary"].split(",")}
    again = browser.get("/consent/config.en.json", headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert browser.get("/consent/config.fr.json").status_code == 404
    assert browser.get("/consent/other.js").status_code == 404


# choosing


def test_a_choice_is_kept_as_proof_without_address_or_browser(site: Site, browse: Browse) -> None:
    """Allowing gives a receipt that verifies offline and names what was shown; nothing tells who or from where."""
    browser = browse("DE")
    answer = browser.choose("accept_all")
    assert answer.status_code == 201
    told = answer.json()
    assert told["granted"] == ["analyse", "announce"]
    assert set(told["run"]) == {"marketo_munchkin", "counter"}
    assert (told["reload"], told["consent_mode"]) == (False, {"analytics_storage": "granted"})
    cookie = answer.headers["set-cookie"]
    assert all(part in cookie for part in (f"{COOKIE}=", "HttpOnly", "SameSite=lax", "Max-Age=15724800", "Path=/"))
    site.house.settle()
    data = browser.get(f"/consent/receipts/{told['receipt']}?as=data").json()
    proven = verify_receipt(data["proof"], site.house.ledger.vkey)
    assert proven.kind == "cookie.chosen"
    assert proven.body["states"] == {"analyse": "granted", "announce": "granted"}
    assert (proven.body["area"], proven.body["surface"], proven.body["gpc"]) == ("EEA", "banner", False)
    whole = str(proven.body).lower()
    assert "127.0.0.1" not in whole
    assert "httpx" not in whole
    page = browser.get(f"/consent/receipts/{told['receipt']}?lang=en")
    assert page.status_code == 200
    assert 'data-state="granted"' in page.text


def test_the_same_choice_twice_has_one_receipt(browse: Browse) -> None:
    """A click that is sent twice is written once."""
    browser = browse("DE")
    first = browser.choose("accept_all").json()["receipt"]
    snapshot = browser.config()["snapshot"]
    assert [browser.choose("accept_all", snapshot).json()["receipt"] for _ in range(2)] == [first, first]
    assert len(browser.ledger("cookie.chosen")) == 1


def test_only_purposes_that_changed_are_written(site: Site, browse: Browse) -> None:
    """Saving one other box writes one statement; the earlier ones stay as they were."""
    browser = browse("DE")
    browser.choose("reject_all")
    browser.choose("custom", purposes={"analyse": True, "announce": False})
    assert [body["states"] for body in browser.ledger("cookie.chosen")] == [
        {"analyse": "refused", "announce": "refused"},
        {"analyse": "granted"},
    ]
    assert browser.running() == ["counter"]  # the other tag serves both purposes, and one of them is refused


def test_a_withdrawal_stops_the_tags_and_their_cookies(browse: Browse) -> None:
    """Withdrawing takes the tag out, asks for a reload and ends the site's own cookies of it, and no other."""
    browser = browse("DE")
    browser.choose("accept_all")
    for name in ("_mkto_trk", "_count_1", "session"):
        browser.http.cookies.set(name, "1", domain="127.0.0.1")
    answer = browser.choose("withdraw")
    assert (answer.json()["run"], answer.json()["reload"]) == ([], True)
    ended = [one for one in answer.headers.get_list("set-cookie") if "Max-Age=0" in one]
    assert sorted(one.split("=")[0] for one in ended) == ["_count_1", "_mkto_trk"]
    assert browser.ledger("cookie.chosen")[-1]["states"] == {"analyse": "withdrawn", "announce": "withdrawn"}


@pytest.mark.parametrize(
    ("members", "status", "code"),
    [
        ({"snapshot": "nonsense"}, 400, "receipt_invalid"),
        ({"purposes": {"provide": True}}, 422, "value_invalid"),
        ({"purposes": {"nonsense": True}}, 422, "value_invalid"),
        ({"action": "agree"}, 422, "value_invalid"),
        ({"surface": "choices"}, 400, "receipt_invalid"),
        ({"extra": 1}, 422, "member_unknown"),
    ],
)
def test_a_choice_that_is_none_is_refused(browse: Browse, members: dict[str, Any], status: int, code: str) -> None:
    """A forged snapshot, a purpose that was not offered, another action: refused, nothing written, no cookie."""
    browser = browse("DE")
    body = {"snapshot": browser.config()["snapshot"], "action": "custom", "purposes": {"analyse": True}, **members}
    answer = browser.post("/consent/receipts", body)
    assert refusal(answer) == (status, code)
    assert browser.ledger("cookie.chosen") == []
    assert not browser.http.cookies


def test_where_nothing_is_offered_nothing_is_kept_and_no_cookie_set() -> None:
    """A policy without tags has nothing to choose: a choice sent all the same is refused and makes nobody a visitor."""
    with Site(policy=GOOD / "pebble" / "policy") as site:
        browser = Browsing(site)
        assert "There is nothing to choose" in browser.get("/consent/choices?lang=en").text
        assert "send nothing to others" in browser.get("/external-transmission?lang=en").text
        assert refusal(browser.choose("accept_all")) == (422, "value_invalid")
        assert not browser.http.cookies
        assert browser.running() == []


def test_an_address_in_a_hurry_is_slowed_down() -> None:
    """After sixty choices in a minute an address waits; a minute later it is heard again."""
    with Site() as site:
        browser = Browsing(site)
        snapshot = browser.config()["snapshot"]
        assert {browser.choose("reject_all", snapshot).status_code for _ in range(60)} == {201}
        told = browser.choose("accept_all", snapshot)
        assert (*refusal(told), "retry-after" in told.headers) == (429, "too_many", True)
        site.clock.advance(minutes=1, seconds=1)
        assert browser.choose("accept_all", snapshot).status_code == 201


def test_another_site_cannot_choose_for_a_visitor(browse: Browse) -> None:
    """A page elsewhere that posts through a person's browser is refused."""
    browser = browse("DE")
    body = {"snapshot": browser.config()["snapshot"], "action": "accept_all"}
    for headers in ({"Sec_Fetch_Site": "cross-site"}, {"Origin": "https://elsewhere.example"}):
        answer = browser.post("/consent/receipts", body, **headers)
        assert refusal(answer) == (403, "cross_site")


def test_a_cookie_that_was_changed_is_none(browse: Browse) -> None:
    """Whoever edits the cookie has chosen nothing."""
    browser = browse("DE")
    browser.choose("reject_all")
    token = browser.http.cookies[COOKIE]
    for forged in (token[:-2] + "xx", "e30.e30", "", token.partition(".")[0]):
        alone = browse("DE")
        alone.http.cookies.set(COOKIE, forged, domain="127.0.0.1")
        assert alone.config()["ask"] == ["analyse", "announce"]


def test_a_choice_lasts_half_a_year(site: Site, browse: Browse) -> None:
    """On the last day it counts, the day after people are asked again and nothing runs."""
    browser = browse("DE")
    browser.choose("accept_all")
    token = browser.http.cookies[COOKIE]
    browser.http.cookies.clear()
    browser.http.headers["Cookie"] = f"{COOKIE}={token}"  # a browser drops it by itself; a thief would not
    site.clock.advance(days=181)
    assert set(browser.running()) == {"marketo_munchkin", "counter"}
    site.clock.advance(days=1)
    assert browser.running() == []
    assert browser.config()["ask"] == ["analyse", "announce"]


# asking again


def test_a_corrected_typo_asks_nobody_again(site: Site, browse: Browse, tmp_path: Path) -> None:
    """After a new version with other words the earlier choice holds, and a banner still open may be answered."""
    browser = browse("DE")
    browser.choose("accept_all")
    late = browse("DE")
    snapshot = late.config()["snapshot"]
    folder = with_counter(tmp_path / "next")
    edit(folder, "cookies.yaml", "{en: to count for us,", "{en: to do counting for us,")
    reset(site, folder, "2")
    assert site.house.in_force().version == "2"
    assert (browser.config()["ask"], set(browser.running())) == ([], {"marketo_munchkin", "counter"})
    assert late.choose("accept_all", snapshot).status_code == 201


def test_a_new_recipient_asks_everybody_affected_and_says_why(site: Site, browse: Browse, tmp_path: Path) -> None:
    """The purpose whose recipient changed is asked again, waits meanwhile, and the banner says what changed."""
    browser = browse("DE")
    browser.choose("accept_all")
    late = browse("DE")
    snapshot = late.config()["snapshot"]
    folder = move_recipient(tmp_path / "next")
    reset(site, folder, "2")
    told = browser.config()
    assert (told["ask"], told["reasked"]) == (["analyse"], ["analyse"])
    assert "has changed" in told["text"]["lead"]
    new, gone = "New recipient: Slack Technologies, LLC (Slack), United States.", "It no longer goes to Google"
    assert told["changes"][0] == new
    assert told["changes"][1].startswith(gone)
    assert {one["id"]: len(one["changes"]) for one in told["purposes"]} == {"necessary": 0, "analyse": 2, "announce": 0}
    japanese = browse("DE", lang="ja")
    japanese.http.cookies.update(browser.http.cookies)
    assert japanese.config()["changes"][0].startswith("新たな送信先：Slack")
    assert told["states"] == {"analyse": "none", "announce": "granted"}
    assert browser.running() == []
    page = browser.get("/consent/choices?lang=en").text
    assert "Changed since you chose" in page
    assert page.count('data-part="changes"') == 1
    assert f"<li>{new}</li>" in page
    assert refusal(late.choose("accept_all", snapshot)) == (409, "notice_stale")
    assert late.config()["changes"] == []  # who never chose is asked for the first time
    answer = browser.choose("accept_all").json()
    assert answer["states"] == {"analyse": "granted", "announce": "granted"}
    last = browser.ledger("cookie.chosen")[-1]
    assert last["states"] == {"analyse": "granted"}
    why = [{"change": "recipient", "of": "slack", "names": ["US"]}, {"change": "recipient_gone", "of": "gcp"}]
    assert last["asked_again"] == {"analyse": why}
    assert browser.config()["changes"] == []
    receipt = f"/consent/receipts/{answer['receipt']}"
    assert browser.get(f"{receipt}?as=data").json()["purposes"][0]["asked_again"] == why
    assert f"<li>{new}</li>" in browser.get(f"{receipt}?lang=en").text


def test_whoever_travels_or_left_a_purpose_open_is_told_no_wrong_reason(browse: Browse) -> None:
    """Where other rules hold the banner says so; a purpose that was left open is asked about as before, without a reason."""
    browser = browse("DE")
    browser.choose("custom", purposes={"analyse": True})
    told = browser.config()
    assert (told["ask"], told["changes"]) == (["announce"], [])
    browser.country = "JP"
    told = browser.config()
    assert (told["ask"], told["reasked"]) == (["analyse", "announce"], ["analyse"])
    assert told["changes"] == ["What you would agree to here is not what you chose about before."]
    browser.choose("accept_all")
    assert browser.ledger("cookie.chosen")[-1]["asked_again"] == {"analyse": [{"change": "other"}]}


def test_a_purpose_signed_as_changed_beyond_its_aim_is_asked_again(site: Site, browse: Browse, tmp_path: Path) -> None:
    """The same words asked twice stay agreed; a sentence that a person signed as beyond is asked again, and it alone."""
    browser = browse("DE")
    browser.choose("accept_all")
    folder = with_counter(tmp_path / "next")
    edit(folder, "02-collection.yaml", "To tell you about our products, our services and our events.",
         "To tell you about our products, our services, our events and our partners.")  # fmt: skip
    who = "who: Head of the Corporate division, on: 2026-11-21"
    steps = "done: [sign_class, announce, tell_before_use, compatibility, own_basis, ask_consent]"
    lines = [
        f"  - {{version: '2', class: {kind}, at: collection.purposes.announce, {steps}, {who}}}\n"
        for kind in ("within_relevance", "beyond")
    ]
    add_evidence(folder, "v2", "procedures:\n" + "".join(lines))
    reset(site, folder, "2")
    told = browser.config()
    assert (told["ask"], told["reasked"]) == (["announce"], ["announce"])
    assert told["changes"] == ["The purpose itself reaches further than before."]
    assert browser.running() == ["counter"]


# the signal


@pytest.mark.row("M24")
def test_m24_the_signal_is_an_objection_and_a_later_choice_wins(site: Site, browse: Browse) -> None:
    """With GPC on nothing is asked, nothing runs, no refusal is invented; whoever then allows explicitly is heard."""
    browser = browse("JP", gpc=True)
    told = browser.config()
    assert (told["signal"], told["ask"], told["run"]) == (True, [], [])
    assert told["states"] == {"analyse": "objected", "announce": "objected"}
    assert browser.running() == []
    assert not browser.http.cookies
    assert [(body["purpose"], body["source"]) for body in browser.ledger("objection.raised")] == [
        ("analyse", "gpc"), ("announce", "gpc")
    ]  # fmt: skip
    assert browser.ledger("cookie.chosen") == []
    assert "We saw your browser" in browser.get("/consent/choices?lang=en").text
    browser.choose("accept_all")
    assert set(browser.running()) == {"marketo_munchkin", "counter"}
    assert len(browser.ledger("objection.raised")) == 2
    assert browser.config()["ask"] == []


def test_a_signal_of_nobody_is_written_once_an_hour(site: Site, browse: Browse) -> None:
    """Browsers without an id cannot be told apart; their objection is noted once an hour."""
    for _ in range(3):
        browse("DE", gpc=True).config()
    assert len(browse().ledger("cookie.signal")) == 1
    site.clock.advance(hours=1)
    browse("DE", gpc=True).config()
    assert len(browse().ledger("cookie.signal")) == 2
    assert len(browse().ledger("objection.raised")) == 4


def test_the_signal_beats_an_earlier_grant_until_chosen_again(site: Site, browse: Browse) -> None:
    """Who allowed first and turned GPC on later objects, once; a new choice made with GPC on counts again."""
    browser = browse("DE")
    browser.choose("accept_all")
    browser.gpc = True
    for _ in range(2):
        assert browser.running() == []
    objections = browser.ledger("objection.raised")
    assert [body["purpose"] for body in objections] == ["analyse", "announce"]
    subject = objections[0]["subject"]
    with site.house.store.read() as tx:
        assert {one.purpose: one.state for one in site.house.vault.standings_of(tx, unb64(subject))} == {
            "analyse": "objected", "announce": "objected",
        }  # fmt: skip
    assert browser.choose("accept_all").json()["granted"] == ["analyse", "announce"]
    assert set(browser.running()) == {"marketo_munchkin", "counter"}
    with site.house.store.read() as tx:
        assert site.house.vault.standing(tx, unb64(subject), "analyse").state == "given"  # type: ignore[union-attr]
    assert len(browser.ledger("objection.raised")) == 2


def test_a_refusal_made_with_the_signal_on_stays_when_it_is_off(browse: Browse) -> None:
    """An explicit refusal needs no signal to stand."""
    browser = browse("JP", gpc=True)
    browser.choose("reject_all")
    browser.gpc = False
    assert browser.running() == []
    assert browser.config()["states"] == {"analyse": "refused", "announce": "refused"}


def test_gpc_json_says_true_only_where_the_signal_is_acted_on(browse: Browse, tmp_path: Path) -> None:
    """A policy that ignores the signal says so to machines, and its tags run in spite of it."""
    assert browse().get("/.well-known/gpc.json").json() == {"gpc": True, "lastUpdate": "2026-11-22"}
    folder = copy_policy(tmp_path / "ignoring", REFERENCE)
    edit(folder, "cookies.yaml", "gpc: honoured", "gpc: ignored")
    with EdgeSite(policy=folder) as site:
        browser = Browsing(site, "DE", gpc=True)
        assert browser.get("/.well-known/gpc.json").json()["gpc"] is False
        assert browser.config()["ask"] == ["analyse", "announce"]
        assert browser.ledger("objection.raised") == []
