"""The published pages over HTTP: what each language states, which version speaks, what caches may keep."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from litestar.testing import TestClient

LANGS = ("en", "ja")


@pytest.mark.row("M01")
def test_m01_two_pages_from_one_source_each_links_the_other(asked, read) -> None:
    """Both languages show the same version and the same 12 situations in order, and name each other."""
    pages = {lang: asked(f"/privacy/{lang}") for lang in LANGS}
    read_pages = {lang: read(answer.text) for lang, answer in pages.items()}
    assert [answer.status_code for answer in pages.values()] == [200, 200]
    assert len({answer.headers["upheld-policy"] for answer in pages.values()}) == 1
    rows = {}
    for lang, page in read_pages.items():
        assert page.elements[0].attrs["lang"] == lang
        assert pages[lang].headers["content-language"] == lang
        assert {e.attrs["data-policy-version"] for e in page.having("data-policy-version")} == {"1"}
        rows[lang] = [e.attrs["data-situation"] for e in page.having("data-situation")]
        links = {
            e.attrs["hreflang"]: e.attrs["href"]
            for e in page.having("rel", "alternate")
            if e.tag == "link" and "hreflang" in e.attrs and "type" not in e.attrs
        }
        assert links == {
            "en": "/privacy/en",
            "ja": "/privacy/ja",
            "x-default": "https://privacy.example.co.jp/privacy",
        }
        canonical = [e.attrs["href"] for e in page.having("rel", "canonical")]
        assert canonical == [f"https://privacy.example.co.jp/privacy/{lang}"]
    assert rows["en"] == rows["ja"]
    assert len(rows["en"]) == 12


@pytest.mark.row("M01")
def test_m01_the_neutral_address_leads_to_the_readers_language(asked) -> None:
    """`/privacy` answers 302 by `?lang`, cookie and Accept-Language, in this order, and says what it depends on."""
    for headers, query, lang in (
        ({"accept_language": "ja,en;q=0.5"}, "", "ja"),
        ({"accept_language": "en-GB"}, "", "en"),
        ({"accept_language": "fr"}, "", "en"),
        ({"accept_language": "en", "cookie": "upheld_lang=ja"}, "", "ja"),
        ({"accept_language": "en", "cookie": "upheld_lang=en"}, "?lang=ja", "ja"),
        ({"accept_language": "ja"}, "?lang=tlh", "ja"),
    ):
        answer = asked(f"/privacy{query}", **headers)
        assert answer.status_code == 302
        assert answer.headers["location"] == f"/privacy/{lang}"
        assert answer.headers["content-language"] == lang
        assert "Accept-Language" in answer.headers["vary"]
        assert "set-cookie" not in answer.headers


@pytest.mark.row("M02")
def test_m02_the_page_names_the_controller_and_every_purpose(asked, read, published) -> None:
    """The contact section holds name, address and representative of the folder; 16 purposes have a sentence each."""
    policy = published.shelf.version("1").policy
    for lang in LANGS:
        page = read(asked(f"/privacy/{lang}").text)
        (contact,) = page.having("data-clause", "contact")
        for text in (policy.controller.name, policy.controller.address, policy.controller.representative):
            assert text[lang] in contact.text
        cells = page.having("data-purpose")
        assert len({cell.attrs["data-purpose"] for cell in cells}) == 16
        for cell in cells:
            sentence = " ".join(policy.purposes[cell.attrs["data-purpose"]].text[lang].split())
            assert sentence in cell.text


@pytest.mark.row("M54")
def test_m54_the_printed_services_are_the_register(asked, read, published) -> None:
    """Five rows in order, each with service, operator, storage countries and the operator's own policy."""
    policy = published.shelf.version("1").policy
    cells = {}
    for lang in LANGS:
        page = read(asked(f"/privacy/{lang}").text)
        rows = page.having("data-service")
        assert [row.attrs["data-service"] for row in rows] == ["aws", "salesforce", "gcp", "marketo", "slack"]
        cells[lang] = [[c.attrs["data-country"] for c in page.inside(row, "data-country")] for row in rows]
        for row, service in zip(rows, policy.services.values(), strict=True):
            assert service.service in row.text
            assert service.operator in row.text
            assert service.policy_url in [e.attrs["href"] for e in page.inside(row, "href")]
    assert cells["en"] == cells["ja"] == [["JP"], ["JP"], ["JP", "US"], ["US"], ["US"]]
    named = read(asked("/privacy/ja").text).having("data-country")
    assert {e.attrs["data-country"]: e.text for e in named} == {"JP": "日本", "US": "アメリカ合衆国"}


@pytest.mark.row("M87")
def test_m87_the_contact_block_is_the_folders(asked, read, published) -> None:
    """Company, address, department and mailbox stand there character for character, with a mail link, and every page links there."""
    contact = published.shelf.version("1").policy.contact
    for lang in LANGS:
        page = read(asked(f"/privacy/{lang}").text)
        shown = {}
        for line in page.having("data-contact"):
            shown[line.attrs["data-contact"]] = next(
                e.text for e in page.elements if e.tag == "dd" and line in e.parents
            )
        assert shown["company"] == contact.company[lang]
        assert shown["address"] == contact.address[lang]
        assert shown["department"] == contact.department[lang]
        assert shown["mailbox"] == contact.mailbox
        assert page.having("href", f"mailto:{contact.mailbox}")
        for path in ("", "/summary", "/services", "/situations/event", "/v/1"):
            assert read(asked(f"/privacy/{lang}{path}").text).having("href", f"/privacy/{lang}#contact")


def test_the_page_carries_the_facts_in_their_numbers(asked, read) -> None:
    """60 field cells and 30 purpose cells stand inside 12 situations; bases, measures and rights are all there."""
    for lang in LANGS:
        page = read(asked(f"/privacy/{lang}").text)
        inside = {
            name: sum(len(page.inside(row, name)) for row in page.having("data-situation"))
            for name in ("data-field", "data-purpose")
        }
        assert inside == {"data-field": 60, "data-purpose": 30}
        for name, count in (
            ("basis", 4),
            ("interest", 4),
            ("measure", 5),
            ("service", 5),
            ("country", 6),
            ("right", 13),
            ("tag", 1),
        ):
            found = page.having(f"data-{name}")
            assert len(found) == count, name
            assert all(e.text for e in found)
        assert "1,100" in next(e.text for e in page.having("data-clause", "rights.fee"))
        assert "1,000" in next(e.text for e in page.having("data-clause", "rights.fee"))


def test_both_languages_carry_the_same_ids_in_the_same_order(asked, read) -> None:
    """A link to a clause finds its place in the other language, and every id is the clause's own."""
    ids = {}
    for lang in LANGS:
        page = read(asked(f"/privacy/{lang}").text)
        ids[lang] = [e.attrs["id"] for e in page.having("id")]
        assert len(ids[lang]) == len(set(ids[lang]))
        for e in page.having("data-clause"):
            assert e.attrs.get("id", e.attrs["data-clause"]) == e.attrs["data-clause"]
        targets = [e.attrs["href"][1:] for e in page.having("href") if e.attrs["href"].startswith("#")]
        assert set(targets) <= set(ids[lang])
    assert ids["en"] == ids["ja"]
    assert {
        "collection.event",
        "collection.event.announce",
        "basis.consent",
        "retention.ceiling",
        "rights.fee",
    } <= set(ids["en"])


def test_every_stated_triple_can_be_read_off_the_html(asked, read, published) -> None:
    """Reading rows, fields and purposes of the page gives the 148 stated triples and no other."""
    from upheld.policy.decide import state

    policy = published.shelf.version("1").policy
    wanted = {triple for triple in policy.triples() if state(policy, *triple).stated}
    for lang in LANGS:
        page = read(asked(f"/privacy/{lang}").text)
        found = set()
        for row in page.having("data-situation"):
            fields = [e.attrs["data-field"] for e in page.inside(row, "data-field")]
            for cell in page.inside(row, "data-purpose"):
                uses = cell.attrs["data-uses"].split() if "data-uses" in cell.attrs else fields
                found |= {(row.attrs["data-situation"], name, cell.attrs["data-purpose"]) for name in uses}
        assert found == wanted
        assert len(found) == 148


def test_an_unknown_language_section_or_situation_is_not_found(asked) -> None:
    """404 with a page, not an empty answer."""
    for path in (
        "/privacy/fr",
        "/privacy/en/nothing",
        "/privacy/en/evidence",
        "/privacy/en/situations/survey",
        "/privacy/en/v/2",
        "/privacy/en.docx",
    ):
        answer = asked(path, accept="text/html")
        assert answer.status_code == 404, path
        assert "<h1" in answer.text


def test_each_situation_has_a_page_of_its_own(asked, read, published) -> None:
    """It shows its own fields and purposes only, and leads to the form where there is one."""
    for name, situation in published.shelf.version("1").policy.situations.items():
        page = read(asked(f"/privacy/ja/situations/{name}").text)
        (row,) = page.having("data-situation")
        assert [e.attrs["data-purpose"] for e in page.inside(row, "data-purpose")] == list(
            situation.purpose_ids
        )
        assert bool(page.having("href", f"/forms/{name}?lang=ja")) == (situation.channel == "form")


def test_what_is_unchanged_is_not_sent_again(asked) -> None:
    """Each page has a validator; with it the answer is 304 and empty."""
    for path in (
        "/privacy/en",
        "/privacy/ja/summary",
        "/privacy.json",
        "/privacy.jsonld",
        "/privacy/en/v/1",
        "/privacy/ja/retention",
    ):
        first = asked(path)
        again = asked(path, if_none_match=f'"other", {first.headers["etag"]}')
        assert (again.status_code, again.content) == (304, b""), path
        assert again.headers["etag"] == first.headers["etag"]
        assert again.headers["upheld-policy"] == first.headers["upheld-policy"]
        assert asked(path, if_none_match='"other"').status_code == 200


def test_a_version_keeps_its_address_for_ever(asked, published) -> None:
    """`/v/1` is immutable and validated by the hash of what it promised; links lead back to it, not to newer pages."""
    answer = asked("/privacy/en/v/1")
    policy = published.shelf.version("1").policy
    assert answer.headers["etag"] == f'"{policy.promise_hash}"'
    assert "immutable" in answer.headers["cache-control"]
    assert answer.headers["upheld-policy"] == f"1; sha256={policy.promise_hash}"


def test_the_policy_as_data_and_in_dpv_terms(asked, published) -> None:
    """Programs get the promise as JSON and as JSON-LD under the site's own address."""
    data = asked("/privacy.json").json()
    assert data["sha256"] == published.shelf.version("1").policy.promise_hash
    answer = asked("/privacy.jsonld")
    assert answer.headers["content-type"].startswith("application/ld+json")
    assert json.loads(answer.text)["@context"]["ex"] == "https://privacy.example.co.jp/privacy#"


def test_before_the_first_version_the_page_says_so(blank) -> None:
    """503 with a page and Retry-After, in the reader's language."""
    with TestClient(blank.app) as client:
        for path in ("/privacy", "/privacy/ja", "/privacy.json", "/privacy/en.pdf"):
            answer = client.get(path, headers={"accept": "text/html", "accept-language": "ja"})
            assert answer.status_code == 503, path
            assert "retry-after" in answer.headers
            assert "<h1" in answer.text


def test_one_response_speaks_of_one_version(blank, folders, read) -> None:
    """At the instant of effect page, data and header switch together; the old version keeps its page and says when it ended."""
    first = blank.publish(folders["reference"])
    later = datetime(2026, 12, 1, 0, 0, tzinfo=UTC)
    swap = (
        "Questions about this policy, requests and complaints are welcome here.",
        "Write to us about anything in this policy.",
    )
    second = blank.publish(folders["reference"], "2", later, swap)
    with TestClient(blank.app) as client:
        before = client.get("/privacy/en")
        assert before.headers["upheld-policy"] == first.label
        assert "Version 2 takes effect on 1 December 2026" in before.text
        assert 'href="/privacy/en/v/2"' in before.text
        early = client.get("/privacy/en/v/2")
        assert early.headers["upheld-policy"] == second.label
        assert "immutable" not in early.headers["cache-control"]
        blank.clock.set(later + timedelta(seconds=1))
        after = client.get("/privacy/en")
        assert (
            after.headers["upheld-policy"]
            == client.get("/privacy.json").headers["upheld-policy"]
            == second.label
        )
        assert "Write to us about anything" in after.text
        assert 'data-policy-version="2"' in after.text
        assert "version 2, in force since" in read(after.text).having("class", "version")[0].text
        old = client.get("/privacy/en/v/1")
        assert old.headers["upheld-policy"] == first.label
        assert first.promise_hash in old.headers["etag"]
        assert old.headers["etag"] != f'"{first.promise_hash}"'
        assert "in force from 22 November 2026 to 1 December 2026" in old.text
        assert "version 2" not in old.text.lower()
        assert 'data-policy-version="1"' in old.text


def test_a_policy_in_german_and_english_is_published_the_same_way(blank, folders, read) -> None:
    """The hospital's page exists in its two languages and in no other, and speaks German to Germans."""
    policy = blank.publish(folders["klinikum"])
    with TestClient(blank.app) as client:
        assert (
            client.get("/privacy", headers={"accept-language": "ja"}, follow_redirects=False).headers[
                "location"
            ]
            == "/privacy/de"
        )
        assert client.get("/privacy/ja").status_code == 404
        page = read(client.get("/privacy/de").text)
        assert [e.attrs["data-situation"] for e in page.having("data-situation")] == list(policy.situations)
        (contact,) = page.having("data-clause", "contact")
        assert "Kinderklinik Beispielstadt gGmbH" in contact.text
        assert "Japan" not in page.elements[0].text


def test_what_the_folder_says_is_never_markup(blank, folders, read) -> None:
    """A text with tags and a script link is printed as text."""
    nasty = 'Ask <script>alert(1)</script> & <b>"us"</b> [here](javascript:alert(1)) or [there](https://example.com/x)'
    blank.publish(
        folders["reference"],
        swap=("Questions about this policy, requests and complaints are welcome here.", f"'{nasty}'"),
    )
    with TestClient(blank.app) as client:
        text = client.get("/privacy/en").text
    assert "<script>alert" not in text
    assert 'href="javascript' not in text
    assert read(text).having("href", "https://example.com/x")
